"""Make of a scan whose rows are read in blocks of so many a scan over blocks, of scans over the steps of each.

    %f, %ys = scan.scan(%n, %x, %h0) {...}        %f, %b = scan.scan(%m, %h0) {
    %b = scan.reshape(%ys, %m, %k)                ^bb0(%block, %h):
    %s = scan.reduce sum(%b, axes 1)         ->     %g, %zs = scan.scan(%k, %x[%block * %k ..], %h) {...}
                                                    scan.yield(%g, %zs) }
                                                  %s = scan.reduce sum(%b, axes 1)

Why: rows that are averaged by eights, or by days (`h.reshape((-1, 24)).mean(axis=1)`), are a matrix with a row for
each block. Where the scan has such rows, what reads them moves into its step (`fuse-consumers`), and of the steps
there are but those of one block in memory.
What light elementwise ops make of rows before they are read so is made of the blocks.
Conservative: blocks alone are read, of one size, which is known before, and all that reads these goes into the step;
no steps are left over (a reshape of rows without elements does not tell); the step has no checks, which name their
step, nor states from several steps ago in arrays; scans that have states, and do not stop. Where `tile` has heavy
work of many steps in vectors, blocks of few steps are not taken out.
Cost: linear. Runs after `peel`, which leaves out last steps that fill no block, and before `fuse-consumers`.
Source: strip-mining (Loveman, 1977; Wolfe, High Performance Compilers for Parallel Computing, 1996).
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constraints import shape_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.equalities import is_checked_not_zero
from scancc.ir.linear import linear
from scancc.ir.ops import CHECKS, ELEMENTWISE, group, has_trait, operand, set_operands
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, scratch
from scancc.ir.wording import rows_called, said
from scancc.late_dataclasses import dataclass

from .consuming.ahead import Ahead, varies
from .consuming.chains import behind, makes_rows
from .consuming.last_steps import leave_out_last_steps, takes_first
from .consuming.parts import last_state
from .consuming.readers import Place, Readers
from .consuming.sinking import first_part_of, sunk
from .fusing.first_steps import count_from, rows_of
from .slicing.latencies import HEAVY, busy
from .slicing.steps import slice_of
from .tile import FEW
from .tiling.costs import cost_of
from .tiling.stages import stages_of

MAYBE_NONE = "rows may have no elements, and then a reshape does not tell how many there are"
SOME = "where the number of blocks is -1, a reshape checks that they have some"


def strip_mine(module: Op) -> None:
    """Make blocks of the steps of every scan whose rows are read so."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            _visit(ScanView(op))


def _visit(scan: ScanView) -> None:
    ends = behind((user for rows in scan.ys for user in rows.uses), lambda op: makes_rows(op) or takes_first(op))
    if scan.until or not scan.init or not any(map(_makes_blocks, ends)):
        return
    _sink(scan)
    leave_out_last_steps(scan)
    blocks = _blocks(scan)
    if blocks is None:
        return
    stack, size = scan.stack_of(operand(blocks.parts[0], "source")), said(blocks.size)
    name, why = rows_called(stack.result, stack.value), _against(scan, blocks)
    mined = _mine(scan, blocks) if why is None else None
    if mined is not None:
        remark("strip-mine", mined, True, f"{size} steps at a time: {name} is read in such blocks")
        return
    remark("strip-mine", scan.op, False, f"{name} is read in blocks of {size} steps, but made as a whole: "
           f"{why or 'what reads the blocks needs all of them'}", SOME if why == MAYBE_NONE else "")


# ---- which ----


@dataclass(frozen=True)
class _Blocks:
    """What reads the rows of a scan: reshapes to so many blocks of so many rows, and the last row."""

    count: Value
    size: Value
    parts: list[Op]
    lasts: list[Op]


def _blocks(scan: ScanView) -> _Blocks | None:
    if not all(map(scan.keeps_all, scan.stacks)):
        return None
    users = [user for rows in scan.ys for user in rows.uses]
    lasts = [user for user in users if last_state(user, scan) is not None]
    parts = [user for user in users if user not in lasts]
    if not parts or not all(user.parent is scan.op.parent and _makes_blocks(user) for user in parts):
        return None
    count, size = _sizes(parts[0])
    with scratch() as b:
        alike = [dims_of(b, part.result)[:2] for part in parts]
        if not all(_is_same(count, other) and _is_same(size, steps) for other, steps in alike):
            return None
    return _Blocks(count, size, parts, lasts)


