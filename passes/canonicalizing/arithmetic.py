"""Rules for arithmetic on scalars, vectors and tensors. Every one is exact; only the sign and the
payload of a NaN may come out otherwise, which IEEE 754 leaves open."""

from __future__ import annotations

import math

import numpy as np

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of, fold_binary, measured
from scancc.ir.constants import everywhere, is_number, made_by
from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPF, CMPI, OPPOSITE_CMPI
from scancc.ir.linear import linear, never_negative
from scancc.ir.ops import COMMUTATIVE, ELEMENTWISE, NO_SPECULATION, OPS, evaluate, group, operand
from scancc.ir.parts import Loop

from .intervals import carry_of, interval, negative_if
from .rules import Outcome, as_index, filled_like, rule

# Ops whose NumPy meaning is the correctly rounded one, so that emitted code gives the same bits.
# The elementary functions are not among them: their emitted forms have errors of their own.
_INTEGER = tuple(f"arith.{name}" for name in (
    "addi", "subi", "muli", "divsi", "divui", "remsi", "remui", "floordivsi", "andi", "ori", "xori", "shli",
    "shrsi", "shrui", "maxsi", "minsi", "maxui", "minui", "cmpi"))
_FLOAT = ("arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.maximumf", "arith.minimumf",
          "arith.negf", "arith.cmpf", "math.absf", "math.floor", "math.ceil", "math.trunc",
          "math.roundeven", "math.sqrt", "math.copysign")
_CASTS = ("arith.extf", "arith.truncf", "arith.extsi", "arith.extui", "arith.trunci", "arith.sitofp",
          "arith.uitofp", "arith.fptosi", "arith.fptoui", "arith.index_cast", "arith.bitcast")


# ---- constants ----


@rule(*_INTEGER, *_FLOAT, *_CASTS)
def fold_constants(op: Op, b: Builder) -> Outcome:
    """Compute an op on constants."""
    if any(made_by(value, "arith.constant") is None for value in op.operands):
        return None
    operands: list[np.ndarray] = []
    for value in op.operands:
        number = _scalar_constant(value)
        if number is None:
            return None
        operands.append(number)
    if not operands or not _is_defined(op, operands):
        return None
    kind = op.result.type
    with np.errstate(all="ignore"):
        result = np.asarray(evaluate(op, *operands)).astype(t.numpy_dtype(kind))
    if result.dtype.kind == "f" and np.isnan(result):
        return None  # its bits are the machine's choice
    return b.const(result[()], kind)


def _scalar_constant(value: Value) -> np.ndarray | None:
    op = made_by(value, "arith.constant")
    if op is None or isinstance(value.type, t.TensorType | t.VectorType):
        return None
    number = np.asarray(op.attrs["value"].value)
    if value.type == t.i1:
        return number.astype(bool)
    return number.astype(t.numpy_dtype(value.type))  # wraps 200 : i8 to -56


def _is_defined(op: Op, operands: list[np.ndarray]) -> bool:
    """False where the meaning of the op on these operands is open, or traps."""
    if NO_SPECULATION in OPS[op.name].traits:
        return int(operands[1]) not in (0, -1)
    if op.name in ("arith.shli", "arith.shrsi", "arith.shrui"):
        return 0 <= int(operands[1]) < 8 * int(operands[0].dtype.itemsize)
    if op.name in ("arith.maximumf", "arith.minimumf"):
        return bool(operands[0] != operands[1]) or bool(np.signbit(operands[0]) == np.signbit(operands[1]))
    return True


@rule(*(name for name, definition in OPS.items() if COMMUTATIVE in definition.traits))
def constant_second(op: Op, b: Builder) -> Outcome:
    """c + x is x + c."""
    first, second = op.operands
    if everywhere(first) is None or everywhere(second) is not None:
        return None
    op.operands = [second, first]
    return True


@rule("arith.maximumf", "arith.minimumf")
def bound_second(op: Op, b: Builder) -> Outcome:
    """max(c, x) is max(x, c), unless c is a zero: of two zeros the second counts."""
    bound = everywhere(op.operands[0])
    return constant_second(op, b) if bound is not None and bound.value != 0 else None


@rule("arith.maximumf")
def zero_first(op: Op, b: Builder) -> Outcome:
    """max(x, 0.0) is max(0.0, x), one instruction, where x is never -0.0: a sum with what such a maximum made."""
    x, bound = op.operands
    if not is_number(bound, 0.0) or everywhere(x) is not None or not is_never_minus_zero(x):
        return None
    op.operands = [bound, x]
    return True


