"""A choice by one condition between writes is writes of what is chosen: with the bits of a choice between arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.graph.variables import applies
from scancc.frontend.ops import scalars
from scancc.frontend.ops.elementwise import Elemwise

put, add = T.set_subtensor, T.inc_subtensor
SIDES: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "a write or none": lambda b, k: (put(b[k], b[0]), b),
    "none or an increment": lambda b, k: (b, add(b[k], b[1])),
    "a write or another": lambda b, k: (put(b[k], b[1]), add(b[1], b[k])),
    "two writes or one": lambda b, k: (put(put(b[k], b[1])[1], b[k]), put(b[0], b[k])),
    "slices": lambda b, k: (put(b[k:k + 2], b[:2]), add(b[:-1], b[1:])),
    "places named twice": lambda b, k: (put(b[T.stack([k, 0, k])], b[:3]), add(b[T.stack([k, k])], b[1:3])),
    "one part for both": lambda b, k: (put(put(b[1], b[0])[k], b[2]), put(b[1], b[0])),
}


def same_bits(x: np.ndarray, y: np.ndarray) -> None:
    assert x.dtype == y.dtype and x.tobytes() == y.tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool", "complex128"])
@pytest.mark.parametrize("name", SIDES)
def test_the_bits_are_those_of_a_choice_between_arrays(name: str, dtype: str) -> None:
    b, k, c = T.vector("b", dtype=dtype), T.lscalar("k"), T.bscalar("c")
    then, otherwise = SIDES[name](b, k)
    outputs = [T.switch(c, then, otherwise), scalars.switch(c, then, otherwise)]
    f, g = sc.function([b, k, c], outputs), sc.function([b, k, c], outputs, mode="reference")
    values = np.array([-0.0, 3.0, 0.0, -1.5, np.nan] if dtype[0] in "fc" else [0, 1, 1, 0, 1]).astype(dtype)
    for condition in (0, 1):
        mine, whole = f(values, 2, condition)
        same_bits(mine, whole)
        for x, y in zip((mine, whole), g(values, 2, condition), strict=True):
            np.testing.assert_array_equal(x, y)


def test_no_array_is_chosen_whole() -> None:
    b, k = T.vector("b"), T.lscalar("k")
    chosen = T.switch(k > 0, put(b[k], 1.0), b)
    assert [v.inputs[1].ndim for v in applies([chosen]) if isinstance(v.op, Elemwise) and v.op.fn == "switch"] == [0]


def test_what_is_no_choice_between_writes_stays_one() -> None:
    b, d, k = T.vector("b"), T.vector("d"), T.lscalar("k")
    for chosen in (T.switch(k > 0, put(b[k], 1.0), d), T.switch(b > 0, put(b[k], 1.0), b), T.switch(k > 0, b, b),
                   T.switch(k > 0, put(d[k], 1.0), put(b[k], 1.0))):
        assert isinstance(chosen.owner.op, Elemwise)


def test_a_place_that_is_not_there_is_an_error_on_both_sides() -> None:
    b, k, c = T.vector("b"), T.lscalar("k"), T.bscalar("c")
    f = sc.function([b, k, c], T.switch(c, put(b[k], 1.0), b))
    for condition in (0, 1):
        with pytest.raises(IndexError, match="out of range"):
            f([1.0, 2.0], 2, condition)
