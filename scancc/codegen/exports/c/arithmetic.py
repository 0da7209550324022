"""C of arithmetic: integers that wrap, floats as written, comparisons, conversions, elementary functions."""

from __future__ import annotations

import re
from collections.abc import Callable

from scancc.codegen.math import FUNCTIONS
from scancc.errors import UnsupportedError
from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.ir.ops import operand
from scancc.ir.powers import fixed_exponent

from .complex_numbers import in_lanes
from .formulas import elementary
from .library import FROM_HALF, HALF, TO_HALF, absolute, bit_count, bits_as, extremum, integer, to_integer
from .lines import bare
from .printer import Expr, FunctionPrinter, Pair, prints
from .types import c_type, float_text, integer_text, suffix, width


@prints("arith.constant")
def constant(p: FunctionPrinter, op: Op) -> None:
    attr, type = op.attrs["value"], op.result.type
    if isinstance(attr, t.FloatAttr):
        assert isinstance(attr.type, t.FloatType)
        p.env[op.result] = Expr(float_text(attr.value, attr.type.width))
    elif isinstance(attr, t.IntAttr):
        p.env[op.result] = Expr(str(int(bool(attr.value))) if type == t.i1 else integer_text(attr.value, width(type)))
    elif isinstance(type, t.VectorType):
        numbers = [_number(x, type.element) for x in attr.data.tolist()]
        p.define(op.result, f"{{{', '.join(numbers)}}}")
    else:
        raise UnsupportedError("constant tensors must be in memory before C is printed")


def _number(value: object, type: t.Type) -> str:
    if isinstance(type, t.FloatType):
        return float_text(float(value), type.width)  # type: ignore[arg-type]
    return str(int(bool(value))) if type == t.i1 else integer_text(int(value), width(type))  # type: ignore[call-overload]


# ---- floats ----

_FLOAT_SIGNS = {"addf": "+", "subf": "-", "mulf": "*", "divf": "/"}


@prints(*(f"arith.{name}" for name in _FLOAT_SIGNS))
def float_sign(p: FunctionPrinter, op: Op) -> None:
    sign = _FLOAT_SIGNS[op.name[6:]]
    p.elementwise(op, lambda a, b: p.rounded(op.result.type, f"{a} {sign} {b}"), sign)


@prints("arith.negf")
def negate(p: FunctionPrinter, op: Op) -> None:
    p.elementwise(op, lambda a: f"-{a}" if a[0] != "-" else f"-({a})")


@prints("arith.remf")
def remainder(p: FunctionPrinter, op: Op) -> None:
    called = _libm("fmod", op.result.type)
    p.calls(op, called)


def _libm(name: str, type: t.Type) -> str:
    return name if t.element(type) == t.f64 else f"{name}f"


@prints("arith.maximumf", "arith.minimumf")
def float_extremum(p: FunctionPrinter, op: Op) -> None:
    element = t.element(op.result.type)
    called = p.need(extremum(op.name[6:9], t.f32 if element == t.f16 else element))
    p.calls(op, called)


_LIBM = {"absf": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "sqrt": "sqrt", "roundeven": "rint",
         "round": "round", "copysign": "copysign", "fma": "fma"}


@prints(*(f"math.{name}" for name in _LIBM))
def libm(p: FunctionPrinter, op: Op) -> None:
    called = _libm(_LIBM[op.name[5:]], op.result.type)
    p.calls(op, called)


@prints("math.rsqrt")
def rsqrt(p: FunctionPrinter, op: Op) -> None:
    element, called = t.element(op.result.type), _libm("sqrt", op.result.type)
    one = "1.0" if element == t.f64 else "1.0f"

    def form(a: str) -> str:
        root = p.rounded(op.result.type, f"{called}({a})")
        return p.rounded(op.result.type, f"{one} / {root}")
    p.elementwise(op, form)


@prints(*(row.op for row in FUNCTIONS.values()))
def elementary_function(p: FunctionPrinter, op: Op) -> None:
    exponent = fixed_exponent(op)
    called = p.need(elementary(op.name.partition(".")[2], suffix(t.element(op.result.type)), p.out.fma, exponent))
    p.calls(op, called, n_operands=None if exponent is None else 1)


# ---- integers ----

_WRAPPING = {"addi": "add", "subi": "sub", "muli": "mul", "divui": "udiv", "remui": "urem", "floordivsi": "floordiv",
             "shli": "shl", "shrsi": "shr", "shrui": "ushr", "maxsi": "max", "minsi": "min", "maxui": "umax",
             "minui": "umin"}
_PLAIN = {"addi": "+", "subi": "-", "muli": "*", "divsi": "/", "remsi": "%", "andi": "&", "ori": "|", "xori": "^"}
_OF_TRUTH = {"addi": "!=", "subi": "!=", "xori": "!=", "muli": "&&", "andi": "&&", "ori": "||", "maxui": "||",
             "minui": "&&", "maxsi": "||", "minsi": "&&"}
