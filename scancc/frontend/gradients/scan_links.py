"""Which groups of a scan depend on which: through one step, and from step to step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scancc.frontend.gradients.rules import connects, is_continuous
from scancc.frontend.gradients.walk import connected_to, depending
from scancc.frontend.graph.variables import Apply, Variable, applies
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs


def tap_variables(carry: Carry) -> list[Variable]:
    return [var for _, var in carry.taps]


def varying_carries(body: Body, varying: Iterable[Variable], start: Iterable[int]) -> set[int]:
    """The carries whose rows a gradient leads from to `varying` inner inputs, or to the initial rows of
    the carries `start`, over any number of steps."""
    order = applies([*(c.next for c in body.carry), *body.ys])
    fixed, found = set(varying), set(start)
    while True:
        wrt = fixed.union(*(tap_variables(body.carry[i]) for i in found))
        reached = depending(order, wrt)
        new = {i for i, c in enumerate(body.carry) if c.next in reached and is_continuous(c.next)} - found
        if not new:
            return found
        found |= new


def needed_carries(body: Body, roots: Iterable[Variable], start: Iterable[int], among: set[int]) -> set[int]:
    """Those of the carries `among` that the rows `roots` and the carries `start` depend on."""
    roots, found = list(roots), set(start)
    while True:
        reached = connected_to([*roots, *(body.carry[i].next for i in found)])
        new = {i for i in among if reached.intersection(tap_variables(body.carry[i]))} - found
        if not new:
            return found
        found |= new


@connects(Scan)
def scan_connection(node: Apply, reached: Sequence[bool]) -> Sequence[bool]:
    """Not connected: the number of steps, what only decides when to stop, initial rows that no step reads
    (unless the final row is asked for, which is the initial one after no steps)."""
    op = node.op
    assert isinstance(op, Scan)
    body, outputs = op.body, op.outputs_of(reached)
    start = {i for i, r in enumerate(outputs.carry) if r}
    ys = [y for y, r in zip(body.ys, outputs.ys, strict=True) if r]
    carries = needed_carries(body, ys, start, set(range(len(body.carry))))
    inside = connected_to([*ys, *(body.carry[i].next for i in carries)])
    groups = ScanInputs(
        False, [x in inside for x in body.xs],
        [i in carries and (not c.trace or not inside.isdisjoint(tap_variables(c))) for i, c in enumerate(body.carry)],
        [c in inside for c in body.consts],
    )
    return [groups.length, *groups.xs, *groups.inits, *groups.consts]
