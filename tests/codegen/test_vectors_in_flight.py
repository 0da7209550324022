"""Loops over lanes around a loop over time: several vectors side by side, one at a time, and what is left over."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(11)


def said(f: sc.Function, name: str) -> str:
    return "\n".join(remark.reason for remark in f.remarks if remark.pass_name == name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_as_the_reference_for_any_length(dtype: str) -> None:
    """A lane's number is a neighbour's, of its vector, and a part of what it computes."""
    c, x = T.vector("c", dtype=dtype), T.vector("x", dtype=dtype)
    p, _ = sc.scan(lambda c_t, p, q, x: [T.where(p > q, p * x + c_t, q), q * c_t - p], sequences=c,
                   outputs_info=[T.zeros_like(x), T.arange(x.shape[0]).astype(dtype)], non_sequences=x)
    f = sc.function([c, x], [p[0][-1], p[1][-1]])
    reference = sc.function([c, x], [p[0][-1], p[1][-1]], mode="reference")
    assert "vectors in flight" in said(f, "vectorize")
    for n in [*range(20), 24, 31, 57, 100, 131]:
        values = RNG.normal(size=5).astype(dtype), RNG.normal(size=n).astype(dtype)
        for found, want in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-6)


def test_the_last_vectors_overlap_where_time_is_inside() -> None:
    """For a thousand elements, and for as few as leave no vector; also where a step reads a row in lanes."""
    x, k, c = T.vector("x"), T.iscalar("k"), T.matrix("c")
    power, _ = sc.scan(lambda r, x: r * x, outputs_info=T.ones_like(x), non_sequences=x, n_steps=k)
    gated, _ = sc.scan(lambda c_t, r, x: r * x + c_t, sequences=c, outputs_info=T.zeros_like(x), non_sequences=x)
    f, g = sc.function([x, k], power[-1]), sc.function([c, x], gated[-1])
    assert "the last overlapping" in said(f, "vectorize")
    for n in (0, 1, 7, 8, 9, 47, 48, 49, 63, 97, 1000):
        values, rows = RNG.uniform(0.9, 1.1, n), RNG.normal(size=(3, n))
        np.testing.assert_array_equal(f(values, 3), 1 * values * values * values)
        want = (rows[0] * values + rows[1]) * values + rows[2]
        np.testing.assert_allclose(g(rows, values), want, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [1, 3, 4, 6, 12, 16, 20, 28, 33, 64])
def test_known_lengths(n: int) -> None:
    x, k = T.tensor("float64", (n,), "x"), T.iscalar("k")
    r, _ = sc.scan(lambda r, x: r * x, outputs_info=T.ones_like(x), non_sequences=x, n_steps=k)
    values = RNG.uniform(0.9, 1.1, n)
    want = np.ones(n)
    for _ in range(7):
        want *= values
    np.testing.assert_array_equal(sc.function([x, k], r[-1])(values, 7), want)


@pytest.mark.parametrize(("lengths", "steps"), [((19, 19), 3), ((1, 1), 2), ((0, 0), 2), ((5, 9), 0), ((9, 0), 0)])
def test_states_of_unlike_lengths_are_lanes(lengths: tuple[int, int], steps: int) -> None:
    """The lengths must be equal where a step runs; where none does, each state stays as it was."""
    start = [RNG.normal(size=length) for length in lengths]
    x, y, n = sc.shared(start[0]), sc.shared(start[1]), T.iscalar("n")
    _, updates = sc.scan(lambda: {x: x + y, y: x * y}, n_steps=n)
    f = sc.function([n], [], updates=updates)
    assert "each element of the state" in said(f, "lanes")
    f(steps)
    for _ in range(steps):
        start = [start[0] + start[1], start[0] * start[1]]
    for found, want in zip((x, y), start, strict=True):
        np.testing.assert_array_equal(found.get_value(), want)
    x.set_value(np.ones(3))
    y.set_value(np.ones(4))
    with pytest.raises(ValueError, match="length"):
        f(1)


def test_lanes_that_end_one_by_one() -> None:
    c, n = T.vector("c"), T.iscalar("n")

    def step(z, count, c):  # type: ignore[no-untyped-def]
        alive = z * z <= 4
        return [T.switch(alive, z * z + c, z), count + T.cast(alive, "int32")], sc.until(T.eq(T.sum(alive), 0))
    (z, count), _ = sc.scan(step, outputs_info=[T.zeros_like(c), T.zeros(c.shape, dtype="int32")], non_sequences=c,
                            n_steps=n)
    f, reference = (sc.function([c, n], [z[-1], count[-1]], mode=mode) for mode in (None, "reference"))
    assert "vectors in flight" in said(f, "vectorize")
    for length in (0, 1, 7, 12, 40, 101):
        values = np.concatenate([RNG.uniform(-3, 1, length), [np.nan, np.inf][:length % 3]])
        for found, want in zip(f(values, 30), reference(values, 30), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-6)
    with pytest.raises(IndexError, match="length 0"):
        f(np.ones(3), 0)
