"""Which parts of a step run by themselves over a tile of rows, one after the other.

Stage 0 is a map, stage 1 a loop over the rows, stage 2 a map again, and so on. A cycle runs in a loop, heavy work
off the cycles in a map; light work where its operands are or, where it reads sequences alone, wherever it is read:
that costs less than to keep it. What never changes has no stage: it is computed once a tile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import cached_property

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import allowed
from scancc.ir.ops import CHECKS, ELEMENTWISE, has_trait, is_pure, operand
from scancc.ir.parts import Carry, ScanView
from scancc.late_dataclasses import dataclass

from ..licm import safe_anywhere
from ..slicing.latencies import HEAVY, busy
from ..slicing.steps import INVARIANT, Component, Slice, least_lag, used
from .outer_sums import outer_sums
from .products import ArrayMaps, array_maps

LOOP = 1  # the first stage that is a loop: with `until` the one that may stop

SOLVERS = ("scan.solve", "scan.factor", "scan.cholesky_gradient", "scan.slogdet", "scan.eigh", "scan.svd", "scan.qr")


@dataclass
class Stages:
    """The stage of each op and of each state of a step; those of a tile of `lag` rows, where that is given. As a
    `loop` all of a step is one stage. `arrays`: the loop nests that are maps."""

    slice: Slice
    lag: int | None = None
    loop: bool = False
    arrays: ArrayMaps = field(default_factory=ArrayMaps)
    sums: dict[Value, Op] = field(default_factory=dict)  # states that a tile adds to at once, and what adds
    of_op: dict[Op, int] = field(default_factory=dict)
    of_arg: dict[Value, int] = field(default_factory=dict)  # a state's argument: where it is carried
    floating: dict[Op, set[int]] = field(default_factory=dict)  # light, of sequences alone: the stages that read it

    @property
    def scan(self) -> ScanView:
        return self.slice.scan

    @property
    def last(self) -> int:
        return max([LOOP * self.scan.until, *self.of_op.values(), *self.of_arg.values()])

    def of(self, value: Value) -> int | None:
        """Where a value of the step is made; None where it is there before, as rows of sequences are, or floats."""
        return self.of_arg.get(value) if value.op is None else self.of_op.get(value.op)

    def is_far(self, carry: Carry) -> bool:
        """Whether what a tile reads of a state, a number, is all there before it."""
        return self.lag is not None and least_lag(carry) >= self.lag and not isinstance(
            carry.next.type, t.TensorType)

    def is_sum(self, part: Component) -> bool:
        """Whether a component is a state to which a tile adds at once."""
        return any(carry.arg in self.sums for carry in part.carries)

    def reads_past(self, op: Op) -> bool:
        """Whether an op reads such a state."""
        return op.name == "tensor.extract" and operand(op, "source") in self._far_args

    @cached_property
    def _far_args(self) -> set[Value]:
        return {carry.arg for carry in self.scan.carries if self.is_far(carry)}

    @property
    def reads_far_rows(self) -> bool:
        """Whether there are far states, and the step itself reads their rows one by one."""
        body = self.scan.op.body
        return bool(self._far_args) and all(
            self.reads_past(op) and op.parent is body for arg in self._far_args for op in arg.uses)

    @property
    def runs_ahead(self) -> bool:
        """Whether maps run on steps that may be behind a stop."""
        return self.scan.until and any(stage < LOOP for stage in self.of_op.values())

    def is_map(self, op: Op) -> bool:
        return self.is_elementwise(op) or self.reads_past(op) or op in self.arrays

    def is_elementwise(self, op: Op) -> bool:
        """Whether an op computes one number from numbers, also in steps that would not run."""
        return is_mappable(op) and (not self.scan.until or safe_anywhere(op))

    @cached_property
    def deciding(self) -> set[Op]:
        """The ops that whether to stop waits for, of this step or of those before."""
        nexts, found = {carry.arg: carry.next for carry in self.scan.carries}, set[Op]()
        seen, waiting = set[Value](), [self.scan.stop] if self.scan.stop is not None else []
        while waiting:
            value = waiting.pop()
            if value in seen:
                continue
            seen.add(value)
            if value in nexts:
                waiting.append(nexts[value])
            elif value.op is not None and value.op.parent is self.scan.op.body:
                found.add(value.op)
                waiting += used(value.op)
        return found

    def is_heavy(self, op: Op) -> bool:
        return busy(op) >= HEAVY or op in self.arrays.products

    def ops(self, stage: int) -> list[Op]:
        """The ops of one stage, and those that float there, in order."""
        return self._by_stage.get(stage, [])

    @cached_property
    def _by_stage(self) -> dict[int, list[Op]]:
        found: dict[int, list[Op]] = {}
        for op in self.scan.op.body.ops[:-1]:
            for stage in [self.of_op[op]] if op in self.of_op else self.floating.get(op, ()):
                found.setdefault(stage, []).append(op)
        return found

    @cached_property
    def invariant(self) -> list[Op]:
        """The ops that give the same in each step, in order."""
        return [op for op in self.scan.op.body.ops[:-1] if op not in self.of_op and op not in self.floating]

    @cached_property
    def crossing(self) -> dict[Value, set[int]]:
        """Values of a stage that others read, and by which."""
        found: dict[Value, set[int]] = {}
        for value, reader in self._readings():
            made = self.of(value)
            if made is not None and made != reader:
                found.setdefault(value, set()).add(reader)
        return found

    @cached_property
    def failing(self) -> set[int | None]:
        """The stages of ops that may end the program; None of those that never change."""
        return {self.of_op.get(op) for op in self.scan.op.body.ops if any(map(may_fail, op.walk()))}

    def _readings(self) -> Iterator[tuple[Value, int]]:
        for op, stage in self.of_op.items():
            yield from ((v, stage) for v in used(op))
        yield from ((carry.next, self.of_arg[carry.arg]) for carry in self.scan.carries)


def stages_of(step: Slice, lag: int | None = None, loop: bool = False, matrix: int | None = None) -> Stages:
    """The stages of a `scan.scan`, in tiles of `lag` rows where that is given; with `loop` one loop; with `matrix`
    the products of rows with matrices that have more elements are maps. Linear."""
    found = Stages(step, lag, loop)
    if matrix is not None:
        found.arrays = array_maps(found.slice, matrix)
        sums = outer_sums(found.slice, matrix)
        found.sums = {arg: op for arg, op in sums.items() if allowed(op).allows("reassociate")}
    for part in found.slice.components:
        if part.carries or not _never_changes(part.ops[0], found):
            stage = _placed(part, found)
            if _floats(part, found):
                found.floating[part.ops[0]] = set()
            else:
                found.of_op.update(dict.fromkeys(part.ops, stage))
            found.of_arg.update((carry.arg, stage) for carry in part.carries)
    _settle(found)
    return found


def _never_changes(op: Op, found: Stages) -> bool:
    return not found.loop and found.slice.kind[op] == INVARIANT and is_pure(op)


def _placed(part: Component, found: Stages) -> int:
    """The first stage that suits a component, whose operands have theirs."""
    if found.loop:
        return 1
    waits = [n for v in _needs(part) if (n := found.of(v)) is not None]
    stage = max(waits, default=0)
    if found.is_sum(part):
        stage = max(stage, LOOP) if found.scan.until else stage
        return stage + stage % 2
    if not all(map(found.is_far, part.carries)) or not all(map(found.is_map, part.ops)):
        return stage | 1
    if part.carries or found.reads_past(part.ops[0]):
        return stage + stage % 2
    (op,) = part.ops
    if found.is_heavy(op) and op not in found.deciding:
        return stage + stage % 2
    return stage


def _floats(part: Component, found: Stages) -> bool:
    """Whether a component is light work on sequences, on the step's number, and on what floats itself."""
    op = part.ops[0] if part.ops else None
    if found.loop or part.carries or op is None or not found.is_elementwise(op) or busy(op) >= HEAVY:
        return False
    return all(found.of(v) is None for v in op.operands)


