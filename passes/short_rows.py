"""Write out what a loop over rows does with rows of two or three numbers, so that several rows share vectors.

    scf.for %i = 0 to %n {parallel} {                   scf.for %i = 0 to %n {prefix} {
      scf.for %j = 0 to 3 {                               %0 = memref.load %h[%i, 0]
        %s = scf.for %k = 0 to 3 iter(%acc = %z) {        %1 = math.fma %0, %a00, %z
          fma(%h[%i, %k], %a[%k, %j], %acc) }       ->    ...
        memref.store %s, %row[0, %j] }                    %9 = memref.load %x[%i, 0]
      scf.for %j = 0 to 3 {                               %10 = arith.addf %8, %9
        %v = %row[0, %j] + %x[%i, %j]                     memref.store %10, %h[%i, 0]
        memref.store %v, %h[%i, %j] } }                   ... }

Why: a row of two or three numbers fills no vector, and one of three leaves a lane of four empty. Of eight rows whole
vectors are read and written, and columns made of them in registers (`parallel-prefix`, which acts on the mark):
`h @ A + x_t` of rows of three float32 numbers takes 0.17 ns a number, not 1.2, of two 0.14, not 0.36.
What is stored for the row alone, as `join-rows` leaves it, is no memory then.
Conservative: in loops over time, as threads share others; straight code but for loops of at most MOST_TRIPS rounds;
what is not read or written by columns lies side by side.
Cost: linear in what is written out, at most MOST_OPS. Runs after `join-rows` and before `plan-memory`.
Source: loop unrolling and scalar replacement; vectors of columns as in ISPC's structures of arrays.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constraints import shape_of
from scancc.ir.core import Block, Op, Value, clone_op, encloses
from scancc.ir.ops import group, memory_of, operand, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from .join_rows import is_in_loop
from .parallel_prefix import obstacle
from .prefixing.places import Index, Place, place_of
from .unroll import places_of, write_out

MOST_TRIPS = 3  # of a loop inside, along columns; four fill a vector (float64: 0.37 ns a number, by columns 0.5)
MOST_OPS = 200  # written out

_Place = tuple[Value, tuple[Index, ...]]  # an element of a buffer


def short_rows(module: Op) -> None:
    """Write out every loop over short rows, and mark it for `parallel-prefix`."""
    for op in list(module.walk()):
        if op.name == "scf.for" and "parallel" in op.attrs and is_in_loop(op) and _is_short(op):
            _visit(op)


def _is_short(loop: Op) -> bool:
    """Whether a loop reads or writes rows of few numbers, and holds loops along them alone."""
    inner = [op for op in loop.walk() if op.regions and op is not loop]
    return constant_of(Loop(loop).upper) is None and bool(inner) and all(op.name == "scf.for" for op in inner) and (
        any(map(_is_of_short_row, loop.walk())) and sum(map(_work, loop.body.ops)) <= MOST_OPS)


def _is_of_short_row(op: Op) -> bool:
    """Whether an op reads or writes a matrix of few columns."""
    if op.name not in ("memref.load", "memref.store"):
        return False
    shape = shape_of(whole(op).type)
    return len(shape) == 2 and shape[0] is None and shape[1] is not None and 1 < shape[1] <= MOST_TRIPS


def _work(op: Op) -> int:
    """How many ops stand in an op's place when its loops are written out; more than may be where one is long."""
    if not op.regions:
        return 1
    places = places_of(op, MOST_TRIPS + 1)
    if places is None or len(places) > MOST_TRIPS:
        return MOST_OPS + 1
    return len(places) * sum(map(_work, op.body.ops[:-1]))


def _visit(loop: Op) -> None:
    block = loop.parent
    assert block is not None
    opened = clone_op(loop, {}, lambda op: block.insert_before(loop, op))
    _open(opened.body, Builder(opened.body, pool=opened.body))
    _keep_in_registers(opened)
    rows = _unread(opened, loop)
    for op in [op for op in opened.body.ops if op.name == "memref.store" and memory_of(whole(op)) in rows]:
        op.erase()
    reason = obstacle(opened) or _gaps(opened)
    remark("short-rows", loop, reason is None, reason or "several rows may share vectors")
    if reason is not None:
        opened.erase()
        return
    loop.erase()
    for row in rows:
        assert row.op is not None
        row.op.erase()
    del opened.attrs["parallel"]
    opened.attrs["prefix"] = t.IntAttr(1, t.i64)


def _open(block: Block, numbers: Builder) -> None:
    """Write out all loops of a block, inner ones first."""
    for op in list(block.ops):
        if op.regions:
            _open(op.body, numbers)
            places = places_of(op, MOST_TRIPS)
            assert places is not None
            write_out(op, places, numbers)


def _keep_in_registers(loop: Op) -> None:
    """Let what was stored or read at a place stand for what is read there."""
    known: dict[_Place, Value] = {}
    for op in list(loop.body.ops):
        if op.name not in ("memref.load", "memref.store"):
            continue
        place = whole(op), tuple(v if (n := constant_of(v)) is None else n for v in group(op, "indices"))
        if op.name == "memref.store":
            known = {at: v for at, v in known.items() if _are_apart(at, place)}
            known[place] = operand(op, "value")
        elif place in known:
            op.replace_by([known[place]])
        else:
            known[place] = op.result


def _are_apart(x: _Place, y: _Place) -> bool:
    """Whether two places are of other memory, or of other columns of one buffer."""
    return memory_of(x[0]) is not memory_of(y[0]) or x[0] is y[0] and any(
        isinstance(i, int) and isinstance(j, int) and i != j for i, j in zip(x[1], y[1], strict=True))


def _unread(opened: Op, loop: Op) -> list[Value]:
    """The buffers that are stored to, and that nothing reads but the loop as it was."""
    stored = dict.fromkeys(memory_of(whole(op)) for op in opened.body.ops if op.name == "memref.store")
    return [memory for memory in stored if memory.op is not None and memory.op.name == "memref.alloc" and all(
        user.name == "memref.store" and user.parent is opened.body or
        user.parent is not None and encloses(loop.body, user.parent) for user in memory.uses)]


def _gaps(loop: Op) -> str | None:
    """Why rounds would read or write elements one by one, or None."""
    places = [place_of(op, loop.body) for op in loop.body.ops if op.name in ("memref.load", "memref.store")]
    moving = [place for place in places if place is not None and place.axis is not None]
    if not any(place.n_columns for place in moving):
        return "no row has two or three numbers side by side"
    return None if all(place.n_columns or _is_beside(place) for place in moving) else "elements stand apart"


def _is_beside(place: Place) -> bool:
    """Whether the elements of neighbouring rounds are neighbours."""
    type = place.buffer.type
    assert isinstance(type, t.MemRefType)
    return place.axis == len(place.indices) - 1 and (type.strides is None or type.strides[-1] == 1)
