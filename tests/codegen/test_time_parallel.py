"""Steps that are combined before the state is known: the numbers of one step after the other, exactly where that is
promised, and within the bound of docs/floating_point.md where sums may be grouped otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels, local

LENGTHS = (0, 1, 7, 8, 9, 16, 37, 100)


def combined(f: Any) -> int:
    """How many loops were."""
    return sum(r.pass_name == "parallel-prefix" and r.done for r in f.remarks)


def scanned(step: Callable[..., Any], dtype: str, initial: Any, *, backwards: bool = False, **options: Any) -> Any:
    """All rows and the last one of a scan over a vector."""
    x = T.vector("x", dtype=dtype)
    rows, _ = sc.scan(step, x, T.constant(np.asarray(initial, dtype)), go_backwards=backwards)
    return sc.function([x], rows, **options)


# ---- what has the same bits in any grouping ----

EXACT: dict[str, tuple[Callable[..., Any], str]] = {
    "sums that wrap": (lambda v, s: s + v, "int32"), "differences": (lambda v, s: s - v, "int64"),
    "bytes": (lambda v, s: T.cast(s + v, "int8"), "int8"), "products": (lambda v, s: s * v, "int32"),
    "affine": (lambda v, s: s * 3 + v, "uint32"), "affine of 64 bits": (lambda v, s: s * 3 + v, "int64"),
    "a factor that changes": (lambda v, s: s * v + 1, "int32"),
    "a reset": (lambda v, s: T.switch(v > 2, v, s * 2), "int32"),
    "minima": (lambda v, s: T.minimum(v, s), "float32"), "maxima": (lambda v, s: T.maximum(s, v), "float64"),
    "unsigned maxima": (lambda v, s: T.maximum(s, v), "uint8"), "and": (lambda v, s: s & v, "int16"),
    "or": (lambda v, s: v | s, "uint32"), "xor": (lambda v, s: s ^ v, "int64"),
    "between bounds": (lambda v, s: T.clip(s, v - 3, v + 2), "int32"),
    "a number between bounds": (lambda v, s: T.minimum(T.maximum(s, v), 20), "float64"),
    "bounds that cross": (lambda v, s: T.maximum(T.minimum(s, 2), v), "float32"),
    "bounds, the state last": (lambda v, s: T.maximum(v, T.minimum(v + 1, s)), "float64"),
    "a sum between bounds": (lambda v, s: T.cast(T.clip(s + v - 50, -60, 40), "int32"), "int32"),
    "a sum above a bound": (lambda v, s: T.cast(T.maximum(s - v, 0) + 40, "int32"), "int32"),
    "a distance": (lambda v, s: T.cast(T.minimum(T.minimum(s + 1, v) + 1, v + 3), "int32"), "int32"),
    "a distance of 64 bits": (lambda v, s: T.minimum(T.minimum(s, v + 5) + 1, v + 3), "int64"),
    "a bound that climbs": (lambda v, s: T.cast(T.maximum(v - 20, s - 3), "int32"), "int32"),
    "bounds that climb": (lambda v, s: T.cast(T.clip(s + 7, v, v + 9), "int32"), "int32"),
    "a bound behind another": (lambda v, s: T.cast(T.maximum(T.maximum(s, v) + 5, 3), "int32"), "int32"),
    "bounds of 64 bits": (lambda v, s: T.clip(s + v, -5, 40), "int64"),
    "small integers": (lambda v, s: T.cast(T.minimum(s + v, 100), "int8"), "int8"),
    "a product of 64 bits": (lambda v, s: s * v, "int64"),
    "a bound of 64 bits": (lambda v, s: T.clip(s, v - 3, v + 2), "int64"),
    "the last large one": (lambda v, s: T.switch(v > 1, v, s), "float64"),
    "the last number": (lambda v, s: T.switch(T.isnan(v), s, v), "float32"),
    "one of two, or the last": (lambda v, s: T.switch(v > 70, v, T.switch(v < 20, -v, s)), "int64"),
    "what is kept": (lambda v, s: T.switch(v < 90, s, v), "int8"),
    "since a large one": (lambda v, s: T.cast(T.switch(v > 80, 0, s + v), "int64"), "int64"),
    "how long ago": (lambda v, s: T.cast(T.switch(v > 80, 0, s + 1), "int32"), "int32"),
    "the largest since": (lambda v, s: T.switch(v > 2, v - 90, T.maximum(s, v)), "float64"),
    "the largest since, from nothing": (lambda v, s: T.maximum(T.switch(v > 1, -np.inf, s), v), "float32"),
    "the smallest since": (lambda v, s: T.minimum(v, T.switch(v < 2, v + 9, s)), "float32"),
    "the largest since, whole": (lambda v, s: T.maximum(T.switch(v > 80, -9, s), v), "int32"),
    "the largest since, of 64 bits": (lambda v, s: T.switch(v > 80, v - 99, T.maximum(v - 7, T.maximum(s, v - 9))),
                                      "int64"),
    "bits since": (lambda v, s: T.switch(v > 80, v - 60, s ^ v), "int16"),
    "all bits since": (lambda v, s: T.switch(v > 80, v, s | v), "uint8"),
    "any": (lambda v, s: s | v, "bool"), "what came before": (lambda v, s: T.maximum(s, v) + 0 * s, "float64"),
}


ALONE = ("what came before", "small integers")  # one step after the other
# of a vector, where groups are combined
LEAST_BYTES = {**dict.fromkeys(("affine of 64 bits", "a product of 64 bits", "a bound of 64 bits",
                                "bounds of 64 bits", "the largest since, of 64 bits"), 64),
               **dict.fromkeys(("a distance of 64 bits", "the last large one", "one of two, or the last",
                                "since a large one", "the largest since"), 32)}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("backwards", [False, True])
def test_exact_classes_have_the_bits_of_the_reference(name, backwards):
    step, dtype = EXACT[name]
    f = scanned(step, dtype, 1, backwards=backwards)
    reference = scanned(step, dtype, 1, backwards=backwards, mode="reference")
    assert combined(f) == (name not in ALONE and local().vector_bytes >= LEAST_BYTES.get(name, 16))
    rng = np.random.default_rng(3)
    for n in LENGTHS:
        x = rng.integers(0, 100, n).astype(dtype)
        if x.dtype.kind == "f":
            x = rng.choice(np.array([0.0, -0.0, 1.5, -2, np.inf, -np.inf, np.nan], dtype), n,
                           p=[.2, .2, .2, .2, .09, .09, .02])
        assert f(x).tobytes() == _one_nan(reference(x), f(x)).tobytes(), (name, n)


@pytest.mark.parametrize("level", levels())
def test_exact_classes_at_every_level_of_features(level):
    for name in ("between bounds", "a number between bounds", "bounds that cross", "a sum between bounds",
                 "a distance", "a distance of 64 bits", "bounds that climb", "the last large one", "how long ago",
                 "one of two, or the last", "since a large one", "what is kept", "the largest since",
                 "the smallest since", "the largest since, whole", "the largest since, of 64 bits", "bits since"):
        step, dtype = EXACT[name]
        with sc.change_flags(cpu=level):
            f = scanned(step, dtype, 1)
            assert combined(f) == (local().vector_bytes >= LEAST_BYTES.get(name, 16))
        x = np.random.default_rng(4).integers(0, 100, 100).astype(dtype)
        np.testing.assert_array_equal(f(x), scanned(step, dtype, 1, mode="reference")(x))


def _one_nan(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Which NaN it is is no part of a result, nor which of two zeros NumPy's extremes give."""
    if expected.dtype.kind != "f":
        return expected
    same = np.isnan(expected) & np.isnan(found) | (expected == 0) & (found == 0)
    return np.where(same, found, expected)


