"""Peel the first steps of a scan whose rows are reduced from a later one on, as those of `h[1:] - h[:-1]` are.

    %f, %ys = scan.scan(%n, %x, %h0) {...}       %k = min(%n, 1)
    %k = min(%n, 1)                              %h1 = scan.scan(%k, %x[0..%k], %h0) {...}
    %late = %ys[%k..%n]                    ->    %f, %late, %early = scan.scan(%n - %k, %x[%k..%n], %h1) {...}
    %early = %ys[0..%n - 1]                      %d = arith.subf(%late, %early)
    %d = arith.subf(%late, %early)
    %s = scan.reduce sum(%d)                     %s = scan.reduce sum(%d)

Why: a sum of floats goes along with the tiles of a scan where it has the rows of all steps, block by block; of the
last n - k rows the blocks begin elsewhere. Behind the first k steps all rows are read, and those one step before are
the state that the step reads: nothing is left that needs the rows together.
The number k may be computed, as that of `h[n:]`, where the scan is not needed for it; of what is behind a reader may
leave out the last rows (`h[10:-10]`), as sums go along with the first rows of a scan, too.
Those of j steps before, of j up to k and 8, go on in j - 1 states more (`h[2:] - h[:-2]`).
Of what elementwise ops make of the rows, parts are what they make of parts (`consuming/sinking.py`), so that those of
`h - h.mean()` are seen. Where readers begin at several steps, or wait for others, a cheap scan runs for each
(`consuming/groups.py`).
Results that elementwise ops make of such parts (`h[1:] - h[:-1]` returned) are made in the step then, and no rows are
kept beside them. Where the first rows alone are read, a scan runs no further (`consuming/last_steps.py`).
Conservative: all rows that are kept are read from one step k on, or as many up to the last but some, by elementwise
ops, reductions and products along the steps (`h[1:].T @ h[:-1]`) alone, but for the last row; the step is short, as
it stands there twice, and has no checks, which name their step. A scan without states is a nest over whole arrays.
Cost: linear; the step's code twice. Runs before `fuse-consumers` and `tile`, which then move the readers.
Source: loop peeling, as before software pipelining (Allen and Kennedy, Optimizing Compilers, 2001).
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import Linear, balanced, linear
from scancc.ir.ops import operand, set_operands
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.slices import Entry, entries, set_entries
from scancc.ir.wording import rows_called
from scancc.late_dataclasses import dataclass

from .consuming.ahead import Ahead
from .consuming.chains import REDUCING, behind, makes_rows, maps_behind, turns_for_products
from .consuming.groups import copied, undo
from .consuming.last_steps import leave_out_last_steps
from .consuming.late import goes_a_tile_behind
from .consuming.parts import last_state, takes_whole_rows
from .consuming.row_ops import FEW, row_elements
from .consuming.sinking import sink
from .fusing.first_steps import MOST_LAG, cut_off, left_out, may_stand_twice
from .planning.numbers import is_natural
from .slicing.latencies import HEAVY, busy


def peel(module: Op) -> None:
    """Peel every scan whose rows are read so."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            scan = ScanView(op)
            if scan.init and not scan.until:
                _visit(scan)


def _visit(scan: ScanView) -> None:
    sink(scan)
    leave_out_last_steps(scan)
    copies = copied(scan, _begins(scan))
    if len(copies) > 1:
        if all(_late(copy) is not None or _needs_no_peeling(copy) for copy in copies):
            name = next(rows_called(stack.result, stack.value) for stack in scan.stacks if stack.result.uses)
            remark("peel", scan.op, True, f"it runs {len(copies)} times, so that {name} is not kept: reductions "
                   "of it begin at different steps, or need another first")
        else:
            undo(scan, copies[1:])
            copies = [scan]
    for copy in copies:
        late = _late(copy)
        if late is not None:
            _peel(copy, late)


def _begins(scan: ScanView) -> dict[Op, int]:
    """The slices of rows that leave out so many first ones."""
    parts = (user for rows in scan.ys for user in rows.uses if user.name == "tensor.extract_slice")
    firsts = ((part, _first_of(part, scan)) for part in parts)
    return {part: _least_of(first) or 0 for part, first in firsts if first is not None}