_SIZES = ("arith.addi", "arith.subi", "arith.muli", "arith.minsi", "arith.maxsi", "arith.divsi", "arith.remsi",
          "arith.floordivsi", "arith.andi", "arith.select")


@prints(*(f"arith.{name}" for name in {*_WRAPPING, *_PLAIN}))
def integers(p: FunctionPrinter, op: Op) -> None:
    name, element = op.name[6:], t.element(op.result.type)
    if _is_size(p, op.result):
        p.sizes.add(op.result)
    if element == t.i1:
        truths(p, op, _OF_TRUTH.get(name, "&&"))
    elif name in _PLAIN and (name not in _WRAPPING or op.result in p.sizes):
        p.elementwise(op, lambda a, b: f"{a} {_PLAIN[name]} {b}")
    else:
        called = p.need(integer(_WRAPPING[name], element))
        p.calls(op, called)


def truths(p: FunctionPrinter, op: Op, sign: str) -> None:
    if sign == "!=" and not isinstance(op.result.type, t.VectorType):
        right = p.expr(op.operands[1])
        if right.text == "1":
            left = p.expr(op.operands[0])
            p.define(op.result, left.opposite or f"!{left.closed}", left.reads, left.text)
            return
    p.elementwise(op, lambda a, b: f"{_side(a, sign)} {sign} {_side(b, sign)}")


def _side(text: str, sign: str) -> str:
    """An operand of && or ||, which bind less than comparisons."""
    loose = bare(text)
    return loose if sign in ("&&", "||") and not re.search(r"&&|\|\||\?|[^&]&[^&]", loose) else text


def _is_size(p: FunctionPrinter, value: Value) -> bool:
    """Whether a number is made of sizes and counters, whose products do not wrap (docs/sizes.md)."""
    op = value.op
    if value.type != t.index or value in p.sizes:
        return value in p.sizes
    if op is None:
        loop = value.block.parent_op()
        return loop is not None and loop.name == "scf.for" and value is loop.body.args[0]
    if op.name in ("arith.constant", "memref.dim"):
        return True
    is_choice = op.name == "arith.select"
    parts = [operand(op, side) for side in ("true_value", "false_value")] if is_choice else op.operands
    return op.name in _SIZES and all(_is_size(p, v) for v in parts)


@prints("math.absi")
def absolute_integer(p: FunctionPrinter, op: Op) -> None:
    called = p.need(absolute(t.element(op.result.type)))
    p.calls(op, called, half=False)


@prints("math.ctpop")
def bits(p: FunctionPrinter, op: Op) -> None:
    p.calls(op, p.need(bit_count(t.element(op.result.type))), half=False)


@prints("math.ipowi")
def power(p: FunctionPrinter, op: Op) -> None:
    called = p.need(integer("ipow", t.element(op.result.type)))
    p.calls(op, called)


# ---- comparison and choice ----

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@prints("arith.cmpi")
def compare_integers(p: FunctionPrinter, op: Op) -> None:
    name, type = CMPI[op.attrs["predicate"].value], op.operands[0].type
    sign, element = _SIGNS[name[-2:]], t.element(type)
    cast = f"(u{c_type(element)})" if name[0] == "u" and element != t.i1 else ""
    turned = name[0] == "s" and element == t.i1  # of truth values the signed one: true is -1

    def form(a: str, b: str) -> str:
        return f"{cast}{b if turned else a} {sign} {cast}{a if turned else b}"
    if isinstance(type, t.VectorType):
        p.elementwise(op, form)
        return
    a, b = (p.expr(v) for v in op.operands)
    opposite = form(a.closed, b.closed).replace(f" {sign} ", f" {_OPPOSITE[sign]} ", 1)
    p.define(op.result, form(a.closed, b.closed), a.reads or b.reads, opposite)


_FLOAT_FORMS: dict[str, Callable[[str, str], str]] = {
    "false": lambda a, b: "0", "true": lambda a, b: "1",
    "oeq": lambda a, b: f"{a} == {b}", "une": lambda a, b: f"{a} != {b}",
    "ogt": lambda a, b: f"{a} > {b}", "ule": lambda a, b: f"!({a} > {b})",
    "oge": lambda a, b: f"{a} >= {b}", "ult": lambda a, b: f"!({a} >= {b})",
    "olt": lambda a, b: f"{a} < {b}", "uge": lambda a, b: f"!({a} < {b})",
    "ole": lambda a, b: f"{a} <= {b}", "ugt": lambda a, b: f"!({a} <= {b})",
    "one": lambda a, b: f"islessgreater({a}, {b})", "ueq": lambda a, b: f"!islessgreater({a}, {b})",
    "uno": lambda a, b: f"{a} != {a}" if a == b else f"isunordered({a}, {b})",
    "ord": lambda a, b: f"{a} == {a}" if a == b else f"!isunordered({a}, {b})",
}


