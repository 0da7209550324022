"""`fast_math`: what it takes, what it allows, and that nothing else changes a number."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc import fast_math
from scancc.codegen.target import host
from scancc.fast_math import ALL, DEFAULT, STRICT, FastMath

x, a, b, k = T.vector("x"), T.vector("a"), T.vector("b"), T.scalar("k")


def approach(**options: Any) -> Any:
    """Each row goes a part k of the way to x."""
    rows, _ = sc.scan(lambda v, m, k: m + k * (v - m), x, T.constant(0.0), [k], **options)
    return rows


# ---- what it takes ----


@pytest.mark.parametrize(("given", "meant"), [
    (True, ALL), ("all", ALL), (["contract", "reassociate", "approximate"], ALL), (False, STRICT), ((), STRICT),
    ("strict", STRICT), ("none", STRICT), ("default", DEFAULT), (DEFAULT, DEFAULT),
    ("reassociate", FastMath(frozenset({"reassociate"}))), ({"contract"}, FastMath(frozenset({"contract"}))),
    ("contract, approximate", FastMath(frozenset({"contract", "approximate"}))),
])  # fmt: skip
def test_values(given: Any, meant: FastMath) -> None:
    assert fast_math.parse(given) == meant
    assert fast_math.parse(str(meant)) == meant
    assert sc.function([x], x * 2, fast_math=given).program.fast_math == meant


@pytest.mark.parametrize("wrong", ["asociate", ["contract", "fast"], ("default", "contract")])
def test_unknown_parts_are_refused_with_the_parts(wrong: Any) -> None:
    for use in (lambda: sc.function([x], x, fast_math=wrong), lambda: approach(fast_math=wrong),
                lambda: setattr(sc.config, "fast_math", wrong)):
        with pytest.raises(ValueError, match="has no part .*contract, reassociate, approximate"):
            use()


@pytest.mark.parametrize("wrong", [3, 0.5, object()])
def test_values_of_another_kind_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="contract, reassociate, approximate"):
        sc.function([x], x, fast_math=wrong)


def test_the_switch_counts_where_the_call_does_not_say() -> None:
    with sc.change_flags(fast_math=("reassociate",)):
        assert sc.config.fast_math == "reassociate"
        f, g = sc.function([x], x * 2), sc.function([x], x * 2, fast_math=False)
    assert (str(f.program.fast_math), str(g.program.fast_math)) == ("reassociate", "strict")
    assert sc.function([x], x * 2).program.fast_math == DEFAULT
    with sc.change_flags(contract=False):  # the older name
        assert sc.function([x], x * 2).program.fast_math == STRICT


def test_copies_keep_it() -> None:
    f = sc.function([x], x * 2, fast_math="approximate")
    for other in (f.copy(), f.in_mode("reference"), pickle.loads(pickle.dumps(f))):
        assert other.program.fast_math == f.program.fast_math


def test_views_take_it() -> None:
    for view in (sc.map, sc.reduce, sc.foldl, sc.foldr):
        states = () if view is sc.map else (T.constant(0.0),)
        with pytest.raises(ValueError, match="has no part 'fast'"):
            view(lambda v, *s: v, x, *states, fast_math="fast")


# ---- what is done by default ----


def test_the_root_of_a_difference_of_equal_squares_is_zero() -> None:
    f = sc.function([a, b], T.sqrt(a * a - b * b))
    np.testing.assert_array_equal(f([0.1, 0.3], [0.1, 0.3]), [0, 0])


@pytest.mark.parametrize("step", [
    lambda v, w: T.sqrt(v * v - w), lambda v, w: T.sqrt(w - v * v), lambda v, w: T.sqrt(w + (-v) * v),
    lambda v, w: v * w - w * v, lambda v, w: v * (-w) + w * v, lambda v, w: T.log1p(v * v - w),
])  # fmt: skip
def test_what_cancels_is_zero_also_in_a_step(step: Any) -> None:
    """m2 - m*m of a constant series, determinants and conjugate products: nothing is left of the rounding."""
    rows, _ = sc.map(step, [a, b])
    for value in (0.1, 0.3, 1 / 7):
        v = np.full(33, value)
        want = sc.function([a, b], rows, mode="reference")(v, v * v)
        for f in (sc.function([a, b], rows), sc.function([a, b], step(a, b))):
            np.testing.assert_array_equal(f(v, v * v), want)


def test_an_approach_with_a_large_factor_keeps_its_digits() -> None:
    v, m, factor = T.fvector("v"), T.fscalar("m"), T.fscalar("factor")
    rows, _ = sc.scan(lambda v, m, f: m + f * (v - m), v, m, [factor])
    args = np.array([300.01], np.float32), np.float32(300), np.float32(1000)
    want = sc.function([v, m, factor], rows, mode="reference")(*args)
    np.testing.assert_allclose(sc.function([v, m, factor], rows)(*args), want, rtol=1e-7)


@pytest.mark.parametrize("share", [0.1, 1 / 3, 0.999])
def test_an_approach_keeps_a_constant_series_and_infinities(share: float) -> None:
    f, reference = (sc.function([x, k], approach(), mode=m) for m in ("native", "reference"))
    rows, _ = sc.scan(lambda v, m, k: m + k * (v - m), x, x[0], [k])
    constant = sc.function([x, k], rows)(np.full(50, 0.1), share)
    np.testing.assert_array_equal(constant, np.full(50, 0.1))
    series = np.array([1, np.inf, 2, -np.inf, 3])
    np.testing.assert_array_equal(f(series, share), reference(series, share))


def test_no_rewriting_by_default_and_remarks_say_what_would_allow_it() -> None:
    f = sc.function([x, k], approach())
    assert any("fast_math='reassociate' allows it" in str(r) for r in f.remarks)
    assert set(f.compiled.fast_math_used) <= {"contract"}


# ---- what is allowed ----


def test_reassociate_by_function_and_by_scan() -> None:
    for f in (sc.function([x, k], approach(), fast_math="reassociate"),
              sc.function([x, k], approach(fast_math="reassociate")),
              sc.function([x, k], approach(fast_math="reassociate"), fast_math=False)):
        assert "reassociate" in f.compiled.fast_math_used
        assert any(r.pass_name == "latency" and r.done for r in f.remarks)
        np.testing.assert_allclose(f([1, 2], 0.5), [0.5, 1.25])
    kept = sc.function([x, k], approach(fast_math="default"), fast_math=True)
    assert "reassociate" not in kept.compiled.fast_math_used


def test_two_scans_that_allow_different_things_are_two() -> None:
    f = sc.function([x, k], [approach(), approach(fast_math="reassociate")])
    assert f.dump("scan").count("= scan ") == 2


def test_the_gradient_of_a_scan_allows_what_the_scan_does() -> None:
    text = sc.function([x, k], T.grad(approach(fast_math="reassociate").sum(), k)).dump("scan")
    assert text.count('fast_math "reassociate"') == 2


def test_approximate_divides_by_multiplying() -> None:
    rows, _ = sc.scan(lambda v, s, k: (v + s) / k, x, T.constant(0.0), [k])
    f = sc.function([x, k], rows, fast_math="approximate")
    assert "approximate" in f.compiled.fast_math_used
    np.testing.assert_allclose(f([1, 2, 3], 7), sc.function([x, k], rows)([1, 2, 3], 7), rtol=1e-15)


def test_approximate_computes_a_tanh_of_float32_in_float32() -> None:
    v = T.vector("v", dtype="float32")
    f, default = (sc.function([v], T.tanh(v), fast_math=setting) for setting in ("approximate", "reassociate"))
    assert "approximate" in f.compiled.fast_math_used and "approximate" not in default.compiled.fast_math_used
    given = np.concatenate([np.linspace(-12, 12, 4001), np.logspace(-44, 0, 300), [0, np.inf, -np.inf]]).astype("f4")
    exact, found = np.tanh(given.astype("f8")), f(given)
    assert np.all(np.abs(found - exact) <= 6 * np.spacing(np.abs(exact).astype("f4"))) and np.abs(found).max() == 1
    assert np.isnan(f([np.nan])[0]) and np.signbit(f([-0.0])[0])


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reassociate_sums_the_terms_of_small_products_in_pairs(n: int, dtype: str) -> None:
    z, at, start = (T.TensorType(dtype, shape)(name) for name, shape in (
        ("z", (None, n)), ("at", (n, n)), ("start", (n, n))))

    def step(*parts: T.TensorVariable) -> list[T.TensorVariable]:
        z, p, m, a = parts
        grown = T.dot(T.dot(a, p), a.T) + 0.1 * T.eye(n, dtype=dtype)
        return [grown - T.dot(T.outer(z, m), a), z - T.dot(a, m)]
    (p, m), _ = sc.scan(step, z, [start, start[0]], [at])
    f = sc.function([z, at, start], [p, m], fast_math="reassociate")
    assert len(f.remarks("pair-terms", done=True)) == 3
    rng = np.random.default_rng(n)
    data = [rng.uniform(-0.4, 0.4, shape).astype(dtype) for shape in ((30, n), (n, n), (n, n))]
    for got, want in zip(f(*data), sc.function([z, at, start], [p, m], mode="reference")(*data), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=20 * np.finfo(dtype).eps)


def test_products_with_rows_of_a_table_keep_their_order() -> None:
    """A step seldom waits for the row that the last one wrote."""
    table, places, v = T.matrix("table", shape=(None, 8)), T.lvector("places"), T.matrix("v", shape=(3, 8))
    rows, _ = sc.scan(lambda i, w: T.set_subtensor(w[i], T.dot(T.dot(v, w[i]), v)), places, table, strict=False)
    f = sc.function([table, places, v], rows[-1], fast_math="reassociate")
    assert not f.remarks("pair-terms", done=True)


@pytest.mark.parametrize("shape", [(), (5,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_approximate_divides_once_where_a_step_divides_by_quotients(shape: tuple[int, ...], dtype: str) -> None:
    rank = len(shape)
    g, start = T.TensorType(dtype, (None,) * (1 + rank))("g"), T.TensorType(dtype, (None,) * rank)("start")

    def step(g: T.TensorVariable, y: T.TensorVariable) -> T.TensorVariable:
        x = g / (y * y + 4)
        return 1 / (1 + x) + (3 - g) / T.sqrt(2 * x + 2) + g / (5 - 3 * x)
    rows, _ = sc.scan(step, g, start)
    f = sc.function([g, start], rows, fast_math="approximate")
    assert f.dump("scan").count(" / ") < sc.function([g, start], rows).dump("scan").count(" / ")
    data = np.random.default_rng(0).uniform(0.1, 3, (40, *shape)).astype(dtype), np.ones(shape, dtype)
    want = sc.function([g, start], rows, mode="reference")(*data)
    np.testing.assert_allclose(f(*data), want, rtol=200 * np.finfo(dtype).eps)


@pytest.mark.skipif(not host().has_fma, reason="needs a fused multiply-add")
def test_contract_joins_a_difference_where_it_is_asked_for() -> None:
    f = sc.function([a, b], a * a - b * b, fast_math="contract")
    assert np.all(f([0.1, 0.3], [0.1, 0.3]) != 0)
    assert f.compiled.fast_math_used == ("contract",)


def test_a_sum_is_rounded_once_by_default_and_twice_where_strict() -> None:
    f, strict = (sc.function([x, a, b], x * a + b, fast_math=m) for m in (None, False))
    args = [np.random.default_rng(5).standard_normal(100) for _ in range(3)]
    np.testing.assert_array_equal(strict(*args), args[0] * args[1] + args[2])
    if host().has_fma:
        exact = [float(Fraction(x) * Fraction(a) + Fraction(b)) for x, a, b in zip(*args, strict=True)]
        np.testing.assert_array_equal(f(*args), exact)


def fma(x: float, y: float, z: float) -> float:
    return float(Fraction(x) * Fraction(y) + Fraction(z))


@pytest.mark.skipif(not host().has_fma, reason="no fused multiply-add")
@pytest.mark.parametrize(("step", "wanted"), [
    (lambda v, m, a: v - a * m, lambda v, m, n, a: fma(-a, m, v)),
    (lambda v, m, a: a * m - v, lambda v, m, n, a: fma(a, m, -v)),
    (lambda v, m, a: v * v - a * m, lambda v, m, n, a: v * v - a * m),      # a difference of two products
    (lambda v, m, a: a - v * m, lambda v, m, n, a: fma(-v, m, a)),          # a third that no step changes
    (lambda v, m, n, a: v - a * m - a * n, lambda v, m, n, a: fma(-a, m, v) - a * n),
    (lambda v, m, n, a: v - a * n - a * m, lambda v, m, n, a: fma(-a, m, fma(-a, n, v))),
    (lambda v, m, n, a: m - a * n - v, lambda v, m, n, a: m - a * n - v),   # the sum alone is shorter
    (lambda v, m, n, a: a * m + a * n + v, lambda v, m, n, a: fma(a, m, a * n) + v),
])
@pytest.mark.parametrize("rows", [False, True])
def test_what_a_step_rounds_once(step: Any, wanted: Any, rows: bool) -> None:
    """A state, an unchanging factor and a third that is no product; of two rows back the newest alone waits."""
    two, v = step.__code__.co_argcount == 4, T.matrix("v") if rows else T.vector("v")
    zero = T.zeros((2, 3) if rows else 2)
    m, _ = sc.scan(step, v, {"initial": zero, "taps": [-1, -2]} if two else zero[0], [k])
    values = np.random.default_rng(2).normal(size=(40, 3))
    found = sc.function([v, k], m)(values if rows else values[:, 0], 0.7)
    newest = older = 0.0
    for value, one in zip(values[:, 0].tolist(), (found[:, 0] if rows else found).tolist(), strict=True):
        newest, older = wanted(value, newest, older, 0.7), newest
        assert one == newest


def test_a_strict_scan_in_a_function_that_is_not() -> None:
    rows, _ = sc.scan(lambda v, s, k: s * k + v, x, T.constant(0.0), [k], fast_math=False)
    f = sc.function([x, k], [rows, x * k + x])
    assert f.dump("scan").count("+! ") == 1 and f.dump("scan").count("fma(") == host().has_fma
    series, (want, total) = np.random.default_rng(3).standard_normal(50), ([], 0.0)
    for value in series:
        total = total * (1 / 3) + value
        want.append(total)
    np.testing.assert_array_equal(f(series, 1 / 3)[0], want)


def test_a_strict_sum_goes_from_first_to_last() -> None:
    values = np.random.default_rng(1).standard_normal(1003).astype(np.float32)
    v, w = T.fvector("v"), T.fvector("w")
    want = np.float32(0)
    for value in values:
        want += value
    assert sc.function([v], v.sum(), fast_math=False)(values) == want
    ones = np.ones_like(values)
    assert sc.function([v, w], T.dot(v, w), fast_math=False)(values, ones) == want


# ---- where it shows ----


def test_the_manifest_says_what_was_allowed_and_used(tmp_path: Path) -> None:
    rows = approach(fast_math="reassociate")
    sc.export(sc.function([x, k], rows, name="f", fast_math="approximate"), tmp_path, emit="json")
    found = json.loads((tmp_path / "f.json").read_text())["functions"][0]["fast_math"]
    assert found["allowed"] == "approximate" and "reassociate" in found["used"]


def test_each_setting_has_code_of_its_own() -> None:
    texts = {sc.function([x, k], approach(), fast_math=m).dump("llvm") for m in (None, "reassociate")}
    assert len(texts) == 2