def _needs_no_peeling(scan: ScanView) -> bool:
    """Whether no rows are read from a later step on, or tiles go along with those that are."""
    ahead = Ahead(scan.op)
    return all(goes_a_tile_behind(part, scan, ahead) for part in _begins(scan))


@dataclass(frozen=True)
class _Late:
    """How the rows of a scan are read: from step `first` on, or so many steps before."""

    first: Entry
    reads: list[Op]
    before: dict[Op, int]


def _late(scan: ScanView) -> _Late | None:
    if scan.until or not scan.init or not all(map(scan.keeps_all, scan.stacks)) or not may_stand_twice(scan):
        return None
    users = [user for stack in scan.stacks for user in stack.result.uses if last_state(user, scan) is None]
    if not users or not all(map(_is_used_up, users)):
        return None
    reads = [(user, _first_of(user, scan)) for user in users]
    late = [(user, first) for user, first in reads if first is not None]
    if not late:
        return None
    first = max((first for _, first in late), key=lambda first: _least_of(first) or 0)
    before = {user: _lag(user, first, scan) for user, found in reads if found is None or not _is_same(found, first)}
    lags = {user: lag for user, lag in before.items() if lag is not None}
    if len(lags) < len(before):
        remark("peel", scan.op, False, "its rows are reduced from several steps on, or from the first step, too")
        return None
    reading = [user for user, _ in late if user not in before]
    if isinstance(first, Value) and not _is_known_before(first, reading, scan):
        return None
    return _Late(first, reading, lags)


def _is_used_up(user: Op) -> bool:
    """Whether a part of all rows goes to reductions, through elementwise ops at most, or to results that light ones
    make of it. (Where they take long, vectors go along all rows instead.)"""
    if user.name != "tensor.extract_slice" or _stride(user) < 1 or not takes_whole_rows(user):
        return False
    rows = operand(user, "source").type
    if user.result.type.shape[1:] != rows.shape[1:]:  # type: ignore[attr-defined]
        return False
    ends = list(behind(user.result.uses, makes_rows))
    return all(end.name in REDUCING or turns_for_products(end) or end.name == "func.return" for end in ends) and (
        all(end.name != "func.return" for end in ends) or _makes_results(user))


def _makes_results(user: Op) -> bool:
    """Whether light ops make results of a part, which is none itself."""
    return _stride(user) == 1 and all(reader.name != "func.return" for reader in user.result.uses) and not any(
        busy(op) >= HEAVY and 1 < row_elements(op.result) < FEW for op in maps_behind(user.result))


def _stride(user: Op) -> int:
    stride: int = user.attrs["static_strides"].values[0]
    return stride


def _first_of(user: Op, scan: ScanView) -> Entry | None:
    """Where a slice begins that takes no earlier rows: at a number, or at the end where there are fewer."""
    first, steps = entries(user, "offsets")[0], constant_of(scan.length)
    if isinstance(first, int):
        return first if first > 0 and steps is not None and first <= steps else None
    to_the_end = balanced(linear(entries(user, "sizes")[0]) + linear(first) - linear(scan.length)).known == 0
    return first if to_the_end and _stride(user) == 1 or _is_cut(first, scan) else None


def _is_cut(first: Value, scan: ScanView) -> bool:
    """Whether a row is plainly none before the first, nor behind the end."""
    op = first.op
    return op is not None and op.name == "arith.minsi" and scan.length in op.operands and all(
        v is scan.length or is_natural(v) for v in op.operands)


def _is_known_before(first: Value, users: list[Op], scan: ScanView) -> bool:
    """Whether the scan is not needed for a row's number, nor for a check that there is such a row."""
    ahead = Ahead(scan.op)
    return ahead.is_free(first) and (_is_cut(first, scan) or ahead.guarded.isdisjoint(users))