@rule(*(f"arith.{name}" for name in ("addi", "subi", "muli", "minsi", "maxsi", "andi", "ori")))
def integer_identities(op: Op, b: Builder) -> Outcome:
    """What the builder knows: x + 0, x * 1, x * 0, (x + 1) - 1, n - (n - k), b and true."""
    return fold_binary(b, op.name.removeprefix("arith."), op.operands[0], op.operands[1])


@rule("arith.divsi", "arith.divui")
def divided_by_one(op: Op, b: Builder) -> Outcome:
    """x div 1 is x."""
    divisor = everywhere(op.operands[1])
    return op.operands[0] if isinstance(divisor, t.IntAttr) and divisor.value == 1 else None


@rule(*(name for name, definition in OPS.items() if ELEMENTWISE in definition.traits), of_arrays=True)
def of_splats(op: Op, b: Builder) -> Outcome:
    """f(splat a, splat b) is splat f(a, b)."""
    splats = [maker for v in op.operands if (maker := made_by(v, "tensor.splat")) is not None]
    if not splats or len(splats) < len(op.operands):
        return None
    dims = group(splats[0], "dims")
    if any(group(splat, "dims") != dims for splat in splats):
        return None
    scalars = [operand(splat, "value") for splat in splats]
    element = b.op(op.name, scalars, [t.element(op.result.type)], dict(op.attrs))
    return b.op("tensor.splat", [element, *dims], [op.result.type])


# ---- floats ----


@rule("arith.mulf")
def product(op: Op, b: Builder) -> Outcome:
    """x * 1 is x, x * -1 is -x, -x * -y is x * y."""
    x, y = op.operands
    if is_number(y, 1.0):
        return x
    if is_number(y, -1.0):
        return b.negf(x)
    return _without_signs(op, b)


@rule("arith.divf")
def quotient(op: Op, b: Builder) -> Outcome:
    """x / 1 is x, x / -1 is -x, x / 2**k is x * 2**-k (both round the same number), -x / -y is x / y."""
    x, y = op.operands
    divisor = everywhere(y)
    if isinstance(divisor, t.FloatAttr) and (inverse := _exact_inverse(divisor)) is not None:
        return b.op("arith.mulf", [x, filled_like(b, y, inverse)], [x.type])
    return _without_signs(op, b)


def _exact_inverse(divisor: t.FloatAttr) -> float | None:
    mantissa, _ = math.frexp(divisor.value)
    if abs(mantissa) != 0.5:
        return None
    info = np.finfo(t.numpy_dtype(divisor.type))
    inverse = 1.0 / divisor.value
    return inverse if float(info.tiny) <= abs(inverse) <= float(info.max) else None


def _without_signs(op: Op, b: Builder) -> Outcome:
    negated = [made_by(v, "arith.negf") for v in op.operands]
    if any(n is None for n in negated):
        return None
    return b.op(op.name, [n.operands[0] for n in negated if n is not None], [op.result.type])


@rule("arith.addf")
def sum_(op: Op, b: Builder) -> Outcome:
    """x + -0.0 is x (x + 0.0 is only where x is never -0.0: -0.0 + 0.0 is 0.0), x + -y is x - y."""
    x, y = op.operands
    if is_number(y, -0.0):
        return x
    for first, second in ((x, y), (y, x)):
        if (shown := _sum_with_zero(second)) is not None and is_never_minus_zero(first):
            return b.op("arith.addf", [first, shown], [x.type], dict(op.attrs))
        if is_number(second, 0.0) and is_never_minus_zero(first):
            return first
    for first, second in ((x, y), (y, x)):
        if negated := made_by(second, "arith.negf"):
            return b.op("arith.subf", [first, negated.operands[0]], [x.type], dict(op.attrs))
    return None


def _sum_with_zero(x: Value) -> Value | None:
    """The y of y + 0.0."""
    inner = made_by(x, "arith.addf")
    return inner.operands[0] if inner is not None and is_number(inner.operands[1], 0.0) else None


_SEEN = 6  # ops looked through for a zero's sign
_PARTS = ("tensor.extract_slice", "tensor.insert_slice", "tensor.splat", "scan.reshape", "scan.transpose",
          "scan.broadcast", "tensor.cast")