def _makes_blocks(op: Op) -> bool:
    """Whether an op makes one more axis of the first one of an array."""
    if op.name != "scan.reshape":
        return False
    rows = operand(op, "source")
    if len(shape_of(op.result.type)) != 1 + len(shape_of(rows.type)):
        return False
    with scratch() as b:
        return all(map(_is_same, dims_of(b, rows)[1:], dims_of(b, op.result)[2:]))


def _sizes(part: Op) -> tuple[Value, Value]:
    """How many blocks there are, and how many rows each has."""
    assert part.parent is not None
    count, size, *_ = dims_of(Builder(part.parent, part, part.location), part.result)
    return count, size


def _is_same(a: Value, b: Value) -> bool:
    return (linear(a) - linear(b)).known == 0


def _against(scan: ScanView, blocks: _Blocks) -> str | None:
    """Why the steps of a scan cannot run in blocks, or should not; or None."""
    ahead = Ahead(scan.op)
    if not (ahead.is_free(blocks.count) and ahead.is_free(blocks.size) and ahead.guarded.isdisjoint(blocks.parts)):
        return "how many there are is known after it"
    if any(carry.depth > 1 for carry in scan.carries):
        return "a state goes back several steps"
    if any(has_trait(op, CHECKS) and varies(op, scan.op) for op in scan.op.walk()):
        return "a step may fail"
    if not all(_has_elements(part) for part in blocks.parts):
        return MAYBE_NONE
    known = constant_of(blocks.size)
    if known is not None and known < FEW and cost_of(stages_of(slice_of(scan.op))).is_less:
        return "its steps do heavy work that tiles of many steps have in vectors"
    return None


def _has_elements(part: Op) -> bool:
    """Whether each row surely has elements: then there are as many rows in the blocks as in all."""
    with scratch() as b:
        return all(constant_of(size) or is_checked_not_zero(size, part) for size in dims_of(b, part.result)[2:])


# ---- maps of rows ----


def _sink(scan: ScanView) -> None:
    """Let elementwise ops of whose results first rows and blocks alone are read make these of first rows and blocks:
    light ones, and what one reader alone reads."""
    block = scan.op.parent
    assert block is not None
    for is_part in (takes_first, _makes_blocks):
        pending = [op for op in block.ops[block.ops.index(scan.op) + 1:] if is_part(op)]
        while pending:
            part = pending.pop()
            made = operand(part, "source").op
            if made is not None and _goes_behind_parts(made):
                pending += [op for op in sunk(part, made, _part_of) if is_part(op)]


def _is_part(op: Op) -> bool:
    return takes_first(op) or _makes_blocks(op)


def _goes_behind_parts(made: Op) -> bool:
    readers = made.result.uses if len(made.results) == 1 else {}
    return has_trait(made, ELEMENTWISE) and (busy(made) < HEAVY or len(readers) == 1) and all(map(_is_part, readers))


def _part_of(b: Builder, part: Op, value: Value) -> Value:
    """The first rows of another array, or its blocks; where all are the same, as many of these."""
    if part.name != "scan.reshape":
        return first_part_of(b, part, value)
    type, op = t.TensorType(shape_of(part.result.type), t.element(value.type)), value.op
    dims = group(part, "dims")
    if op is not None and op.name == "tensor.splat":
        return b.op("tensor.splat", [operand(op, "value"), *dims], [type])
    if op is not None and op.name == "scan.broadcast" and 0 not in op.attrs["axes"].values:
        axes = t.DenseArray(t.i64, tuple(axis + 1 for axis in op.attrs["axes"].values))
        return b.op("scan.broadcast", [op.operands[0], *dims], [type], {"axes": axes})
    return b.op("scan.reshape", [value, *dims], [type])


# ---- the scan over blocks ----


