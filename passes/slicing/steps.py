"""A scan's step as a dependence graph: which of its ops lie on a cycle through the state, and which do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import group
from scancc.ir.parts import Carry, ScanView
from scancc.ir.slices import entries, number_of
from scancc.late_dataclasses import dataclass

from .components import components
from .latencies import latency

INVARIANT, BEFORE, CYCLE, AFTER, STOP = "invariant", "before", "cycle", "after", "stop"


class Component(NamedTuple):
    """States and ops of a step that all wait for each other; one alone where it waits for none of itself."""

    carries: list[Carry]
    ops: list[Op]
    cyclic: bool


class Cycle(NamedTuple):
    """States that depend on their own past, in whatever round-about way, and the ops between them.

    `chain`: cycles of the target from a state to its next value, at most; None where an op has no known time.
    `distance`: the least number of steps after which a value comes back.
    """

    carries: list[Carry]
    ops: list[Op]
    chain: int | None
    distance: int


@dataclass
class Slice:
    """Where each op of a step stands, and the cycles, earlier ones first."""

    scan: ScanView
    kind: dict[Op, str]
    number: dict[Op, int]  # of the cycle that an op is on
    cycles: list[Cycle]
    components: list[Component]  # each after all that it waits for
    states: list[str]  # the label of each state

    def label(self, op: Op) -> str:
        return _label(self.kind[op], self.number[op])


def _label(kind: str, number: int) -> str:
    return f"{kind} {number}" if kind == CYCLE else kind


def slice_of(op: Op) -> Slice:
    """The slice of a `scan.scan`. Linear."""
    graph = _Graph(ScanView(op))
    found = Slice(graph.scan, {}, {}, [], [], [""] * graph.n_carries)
    kinds: dict[int, str] = {}
    for members in components(graph.needs):
        kind = graph.kind(members, kinds)
        kinds.update(dict.fromkeys(members, kind))
        for node in members:
            if node < graph.n_carries:
                found.states[node] = _label(kind, len(found.cycles))
        component = graph.component(members, kind)
        found.components.append(component)
        found.kind.update(dict.fromkeys(component.ops, kind))
        found.number.update(dict.fromkeys(component.ops, len(found.cycles)))
        if kind == CYCLE:
            found.cycles.append(_cycle(component))
    if graph.scan.stop is not None:
        found.kind.update((made, STOP) for made in made_of([graph.scan.stop], op.body) if found.kind[made] == AFTER)
    return found


class _Graph:
    """Nodes are the carries of a scan, then the ops of its step. An op depends on what it reads; a carry, a step
    later, on what makes its next value."""

    def __init__(self, scan: ScanView) -> None:
        self.scan, self.body, self.carries = scan, scan.op.body, scan.carries
        self.n_carries = len(self.carries)
        self.node = {carry.arg: n for n, carry in enumerate(self.carries)}
        self.changing = set(self.body.args)  # arguments other than states: they change, and wait for nothing
        self.changing.difference_update(self.node)
        for place, op in enumerate(self.body.ops[:-1]):
            self.node.update(dict.fromkeys(op.results, self.n_carries + place))
        self.needs = [list(self._of([carry.next])) for carry in self.carries]
        self.needs += [list(self._of(used(op))) for op in self.body.ops[:-1]]

    def _of(self, values: Iterable[Value]) -> dict[int, None]:
        return {self.node[v]: None for v in values if v in self.node}

    def op(self, node: int) -> Op:
        return self.body.ops[node - self.n_carries]

    def kind(self, members: list[int], kinds: dict[int, str]) -> str:
        """Of a component, when those that it depends on are known."""
        if len(members) > 1 or members[0] in self.needs[members[0]]:
            return CYCLE
        (node,) = members
        if any(kinds[n] in (CYCLE, AFTER) for n in self.needs[node]):
            return AFTER
        if node < self.n_carries or any(kinds[n] == BEFORE for n in self.needs[node]):
            return BEFORE
        return BEFORE if any(v in self.changing for v in used(self.op(node))) else INVARIANT

    def component(self, members: list[int], kind: str) -> Component:
        order = sorted(members)
        return Component([self.carries[n] for n in order if n < self.n_carries],
                         [self.op(n) for n in order if n >= self.n_carries], kind == CYCLE)


def _cycle(found: Component) -> Cycle:
    distance = min((least_lag(carry) for carry in found.carries), default=1)
    return Cycle(found.carries, found.ops, _chain(found.carries, found.ops), distance)


def least_lag(carry: Carry) -> int:
    """How many steps back a step reads of a state at the least."""
    if carry.depth == 1:
        return 1
    places = [row_read(op) for op in carry.arg.uses]
    return min((1 if place is None else carry.depth - place for place in places), default=carry.depth)


def row_read(op: Op) -> int | None:
    """The one row of a window that an op reads, where that is known; row 0 is the oldest."""
    if op.name == "tensor.extract":
        return constant_of(group(op, "indices")[0])
    if op.name == "tensor.extract_slice" and entries(op, "sizes")[0] == 1:
        return number_of(entries(op, "offsets")[0])
    return None


def newest(carries: Sequence[Carry]) -> list[Value]:
    """The states for which a step may have to wait: not those that are what another one was, so were there before."""
    args = {carry.arg for carry in carries}
    return [carry.arg for carry in carries if carry.next not in args or carry.next is carry.arg]


def ages_of(scan: ScanView) -> dict[Value, int]:
    """How many steps before the newest one states were made, and rows of windows that a step reads."""
    after = {carry.arg: carry.next for carry in scan.carries}
    ages: dict[Value, int] = {}
    for arg in after:
        ages[arg], value = 0, after[arg]
        while value in after and ages[arg] < len(after):
            ages[arg], value = ages[arg] + 1, after[value]
    for carry in scan.carries:
        for op in carry.arg.uses if carry.depth > 1 else ():
            row = row_read(op) if op.parent is scan.op.body else None
            ages.update((v, carry.depth - 1 - row) for v in op.results if row is not None)
    return ages


def _chain(carries: Sequence[Carry], ops: Sequence[Op]) -> int | None:
    """The longest way from a state of a cycle to the next value of one; from older ones where none is read sooner."""
    return _way(newest(carries), carries, ops) or _way([carry.arg for carry in carries], carries, ops)


def _way(starts: Sequence[Value], carries: Sequence[Carry], ops: Sequence[Op]) -> int | None:
    ready: dict[Value, int] = dict.fromkeys(starts, 0)
    for op in ops:
        cycles = latency(op)
        if cycles is None:
            return None
        waits = [ready[v] for v in used(op) if v in ready]
        if waits:
            ready.update(dict.fromkeys(op.results, max(waits) + cycles))
    return max((ready[carry.next] for carry in carries if carry.next in ready), default=0)


def made_of(values: Iterable[Value], step: Block) -> set[Op]:
    """The ops of a step that `values` are computed by, within one step."""
    found: set[Op] = set()
    waiting = list(values)
    while waiting:
        op = waiting.pop().op
        if op is not None and op.parent is step and op not in found:
            found.add(op)
            waiting += used(op)
    return found


def used(op: Op) -> Iterable[Value]:
    """What an op and all inside it use and do not make."""
    return _used_inside(op) if op.regions else op.operands


def _used_inside(op: Op) -> Iterator[Value]:
    inside: set[Block] = set()
    for inner in op.walk():
        for value in inner.operands:
            if value.block not in inside:
                yield value
        for region in inner.regions:
            inside.update(region.blocks)
