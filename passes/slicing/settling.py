"""When the lanes of an `until` scan may stop one by one: a lane that is done stays done, and changes no more.

    %alive = %x * %x <= 4.0                       the scan stops when no lane is alive
    %x_next = select(%alive, %x * %x + %c, %x)    a lane that is not keeps its state, and so what `alive` reads

The scan runs until the last lane is done; the others may as well have stopped before. That is shown by evaluating a
step for a lane that is done: each array of the state must be as before (or one number, `alive and ...`; then a second
step is evaluated with that number), and the lane must be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.dialects.arith import CMPI
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, ScanView
from scancc.late_dataclasses import dataclass


class Number(NamedTuple):
    """A value that is known."""

    value: int


Known = Value | Number


@dataclass(frozen=True)
class Settling:
    """How a scan stops: when all lanes are done. A lane is when the truth `tested` is `done`; `ops` only ask that."""

    tested: Value
    done: bool
    ops: list[Op]

    @property
    def nest(self) -> Op:
        """The nest that asks all lanes."""
        return self.ops[0]


def settling_of(scan: ScanView) -> Settling | None:
    """How the lanes of a scan stop, or None where it is not known that they may stop one by one."""
    found = _asked(scan)
    if found is None or not _is_only_asked(scan, found):
        return None
    states = [carry for carry in scan.carries if isinstance(carry.arg.type, t.TensorType)]
    lane = Lane(scan)
    lane.assume(lane.known(found.tested), int(found.done))
    numbers = {}
    for carry in states:
        after = lane.known(carry.next)
        if isinstance(after, Number):
            numbers[carry.arg] = after
        elif after is not carry.arg:
            return None
    kept = {carry.arg for carry in states}.difference(numbers)
    return found if _stays_done(scan, found, numbers, kept) else None


def _stays_done(scan: ScanView, found: Settling, numbers: dict[Value, Number], kept: set[Value]) -> bool:
    """Whether a lane whose state is that of one that is done is done again, and keeps the numbers."""
    lane = Lane(scan, numbers)
    tested = lane.known(found.tested)
    if tested != Number(found.done) and (isinstance(tested, Number) or not _depends_on(scan, found.tested, kept)):
        return False
    lane.assume(lane.known(found.tested), int(found.done))
    return all(lane.known(carry.next) == numbers.get(carry.arg, carry.arg)
               for carry in scan.carries if carry.arg in numbers or carry.arg in kept)


def _depends_on(scan: ScanView, value: Value, kept: set[Value]) -> bool:
    """Whether `value` changes only with states that are kept."""
    lane = Lane(scan)
    seen: set[Value] = set()
    waiting = [value]
    while waiting:
        known = lane.known(waiting.pop())
        if isinstance(known, Number) or known in seen or known in kept or not defined_in(known, scan.op.body):
            continue
        seen.add(known)
        if known.block is scan.op.body and (known.op is None or known.op.regions):
            return False  # the step's number, a sequence, or a state that goes on
        waiting += known.op.operands if known.op is not None else []
    return True


# ---- how a scan stops ----


def _asked(scan: ScanView) -> Settling | None:
    """The truth of a lane whose conjunction, or that of its opposite, stops the scan."""
    ops, value, wanted = [], scan.stop, 1
    while value is not None and value.op is not None and is_opposite(value.op):
        ops.append(value.op)
        value, wanted = value.op.operands[0], 1 - wanted
    count = None if value is None else _compared_with_zero(value)
    if count is not None and value is not None and value.op is not None and wanted:
        ops.append(value.op)
        value, wanted = count, 0
    extract = None if value is None else value.op
    nest = operand(extract, "source").op if extract is not None and extract.name == "tensor.extract" else None
    if extract is None or nest is None or nest.name != "linalg.generic" or nest.parent is not scan.op.body:
        return None
    tested = _tested(Nest(nest), wanted)
    return None if tested is None else Settling(tested, bool(wanted), [nest, extract, *reversed(ops)])


def _compared_with_zero(value: Value) -> Value | None:
    """What is 0 where `value` is true; it is not negative."""
    op = value.op
    if op is None or op.name != "arith.cmpi":
        return None
    test = CMPI[op.attrs["predicate"].value], constant_of(op.operands[1])
    return op.operands[0] if test in _NONE else None


_NONE = (("eq", 0), ("eq", False), ("sle", 0), ("ule", 0), ("slt", 1), ("ult", 1))


def _tested(nest: Nest, wanted: int) -> Value | None:
    """The truth that a nest combines for all lanes: into a truth that is `wanted` where it is for all, or a count."""
    if len(nest.op.results) != 1 or nest.writes[0].dims or nest.outputs[0].op is None:
        return None
    (total,), (acc,) = nest.elements, nest.running
    combine = total.op
    start = constant_of(operand(nest.outputs[0].op, "value")) if nest.outputs[0].op.name == "tensor.splat" else None
    if combine is None or acc.uses != {combine: 1} or start is None:
        return None
    (term,) = (v for v in combine.operands if v is not acc)
    whole = "arith.andi" if wanted else "arith.ori"
    if combine.name == whole and total.type == t.i1 and bool(start) is bool(wanted):
        return term
    counts = combine.name == "arith.addi" and total.type == t.i64 and start == 0 and not wanted
    return _counted(term) if counts else None


def _counted(term: Value) -> Value | None:
    """The truth that is counted."""
    while term.op is None:
        array = _array(term)
        if array is None or array.op is None or array.op.name != "linalg.generic":
            return None
        term = Nest(array.op).elements[array.index]
    return term.op.operands[0] if term.op.name == "arith.extui" and term.op.operands[0].type == t.i1 else None


def _is_only_asked(scan: ScanView, found: Settling) -> bool:
    """Whether the step uses the answer for nothing else."""
    last = scan.op.body.terminator
    return all(set(result.uses) <= {*found.ops, last} for op in found.ops for result in op.results) and (
        sum(v.op in found.ops for v in last.operands) == 1)


def is_opposite(op: Op) -> bool:
    """Whether an op makes the opposite of a truth."""
    return op.name == "arith.xori" and op.result.type == t.i1 and constant_of(op.operands[1]) in (1, -1)


# ---- a step of one lane ----


class Lane:
    """What is known of the values of a step in one lane; arrays stand for their elements there."""

    def __init__(self, scan: ScanView, facts: Mapping[Value, Known] | None = None) -> None:
        self.scan = scan
        self.facts: dict[Value, Known] = {**(facts or {})}

    def assume(self, value: Known, number: int) -> None:
        """`value`, a truth, is `number`; and what follows for those it is made of."""
        if isinstance(value, Number):
            return
        self.facts = {v: n for v, n in self.facts.items() if isinstance(n, Number)}
        self.facts[value] = Number(number)
        op = value.op
        if op is not None and is_opposite(op):
            self.assume(self.known(op.operands[0]), 1 - number)
        if op is not None and op.name == ("arith.andi" if number else "arith.ori"):
            for part in op.operands:
                self.assume(self.known(part), number)

    def known(self, value: Value) -> Known:
        """A number, or the value that has this one's element first."""
        waiting = [value]
        while waiting:
            current = waiting[-1]
            needed = [v for v in self._needs(current) if v not in self.facts]
            if current in self.facts or not needed:
                waiting.pop()
                self.facts.setdefault(current, self._evaluate(current))
            else:
                waiting += needed
        return self.facts[value]

    def _needs(self, value: Value) -> Iterable[Value]:
        """What tells the element of `value`."""
        op, step = value.op, self.scan.op.body
        if op is None:
            array = None if value.block is step else _array(value)
            return [array] if array is not None and defined_in(array, step) else []
        if op.name == "linalg.generic" and op.parent is step:
            return [Nest(op).elements[value.index]]
        if op.name == "tensor.splat":
            return [operand(op, "value")]
        return op.operands if op.name in _RULES and defined_in(value, step) else []

    def _evaluate(self, value: Value) -> Known:
        number = constant_of(value)
        if isinstance(number, int):
            return Number(number & 1 if value.type == t.i1 else number)
        parts = [self.facts[v] for v in self._needs(value)]
        if value.op is not None and value.op.name in _RULES and parts:
            made = _RULES[value.op.name](value.op, *parts)
            return value if made is None else made
        return parts[0] if parts else value