def test_of_zeros_the_last_one_counts_as_in_one_step_after_the_other():
    x = np.array([-0.0, 0.0, -0.0, 0.0, 0.0, -0.0, 0.0, -0.0, 0.0] * 5)
    for step in (lambda v, s: T.maximum(s, v), lambda v, s: T.minimum(v, s), lambda v, s: T.clip(s, v, -v),
                 lambda v, s: T.minimum(-v, T.maximum(v, s)), lambda v, s: T.maximum(T.minimum(s, v), -0.0)):
        f = scanned(step, "float64", 0.0)
        assert combined(f)
        np.testing.assert_array_equal(np.signbit(f(x)), np.signbit(_followed(step, x)))


def _followed(step: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    v, s = T.dscalar("v"), T.dscalar("s")
    one, state, rows = sc.function([v, s], step(v, s)), 0.0, []
    for value in x:
        state = float(one(value, state))
        rows.append(state)
    return np.array(rows)


@pytest.mark.parametrize("name", ["a sum between bounds", "a sum above a bound", "a distance", "a bound that climbs",
                                  "a distance of 64 bits", "bounds that climb", "a bound behind another"])
def test_groups_in_which_an_integer_may_wrap_go_one_by_one(name):
    step, dtype = EXACT[name]
    f, reference = scanned(step, dtype, 1), scanned(step, dtype, 1, mode="reference")
    assert combined(f)
    rng = np.random.default_rng(5)
    wide = 32 if dtype == "int64" else 0
    for most in (2**(22 + wide), 2**(24 + wide), 2**(29 + wide), 2**(31 + wide) - 1):
        rare = rng.choice([most, -most, most // 3], 400)
        x = np.where(rng.random(400) < 0.1, rare, rng.integers(-9, 9, 400)).astype(dtype)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(f(x), reference(x))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_what_every_step_adds_may_be_an_input(dtype):
    x, gap = T.vector("x", dtype=dtype), T.scalar("gap", dtype=dtype)
    scores, _ = sc.scan(lambda v, s, gap: T.cast(T.maximum(s - gap, v), dtype), x, T.constant(np.asarray(3, dtype)),
                        non_sequences=gap)
    f, reference = sc.function([x, gap], scores), sc.function([x, gap], scores, mode="reference")
    assert combined(f)
    value, width = np.random.default_rng(6).integers(0, 99, 100).astype(dtype), np.iinfo(dtype).bits
    for g in (0, 1, -3, 40, 2**(width - 9), 2**(width - 9) + 1, 2**(width - 1) - 1, -2**(width - 1)):
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(f(value, g), reference(value, g))


# ---- floats, where they may be grouped otherwise ----


def affine(v: Any, s: Any) -> Any:
    return 0.7 * s + v


def test_floats_stay_in_order_by_default_and_the_remark_says_how_to_change_that():
    f = scanned(affine, "float64", 0.0)
    assert not combined(f)
    assert any(r.pass_name == "time-parallel" and "affine" in r.reason and "reassociate" in r.hint for r in f.remarks)
    assert combined(scanned(affine, "float64", 0.0, fast_math="reassociate"))


# factor and rest of an affine step
FLOATS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sum": (lambda v: 1, lambda v: v), "affine": (lambda v: 0.75, lambda v: v),
    "a negative factor": (lambda v: -0.5, lambda v: v), "a factor that changes": (lambda v: v, lambda v: 3 - v),
    "what grows": (lambda v: 1.25, lambda v: v), "what grows fast": (lambda v: 9.0, lambda v: v),
    "factors on both sides of the limit": (lambda v: 1.5 * v, lambda v: v), "zero": (lambda v: 0.0, lambda v: v),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FLOATS)
def test_floats_are_within_the_bound(name, dtype):
    factor, rest = FLOATS[name]
    f = scanned(lambda v, s: factor(v) * s + rest(v), dtype, 1.5, fast_math="reassociate")
    assert combined(f)
    for n in LENGTHS[:-1]:
        x = np.random.default_rng(n).normal(size=n).astype(dtype)
        h, size = np.longdouble(1.5), np.longdouble(1.5)
        for t, (v, found) in enumerate(zip(x, f(x), strict=True), 1):
            a, b = (dtype_of(g(v), dtype) for g in (factor, rest))
            h, size = a * h + b, abs(a) * size + abs(b)
            assert abs(found - h) <= (2 * t + 6) * np.finfo(dtype).eps / 2 * size, (n, t)


def dtype_of(number: Any, dtype: str) -> Any:
    return np.longdouble(np.asarray(number, dtype))


def test_what_is_replaced_keeps_its_bits():
    """Also in scans of floats by default, with signs of zeros, and NaN."""
    rng = np.random.default_rng(8)
    x = rng.choice(np.array([0.0, -0.0, 3.0, np.inf, np.nan, 5e-324, -1.0]), 200)
    f = scanned(lambda v, s: T.switch((v > 2) | T.isnan(v), v, s), "float64", -0.0)
    state, rows = -0.0, []
    for v in x:
        state = v if v > 2 or np.isnan(v) else state
        rows.append(state)
    assert combined(f) == (local().vector_bytes >= 32)
    assert f(x).tobytes() == np.array(rows).tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("factor", [0.5, 1])
def test_resets_forget_all_that_was(value, factor):
    """Rounds after a reset are what they would be; before it a number that is none stays."""
    def step(v: Any, s: Any) -> Any:
        return T.cast(T.switch(v < -1, v, factor * s + v), "float32")
    f = scanned(step, "float32", 0.0, fast_math="reassociate")
    reference = scanned(step, "float32", 0.0, mode="reference")
    assert combined(f) and not combined(scanned(step, "float32", 0.0))
    rng = np.random.default_rng(9)
    for at in range(20):
        x = rng.normal(size=50).astype("float32")
        x[at] = value
        h, size, rows, sizes = np.longdouble(0), np.longdouble(0), [], []
        for v in x.astype(np.longdouble):
            h, size = (v, abs(v)) if v < -1 else (h * factor + v, size * factor + abs(v))
            rows, sizes = [*rows, h], [*sizes, size]
        found, finite = f(x), np.isfinite(np.array(rows, float))
        np.testing.assert_array_equal(np.isnan(found), np.isnan(reference(x)))
        bound = (2 * np.arange(1, 51) + 6) * np.finfo("float32").eps / 2 * np.array(sizes)
        assert (np.abs(found[finite] - np.array(rows)[finite]) <= bound[finite]).all()


# what is added, and the bounds
BOUNDED: dict[str, Callable[..., tuple[Any, Any, Any]]] = {
    "above zero": lambda v: (v, 0, np.inf), "below": lambda v: (v, -np.inf, 1), "between": lambda v: (v, -2, 2),
    "bounds that change": lambda v: (v, v - 1, v + 1), "bounds that cross": lambda v: (v, 1, v),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BOUNDED)
def test_sums_between_bounds_are_within_theirs(name, dtype):
    parts = BOUNDED[name]

    def step(v: Any, s: Any) -> Any:
        added, low, high = parts(v)
        s = s + added
        s = s if low is -np.inf else T.maximum(s, low)
        return T.cast(s if high is np.inf else T.minimum(s, high), dtype)
    f = scanned(step, dtype, 1.5, fast_math="reassociate")
    assert combined(f) and not combined(scanned(step, dtype, 1.5))
    for n in LENGTHS[:-1]:
        x = np.random.default_rng(n).normal(size=n).astype(dtype)
        h, size, most = np.longdouble(1.5), np.longdouble(1.5), np.longdouble(0)
        for t, (v, found) in enumerate(zip(x, f(x), strict=True), 1):
            added, low, high = (dtype_of(part, dtype) for part in parts(v))
            h, size = np.minimum(np.maximum(h + added, low), high), size + abs(added)
            most = max([most, *(abs(bound) for bound in (low, high) if np.isfinite(bound))])
            assert abs(found - h) <= (t + 6) * np.finfo(dtype).eps / 2 * (size + most), (n, t)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e305])