@prints("arith.cmpf")
def compare_floats(p: FunctionPrinter, op: Op) -> None:
    p.elementwise(op, _FLOAT_FORMS[CMPF[op.attrs["predicate"].value]])


@prints("arith.select")
def select(p: FunctionPrinter, op: Op) -> None:
    condition, x, y = op.operands
    if isinstance(op.result.type, t.VectorType) and not isinstance(condition.type, t.VectorType):
        p.define(op.result, f"{p.word(condition)} ? {p.text(x)} : {p.text(y)}")
    elif isinstance(op.result.type, t.ComplexType | t.MemRefType):
        chosen = p.word(condition)
        kinds, form = p.variables(op.result, p.env[x], sizes=True)
        for (kind, name), a, b in zip(kinds, p.parts(x, True), p.parts(y, True), strict=True):
            p.line(f"{kind}{name} = {chosen} ? {a} : {b};")
        p.env[op.result] = form
    elif t.is_complex(op.result.type):
        in_lanes(p, op, _chosen)
    else:
        p.elementwise(op, lambda c, a, b: f"{c if '?' in c else bare(c)} ? {a} : {b}")


def _chosen(p: FunctionPrinter, op: Op, condition: Expr, x: Pair, y: Pair) -> Pair:
    return Pair(*(Expr(f"{condition.text} ? {a.text} : {b.text}") for a, b in ((x.re, y.re), (x.im, y.im))))


# ---- conversions ----


@prints("arith.extf", "arith.truncf")
def float_width(p: FunctionPrinter, op: Op) -> None:
    target = t.element(op.result.type)
    if target == t.f16:
        p.elementwise(op, lambda a: f"{p.need(HALF)}({a})")
    else:
        p.elementwise(op, lambda a: f"({c_type(target)}){a}")


@prints("arith.extsi", "arith.trunci", "arith.index_cast")
def integer_width(p: FunctionPrinter, op: Op) -> None:
    source, target = t.element(op.operands[0].type), t.element(op.result.type)
    if source == t.i1:
        p.elementwise(op, lambda a: f"-({c_type(target)}){a}" if target != t.i1 else a)
    elif target == t.i1:
        p.elementwise(op, lambda a: f"({a} & 1) != 0")
    elif c_type(source) == c_type(target):
        p.elementwise(op, lambda a: a)
    else:
        p.elementwise(op, lambda a: f"({c_type(target)}){a}")


@prints("arith.extui")
def unsigned_width(p: FunctionPrinter, op: Op) -> None:
    source, target = t.element(op.operands[0].type), t.element(op.result.type)
    through = "" if source == t.i1 else f"(u{c_type(source)})"
    p.elementwise(op, lambda a: f"({c_type(target)}){through}{a}")


@prints("arith.sitofp", "arith.uitofp")
def integer_to_float(p: FunctionPrinter, op: Op) -> None:
    source, target = t.element(op.operands[0].type), t.element(op.result.type)
    kind = "double" if target == t.f16 else c_type(target)
    unsigned = op.name == "arith.uitofp" and source != t.i1
    through = f"(u{c_type(source)})" if unsigned else ""
    minus = "-" if source == t.i1 and op.name == "arith.sitofp" else ""
    p.elementwise(op, lambda a: p.rounded(op.result.type, f"{minus}({kind}){through}{a}"))


@prints("arith.fptosi", "arith.fptoui")
def float_to_integer(p: FunctionPrinter, op: Op) -> None:
    source, target = t.element(op.operands[0].type), t.element(op.result.type)
    assert isinstance(source, t.FloatType)
    if target == t.i1:
        raise UnsupportedError(f"'{op.name}' to a truth value has no C")
    called = p.need(to_integer(t.f32 if source == t.f16 else source, target, op.name == "arith.fptosi"))
    p.calls(op, called, half=False)


@prints("arith.bitcast")
def bitcast(p: FunctionPrinter, op: Op) -> None:
    source, target = t.element(op.operands[0].type), t.element(op.result.type)
    if t.f16 in (source, target):
        half_bits(p, op, source)
        return
    called = "" if source == target else p.need(bits_as(c_type(source), c_type(target)))
    p.elementwise(op, lambda a: f"{called}({a})" if called else a)


def half_bits(p: FunctionPrinter, op: Op, source: t.Type) -> None:
    if source == t.f16:
        p.elementwise(op, lambda a: f"(int16_t){p.need(TO_HALF)}({a})")
    else:
        p.elementwise(op, lambda a: f"{p.need(FROM_HALF)}((uint16_t){a})")
