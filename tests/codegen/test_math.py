"""Elementary functions: stated errors against mpmath, special values, equal bits, no calls."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scancc.codegen.math import FUNCTIONS, define, module_text
from scancc.codegen.math.evaluate import Compiled, loop_text, optimized, target_machine
from scancc.codegen.target import levels, local
from scancc.config import change_flags

mpmath = pytest.importorskip("mpmath")
llvm = pytest.importorskip("llvmlite.binding")
mp = mpmath.mp

INF, NAN = float("inf"), float("nan")
N_POINTS = 240
NUMPY: dict[str, Any] = {"f32": np.float32, "f64": np.float64}
DTYPES = ("f64", "f32")
LEVELS = [*levels(), "native"]
EACH_LEVEL = [*(pytest.param(level, marks=pytest.mark.long) for level in levels()), "native"]

# Intervals of ordinary arguments, then points next to which formulas change.
SAMPLES: dict[str, tuple[list[tuple[float, float]], list[float]]] = {
    "exp": ([(-1, 1), (-745, 709.7), (-103, 88.7)], [0.3466, -0.3466, 709.78, -708.5, -745]),
    "exp2": ([(-1, 1), (-1074, 1023.9), (-149, 127.9)], [0.5, -0.5, 1.5, -1022, -1074]),
    "expm1": ([(-1, 1), (-40, 700), (-0.01, 0.01)], [0.3466, -0.3466, 1.04, 709.7, -37, 1e-17]),
    "tanh": ([(-1, 1), (-20, 20)], [0.1733, 9.01, 9.2, 19, 20, 1e-9]),
    "short_tanh": ([(-1, 1), (-20, 20)], [0.1733, 8.608, 9.01, 9.2, 19, 1e-9, 1e-30]),
    "sigmoid": ([(-5, 5), (-700, 40), (-100, 20)], [0, -708.5, 37]),
    "softplus": ([(-5, 5), (-700, 700)], [-0.8814, 0.8814, -745, 709]),
    "log": ([(0.5, 2), (0, 1000)], [0.70710678, 1.41421356, 1, 5e-324, 1e-310, 1e-40]),
    "log2": ([(0.5, 2), (0, 1000)], [0.70710678, 1.41421356, 1, 8, 5e-324, 1e-40]),
    "log10": ([(0.5, 2), (0, 2000)], [0.70710678, 1.41421356, 1, 1000, 5e-324, 1e-40]),
    "log1p": ([(-1, 1), (-0.01, 0.01), (0, 1e6)], [-0.29289, 0.41421356, 1e16, 1e17, 1e300, 1e-17]),
    "sin": ([(-1, 1), (-100, 100)], [0.785398, 3.14159265, 2.0**28, 1e22, 1e300, 6381956970095103 * 2.0**797]),
    "cos": ([(-1, 1), (-100, 100)], [0.785398, 1.57079632, 2.0**28, 1e22, 1e300, 6381956970095103 * 2.0**797]),
    "tan": ([(-1, 1), (-100, 100)], [0.785398, 1.57079632, 2.0**28, 1e22, 1e300, 6381956970095103 * 2.0**797]),
    "sinh": ([(-2, 2), (-700, 700), (-88, 88)], [1, 710.4, 1e-9]),
    "cosh": ([(-2, 2), (-700, 700), (-88, 88)], [0, 710.4]),
    "asinh": ([(-1, 1), (-100, 100)], [1e-9, 2.0**60, 1e300]),
    "acosh": ([(1, 1.1), (1, 100)], [1, 1 + 2.0**-40, 2.0**60, 1e300]),
    "atanh": ([(-1, 1), (-0.1, 0.1)], [1e-9, 0.999999, 1 - 2.0**-23]),
    "asin": ([(-1, 1), (-0.1, 0.1)], [0.5, 1, -1, 1e-9]),
    "acos": ([(-1, 1), (0.99, 1)], [0.5, -0.5, 1, -1, 0]),
    "atan": ([(-1, 1), (-10, 10)], [0.4375, 1, 1 / 0.4375, 1e18, 1e-9]),
    "atan2": ([(-1, 1), (-100, 100)], []),
    "cbrt": ([(-10, 10)], [1, 8, 27, 5e-324, 1e-40, 1.7e308]),
    "hypot": ([(-1, 1), (-100, 100)], []),
    "erf": ([(-1.5, 1.5), (-6, 6)], [1, 1e-9, 5.9]),
    "erfc": ([(-1, 1), (-6, 27)], [0.5, -0.5, 10, 26.6]),
    "lgamma": ([(0, 3), (0.9, 1.1), (1.9, 2.1), (0, 20), (-30, 0)], [1, 2, 0.5, 1.5, 7.999, 8, 1e-300, 1e300]),
    "digamma": ([(0, 3), (1.4, 1.5), (0, 20), (-30, 0)], [1, 2, 7.999, 8, 1e-30, 1e300]),
    "powf": ([(0, 3), (0, 50)], []),
}  # fmt: skip

MPMATH: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: mp.mpf(2) ** x,
    "short_tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "log2": lambda x: mp.log(x, 2),
    "powf": mp.power,
    "lgamma": lambda x: mp.loggamma(x) if x > 0 else mp.log(abs(mp.gamma(x))),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
}


@cache
def compiled(fn: str, dtype: str, width: int, level: str) -> Compiled:
    with change_flags(cpu=level):
        target = local()
    return Compiled(define(fn, dtype, width, target.has_fma), dtype, width, FUNCTIONS[fn].n_arguments, target)


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    """Equal bits; a NaN is a NaN, whatever its sign and payload."""
    bits = f"u{first.itemsize}"
    return bool(np.all((first.view(bits) == second.view(bits)) | (np.isnan(first) & np.isnan(second))))


@cache
def sample(fn: str, dtype: str) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(sum(map(ord, fn)))
    intervals, special = SAMPLES[fn]
    columns = []
    for i in range(FUNCTIONS[fn].n_arguments):
        ordinary = [rng.uniform(low, high, N_POINTS // len(intervals)) for low, high in intervals]
        if fn == "powf" and i == 1:
            ordinary = [rng.uniform(-100, 100, len(c)) for c in ordinary]
        scaled = rng.standard_normal(N_POINTS // 2) * np.exp2(rng.uniform(-60, 6, N_POINTS // 2))
        near = [np.nextafter(s, s + d) for s in special for d in (-1, 0, 1)]
        with np.errstate(over="ignore"):
            columns.append(np.concatenate([*ordinary, scaled, near]).astype(NUMPY[dtype]))
    return tuple(columns)


def true_value(fn: str, arguments: tuple[float, ...]) -> Any:
    """None outside the domain and at poles."""
    function = MPMATH.get(fn) or getattr(mp, fn)
    with mp.workprec(160):
        try:
            value = function(*map(mp.mpf, arguments))
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        return value if isinstance(value, mpmath.mpf) and mp.isfinite(value) else None


def larger_term(fn: str, arguments: tuple[float, ...]) -> Any:
    """Whose ulps count as well: gamma functions of negative x have roots all over, where terms cancel."""
    if fn not in ("lgamma", "digamma") or arguments[0] >= 0:
        return mp.mpf(0)
    return max(mp.mpf(1), abs(true_value(fn, (-arguments[0],)) or 0))


@cache
def truth(fn: str, dtype: str) -> list[Any]:
    return [true_value(fn, tuple(map(float, point))) for point in zip(*sample(fn, dtype), strict=True)]


def error_ulp(got: float, true: Any, dtype: str, at_least: Any = 0) -> float:
    """In ulps of the true value, or of `at_least` where that is larger."""
    info = np.finfo(NUMPY[dtype])
    largest = max(abs(true), at_least)
    exponent = max(mp.frexp(largest)[1] - 1, info.minexp) - info.nmant
    if not np.isfinite(got):
        overflows = abs(true) > mp.mpf(float(info.max)) * (1 + mp.mpf(float(info.eps)) / 4)
        return 0.0 if overflows and np.sign(got) == mp.sign(true) else INF
    return float(abs(mp.mpf(float(got)) - true) / mp.ldexp(1, exponent))


@pytest.mark.long
@pytest.mark.parametrize("level", EACH_LEVEL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fn", FUNCTIONS)
def test_error_is_the_stated_one(fn: str, dtype: str, level: str) -> None:
    columns = sample(fn, dtype)
    got = compiled(fn, dtype, 8, level)(*columns)
    points = list(zip(got, truth(fn, dtype), *columns, strict=True))
    errors = [
        (error_ulp(float(g), true, dtype, larger_term(fn, tuple(map(float, x)))), x)
        for g, true, *x in points
        if true is not None
    ]
    outside = [(x, g) for g, true, *x in points if true is None and np.all(np.isfinite(x))]
    assert len(errors) > N_POINTS // 4
    assert max(errors)[0] <= FUNCTIONS[fn].error_ulp(dtype), max(errors)
    assert not [(x, g) for x, g in outside if np.isfinite(g)]


@pytest.mark.long
@pytest.mark.parametrize("level", EACH_LEVEL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fn", FUNCTIONS)
def test_same_bits_at_every_width(fn: str, dtype: str, level: str) -> None:
    special = np.array([0.0, -0.0, 1, -1, INF, -INF, NAN, 1e30, -3e38, 1e-40, 0.5, -2])
    columns = [np.concatenate([c, np.roll(special, 5 * i)]) for i, c in enumerate(sample(fn, dtype))]
    single = compiled(fn, dtype, 1, level)(*columns)
    for width in (4, 8):
        assert same_bits(compiled(fn, dtype, width, level)(*columns), single)


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fn", FUNCTIONS)
def test_levels_differ_by_their_multiply_add_alone(fn: str, dtype: str) -> None:
    of: dict[bool, list[np.ndarray]] = {}
    for level in LEVELS:
        with change_flags(cpu=level):
            has_fma = local().has_fma
        of.setdefault(has_fma, []).append(compiled(fn, dtype, 8, level)(*sample(fn, dtype)))
    for results in of.values():
        assert all(same_bits(result, results[0]) for result in results)


def test_same_bits_in_a_vector_wider_than_the_machine() -> None:
    for fn in ("exp", "sin", "powf"):
        columns = sample(fn, "f64")
        wide, single = (compiled(fn, "f64", width, "native")(*columns) for width in (32, 1))
        assert same_bits(wide, single)


SPECIAL_VALUES: dict[str, list[tuple[float, ...]]] = {
    "exp": [(INF, INF), (-INF, 0), (0.0, 1), (-0.0, 1), (1e4, INF), (-1e4, 0)],
    "exp2": [(INF, INF), (-INF, 0), (0.0, 1), (3, 8), (-2, 0.25), (1e5, INF), (-1e5, 0)],
    "expm1": [(INF, INF), (-INF, -1), (0.0, 0.0), (-0.0, -0.0), (1e4, INF), (-1e4, -1)],
    "short_tanh": [(INF, 1), (-INF, -1), (0.0, 0.0), (-0.0, -0.0), (100, 1), (-100, -1)],
    "tanh": [(INF, 1), (-INF, -1), (0.0, 0.0), (-0.0, -0.0), (100, 1), (-100, -1)],
    "sigmoid": [(INF, 1), (-INF, 0), (0.0, 0.5), (100, 1), (-1e4, 0)],
    "softplus": [(INF, INF), (-INF, 0), (1e30, 1e30), (-1e4, 0)],
    "log": [(INF, INF), (0.0, -INF), (-0.0, -INF), (-1, NAN), (-INF, NAN), (1, 0.0)],
    "log2": [(INF, INF), (0.0, -INF), (-0.0, -INF), (-1, NAN), (1, 0.0), (8, 3), (0.25, -2), (2.0**100, 100)],
    "log10": [(INF, INF), (0.0, -INF), (-0.0, -INF), (-1, NAN), (1, 0.0), (1000, 3), (1e10, 10)],
    "log1p": [(INF, INF), (-1, -INF), (-2, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (1e4, INF), (-1e4, -INF)],
    "cosh": [(0.0, 1), (INF, INF), (-INF, INF), (1e4, INF), (-1e4, INF)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "acosh": [(1, 0.0), (INF, INF), (0.5, NAN), (-INF, NAN)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1, INF), (-1, -INF), (2, NAN), (INF, NAN)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1, np.pi / 2), (-1, -np.pi / 2), (2, NAN), (INF, NAN)],
    "acos": [(1, 0.0), (-1, np.pi), (0.0, np.pi / 2), (2, NAN), (-INF, NAN)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (INF, np.pi / 2), (-INF, -np.pi / 2)],
    "atan2": [(0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (0.0, -0.0, np.pi), (-0.0, -0.0, -np.pi), (0.0, -1, np.pi),
              (0.0, 1, 0.0), (1, 0.0, np.pi / 2), (-1, -0.0, -np.pi / 2), (INF, INF, np.pi / 4),
              (INF, -INF, 3 * np.pi / 4), (-INF, -INF, -3 * np.pi / 4), (1, INF, 0.0), (-1, INF, -0.0),
              (1, -INF, np.pi), (INF, 1, np.pi / 2), (NAN, 1, NAN), (1, NAN, NAN), (0.0, NAN, NAN)],
    "cbrt": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (27, 3), (-8, -2)],
    "hypot": [(3, 4, 5), (0.0, 0.0, 0.0), (-0.0, 2, 2), (INF, NAN, INF), (NAN, -INF, INF), (NAN, 1, NAN)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (30, 1)],
    "erfc": [(0.0, 1), (INF, 0), (-INF, 2), (100, 0), (-100, 2)],
    "lgamma": [(1, 0.0), (2, 0.0), (0.0, INF), (-0.0, INF), (-1, INF), (-5, INF), (INF, INF), (-INF, INF)],
    "digamma": [(0.0, -INF), (-0.0, INF), (-1, NAN), (INF, INF), (-INF, NAN)],
    "powf": [(NAN, 0.0, 1), (INF, -0.0, 1), (1, NAN, 1), (1, INF, 1), (NAN, 2, NAN), (2, NAN, NAN),
            (-1, INF, 1), (-1, -INF, 1), (-2, 3, -8), (-2, 2, 4), (-2, -1, -0.5), (-2, 0.5, NAN), (-1, 0.5, NAN),
            (0.0, 3, 0.0), (-0.0, 3, -0.0), (-0.0, 2, 0.0), (0.0, 0.5, 0.0), (-0.0, 0.5, 0.0),
            (0.0, -3, INF), (-0.0, -3, -INF), (-0.0, -2, INF), (0.0, -INF, INF), (-0.0, -0.5, INF),
            (0.5, INF, 0), (0.5, -INF, INF), (2, INF, INF), (2, -INF, 0), (-0.5, INF, 0), (-3, -INF, 0),
            (INF, 2, INF), (INF, -2, 0), (-INF, 3, -INF), (-INF, 2, INF), (-INF, -3, -0.0), (-INF, -2, 0.0),
            (-INF, 0.5, INF), (-INF, INF, INF), (10, 400, INF), (-10, 401, -INF), (10, -400, 0),
            (-10, -401, -0.0), (3, 4, 81), (2, 0.5, 2**0.5), (-1, 1e30, 1), (0.0, 0.0, 1)],
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fn", FUNCTIONS)
def test_special_values(fn: str, dtype: str) -> None:
    cases = [*SPECIAL_VALUES[fn]]
    if FUNCTIONS[fn].n_arguments == 1:
        cases.append((NAN, NAN))
    *columns, want = (np.array(c, NUMPY[dtype]) for c in zip(*cases, strict=True))
    for level in LEVELS:
        got = compiled(fn, dtype, 8, level)(*columns)
        np.testing.assert_array_equal(got, want)
        zero = want == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize("x", [2.0**28, 1e15, 1e22, 1.7e308, 6381956970095103 * 2.0**797])
def test_sine_of_a_huge_number_is_right_in_any_lane(x: float) -> None:
    """The slow reduction leaves the ordinary lanes beside it alone."""
    for dtype, argument in (("f64", x), ("f32", min(x, 3e38))):
        values = np.array([0.5, argument, -argument, 1.0, 2, 3, argument, 100], NUMPY[dtype])
        for fn in ("sin", "cos", "tan"):
            for got, value in zip(compiled(fn, dtype, 8, "native")(values), values, strict=True):
                true = true_value(fn, (float(value),))
                with mp.workprec(1400):
                    true = getattr(mp, fn)(mp.mpf(float(value)))
                assert error_ulp(got, true, dtype) <= FUNCTIONS[fn].error_ulp(dtype)


TARGETS = {
    "x86-64": ("x86_64-unknown-linux-gnu", "x86-64", "", 4, False),
    "haswell": ("x86_64-unknown-linux-gnu", "haswell", "", 4, True),
    "aarch64": ("aarch64-unknown-linux-gnu", "", "", 2, True),
    "wasm32": ("wasm32-unknown-unknown", "", "", 1, False),
    "sm_80": ("nvptx64-nvidia-cuda", "sm_80", "", 1, True),
}
_CALL = re.compile(r"^\s*(?:\{.*\}\s*)?(?:call\S*|bl|blr|jmp|b)\s+(.*)$", re.MULTILINE)


def cross_machine(target: str) -> Any:
    triple, cpu, features, _, _ = TARGETS[target]
    try:
        return target_machine(triple, cpu, features)
    except RuntimeError:
        pytest.skip(f"this llvmlite has no {target}")


def foreign_calls(text: str, machine: Any) -> list[str]:
    """The calls in its assembly that leave the module."""
    named = _CALL.findall(machine.emit_assembly(optimized(text, machine)))
    return [c for c in named if re.search(r"[a-zA-Z_]{2,}", c) and not re.search(r"scancc|LBB|\$L__|%r", c)]


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
def test_no_target_calls_a_library(target: str) -> None:
    machine = cross_machine(target)
    *_, width, fma = TARGETS[target]
    for dtype in DTYPES:
        for fn in FUNCTIONS:
            text = loop_text(define(fn, dtype, width, fma), dtype, width, FUNCTIONS[fn].n_arguments)
            assert not foreign_calls(text, machine), (fn, dtype)


@pytest.mark.parametrize("target", TARGETS)
def test_a_library_call_would_be_seen(target: str) -> None:
    text = "declare double @expm1(double)\ndefine double @apply(double %x) {\n"
    text += "%r = call double @expm1(double %x)\n%s = fadd double %r, 1.0\nret double %s\n}"
    assert foreign_calls(text, cross_machine(target))


@pytest.mark.parametrize("fn", ["exp", "sin", "powf", "lgamma"])
def test_ptx_rounds_every_operation_and_assembles(fn: str, tmp_path: Path) -> None:
    """An operation without .rn could be fused by ptxas, and the bits would be others than the CPU's."""
    machine = cross_machine("sm_80")
    text = loop_text(define(fn, "f64", 1, True), "f64", 1, FUNCTIONS[fn].n_arguments)
    ptx = machine.emit_assembly(optimized(text, machine))
    operations = re.findall(r"^\s+((?:add|sub|mul|div|fma|sqrt|rcp)\.\S*f64)", ptx, re.MULTILINE)
    assert operations and all(".rn." in operation for operation in operations)
    ptxas = shutil.which("ptxas")
    if ptxas is None:
        pytest.skip("the PTX is checked but not assembled: no ptxas here")
    (tmp_path / "fn.ptx").write_text(ptx)
    command = [ptxas, "--compile-only", "-arch=sm_80", "fn.ptx", "-o", "fn.o"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)


def test_a_definition_is_cached_and_quick_text() -> None:
    first = define("lgamma", "f64", 8, True)
    assert define("lgamma", "f64", 8, True) is first
    assert first.symbol == "scancc.lgamma.v8f64"
    assert "define internal <8 x double> @scancc.lgamma.v8f64(<8 x double> %x) alwaysinline" in first.text


def test_module_text_has_each_need_once() -> None:
    text = module_text([define(fn, "f64", 4, True) for fn in ("sin", "cos", "tan", "sin")])
    assert text.count("define internal void @scancc.trig.reduce") == 1
    assert text.count("define internal <4 x double> @scancc.sin") == 1
    llvm.parse_assembly(text).verify()