def _mine(scan: ScanView, blocks: _Blocks) -> Op | None:
    """Put a scan over blocks in the place of a scan, and of the reshapes of its rows; None where something that reads
    the blocks would not go into its step, and all is as it was."""
    block = scan.op.parent
    assert block is not None
    Ahead(scan.op).go(max(blocks.parts, key=block.ops.index))
    stacks = [stack for stack in scan.stacks if any(user in blocks.parts for user in stack.result.uses)]
    outer = ScanView(_over_blocks(scan, blocks, stacks))
    parts = [(part, y) for stack, y in zip(stacks, outer.ys, strict=True)
             for part in stack.result.uses if part in blocks.parts]
    for part, y in parts:
        _read_as(part, y)
    readers = Readers(outer, mixing=True)
    if any(readers.place_of_stack(y) is not Place.STEP for y in outer.ys):
        for part, y in parts:
            y.replace_by(part.result)
        outer.op.erase()
        return None
    for user in blocks.lasts:
        state = last_state(user, scan)
        assert state is not None
        user.replace_by([state.final])
    for old, new in zip(scan.finals, outer.finals, strict=True):
        new.name = old.name
        old.replace_by(new)
    for part in blocks.parts:
        part.erase()
    scan.op.erase()
    return outer.op


def _over_blocks(scan: ScanView, blocks: _Blocks, stacks: list[Stack]) -> Op:
    """The scan over blocks, with a row of each of the stacks for each block."""
    op = scan.op
    assert op.parent is not None
    b, body = Builder(op.parent, op, op.location), Block([t.index])
    body.args[0].name, states = "block", [body.add_arg(v.type) for v in scan.init]
    for arg, state in zip(states, scan.carry_args, strict=True):
        arg.name = state.name
    inner = _steps_of_block(scan, blocks.size, stacks, states, Builder(body, location=op.location))
    Builder(body, location=op.location).make("scan.yield", inner.op.results)
    size = [blocks.size] if constant_of(blocks.size) is None else []
    made = [t.TensorType((constant_of(blocks.count), *y.type.shape), t.element(y.type))  # type: ignore[attr-defined]
            for y in inner.ys]
    kept = {key: op.attrs[key] for key in ("name", "fast_math", "gradient", "sparing") if key in op.attrs}
    return b.grouped(
        "scan.scan", {"length": [blocks.count], "init": scan.init, "rows": [blocks.count] * len(stacks),
                      "dims": [n for stack in stacks for n in (*size, *stack.dims)]},
        [*(v.type for v in scan.init), *made],
        {"depths": [t.IntAttr(1, t.i64)] * len(scan.init), "until": False} | kept, [Region([body])])


def _steps_of_block(scan: ScanView, size: Value, stacks: list[Stack], states: list[Value], b: Builder) -> ScanView:
    """The scan over the steps of a block, in the body of the scan over blocks, which keeps the rows of the stacks."""
    first = b.muli(b.block.args[0], size)
    parts = [rows_of(b, xs, first, size) for xs in scan.xs]
    kept = [scan.stacks.index(stack) for stack in stacks]
    inner = ScanView(clone_op(scan.op, {}, b.insert))
    set_operands(inner.op, length=[size])
    count_from(inner, first)
    reads = [read._replace(xs=part) for read, part in zip(inner.reads, parts, strict=True)]
    carries = [carry._replace(init=arg) for carry, arg in zip(inner.carries, states, strict=True)]
    rows = [inner.new_stack(inner.row_values[n], _rows_type(stack.result.type, size), stack.dims)
            for n, stack in zip(kept, stacks, strict=True)]
    inner.rebuilt(reads, carries, rows)
    return inner


def _rows_type(rows: t.Type, count: Value) -> t.TensorType:
    assert isinstance(rows, t.TensorType)
    return t.TensorType((constant_of(count), *rows.shape[1:]), rows.element)


def _read_as(part: Op, rows: Value) -> None:
    """Let what read a reshape read the rows of a scan."""
    assert part.parent is not None
    rows.name, type = rows.name or part.result.name, part.result.type
    b = Builder(part.parent, part, part.location)
    part.result.replace_by(rows if rows.type == type else b.op("tensor.cast", [rows], [type]))
