"""C of buffers: loads, stores, views and copies."""

from __future__ import annotations

from dataclasses import replace

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, operand, whole
from scancc.ir.slices import COLUMNS, entries, kept_axes

from .library import CAN_EXIST, COPY, FROM_HALF, MOVE, TO_HALF
from .printer import Expr, FunctionPrinter, Mem, Pair, prints
from .types import c_type, element_text


def _indices(p: FunctionPrinter, op: Op) -> tuple[list[str], bool]:
    """As operands, and whether one of them reads memory."""
    found = [p.expr(i) for i in group(op, "indices")]
    return [e.closed for e in found], any(e.reads for e in found)


@prints("memref.load")
def load(p: FunctionPrinter, op: Op) -> None:
    mem = p.mem(whole(op))
    indices, _ = _indices(p, op)
    if isinstance(mem.element, t.ComplexType):
        at = p.size(f"2 * ({p.index(mem, indices)})")
        name, kind = op.result.name or "z", c_type(mem.element)
        parts = [p.fresh(f"{name}_{part}") for part in ("re", "im")]
        for n, part in enumerate(parts):
            p.line(f"const {kind} {part} = {mem.pointer}[{at}{' + 1' * n}];")
        p.env[op.result] = Pair(*map(Expr, parts))
        return
    p.define(op.result, loaded(p, mem.element, f"{mem.pointer}[{p.index(mem, indices)}]"), reads=True)


def loaded(p: FunctionPrinter, element: t.Type, text: str) -> str:
    """An element as a value."""
    if element == t.f16:
        return f"{p.need(FROM_HALF)}({text})"
    return f"{text} != 0" if element == t.i1 else text


def stored(p: FunctionPrinter, element: t.Type, text: str) -> str:
    """A value as an element."""
    if element == t.f16:
        return f"{p.need(TO_HALF)}({text})"
    return f"(uint8_t)({text})" if element == t.i1 else text


@prints("memref.store")
def store(p: FunctionPrinter, op: Op) -> None:
    mem, value = p.mem(whole(op)), operand(op, "value")
    indices, _ = _indices(p, op)
    if isinstance(mem.element, t.ComplexType):
        p.settle()
        at, pair = p.size(f"2 * ({p.index(mem, indices)})"), p.pair(value)
        p.line(f"{mem.pointer}[{at}] = {pair.re.text};")
        p.line(f"{mem.pointer}[{at} + 1] = {pair.im.text};")
        return
    text = stored(p, mem.element, p.text(value))
    p.settle()
    p.line(f"{mem.pointer}[{p.index(mem, indices)}] = {text};")


@prints("vector.load")
def load_vector(p: FunctionPrinter, op: Op) -> None:
    mem = p.mem(whole(op))
    indices, _ = _indices(p, op)
    if mem.element in (t.i1, t.f16):
        at = p.size(p.index(mem, indices))
        p.lanes(op.result, lambda lane: loaded(p, mem.element, f"{mem.pointer}[{at} + {lane}]"))
        return
    name = p.fresh(op.result.name)
    p.line(f"{p.out.type(op.result.type)} {name};")
    p.line(f"memcpy(&{name}, {p.address(mem, indices)}, sizeof {name});")
    p.env[op.result] = Expr(name)


@prints("vector.store")
def store_vector(p: FunctionPrinter, op: Op) -> None:
    mem, value = p.mem(whole(op)), operand(op, "value")
    assert isinstance(value.type, t.VectorType)
    indices, _ = _indices(p, op)
    name = p.word(value)
    p.settle()
    if mem.element in (t.i1, t.f16):
        at = p.size(p.index(mem, indices))
        p.line(f"for (int lane = 0; lane < {value.type.shape[0]}; ++lane)")
        p.line(f"    {mem.pointer}[{at} + lane] = {stored(p, mem.element, f'{name}[lane]')};")
        return
    p.line(f"memcpy({p.address(mem, indices)}, &{name}, sizeof {name});")


@prints("scan.can_exist")
def existence(p: FunctionPrinter, op: Op) -> None:
    sizes = [p.text(v) for v in op.operands]
    called = p.need(CAN_EXIST)
    p.define(op.result, f"{called}({len(sizes)}, (const int64_t[]){{{', '.join(sizes)}}})" if sizes else "1")


@prints("memref.dim")
def dim(p: FunctionPrinter, op: Op) -> None:
    p.env[op.result] = Expr(p.mem(operand(op, "source")).dims[int(p.text(operand(op, "axis")))])


@prints("memref.cast")
def cast(p: FunctionPrinter, op: Op) -> None:
    p.env[op.result] = p.env[op.operands[0]]


@prints("memref.alloca")
def alloca(p: FunctionPrinter, op: Op) -> None:
    type = op.result.type
    assert isinstance(type, t.MemRefType)
    count = 2 if isinstance(type.element, t.ComplexType) else 1
    for n in type.shape:
        count *= n or 0
    name = p.fresh(op.result.name or "room")
    is_stack = any(user.name.startswith("scan.join") for user in op.result.uses)
    p.line(f"{c_type(type.element, memory=True)} {name}[{max(count, 1)}]{'' if is_stack else ' = {0}'};")
    dims = tuple(map(str, type.shape))
    p.env[op.result] = Mem(name, dims, p.contiguous(dims), type.element)


