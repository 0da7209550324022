"""`linalg.generic` as loops.

Parallel nests store each element once. A reduction keeps its running value in a register, unless an
operand is contiguous along the last parallel dimension and not along the reduced one (a matrix
product, a sum over rows): then a block of rows at a time is combined, neighbours side by side. The blocks of
a sum are joined in pairs, as the pass `reductions` does with other sums; others follow one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import field, replace

from scancc.ir import parts
from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import group, int_attr, operand
from scancc.ir.shapes import fill
from scancc.late_dataclasses import dataclass

from ..reducing.kinds import SUMS, combines
from ..slicing.extremes import extreme_of
from ..slicing.steps import used
from .context import Context, converts, strides_of
from .equal_sizes import SHORT
from .flat import as_vector, has_no_gaps
from .loops import PARALLEL_LOOP, PREFIX_LOOP, REDUCTION_LOOP, Nest, nest
from .products import product_of
from .rings import past_row, row_in_ring, unrolled_window
from .transposing import is_transposition, transpose

BLOCK_ROWS = 64    # terms of a block, where sums are made side by side
STACK_LEVELS = 40  # sums of 1, 2, 4, ... blocks


@converts("tensor.empty")
def empty(c: Context, op: Op) -> None:
    """Nothing: a loop nest takes the sizes from it."""


@converts("tensor.splat", at_target=True)
def splat(c: Context, op: Op) -> None:
    """Written only where something other than a loop nest or a scan over lanes reads it."""
    if not all(_starts_from(user, op.result) for user in op.result.uses):
        c.set(op.result, _write(c, op))


def _starts_from(user: Op, value: Value) -> bool:
    """Whether a loop nest or a scan begins with `value`: for that the number that fills it is enough."""
    if user.name == "scan.scan":
        return value in parts.ScanView(user).init
    return user.name == "linalg.generic" and value in parts.Nest(user).outputs


def materialise(c: Context, value: Value) -> Value:
    """The buffer of an array. One that was left to its readers is written now, for this reader alone: the next one
    may stand where this buffer cannot be seen. So is a window, whose ring has its rows in another order."""
    if value in c.rings:
        return unrolled_window(c, value)
    if value in c.env:
        return c.env[value]
    made = value.op
    assert made is not None and made.name in ("tensor.splat", "tensor.empty"), f"{value!r} has no buffer"
    return _write(c, made)


def _write(c: Context, op: Op) -> Value:
    """A buffer for a splat, or for an `empty`, of which nobody reads an element."""
    buffer = c.target(op.result, sizes_of(c, op.result))
    if op.name == "tensor.splat":
        fill_buffer(c, c.get(operand(op, "value")), buffer)
    return buffer


def fill_buffer(c: Context, value: Value, buffer: Value) -> None:
    """Along all elements where there are no gaps: rows may be short. Small arrays of known sizes are opened."""
    sizes = c.sizes(buffer)
    if len(sizes) > 1 and has_no_gaps(c, buffer) and any(constant_of(size) is None for size in sizes):
        sizes = [_product(c, sizes)]
        buffer = as_vector(c, buffer, sizes[0])

    def store(counters: list[Value]) -> None:
        c.store(value, buffer, counters)
    nest(c, sizes, store)


def _product(c: Context, sizes: Sequence[Value]) -> Value:
    total = sizes[0]
    for size in sizes[1:]:
        total = c.b.muli(total, size)
    return total


def sizes_of(c: Context, value: Value) -> list[Value]:
    """Sizes of an `empty` or `splat`, from its operands."""
    op = value.op
    assert op is not None and isinstance(value.type, t.TensorType)
    return fill(c.b, value.type, c.scalars(group(op, "dims")))


@converts("linalg.generic", at_target=True)
def generic(c: Context, op: Op) -> None:
    n = read_nest(c, op)
    n.outputs = {number: c.target(op.results[number], sizes_of(c, out))
                 for number, out in enumerate(parts.Nest(op).outputs)
                 if number not in n.combined or n.rank and op.results[number].uses}
    n.stores = {number: buffer for number, buffer in n.outputs.items() if number not in n.combined}
    starts = [c.get(_start(parts.Nest(op).outputs[number])) for number in n.combined]
    if not n.reduced:
        _parallel(c, n)
    elif not n.rank:
        starts = _flatten_reduction(c, n, starts)
        load_at(c, n, {}, None)
        c.env.update(zip(_combined(n), _totals(c, n, [], starts), strict=True))
    elif c.in_rows and [*n.outputs] == [0] == n.combined:
        _reduce_in_rows(c, n, starts[0])
    else:
        _reduce_each(c, n, starts)
    for number, buffer in n.outputs.items():
        c.set(op.results[number], buffer)


def _reduce_in_rows(c: Context, n: Nest, start: Value) -> None:
    """One sum for each element of a result: a product, rows side by side where they are contiguous, or one by one."""
    out = n.outputs[0]
    beside = strides_of(out.type)[-1] == 1
    product = product_of(n) if constant_of(start) == 0.0 and not _in_order(n) else None
    if product is not None and beside:
        product.write(c, out)
    elif product is not None and product.by_columns:  # loops would add in another order
        rows = c.alloc(t.element(out.type), n.sizes[:n.rank])
        product.write(c, rows)
        c.copy(rows, out)
    elif beside and _accumulates_rows(n):
        _reduce_rows(c, n, out, start)
    else:
        _reduce_each(c, n, [start])


def _start(out: Value) -> Value:
    """The number from which a result is combined."""
    assert out.op is not None
    return operand(out.op, "value")


def _combined(n: Nest) -> list[Value]:
    return [n.op.results[number] for number in n.combined]


def _reduce_each(c: Context, n: Nest, starts: list[Value]) -> None:
    """The parallel loops around a reduction in registers."""
    def store(counters: list[Value]) -> None:
        for number, total in zip(n.combined, _totals(c, n, counters, starts), strict=True):
            if number in n.outputs:
                c.store(total, n.outputs[number], counters)
    nest(c, n.sizes[:n.rank], store, _reader(c, n))


def read_nest(c: Context, op: Op) -> Nest:
    """Operands in memory, and the size of each loop: a known one, else that of the result or of an input."""
    view = parts.Nest(op)
    sizes: dict[int | None, Value] = {}
    for access in reversed([*view.reads, *view.writes]):
        for dim, size in zip(access.dims, array_sizes(c, access.value), strict=True):
            if dim not in sizes or (constant_of(sizes[dim]) is None and constant_of(size) is not None):
                sizes[dim] = size
    read = [access for access in view.reads if access.arg.uses]
    return Nest(op, [access.arg for access in read], [materialise(c, access.value) for access in read],
                [access.dims for access in read], [c.length(sizes[dim]) for dim in view.identity], view.reduced,
                view.combined)


def array_sizes(c: Context, value: Value) -> list[Value]:
    """Sizes of an array that may have no buffer."""
    return c.sizes(c.get(value)) if value in c.env else sizes_of(c, value)


def load_at(c: Context, n: Nest, at: dict[int, Value], dim: int | None) -> None:
    """Read the operands whose place is known once the counter of `dim` is: each as far out as can be."""
    for arg, buffer, access in zip(n.args, n.inputs, n.maps, strict=True):
        dims = [d for d in access if d is not None]
        if all(d in at for d in dims) and (dim in dims if dims else dim is None):
            c.env[arg] = c.load(buffer, [c.b.index(0) if d is None else at[d] for d in access])


def element(c: Context, n: Nest, counters: Sequence[Value], running: Sequence[Value]) -> list[Value]:
    """The body of a nest at one position, its operands read: elements are stored, what is combined is given."""
    generic = parts.Nest(n.op)
    c.env.update(zip([generic.running[number] for number in n.combined], running, strict=True))
    inline(c, n.op, counters, n.needed)
    for number, buffer in n.stores.items():
        c.store(c.get(generic.elements[number]), buffer, counters)
    return [c.get(generic.elements[number]) for number in n.combined]


def inline(c: Context, op: Op, counters: Sequence[Value], needed: set[Op] | None = None) -> None:
    """The ops of a nest's body, or those that are needed, with `linalg.index` as the counters."""
    for inner in op.body.ops[:-1]:
        if needed is not None and inner not in needed:
            continue
        if inner.name == "linalg.index":
            c.env[inner.result] = counters[inner.attrs["dim"].value]
        else:
            c.convert(inner)