def is_never_minus_zero(x: Value, depth: int = _SEEN) -> bool:
    """Whether no element is -0.0: a sum is that of two such alone, and a square, or an integer, is not."""
    number, op = everywhere(x), x.op
    if isinstance(number, t.FloatAttr):
        return number != t.FloatAttr(-0.0, number.type)
    if not depth:
        return False
    if op is None:
        carry = carry_of(x)
        return carry is not None and all(is_never_minus_zero(v, depth - 1) for v in (carry.init, carry.next))
    arrays = [v for v in op.operands if v.type == x.type or t.element(v.type) == t.element(x.type)]
    if op.name in ("arith.addf", "arith.subf"):
        summands = arrays if op.name == "arith.addf" else arrays[:1]
        return any(is_never_minus_zero(v, depth - 1) for v in summands)
    if op.name in _PARTS:
        return all(is_never_minus_zero(v, depth - 1) for v in arrays)
    if op.name == "arith.maximumf":
        return any(is_number(v, 0.0) and is_never_minus_zero(w, depth - 1) for v, w in (arrays, arrays[::-1])) or (
            is_number(arrays[1], 0.0))
    return op.name in ("math.absf", "math.exp", "arith.sitofp", "arith.uitofp") or (
        op.name == "arith.mulf" and arrays[0] is arrays[1])


@rule("arith.subf")
def difference(op: Op, b: Builder) -> Outcome:
    """x - 0.0 is x, x - -y is x + y."""
    x, y = op.operands
    if is_number(y, 0.0):
        return x
    negated = made_by(y, "arith.negf")
    return b.op("arith.addf", [x, negated.operands[0]], [x.type], dict(op.attrs)) if negated else None


@rule("arith.negf")
def twice_negated(op: Op, b: Builder) -> Outcome:
    inner = made_by(op.operands[0], "arith.negf")
    return inner.operands[0] if inner else None


@rule("math.absf")
def absolute(op: Op, b: Builder) -> Outcome:
    """|-x| and ||x|| are |x|."""
    inner = made_by(op.operands[0], "arith.negf", "math.absf")
    return b.op("math.absf", [inner.operands[0]], [op.result.type]) if inner else None


@rule("math.powf")
def first_power(op: Op, b: Builder) -> Outcome:
    return op.operands[0] if is_number(op.operands[1], 1.0) else None


@rule("math.fma")
def plain_fma(op: Op, b: Builder) -> Outcome:
    """x * 1 + z is a sum, x * y + -0.0 a product: each is then rounded once anyway."""
    x, y, z = op.operands
    for one, other in ((x, y), (y, x)):
        if is_number(one, 1.0):
            return b.op("arith.addf", [other, z], [x.type])
    return b.op("arith.mulf", [x, y], [x.type]) if is_number(z, -0.0) else None


# ---- choice and comparison ----


@rule("arith.maximumf", "arith.minimumf", "arith.maxui", "arith.minui", "arith.maxsi", "arith.minsi",
      "arith.andi", "arith.ori")
def of_itself(op: Op, b: Builder) -> Outcome:
    return op.operands[0] if op.operands[0] is op.operands[1] else None


@rule("arith.select")
def choice(op: Op, b: Builder) -> Outcome:
    """The condition is known, or both sides are one; `not c` swaps them; true and false are c itself."""
    condition, x, y = op.operands
    known = everywhere(condition)
    if known is not None:
        return x if known.value else y
    if x is y:
        return x
    if (positive := _negated(condition)) is not None:
        return b.op("arith.select", [positive, y, x], [op.result.type])
    if condition.type == x.type and _is_truth(x, True) and _is_truth(y, False):
        return condition
    return None


def _is_truth(value: Value, truth: bool) -> bool:
    attr = everywhere(value)
    return attr is not None and attr.type == t.i1 and bool(attr.value) == truth


def _negated(value: Value) -> Value | None:
    """c, if `value` is `not c`."""
    op = made_by(value, "arith.xori")
    return op.operands[0] if op is not None and _is_truth(op.operands[1], True) else None


_INVERSE_FLOAT = {"false": "true", "oeq": "une", "ogt": "ule", "oge": "ult", "olt": "uge", "ole": "ugt",
                  "one": "ueq", "ord": "uno"}
_INVERSE_FLOAT |= {b: a for a, b in _INVERSE_FLOAT.items()}
_INVERSE = {"arith.cmpi": (CMPI, OPPOSITE_CMPI), "arith.cmpf": (CMPF, _INVERSE_FLOAT)}


@rule("arith.xori")
def exclusive_or(op: Op, b: Builder) -> Outcome:
    """not not c is c, not (x < y) is x >= y (for floats: or unordered), x ^ 0 is x, x ^ x is 0."""
    x, y = op.operands
    if _is_truth(y, True):
        inner = _negated(x)
        return inner if inner is not None else _opposite(x, b)
    zero = everywhere(y)
    if zero is not None and zero.value == 0:
        return x
    return b.const(0, x.type) if x is y and not isinstance(x.type, t.TensorType) else None