def _array(arg: Value) -> Value | None:
    """The array of which an argument of a nest's body is an element."""
    nest = arg.block.parent_op()
    if nest is None or nest.name != "linalg.generic":
        return None
    return next((read.value for read in Nest(nest).reads if read.arg is arg), None)


# ---- rules: the result, or None where it is a new value ----


def _select(op: Op, test: Known, x: Known, y: Known) -> Known | None:
    if isinstance(test, Number):
        return x if test.value else y
    return x if x == y else None


def _neutral(number: int) -> Callable[..., Known | None]:
    """A rule of an op that changes nothing where its second operand is `number`; also the first, but for `subi`."""
    def rule(op: Op, x: Known, y: Known) -> Known | None:
        if y == Number(number):
            return x
        return y if x == Number(number) and op.name != "arith.subi" else None
    return rule


def _and(op: Op, x: Known, y: Known) -> Known | None:
    if Number(0) in (x, y):
        return Number(0)
    return _neutral(1 if op.result.type == t.i1 else -1)(op, x, y)


def _or(op: Op, x: Known, y: Known) -> Known | None:
    if op.result.type == t.i1 and Number(1) in (x, y):
        return Number(1)
    return _neutral(0)(op, x, y)


def _xor(op: Op, x: Known, y: Known) -> Known | None:
    if isinstance(x, Number) and isinstance(y, Number):
        return Number(x.value ^ y.value)
    return _neutral(0)(op, x, y)


def _compare(op: Op, x: Known, y: Known) -> Known | None:
    predicate = CMPI[op.attrs["predicate"].value]
    if isinstance(x, Number) and isinstance(y, Number) and predicate in ("eq", "ne"):
        return Number(int((x == y) is (predicate == "eq")))
    return None


def _widened(op: Op, x: Known) -> Known | None:
    return x if isinstance(x, Number) and op.operands[0].type == t.i1 else None


_RULES: dict[str, Callable[..., Known | None]] = {
    "arith.select": _select, "arith.andi": _and, "arith.ori": _or, "arith.xori": _xor, "arith.cmpi": _compare,
    "arith.addi": _neutral(0), "arith.subi": _neutral(0), "arith.muli": _neutral(1), "arith.extui": _widened,
}