def test_sums_between_bounds_that_are_no_numbers_are_those_of_the_steps(value):
    def step(v: Any, s: Any) -> Any:
        return T.clip(s + v, -1e307, 10.0)
    f = scanned(step, "float64", 0.0, fast_math="reassociate")
    reference = scanned(step, "float64", 0.0, mode="reference")
    for at in range(20):
        x = np.arange(20.0)
        x[at] = value
        np.testing.assert_array_equal(f(x), reference(x))


# factor, what is added, and the bounds, of a step that is written so
MULTIPLES: dict[str, tuple[Callable[..., Any], Callable[..., tuple[Any, Any, Any, Any]]]] = {
    "a peak that decays": (lambda v, s: T.maximum(0.9 * s, v), lambda v: (0.9, 0, v, np.inf)),
    "one by a choice": (lambda v, s: T.switch(v > 0.9 * s, v, 0.9 * s), lambda v: (0.9, 0, v, np.inf)),
    "a valley": (lambda v, s: T.switch(v < 0.5 * s, v, 0.5 * s), lambda v: (0.5, 0, -np.inf, v)),
    "what is left above zero": (lambda v, s: T.maximum(0.9 * s + v, 0), lambda v: (0.9, v, 0, np.inf)),
    "between bounds": (lambda v, s: T.clip(0.9 * s + v, -1, 1), lambda v: (0.9, v, -1, 1)),
    "bounds before": (lambda v, s: 0.5 * T.clip(s, v, v + 1) + v, lambda v: (0.5, v, 1.5 * v, 1.5 * v + 0.5)),
    "a factor that changes": (lambda v, s: T.maximum(abs(v) * s + v, -1), lambda v: (abs(v), v, -1, np.inf)),
    "a factor that may be below 0": (lambda v, s: T.minimum(v * s + 1, 2), lambda v: (v, 1, -np.inf, 2)),
    "what grows": (lambda v, s: T.minimum(1.5 * s + v, 9), lambda v: (1.5, v, -np.inf, 9)),
    "a largest sum": (lambda v, s: T.switch(s > 0, s + v, v), lambda v: (1, v, v, np.inf)),
    "a smallest sum": (lambda v, s: T.switch(T.le(0, s), v, s + v), lambda v: (1, v, -np.inf, v)),
    "a stock": (lambda v, s: T.switch(s - v < 0, 0, s - v), lambda v: (1, -v, 0, np.inf)),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MULTIPLES)
