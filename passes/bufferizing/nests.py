"""`linalg.generic` as loops.

Parallel nests store each element once. A reduction keeps its running value in a register, unless an
operand is contiguous along the last parallel dimension and not along the reduced one (a matrix
product, a sum over rows): then whole rows are accumulated in memory, in the same order of additions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.shapes import fill

from .context import Context, converts

PARALLEL_LOOP = {"parallel": t.IntAttr(1, t.i64)}
REDUCTION_LOOP = {"reduction": t.IntAttr(1, t.i64)}  # may be combined in another order


@converts("tensor.empty")
def empty(c: Context, op: Op) -> None:
    """Nothing: a loop nest takes the sizes from it."""


@converts("tensor.splat")
def splat(c: Context, op: Op) -> None:
    """Written only where something other than a loop nest or a scan over lanes reads it."""
    if all(user.name == "linalg.generic" and op.result in user.group(1)
           or user.name == "scan.scan" and op.result in user.group(2) for user in op.result.uses):
        return
    c.set(op.result, _write(c, op))


def materialise(c: Context, value: Value) -> Value:
    """The buffer of an array. One that was left to its readers is written now, for this reader alone:
    the next one may stand where this buffer cannot be seen."""
    if value in c.env:
        return c.env[value]
    made = value.op
    assert made is not None and made.name in ("tensor.splat", "tensor.empty"), f"{value!r} has no buffer"
    return _write(c, made)


def _write(c: Context, op: Op) -> Value:
    """A buffer for a splat, or for an `empty`, of which nobody reads an element."""
    buffer = c.target(op.result, sizes_of(c, op.result))
    if op.name == "tensor.splat":
        fill_buffer(c, c.get(op.operands[0]), buffer)
    return buffer


def fill_buffer(c: Context, value: Value, buffer: Value) -> None:
    def store(counters: list[Value]) -> None:
        c.store(value, buffer, counters)
    nest(c, c.sizes(buffer), store)


def sizes_of(c: Context, value: Value) -> list[Value]:
    """Sizes of an `empty` or `splat`, from its operands."""
    op = value.op
    assert op is not None and isinstance(value.type, t.TensorType)
    operands = op.operands[1:] if op.name == "tensor.splat" else op.operands
    return fill(c.b, value.type, c.scalars(operands))


def nest(c: Context, sizes: Sequence[Value], body: Callable[[list[Value]], None],
         enter: Callable[[list[Value]], None] | None = None, counters: tuple[Value, ...] = ()) -> None:
    """Parallel loops over `sizes` around `body(counters)`; `enter` sees the counters so far at each level."""
    if enter is not None:
        enter(list(counters))
    if not sizes:
        body(list(counters))
        return
    if constant_of(sizes[0]) == 1:
        nest(c, sizes[1:], body, enter, (*counters, c.b.index(0)))
        return
    with c.loop(sizes[0], dict(PARALLEL_LOOP)) as counter:
        counter.name = "i"
        nest(c, sizes[1:], body, enter, (*counters, counter))


@dataclass
class Nest:
    """A `linalg.generic` with what it reads in memory."""

    op: Op
    args: list[Value]    # arguments of the body that are read
    inputs: list[Value]  # the buffers they come from
    maps: list[tuple[int | None, ...]]
    sizes: list[Value]
    reduced: list[int]

    @property
    def rank(self) -> int:
        """How many dimensions are parallel; they come first."""
        return len(self.sizes) - len(self.reduced)


@converts("linalg.generic")
def generic(c: Context, op: Op) -> None:
    out = op.group(1)[0]
    made = out.op
    assert made is not None
    n = read_nest(c, op)
    if n.rank == 0 and n.reduced:
        load_at(c, n, {}, None)
        start = c.get(made.operands[0])
        c.env[op.result] = _reduce_in_register(c, n, [], start)
        return
    buffer = c.target(op.result, sizes_of(c, out))
    if not n.reduced:
        _parallel(c, n, buffer)
    elif _accumulates_rows(n):
        _reduce_rows(c, n, buffer, c.get(made.operands[0]))
    else:
        start = c.get(made.operands[0])

        def store(counters: list[Value]) -> None:
            c.store(_reduce_in_register(c, n, counters, start), buffer, counters)
        nest(c, n.sizes[:n.rank], store, _reader(c, n))
    c.set(op.result, buffer)


def read_nest(c: Context, op: Op) -> Nest:
    """Operands in memory, and the size of each loop: from the result, else from an input."""
    maps = [m.results for m in op.attrs["indexing_maps"]]
    kinds = op.attrs["iterator_types"]
    sizes: dict[int | None, Value] = {}
    for value, access in zip(op.operands[::-1], maps[::-1], strict=True):
        for dim, size in zip(access, _operand_sizes(c, value), strict=True):
            sizes.setdefault(dim, size)
    read = [(arg, materialise(c, value), access)
            for arg, value, access in zip(op.body.args, op.group(0), maps, strict=False) if arg.uses]
    reduced = [d for d, kind in enumerate(kinds) if kind == t.REDUCTION]
    return Nest(op, [arg for arg, _, _ in read], [buffer for _, buffer, _ in read],
                [access for _, _, access in read], [sizes[d] for d in range(len(kinds))], reduced)


def _operand_sizes(c: Context, value: Value) -> list[Value]:
    """Sizes of an array that may have no buffer."""
    return c.sizes(c.get(value)) if value in c.env else sizes_of(c, value)


def load_at(c: Context, n: Nest, at: dict[int, Value], dim: int | None) -> None:
    """Read the operands whose place is known once the counter of `dim` is: each as far out as can be."""
    for arg, buffer, access in zip(n.args, n.inputs, n.maps, strict=True):
        dims = [d for d in access if d is not None]
        if all(d in at for d in dims) and (dim in dims if dims else dim is None):
            c.env[arg] = c.load(buffer, [c.b.index(0) if d is None else at[d] for d in access])


def element(c: Context, n: Nest, counters: Sequence[Value], running: Value | None) -> Value:
    """The body of a nest at one position, its operands read."""
    block = n.op.body
    if running is not None:
        c.env[block.args[-1]] = running
    inline(c, n.op, counters)
    return c.get(block.terminator.operands[0])


def inline(c: Context, op: Op, counters: Sequence[Value]) -> None:
    """The ops of a nest's body, with `linalg.index` as the counters."""
    for inner in op.body.ops[:-1]:
        if inner.name == "linalg.index":
            c.env[inner.result] = counters[inner.attrs["dim"].value]
        else:
            c.convert(inner)


