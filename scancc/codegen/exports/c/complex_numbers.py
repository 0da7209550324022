"""C of complex numbers, which are pairs of floats here: C's own multiply and divide otherwise.

A function of one gives its parts by pointers: `complex_exp_f64(x, y, &re, &im)`. A vector is made lane by lane; the
parts of its numbers take turns, as in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from .formulas import elementary
from .library import CFunction
from .printer import Expr, FunctionPrinter, Operand, Pair, prints
from .types import c_type

Rule = Callable[..., Pair | Expr]  # of a printer, an op, and the numbers that the op takes; what it makes of them


def _rule(*names: str) -> Callable[[Rule], Rule]:
    """A rule for numbers serves vectors, too."""
    def register(rule: Rule) -> Rule:
        prints(*names)(lambda p, op: in_lanes(p, op, rule) if _has_lanes(op) else _whole(p, op, rule))
        return rule
    return register


def _has_lanes(op: Op) -> bool:
    return isinstance(op.result.type, t.VectorType)


def _whole(p: FunctionPrinter, op: Op, rule: Rule) -> None:
    made = rule(p, op, *(p.pair(v) if t.is_complex(v.type) else Expr(p.word(v)) for v in op.operands))
    if isinstance(made, Expr) and not made.text.isidentifier():
        p.define(op.result, made.text)
    else:
        p.env[op.result] = made


def in_lanes(p: FunctionPrinter, op: Op, rule: Rule) -> None:
    """A vector, or one made of vectors of complex numbers."""
    words, name = [p.word(v) for v in op.operands], p.fresh(p.hint(op.result) or "z")
    assert isinstance(op.result.type, t.VectorType)
    p.line(f"{p.out.type(op.result.type)} {name};")
    p.open(f"for (int lane = 0; lane < {op.result.type.shape[0]}; ++lane)")
    made = rule(p, op, *(_lane(word, v.type) for word, v in zip(words, op.operands, strict=True)))
    for place, part in zip(_places(name, op.result.type), _parts(made), strict=True):
        p.line(f"{place} = {part.text};")
    p.close()
    p.env[op.result] = Expr(name)


def _places(word: str, type: t.Type) -> list[str]:
    """Where a vector has the parts of a lane."""
    return [f"{word}[2 * lane]", f"{word}[2 * lane + 1]"] if t.is_complex(type) else [f"{word}[lane]"]


def _lane(word: str, type: t.Type) -> Operand:
    parts = [Expr(place) for place in _places(word, type)]
    return Pair(*parts) if len(parts) == 2 else parts[0]


def _parts(number: Pair | Expr) -> list[Expr]:
    return [number.re, number.im] if isinstance(number, Pair) else [number]


@_rule("complex.create")
def create(p: FunctionPrinter, op: Op, re: Expr, im: Expr) -> Pair:
    return Pair(re, im)


@_rule("complex.re")
def real(p: FunctionPrinter, op: Op, z: Pair) -> Expr:
    return z.re


@_rule("complex.im")
def imaginary(p: FunctionPrinter, op: Op, z: Pair) -> Expr:
    return z.im


def _named(p: FunctionPrinter, result: Value, re: str, im: str) -> Pair:
    """A complex number of two expressions."""
    names = [p.fresh(f"{result.name or 'z'}_{part}") for part in ("re", "im")]
    for name, text in zip(names, (re, im), strict=True):
        p.line(f"const {c_type(t.part(result.type))} {name} = {text};")
    return Pair(*map(Expr, names))


@_rule("complex.add", "complex.sub")
def add(p: FunctionPrinter, op: Op, x: Pair, y: Pair) -> Pair:
    sign = "+" if op.name == "complex.add" else "-"
    return _named(p, op.result, f"{x.re.text} {sign} {y.re.text}", f"{x.im.text} {sign} {y.im.text}")


@_rule("complex.neg")
def negate(p: FunctionPrinter, op: Op, z: Pair) -> Pair:
    return _named(p, op.result, f"-({z.re.text})", f"-({z.im.text})")


def product(x: Pair, y: Pair) -> tuple[str, str]:
    (a, b), (c, d) = ((z.re.text, z.im.text) for z in (x, y))
    return f"{a} * {c} - {b} * {d}", f"{a} * {d} + {b} * {c}"


@_rule("complex.mul")
def multiply(p: FunctionPrinter, op: Op, x: Pair, y: Pair) -> Pair:
    return _named(p, op.result, *product(x, y))


@_rule("complex.eq", "complex.neq")
def compare(p: FunctionPrinter, op: Op, x: Pair, y: Pair) -> Expr:
    sign, word = ("==", "&&") if op.name == "complex.eq" else ("!=", "||")
    return Expr(f"{x.re.text} {sign} {y.re.text} {word} {x.im.text} {sign} {y.im.text}")


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


def _called(p: FunctionPrinter, op: Op, function: CFunction, *operands: Pair) -> Pair:
    kind, name = c_type(t.part(op.result.type)), op.result.name or "z"
    parts = [p.fresh(f"{name}_{part}") for part in ("re", "im")]
    p.line(f"{kind} {parts[0]}, {parts[1]};")
    given = [part.text for z in operands for part in (z.re, z.im)]
    p.line(f"{p.need(function)}({', '.join([*given, *(f'&{part}' for part in parts)])});")
    return Pair(*map(Expr, parts))


@_rule("complex.div")
def divide(p: FunctionPrinter, op: Op, x: Pair, y: Pair) -> Pair:
    return _called(p, op, _quotient(_element(op)), x, y)


@_rule(*(f"complex.{name}" for name in _FORMULAS))
def function_of_one(p: FunctionPrinter, op: Op, z: Pair) -> Pair:
    return _called(p, op, _function(op.name[8:], _element(op), p.out.fma), z)


def _element(op: Op) -> t.FloatType:
    part = t.part(op.result.type)
    assert isinstance(part, t.FloatType)
    return part
