"""Scans marked with `lanes`: loops over lanes around a loop over time, whose states are scalars in registers."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, ScanView

from .checks import say_step
from .context import Context
from .nests import array_sizes, inline, materialise, nest
from .stacks import Rows, rows_of


def over_lanes(c: Context, scan: ScanView) -> None:
    """for each lane: for each step, with the lane's state in registers."""
    length, xs = c.get(scan.length), [materialise(c, v) for v in scan.xs]
    stacks = rows_of(c, scan)
    sizes = array_sizes(c, next(v for v in scan.init if isinstance(v.type, t.TensorType)))
    finals = {number: c.target(final, sizes) for number, final in enumerate(scan.finals)
              if isinstance(final.type, t.TensorType) and final.uses}

    def lane(at: list[Value]) -> None:
        _read_invariants(c, scan, at)
        with c.carrying_loop(length, [_initial(c, v, at) for v in scan.init]) as (step, states, finish):
            step.name = "t"
            finish(_step(c, scan, step, at, xs, stacks, states))
        say_step(scan.op, step)
        for number, buffer in finals.items():
            c.store(c.results[number], buffer, at)
    nest(c, sizes, lane)
    for number, buffer in finals.items():
        c.set(scan.finals[number], buffer)
    for rows in stacks:
        rows.finish(c, None)


def _read_invariants(c: Context, scan: ScanView, at: list[Value]) -> None:
    """The lane's elements of arrays that do not change with time, read once before the loop."""
    for op in scan.op.body.ops:
        if op.name == "linalg.generic":
            for read in Nest(op).reads:
                if not defined_in(read.value, scan.op.body):
                    indices = [c.b.index(0) if d is None else at[d] for d in read.dims]
                    c.env[read.arg] = c.load(materialise(c, read.value), indices)


def _initial(c: Context, init: Value, at: list[Value]) -> Value:
    """The lane's element of an array from outside the step."""
    if not isinstance(init.type, t.TensorType):
        return c.get(init)
    made = init.op
    if init not in c.env and made is not None and made.name == "tensor.splat":
        return c.get(operand(made, "value"))
    return c.load(materialise(c, init), at)


def _step(c: Context, scan: ScanView, step: Value, at: list[Value], xs: list[Value], stacks: list[Rows],
          states: list[Value]) -> list[Value]:
    """One step of a lane; its next state."""
    body = scan.op.body
    c.env[scan.counter] = step
    for arg, buffer in zip(scan.x_args, xs, strict=True):
        c.env[arg] = c.load(buffer, [step, *at] if isinstance(arg.type, t.TensorType) else [step])
    for arg, value in zip(scan.carry_args, states, strict=True):
        c.env[arg] = value
        value.name = arg.name
    for op in body.ops[:-1]:
        if op.name == "linalg.generic":
            _element(c, scan, op, at)
        elif op.name != "tensor.empty":
            c.convert(op)
    for rows in stacks:
        rows.store_element(c, _onward(c, scan, rows.stack.value, at), step, at)
    return [_onward(c, scan, v, at) for v in scan.next]


def _onward(c: Context, scan: ScanView, value: Value, at: list[Value]) -> Value:
    """The lane's element of what a step yields; one from outside the step is read from its array."""
    return c.get(value) if defined_in(value, scan.op.body) else _initial(c, value, at)


def _element(c: Context, scan: ScanView, op: Op, at: list[Value]) -> None:
    """One element of a loop nest: changing arrays are the lane's scalars, others are read already."""
    generic = Nest(op)
    for read in generic.reads:
        if defined_in(read.value, scan.op.body):
            c.env[read.arg] = c.get(read.value)
    inline(c, op, at)
    c.env.update((result, c.get(element)) for result, element in zip(op.results, generic.elements, strict=True))
