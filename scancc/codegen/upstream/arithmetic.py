"""Arithmetic that upstream has otherwise: extremes, conversions that stay in range, functions that it lacks."""

from __future__ import annotations

from ...artifact import MOST_ELEMENTS
from ...ir import types as t
from ...ir.core import Op
from ..llvm.integers import float_below
from .vectors import lane_by_lane
from .writer import Ref, Writer, exports


@exports("arith.maximumf", "arith.minimumf")
def float_extremum(w: Writer, op: Op) -> None:
    """By comparison, since the ops of that meaning have had three names; of NaN, NaN; of two zeros the second."""
    x, y = w.refs(op.operands)
    w.names[op.result] = larger(w, x, y, "ogt" if op.name == "arith.maximumf" else "olt")


def larger(w: Writer, x: Ref, y: Ref, order: str) -> Ref:
    best = w.select(w.compare(order, x, y), x, y)
    return w.select(w.compare("ord", x, x), best, x)


@exports("arith.maxsi", "arith.minsi", "arith.maxui", "arith.minui")
def integer_extremum(w: Writer, op: Op) -> None:
    """Of truth values true is the larger, as unsigned."""
    x, y = w.refs(op.operands)
    name = op.name
    if t.element(x.type) == t.i1:
        name = "arith.ori" if ".max" in name else "arith.andi"
    w.names[op.result] = w.binary(name, x, y)


@exports("arith.fptosi", "arith.fptoui")
def float_to_integer(w: Writer, op: Op) -> None:
    """Out of range the nearest integer there is, 0 of NaN; upstream's own op has no value there."""
    (x,), target = w.refs(op.operands), op.result.type
    kind, source = t.element(target), t.element(x.type)
    assert isinstance(kind, t.IntType)
    signed = op.name == "arith.fptosi"
    low, top = (-(2 ** (kind.width - 1)), 2 ** (kind.width - 1) - 1) if signed else (0, 2**kind.width - 1)
    most = float_below(top, source)
    inside = larger(w, x, w.number(low, x.type), "ogt")
    inside = larger(w, inside, w.number(most, x.type), "olt")
    number = w.compare("ord", x, x)
    inside = w.select(number, inside, w.number(0, x.type))
    made = w.make(op.name, [inside], target)
    if most != top:
        above = w.compare("ogt", x, w.number(most, x.type))
        made = w.select(above, w.number(top if signed else -1, target), made)
    w.names[op.result] = made


@exports("math.sinh", "math.cosh", "math.asin", "math.acos", "math.asinh", "math.acosh", "math.atanh", "math.erfc",
         "scan.hypot", "scan.lgamma")
def of_c(w: Writer, op: Op) -> None:
    """A call of C's function of that name, lane by lane; upstream has had these for a few versions, or not at all."""
    name, kind = op.name.partition(".")[2], t.element(op.result.type)
    wide = t.f64 if kind == t.f64 else t.f32
    symbol = name if kind == t.f64 else f"{name}f"
    types = t.FunctionType((wide,) * len(op.operands), (wide,))
    w.out.call(symbol, f'"func.func"() ({{}}) {{sym_name = "{symbol}", function_type = {types}, '
                       'sym_visibility = "private"} : () -> ()')

    def call(operands: list[Ref]) -> Ref:
        given = [r if r.type == wide else w.make("arith.extf", [r], wide) for r in operands]
        found = w.make("func.call", given, wide, f"callee = @{symbol}")
        return found if kind == wide else w.make("arith.truncf", [found], kind)

    w.names[op.result] = lane_by_lane(w, w.refs(op.operands), op.result.type, call)


@exports("scan.sigmoid")
def sigmoid(w: Writer, op: Op) -> None:
    (x,) = w.refs(op.operands)
    one = w.number(1, x.type)
    small = w.make("math.exp", [w.make("arith.negf", [x], x.type)], x.type)
    w.names[op.result] = w.binary("arith.divf", one, w.binary("arith.addf", one, small))


@exports("scan.short_tanh")
def short_tanh(w: Writer, op: Op) -> None:
    w.names[op.result] = w.make("math.tanh", w.refs(op.operands), op.result.type)


@exports("scan.softplus")
def softplus(w: Writer, op: Op) -> None:
    """max(x, 0) + log1p(exp(-|x|))."""
    (x,) = w.refs(op.operands)
    size = w.make("arith.negf", [w.make("math.absf", [x], x.type)], x.type)
    rest = w.make("math.log1p", [w.make("math.exp", [size], x.type)], x.type)
    w.names[op.result] = w.binary("arith.addf", larger(w, x, w.number(0, x.type), "ogt"), rest)


@exports("scan.can_exist")
def can_exist(w: Writer, op: Op) -> None:
    """Whether no size is negative, and the product of those that are not 0 small enough; floats do not wrap."""
    zero, one = w.index(0), w.index(1)
    product, signs = w.number(1, t.f64), zero
    for size in w.refs(op.operands):
        signs = w.binary("arith.ori", signs, size)
        factor = w.select(w.compare("eq", size, zero), one, size)
        whole = w.make("arith.index_cast", [factor], t.i64)
        product = w.binary("arith.mulf", product, w.make("arith.sitofp", [whole], t.f64))
    fits = w.compare("ole", product, w.number(MOST_ELEMENTS, t.f64))
    w.names[op.result] = w.binary("arith.andi", w.compare("sge", signs, zero), fits)