def test_multiples_between_bounds_are_within_theirs(name, dtype):
    step, parts = MULTIPLES[name]

    def typed(v: Any, s: Any) -> Any:
        return T.cast(step(v, s), dtype)
    f, plain = scanned(typed, dtype, 1.5, fast_math="reassociate"), scanned(typed, dtype, 1.5)
    assert combined(f) and not combined(plain)
    for n in LENGTHS[:-1]:
        x = np.random.default_rng(n).normal(size=n).astype(dtype)
        h, size = np.longdouble(1.5), np.longdouble(1.5)
        for t, (v, found) in enumerate(zip(x, f(x), strict=True), 1):
            factor, added, low, high = (np.longdouble(part) for part in parts(np.longdouble(v)))
            h = np.minimum(np.maximum(factor * h + added, low), high)
            size = abs(factor) * size + abs(added) + sum(abs(bound) for bound in (low, high) if np.isfinite(bound))
            assert abs(found - h) <= (2 * t + 6) * np.finfo(dtype).eps / 2 * size, (n, t)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e305])
@pytest.mark.parametrize("name", MULTIPLES)
def test_multiples_between_bounds_that_are_no_numbers_are_those_of_the_steps(name, value):
    step, _ = MULTIPLES[name]
    f, plain = (scanned(step, "float64", 1.5, fast_math=parts) for parts in ("reassociate", None))
    for at in range(20):
        x = np.random.default_rng(at).normal(size=20)
        x[at] = value
        np.testing.assert_allclose(f(x), plain(x), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("backwards", [False, True])
def test_lags(order, backwards):
    x, initial = T.dvector("x"), T.dvector("initial")
    factors = [0.6, -0.3, 0.2, -0.1][:order]

    def step(v, *past):
        return sum(a * y for a, y in zip(factors, past, strict=True)) + v
    taps = [-1 - lag for lag in range(order)]
    rows, _ = sc.scan(step, x, {"initial": initial, "taps": taps}, go_backwards=backwards)
    f = sc.function([x, initial], [rows, rows[-1:].sum()], fast_math="reassociate")
    reference = sc.function([x, initial], [rows, rows[-1:].sum()], mode="reference")
    assert combined(f) == 1
    for n in LENGTHS[1:]:
        x_value, start = np.random.default_rng(n).normal(size=n), np.arange(1.0, order + 1)
        for found, expected in zip(f(x_value, start), reference(x_value, start), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


# factors of states in each other
COUPLED = {
    "a rotation": [[0.8, -0.6], [0.6, 0.8]], "a level and a trend": [[0.7, 0.7], [-0.03, 0.97]],
    "registers": [[0.5, 1.0], [-0.25, 0.0]], "three": [[0.5, 0.25, -0.125], [0.1, 0.5, 0.3], [-0.2, 0.2, 0.6]],
    "an old one among them": [[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.1, -0.4, 0.3]],
    "what grows fast": [[1.5, 1.0], [1.0, 1.5]], "what turns back": [[0.0, 4.0], [0.25, 0.0]],
}


def coupled(n: int, dtype: str, **options: Any) -> Any:
    """All rows of n states that are sums of each other; each adds a multiple of a vector."""
    x, factors = T.vector("x", dtype=dtype), [[T.scalar(f"a{i}{j}", dtype=dtype) for j in range(n)] for i in range(n)]

    def step(v: Any, *args: Any) -> Any:
        states, rows = args[:n], [args[n * (i + 1):n * (i + 2)] for i in range(n)]
        return [sum((a * s for a, s in zip(row, states, strict=True)), v * (i + 1)) for i, row in enumerate(rows)]
    flat = [a for row in factors for a in row]
    rows, _ = sc.scan(step, x, [T.constant(np.asarray(1.5 if dtype[0] == "f" else 1, dtype))] * n, flat)
    return sc.function([x, *flat], rows, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", COUPLED)
def test_states_in_each_other_are_within_the_bound(name, dtype):
    factors = np.array(COUPLED[name], dtype)
    n, exact = len(factors), factors.astype("longdouble")
    f = coupled(n, dtype, fast_math="reassociate")
    assert combined(f) and not combined(coupled(n, dtype))
    for length in LENGTHS[:-1]:
        x = np.random.default_rng(length).normal(size=length).astype(dtype)
        found = np.stack(f(x, *factors.ravel()), axis=1)
        h = size = np.full(n, 1.5, "longdouble")
        for t, v in enumerate(x, 1):
            b = np.array([v * dtype_of(i + 1, dtype) for i in range(n)])
            h, size = exact @ h + b, abs(exact) @ size + 2 * abs(b)  # v * 3 is rounded
            assert (abs(found[t - 1] - h) <= (2 * n * t + 8 * n) * np.finfo(dtype).eps / 2 * size).all(), (length, t)


@pytest.mark.parametrize("level", levels())
def test_integers_in_each_other_wrap_in_any_grouping(level):
    with sc.change_flags(cpu=level):
        f, reference = coupled(2, "int32"), coupled(2, "int32", mode="reference")
    assert combined(f)
    for length in LENGTHS:
        x = np.random.default_rng(length).integers(-2**31, 2**31, length).astype("int32")
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(f(x, 3, -7, 1, 2**30), reference(x, 3, -7, 1, 2**30))


def test_factors_of_states_in_each_other_that_change_and_four_states_go_one_by_one():
    x = T.dvector("x")
    turned, _ = sc.scan(lambda v, s, r: (v * s - r, s + v * r), x, [T.constant(1.0)] * 2)
    lagged, _ = sc.scan(lambda v, r, s: v * s - 0.5 * r, x, {"initial": T.zeros(2), "taps": [-2, -1]})
    for rows in (turned, lagged):
        f = sc.function([x], rows, fast_math="reassociate")
        assert not combined(f) and "factors of several states change from step to step" in str(f.remarks)
    assert not combined(coupled(4, "float64", fast_math="reassociate"))


# two states, or one and what it was, whose factors p and q change
MIXED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "turned and damped": (lambda v, p, q, r, s: (p * r - q * s + v, q * r + p * s), lambda p, q: [[p, -q], [q, p]]),
    "a gain beside": (lambda v, p, q, r, s: (r + p * s + v, q * s), lambda p, q: [[1, p], [0, q]]),
    "a lag": (lambda v, p, q, r, s: (p * r + q * s + v, r), lambda p, q: [[p, q], [1, 0]]),
}


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("size", [0.6, 1.4])
@pytest.mark.parametrize("name", MIXED)
def test_factors_of_two_states_may_change(name, size, level):
    """Of 32 bits, within the bound; groups whose factors grow together go one by one."""
    step, matrix = MIXED[name]
    given = [T.fvector(n) for n in "vpq"]
    with sc.change_flags(cpu=level):
        rows, _ = sc.scan(step, given, [T.constant(np.float32(1.5))] * 2)
        f = sc.function(given, rows, fast_math="reassociate")
    assert combined(f)
    for n in LENGTHS[:-1]:
        v, p, q = np.random.default_rng(n).normal(size=(3, n)).astype("float32") * np.float32(size)
        found = np.stack(f(v, p, q), axis=1)
        h = total = np.full(2, 1.5, "longdouble")
        for t in range(n):
            factors, rest = np.array(matrix(p[t], q[t]), "longdouble"), np.array([v[t], 0], "longdouble")
            h, total = factors @ h + rest, abs(factors) @ total + abs(rest)
            assert (abs(found[t] - h) <= (4 * t + 20) * np.finfo("float32").eps / 2 * total).all(), (n, t)


# ---- complex numbers ----

@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
@pytest.mark.parametrize("backwards", [False, True])
def test_complex_states_are_within_the_bound_of_their_parts(dtype, backwards, level):
    x, a, first = T.vector("x", dtype=dtype), T.scalar("a", dtype=dtype), T.scalar("first", dtype=dtype)
    with sc.change_flags(cpu=level):
        rows, _ = sc.scan(lambda v, z, a: a * z + v, x, first, a, go_backwards=backwards)
        f = sc.function([x, a, first], [rows, T.concatenate([T.shape_padleft(first), rows])[-1]],
                        fast_math="reassociate")
    assert combined(f)
    u = np.finfo(dtype).eps / 2
    for n in LENGTHS:
        for size in (0.99, 1.6):  # the second one by one
            factor, start = np.array([size * np.exp(0.7j), 1 - 2j]).astype(dtype)
            given = np.random.default_rng(n).normal(size=(2 * n)).view("complex128").astype(dtype)
            found, last = f(given, factor, start)
            np.testing.assert_array_equal(last, [start, *found][-1])
            z, total = start.astype("clongdouble"), np.longdouble(abs(start)) * 2
            for t, v in enumerate(given[::-1] if backwards else given):
                z = factor.astype("clongdouble") * z + v
                total = 1.42 * abs(factor) * total + 2 * abs(v)  # of both parts
                assert abs(found[t] - z) <= (4 * t + 20) * u * total, (n, t)


def test_complex_states_that_are_scaled_and_turned_and_their_gradients():
    x, r, phase = T.zvector("x"), T.dscalar("r"), T.dscalar("phase")
    a = T.cast(r * T.cos(phase), "complex128") + 1j * T.cast(r * T.sin(phase), "complex128")
    (z, w), _ = sc.scan(lambda v, z, w: (a * z + v, T.conj(z) * 0.5 - w * (0.3 + 0.1j)), x,
                        [T.constant(0j), T.constant(1 + 0j)])
    cost = (T.real(z) ** 2 + T.imag(z) ** 2).sum()
    outputs = [z, w, *sc.grad(cost, [r, phase])]
    f, plain = sc.function([x, r, phase], outputs, fast_math="reassociate"), sc.function([x, r, phase], outputs)
    assert combined(f) >= 2 and not combined(plain)
    for n in LENGTHS[1:]:
        value = np.random.default_rng(n).normal(size=2 * n).view("complex128")
        for found, expected in zip(f(value, 0.95, 0.4), plain(value, 0.95, 0.4), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_a_complex_state_that_is_multiplied_with_itself_goes_as_it_is_written():
    c = T.zvector("c")
    f = sc.function([c], sc.scan(lambda v, z: z * z + v, c, T.constant(0j))[0], fast_math="reassociate")
    assert not combined(f) and not any(r.pass_name == "complex-states" for r in f.remarks)


@pytest.mark.parametrize("dtype", ["float64", "int32", "complex128"])
@pytest.mark.parametrize("turn", [(1, 0), (1, 2, 0)])
def test_states_that_only_change_places_are_moved(dtype, turn):
    first = np.array([np.inf, 2.0, np.nan][:len(turn)] if dtype == "float64" else [1, 2, 3][:len(turn)], dtype)
    states, steps = [T.scalar(f"s{i}", dtype=dtype) for i in range(len(turn))], T.iscalar("n")
    rows, _ = sc.scan(lambda *s: [s[i] for i in turn], None, states, n_steps=steps)
    f = sc.function([steps, *states], rows, fast_math="reassociate")
    assert not combined(f)
    found, expected = np.stack(f(50, *first), axis=1), first
    for row in found:
        expected = expected[list(turn)]
        np.testing.assert_array_equal(row, expected)


def test_registers_of_a_filter_backwards_and_its_gradient():
    x, a1, a2 = T.dvector("x"), T.dscalar("a1"), T.dscalar("a2")

    def step(v: Any, s1: Any, s2: Any, a1: Any, a2: Any) -> Any:
        y = 0.3 * v + s1
        return 0.5 * v - a1 * y + s2, 0.2 * v - a2 * y, y
    (_, _, y), _ = sc.scan(step, x, [T.constant(0.0)] * 2 + [None], [a1, a2], go_backwards=True)
    outputs = [y, *sc.grad((y * y).sum(), [x, a1, a2])]
    f, plain = sc.function([x, a1, a2], outputs, fast_math="reassociate"), sc.function([x, a1, a2], outputs)
    assert combined(f) >= 1
    for length in LENGTHS[1:]:
        value = np.random.default_rng(length).normal(size=length)
        for found, expected in zip(f(value, -0.6, 0.3), plain(value, -0.6, 0.3), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_several_states_that_follow_each_other_and_the_gradient_by_all():
    x, a = T.dvector("x"), T.dscalar("a")

    def step(v, s, total, before):
        s_next = a * s + v
        return s_next, total + s * T.exp(-v * v), v * 2 + 0 * before
    (s, total, _), _ = sc.scan(step, x, [T.constant(0.0)] * 3)
    cost = (s * s).sum() + total[-1]
    outputs = [s, total, cost, *sc.grad(cost, [x, a])]
    f, plain = sc.function([x, a], outputs, fast_math="reassociate"), sc.function([x, a], outputs)
    assert combined(f) >= 2
    for n in LENGTHS[1:]:
        for factor in (0.9, -0.4, 2.0):
            value = np.random.default_rng(n).normal(size=n)
            for found, expected in zip(f(value, factor), plain(value, factor), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max(initial=1))


def test_infinities_and_nan_reach_no_earlier_row():
    f = scanned(affine, "float64", 0.0, fast_math="reassociate")
    clean = f(np.ones(40))
    for bad in (np.nan, np.inf):
        for place in range(16, 27):
            x = np.ones(40)
            x[place] = bad
            np.testing.assert_array_equal(f(x)[:place], clean[:place])
            assert not np.isfinite(f(x)[place])


def test_products_that_would_overflow_or_vanish_in_a_group_do_not():
    """Rounds that go beyond the range of floats together, but not one by one, go one by one."""
    f = scanned(lambda v, s: s * v, "float64", 1e-300, fast_math="reassociate")
    x = np.array([1e150, 1e150, 1e150, 1e-150, 1e-150, 1e-150] * 4)
    np.testing.assert_allclose(f(x), np.cumprod(np.array([1e-300, *x]))[1:], rtol=1e-14)
    g = scanned(lambda v, s: v * s + 1.0, "float64", 0.0, fast_math="reassociate")
    big = np.array([0.0, 1e200, 1e-200, 1e200, 1e-200, 0.0, 1e300, 1e-300] * 3)
    expected, state = [], 0.0
    for v in big:
        state = v * state + 1.0
        expected.append(state)
    np.testing.assert_array_equal(g(big), expected)


def test_a_step_that_reads_what_another_one_wrote_stays_in_order():
    x = T.dvector("x")
    rows, _ = sc.scan(lambda v, old, s: (v, s + old), x, [{"initial": T.zeros(3), "taps": [-3]}, T.constant(0.0)])
    f = sc.function([x], rows[1], fast_math="reassociate")
    value = np.arange(50.0)
    np.testing.assert_allclose(f(value), np.cumsum([0, 0, 0, *value])[:50])


def test_columns_and_rows_of_one_element():
    r, live = T.dmatrix("r"), T.dmatrix("live")
    a, _ = sc.scan(lambda v, on, a: v + 0.9 * on * a, [r, live], T.zeros_like(r[0]), go_backwards=True)
    f = sc.function([r, live], a[::-1], fast_math="reassociate")
    reference = sc.function([r, live], a[::-1], mode="reference")
    rng = np.random.default_rng(1)
    for shape in ((50, 1), (9, 1), (50, 3), (0, 1)):
        value, on = rng.normal(size=shape), (rng.random(shape) < 0.9).astype(float)
        np.testing.assert_allclose(f(value, on), reference(value, on), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "int8"])
@pytest.mark.parametrize("function", [T.cumsum, T.cumprod], ids=["cumsum", "cumprod"])
def test_running_sums_and_products_of_a_row_are_combined(dtype, function):
    x = T.matrix("x", dtype=dtype)
    native, reference = (sc.function([x], [function(x[0]), function(x, axis=1), function(x, axis=0)],
                                     fast_math="reassociate", mode=mode) for mode in (None, "reference"))
    rng = np.random.default_rng(5)
    for n in (0, 1, 7, 8, 9, 31, 100):
        values = rng.uniform(0.5, 1.5, (3, n)) if dtype[0] == "f" else rng.integers(-9, 9, (3, n))
        for found, want in zip(native(values.astype(dtype)), reference(values.astype(dtype)), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-5 if dtype == "float32" else 1e-13)
            assert found.dtype == want.dtype
    assert dtype[0] == "i" or "before those in front" in str(native.remarks("bufferize"))


def _halved(build: Any, **options: Any) -> bool:
    x = T.vector("x", dtype=options.pop("dtype", "float64"))
    text = sc.function([x], build(x), **options).dump("llvm", target="x86-64-v4")
    return "prefer-vector-width" in text


def test_networks_of_64_bytes_are_in_two_registers_where_no_other_function_gets_a_vector():
    def running(x: Any) -> Any:
        return sc.scan(lambda v, s: s * 0.5 + v, x, T.constant(np.asarray(0, x.dtype)))[0]
    assert _halved(running, fast_math="reassociate")
    assert not _halved(running)
    assert not _halved(running, fast_math="reassociate", dtype="float32")
    assert not _halved(lambda x: T.exp(running(x)), fast_math="reassociate")
    assert not _halved(lambda x: running(x)[-1] * 0 + x.sum(), fast_math="strict")


def test_lags_of_integers_go_one_after_the_other_as_vectors_are_no_faster():
    x = T.lvector("x")
    h, _ = sc.scan(lambda v, a, b: v + a - b, x, {"initial": T.constant(np.zeros(2, "int64")), "taps": [-1, -2]})
    reasons = [r.reason for r in sc.function([x], h).remarks("parallel-prefix", done=False)]
    assert reasons == ["vectors are no faster at what it does to such numbers"]
