"""What is filled with zeros, or copied, once a call: every type, lengths from 0 on, at every level of features."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

KINDS = ("float64", "float32", "float16", "int8", "int16", "int64", "bool", "complex64", "complex128")


@pytest.mark.parametrize("level", levels())
def test_every_type_and_length(level: str) -> None:
    inputs = [T.vector(dtype=kind) for kind in KINDS]
    with sc.change_flags(cpu=level):
        f = sc.function(inputs, [T.stack([x, T.zeros_like(x), x]) for x in inputs])
    text = f.dump("llvm")
    assert "call void @llvm.memset" in text and "call void @llvm.memmove" in text
    for n in (0, 1, 9, 1000):
        given = [(9 * np.random.default_rng(n).normal(size=n)).astype(kind) for kind in KINDS]
        for x, found in zip(given, f(*given), strict=True):
            np.testing.assert_array_equal(found, np.stack([x, np.zeros_like(x), x]))


def test_bits_are_kept() -> None:
    """Of numbers that are none, and of zeros below 0, which are no zeros of memory."""
    x = T.vector("x")
    f = sc.function([x], T.concatenate([x, T.zeros_like(x) - 0.0 * x, T.fill(x, -0.0)]))
    given = np.array([0x7FF8000000000123, 0xFFF8000000000456, 1 << 63, 1], np.uint64).view(float)
    found = f(given)
    np.testing.assert_array_equal(found[:4].view(np.uint64), given.view(np.uint64))
    np.testing.assert_array_equal(np.signbit(found[8:]), True)


def test_a_table_of_zeros_that_steps_write() -> None:
    place, x = T.lvector("place"), T.vector("x")
    p, _ = sc.scan(lambda i, v, p: T.inc_subtensor(p[i], v), sequences=[place, x], outputs_info=[T.zeros_like(x)])
    f = sc.function([place, x], p[-1])
    rng = np.random.default_rng(5)
    places, values = rng.integers(0, 40, 40), rng.normal(size=40)
    want = np.zeros(40)
    np.add.at(want, places, values)
    np.testing.assert_allclose(f(places, values), want)