def _parallel(c: Context, n: Nest, buffer: Value) -> None:
    buffers = [*n.inputs, buffer]
    flat = _flattened(c, n, buffers)
    if flat is not None:
        n.inputs, buffer = flat[:-1], flat[-1]
        n.maps, n.sizes = [(0,)] * len(n.inputs), c.sizes(buffer)

    def store(counters: list[Value]) -> None:
        c.store(element(c, n, counters, None), buffer, counters)
    nest(c, n.sizes, store, _reader(c, n))


def _reader(c: Context, n: Nest) -> Callable[[list[Value]], None]:
    """What reads the operands while the parallel loops are entered."""
    def enter(counters: list[Value]) -> None:
        load_at(c, n, dict(enumerate(counters)), len(counters) - 1 if counters else None)
    return enter


def _flattened(c: Context, n: Nest, buffers: list[Value]) -> list[Value] | None:
    """All operands as vectors, where each is row-major and read at the nest's own position."""
    identity = tuple(range(len(n.sizes)))
    if len(n.sizes) < 2 or any(access != identity for access in n.maps):
        return None
    if any(not isinstance(v.type, t.MemRefType) or v.type.strides is not None for v in buffers):
        return None
    if any(op.name in ("linalg.index", "tensor.extract") for op in n.op.body.ops):
        return None
    total = n.sizes[0]
    for size in n.sizes[1:]:
        total = c.b.muli(total, size)
    return [c.reshape(v, [total]) for v in buffers]


def _reduce_in_register(c: Context, n: Nest, counters: list[Value], start: Value) -> Value:
    def reduce(dims: Sequence[int], at: list[Value], running: Value) -> Value:
        if not dims:
            return element(c, n, at, running)
        attrs = dict(REDUCTION_LOOP) if len(dims) == 1 and not _in_order(n) else None
        with c.carrying_loop(n.sizes[dims[0]], [running], attrs) as (counter, (inner,), finish):
            load_at(c, n, dict(enumerate([*at, counter])), dims[0])
            finish([reduce(dims[1:], [*at, counter], inner)])
        return c.results[0]
    return reduce(n.reduced, list(counters), start)


def _in_order(n: Nest) -> bool:
    """Whether the elements must be combined in the order written."""
    combine = n.op.body.terminator.operands[0].op
    return combine is not None and is_exact(combine)


def _accumulates_rows(n: Nest) -> bool:
    """True if going along the last parallel dimension is the contiguous way."""
    if len(n.reduced) != 1 or n.rank == 0 or _fits_registers(constant_of(n.sizes[n.rank - 1])):
        return False
    last, summed = n.rank - 1, n.reduced[0]
    lengths = [(len(access), access[-1]) for access in n.maps if len(access) > 1]
    along = any(dim == last for _, dim in lengths)
    against = any(dim == summed and access[-2] == last for access in n.maps if len(access) > 1
                  for dim in [access[-1]])
    return along and not against


def _fits_registers(length: int | None) -> bool:
    """Whether a row's running values fill whole vector registers, where they stay for the whole reduction."""
    return length is not None and (length in (1, 2, 4) or length % 8 == 0)


def _reduce_rows(c: Context, n: Nest, buffer: Value, start: Value) -> None:
    """for rows: row = start; for k: row += ... along the row."""
    fill_buffer(c, start, buffer)
    last, summed = n.rank - 1, n.reduced[0]

    def rows(counters: list[Value]) -> None:
        at = dict(enumerate(counters))
        with c.loop(n.sizes[summed]) as k:
            load_at(c, n, at | {summed: k}, summed)
            with c.loop(n.sizes[last], dict(PARALLEL_LOOP)) as j:
                load_at(c, n, at | {summed: k, last: j}, last)
                place = [*counters, j]
                c.store(element(c, n, [*place, k], c.load(buffer, place)), buffer, place)
    nest(c, n.sizes[:last], rows, _reader(c, n))


def in_ring(c: Context, window: Value, row: Value) -> Value:
    """Where row `row` of a window (0 the oldest) stands in its ring at this step."""
    turned = c.b.addi(c.rings[window], row)
    return c.b.op("arith.remsi", [turned, c.sizes(c.get(window))[0]], [t.index])


@converts("tensor.extract")
def extract(c: Context, op: Op) -> None:
    source = op.operands[0]
    made = source.op
    if made is not None and made.name == "tensor.splat" and source not in c.env:
        c.env[op.result] = c.get(made.operands[0])
        return
    place = materialise(c, source)
    if not isinstance(place.type, t.MemRefType):
        c.env[op.result] = place  # a reduction to rank 0 lives in a register
        return
    indices = c.scalars(op.operands[1:])
    if source in c.rings:
        indices[0] = in_ring(c, source, indices[0])
    c.env[op.result] = c.load(place, indices)
