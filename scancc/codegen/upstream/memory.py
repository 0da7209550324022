"""Buffers: what is read and written, parts, other shapes, copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...errors import UnsupportedError
from ...ir import types as t
from ...ir.core import Op, Value
from ...ir.ops import group, operand
from ...ir.slices import COLUMNS, entries
from .vectors import as_stored, as_used, lanes, vector_of
from .writer import Ref, Writer, exports, plain, stored, told


@exports("memref.load", "vector.load")
def load(w: Writer, op: Op) -> None:
    if isinstance(op.result.type, t.VectorType) and t.is_complex(op.result.type):
        numbers = [w.make("memref.load", [buffer, *place], t.element(op.result.type))
                   for buffer, *place in _neighbours(w, w.refs(op.operands), op.result.type)]
        w.names[op.result] = vector_of(w, numbers, op.result.type)
        return
    kind = t.shaped(stored(t.element(op.result.type)), op.result.type)
    w.names[op.result] = as_used(w, w.make(op.name, w.refs(op.operands), kind), op.result.type)


@exports("memref.store", "vector.store")
def store(w: Writer, op: Op) -> None:
    value, *place = w.refs(op.operands)
    if isinstance(value.type, t.VectorType) and t.is_complex(value.type):
        for number, at in zip(lanes(w, value), _neighbours(w, place, value.type), strict=True):
            w.emit("memref.store", [number, *at])
        return
    w.emit(op.name, [as_stored(w, value), *place])


def _neighbours(w: Writer, place: Sequence[Ref], type: t.VectorType) -> Iterator[list[Ref]]:
    """A buffer and indices for each element of a vector."""
    for lane in range(type.shape[0]):
        yield [*place[:-1], w.binary("arith.addi", place[-1], w.index(lane))]


@exports("memref.alloca")
def alloca(w: Writer, op: Op) -> None:
    type = op.result.type
    assert isinstance(type, t.MemRefType)
    w.names[op.result] = w.stack_memory([n or 0 for n in type.shape], type.element)


@exports("memref.view")
def view(w: Writer, op: Op) -> None:
    """Of the workspace, under the type that it has as an argument."""
    source = operand(op, "source")
    if source not in w.arguments:
        raise UnsupportedError("a view of a part of the workspace has no form in upstream dialects; export an object")
    offset, dims = w.ref(operand(op, "offset")), w.refs(group(op, "dims"))
    made = w.make("memref.view", [w.arguments[source], offset, *dims], plain(op.result.type))
    w.names[op.result] = w.cast(made, told(op.result.type))


@exports("memref.cast")
def cast(w: Writer, op: Op) -> None:
    w.names[op.result] = w.cast(w.ref(op.operands[0]), told(op.result.type))


@exports("scan.buffer_constant")
def buffer_constant(w: Writer, op: Op) -> None:
    type = plain(op.result.type)
    made = w.make("memref.get_global", [], type, f"name = @{w.out.constant(op.attrs['value'], type)}")
    w.names[op.result] = w.cast(made, told(op.result.type))


@exports("scan.buffer_reshape")
def reshape(w: Writer, op: Op) -> None:
    """From where the source begins, with sizes and row-major strides of its own."""
    source, made = w.ref(operand(op, "source")), told(op.result.type)
    assert isinstance(source.type, t.MemRefType) and isinstance(made, t.MemRefType) and made.strides is not None
    rank = len(source.type.shape)
    base, offset, *_ = w.emit("memref.extract_strided_metadata", [source],
                              [t.MemRefType((), source.type.element), *[t.index] * (1 + 2 * rank)])
    given = iter(w.refs(group(op, "dims")))
    sizes = [w.index(n) if n is not None else next(given) for n in made.shape]
    columns = [[ref.name if known is None else str(known) for ref, known in zip(refs, listed, strict=True)]
               for refs, listed in ((sizes, made.shape), (_row_major(w, sizes), made.strides))]
    shape, strides = map(", ".join, columns)
    result = Ref(w.fresh(), made)
    w.line(f"{result.name} = memref.reinterpret_cast {base.name} to offset: [{offset.name}], sizes: [{shape}], "
           f"strides: [{strides}] : {base.type} to {made}")
    w.names[op.result] = result


def _row_major(w: Writer, sizes: Sequence[Ref]) -> list[Ref]:
    strides = [w.index(1)] * bool(sizes)
    for size in reversed(sizes[1:]):
        strides.insert(0, w.binary("arith.muli", strides[0], size))
    return strides


@exports("memref.copy")
def copy(w: Writer, op: Op) -> None:
    """A loop nest: upstream's own op calls a library where strides are not those of a whole array."""
    source, dest = w.refs(op.operands)
    with _nest(w, _sizes(w, dest)) as places:
        w.emit("memref.store", [w.make("memref.load", [source, *places], _kind(source)), dest, *places])


