"""Find scans whose state axes never mix, and mark them: `lanes = 1` means loop over lanes outside time.

    scan.scan(%n, %ones) {            scan.scan(%n, %ones) {
      %p = linalg.generic(%c, %A)  ->   ... the same body ...
      scan.yield(%p) }                } {lanes = 1}

Why: with the lanes outside, the state of a lane stays in a register for all steps, and neighbouring
lanes fill SIMD registers, threads, or a GPU's grid; `A**k` then reads A once and writes once.
Conservative: every array op of the step must be an elementwise loop nest over the whole state, and
every array that changes with time must be read at the lane's own position. Scans with `until` whose lanes that are
done may change, and scans that move whole rows every step (sequences or traces of arrays), keep time outside unless
`streams` is set: row by row is then the better order for memory on a CPU; on a GPU it is not. Where such rows have a
length that is not known, which may be 1, `one_lane` marks the scan: it has a loop over numbers for that besides.
Cost: linear. Runs after `fuse`, whose loop nests it reads; `bufferize` acts on the mark.
Source: lane-private state as in ISPC (Pharr and Mark, 2012); loop interchange (Wolfe, 1982).
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, defined_in, made_of, needed_for
from scancc.ir.equalities import equal_sizes
from scancc.ir.linear import most
from scancc.ir.ops import is_pure
from scancc.ir.parts import Nest, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.ir.wording import what

from .slicing.settling import settling_of

MIXING = ("tensor.extract_slice", "tensor.insert_slice", "scan.concat", "scan.gather", "scan.scatter", "scan.scan",
          "scan.transpose", "scan.reshape")
FEW = 16  # steps that are not worth a loop of their own for rows of one element


def lanes(module: Op, streams: bool = False) -> None:
    """Mark every scan whose lanes are independent."""
    for op in module.walk():
        if op.name == "scan.scan":
            reason = obstacle(op, streams, runs=not streams)
            if reason is None:
                op.attrs["lanes"] = t.IntAttr(1, t.i64)
            elif not streams and _may_be_one(op):
                op.attrs["one_lane"] = t.IntAttr(1, t.i64)
                reason += "; where rows have one element, it is one lane"
            if _array_states(op) and "tile" not in op.attrs:  # a loop over tiles is none over steps
                why = f"time stays the outer loop: {reason}" if reason else ""
                remark("lanes", op, reason is None, why or "each element of the state has its own past only")


def obstacle(op: Op, streams: bool, runs: bool = False) -> str | None:
    """Why the lanes of a scan cannot (or should not) go outside time; None where they should. `runs`: they need to
    only where a step runs."""
    scan = ScanView(op)
    if not _array_states(op):
        return "the state is scalar"
    if scan.until and (streams or scan.ys):
        return "`until` decides for all lanes at once"
    if any(depth != 1 for depth in scan.depths):
        return "the state has a ring of past rows"
    settling = settling_of(scan) if scan.until else None
    if scan.until and settling is None:
        return "`until` decides for all lanes at once: it is not known that a lane that is done changes no more"
    asking = settling.ops if settling is not None else []
    return (_mixing_obstacle(scan, asking) or _shape_obstacle(scan, asking, runs)
            or (None if streams else _stream_obstacle(scan)) or _body_obstacle(op, asking))


def _mixing_obstacle(scan: ScanView, asking: Sequence[Op]) -> str | None:
    """Which op, on the way from a state to the next, makes an element of several, or moves elements."""
    for op in _on_the_way(scan):
        if op in asking:
            continue
        if op.name == "linalg.generic" and not Nest(op).is_parallel:
            line = f" (line {op.location[1]})" if op.location else ""
            return ("an element of the next state needs several of the last: a product or reduction"
                    f"{line} combines them")
        if op.name in MIXING:
            return f"elements of the state change places, or stand beside others: {what(op)}"
    return None


def _on_the_way(scan: ScanView) -> list[Op]:
    """The ops of a step that a next state needs, and that need a state."""
    ops = scan.op.body.ops[:-1]
    waiting = made_of(scan.carry_args, ops)
    return [op for op in needed_for(scan.next, ops)
            if any(v in waiting for inner in op.walk() for v in inner.operands)]


def _may_be_one(op: Op) -> bool:
    """Whether rows pass by whose length is not known: where that is one, they are numbers. Nobody reads the last
    states, which both loops would have to bring to one place."""
    scan, shapes = ScanView(op), [v.type.shape for v in _array_states(op) if isinstance(v.type, t.TensorType)]
    n = constant_of(scan.length)
    if scan.until or any(final.uses for final in scan.finals) or n is not None and n < FEW:
        return False
    return all(shape == (None,) for shape in shapes) and obstacle(op, True, runs=True) is None


def _array_states(op: Op) -> list[Value]:
    """The initial values of the states that are arrays."""
    return [v for v in ScanView(op).init if isinstance(v.type, t.TensorType)]


def _shape_obstacle(scan: ScanView, asking: Sequence[Op], runs: bool) -> str | None:
    rows = [*scan.carry_args, *scan.next, *scan.row_values]
    shapes = {v.type.shape for v in rows if isinstance(v.type, t.TensorType)}
    ranks = {len(shape) for shape in shapes}
    if len(ranks) != 1:
        return "states and outputs differ in rank"
    if any(not isinstance(v.type, t.TensorType) for v in scan.row_values):
        return "a scalar is stacked beside the arrays"
    if any(final.uses and not isinstance(final.type, t.TensorType) for final in scan.finals):
        return "the last value of a scalar state is read, which no lane owns"
    if len(shapes) > 1 or not _same_sizes(scan, asking, scan.length if runs else None):
        return "states and outputs differ in shape"
    return None


def _same_sizes(scan: ScanView, asking: Sequence[Op], steps: Value | None) -> bool:
    """True if all array states, rows that are kept, and loop nests of the step have the same sizes; with `steps`, if
    those are not none."""
    op = scan.op
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    sizes = [dims_of(b, v) for v in _array_states(op)] + [dims_of(b, stack.result)[1:] for stack in scan.stacks]
    sizes += [dims_of(b, Nest(inner).outputs[0]) for inner in op.body.ops
              if inner.name == "linalg.generic" and inner not in asking]
    return all(len(row) == len(sizes[0]) and all(equal_sizes(a, b, op, steps)
                                                 for a, b in zip(row, sizes[0], strict=True)) for row in sizes)


def _stream_obstacle(scan: ScanView) -> str | None:
    if any(isinstance(arg.type, t.TensorType) for arg in scan.x_args):
        return "every step reads a row of arrays"
    if any(stack.rows is scan.length or stack.stride and most(stack.rows) is None for stack in scan.stacks):
        return "every step writes a row of arrays"
    return None


def _body_obstacle(op: Op, asking: Sequence[Op]) -> str | None:
    body = op.body
    for inner in body.ops[:-1]:
        if inner in asking and inner.name != "linalg.generic":
            continue
        if inner.name == "linalg.generic":
            if not Nest(inner).is_parallel and inner not in asking:
                return f"'{inner.results[0].name or inner.name}' combines elements of a row"
            problem = _access_obstacle(Nest(inner), body)
            if problem is not None:
                return problem
        elif inner.name == "tensor.empty" or all(user in asking for result in inner.results for user in result.uses):
            continue
        elif any(isinstance(r.type, t.TensorType) for r in inner.results) or not is_pure(inner) or inner.regions:
            return f"the step has {what(inner)}"
        elif any(isinstance(v.type, t.TensorType) and defined_in(v, body) for v in inner.operands):
            return f"the step has {what(inner)}, of an array that changes"
    return None


def _access_obstacle(nest: Nest, step: Block) -> str | None:
    for read in nest.reads:
        if defined_in(read.value, step) and read.dims != nest.identity:
            return f"'{read.value.name or 'a value'}' is read at another position than the lane's own"
    for inner in nest.op.body.ops:
        for value in inner.operands:
            if isinstance(value.type, t.TensorType) and defined_in(value, step):
                return "an element of a changing array is read by a computed index"
    return None
