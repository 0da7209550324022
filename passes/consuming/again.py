"""Columns of a scan's rows that wait for others: for these a cheap scan runs again, in place of keeping its rows.

    %f, %ys = scan.scan(%n, %x, %h0) {...}         %f, %ys = scan.scan(%n, %x, %h0) {...}
    %m = mean of %ys over time                     %m = mean of %ys over time
    %v = mean of (%ys - %m)^2 over time      ->    %g, %zs = scan.scan(%n, %x, %h0) {...}
                                                   %v = mean of (%zs - %m)^2 over time

Both then have what reads their rows in the step. A scan that is to spare its rows (`sparing`) does so whatever a step
costs, and as often as it takes; maps of rows that readers of both share are made twice for it. (Where of numbers only
sums wait, one that each reads what it needs, `tile` does this: `tiling/again.py`.)
Source: rematerialization (Briggs, Cooper and Torczon, 1992).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, clone_op
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import rows_called

from ..dead_outputs import drop_unread
from ..slicing.steps import slice_of
from ..tiling.costs import cost_of
from ..tiling.stages import stages_of
from .cheap import is_cheap, is_sparing
from .readers import Place, Readers
from .row_ops import is_array_of_arrays

MOST_CYCLES = 12  # of a step of numbers, whose products are not joined with sums yet: 8 where they are


def run_again(op: Op, mixing: bool) -> list[Op]:
    """Copies of a scan, for the readers of its rows that wait for other ones, and for those that wait for these; none
    where there are no such, where the rows would be kept all the same, or a step is expensive."""
    scan = ScanView(op)
    names = ", ".join(rows_called(stack.result, stack.value) for stack in scan.stacks if stack.result.uses)
    copies = _copies(scan, mixing)
    for copy in copies:
        drop_unread(copy)
    if copies:
        times = "twice" if len(copies) == 1 else f"{len(copies) + 1} times"
        why = "a reduction needs another first"
        remark("fuse-consumers", op, True, f"it runs {times}, so that {names} is not kept: {why}")
    return copies


def _copies(scan: ScanView, mixing: bool) -> list[Op]:
    rows = [stack.result for stack in scan.stacks if stack.result.uses]
    if not rows or not mixing or not (is_sparing(scan) or _is_worth(scan, rows)):
        return []
    if is_sparing(scan):
        _part_maps(Readers(scan, mixing), rows)
    waiting = _waiting(Readers(scan, mixing), rows) if _needs_rows(scan, mixing) else []
    if not waiting:
        return []
    first = waiting[0]
    assert first.parent is not None
    again = ScanView(clone_op(scan.op, {}, Builder(first.parent, first, scan.op.location).insert))
    _read(waiting, dict(zip(scan.ys, again.ys, strict=True)))
    others = _copies(again, mixing) if is_sparing(scan) else []
    if _needs_rows(scan, mixing) or _needs_rows(again, mixing) or not _gives_others(again, mixing):
        for copy in map(ScanView, (again.op, *others)):
            _read(_users(copy.ys), dict(zip(copy.ys, scan.ys, strict=True)))
            copy.op.erase()
        return []
    return [again.op, *others]


def _part_maps(readers: Readers, rows: Sequence[Value]) -> None:
    """Make maps of rows twice of which some readers wait and others do not: each then runs with its readers."""
    block = readers.scan.op.parent
    assert block is not None
    reached, maps = set(rows), list[Op]()
    for op in block.ops[block.ops.index(readers.scan.op) + 1:]:
        if not reached.isdisjoint(op.operands) and readers.is_map(op) and not _waits(readers, op):
            reached.update(op.results)
            maps.append(op)
    late = set[Op]()
    for op in reversed(maps):
        users = _users(op.results)
        waiting = [user for user in users if user in late or user not in maps and _waits(readers, user)]
        if waiting and len(waiting) < len(users):
            copy = clone_op(op, {}, Builder(block, op, op.location).insert)
            _read(waiting, dict(zip(op.results, copy.results, strict=True)))
            late.add(copy)
        elif waiting:
            late.add(op)


def _waiting(readers: Readers, rows: Sequence[Value]) -> list[Op]:
    """The readers that also need what others make of all rows, or whose readers all do, in order."""
    block, users = readers.scan.op.parent, _users(rows)
    assert block is not None
    late = [op for op in users if op.parent is block and (_waits(readers, op) or _is_for_late(readers, op))]
    return sorted(late, key=block.ops.index) if len(late) < len(users) else []


def _is_for_late(readers: Readers, op: Op) -> bool:
    """Whether it is a map of which all readers wait."""
    users = _users(op.results)
    return bool(users) and is_sparing(readers.scan) and readers.is_map(op) and all(
        _waits(readers, user) or _is_for_late(readers, user) for user in users)


def _waits(readers: Readers, op: Op) -> bool:
    """Whether it also needs what others make of all rows."""
    return any(readers.waits(op, v) for v in op.operands)


def _users(values: Sequence[Value]) -> list[Op]:
    return list(dict.fromkeys(user for value in values for user in value.uses))


def _read(readers: Sequence[Op], rows: Mapping[Value, Value]) -> None:
    """Let the readers read others in place of these rows."""
    for reader in readers:
        for old in [v for v in dict.fromkeys(reader.operands) if v in rows]:
            reader.replace_operand(old, rows[old])


def _is_worth(scan: ScanView, rows: Sequence[Value]) -> bool:
    """Whether that takes no longer than to keep the rows."""
    return is_cheap(scan) and (all(map(is_array_of_arrays, rows)) or _is_short(scan.op))


def _is_short(op: Op) -> bool:
    """Whether a number's step takes no longer than it does to store it, and to load it from behind the caches."""
    return cost_of(stages_of(slice_of(op))).whole <= MOST_CYCLES


def _needs_rows(scan: ScanView, mixing: bool) -> bool:
    """Whether somebody needs rows together: of rows that are arrays, also who goes along their tiles."""
    return any(place is Place.AFTER or is_array_of_arrays(rows) and place is not Place.STEP
               for rows, place in _places(scan, mixing))


def _gives_others(scan: ScanView, mixing: bool) -> bool:
    """Whether a step gives something in place of its rows: else both scans would be one."""
    return any(place is Place.STEP for _, place in _places(scan, mixing))


def _places(scan: ScanView, mixing: bool) -> list[tuple[Value, Place]]:
    """Where the readers of rows run."""
    readers = Readers(scan, mixing)
    return [(stack.result, readers.place_of_stack(stack.result)) for stack in scan.stacks if stack.result.uses]