def _parallel(c: Context, n: Nest) -> None:
    if is_transposition(n.op):
        transpose(c, n.inputs[0], n.outputs[0])
        return
    _flatten(c, n)

    def store(counters: list[Value]) -> None:
        element(c, n, counters, [])
    nest(c, n.sizes, store, _reader(c, n))


def _reader(c: Context, n: Nest) -> Callable[[list[Value]], None]:
    """What reads the operands while the parallel loops are entered."""
    def enter(counters: list[Value]) -> None:
        load_at(c, n, dict(enumerate(counters)), len(counters) - 1 if counters else None)
    return enter


def _flatten(c: Context, n: Nest) -> bool:
    """Go along all operands as vectors, where each is row-major and read at the nest's own position."""
    identity = tuple(range(len(n.sizes)))
    buffers = [*n.inputs, *n.stores.values()]
    if len(n.sizes) < 2 or any(access != identity for access in n.maps):
        return False
    if not all(has_no_gaps(c, v) for v in buffers):
        return False
    if any(op.name in ("linalg.index", "tensor.extract") for op in n.op.body.ops):
        return False
    total = _product(c, n.sizes)
    n.inputs = [as_vector(c, v, total) for v in n.inputs]
    n.stores = {number: as_vector(c, v, total) for number, v in n.stores.items()}
    n.maps, n.sizes = [(0,)] * len(n.inputs), [total]
    return True


