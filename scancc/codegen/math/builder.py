"""Python arithmetic that writes LLVM IR: a formula over `Value`s becomes straight-line text.

A `Body` says how each operation is written; that of `codegen/exports/c/formulas.py` writes C.
Every operation is elementwise over `width` lanes (1 is a scalar) and carries no fast-math flag, so
an element gets the same bits at every width.  Equal operations are written once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Union

from scancc.late_dataclasses import dataclass

if TYPE_CHECKING:
    from .function import MathFunction

Kind = Literal["f32", "f64", "i32", "i64", "i1"]
Operand = Union["Value", float, int]

_RARELY = ', !prof !{!"branch_weights", i32 1, i32 2000}'  # the code of rare elements lies outside of loops
_LLVM_NAMES: dict[str, str] = {"f32": "float", "f64": "double", "i32": "i32", "i64": "i64", "i1": "i1"}


@dataclass(frozen=True)
class Format:
    """What the formulas need to know about an IEEE binary format."""

    kind: Kind
    integer: Kind
    mantissa_bits: int
    bias: int
    sign_bit: int  # as a signed integer
    split_mask: int  # keeps the upper half of the significand, so that products of halves are exact
    round_magic: float  # 1.5 * 2**mantissa_bits: adding it rounds to an integer, in the low bits


FORMATS: dict[str, Format] = {
    "f32": Format("f32", "i32", 23, 127, -(1 << 31), -(1 << 12), 1.5 * 2.0**23),
    "f64": Format("f64", "i64", 52, 1023, -(1 << 63), -(1 << 27), 1.5 * 2.0**52),
}


class _Branch(NamedTuple):
    """One that is open: the block before it, the one after it, and what was written before it."""

    before: str
    after: str
    written: dict[str, Value]


class Body:
    """The text of one function while it is being written."""

    def __init__(self, width: int, fma: bool) -> None:
        self.width = width
        self.has_fma = fma
        self.lines: list[str] = []
        self.declares: dict[str, None] = {}
        self.calls: dict[str, MathFunction] = {}
        self._written: dict[str, Value] = {}
        self._types = {k: n if width == 1 else f"<{width} x {n}>" for k, n in _LLVM_NAMES.items()}
        self._n_names = 0
        self._n_branches = 0
        self._block = "entry"  # the block that is being written
        self._open: list[_Branch] = []

    def type(self, kind: Kind) -> str:
        return self._types[kind]

    def fresh(self) -> str:
        self._n_names += 1
        return f"%v{self._n_names}"

    def constant(self, kind: Kind, number: float | int) -> Value:
        text = _literal(kind, number)
        if self.width > 1:
            one = _LLVM_NAMES[kind]
            # A constant shuffle, which every LLVM reads and folds; `splat (...)` needs a new one.
            text = (f"shufflevector (<1 x {one}> <{one} {text}>, <1 x {one}> poison, "
                    f"<{self.width} x i32> zeroinitializer)")
        return Value(self, kind, text)

    def emit(self, kind: Kind, operation: str) -> Value:
        known = self._written.get(operation)
        if known is None:
            known = self._written[operation] = Value(self, kind, self.fresh())
            self.lines.append(f"  {known.name} = {operation}")
        return known

    def binary(self, opcode: str, a: Value, b: Value) -> Value:
        return self.emit(a.kind, f"{opcode} {self.type(a.kind)} {a.name}, {b.name}")

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        word = "fcmp" if a.kind in FORMATS else "icmp"
        return self.emit("i1", f"{word} {predicate} {self.type(a.kind)} {a.name}, {b.name}")

    def negate(self, x: Value) -> Value:
        return self.emit(x.kind, f"fneg {self.type(x.kind)} {x.name}")

    def convert(self, opcode: str, x: Value, kind: Kind) -> Value:
        return self.emit(kind, f"{opcode} {self.type(x.kind)} {x.name} to {self.type(kind)}")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        kind = self.type(a.kind)
        return self.emit(a.kind, f"select {self.type('i1')} {condition.name}, {kind} {a.name}, {kind} {b.name}")

    def word(self, table: str, index: Value) -> Value:
        """Element `index` of a constant array of i64."""
        at = self.fresh()
        self.lines.append(f"  {at} = getelementptr i64, ptr @{table}, i64 {index.name}")
        return self.emit("i64", f"load i64, ptr {at}, align 8")

    def room(self, kinds: Sequence[Kind]) -> list[str]:
        """Memory on the stack for a value of each kind; before any branch."""
        slots = [self.fresh() for _ in kinds]
        self.lines[:0] = [f"  {slot} = alloca {self.type(kind)}, align 8"
                          for slot, kind in zip(slots, kinds, strict=True)]
        return slots

    def call_through(self, function: MathFunction, x: Value, room: Sequence[str],
                     kinds: Sequence[Kind]) -> list[Value]:
        """What a function gives for all lanes of `x`; arguments and results, of these kinds, go by way of memory."""
        self.calls[function.symbol] = function
        self.lines.append(f"  store {self.type(kinds[0])} {x.name}, ptr {room[0]}, align 8")
        pointers = ", ".join(f"ptr {slot}" for slot in room)
        self.lines.append(f"  call void @{function.symbol}({pointers}, i64 {self.width})")
        given = [Value(self, kind, self.fresh()) for kind in kinds[1:]]
        for value, slot in zip(given, room[1:], strict=True):
            self.lines.append(f"  {value.name} = load {self.type(value.kind)}, ptr {slot}, align 8")
        return given

    def branch_if_any(self, condition: Value) -> None:
        """What follows, until its `join`, is for rare elements: done for all lanes, if one needs it."""
        any_lane = condition.name
        if self.width > 1:
            mask, any_lane = self.fresh(), self.fresh()
            self.lines.append(f"  {mask} = bitcast {self.type('i1')} {condition.name} to i{self.width}")
            self.lines.append(f"  {any_lane} = icmp ne i{self.width} {mask}, 0")
        self._n_branches += 1
        rare, after = f"rare{self._n_branches}", f"after{self._n_branches}"
        self._open.append(_Branch(self._block, after, dict(self._written)))
        self.lines += [f"  br i1 {any_lane}, label %{rare}, label %{after}{_RARELY}", f"{rare}:"]
        self._block = rare

    def join(self, inside: list[Value], outside: list[Value]) -> list[Value]:
        """Close the last branch: the values from inside where it was taken, the others where not."""
        branch = self._open.pop()
        self.lines += [f"  br label %{branch.after}", f"{branch.after}:"]
        self._written = branch.written  # what the branch wrote is not known after it
        merged = []
        for taken, other in zip(inside, outside, strict=True):
            result = Value(self, taken.kind, self.fresh())
            sources = f"[ {taken.name}, %{self._block} ], [ {other.name}, %{branch.before} ]"
            self.lines.append(f"  {result.name} = phi {self.type(taken.kind)} {sources}")
            merged.append(result)
        self._block = branch.after
        return merged

    def intrinsic(self, name: str, kind: Kind, *operands: Value) -> Value:
        kind_name = kind if self.width == 1 else f"v{self.width}{kind}"
        type_text = self.type(kind)
        symbol = f"@llvm.{name}.{kind_name}"
        self.declares[f"declare {type_text} {symbol}({', '.join([type_text] * len(operands))})"] = None
        arguments = ", ".join(f"{type_text} {v.name}" for v in operands)
        return self.emit(kind, f"call {type_text} {symbol}({arguments})")


class Value:
    """One SSA value of a `Body`; operators write instructions, Python numbers become splats."""

    __slots__ = ("body", "kind", "name")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, body: Body, kind: Kind, name: str) -> None:
        self.body = body
        self.kind = kind
        self.name = name

    @property
    def format(self) -> Format:
        return FORMATS[self.kind]

    def like(self, operand: Operand) -> Value:
        return operand if isinstance(operand, Value) else self.body.constant(self.kind, operand)

    def _binary(self, opcode: str, left: Operand, right: Operand) -> Value:
        return self.body.binary(opcode, self.like(left), self.like(right))

    def _arithmetic(self, opcode: str, left: Operand, right: Operand) -> Value:
        return self._binary(("f" if self.kind in FORMATS else "") + opcode, left, right)

    def __add__(self, other: Operand) -> Value:
        return self._arithmetic("add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self._arithmetic("add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return self._arithmetic("sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self._arithmetic("sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self._arithmetic("mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self._arithmetic("mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", other, self)

    def __neg__(self) -> Value:
        if self.kind in FORMATS:
            return self.body.negate(self)
        return 0 - self

    def __and__(self, other: Operand) -> Value:
        return self._binary("and", self, other)

    def __or__(self, other: Operand) -> Value:
        return self._binary("or", self, other)

    def __xor__(self, other: Operand) -> Value:
        return self._binary("xor", self, other)

    def __lshift__(self, other: Operand) -> Value:
        return self._binary("shl", self, other)

    def __rshift__(self, other: Operand) -> Value:
        """Logical shift: the sign bit is not copied."""
        return self._binary("lshr", self, other)

    def ashr(self, other: Operand) -> Value:
        return self._binary("ashr", self, other)

    def _compare(self, float_predicate: str, int_predicate: str, other: Operand) -> Value:
        predicate = float_predicate if self.kind in FORMATS else int_predicate
        return self.body.compare(predicate, self, self.like(other))

    def __lt__(self, other: Operand) -> Value:
        return self._compare("olt", "slt", other)

    def __le__(self, other: Operand) -> Value:
        return self._compare("ole", "sle", other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare("ogt", "sgt", other)

    def __ge__(self, other: Operand) -> Value:
        return self._compare("oge", "sge", other)

    def equals(self, other: Operand) -> Value:
        return self._compare("oeq", "eq", other)

    def is_nan(self) -> Value:
        return self._compare("uno", "ne", self)

    def below_unsigned(self, other: Operand) -> Value:
        return self._compare("olt", "ult", other)

    def _convert(self, opcode: str, kind: Kind) -> Value:
        return self.body.convert(opcode, self, kind)

    def bits(self) -> Value:
        return self._convert("bitcast", self.format.integer)

    def as_float(self) -> Value:
        return self._convert("bitcast", "f32" if self.kind == "i32" else "f64")

    def to_f64(self) -> Value:
        return self._convert("fpext", "f64") if self.kind == "f32" else self._convert("sitofp", "f64")

    def to_f32(self) -> Value:
        return self._convert("fptrunc", "f32") if self.kind == "f64" else self._convert("sitofp", "f32")

    def abs(self) -> Value:
        return self.body.intrinsic("fabs", self.kind, self)

    def sqrt(self) -> Value:
        return self.body.intrinsic("sqrt", self.kind, self)

    def copysign(self, sign: Operand) -> Value:
        return self.body.intrinsic("copysign", self.kind, self, self.like(sign))

    def at_most(self, limit: Operand) -> Value:
        """min(self, limit); NaN stays.  Written so that x86 uses one minimum instruction."""
        bound = self.like(limit)
        return where(bound < self, bound, self)

    def at_least(self, limit: Operand) -> Value:
        bound = self.like(limit)
        return where(bound > self, bound, self)


def where(condition: Value, yes: Operand, no: Operand) -> Value:
    """Lane by lane: `yes` where the condition holds."""
    first = yes if isinstance(yes, Value) else no
    if not isinstance(first, Value):
        raise TypeError("where() needs a Value on one side at least; make the other with Value.like")
    chosen, other = first.like(yes), first.like(no)
    return condition.body.select(condition, chosen, other)


def fma(a: Operand, b: Operand, c: Operand) -> Value:
    """a*b + c: one rounding where the target has it, two where not (then nothing may need one)."""
    first = next(v for v in (a, b, c) if isinstance(v, Value))
    if not first.body.has_fma:
        return first.like(a) * b + c
    return first.body.intrinsic("fma", first.kind, first.like(a), first.like(b), first.like(c))


def estrin(coefficients: Sequence[float], x: Value) -> Value:
    """c0 + c1*x + ... by halves: a chain of about log2(n) multiply-adds."""
    terms: list[Operand] = list(coefficients)
    power = x
    while len(terms) > 1:
        pairs: list[Operand] = [
            fma(power, terms[i + 1], terms[i]) if i + 1 < len(terms) else terms[i]
            for i in range(0, len(terms), 2)
        ]
        terms = pairs
        if len(terms) > 1:
            power = power * power
    return x.like(terms[0])


def horner(coefficients: Sequence[float], x: Value) -> Value:
    """c0 + x*(c1 + x*(c2 + ...)): no powers of x, and smaller errors than by halves."""
    total = x.like(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = fma(total, x, coefficient)
    return total


def through_f64(formula: Callable[..., Value]) -> Callable[..., Value]:
    """The float32 form of a float64 formula: widen, compute, round once."""

    def narrow(*arguments: Value) -> Value:
        return formula(*(x.to_f64() for x in arguments)).to_f32()

    return narrow


def _literal(kind: Kind, number: float | int) -> str:
    if kind == "i1":
        return "true" if number else "false"
    if kind not in FORMATS:
        return str(int(number))
    value = float(number)
    if kind == "f32" and value == value and abs(value) != float("inf"):
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
