"""LLVM emitters of arith, math and complex ops."""

from __future__ import annotations

import struct

from ...errors import UnsupportedError
from ...ir import types as t
from ...ir.builder import constant_of
from ...ir.core import Op, Value
from ...ir.dialects.arith import CMPF, CMPI
from ...ir.ops import operand
from ...ir.powers import fixed_exponent
from ..math import FUNCTIONS, MathFunction
from .emitter import FunctionEmitter, Pair, emits, llvm_type, suffix, width_of


def float_literal(value: float, type: t.FloatType) -> str:
    """LLVM writes floats of any width as the bits of the double."""
    if type.width == 16:
        return f"0xH{struct.unpack('<H', struct.pack('<e', value))[0]:04X}"
    if type.width == 32:
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


@emits("arith.constant")
def constant(e: FunctionEmitter, op: Op) -> None:
    attr = op.attrs["value"]
    if isinstance(attr, t.FloatAttr):
        assert isinstance(attr.type, t.FloatType)
        e.env[op.result] = float_literal(attr.value, attr.type)
    elif isinstance(attr, t.IntAttr):
        e.env[op.result] = ("true" if attr.value else "false") if attr.type == t.i1 else str(attr.value)
    elif isinstance(op.result.type, t.VectorType):
        e.env[op.result] = _vector_literal(attr, op.result.type)
    else:
        raise UnsupportedError("constant tensors must be in memory before LLVM IR is printed")


def _vector_literal(attr: t.Dense, type: t.VectorType) -> str:
    kind, element = llvm_type(type.element), type.element
    lanes = [float_literal(float(x), element) if isinstance(element, t.FloatType) else str(x).lower()
             for x in attr.data.tolist()]
    return "<" + ", ".join(f"{kind} {lane}" for lane in lanes) + ">"


_BINARY = {
    "addf": "fadd", "subf": "fsub", "mulf": "fmul", "divf": "fdiv", "remf": "frem",
    "addi": "add", "subi": "sub", "muli": "mul", "divsi": "sdiv", "divui": "udiv", "remsi": "srem",
    "remui": "urem", "andi": "and", "ori": "or", "xori": "xor", "shli": "shl", "shrsi": "ashr",
    "shrui": "lshr",
}


@emits(*(f"arith.{name}" for name in _BINARY))
def binary(e: FunctionEmitter, op: Op) -> None:
    x, y = (e.value(v) for v in op.operands)
    word = _BINARY[op.name[6:]]
    if word == "sub" and y in e.falling:  # a place from the end, which an address may add up
        word, y = "add", e.opposite(y)
    e.env[op.result] = e.emit(f"{word} {llvm_type(op.result.type)} {x}, {y}")


@emits("arith.floordivsi")
def floor_div(e: FunctionEmitter, op: Op) -> None:
    kind = llvm_type(op.result.type)
    x, y = (e.value(v) for v in op.operands)
    zero = "zeroinitializer" if kind[0] == "<" else "0"
    quotient, remainder = e.emit(f"sdiv {kind} {x}, {y}"), e.emit(f"srem {kind} {x}, {y}")
    bits = kind.replace(kind.split(" ")[-1].rstrip(">"), "i1") if kind[0] == "<" else "i1"
    odd = e.emit(f"icmp ne {kind} {remainder}, {zero}")
    sign = e.emit(f"xor {kind} {x}, {y}")
    negative = e.emit(f"icmp slt {kind} {sign}, {zero}")
    adjust = e.emit(f"and {bits} {odd}, {negative}")
    e.env[op.result] = e.emit(f"add {kind} {quotient}, " + e.emit(f"sext {bits} {adjust} to {kind}"))


@emits("arith.maxsi", "arith.minsi", "arith.maxui", "arith.minui", "arith.maximumf", "arith.minimumf")
def extremum(e: FunctionEmitter, op: Op) -> None:
    kind = llvm_type(op.result.type)
    x, y = (e.value(v) for v in op.operands)
    name = op.name[6:]
    if name.endswith("f"):
        e.env[op.result] = _float_extremum(e, kind, x, y, "ogt" if name == "maximumf" else "olt", op)
        return
    e.env[op.result] = integer_extremum(e, name, op.result.type, x, y)


_EXTREMA = {"maxsi": "smax", "minsi": "smin", "maxui": "umax", "minui": "umin"}


def integer_extremum(e: FunctionEmitter, name: str, type: t.Type, x: str, y: str) -> str:
    """The larger or smaller one; of truth values true is the larger, with and without a sign."""
    kind = llvm_type(type)
    if t.element(type) == t.i1:
        return e.emit(f"{'or' if name.startswith('max') else 'and'} {kind} {x}, {y}")
    callee = e.out.intrinsic(f"llvm.{_EXTREMA[name]}.{suffix(type)}", kind, kind, kind)
    return e.emit(f"call {kind} @{callee}({kind} {x}, {kind} {y})")