def _flatten_reduction(c: Context, n: Nest, starts: list[Value]) -> list[Value]:
    """A reduction of all elements of arrays without gaps goes along them as one row; what it starts from."""
    sizes = n.sizes
    if not _flatten(c, n):
        return starts
    n.reduced = [0]
    return [_counting_elements(c, start, sizes[1:]) for start in starts]


def _counting_elements(c: Context, start: Value, row: list[Value]) -> Value:
    """A sum that goes on at some row goes on at the first element of that."""
    part = start.op
    if part is None or part.name != "scan.running":
        return start
    first, end, whole = operand(part, "first"), operand(part, "end"), int_attr(part, "size")
    for size in row:
        first, end = c.b.muli(first, size), c.b.muli(end, size)
        whole *= constant_of(size) or 1
    return c.b.op(part.name, [operand(part, "value"), first, end], [start.type],
                  {**part.attrs, "size": t.IntAttr(whole, t.i64)})


def _totals(c: Context, n: Nest, counters: list[Value], starts: list[Value]) -> list[Value]:
    """What is combined: in a loop for each where they do not need each other, of which `reductions` makes one where
    they are alike."""
    alone = [_alone(n, number) for number in n.combined]
    if n.stores or len(alone) < 2 or any(part is None for part in alone):
        return _reduce_in_register(c, n, counters, starts)
    return [total for part, start in zip(alone, starts, strict=True) if part is not None
            for total in _reduce_in_register(c, part, counters, [start])]


def _alone(n: Nest, number: int) -> Nest | None:
    """The nest with one result that is combined, or None where that needs another one."""
    generic = parts.Nest(n.op)
    needed, args, waiting = set[Op](), set[Value](), [generic.elements[number]]
    while waiting:
        value = waiting.pop()
        if value.op is not None and value.op.parent is n.op.body and value.op not in needed:
            needed.add(value.op)
            waiting += used(value.op)
        args.add(value)
    if any(arg in args for other, arg in enumerate(generic.running) if other != number):
        return None
    read = [place for place, arg in enumerate(n.args) if arg in args]
    return replace(n, args=[n.args[k] for k in read], inputs=[n.inputs[k] for k in read],
                   maps=[n.maps[k] for k in read], combined=[number], needed=needed)


def _reduce_in_register(c: Context, n: Nest, counters: list[Value], starts: list[Value]) -> list[Value]:
    def reduce(dims: Sequence[int], at: list[Value], running: list[Value]) -> list[Value]:
        if not dims:
            return element(c, n, at, running)
        alone = dict(PREFIX_LOOP) if _is_search(n) else None
        attrs = alone if _in_order(n) or len(running) > 1 else dict(REDUCTION_LOOP)
        with c.carrying_loop(n.sizes[dims[0]], running, attrs) as (counter, inner, finish):
            load_at(c, n, dict(enumerate([*at, counter])), dims[0])
            finish(reduce(dims[1:], [*at, counter], inner))
        return c.results
    return reduce(n.reduced, list(counters), starts)


def _is_search(n: Nest) -> bool:
    """Whether one line is searched for the place of its extreme; of several lines each is a lane."""
    view = parts.Nest(n.op)
    choices = [view.elements[number].op for number in n.combined]
    return not n.rank and len(choices) == 2 and choices[1] is not None and choices[1].name == "arith.select" and (
        extreme_of(choices[1], view.running[n.combined[1]]) is not None)


def _in_order(n: Nest) -> bool:
    """Whether the elements must be combined in the order written."""
    totals = [parts.Nest(n.op).elements[number].op for number in n.combined]
    return any(op is not None and is_exact(op) for op in totals)


def _accumulates_rows(n: Nest) -> bool:
    """True if going along the last parallel dimension is the contiguous way."""
    if len(n.reduced) != 1 or n.rank == 0 or _fits_registers(constant_of(n.sizes[n.rank - 1])):
        return False
    if all(_within(n.sizes[dim], SHORT) for dim in (n.rank - 1, n.reduced[0])):
        return False  # both loops are opened
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
    """row = start; for rows: for blocks of terms: row += ..., and the row joins those of other blocks."""
    row = _Row(c, n, buffer)
    length, zero = n.sizes[n.reduced[0]], c.b.index(0)
    blocks = _adds(n.op) and not _in_order(n) and not _within(length, BLOCK_ROWS)
    stack = _row_stack(c, t.element(buffer.type), length, row.width) if blocks else None

    def rows(counters: list[Value]) -> None:
        row.counters = counters
        row.fill(start)
        if stack is None:
            row.add(zero, length)
            return
        with c.carrying_loop(length, [], step=BLOCK_ROWS) as (first, _, finish):
            row.add(first, c.b.minsi(c.b.addi(first, c.b.index(BLOCK_ROWS)), length))
            c.b.make("scan.join_row", [row.view(), stack, first, length], [],
                     {"size": t.IntAttr(BLOCK_ROWS, t.i64)})
            finish([])
    nest(c, n.sizes[:n.rank - 1], rows, _reader(c, n))


