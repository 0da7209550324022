"""`scf.if`: arrays are made in each side, and the buffer of the side taken goes on."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.parts import Branch, Choice
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, is_one_size, scratch
from scancc.ir.wording import called

from .context import Context, converts, goes_to_target
from .nests import materialise
from .windows import Window


@converts("scf.if", at_target=True)
def if_(c: Context, op: Op) -> None:
    """One of two regions. Sizes of arrays are the results after all else, as lowering makes them, or asked for.

    An array that both sides write in one place, or that is wanted in a place, is no result.
    """
    branch = Branch(op)
    placed = {choice.result: place for choice in branch.choices if (place := _place(c, choice)) is not None}
    moved = [c.windows[c.places.shifts[result]] for result in placed if result in c.places.shifts]
    starts = [window.start for window in moved]
    sides = []
    for side in branch.sides:
        for window, start in zip(moved, starts, strict=True):
            window.start = start
        sides.append(_side(c, branch, side, placed, moved))
    types = [v.type for v in sides[0].terminator.operands]
    made = c.b.make("scf.if", [c.get(branch.condition)], types, None, [Region([side]) for side in sides])
    results = [result for result in op.results if result not in placed]
    for window, start in zip(reversed(moved), reversed(made.results), strict=False):
        window.start = start
    for result, place in placed.items():
        shifted = c.places.shifts.get(result)
        c.set(result, place if shifted is None else c.windows[shifted].view(c))
    sizes = _sizes(op, results, made)
    for old, new in zip(results, made.results, strict=False):
        c.env[old] = new
        if isinstance(old.type, t.TensorType):
            c.dims[new] = [c.b.index(n) if n is not None else sizes.get((old.index, axis)) or _measured(c, new, axis)
                           for axis, n in enumerate(old.type.shape)]


def _side(c: Context, branch: Branch, side: Block, placed: dict[Value, Value], moved: list[Window]) -> Block:
    """One side; it hands on what has no place, and where windows begin that it may have moved."""
    block = Block()
    with c.b.at(block):
        _offer(c, branch, side, placed)
        c.block(side)
        onward = []
        for choice in branch.choices:
            value = choice.then if side is branch.sides[0] else choice.otherwise
            if choice.result not in placed:
                onward.append(_onward(c, value, branch.op))
            elif choice.result not in c.places.ties or c.places.origin(value) is not c.places.origin(choice.result):
                c.copy(materialise(c, value), placed[choice.result])
        c.b.make("scf.yield", [*onward, *(window.start for window in moved)])
    return block


def _sizes(op: Op, results: list[Value], made: Op) -> dict[tuple[int, int], Value]:
    """The sizes among the results of a branch: each is of the next unknown axis of an array."""
    asked = [(v.index, axis) for v in op.results if isinstance(v.type, t.TensorType)
             for axis, n in enumerate(v.type.shape) if n is None]
    new: dict[Value, Value] = dict(zip(results, made.results, strict=False))
    return dict(zip(asked, [new[v] for v in op.results if v.type == t.index], strict=False))


def _place(c: Context, choice: Choice) -> Value | None:
    """Where a result is made, if that is known before the branch."""
    source = c.places.ties.get(choice.result)
    if source is not None:
        return c.get(source)
    wanted = c.dest.pop(choice.result, None)
    if wanted is None or wanted not in c.dims or wanted in c.outputs:
        return None
    return wanted if all(_has_size_of(c, v, wanted) for v in choice[1:]) else None


def _has_size_of(c: Context, value: Value, buffer: Value) -> bool:
    """Whether a side's value has the sizes of a buffer: a check may come after the branch, when it is written."""
    with scratch() as b:
        sizes = [c.env.get(n, n) for n in dims_of(b, value)]
        return all(map(is_one_size, sizes, c.sizes(buffer)))


def _offer(c: Context, branch: Branch, side: Block, placed: dict[Value, Value]) -> None:
    """Let the ops of a side that make what is wanted in a new place write there."""
    for choice in branch.choices:
        value = c.places.origin(choice.then if side is branch.sides[0] else choice.otherwise)
        if choice.result in placed and choice.result not in c.places.ties and goes_to_target(value, side):
            c.dest.setdefault(value, placed[choice.result])


def _measured(c: Context, buffer: Value, axis: int) -> Value:
    return c.b.op("memref.dim", [buffer, c.b.index(axis)], [t.index])


def _onward(c: Context, value: Value, op: Op) -> Value:
    """A value that leaves a branch: a scalar, or a row-major buffer under the type of its tensor."""
    if not isinstance(value.type, t.TensorType):
        return c.get(value)
    made = materialise(c, value)
    place = c.contiguous(made)
    if place is not made:
        remark("bufferize", value.op or op, False, f"{called(value)} is copied: a branch hands on memory of its own",
               "where the branch only asks whether a step runs, what is taken before the scan is a view")
    type = t.MemRefType(value.type.shape, value.type.element)
    return place if place.type == type else c.b.op("memref.cast", [place], [type])
