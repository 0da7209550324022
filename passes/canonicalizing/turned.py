"""Rules for rows that are read from the last one to the first."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constants import made_by
from scancc.ir.constraints import shape_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import Linear, linear
from scancc.ir.ops import ELEMENTWISE, OPS, has_trait, operand
from scancc.ir.shapes import dims_of, rank
from scancc.ir.slices import COLUMNS, constant_entries, entries, kept_axes, slice_parts

from .rules import Outcome, rule

MOST_SEEN = 16  # arrays that are looked at


@rule("tensor.extract_slice")
def turned_rows_before_others(op: Op, b: Builder) -> Outcome:
    """Rows in front of others that are all alike, turned, are the turned rows behind these."""
    rows = operand(op, "source")
    inner = made_by(rows, "tensor.insert_slice")
    if inner is None or made_by(operand(inner, "dest"), "tensor.splat") is None or rows.uses != {op: 1}:
        return None
    part, (offsets, sizes, strides) = operand(inner, "source"), (entries(inner, column) for column in COLUMNS)
    if strides[0] != 1 or kept_axes(inner) != list(range(rank(rows))) or not _turns(b, op, rows):
        return None
    if _is_work_on_others(b, part) and not any(user.name == "func.return" for user in op.result.uses):
        return None
    last = (linear(sizes[0]) - Linear(1)).built(b)
    first = (linear(dims_of(b, rows)[0]) - linear(offsets[0]) - linear(sizes[0])).built(b)
    whole = constant_entries(dims_of(b, part))
    zeros, ones = [0] * (len(whole) - 1), [1] * (len(whole) - 1)
    groups, attrs = slice_parts([last, *zeros], whole, [-1, *ones])
    turned = b.grouped("tensor.extract_slice", {"source": [part], **groups}, [part.type], attrs).result
    groups, attrs = slice_parts([first, *offsets[1:]], sizes, strides)
    return b.grouped("tensor.insert_slice", {"source": [turned], "dest": [operand(inner, "dest")], **groups},
                     [rows.type], attrs).result


def _is_work_on_others(b: Builder, part: Value) -> bool:
    """Whether elementwise work makes an array, and of nothing that is turned: it is made where it is put, and then
    read from the last row on."""
    pending, seen = [part], {part}
    while pending and len(seen) <= MOST_SEEN:
        work = pending.pop().op
        if work is None or not has_trait(work, ELEMENTWISE):
            continue
        arrays = [v for v in work.operands if v not in seen and isinstance(v.type, t.TensorType)]
        cuts = filter(None, (made_by(v, "tensor.extract_slice") for v in arrays))
        if any(_turns(b, cut, operand(cut, "source")) for cut in cuts):
            return False
        pending += arrays
        seen.update(arrays)
    return part.op is not None and has_trait(part.op, ELEMENTWISE)


@rule("tensor.insert_slice")
def insert_of_all_turned(op: Op, b: Builder) -> Outcome:
    """Everything replaced from the last row to the first leaves the source, turned."""
    source, dest = operand(op, "source"), operand(op, "dest")
    return _turned(b, op, source) if source.type == dest.type and _turns(b, op, dest) else None


@rule("tensor.extract_slice")
def turned_map_of_turned(op: Op, b: Builder) -> Outcome:
    """Elementwise work on turned rows, turned, is that work on the rows; what else it reads is turned instead."""
    source = operand(op, "source")
    work = source.op
    if work is None or not has_trait(work, ELEMENTWISE) or source.uses != {op: 1} or not _turns(b, op, source):
        return None
    if any(shape_of(v.type) != shape_of(source.type) for v in work.operands if isinstance(v.type, t.TensorType)):
        return None
    found = [_as_it_was(b, v) for v in work.operands]
    if all(now is None or now is v for now, v in zip(found, work.operands, strict=True)):
        return None
    operands = [_turned(b, op, v) if now is None else now for now, v in zip(found, work.operands, strict=True)]
    return b.op(work.name, operands, [source.type], dict(work.attrs))


@rule(*(name for name, declared in OPS.items() if ELEMENTWISE in declared.traits), of_arrays=True)
def map_of_turned_rows(op: Op, b: Builder) -> Outcome:
    """Elementwise work on the turned rows of a scan, which nobody else reads, is done before they are turned: the
    step can do it, and write each row where it is wanted."""
    parts = [part for v in op.operands if (part := made_by(v, "tensor.extract_slice")) and _are_rows_for(op, part)]
    if not parts:
        return None
    operands = [_as_it_was(b, v) for v in op.operands]
    if None in operands:
        return None
    rows = b.op(op.name, [v for v in operands if v is not None], [op.result.type], dict(op.attrs))
    return _turned(b, parts[0], rows)


def _are_rows_for(op: Op, part: Op) -> bool:
    """Whether an op alone reads what a part takes of rows of a scan, and nobody reads these otherwise."""
    rows = operand(part, "source")
    return part.result.uses.keys() == {op} and rows.uses == {part: 1} and made_by(rows, "scan.scan") is not None


def _as_it_was(b: Builder, value: Value) -> Value | None:
    """What turned rows were; what is the same turned, itself."""
    part = made_by(value, "tensor.extract_slice")
    if not isinstance(value.type, t.TensorType) or made_by(value, "tensor.splat") is not None:
        return value
    if part is None or not _turns(b, part, operand(part, "source")):
        return None
    rows = operand(part, "source")
    return rows if rows.type == value.type and not _is_turned(b, rows) else None


def _is_turned(b: Builder, rows: Value) -> bool:
    """Whether rows are turned ones of others: to turn them again will leave these."""
    part = made_by(rows, "tensor.extract_slice")
    return part is not None and _turns(b, part, operand(part, "source"))


def _turns(b: Builder, part: Op, whole: Value) -> bool:
    """Whether a part takes, or replaces, all rows of an array, from the last to the first."""
    if entries(part, "strides")[0] != -1 or kept_axes(part) != list(range(rank(whole))):
        return False
    sizes = dims_of(b, whole)
    (first, *offsets), taken, (_, *strides) = (entries(part, column) for column in COLUMNS)
    same = all((linear(n) - linear(size)).known == 0 for n, size in zip(taken, sizes, strict=True))
    return same and set(offsets) <= {0} and set(strides) <= {1} and (linear(first) - linear(sizes[0])).known == -1


def _turned(b: Builder, part: Op, rows: Value) -> Value:
    """All rows, from the last to the first, as a part has them."""
    groups, attrs = slice_parts(*(entries(part, column) for column in COLUMNS))
    return b.grouped("tensor.extract_slice", {"source": [rows], **groups}, [rows.type], attrs).result