@dataclass
class _Row:
    """Results that are neighbours in memory, made side by side: a few terms each at a time, in order."""

    c: Context
    n: Nest
    buffer: Value
    counters: list[Value] = field(default_factory=list)

    @property
    def width(self) -> Value:
        return self.n.sizes[self.n.rank - 1]

    def view(self) -> Value:
        """The row itself."""
        zero, one, n_outer = self.c.b.index(0), self.c.b.index(1), len(self.counters)
        return self.c.subview(self.buffer, [*self.counters, zero], [*[one] * n_outer, self.width],
                              [one] * (n_outer + 1), [n_outer])

    def each(self) -> AbstractContextManager[Value]:
        return self.c.loop(self.width, dict(PARALLEL_LOOP))

    def fill(self, value: Value) -> None:
        with self.each() as j:
            self.c.store(value, self.buffer, [*self.counters, j])

    def add(self, first: Value, end: Value) -> None:
        """The terms from `first` to `end`: several at a time, so that the running row is seldom read."""
        b, many = self.c.b, _terms_at_once(self.n)
        if many > 1:
            count = b.subi(end, first)
            whole = b.subi(end, b.op("arith.remsi", [count, b.index(many)], [t.index]))
            self._add(first, whole, many)
            first = whole
        self._add(first, end, 1)

    def _add(self, first: Value, end: Value, many: int) -> None:
        known = constant_of(first), constant_of(end)
        if known[0] is not None and known[0] == known[1]:
            return
        with self.c.carrying_loop(end, [], start=first, step=many) as (k, _, finish):
            self._terms([self.c.b.addi(k, self.c.b.index(i)) for i in range(many)])
            finish([])

    def _terms(self, places: list[Value]) -> None:
        c, n, last, summed = self.c, self.n, self.n.rank - 1, self.n.reduced[0]
        at = dict(enumerate(self.counters))
        elements = []
        for place in places:
            load_at(c, n, at | {summed: place}, summed)
            elements.append({arg: c.env[arg] for arg in n.args if arg in c.env})
        with self.each() as j:
            running = c.load(self.buffer, [*self.counters, j])
            for place, known in zip(places, elements, strict=True):
                c.env.update(known)
                load_at(c, n, at | {summed: place, last: j}, last)
                (running,) = element(c, n, [*self.counters, j, place], [running])
            c.store(running, self.buffer, [*self.counters, j])


def _within(length: Value, limit: int) -> bool:
    known = constant_of(length)
    return known is not None and known <= limit


def _terms_at_once(n: Nest) -> int:
    """Light terms four at a time: the row is read and written once for them."""
    return 4 if len(n.op.body.ops) - 1 <= 8 else 1


def _adds(op: Op) -> bool:
    """Whether a reduction adds floats, and does nothing else with the running value."""
    (acc,), (total,) = parts.Nest(op).running, parts.Nest(op).elements
    combine = total.op
    return combine is not None and combine.name in SUMS and combines(combine, acc)


def _row_stack(c: Context, element: t.Type, length: Value, width: Value) -> Value:
    """Room for the sums of 1, 2, 4, ... blocks of each column: never more rows than blocks, less the last one."""
    joined = c.b.op("arith.divsi", [c.b.subi(length, c.b.index(1)), c.b.index(BLOCK_ROWS)], [t.index])
    return c.alloc(element, [c.b.minsi(joined, c.b.index(STACK_LEVELS)), width])


@converts("tensor.extract")
def extract(c: Context, op: Op) -> None:
    source = operand(op, "source")
    made = source.op
    if made is not None and made.name == "tensor.splat" and source not in c.env:
        c.env[op.result] = c.get(operand(made, "value"))
        return
    indices = c.scalars(group(op, "indices"))
    if source in c.past:
        row, *rest = indices
        c.env[op.result] = c.load(past_row(c, source, row), rest)
        return
    if source in c.rings:
        row, *rest = indices
        c.env[op.result] = c.load(c.get(source), [row_in_ring(c, source, row), *rest])
        return
    place = materialise(c, source)  # a reduction to rank 0 lives in a register
    c.env[op.result] = c.load(place, indices) if isinstance(place.type, t.MemRefType) else place
