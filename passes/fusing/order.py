"""What of a block must stand before, and what behind, two of its ops that become one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType

from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import CHECKS, has_trait, is_pure, operand
from scancc.ir.parts import ScanView
from scancc.ir.printer import attribute_text
from scancc.ir.types import TensorType


class Order:
    """Which ops of a block wait for which; `became_one` says when the block has changed."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._needs: dict[Op, set[Op]] = {}
        self._checks: dict[Op, bool] = {}

    def between(self, first: Op, second: Op) -> list[Op]:
        ops = self.block.ops
        return ops[ops.index(first) + 1:ops.index(second)]

    def late(self, first: Op, ops: list[Op]) -> set[Op]:
        """Those of `ops`, which stand behind `first` in order, that wait for it."""
        found: set[Op] = set()
        for op in ops:
            needs = self.needs(op)
            if first in needs or not found.isdisjoint(needs):
                found.add(op)
        return found

    def needs(self, op: Op) -> set[Op]:
        """The makers of what an op, and all in it, uses."""
        if op not in self._needs:
            used = op.operands if not op.regions else [v for inner in op.walk() for v in inner.operands]
            self._needs[op] = {v.op for v in used if v.op is not None}
        return self._needs[op]

    def became_one(self, first: Op, second: Op) -> None:
        """Go on after `first` took in `second`."""
        self._needs.clear()
        self._checks[first] = self.fails(first) or self.fails(second)

    def fails(self, op: Op) -> bool:
        """True where an op may end the program."""
        if op not in self._checks:
            self._checks[op] = not is_pure(op) if op.regions else has_trait(op, CHECKS)
        return self._checks[op]


def fails_by_sizes(op: Op) -> bool:
    """True where all that may end the program in an op compares sizes and scalars."""
    return all(decided_by_sizes(inner) for inner in op.walk() if has_trait(inner, CHECKS))


def fails_as(second: Op, first: Op) -> bool:
    """Whether all that may end the program in a step of `second` is checked in the same step of `first`, too."""
    checks = [op for op in second.walk() if has_trait(op, CHECKS) and not decided_by_sizes(op)]
    if not all(op.parent is second.body for op in checks):
        return False
    numbers: dict[Hashable, int] = {}
    known, mine = (_numbered(ScanView(op), numbers) for op in (first, second))
    made = {known.get(operand(op, "condition")) for op in first.body.ops if has_trait(op, CHECKS)} - {None}
    return all(mine.get(operand(op, "condition")) in made for op in checks)


def stop_alike(first: ScanView, second: ScanView) -> bool:
    """Whether two scans of one length, both with `until`, surely stop in the same step: their conditions are the same
    of states that begin with the same and become the same (a partition that is refined until it stays as it is)."""
    carries = [(scan, carry) for scan in (first, second) for carry in scan.carries]
    classes: dict[Value, Hashable] = {carry.arg: (carry.init, carry.depth) for _, carry in carries}
    while True:
        numbers: dict[Hashable, int] = {}
        known = {scan: _numbered(scan, numbers, classes) for scan in (first, second)}
        refined: dict[Value, Hashable] = {
            carry.arg: (classes[carry.arg], known[scan].get(carry.next, carry.next)) for scan, carry in carries}
        if len(set(refined.values())) == len(set(classes.values())):
            break
        order = {form: number for number, form in enumerate(dict.fromkeys(refined.values()))}
        classes = {arg: order[form] for arg, form in refined.items()}
    mine, others = (known[scan].get(scan.stop) for scan in (first, second) if scan.stop is not None)
    return mine is not None and mine == others


def _numbered(scan: ScanView, numbers: dict[Hashable, int], classes: Mapping[Value, Hashable] = MappingProxyType({}),
              ) -> dict[Value, int]:
    """Numbers of what a step computes, equal in two scans where it is the same of what both read alike, and of states
    of the same class."""
    def number(form: Hashable) -> int:
        return numbers.setdefault(form, len(numbers))

    known = {scan.counter: number("counter")} | {arg: number(("row", xs)) for xs, arg in scan.reads}
    known |= {arg: number(("state", form)) for arg, form in classes.items() if arg in scan.carry_args}
    for op in scan.op.body.ops:
        if not op.regions and is_pure(op):
            attrs = tuple(sorted((name, attribute_text(attr)) for name, attr in op.attrs.items()))
            operands = tuple(known.get(v, v) for v in op.operands)
            known |= {v: number((op.name, v.type, attrs, i, operands)) for i, v in enumerate(op.results)}
    return known


def decided_by_sizes(check: Op) -> bool:
    """True of a check that compares sizes and scalars, which are no step's: those come before all work, wherever they
    stand (`checks-first`)."""
    seen: set[Op] = set()
    stack: list[Value] = list(check.operands)
    while stack:
        value = stack.pop()
        op = value.op
        if op is None and _is_of_a_step(value):
            return False
        if op is None or op in seen or op.name == "tensor.dim" and op.operands[0].op is None:
            continue
        if op.regions or not is_pure(op) or isinstance(op.results[0].type, TensorType):
            return False
        seen.add(op)
        stack += op.operands
    return True


def _is_of_a_step(value: Value) -> bool:
    around = value.block.parent_op()
    return around is not None and around.name != "func.func"
