"""Array ops that are not loop nests over elements: views, parts, and the library of loops."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.shapes import fill
from scancc.ir.slices import kept_axes
from scancc.ir.types import DYNAMIC

from .context import Context, converts
from .nests import in_ring, materialise, nest

# Ops that write their result where it is wanted.
WRITERS = ("linalg.generic", "scan.scan", "scan.concat", "tensor.insert_slice", "tensor.insert", "scan.scatter",
           "scan.argreduce", "scan.cumulative", "scan.sort", "tensor.splat", "tensor.from_elements",
           "scan.solve", "scan.factor")

VIEWS = ("tensor.extract_slice", "tensor.cast", "scan.reshape")


@converts("arith.constant")
def constant(c: Context, op: Op) -> None:
    """A constant array becomes data of the module, read in place."""
    if not isinstance(op.result.type, t.TensorType):
        c.clone_scalar(op)
        return
    type = op.result.type
    memref = t.MemRefType(type.shape, type.element)
    buffer = c.b.op("scan.buffer_constant", [], [memref], {"value": op.attrs["value"]})
    c.dims[buffer] = [c.b.index(n) for n in type.shape if n is not None]
    c.set(op.result, buffer)


@converts("tensor.cast")
def cast(c: Context, op: Op) -> None:
    c.env[op.result] = materialise(c, op.operands[0])


@converts("tensor.dim")
def dim(c: Context, op: Op) -> None:
    axis = constant_of(op.operands[1])
    assert axis is not None
    c.env[op.result] = c.sizes(materialise(c, op.operands[0]))[axis]


@converts("tensor.extract_slice")
def extract_slice(c: Context, op: Op) -> None:
    source = materialise(c, op.operands[0])
    kept = kept_axes(op)
    offsets, sizes, steps = _entries(c, op)
    if op.operands[0] in c.rings:
        if constant_of(sizes[0]) == 1:
            offsets[0] = in_ring(c, op.operands[0], offsets[0])
        else:
            source = unrolled_ring(c, op.operands[0])
    if not kept:  # one element, as a scalar
        c.env[op.result] = c.load(source, offsets)
        return
    c.env[op.result] = c.subview(source, offsets, sizes, steps, kept)


def unrolled_ring(c: Context, window: Value) -> Value:
    """A copy of the whole window, oldest row first."""
    return unrolled(c, c.get(window), c.rings[window], window.name)


def unrolled(c: Context, ring: Value, step: Value, name: str | None = None) -> Value:
    """A copy of the rows of a ring as they are before `step`, oldest first."""
    sizes = c.sizes(ring)
    copy = c.alloc(t.element(ring.type), sizes, name)
    with c.loop(sizes[0]) as i:
        at = c.b.op("arith.remsi", [c.b.addi(step, i), sizes[0]], [t.index])
        if len(sizes) == 1:
            c.store(c.load(ring, [at]), copy, [i])
        else:
            c.copy(c.row(ring, at), c.row(copy, i))
    return copy


def _entries(c: Context, op: Op) -> list[list[Value]]:
    """Offsets, sizes and steps as values."""
    first = 2 if op.name == "tensor.insert_slice" else 1
    lists = []
    for position, name in enumerate(("offsets", "sizes", "strides")):
        dynamic = iter(c.scalars(op.group(first + position)))
        lists.append([next(dynamic) if s == DYNAMIC else c.b.index(s)
                      for s in op.attrs[f"static_{name}"].values])
    return lists


@converts("scan.reshape")
def reshape(c: Context, op: Op) -> None:
    source = c.contiguous(materialise(c, op.operands[0]))
    assert isinstance(op.result.type, t.TensorType)
    c.env[op.result] = c.reshape(source, fill(c.b, op.result.type, c.scalars(op.operands[1:])))


@converts("scan.concat")
def concat(c: Context, op: Op) -> None:
    parts = [materialise(c, v) for v in op.operands]
    axis = op.attrs["axis"].value
    sizes = list(c.sizes(parts[0]))
    for part in parts[1:]:
        sizes[axis] = c.b.addi(sizes[axis], c.sizes(part)[axis])
    buffer = c.target(op.result, sizes)
    zero, one = c.b.index(0), c.b.index(1)
    at = zero
    for part in parts:
        rank = len(sizes)
        offsets = [at if i == axis else zero for i in range(rank)]
        c.copy(part, c.subview(buffer, offsets, c.sizes(part), [one] * rank, range(rank)))
        at = c.b.addi(at, c.sizes(part)[axis])
    c.set(op.result, buffer)


@converts("tensor.from_elements")
def from_elements(c: Context, op: Op) -> None:
    assert isinstance(op.result.type, t.TensorType)
    sizes = [c.b.index(n) for n in op.result.type.shape if n is not None]
    buffer = c.target(op.result, sizes)
    flat = buffer if len(sizes) == 1 else c.reshape(buffer, [c.b.index(len(op.operands))])
    for i, value in enumerate(c.scalars(op.operands)):
        c.store(value, flat, [c.b.index(i)])
    c.set(op.result, buffer)


@converts("tensor.insert_slice")
def insert_slice(c: Context, op: Op) -> None:
    """The destination, updated in place where nobody reads the old one afterwards."""
    buffer = updatable(c, op, op.operands[1])
    offsets, sizes, steps = _entries(c, op)
    kept = kept_axes(op)
    c.copy(materialise(c, op.operands[0]), c.subview(buffer, offsets, sizes, steps, kept))
    c.set(op.result, buffer)


@converts("tensor.insert")
def insert(c: Context, op: Op) -> None:
    value, dest, *indices = op.operands
    buffer = updatable(c, op, dest)
    c.store(c.get(value), buffer, c.scalars(indices))
    c.set(op.result, buffer)


def updatable(c: Context, op: Op, dest: Value) -> Value:
    """A buffer that holds `dest` and that `op` may change: its own, if `op` reads it only so, and last."""
    place = materialise(c, dest)
    wanted = c.dest.get(op.result)
    if wanted is place or (wanted is None and owns(c, place) and only_updates(op, dest) and last_reader(op, dest)):
        c.dest.pop(op.result, None)
        return place
    buffer = c.target(op.result, c.sizes(place))
    c.copy(place, buffer)
    return buffer


def only_updates(op: Op, dest: Value) -> bool:
    """True if `dest` is what `op` writes into (its second operand), and no other operand has memory of it."""
    others = [v for i, v in enumerate(op.operands) if i != 1]
    return op.operands[1] is dest and not any(shares_memory(v, dest) for v in others)


def owns(c: Context, buffer: Value) -> bool:
    """True for temporaries of the block being converted."""
    made = buffer.op
    return made is not None and made.name == "memref.alloc" and made.parent is c.b.block


def last_reader(op: Op, value: Value) -> bool:
    """True if nothing after `op` reads `value` or a view of it."""
    block = op.parent
    assert block is not None
    if value.block is not block:
        return False
    position = {o: i for i, o in enumerate(block.ops)}
    return all(_ancestor_position(user, position) <= position[op] for user in readers(value))


def shares_memory(value: Value, base: Value) -> bool:
    """True if `value` is `base`, a view of it, or what a branch or a loop may hand on of it."""
    pending, seen = [value], {value}
    while pending:
        reached = pending.pop()
        if reached is base:
            return True
        found = [v for v in _handed_on(reached) if v not in seen]
        seen.update(found)
        pending += found
    return False


def _handed_on(value: Value) -> list[Value]:
    """The values whose memory `value` may have: what it is a view of, what either side of a branch yields, the
    stack whose last row a state is."""
    made = value.op
    if made is None:
        return []
    if made.name == "scf.if":
        return [region.blocks[0].terminator.operands[value.index] for region in made.regions]
    if made.name == "scan.scan":
        return _stacks_of(value)
    return made.operands[:1] if made.name in VIEWS else []


def _stacks_of(state: Value) -> list[Value]:
    """The stacks of a scan that keep the rows of this state."""
    made = state.op
    assert made is not None
    yielded, n_init = made.body.terminator.operands, len(made.group(2))
    stacks = made.results[n_init:n_init + len(made.group(3))]
    return [y for y in stacks if state.index < n_init and yielded[y.index] is yielded[state.index]]


def readers(value: Value) -> list[Op]:
    """Ops that read `value`, also through views of it, branches that hand it on, and states that are its last row."""
    found: list[Op] = []
    pending, seen = [value], {value}
    while pending:
        reached = pending.pop()
        found += reached.uses
        views = [v for v in _hands_on(reached) if v not in seen]
        seen.update(views)
        pending += views
    return found


def _hands_on(value: Value) -> list[Value]:
    """The values that may have the memory of `value`: the other way round of `_handed_on`."""
    made = value.op
    found = [] if made is None or made.name != "scan.scan" else [
        state for state in made.results[:len(made.group(2))] if value in _stacks_of(state)]
    for user in value.uses:
        if user.name in VIEWS:
            found += user.results
        parent = user.parent_op()
        if user.name == "scf.yield" and parent is not None and parent.name == "scf.if":
            found += [r for v, r in zip(user.operands, parent.results, strict=True) if v is value]
    return found


def _ancestor_position(op: Op, position: dict[Op, int]) -> int:
    """Position in the block of `op` or of the op that holds it."""
    current: Op | None = op
    while current is not None and current not in position:
        current = current.parent_op()
    return position[current] if current is not None else len(position)


@converts("scf.if")
def branch(c: Context, op: Op) -> None:
    """One of two regions; arrays are made in each side, and the buffer of the side taken goes on."""
    regions, yielded = [], []
    for region in op.regions:
        block = Block()
        with c.b.at(block):
            c.block(region.blocks[0])
            yielded = [_onward(c, v) for v in region.blocks[0].terminator.operands]
            c.b.make("scf.yield", yielded)
        regions.append(Region([block]))
    types = [v.type for v in yielded]
    made = c.b.make("scf.if", [c.get(op.operands[0])], types, None, regions)
    sizes = iter(made.results[sum(1 for r in op.results if r.type != t.index):])
    for old, new in zip(op.results, made.results, strict=True):
        c.env[old] = new
        if isinstance(old.type, t.TensorType):
            c.dims[new] = [next(sizes) if n is None else c.b.index(n) for n in old.type.shape]


def _onward(c: Context, value: Value) -> Value:
    """A value that leaves a branch: a scalar, or a row-major buffer under the type of its tensor."""
    if not isinstance(value.type, t.TensorType):
        return c.get(value)
    place = c.contiguous(materialise(c, value))
    type = t.MemRefType(value.type.shape, value.type.element)
    return place if place.type == type else c.b.op("memref.cast", [place], [type])


@converts("scan.scatter")
def scatter(c: Context, op: Op) -> None:
    """dest[..., index, ...] = or += source, one index after the other."""
    source, dest, *indices = op.operands
    axes = op.attrs["axes"].values
    buffer = updatable(c, op, dest)
    places = [materialise(c, v) for v in indices]
    rank = len(c.sizes(places[0]))
    values = materialise(c, source) if isinstance(source.type, t.TensorType) else None
    sizes = c.sizes(buffer)[:axes[0]] + c.sizes(places[0]) + c.sizes(buffer)[axes[-1] + 1:]

    def update(at: list[Value]) -> None:
        picked = [c.b.index_cast(c.load(p, at[axes[0]:axes[0] + rank]), t.index) for p in places]
        target = [*at[:axes[0]], *picked, *at[axes[0] + rank:]]
        value = c.load(values, at) if values is not None else c.get(source)
        if op.attrs["kind"] == "add":
            value = add(c, c.load(buffer, target), value)
        c.store(value, buffer, target)
    sequential(c, sizes, update)
    c.set(op.result, buffer)


def add(c: Context, x: Value, y: Value) -> Value:
    if t.is_complex(x.type):
        return c.b.op("complex.add", [x, y], [x.type])
    if x.type == t.i1:
        return c.b.op("arith.ori", [x, y], [x.type])
    return c.b.addf(x, y) if t.is_float(x.type) else c.b.addi(x, y)


def multiply(c: Context, x: Value, y: Value) -> Value:
    if t.is_complex(x.type):
        return c.b.op("complex.mul", [x, y], [x.type])
    return c.b.mulf(x, y) if t.is_float(x.type) else c.b.muli(x, y)


def sequential(c: Context, sizes: list[Value], body, counters: tuple[Value, ...] = ()) -> None:  # type: ignore[no-untyped-def]
    """Loops over `sizes` that must run in order."""
    if not sizes:
        body(list(counters))
        return
    with c.loop(sizes[0]) as counter:
        sequential(c, sizes[1:], body, (*counters, counter))


@converts("scan.argreduce")
def argreduce(c: Context, op: Op) -> None:
    """The first position of the extreme; a NaN counts as the extreme, as in NumPy."""
    source = materialise(c, op.operands[0])
    axis = op.attrs["axis"].value
    sizes = c.sizes(source)
    rest = [n for i, n in enumerate(sizes) if i != axis]

    def position(counters: list[Value]) -> Value:
        def at(i: Value) -> list[Value]:
            return [*counters[:axis], i, *counters[axis:]]

        b = c.b
        zero = b.index(0)
        start = [zero, c.load(source, at(zero))]
        with c.carrying_loop(sizes[axis], start) as (i, (best_i, best), finish):
            value = c.load(source, at(i))
            take = _better(c, str(op.attrs["kind"]), value, best)
            finish([b.select(take, i, best_i), b.select(take, value, best)])
        return b.index_cast(c.results[0], t.i64)

    if not rest:
        c.env[op.result] = position([])
        return
    buffer = c.target(op.result, rest)
    nest(c, rest, lambda counters: c.store(position(counters), buffer, counters))
    c.set(op.result, buffer)


def _better(c: Context, kind: str, value: Value, best: Value) -> Value:
    """value beats best: strictly, or as the first NaN."""
    b = c.b
    largest = kind.startswith("max")
    if t.is_float(value.type):
        strict = b.cmpf("ogt" if largest else "olt", value, best)
        nan = b.condition("andi", b.cmpf("uno", value, value), b.cmpf("ord", best, best))
        return b.condition("ori", strict, nan)
    unsigned = kind.endswith("u") or value.type == t.i1
    return b.cmpi(("u" if unsigned else "s") + ("gt" if largest else "lt"), value, best)


@converts("scan.cumulative")
def cumulative(c: Context, op: Op) -> None:
    """A running sum or product along an axis, in order."""
    source = materialise(c, op.operands[0])
    axis = op.attrs["axis"].value
    sizes = c.sizes(source)
    buffer = c.target(op.result, sizes)
    combine = add if op.attrs["kind"] == "sum" else multiply
    kind = t.element(source.type)
    nothing = -0.0 if isinstance(kind, t.FloatType) else 0  # -0.0 + x is x, also for -0.0
    start = c.b.const(nothing if op.attrs["kind"] == "sum" else 1, kind)
    rest = [n for i, n in enumerate(sizes) if i != axis]

    def run(counters: list[Value]) -> None:
        with c.carrying_loop(sizes[axis], [start]) as (i, (total,), finish):
            at = [*counters[:axis], i, *counters[axis:]]
            total = combine(c, total, c.load(source, at))
            c.store(total, buffer, at)
            finish([total])
    sequential(c, rest, run)
    c.set(op.result, buffer)
