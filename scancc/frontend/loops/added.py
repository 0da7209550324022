"""What derivatives and `final_state` added to a scan, told from what the user wrote.

They add rows and states to an application that is there (`rewiring`), so that all who read it run one loop, behind
what `Body.written` counts. A derivative sees the scan `as_seen`, without what others added and it does not read, and
a program is compiled as it is `settled`: with what it reads of that alone, in the order of the step. So neither
depends on what else was asked of a graph before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from scancc.frontend.graph.variables import Apply, Variable, ancestors, applies, rebuild_into
from scancc.frontend.loops.rewiring import needed_carries, read
from scancc.frontend.loops.same_rows import with_same
from scancc.frontend.loops.scan_op import Body, Scan, scan_of
from scancc.frontend.ops.joined_choices import with_choices_joined
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """An application of a scan without some of what was added; where its inputs and outputs are among all."""

    op: Scan
    inputs: list[int]
    outputs: list[int]

    def of(self, node: Apply) -> Apply:
        """It, on the variables of `node`."""
        return beside(node, self.op, [node.inputs[i] for i in self.inputs], [node.outputs[i] for i in self.outputs])


def beside(node: Apply, op: Scan, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Apply:
    """An application beside `node`, to look at: its outputs stay outputs of `node`."""
    made = Apply(op, inputs, (), node.location)
    made.outputs = list(outputs)
    return made


def as_seen(node: Apply, asked: Collection[Variable]) -> Seen:
    """What was written of a scan, and what was added of the outputs `asked`."""
    op = node.op
    assert isinstance(op, Scan)
    body, outputs = op.body, op.outputs_of(node.outputs)
    written = body.parts_written
    ys = [*range(written.ys), *_in_order_of_step(body, [
        i for i in range(written.ys, len(body.ys)) if outputs.ys[i] in asked])]
    start = {c for i, c in enumerate(body.carry) if i < written.carry or outputs.carry[i] in asked}
    needed = needed_carries(body, [body.ys[i] for i in ys], start)
    carry = [i for i, c in enumerate(body.carry) if c in needed]
    smaller = replace(body, carry=tuple(body.carry[i] for i in carry), ys=tuple(body.ys[i] for i in ys))
    reached = set(read(smaller, smaller.ys, smaller.carry))
    consts = [i for i, c in enumerate(body.consts) if i < written.consts or c in reached]
    smaller = replace(smaller, consts=tuple(body.consts[i] for i in consts), written=written)
    first, n = 1 + len(body.xs), len(body.carry)
    return Seen(replace(op, body=smaller),
                [*range(first), *(first + i for i in carry), *(first + n + i for i in consts)],
                [*carry, *(n + i for i in ys)])


def _in_order_of_step(body: Body, added: Sequence[int]) -> list[int]:
    """Added rows in the order in which the step, as it was written, has all that they are made of."""
    if len(added) < 2:
        return list(added)
    written = body.parts_written
    roots = [*(c.next for c in body.carry[:written.carry]), *body.ys[:written.ys]]
    nodes = applies(roots if body.stop is None else [*roots, body.stop])
    place = {v: n for n, v in enumerate([*body.inputs, *(v for node in nodes for v in node.outputs)])}
    return sorted(added, key=lambda i: (max(place.get(v, -1) for v in ancestors([body.ys[i]], stop=place)), i))


# ---- programs -----------------------------------------------------------------------------------------


def settled(values: Sequence[Variable]) -> list[Variable]:
    """`values`, whose scans have of what was added what these values read; where that is rows, a step chooses between
    what it does and what it saves at once."""
    values = with_same(values)
    return _settled(values) if _has_added(values) else values


def _has_added(values: Sequence[Variable]) -> bool:
    """Whether something was added to a scan, those in steps included."""
    pending = [values]
    while pending:
        for scan in filter(None, map(scan_of, applies(pending.pop()))):
            if scan.body.written is not None:
                return True
            pending.append(scan.body.outputs)
    return False


def _settled(values: Sequence[Variable], stop: Iterable[Variable] = ()) -> list[Variable]:
    memo = {v: v for v in stop}
    nodes = applies(values, memo)
    asked = {v for node in nodes for v in node.inputs}.union(values)
    for node in nodes:
        if scan_of(node) is not None:
            _settle(node, asked, memo)
    return rebuild_into(values, memo)


def _settle(node: Apply, asked: Collection[Variable], memo: dict[Variable, Variable]) -> None:
    """Put what stands for the outputs of a scan into `memo`, where it changes."""
    seen = as_seen(node, asked)
    body = seen.op.body
    rows = _settled(body.outputs, body.inputs)
    if len(body.ys) > body.parts_written.ys:
        rows = with_choices_joined(rows, body.inputs)
    if len(seen.outputs) == len(node.outputs) and sorted(seen.outputs) == seen.outputs and all(
            new is old for new, old in zip(rows, body.outputs, strict=True)):
        return
    step = body.copied({v: v for v in body.inputs}, lambda held, replaced: rows)
    old = seen.of(node)
    new = Apply(replace(seen.op, body=step), rebuild_into(old.inputs, memo), [v.type for v in old.outputs],
                node.location)
    for before, after in zip(old.outputs, new.outputs, strict=True):
        after.name, after.mentions = before.name, before.mentions
        memo[before] = after
