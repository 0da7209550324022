"""Totals over steps that are combined: lanes of their own from group to group, combined at the end, whatever other
states of the scan do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

LENGTHS = (0, 1, 7, 8, 9, 63, 64, 65, 200)

EXACT: dict[str, tuple[Callable[..., Any], str]] = {
    "sums": (lambda v, s: s + v, "int32"), "of 64 bits": (lambda v, s: s + v, "int64"),
    "differences": (lambda v, s: s - v, "int8"), "and": (lambda v, s: s & v, "int16"),
    "or": (lambda v, s: v | s, "uint8"), "xor": (lambda v, s: s ^ v, "int64"), "any": (lambda v, s: v | s, "bool"),
    "all": (lambda v, s: v & s, "bool"), "maxima": (lambda v, s: T.maximum(v, s), "int32"),
    "minima": (lambda v, s: T.minimum(s, v), "int64"), "unsigned maxima": (lambda v, s: T.maximum(v, s), "uint16"),
    "unsigned minima": (lambda v, s: T.minimum(v, s), "uint32"),
    "two sums in one": (lambda v, s: s + v + 3, "int64"),
}


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("name", EXACT)
def test_bits_of_one_step_after_the_other(name, level):
    step, dtype = EXACT[name]

    def build(**options: Any) -> Any:
        x, s = T.vector("x", dtype=dtype), T.scalar("s", dtype=dtype)
        rows, _ = sc.scan(lambda v, s: T.cast(step(v, s), dtype), x, s)
        return sc.function([x, s], T.concatenate([s[None], rows])[-1], **options)
    with sc.change_flags(cpu=level):
        f, reference = build(), build(mode="reference")
    assert any(r.pass_name == "parallel-prefix" and r.done for r in f.remarks)
    rng = np.random.default_rng(5)
    for n in LENGTHS:
        x = rng.integers(0, 2 if dtype == "bool" else 120, n).astype(dtype)
        for first in rng.integers(0, 2 if dtype == "bool" else 120, 3).astype(dtype):
            np.testing.assert_array_equal(f(x, first), reference(x, first))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_sums_beside_a_state_whose_groups_go_one_by_one(dtype, factor):
    """Factors of some groups are large."""
    x, a = T.vector("x", dtype=dtype), T.vector("a", dtype=dtype)

    def step(v, a, h, total, count, size):
        h = a * h + v
        return h, total + h * h, count + T.cast(h > 0, "int64"), size + v
    start = [T.constant(np.asarray(0, kind)) for kind in (dtype, dtype, "int64", dtype)]
    (h, total, count, size), _ = sc.scan(step, [x, a], start)
    outputs = [h, total[-1], count[-1], size[-1]]
    f, plain = sc.function([x, a], outputs, fast_math="reassociate"), sc.function([x, a], outputs)
    rng, near = np.random.default_rng(2), 600 * np.finfo(dtype).eps
    for n in LENGTHS[1:]:
        value, factors = rng.normal(size=n).astype(dtype), (0.3 * rng.random(n)).astype(dtype)
        factors[n // 2:n // 2 + 5] = factor
        for found, expected in zip(f(value, factors), plain(value, factors), strict=True):
            np.testing.assert_allclose(found, expected, rtol=near, atol=near)


def test_no_step_and_zeros_keep_the_first_value():
    x, s = T.dvector("x"), T.dscalar("s")
    rows, _ = sc.scan(lambda v, s: s + v, x, s)
    f = sc.function([x, s], T.concatenate([s[None], rows])[-1], fast_math="reassociate")
    for n in (0, 3, 40):
        assert np.copysign(1, f(np.full(n, -0.0), -0.0)) == -1
        assert np.isnan(f(np.ones(n), np.nan)) and f(np.ones(n), np.inf) == np.inf


def test_what_reads_a_total_in_a_step_gets_it():
    x = T.dvector("x")
    (total, seen), _ = sc.scan(lambda v, s, r: (s + v, T.maximum(s + v, r)), x, [T.constant(0.0), T.constant(0.0)])
    f = sc.function([x], [total[-1], seen[-1]], fast_math="reassociate")
    for n in LENGTHS[1:]:
        value = np.random.default_rng(n).normal(size=n)
        sums = np.cumsum(value)
        np.testing.assert_allclose(f(value), [sums[-1], max(sums.max(), 0)], rtol=1e-12, atol=1e-12)
