"""A matrix copied with its axes exchanged: every type and size, at every level of a processor's features."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

KINDS = ("float64", "float32", "float16", "int8", "int16", "int64", "bool", "complex64", "complex128")
SHAPES = ((0, 3), (3, 0), (1, 9), (9, 1), (8, 8), (17, 23), (33, 5))


@pytest.mark.parametrize("level", levels())
def test_every_type_and_size(level: str) -> None:
    inputs = [T.matrix(dtype=kind) for kind in KINDS]
    with sc.change_flags(cpu=level):
        f = sc.function(inputs, [x.T for x in inputs])
    assert "scan.buffer_transpose" in f.dump("loop", form="generic")
    for shape in SHAPES:
        given = [(9 * np.random.default_rng(1).normal(size=shape)).astype(kind) for kind in KINDS]
        for x, turned in zip(given, f(*given), strict=True):
            np.testing.assert_array_equal(turned, x.T)


def test_parts_of_arrays() -> None:
    """Rows that do not lie side by side, and complex numbers at odd places."""
    x, z = T.matrix("x"), T.matrix("z", dtype="complex128")
    f = sc.function([x, z], [x[::2, 1:].T, z[1:, ::-2].T, T.dot(x.T, x[:, ::2])])
    rows = np.random.default_rng(3).normal(size=(21, 30))
    numbers = rows.ravel()[1:505].view(complex).reshape(18, 14)
    wanted = [rows[::2, 1:].T, numbers[1:, ::-2].T, rows.T @ rows[:, ::2]]
    for found, want in zip(f(rows, numbers), wanted, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-12)


def test_one_that_is_known_to_be_short_is_opened() -> None:
    x = T.tensor("x", dtype="float64", shape=(3, 3))
    assert "transpose" not in sc.function([x], x.T).dump("loop")
