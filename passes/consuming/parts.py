"""Some of a scan's rows: those that a reader takes, where it takes not all of them."""

from __future__ import annotations

from fractions import Fraction

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constants import made_by
from scancc.ir.core import Op, Value
from scancc.ir.linear import linear, most
from scancc.ir.ops import group, operand
from scancc.ir.parts import Carry, ScanView, Stack
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.ir.slices import COLUMNS, constant_entries, entries, entry_values, kept_axes, slice_parts


def share_of(user: Op) -> Fraction:
    """How much of all rows a slice takes: nothing where that is no more however many there are.

    A part of unknown size that is returned has its place among the outputs; else it is better a view of all rows,
    but for all of them turned, which are written from the last to the first. (A scan reads them as well backwards.)
    """
    count, stride = entries(user, "sizes")[0], entries(user, "strides")[0]
    if most(count) is not None and not takes_every_row(user):
        return Fraction(0)
    assert isinstance(stride, int)
    if len(kept_axes(user)) < len(entries(user, "sizes")):
        return Fraction(1, 4)  # one place along an axis, of rows that are long, or little is lost
    if abs(stride) > 1:
        return Fraction(1, abs(stride))
    readers = user.result.uses
    is_wanted = stride < 0 and takes_every_row(user) and not any(reader.name == "scan.scan" for reader in readers)
    return Fraction(1 if is_wanted or any(reader.name == "func.return" for reader in readers) else 2)


def keeps_all_turned(scan: ScanView, stack: Stack) -> bool:
    """Whether a stack has the row of each step, from the last to the first."""
    if stack.first is None or stack.stride != -1 or scan.until:
        return False
    return linear(stack.rows) == linear(scan.length) and (linear(scan.length) - linear(stack.first)).known == 1


def takes_every_row(user: Op) -> bool:
    """Whether a slice takes as many rows as there are, none or more."""
    assert user.parent is not None
    steps, *_ = dims_of(Builder(user.parent, user, user.location), operand(user, "source"))
    taken = entries(user, "sizes")[0]
    more = None if isinstance(taken, int) else made_by(taken, "arith.maxsi")
    same = [taken]
    if more is not None and constant_of(more.operands[1]) == 0:  # a number of steps that is an argument is checked
        same.append(more.operands[0])
    return any((linear(rows) - linear(steps)).known == 0 for rows in same)


def takes_whole_rows(user: Op) -> bool:
    """Whether a slice takes all of each row."""
    assert user.parent is not None
    rest = [set(entries(user, column)[1:]) for column in ("offsets", "strides")]
    if not (rest[0] <= {0} and rest[1] <= {1}):
        return False
    sizes = dims_of(Builder(user.parent, user, user.location), operand(user, "source"))[1:]
    return all((linear(taken) - linear(size)).known == 0
               for taken, size in zip(entries(user, "sizes")[1:], sizes, strict=True))


def goes_back(user: Op) -> bool:
    """Whether a slice takes rows one by one from a later to an earlier one."""
    return user.name == "tensor.extract_slice" and entries(user, "strides")[0] == -1


def turns_rows(user: Op) -> bool:
    """Whether a slice takes all rows, from the last to the first."""
    return goes_back(user) and takes_every_row(user) and takes_whole_rows(user)


def takes_last_row(user: Op, scan: ScanView) -> bool:
    """Whether a reader takes the last row of a scan, all of it."""
    steps = linear(scan.executed or scan.length)
    if user.name == "tensor.extract":
        at, *places = group(user, "indices")
        return not places and (steps - linear(at)).known == 1
    return (user.name == "tensor.extract_slice" and 0 not in kept_axes(user) and takes_whole_rows(user)
            and (steps - linear(entries(user, "offsets")[0])).known == 1)


def last_state(user: Op, scan: ScanView) -> Carry | None:
    """The state whose last value is the row that a reader takes."""
    if not takes_last_row(user, scan) or operand(user, "source").op is not scan.op:
        return None
    row = scan.stack_of(operand(user, "source")).value
    return next((carry for carry in scan.carries if carry.next is row and carry.depth == 1), None)


def some_rows(scan: ScanView, row: Value, user: Op, before: Builder) -> Stack:
    """The rows that a slice takes, as a stack."""
    first, sizes, stride = (entry_values(before, user, column) for column in COLUMNS)
    count = dims_of(before, operand(user, "source"))[0] if takes_every_row(user) else sizes[0]
    type = t.TensorType((constant_of(count), *getattr(row.type, "shape", ())), t.element(row.type))
    if not takes_whole_rows(user):  # the row is the part that the slice has of each
        taken = dims_of(before, user.result)
        sizes = [count, *(taken[1:] if 0 in kept_axes(user) else taken)]
    dims = dynamic_dims(type, sizes)
    stack = scan.new_stack(row, type, dims if type.shape[0] is not None else dims[1:])
    return stack._replace(rows=count, first=first[0], stride=constant_of(stride[0]) or 1)


def offset_of(b: Builder, user: Op) -> Value:
    """The first row that a slice takes."""
    return entry_values(b, user, "offsets")[0]


def row_at(scan: ScanView, row: Value, user: Op, before: Builder) -> Stack:
    """The one row of which a reader takes an element, as a stack."""
    type = t.TensorType((1, *getattr(row.type, "shape", ())), t.element(row.type))
    sizes = dims_of(before, operand(user, "source"))[1:]
    stack = scan.new_stack(row, type, dynamic_dims(type, [before.index(1), *sizes]))
    return stack._replace(rows=before.index(1), first=group(user, "indices")[0], stride=1)


def as_taken(stack: Stack, user: Op) -> Value:
    """What a slice takes, of the rows kept for it: these, or the one that is all."""
    assert user.parent is not None
    b, rows, type = Builder(user.parent, user, user.location), stack.result, user.result.type
    if user.name == "tensor.extract":
        return b.op("tensor.extract", [rows, b.index(0), *group(user, "indices")[1:]], [type])
    count, *sizes = constant_entries(dims_of(b, rows))
    rank = 1 + len(sizes)
    if isinstance(type, t.TensorType) and len(type.shape) == rank:
        return rows if rows.type == type else b.op("tensor.cast", [rows], [type])
    groups, attrs = slice_parts([0] * rank, [count if 0 in kept_axes(user) else 1, *sizes], [1] * rank)
    return b.grouped("tensor.extract_slice", {"source": [rows], **groups}, [type], attrs).result
