"""Complex arrays in vectors: at every level of features the bits of one number at a time, and of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels
from tests.programs.executors import compile

RNG = np.random.default_rng(7)
DTYPES = pytest.mark.parametrize("dtype", ["complex64", "complex128"])
LENGTHS = (0, 1, 7, 8, 9, 24, 37)
SPECIAL = [complex(re, im) for re in (0.0, -0.0, 1.5, np.inf, np.nan) for im in (0.0, -0.0, -2.0, -np.inf, np.nan)]


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    with sc.change_flags(cpu=request.param):
        yield request.param


def numbers(n: int, dtype: str) -> np.ndarray:
    return (RNG.normal(size=n) + 1j * RNG.normal(size=n)).astype(dtype)


def elementwise(dtype: str) -> tuple[list[Any], list[Any]]:
    a, b = T.vector("a", dtype=dtype), T.vector("b", dtype=dtype)
    r = T.vector("r", dtype=a.real.dtype)
    chosen = T.switch(T.eq(a, b), a, T.switch(r > 0, b, -a))
    return [a, b, r], [a * b + b, a - b, a / b, abs(a), T.conj(a) * r, a.imag, T.exp(a), T.log(a), T.sqrt(a),
                       T.sin(a), T.cos(a), T.tanh(a), chosen, T.neq(a, b), a[::-1] * b,
                       T.exp(1j * r).astype(dtype), T.angle(a)]


def same_bits(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    for value, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(value, other)
        for part in (np.real, np.imag) if np.iscomplexobj(value) else (np.asarray,):
            alike = np.signbit(part(value)) == np.signbit(part(other)) if value.dtype != bool else True
            assert np.all(alike | np.isnan(part(value)))


@DTYPES
def test_lanes_have_the_bits_of_numbers(dtype: str, level: str) -> None:
    inputs, outputs = elementwise(dtype)
    wide = sc.function(inputs, outputs)
    with sc.change_flags(leave_out="vectorize"):
        one_by_one = sc.function(inputs, outputs)
    assert "neighbours at a time" in str(wide.remarks("vectorize", done=True))
    special = np.array(SPECIAL, dtype)
    pairs = [(numbers(n, dtype), numbers(n, dtype)) for n in LENGTHS] + [(special, special[::-1])]
    for a, b in pairs:
        args = [a, b, a.real.copy()]
        same_bits(wide(*args), one_by_one(*args))


@DTYPES
def test_functions_are_those_of_numpy(dtype: str) -> None:
    inputs, outputs = elementwise(dtype)
    a, b = numbers(37, dtype), numbers(37, dtype)
    rtol = 1e-12 if dtype == "complex128" else 2e-5
    reference = sc.function(inputs, outputs, mode="reference")(a, b, a.real.copy())
    for value, want in zip(sc.function(inputs, outputs)(a, b, a.real.copy()), reference, strict=True):
        np.testing.assert_allclose(value, want, rtol=rtol)


def sums(dtype: str) -> tuple[list[Any], list[Any]]:
    a, m = T.vector("a", dtype=dtype), T.matrix("m", dtype=dtype)
    return [a, m], [a.sum(), T.dot(a, a[::-1]), abs(a).sum(), a.prod(), m.sum(axis=1), m.sum(axis=0),
                    (m * T.conj(m)).sum(), T.dot(m, a), T.real(T.dot(a, a))]


@DTYPES
def test_sums_are_one_tree_at_every_level(dtype: str) -> None:
    """128 bytes of lanes, 32 rounds of them a block: from one term to a few blocks."""
    for n in (1, 8, 40, 700):
        args = numbers(n, dtype), numbers(3 * n, dtype).reshape(3, n)
        found = []
        for name in levels():
            with sc.change_flags(cpu=name, leave_out="" if len(found) else "vectorize"):
                found.append(sc.function(*sums(dtype))(*args))
        for other in found[1:]:
            same_bits(found[0], other)
        reference = sc.function(*sums(dtype), mode="reference")(*args)
        for value, want in zip(found[0], reference, strict=True):
            np.testing.assert_allclose(value, want, rtol=1e-4 if dtype == "complex64" else 1e-11, atol=1e-4)


@pytest.mark.usefixtures("every_executor")
def test_states_of_many_lanes() -> None:
    """A bank of filters with complex poles, its energies, and where each one ends."""
    poles, x = T.vector("poles", dtype="complex128"), T.vector("x")
    rows, _ = sc.scan(lambda x_t, z: poles * z + x_t, sequences=x, outputs_info=T.zeros_like(poles))
    last, _ = sc.scan(lambda x_t, z: poles * z + x_t, sequences=x, outputs_info=T.zeros_like(poles))
    p, v = 0.9 * np.exp(1j * np.arange(11.0)), RNG.normal(size=20)
    want, z = [], np.zeros_like(p)
    for number in v:
        z = p * z + number
        want.append(z)
    rows_found, energies, end = compile([poles, x], [rows, abs(rows).sum(axis=1), last[-1]])(p, v)
    np.testing.assert_allclose(rows_found, want, rtol=1e-12)
    np.testing.assert_allclose(energies, np.abs(want).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(end, z, rtol=1e-12)


def test_sums_of_which_one_part_is_read() -> None:
    """They have the bits of the whole sum's part, also of products with a matrix, which are two real ones then."""
    m, w, v = T.matrix("m", dtype="complex128"), T.matrix("w", dtype="complex128"), T.vector("v", dtype="complex128")
    whole = [m.sum(axis=1), (m * w).sum(axis=0), T.dot(m, v), T.dot(v, w), T.dot(m, w), m.sum()]
    parts = [part(z) + 1 for z in whole for part in (T.real, T.imag)]
    apart, one, other = (sc.function([m, w, v], outputs) for outputs in (whole, parts[::2], parts[1::2]))
    assert "real parts alone" in str(one.remarks("complex-sums")) and not apart.remarks("complex-sums")
    for n in (1, 9, 70):
        args = [numbers(n * n, "complex128").reshape(n, n) for _ in range(2)] + [numbers(n, "complex128")]
        for z, re, im in zip(apart(*args), one(*args), other(*args), strict=True):
            same_bits([z.real + 1, z.imag + 1], [re, im])


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_sums_of_a_row_times_a_matrix_like_it_are_made_in_the_step(dtype: str) -> None:
    """They share nothing of the matrix with other rows, as a product would: no tile keeps states of many steps."""
    u, a, c = T.matrix("u"), T.matrix("a", dtype=dtype), T.matrix("c", dtype=dtype)

    def step(u_t: Any, x: Any) -> tuple[Any, Any]:
        x = a * x + u_t[:, None]
        return x, (c * x).sum(axis=1)
    (_, y), _ = sc.scan(step, u, outputs_info=[T.zeros_like(a), None])
    f = sc.function([u, a, c], y)
    assert not f.remarks("tile", done=True)
    args = [RNG.normal(size=(5, 3)), *(0.5 * RNG.normal(size=(2, 3, 70))).astype(dtype)]
    np.testing.assert_allclose(f(*args), sc.function([u, a, c], y, mode="reference")(*args), rtol=1e-11)


def test_parts_are_taken_apart_by_one_instruction_each() -> None:
    """Where all lanes of a loop come of complex numbers and go there; elsewhere they stand as in memory."""
    a, r = T.vector("a", dtype="complex128"), T.vector("r")
    with sc.change_flags(cpu="x86-64-v3"):
        assert "<i32 0, i32 4, i32 2, i32 6>" in sc.function([a], a * a).dump("llvm")
        assert "<i32 0, i32 2, i32 4, i32 6>" in sc.function([a, r], a * r).dump("llvm")