def _float_extremum(e: FunctionEmitter, kind: str, x: str, y: str, order: str, op: Op) -> str:
    """x if x is better or NaN, else y: in the form of x86's instruction, x if better, else y; NaN in x comes on top.

    A constant that is no NaN saves the question. As x it is in that place already; as y it goes there, y if better,
    else x, but for a zero, which counts against the other one: y if x is not better, else x. So does a y that is NaN
    wherever x is: of the sum and its last term in `max(x, s + x)` the sum.
    """
    bits = llvm_type(t.shaped(t.i1, op.result.type))
    bound = _constant(op.operands[1])
    known = _constant(op.operands[0]) is not None or _takes_nan_over(op.operands[1], op.operands[0])
    if bound == 0:
        return _chosen(e, kind, bits, ("ole" if order == "ogt" else "oge", x, y), y, x)
    if bound is not None:
        better = e.emit(f"fcmp {order} {kind} {y}, {x}")
        return e.emit(f"select {bits} {better}, {kind} {y}, {kind} {x}")
    better = e.emit(f"fcmp {order} {kind} {x}, {y}")
    best = e.emit(f"select {bits} {better}, {kind} {x}, {kind} {y}")
    return best if known else _chosen(e, kind, bits, ("uno", x, x), x, best)


_TAKE_NAN_OVER = ("arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.negf", "math.fma", "math.absf",
                  "math.sqrt")
_FAR = 4  # ops that are looked through


def _takes_nan_over(value: Value, source: Value, far: int = _FAR) -> bool:
    """Whether a value is surely NaN where `source` is."""
    made = value.op
    if value is source or made is None or far == 0 or made.name not in _TAKE_NAN_OVER:
        return value is source
    return any(_takes_nan_over(v, source, far - 1) for v in made.operands)


def _constant(value: Value) -> float | None:
    """A float that is a constant and no NaN, as its type rounds it."""
    if value.op is not None and value.op.name == "vector.broadcast":
        value = value.op.operands[0]
    number = constant_of(value)
    if number is None or not isinstance(value.type, t.FloatType):
        return None
    form = {16: "<e", 32: "<f", 64: "<d"}[value.type.width]
    rounded: float = struct.unpack(form, struct.pack(form, number))[0]
    return rounded if rounded == rounded else None


_BLENDS = {"double": ("blendvpd", 2, "i64"), "float": ("blendvps", 4, "i32")}  # lanes of 16 bytes, and their bits


def _chosen(e: FunctionEmitter, kind: str, bits: str, compare: tuple[str, str, str], x: str, y: str,
            blends: bool | None = None) -> str:
    """x where a comparison (its predicate and two floats of the same type) holds, else y.

    LLVM compares scalars into a register for masks where there are such. Where that comes late, and a state waits 5
    cycles for the choice (Zen 4), the comparison is one of vectors, whose result is as wide as they are: 3 cycles.
    `blends`: so it is where the choice would become a branch, which takes 15 cycles when it is guessed wrong (a queue
    that turns some away: 2.9 ns a step, 4.4 with branches, Zen 3).
    """
    predicate, *sides = compare
    if kind not in _BLENDS or not (blends or e.out.registers.late_masks):
        condition = e.emit(f"fcmp {predicate} {kind} {', '.join(sides)}")
        return e.emit(f"select {bits} {condition}, {kind} {x}, {kind} {y}")
    name, lanes, integer = _BLENDS[kind]
    wide = f"<{lanes} x {kind}>"
    a, b, no, yes = (e.emit(f"insertelement {wide} poison, {kind} {v}, i64 0") for v in (*sides, y, x))
    holds = e.emit(f"fcmp {predicate} {wide} {a}, {b}")
    mask = e.emit(f"sext <{lanes} x i1> {holds} to <{lanes} x {integer}>")
    mask = e.emit(f"bitcast <{lanes} x {integer}> {mask} to {wide}")
    blend = e.out.intrinsic(f"llvm.x86.sse41.{name}", wide, wide, wide, wide)
    made = e.emit(f"call {wide} @{blend}({wide} {no}, {wide} {yes}, {wide} {mask})")
    return e.emit(f"extractelement {wide} {made}, i64 0")


@emits("arith.negf")
def negate(e: FunctionEmitter, op: Op) -> None:
    e.env[op.result] = e.emit(f"fneg {llvm_type(op.result.type)} {e.value(op.operands[0])}")