@exports("scan.buffer_transpose")
def transpose(w: Writer, op: Op) -> None:
    source, dest = w.refs(op.operands)
    with _nest(w, _sizes(w, dest)) as places:
        w.emit("memref.store", [w.make("memref.load", [source, *reversed(places)], _kind(source)), dest, *places])


@exports("scan.buffer_move")
def move(w: Writer, op: Op) -> None:
    """From the end that is not written over: the first element first where the destination begins before it."""
    source, dest = w.refs(op.operands)
    addresses = [w.make("memref.extract_aligned_pointer_as_index", [r], t.index) for r in (dest, source)]
    offsets = [_offset(w, r) for r in (dest, source)]
    nbytes = w.index(t.nbytes(_kind(source)))
    first, second = (w.binary("arith.addi", a, w.binary("arith.muli", o, nbytes))
                     for a, o in zip(addresses, offsets, strict=True))
    upwards, one = w.compare("ule", first, second), w.index(1)
    sizes = _sizes(w, dest)
    with _nest(w, sizes) as counters:
        places = [w.select(upwards, i, w.binary("arith.subi", w.binary("arith.subi", n, one), i))
                  for i, n in zip(counters, sizes, strict=True)]
        w.emit("memref.store", [w.make("memref.load", [source, *places], _kind(source)), dest, *places])


def _offset(w: Writer, buffer: Ref) -> Ref:
    assert isinstance(buffer.type, t.MemRefType)
    types = [t.MemRefType((), buffer.type.element), *[t.index] * (1 + 2 * len(buffer.type.shape))]
    return w.emit("memref.extract_strided_metadata", [buffer], types)[1]


def _kind(buffer: Ref) -> t.Type:
    return t.element(buffer.type)


def _sizes(w: Writer, buffer: Ref) -> list[Ref]:
    assert isinstance(buffer.type, t.MemRefType)
    return [w.make("memref.dim", [buffer, w.index(axis)], t.index) for axis in range(len(buffer.type.shape))]


@contextmanager
def _nest(w: Writer, sizes: Sequence[Ref]) -> Iterator[list[Ref]]:
    """Loops from 0 to each size, one in the other; their counters."""
    zero, one, counters = w.index(0), w.index(1), []
    for size in sizes:
        counters.append(Ref(w.fresh(), t.index))
        w.line(f'"scf.for"({zero.name}, {size.name}, {one.name}) ({{')
        w.line(f"^bb0({counters[-1].name}: index):")
        w.depth += 1
    yield counters
    for _ in sizes:
        w.emit("scf.yield")
        w.depth -= 1
        w.line("}) : (index, index, index) -> ()")


@exports("memref.subview")
def subview(w: Writer, op: Op) -> None:
    source, result = w.ref(operand(op, "source")), Ref(w.fresh(), told(op.result.type))
    part = " ".join(f"[{', '.join(_entry(w, e) for e in entries(op, column))}]" for column in COLUMNS)
    w.line(f"{result.name} = memref.subview {source.name}{part} : {source.type} to {result.type}")
    w.names[op.result] = result


def _entry(w: Writer, entry: int | Value) -> str:
    return str(entry) if isinstance(entry, int) else w.ref(entry).name