def _needs(part: Component) -> Iterable[Value]:
    yield from (carry.next for carry in part.carries)
    for op in part.ops:
        yield from used(op)


def may_fail(op: Op) -> bool:
    """Whether an op is a check, or has one in its loops."""
    return has_trait(op, CHECKS) or op.name in SOLVERS


def is_mappable(op: Op) -> bool:
    """Whether an op computes one number from numbers, so that it may compute many at once."""
    if not has_trait(op, ELEMENTWISE) or not is_pure(op):
        return False
    types = [v.type for v in (*op.operands, *op.results)]
    return not any(isinstance(type, t.TensorType) or t.is_complex(type) for type in types)


def _settle(found: Stages) -> None:
    """Find the stages in which floating work is read; what is kept of it is a map. Where the step may stop, maps that
    nothing before that reads run after it, on the steps that ran."""
    wanted: dict[Value, set[int]] = {}
    for value in found.scan.row_values:
        wanted.setdefault(value, set()).add(LOOP + 1 if found.scan.until else 0)
    for carry in found.scan.carries:
        wanted.setdefault(carry.next, set()).add(found.of_arg[carry.arg])
    if found.scan.stop is not None:
        wanted.setdefault(found.scan.stop, set()).add(LOOP)
    for op in reversed(found.scan.op.body.ops[:-1]):
        if op in found.floating:
            found.floating[op] = wanted.get(op.result, set())
        elif found.scan.until and found.of_op.get(op) == 0 and all(
                stage > LOOP for v in op.results for stage in wanted.get(v, ())):
            found.of_op[op] = LOOP + 1
        stages = {found.of_op[op]} if op in found.of_op else found.floating.get(op, ())
        for value in used(op):
            wanted.setdefault(value, set()).update(stages)