def _opposite(condition: Value, b: Builder) -> Value | None:
    compare = made_by(condition, *_INVERSE)
    if compare is None:
        return None
    names, inverse = _INVERSE[compare.name]
    predicate = inverse[names[compare.attrs["predicate"].value]]
    return _compare(b, compare, predicate, compare.operands)


def _compare(b: Builder, like: Op, predicate: str, operands: list[Value]) -> Value:
    number = _INVERSE[like.name][0].index(predicate)
    return b.op(like.name, operands, [like.result.type],
                {**like.attrs, "predicate": t.IntAttr(number, t.i64)})


_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


@rule("arith.cmpi", "arith.cmpf")
def constant_compared(op: Op, b: Builder) -> Outcome:
    """0 < x is x > 0; an integer against itself is known."""
    x, y = op.operands
    predicate = _INVERSE[op.name][0][op.attrs["predicate"].value]
    if op.name == "arith.cmpi" and x is y and not isinstance(x.type, (t.TensorType, t.VectorType)):
        return b.const(predicate in ("eq", "sle", "sge", "ule", "uge"), t.i1)
    if everywhere(x) is None or everywhere(y) is not None:
        return None
    mirrored = predicate[:-2] + _MIRRORED[predicate[-2:]] if predicate[-2:] in _MIRRORED else predicate
    return _compare(b, op, mirrored, [y, x])


# ---- sizes and positions ----


@rule(*(f"arith.{name}" for name in ("addi", "subi", "muli", "divsi", "remsi", "minsi", "maxsi", "cmpi")))
def on_indices(op: Op, b: Builder) -> Outcome:
    """i64 arithmetic on sizes is index arithmetic: both have 64 bits, and equal sizes stay one value."""
    if op.operands[0].type != t.i64:
        return None
    indices = [as_index(v, b) for v in op.operands]
    if any(v is None for v in indices) or all(constant_of(v) is not None for v in op.operands):
        return None
    kind = t.i1 if op.name == "arith.cmpi" else t.index
    found = b.op(op.name, [v for v in indices if v is not None], [kind], dict(op.attrs))
    return found if kind == t.i1 else b.index_cast(found, t.i64)


@rule("arith.cmpi")
def size_against_zero(op: Op, b: Builder) -> Outcome:
    """A size, a counter, their minimum or a quotient of them is never negative."""
    x, y = op.operands
    predicate = CMPI[op.attrs["predicate"].value]
    bound = {"sge": 0, "slt": 0, "sgt": -1, "sle": -1}.get(predicate)
    if bound is None or constant_of(y) != bound or not _never_negative(x):
        return None
    return b.const(predicate in ("sge", "sgt"), t.i1)


@rule("arith.cmpi")
def sign_of_bits(op: Op, b: Builder) -> Outcome:
    """x ^ y has the sign of x, where y is never negative."""
    bits = made_by(op.operands[0], "arith.xori")
    bound, predicate = everywhere(op.operands[1]), CMPI[op.attrs["predicate"].value]
    if bits is None or bound is None or (predicate, bound.value) not in (("slt", 0), ("sge", 0), ("sgt", -1)):
        return None
    for x, y in (bits.operands, reversed(bits.operands)):
        if _never_negative(y):
            return _compare(b, op, predicate, [x, op.operands[1]])
    return None


@rule("arith.andi")
def negative_and_not_zero(op: Op, b: Builder) -> Outcome:
    """x != 0 and x < 0 is x < 0."""
    for condition, other in (op.operands, reversed(op.operands)):
        negative, differs = negative_if(other), made_by(condition, "arith.cmpi")
        if (negative is not None and differs is not None and CMPI[differs.attrs["predicate"].value] == "ne"
                and differs.operands[0] is negative and _is_zero(differs.operands[1])):
            return other
    return None


def _is_zero(value: Value) -> bool:
    attr = everywhere(value)
    return isinstance(attr, t.IntAttr) and attr.value == 0


# ---- division by a power of two ----


@rule("arith.remsi", "arith.divsi")
def natural_by_power(op: Op, b: Builder) -> Outcome:
    """x / 2**k is a shift, and its remainder the last k bits, where x is never negative."""
    power = _power_of_two(op.operands[1])
    return None if power is None or not _never_negative(op.operands[0]) else _by_power(b, op, power)