def _is_same(a: Entry, b: Entry) -> bool:
    """Whether two slices begin at one row, by the number or the ops that say so."""
    if a is b or isinstance(a, int) or isinstance(b, int) or a.op is None or b.op is None:
        return a == b
    return a.op.name == b.op.name and a.op.attrs == b.op.attrs and not a.op.regions and (
        len(a.op.operands) == len(b.op.operands) and a.index == b.index) and all(
            map(_is_same, a.op.operands, b.op.operands))


def _least_of(first: Entry) -> int | None:
    """The number of the row at which a slice begins, if there are so many."""
    if isinstance(first, int) or first.op is None:
        return first if isinstance(first, int) else None
    return next((n for n in map(constant_of, first.op.operands) if n is not None), None)


def _lag(user: Op, first: Entry, scan: ScanView) -> int | None:
    """How many steps before those from `first` on the rows are that a slice takes, where these are few."""
    begin, last = _least_of(entries(user, "offsets")[0]), _least_of(first)
    if begin is None or last is None or not 0 < last - begin <= MOST_LAG:
        return None
    return last - begin if left_out(entries(user, "sizes")[0], scan) == last else None


def _peel(scan: ScanView, late: _Late) -> None:
    """Put the first steps before the scan, which goes on from there."""
    op = scan.op
    assert op.parent is not None
    names = ", ".join(dict.fromkeys(rows_called(stack.result, stack.value) for stack in scan.stacks))
    remark("peel", op, True, f"{_said(late.first, scan)} of its steps stand before it: {names} are reduced from "
           "there on")
    if isinstance(late.first, Value) and late.first.op is not None:
        Ahead(op).go(late.reads[0])
    for user in [user for rows in scan.ys for user in rows.uses]:
        state = last_state(user, scan)
        if state is not None:
            user.replace_by([state.final])
    b = Builder(op.parent, op, op.location)
    first = b.index(late.first) if isinstance(late.first, int) else late.first
    rest = b.subi(scan.length, first)
    earlier = [(scan.stack_of(operand(user, "source")).value, lag) for user, lag in late.before.items()]
    ago = cut_off(scan, b, first, rest, earlier)
    stacks, given = _stacks(scan, late, rest, ago)
    scan.rebuilt(stacks=[*scan.stacks, *stacks])
    for user, stack in given:
        _read_rest(user, stack.result, None if user in late.before else linear(rest))
    scan.rebuilt(stacks=stacks)


def _said(first: Entry, scan: ScanView) -> str:
    """How many steps, in words."""
    bounds = [first] if isinstance(first, int) else [
        constant_of(v) for v in first.op.operands if v is not scan.length]  # type: ignore[union-attr]
    return "some" if None in bounds else f"the first {bounds[0]}"


def _read_rest(user: Op, rows: Value, steps: Linear | None) -> None:
    """Let a slice take what it took of all rows of those that are left, from the first on: so many, or all."""
    assert user.parent is not None
    type, b = user.result.type, Builder(user.parent, user, user.location)
    if steps is None or _stride(user) == 1 and balanced(linear(entries(user, "sizes")[0]) - steps).known == 0:
        user.replace_by([rows if rows.type == type else b.op("tensor.cast", [rows], [type])])
        return
    set_operands(user, source=[rows])
    set_entries(user, "offsets", [0, *entries(user, "offsets")[1:]])


def _stacks(scan: ScanView, late: _Late, rest: Value, ago: dict[tuple[Value, int], Value],
            ) -> tuple[list[Stack], list[tuple[Op, Stack]]]:
    """All rows of the scan that is left, and what each reader takes of them."""
    found: dict[Value, Stack] = {}
    given = []
    for user in (*late.reads, *late.before):
        stack = scan.stack_of(operand(user, "source"))
        value = ago[stack.value, late.before[user]] if user in late.before else stack.value
        if value not in found:
            type = stack.result.type
            assert isinstance(type, t.TensorType)
            made = scan.new_stack(value, t.TensorType((constant_of(rest), *type.shape[1:]), type.element), stack.dims)
            found[value] = made._replace(rows=rest)
        given.append((user, found[value]))
    return list(found.values()), given