@emits("arith.cmpf", "arith.cmpi")
def compare(e: FunctionEmitter, op: Op) -> None:
    number = op.attrs["predicate"].value
    word = f"fcmp {CMPF[number]}" if op.name == "arith.cmpf" else f"icmp {CMPI[number]}"
    x, y = (e.value(v) for v in op.operands)
    e.env[op.result] = e.emit(f"{word} {llvm_type(op.operands[0].type)} {x}, {y}")


@emits("arith.select")
def select(e: FunctionEmitter, op: Op) -> None:
    condition, x, y = op.operands
    if _waits_for_floats(e, op):
        compare = condition.op
        assert compare is not None
        a, b = map(e.value, compare.operands)
        holds = (CMPF[compare.attrs["predicate"].value], a, b)
        blends = e.out.registers.blends if _is_read_elsewhere(condition) else None
        e.env[op.result] = _chosen(e, llvm_type(x.type), "i1", holds, e.value(x), e.value(y), blends)
        return
    c, ctype = e.value(condition), llvm_type(condition.type)
    parts = [
        e.emit(f"select {ctype} {c}, {kind} {a}, {kind} {b}")
        for kind, a, b in zip(e.flat_types(x.type), e.flatten(e.env[x]), e.flatten(e.env[y]), strict=True)]
    e.env[op.result] = e.unflatten(e.env[x], parts)


def _waits_for_floats(e: FunctionEmitter, op: Op) -> bool:
    """Whether a comparison of floats chooses a float of their type; not one of the two that are compared, an
    instruction of its own. It serves such choices alone, or is made again for vectors."""
    condition, x, y = op.operands
    compare = condition.op
    if compare is None or compare.name != "arith.cmpf" or not isinstance(x.type, t.FloatType):
        return False
    a, b = compare.operands
    choices = all(user.name == "arith.select" and user.operands[1].type == a.type for user in condition.uses)
    return x.type == a.type and {x, y} != {a, b} and (choices or e.out.registers.blends)


def _is_read_elsewhere(condition: Value) -> bool:
    """Whether LLVM, which makes a mask for one choice of floats, would branch around each of several."""
    return sum(condition.uses.values()) > 1


_CASTS = {
    "extf": "fpext", "truncf": "fptrunc", "extsi": "sext", "extui": "zext", "trunci": "trunc",
    "sitofp": "sitofp", "uitofp": "uitofp", "bitcast": "bitcast",
}


@emits(*(f"arith.{name}" for name in _CASTS))
def cast(e: FunctionEmitter, op: Op) -> None:
    kinds = t.element(op.operands[0].type), t.element(op.result.type)
    if op.name == "arith.truncf" and kinds == (t.f64, t.f16):
        e.env[op.result] = _to_half(e, e.value(op.operands[0]), width_of(op.result.type))
    else:
        _convert(e, op, _CASTS[op.name[6:]])


def _to_half(e: FunctionEmitter, x: str, width: int) -> str:
    """A double rounded once to half: to single first, cut off and with the last bit set where anything was lost
    (round to odd), as the direct conversion is a call to a library on most CPUs."""
    double, single, half, i32, i1 = (f"<{width} x {kind}>" if width > 1 else kind
                                     for kind in ("double", "float", "half", "i32", "i1"))
    near = e.emit(f"fptrunc {double} {x} to {single}")
    back = e.emit(f"fpext {single} {near} to {double}")
    fabs = e.out.intrinsic(f"llvm.fabs.{f'v{width}f64' if width > 1 else 'f64'}", double, double)
    sizes = [e.emit(f"call {double} @{fabs}({double} {v})") for v in (back, x)]
    above = e.emit(f"fcmp ogt {double} {sizes[0]}, {sizes[1]}")
    lost = e.emit(f"fcmp one {double} {back}, {x}")
    down, odd = (e.emit(f"zext {i1} {bit} to {i32}") for bit in (above, lost))
    bits = e.emit(f"bitcast {single} {near} to {i32}")
    cut = e.emit(f"sub {i32} {bits}, {down}")
    marked = e.emit(f"or {i32} {cut}, {odd}")
    kept = e.emit(f"bitcast {i32} {marked} to {single}")
    return e.emit(f"fptrunc {single} {kept} to {half}")


def _convert(e: FunctionEmitter, op: Op, word: str) -> None:
    source = op.operands[0]
    e.env[op.result] = e.emit(
        f"{word} {llvm_type(source.type)} {e.value(source)} to {llvm_type(op.result.type)}")


