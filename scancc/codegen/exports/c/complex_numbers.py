"""C of complex numbers, which are pairs of floats here: C's own multiply and divide otherwise.

A function of one gives its parts by pointers: `complex_exp_f64(x, y, &re, &im)`.
"""

from __future__ import annotations

from functools import cache

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from .formulas import elementary
from .library import CFunction
from .printer import Expr, FunctionPrinter, Pair, prints
from .types import c_type


@prints("complex.create")
def create(p: FunctionPrinter, op: Op) -> None:
    p.env[op.result] = Pair(*(Expr(p.word(v)) for v in op.operands))


@prints("complex.re", "complex.im")
def part(p: FunctionPrinter, op: Op) -> None:
    pair = p.pair(op.operands[0])
    p.env[op.result] = pair.re if op.name == "complex.re" else pair.im


def _named(p: FunctionPrinter, result: Value, re: str, im: str) -> None:
    """A complex number of two expressions."""
    names = [p.fresh(f"{result.name or 'z'}_{part}") for part in ("re", "im")]
    for name, text in zip(names, (re, im), strict=True):
        p.line(f"const {c_type(result.type)} {name} = {text};")
    p.env[result] = Pair(*map(Expr, names))


def _words(p: FunctionPrinter, op: Op) -> list[tuple[str, str]]:
    return [(pair.re.text, pair.im.text) for pair in (p.pair(v) for v in op.operands)]


@prints("complex.add", "complex.sub")
def add(p: FunctionPrinter, op: Op) -> None:
    (a, b), (c, d) = _words(p, op)
    sign = "+" if op.name == "complex.add" else "-"
    _named(p, op.result, f"{a} {sign} {c}", f"{b} {sign} {d}")


@prints("complex.neg")
def negate(p: FunctionPrinter, op: Op) -> None:
    ((a, b),) = _words(p, op)
    _named(p, op.result, f"-({a})", f"-({b})")


@prints("complex.mul")
def multiply(p: FunctionPrinter, op: Op) -> None:
    (a, b), (c, d) = _words(p, op)
    _named(p, op.result, f"{a} * {c} - {b} * {d}", f"{a} * {d} + {b} * {c}")


@prints("complex.eq", "complex.neq")
def compare(p: FunctionPrinter, op: Op) -> None:
    (a, b), (c, d) = _words(p, op)
    if op.name == "complex.eq":
        p.define(op.result, f"{a} == {c} && {b} == {d}")
    else:
        p.define(op.result, f"{a} != {c} || {b} != {d}")


_FORMULAS = {  # statements that set *re and *im; T the type, F the end of its functions' names, f that of libm's
    "exp": ("exp sin cos", """\
    const T size = exp_F(x);
    *re = size * cos_F(y);
    *im = y == 0.0f ? y : size * sin_F(y);"""),
    "log": ("hypot log atan2", """\
    *re = log_F(hypot_F(x, y));
    *im = atan2_F(y, x);"""),
    "sqrt": ("hypot", """\
    const T w = sqrt$((hypot_F(x, y) + fabs$(x)) * 0.5f), other = y / ((w == 0.0f ? 1.0f : w) * 2.0f);
    *re = w == 0.0f ? 0.0f : x >= 0.0f ? w : fabs$(other);
    *im = w == 0.0f ? y : x >= 0.0f ? other : copysign$(w, y);"""),
    "sin": ("sin cos sinh cosh", """\
    *re = sin_F(x) * cosh_F(y);
    *im = cos_F(x) * sinh_F(y);"""),
    "cos": ("sin cos sinh cosh", """\
    *re = cos_F(x) * cosh_F(y);
    *im = -(sin_F(x) * sinh_F(y));"""),
    "tanh": ("tanh tan", """\
    const T size = tanh_F(x), slope = tan_F(y), below = 1.0f + (size * size) * (slope * slope);
    *re = size * (1.0f + slope * slope) / below;
    *im = slope * (1.0f - size * size) / below;"""),
}


@cache
def _function(name: str, element: t.FloatType, fma: bool) -> CFunction:
    used, body = _FORMULAS[name]
    kind, called = c_type(element), f"complex_{name}_{element}"
    body = body.replace("_F(", f"_{element}(").replace("T ", f"{kind} ").replace("$", "" if element == t.f64 else "f")
    return CFunction(called, f"static void {called}({kind} x, {kind} y, {kind} *re, {kind} *im)\n{{\n{body}\n}}\n",
                     tuple(elementary(fn, str(element), fma) for fn in used.split()))


@cache
def _quotient(element: t.FloatType) -> CFunction:
    kind, name, f = c_type(element), f"complex_div_{element}", "" if element == t.f64 else "f"
    return CFunction(name, f"""\
/* (a + ib) / (c + id), scaled by the larger part of the divisor (Smith, 1962). */
static void {name}({kind} a, {kind} b, {kind} c, {kind} d, {kind} *re, {kind} *im)
{{
    const int by_real = fabs{f}(c) >= fabs{f}(d);
    const {kind} large = by_real ? c : d, small = by_real ? d : c;
    const {kind} ratio = large == 0.0f ? 0.0f : small / large, scale = large + small * ratio;
    *re = ((by_real ? a : b) + (by_real ? b : a) * ratio) / scale;
    *im = (by_real ? b - a * ratio : b * ratio - a) / scale;
}}
""")


def _called(p: FunctionPrinter, op: Op, function: CFunction) -> None:
    kind, name = c_type(op.result.type), op.result.name or "z"
    parts = [p.fresh(f"{name}_{part}") for part in ("re", "im")]
    p.line(f"{kind} {parts[0]}, {parts[1]};")
    given = [word for pair in _words(p, op) for word in pair]
    p.line(f"{p.need(function)}({', '.join([*given, *(f'&{part}' for part in parts)])});")
    p.env[op.result] = Pair(*map(Expr, parts))


@prints("complex.div")
def divide(p: FunctionPrinter, op: Op) -> None:
    _called(p, op, _quotient(_element(op)))


@prints(*(f"complex.{name}" for name in _FORMULAS))
def function_of_one(p: FunctionPrinter, op: Op) -> None:
    _called(p, op, _function(op.name[8:], _element(op), p.out.fma))


def _element(op: Op) -> t.FloatType:
    type = op.result.type
    assert isinstance(type, t.ComplexType)
    return type.element
