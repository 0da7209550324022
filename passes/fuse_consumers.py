"""Moves what reads all rows of a scan one after the other into its step, so that nobody needs the rows together.

    %f, %ys = scan.scan(%n, rows %n) {        %f, %m = scan.scan(%n, %h0, %low) {
      ... %h ...                              ^bb0(%t, %h_tm1, %best):
      scan.yield(%h, %h) }               ->     ... %h ...
    %a = math.absf(%ys)                         %a = math.absf(%h)
    %m = scan.reduce max(%a, axes 0)            %b = arith.maximumf(%best, %a)
                                                scan.yield(%h, %b) }

A reduction over time that gives the same bits in any order becomes a state: max, min, any, all, sums and products
of integers, the place of an extreme and the number there, what is written or added at places that rows tell
(histograms: `consuming/scatters.py`). So does a number that is taken from one row. A column of all rows, and an
exact reduction of each, becomes rows that are smaller; some of the rows, as each second one or one at a known
place, are kept alone; where reductions alone read these, the step asks whether its row is one
(`consuming/selections.py`), as it does of those where a mask holds (`consuming/picked.py`). Of a step with states a
sum or product of each row along one axis, or its product with a vector, is made in the step, too, in the order that
it has outside (its product with a matrix where that is reduced, or a result of an expensive step), or a number of
each row at a place that other rows tell (the loss of a class); running sums and products over time are states.
What is an elementwise result, or work that several sums go along, is kept in place of the rows it is made of. Arrays
that are joined along another axis than the steps, as `T.stack([h, g], axis=1)` is, are made row by row, and so are
columns at places that are there before (`h[:, [0, 2]]`), where no sum goes along them all: its order is that of reads
at places.
Elementwise ops on the way to these come along, and what goes on with sums of rows. Sums of floats along rows that are
arrays, weighted ones too, are added in the step in the blocks that they have outside, so that no bit changes
(`consuming/sums.py`).
Where columns, or what several read of numbers, wait for others, as a variance or a correlation for the mean, a cheap
scan runs twice (`consuming/again.py`), and one that is to spare its rows as often as it takes.
Why: a trace of T rows, written and read again, becomes a number (array contraction: Sarkar and Gao, 1991).
Conservative: readers move only where then nothing is left that needs all rows at once, and what they keep of them is
no more than all; other sums of floats over time need them block by block (`tile`), and those of a scan without states
stay outside, as nests over whole arrays (`parallelize`). Of `until` scans only what reads no array of its
own moves, and of parts of the rows only the last ones: running tells how many there are.
Which error a program raises stays as it is: `consuming/ahead.py` says what goes before the scan.
`mixing=false`: nothing moves that combines or picks elements of a row, so that each stays a lane of its own.
Cost: linear in the block for each scan that something moves into. Runs after `dead-outputs`, which knows last rows.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.linear import most
from scancc.ir.ops import ELEMENTWISE, group, has_trait, is_removable, operand
from scancc.ir.parts import ScanView, Stack, scan_around
from scancc.ir.remarks import remark
from scancc.ir.wording import most_nbytes, rows_called, rows_size, what

from .consuming.again import run_again
from .consuming.chains import behind, is_reduced, makes_rows
from .consuming.moves import Move
from .consuming.parts import goes_back
from .consuming.readers import Place, Readers, ends_of
from .consuming.row_ops import takes_of_each
from .dead_outputs import drop_unread
from .tiling.kept_words import FEW_NBYTES, ONE_PASS

MASKED = "where a mask says which rows are summed, T.switch(mask, rows, 0) keeps none"
FEW_PLACES = "of few places, rows that are read one by one, T.stack([rows[i], rows[j]]), are kept alone"
COUNTED = "of rows that are counted by their own length, rows[T.arange(rows.shape[0]), places], none are kept"
APART = "what is made of rows that are steps apart, given by the step itself, with taps, needs none kept"
SHIFTED = "of earlier rows beside later ones, T.concatenate([T.zeros_like(rows[:k]), rows[:-k]]), none are kept"


def fuse_consumers(module: Op, mixing: bool = True) -> None:
    """Move readers into every scan; into outer ones first, whose steps then hold readers of inner ones."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            for scan in (op, *run_again(op, mixing)):
                _visit(scan, mixing)


def _visit(op: Op, mixing: bool) -> None:
    scan = ScanView(op)
    whole = [stack for stack in scan.stacks if scan.keeps_all(stack) and stack.result.uses]
    if all(any(user.name in ("func.return", "scan.yield") for user in stack.result.uses) for stack in whole):
        return
    readers = Readers(scan, mixing)
    places = [readers.place_of_stack(stack.result) for stack in whole]
    gone = [stack for stack, place in zip(whole, places, strict=True) if place is Place.STEP]
    move = Move(readers)
    if gone:
        move.run(ends_of(readers, gone))
        _erase_unread(readers)
    for stack, place in zip(whole, places, strict=True):
        _say(op, stack, place, readers)
    for stack in move.stacks:
        if stack.first is not None:
            _say_some(op, stack)
    if move.picks:
        drop_unread(op)


def _erase_unread(readers: Readers) -> None:
    """Erase the maps that moved, parts of states that these read, and stacks that nobody reads any more."""
    scan, block = readers.scan, readers.scan.op.parent
    assert block is not None
    for op in reversed(block.ops[block.ops.index(scan.op) + 1:]):
        gone = op in readers.places or any(value in scan.finals for value in op.operands)
        if gone and not any(value.uses for value in op.results) and is_removable(op):
            op.erase()
    scan.rebuilt(stacks=[stack for stack in scan.stacks if stack.result.uses])