@emits("arith.index_cast")
def index_cast(e: FunctionEmitter, op: Op) -> None:
    source, target = t.element(op.operands[0].type), t.element(op.result.type)
    bits = [64 if kind == t.index else kind.width for kind in (source, target)]  # type: ignore[attr-defined]
    if bits[0] == bits[1]:
        e.env[op.result] = e.env[op.operands[0]]
    else:
        _convert(e, op, "sext" if bits[0] < bits[1] else "trunc")


_INTRINSICS = {"absf": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "sqrt": "sqrt",
               "roundeven": "roundeven", "round": "round", "copysign": "copysign", "fma": "fma"}


@emits(*(f"math.{name}" for name in _INTRINSICS))
def intrinsic(e: FunctionEmitter, op: Op) -> None:
    kind = llvm_type(op.result.type)
    name = f"llvm.{_INTRINSICS[op.name[5:]]}.{suffix(op.result.type)}"
    callee = e.out.intrinsic(name, kind, *[kind] * len(op.operands))
    args = ", ".join(f"{kind} {e.value(v)}" for v in op.operands)
    e.env[op.result] = e.emit(f"call {kind} @{callee}({args})")


@emits("math.absi")
def absolute_int(e: FunctionEmitter, op: Op) -> None:
    kind = llvm_type(op.result.type)
    callee = e.out.intrinsic(f"llvm.abs.{suffix(op.result.type)}", kind, kind, "i1")
    e.env[op.result] = e.emit(f"call {kind} @{callee}({kind} {e.value(op.operands[0])}, i1 false)")


@emits("math.ctpop")
def bit_count(e: FunctionEmitter, op: Op) -> None:
    kind = llvm_type(op.result.type)
    callee = e.out.intrinsic(f"llvm.ctpop.{suffix(op.result.type)}", kind, kind)
    e.env[op.result] = e.emit(f"call {kind} @{callee}({kind} {e.value(op.operands[0])})")


@emits("math.rsqrt")
def rsqrt(e: FunctionEmitter, op: Op) -> None:
    kind = llvm_type(op.result.type)
    callee = e.out.intrinsic(f"llvm.sqrt.{suffix(op.result.type)}", kind, kind)
    root = e.emit(f"call {kind} @{callee}({kind} {e.value(op.operands[0])})")
    element = t.element(op.result.type)
    assert isinstance(element, t.FloatType)
    one = float_literal(1.0, element)
    width = width_of(op.result.type)
    if width > 1:
        one = "<" + ", ".join([f"{llvm_type(element)} {one}"] * width) + ">"
    e.env[op.result] = e.emit(f"fdiv {kind} {one}, {root}")


@emits(*(row.op for row in FUNCTIONS.values()))
def elementary(e: FunctionEmitter, op: Op) -> None:
    name = op.name.partition(".")[2]
    kind = llvm_type(op.result.type)
    exponent = fixed_exponent(op)
    callee = e.out.math_call(name, str(t.element(op.result.type)), width_of(op.result.type), exponent)
    taken = op.operands if exponent is None else [operand(op, "base")]
    args = ", ".join(f"{kind} {e.value(v)}" for v in taken)
    e.env[op.result] = e.emit(f"call {kind} @{callee}({args})")


_POWER = """define internal i{w} @scancc.ipow.i{w}(i{w} %x, i{w} %n) nounwind {{
entry:
  br label %loop
loop:
  %base = phi i{w} [ %x, %entry ], [ %square, %next ]
  %left = phi i{w} [ %n, %entry ], [ %half, %next ]
  %result = phi i{w} [ 1, %entry ], [ %taken, %next ]
  %done = icmp eq i{w} %left, 0
  br i1 %done, label %exit, label %next
next:
  %odd = trunc i{w} %left to i1
  %product = mul i{w} %result, %base
  %taken = select i1 %odd, i{w} %product, i{w} %result
  %square = mul i{w} %base, %base
  %half = lshr i{w} %left, 1
  br label %loop
exit:
  ret i{w} %result
}}"""


@emits("math.ipowi")
def integer_power(e: FunctionEmitter, op: Op) -> None:
    """Squaring, modulo 2**width; lane by lane in a vector."""
    element = t.element(op.result.type)
    assert isinstance(element, t.IntType)
    symbol = f"scancc.ipow.i{element.width}"
    e.out.needed(MathFunction(symbol, _POWER.format(w=element.width), ()))
    kind, one = llvm_type(op.result.type), llvm_type(element)
    x, n = (e.value(v) for v in op.operands)
    width = width_of(op.result.type)
    if width == 1:
        e.env[op.result] = e.emit(f"call {one} @{symbol}({one} {x}, {one} {n})")
        return
    result = "poison"
    for lane in range(width):
        a, b = (e.emit(f"extractelement {kind} {v}, i64 {lane}") for v in (x, n))
        power = e.emit(f"call {one} @{symbol}({one} {a}, {one} {b})")
        result = e.emit(f"insertelement {kind} {result}, {one} {power}, i64 {lane}")
    e.env[op.result] = result


