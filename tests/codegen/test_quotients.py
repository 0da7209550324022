"""A state that is a quotient of two sums of itself: what its step makes of the state before, to within four bits more
than the rounding of a step, whatever cancels in the products of eight steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

LENGTHS = (0, 1, 2, 7, 8, 9, 63, 64, 65, 200)
KINDS = ["float64", "float32"]


def combined(f: Any) -> int:
    return sum(r.pass_name == "parallel-prefix" and r.done for r in f.remarks)


def one(value: Any) -> Any:
    """1 of a value's type."""
    return T.constant(np.asarray(1, value.dtype))


# each step, and its quotient (a*s + b) / (c*s + d)
STEPS: dict[str, tuple[Callable[..., Any], Callable[..., tuple[Any, ...]]]] = {
    "a continued fraction": (lambda x, y, s: x + y / s, lambda x, y: (x, y, 1, 0)),
    "an inverse": (lambda x, y, s: 1 / (s + x), lambda x, y: (0, 1, 1, x)),
    "a variance": (lambda x, y, s: s * x / (s + x) + y, lambda x, y: (x + y, x * y, 1, x)),
    "by a gain": (lambda x, y, s: (1 - s / (s + x)) * s + y, lambda x, y: (x + y, x * y, 1, x)),
    "less a gain's part": (lambda x, y, s: s - s / (s + x) * s + y, lambda x, y: (x + y, x * y, 1, x)),
    "of inverses": (lambda x, y, s: 1 / (1 / s + 1 / x) + y, lambda x, y: (x + y, x * y, 1, x)),
    "a pivot": (lambda x, y, s: 4 + x - y / s, lambda x, y: (4 + x, -y, 1, 0)),
    "a pivot's quotient": (lambda x, y, s: -x / (4 + y * s), lambda x, y: (0, -x, y, 4)),
    "divided": (lambda x, y, s: (s + x) / y, lambda x, y: (1, x, 0, y)),
    "what may be 0 below": (lambda x, y, s: (x - 1) + (y - 1) / (s - x),
                            lambda x, y: (x - 1, y - 1 - x * (x - 1), 1, -x)),
}


def scanned(step: Callable[..., Any], dtype: str, *, backwards: bool = False, **options: Any) -> Any:
    x, y, s = T.vector("x", dtype=dtype), T.vector("y", dtype=dtype), T.scalar("s", dtype=dtype)
    rows, _ = sc.scan(step, [x, y], s, go_backwards=backwards)
    return sc.function([x, y, s], rows, **options)