def _say(op: Op, stack: Stack, place: Place, readers: Readers) -> None:
    name = rows_called(stack.result, stack.value)
    if place is Place.STEP and not stack.result.uses:
        remark("fuse-consumers", op, True, f"{name} is not kept: what reads it runs in the step")
        return
    holding = [user for user in stack.result.uses if readers.places.get(user) is not Place.STEP or _runs_back(user)]
    if holding and all(readers.places.get(user) is Place.TILES and _gives_a_number(user) for user in holding):
        return  # `tile` says whether such sums go along
    user = min(holding, key=lambda user: readers.places.get(user) is Place.TILES, default=None)  # sums hold last
    if user is not None or place is Place.AFTER:
        why, hint = f"parts of it that are read{_lines(stack)} are together more than all", APART
        if user is not None:
            why, hint = _reason(user, readers), _hint(user, stack, readers)
        kept = "is kept whole" if readers.scan.init else "is an array, unless one loop makes and reads it"
        remark("fuse-consumers", op, False, f"{name} {kept}{rows_size(stack)}: {why}", hint, rows=(name,))


def _say_some(op: Op, stack: Stack) -> None:
    """Say which rows are kept for readers that need them at once."""
    user = next((user for user in stack.result.uses if user.name not in ("func.return", "scan.yield")), None)
    if user is not None and most(stack.rows) is None:
        each = f"one of {abs(stack.stride)} rows" if abs(stack.stride) > 1 else "a part"
        name = rows_called(stack.result, stack.value)
        remark("fuse-consumers", op, False, f"of {name} {each} is kept{rows_size(stack, abs(stack.stride))}: read by "
               f"{what(user)}")


def _gives_a_number(user: Op) -> bool:
    """Whether a sum, or each one of a map of what it reads, is of all elements."""
    ends = behind([user], lambda op: op.name != "scan.reduce" and len(op.results) == 1 and bool(op.result.uses))
    return all(end.name == "scan.reduce" and not isinstance(end.result.type, t.TensorType) for end in ends)


def _reason(user: Op, readers: Readers) -> str:
    """Why a reader needs all rows, with the user's line."""
    if user.name in ("func.return", "scan.yield"):
        return "it is a result"
    at = f" in line {user.location[1]}" if user.location else ""
    if _runs_back(user):
        return f"a scan reads it backwards{at}"
    if user.name in ("tensor.extract", "tensor.extract_slice"):
        return f"read{at} at a place that is known after the scan only"
    if readers.places.get(user) is Place.TILES and not readers.turns(user):
        return f"summed{at}, in blocks of rows"
    return f"read by {what(user)}"


def _lines(stack: Stack) -> str:
    """Where rows are read, in the user's lines."""
    lines = sorted({user.location[1] for user in stack.result.uses if user.location})
    return f" in line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}" if lines else ""


def _beside(gradient: Op, stack: Stack, readers: Readers) -> Op | None:
    """An elementwise reader that the user wrote outside the scan, whose own gradient reads all rows at once."""
    return next((user for user in stack.result.uses if has_trait(user, ELEMENTWISE)
                 and user.location != gradient.location and readers.places.get(user) is not Place.TILES), None)


def _hint(user: Op, stack: Stack, readers: Readers) -> str:
    """What to change, so that a reader needs no array."""
    if _runs_back(user):
        inner = scan_around(readers.scan.op) is not None  # whose rows are those of an outer step, or of a block
        if inner or not _is_for_a_gradient(user) or most_nbytes(stack) <= FEW_NBYTES:
            return ""
        beside = _beside(user, stack, readers)
        first = "" if beside is None else f"with what reads it outside, {what(beside)}, written in the step, "
        return f"{first}sc.grad(..., max_bytes=) keeps less"
    if any(takes_of_each(end) and readers.places.get(end) is not Place.STEP
           for end in behind(stack.result.uses, makes_rows)):
        return COUNTED
    gathers = [reader for reader in stack.result.uses if reader.name == "scan.gather"]
    if gathers:
        return MASKED if any(map(_is_where_a_mask_holds, gathers)) else FEW_PLACES
    if not has_trait(user, ELEMENTWISE) or not is_reduced(user.result):
        return ""
    late = [v.op for v in user.operands if readers.waits(user, v)]
    if any(op is not None and op.name == "scan.concat" for op in late):
        return SHIFTED
    return ONE_PASS if late else ""


def _is_where_a_mask_holds(gather: Op) -> bool:
    """Whether the places are those that a scan over a mask wrote down, of several axes parts of them."""
    return any(map(_is_written_down, group(gather, "indices")))


def _is_written_down(place: Value) -> bool:
    made = place.op
    if made is not None and (made.name == "linalg.generic" or has_trait(made, ELEMENTWISE)):
        return any(map(_is_written_down, made.operands))
    source = operand(made, "source").op if made is not None and made.name == "tensor.extract_slice" else None
    return source is not None and source.name == "scan.scan"


def _is_for_a_gradient(user: Op) -> bool:
    """Of what runs back: whether a reverse reads it."""
    return any("gradient" in reader.attrs if reader.name == "scan.scan" else _is_for_a_gradient(reader)
               for reader in user.result.uses)


def _runs_back(user: Op) -> bool:
    """Whether scans read what `user` takes, or makes with earlier rows, from the last row to the first, as gradients
    do."""
    if user.name == "scan.concat":
        return all(map(_runs_back, user.result.uses))
    return goes_back(user) and all(reader.name == "scan.scan" for reader in user.result.uses)