@rule("arith.select")
def floored_by_power(op: Op, b: Builder) -> Outcome:
    """So it is of any x towards minus infinity: a remainder `r + 2**k if r < 0 else r`, `q - 1 if r < 0 else q`."""
    condition, below, above = op.operands
    left, made = negative_if(condition), made_by(above, "arith.remsi", "arith.divsi")
    rem, moved = made_by(left, "arith.remsi") if left is not None else None, below.op
    if made is None or rem is None or moved is None or made.operands != rem.operands:
        return None
    power, by = _power_of_two(made.operands[1]), everywhere(moved.operands[-1])
    moves = ("arith.addi", 1 << power) if power is not None and made is rem else ("arith.subi", 1)
    same = moved.operands[0] is above and by is not None and (moved.name, by.value) == moves
    return _by_power(b, made, power) if power is not None and same else None


def _power_of_two(value: Value) -> int | None:
    """The k of 2**k, for numbers that are no sizes."""
    least, most = interval(value)
    known = least == most > 0 and t.element(value.type) != t.index
    return least.bit_length() - 1 if known and least & (least - 1) == 0 else None


def _by_power(b: Builder, division: Op, power: int) -> Value:
    """The quotient towards minus infinity, or the remainder that is never negative."""
    x, divisor = division.operands
    if division.name == "arith.remsi":
        return b.op("arith.andi", [x, filled_like(b, divisor, (1 << power) - 1)], [x.type])
    return b.op("arith.shrsi", [x, filled_like(b, divisor, power)], [x.type])


def _never_negative(value: Value) -> bool:
    known = constant_of(value)
    if known is not None:
        return bool(0 <= known < 2 ** (_bits(value.type) - 1))
    op = value.op
    if op is None:
        counts = value.type == t.index and value.index == 0 and _counts_up(value.block.parent_op())
        return counts or interval(value).least >= 0
    if measured(value) is not None:
        return True
    if op.name == "arith.index_cast":
        return _bits(op.operands[0].type) <= _bits(value.type) and _never_negative(op.operands[0])
    if op.name in ("arith.minsi", "arith.divsi", "arith.xori"):
        return all(map(_never_negative, op.operands))
    if op.name == "arith.remsi":
        return _never_negative(op.operands[0])
    if op.name in ("arith.addi", "arith.subi") and value.type == t.index:
        return never_negative(linear(value))
    if op.name == "arith.maxsi":
        return any(map(_never_negative, op.operands))
    return interval(value).least >= 0


def _counts_up(loop: Op | None) -> bool:
    """True for loops whose counter starts at 0 or above."""
    if loop is None or loop.name not in ("scan.scan", "scf.for"):
        return False
    return loop.name == "scan.scan" or _never_negative(Loop(loop).lower)


# ---- conversions ----


@rule("arith.index_cast", "arith.bitcast")
def there_and_back(op: Op, b: Builder) -> Outcome:
    """A conversion to the same type, or out of a type and back where nothing was lost between."""
    x = op.operands[0]
    if x.type == op.result.type:
        return x
    inner = made_by(x, op.name)
    if inner is None or inner.operands[0].type != op.result.type:
        return None
    lossless = op.name == "arith.bitcast" or _bits(x.type) >= _bits(op.result.type)
    return inner.operands[0] if lossless else None


def _bits(type: t.Type) -> int:
    kind = t.element(type)
    return kind.width if isinstance(kind, (t.IntType, t.FloatType)) else 64


@rule("arith.extf", "arith.extsi", "arith.extui")
def widened_twice(op: Op, b: Builder) -> Outcome:
    """Two steps up are one; a sign extension of what was extended with zeros is one with zeros."""
    inner = made_by(op.operands[0], op.name, *(["arith.extui"] if op.name == "arith.extsi" else []))
    return b.op(inner.name, [inner.operands[0]], [op.result.type]) if inner else None


@rule("arith.truncf", "arith.trunci")
def narrowed_after_widening(op: Op, b: Builder) -> Outcome:
    """Down after up is one conversion from the first type to the last, or none."""
    widening = ("arith.extf",) if op.name == "arith.truncf" else ("arith.extsi", "arith.extui")
    inner = made_by(op.operands[0], *widening)
    if inner is None:
        return None
    x = inner.operands[0]
    if _bits(x.type) == _bits(op.result.type):
        return x
    return b.op(inner.name if _bits(x.type) < _bits(op.result.type) else op.name, [x], [op.result.type])


@rule("arith.sitofp", "arith.uitofp")
def widened_integer(op: Op, b: Builder) -> Outcome:
    """A float of an integer that was only widened is a float of the integer itself."""
    inner = made_by(op.operands[0], "arith.extui", "arith.extsi")
    if inner is None or (inner.name == "arith.extsi" and op.name == "arith.uitofp"):
        return None
    name = "arith.uitofp" if inner.name == "arith.extui" else "arith.sitofp"
    return b.op(name, [inner.operands[0]], [op.result.type])