def data(n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return (0.5 + rng.random(n)).astype(dtype), (0.5 + rng.random(n)).astype(dtype)


def require_steps(found: np.ndarray, first: Any, matrices: list[tuple[Any, ...]], dtype: str) -> None:
    """Every state is a quotient of what was before it, within the bound of docs/floating_point.md."""
    u, before = np.finfo(dtype).eps / 2, np.longdouble(first)
    for number, after in enumerate(found.astype("longdouble")):
        a, b, c, d = (np.longdouble(v) for v in matrices[number])
        num, den = a * before + b, c * before + d
        sizes = abs(a * before) + abs(b), abs(c * before) + abs(d)
        bound = 40 * u * abs(num) + 8 * u * (sizes[0] + abs(after) * sizes[1])
        assert abs(after * den - num) <= bound, number
        before = after


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("name", STEPS)
def test_each_state_is_what_its_step_makes_of_the_one_before(name, dtype, backwards):
    step, quotient = STEPS[name]
    f = scanned(step, dtype, backwards=backwards, fast_math="reassociate")
    assert combined(f) and not combined(scanned(step, dtype, backwards=backwards))
    for n in LENGTHS:
        x, y = data(n, dtype)
        order = slice(None, None, -1 if backwards else 1)
        matrices = [quotient(*pair) for pair in zip(x[order].astype("longdouble"), y[order].astype("longdouble"),
                                                    strict=True)]
        require_steps(f(x, y, 1.25), 1.25, matrices, dtype)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", KINDS)
def test_at_every_level_of_features_as_one_step_after_the_other(level, dtype):
    for name in ("a continued fraction", "by a gain", "a pivot"):
        with sc.change_flags(cpu=level):
            f, plain = scanned(STEPS[name][0], dtype, fast_math="reassociate"), scanned(STEPS[name][0], dtype)
        for n in LENGTHS:
            x, y = data(n, dtype)
            np.testing.assert_allclose(f(x, y, 1.25), plain(x, y, 1.25), rtol=200 * np.finfo(dtype).eps)


def test_only_what_is_a_quotient_is_one():
    others = [lambda x, y, s: s * s / (s + x), lambda x, y, s: x / s + y / (s + 1), lambda x, y, s: T.exp(x / s),
              lambda x, y, s: x + s / T.sqrt(s)]
    for step in others:
        f = scanned(step, "float64", fast_math="reassociate")
        assert not combined(f)


@pytest.mark.parametrize("dtype", KINDS)
def test_groups_that_cancel_or_leave_the_numbers_go_one_by_one(dtype):
    """Signs of all kinds, and sizes of which products of eight matrices overflow or vanish."""
    step, quotient = STEPS["a continued fraction"]
    f, plain = scanned(step, dtype, fast_math="reassociate"), scanned(step, dtype)
    rng = np.random.default_rng(3)
    far = {"float64": 100, "float32": 12}[dtype]
    for scale in (0, 1, far, -far):
        x, y = (rng.normal(size=(2, 200)) * 10.0 ** scale).astype(dtype)
        require_steps(f(x, y, 1.5), 1.5, [(a, b, 1, 0) for a, b in zip(x, y, strict=True)], dtype)
    ends = {"float64": 1e300, "float32": 1e36}[dtype]
    x, y = np.full(40, ends, dtype), np.ones(40, dtype)
    np.testing.assert_array_equal(f(x, y, 1), plain(x, y, 1))


@pytest.mark.parametrize("value", [0.0, np.inf, -np.inf, np.nan])
def test_what_is_no_number_comes_and_goes_as_in_the_steps(value):
    step = STEPS["a continued fraction"][0]
    f, plain = scanned(step, "float64", fast_math="reassociate"), scanned(step, "float64")
    for place in range(7, 18):
        x, y = data(64, "float64")
        x[place], y[place] = value, 0 if value == 0 else 1
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(f(x, y, 1.5), plain(x, y, 1.5), rtol=1e-13)
    for first in (0.0, -0.0, np.inf, np.nan):
        x, y = data(64, "float64")
        np.testing.assert_allclose(f(x, y, first), plain(x, y, first), rtol=1e-13)


def test_random_quotients():
    """Some operations on the state, one after the other, on positive numbers: none loses digits."""
    forms = [lambda x, s: s + x, lambda x, s: x + s, lambda x, s: s * x, lambda x, s: x / s, lambda x, s: s / x,
             lambda x, s: 1 / (s + x), lambda x, s: s / (s + x), lambda x, s: (s + x) / (x * s + 1),
             lambda x, s: x * s / (s + 2)]
    rng, n_combined = np.random.default_rng(11), 0
    for _ in range(40):
        chosen = [(forms[rng.integers(len(forms))], rng.integers(2)) for _ in range(rng.integers(2, 6))]
        dtype = KINDS[rng.integers(2)]

        def step(x, y, s, chosen=chosen):
            for form, which in chosen:
                s = form((x, y)[which], s)
            return s
        backwards = bool(rng.integers(2))
        f = scanned(step, dtype, backwards=backwards, fast_math="reassociate")
        plain = scanned(step, "float64", backwards=backwards)
        n_combined += combined(f)
        for n in (9, 40, 73):
            x, y = data(n, dtype)
            np.testing.assert_allclose(f(x, y, 1.5), plain(x, y, 1.5), rtol=2000 * np.finfo(dtype).eps)
    assert n_combined > 25


def test_a_filter_of_numbers_and_its_gradient():
    """The mean of a Kalman filter has a gain that a quotient makes."""
    z, q, r = T.dvector("z"), T.dscalar("q"), T.dscalar("r")

    def step(z, m, p, q, r):
        k = p / (p + r)
        return m + k * (z - m), (1 - k) * p + q
    (m, p), _ = sc.scan(step, z, [T.constant(0.0), T.constant(1.0)], [q, r])
    cost = ((z - m) ** 2 / (p + r) + T.log(p + r)).sum()
    outputs = [m, p, cost, *sc.grad(cost, [z, q, r])]
    f, plain = sc.function([z, q, r], outputs, fast_math="reassociate"), sc.function([z, q, r], outputs)
    assert combined(f) >= 2
    for n in LENGTHS[1:]:
        value = np.random.default_rng(n).normal(size=n)
        for found, expected in zip(f(value, 0.1, 0.5), plain(value, 0.1, 0.5), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", KINDS)
def test_in_gradients_0_times_what_is_no_number_is_0(dtype):
    """As one step after the other has it, in groups with and without such factors."""
    x, w = T.vector("x", dtype=dtype), T.vector("w", dtype=dtype)
    rows, _ = sc.scan(lambda v, s: T.log(s * v + one(v)), x, one(x))
    gradient = sc.grad((rows * w).sum(), x)
    plain, f = (sc.function([x, w], gradient, fast_math=setting) for setting in (None, "reassociate"))
    assert combined(f)
    for n in LENGTHS[1:]:
        value, weight = data(n, dtype)
        np.testing.assert_allclose(f(value, weight), plain(value, weight), rtol=400 * np.finfo(dtype).eps)
    for bad in (0.0, np.inf, -np.inf, np.nan):
        for place in range(20, 32):
            value, weight = data(64, dtype)
            value[place], weight[place:] = bad, 0  # all that follows is of no weight
            with np.errstate(all="ignore"):
                np.testing.assert_allclose(f(value, weight), plain(value, weight), rtol=400 * np.finfo(dtype).eps)