@prints("memref.subview")
def subview(p: FunctionPrinter, op: Op) -> None:
    mem = p.mem(operand(op, "source"))
    offsets, sizes, steps = ([str(e) if isinstance(e, int) else p.word(e) for e in entries(op, name)]
                             for name in COLUMNS)
    strides = [p.product(step, _word(p, stride)) for step, stride in zip(steps, mem.strides, strict=True)]
    kept = kept_axes(op)
    pointer = _pointer(p, op, mem, p.address(mem, offsets))
    p.env[op.result] = Mem(pointer, tuple(sizes[i] for i in kept), tuple(strides[i] for i in kept), mem.element,
                           mem.constant)


def _word(p: FunctionPrinter, stride: str) -> str:
    return p.size(stride) if " " in stride else stride


def _pointer(p: FunctionPrinter, op: Op, mem: Mem, address: str) -> str:
    """A word for a place in a buffer."""
    if address == mem.pointer:
        return address
    name = p.fresh(op.result.name or "part")
    p.line(f"{mem.c_type}{name} = {address};")
    return name


@prints("scan.buffer_reshape")
def reshape(p: FunctionPrinter, op: Op) -> None:
    mem = p.mem(operand(op, "source"))
    dims = _dims(p, op.result.type, group(op, "dims"))
    p.env[op.result] = Mem(mem.pointer, dims, p.contiguous(dims), mem.element, mem.constant)


def _dims(p: FunctionPrinter, type: t.Type, operands: list[Value]) -> tuple[str, ...]:
    assert isinstance(type, t.MemRefType)
    dynamic = iter(operands)
    return tuple(p.word(next(dynamic)) if n is None else str(n) for n in type.shape)


@prints("memref.view")
def view(p: FunctionPrinter, op: Op) -> None:
    source, offset = p.mem(operand(op, "source")), p.closed(operand(op, "offset"))
    dims, element = _dims(p, op.result.type, group(op, "dims")), t.element(op.result.type)
    name = p.fresh(op.result.name or "buffer")
    kind = f"{c_type(element, memory=True)} *"
    at = source.pointer if offset == "0" else f"({source.pointer} + {offset})"
    p.line(f"{kind}{name} = ({kind})(void *){at};")
    p.env[op.result] = Mem(name, dims, p.contiguous(dims), element)


@prints("memref.copy")
def copy(p: FunctionPrinter, op: Op) -> None:
    """memcpy of what is contiguous in both, in loops over the other axes."""
    source, dest = (p.mem(v) for v in op.operands)
    p.settle()
    outer = len(source.dims) - _contiguous_axes(source, dest)
    counters = []
    for axis in range(outer):
        counters.append(p.fresh("ijk"[axis] if axis < 3 else "i"))
        p.open(f"for (int64_t {counters[-1]} = 0; {counters[-1]} < {source.dims[axis]}; ++{counters[-1]})")
    _copy_run(p, source, dest, counters)
    for _ in counters:
        p.close()


def _contiguous_axes(source: Mem, dest: Mem) -> int:
    """How many last axes are one run in both."""
    axes, run = 0, "1"
    for axis in reversed(range(len(source.dims))):
        if source.strides[axis] != run or dest.strides[axis] != run:
            break
        axes += 1
        size = source.dims[axis]
        run = size if run == "1" else str(int(run) * int(size)) if run.isdigit() and size.isdigit() else (
            f"{run} * {size}")
    return axes


def _copy_run(p: FunctionPrinter, source: Mem, dest: Mem, counters: list[str]) -> None:
    rest = ["0"] * (len(source.dims) - len(counters))
    parts = 2 if isinstance(source.element, t.ComplexType) else 1
    if not rest and parts == 1:
        p.line(f"{dest.pointer}[{p.index(dest, counters)}] = {source.pointer}[{p.index(source, counters)}];")
        return
    sizes = [*source.dims[len(counters):], *["2"] * (parts - 1)]
    count = " * ".join([*(n for n in sizes if n != "1"), f"(int64_t)sizeof *{dest.pointer}"])
    to, at = (p.address(mem, [*counters, *rest]) for mem in (dest, source))
    p.line(f"{p.need(COPY)}({to}, {at}, {count});")


@prints("scan.buffer_transpose")
def transpose(p: FunctionPrinter, op: Op) -> None:
    """Eight rows at a time: a line of the cache is read once."""
    source, dest = (p.mem(v) for v in op.operands)
    p.settle()
    turned = replace(source, dims=source.dims[::-1], strides=source.strides[::-1])
    rows, columns = dest.dims
    first, row, column = p.fresh("first"), p.fresh("i"), p.fresh("j")
    p.open(f"for (int64_t {first} = 0; {first} < {rows}; {first} += 8)")
    p.open(f"for (int64_t {column} = 0; {column} < {columns}; ++{column})")
    p.open(f"for (int64_t {row} = {first}; {row} < {rows} && {row} < {first} + 8; ++{row})")
    _copy_run(p, turned, dest, [row, column])
    for _ in range(3):
        p.close()


@prints("scan.buffer_move")
def move(p: FunctionPrinter, op: Op) -> None:
    source, dest = (p.mem(v) for v in op.operands)
    p.settle()
    parts = "2 * " if isinstance(source.element, t.ComplexType) else ""
    p.line(f"{p.need(MOVE)}({dest.pointer}, {source.pointer}, "
           f"{parts}{source.dims[0]} * (int64_t)sizeof *{dest.pointer});")


@prints("scan.buffer_constant")
def buffer_constant(p: FunctionPrinter, op: Op) -> None:
    type = op.result.type
    assert isinstance(type, t.MemRefType)
    dims = tuple(map(str, type.shape))
    numbers = [element_text(x, type.element) for x in op.attrs["value"].data.ravel()]
    symbol = p.out.constant(c_type(type.element, memory=True), numbers or ["0"])
    p.env[op.result] = Mem(symbol, dims, p.contiguous(dims), type.element, constant=True)
