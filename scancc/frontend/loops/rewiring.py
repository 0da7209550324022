"""Applications of a scan that take the place of one that is there: with more states or rows, or without what nobody
reads.

The output variables move to the new application, so that all who read them read its outputs. What was compiled
before stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from scancc.frontend.graph.variables import Apply, Variable, ancestors
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs, stacked_type


def with_states(node: Apply, states: Sequence[tuple[Carry, Variable]],
                consts: Mapping[Variable, Variable] | None = None) -> list[Variable]:
    """The outputs for more states, each given with its initial value. `consts`: invariants that only they read, the
    inner variable to the outer one."""
    op, consts = _scan(node), consts or {}
    inputs, body = op.inputs_of(node.inputs), op.body
    body = replace(body, carry=(*body.carry, *(carry for carry, _ in states)), consts=(*body.consts, *consts),
                   written=body.parts_written)
    made = replace(op, body=body).apply_to(inputs._replace(
        inits=[*inputs.inits, *(init for _, init in states)], consts=[*inputs.consts, *consts.values()]))
    before = op.outputs_of(node.outputs)
    fresh = made.carry[len(before.carry):]
    _move([*before.carry, *before.ys], [v for v in [*made.carry, *made.ys] if v not in fresh])
    return fresh


def with_row(node: Apply, row: Variable) -> Variable:
    """The stack of what each step computes, as one more output where it is not among those that were added."""
    op = _scan(node)
    added = op.body.parts_written.ys
    for y, stack in zip(op.body.ys[added:], op.outputs_of(node.outputs).ys[added:], strict=True):
        if y is row:
            return stack
    body = replace(op.body, ys=(*op.body.ys, row), written=op.body.parts_written)
    made = Apply(replace(op, body=body), node.inputs, [*(v.type for v in node.outputs), stacked_type(row.type)],
                 node.location)
    _move(node.outputs, made.outputs[:-1])
    return made.outputs[-1]


def without_unused(node: Apply, used: Collection[Variable]) -> None:
    """Leave out what the outputs `used` do not need."""
    op = _scan(node)
    body, inputs, outputs = op.body, op.inputs_of(node.inputs), op.outputs_of(node.outputs)
    ys = [(y, stack) for y, stack in zip(body.ys, outputs.ys, strict=True) if stack in used]
    start = {c for c, result in zip(body.carry, outputs.carry, strict=True) if result in used}
    needed = needed_carries(body, [y for y, _ in ys], start)
    carries = [entry for entry in zip(body.carry, inputs.inits, outputs.carry, strict=True) if entry[0] in needed]
    reached = set(read(body, [y for y, _ in ys], needed))
    xs, consts = ([(inner, outer) for inner, outer in zip(group, given, strict=True) if inner in reached]
                  for group, given in ((body.xs, inputs.xs), (body.consts, inputs.consts)))
    smaller = Body(tuple(x for x, _ in xs), tuple(c for c, _, _ in carries), tuple(c for c, _ in consts),
                   tuple(y for y, _ in ys), body.stop)
    made = replace(op, body=smaller).apply_to(ScanInputs(
        inputs.length, [x for _, x in xs], [init for _, init, _ in carries], [c for _, c in consts]))
    _move([*(result for _, _, result in carries), *(stack for _, stack in ys)], [*made.carry, *made.ys])


def _scan(node: Apply) -> Scan:
    assert isinstance(node.op, Scan)
    return node.op


def _move(old: Sequence[Variable], new: Sequence[Variable]) -> None:
    """Let the variables `old` be the outputs that `new` are."""
    for before, after in zip(old, new, strict=True):
        assert after.owner is not None
        before.owner, before.index = after.owner, after.index
        after.owner.outputs[after.index] = before


def read(body: Body, ys: Iterable[Variable], carries: Iterable[Carry]) -> Iterable[Variable]:
    """All that a step reads for these outputs, for the next rows of these states, and to know when to stop."""
    stop = [] if body.stop is None else [body.stop]
    return ancestors([*ys, *(c.next for c in carries), *stop])


def needed_carries(body: Body, ys: Sequence[Variable], start: set[Carry]) -> set[Carry]:
    """The states that these outputs and states depend on, over any number of steps."""
    needed = set(start)
    while True:
        reached = set(read(body, ys, needed))
        new = {c for c in body.carry if any(v in reached for _, v in c.taps)} - needed
        if not new:
            return needed
        needed |= new