# ---- complex numbers ----


@emits("complex.create")
def complex_create(e: FunctionEmitter, op: Op) -> None:
    e.env[op.result] = Pair(e.value(op.operands[0]), e.value(op.operands[1]))


@emits("complex.re", "complex.im")
def complex_part(e: FunctionEmitter, op: Op) -> None:
    pair = e.pair(op.operands[0])
    e.env[op.result] = pair.re if op.name == "complex.re" else pair.im


@emits("complex.add", "complex.sub")
def complex_add(e: FunctionEmitter, op: Op) -> None:
    x, y = (e.pair(v) for v in op.operands)
    e.env[op.result] = pair_sum(e, "fadd" if op.name == "complex.add" else "fsub", _part(op), x, y)


def pair_sum(e: FunctionEmitter, word: str, kind: str, x: Pair, y: Pair) -> Pair:
    return Pair(e.emit(f"{word} {kind} {x.re}, {y.re}"), e.emit(f"{word} {kind} {x.im}, {y.im}"))


def _part(op: Op) -> str:
    """LLVM's type of each part of an op's numbers."""
    return llvm_type(t.parts(op.operands[0].type))


@emits("complex.mul")
def complex_mul(e: FunctionEmitter, op: Op) -> None:
    x, y = (e.pair(v) for v in op.operands)
    e.env[op.result] = pair_product(e, _part(op), x, y)


def pair_product(e: FunctionEmitter, kind: str, x: Pair, y: Pair) -> Pair:
    ac, bd = e.emit(f"fmul {kind} {x.re}, {y.re}"), e.emit(f"fmul {kind} {x.im}, {y.im}")
    ad, bc = e.emit(f"fmul {kind} {x.re}, {y.im}"), e.emit(f"fmul {kind} {x.im}, {y.re}")
    return Pair(e.emit(f"fsub {kind} {ac}, {bd}"), e.emit(f"fadd {kind} {ad}, {bc}"))


@emits("complex.div")
def complex_div(e: FunctionEmitter, op: Op) -> None:
    """Smith's algorithm (1962): scales by the larger part of the divisor, as NumPy does."""
    x, y = (e.pair(v) for v in op.operands)
    kind = _part(op)

    def binary(word: str, a: str, b: str) -> str:
        return e.emit(f"{word} {kind} {a}, {b}")

    bits = llvm_type(t.shaped(t.i1, op.result.type))
    zeros = "0.0" if width_of(op.result.type) == 1 else "zeroinitializer"
    fabs = e.out.intrinsic(f"llvm.fabs.{suffix(t.parts(op.result.type))}", kind, kind)
    sizes = [e.emit(f"call {kind} @{fabs}({kind} {part})") for part in (y.re, y.im)]
    real_larger = e.emit(f"fcmp oge {kind} {sizes[0]}, {sizes[1]}")

    def choose(a: str, b: str) -> str:
        return e.emit(f"select {bits} {real_larger}, {kind} {a}, {kind} {b}")

    large, small = choose(y.re, y.im), choose(y.im, y.re)
    ratio = binary("fdiv", small, large)
    zero = e.emit(f"fcmp oeq {kind} {large}, {zeros}")
    ratio = e.emit(f"select {bits} {zero}, {kind} {zeros}, {kind} {ratio}")
    scale = binary("fadd", large, binary("fmul", small, ratio))
    first, second = choose(x.re, x.im), choose(x.im, x.re)
    re = binary("fdiv", binary("fadd", first, binary("fmul", second, ratio)), scale)
    plus = binary("fsub", second, binary("fmul", first, ratio))
    minus = binary("fsub", binary("fmul", x.im, ratio), x.re)
    e.env[op.result] = Pair(re, binary("fdiv", choose(plus, minus), scale))


@emits("complex.eq", "complex.neq")
def complex_compare(e: FunctionEmitter, op: Op) -> None:
    x, y = (e.pair(v) for v in op.operands)
    kind = _part(op)
    order, word = ("oeq", "and") if op.name == "complex.eq" else ("une", "or")
    parts = [e.emit(f"fcmp {order} {kind} {a}, {b}") for a, b in ((x.re, y.re), (x.im, y.im))]
    e.env[op.result] = e.emit(f"{word} {llvm_type(op.result.type)} {parts[0]}, {parts[1]}")
