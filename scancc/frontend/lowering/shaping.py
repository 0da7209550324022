"""Axes, shapes, and tensors made from scalars."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from functools import reduce as fold

from scancc.frontend.graph.dims import DimShuffle, JointLength, ShapeI
from scancc.frontend.graph.variables import Apply
from scancc.frontend.lowering.context import Lowering, lowers, tensor_type
from scancc.frontend.lowering.slices import extract_slice
from scancc.frontend.ops.axes import Reshape
from scancc.frontend.ops.joining import Join
from scancc.frontend.ops.lengths import MakeVector, SpecifyShape, Unbroadcast
from scancc.frontend.ops.making import Alloc, AllocEmpty, ARange
from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Value

MOST_STEP = 2**31  # of a slice or a range: lengths are computed from sums with it


@lowers(DimShuffle)
def dimshuffle(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, DimShuffle)
    return [shuffle(low, low.inputs(node)[0], op.order)]


def shuffle(low: Lowering, value: Value, order: Sequence[int | str]) -> Value:
    """Axes of size 1 dropped, the rest permuted, new axes of size 1 inserted."""
    one = low.b.index(1)
    element = t.element(value.type)
    if not isinstance(value.type, t.TensorType):
        return low.splat(value, [one] * len(order)) if order else value
    sizes = low.dims(value)
    kept = [a for a in order if isinstance(a, int)]
    if not kept:
        scalar = low.b.op("tensor.extract", [value, *[low.b.index(0)] * len(sizes)], [element])
        return low.splat(scalar, [one] * len(order)) if order else scalar
    value = _drop_axes(low, value, kept)
    positions = sorted(kept)
    permutation = [positions.index(a) for a in kept]
    if permutation != sorted(permutation):
        value = low.tensor("scan.transpose", [value], element, [sizes[a] for a in kept],
                           {"permutation": t.DenseArray(t.i64, tuple(permutation))})
    if len(kept) == len(order):
        return value
    axes = t.DenseArray(t.i64, tuple(i for i, a in enumerate(order) if isinstance(a, int)))
    new = [sizes[a] if isinstance(a, int) else one for a in order]
    return low.tensor("scan.broadcast", [value], element, new, {"axes": axes}, sized=True)


def _drop_axes(low: Lowering, value: Value, kept: Sequence[int]) -> Value:
    sizes = low.dims(value)
    if len(kept) == len(sizes):
        return value
    zero, one = low.b.index(0), low.b.index(1)
    return extract_slice(low, value, [zero] * len(sizes), sizes, [one] * len(sizes), sorted(kept))


@lowers(ShapeI)
def shape_i(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, ShapeI)
    size = low.dims(low.inputs(node)[0])[op.axis]
    return [low.b.index_cast(size, t.i64)]


@lowers(JointLength)
def joint_length(low: Lowering, node: Apply) -> Sequence[Value]:
    """Exact: every step is checked before the next one, unless the sizes are those of an array that is there."""
    op = node.op
    assert isinstance(op, JointLength)
    sizes = [_length(low, v, op.name) for v in low.inputs(node)]
    total = n_elements(low, sizes) if op.kind == "product" else fold(partial(_sum, low), sizes)
    return [low.b.index_cast(total, t.i64)]


def _sum(low: Lowering, a: Value, b: Value) -> Value:
    """The sum of two sizes, checked to be one."""
    for size in (a, b):
        low.require_extent([size], computed=True)
    total = low.b.addi(a, b)
    low.require_extent([total], computed=True)
    return total


@lowers(Alloc)
def alloc(low: Lowering, node: Apply) -> Sequence[Value]:
    """A scalar everywhere, or a tensor repeated along new and size-1 axes."""
    value, *lengths = low.inputs(node)
    sizes = [_length(low, v, "alloc") for v in lengths]
    if not isinstance(value.type, t.TensorType):
        return [low.splat(value, sizes) if sizes else value]
    old = low.dims(value)
    offset = len(sizes) - len(old)
    for axis, (n, size) in enumerate(zip(value.type.shape, old, strict=True)):
        if n != 1:
            low.require_equal(sizes[offset + axis], size,
                              f"alloc: a value of length {{1}} along axis {axis} was asked to fill {{0}}")
    axes = t.DenseArray(t.i64, tuple(range(offset, len(sizes))))
    return [low.tensor("scan.broadcast", [value], value.type.element, sizes, {"axes": axes}, sized=True)]


@lowers(AllocEmpty)
def alloc_empty(low: Lowering, node: Apply) -> Sequence[Value]:
    assert isinstance(node.op, AllocEmpty)
    sizes = [_length(low, v, "alloc") for v in low.inputs(node)]
    return [low.tensor("tensor.empty", [], t.scalar(node.op.dtype), sizes, sized=True)]


def _length(low: Lowering, scalar: Value, what: str) -> Value:
    """A length given by the program, which must not be negative."""
    size = low.index(scalar)
    if not is_size(size):
        low.require(low.b.cmpi("sge", size, low.b.index(0)), "ValueError",
                    f"{what}: a length is {{0}}; lengths are 0 or more", size)
    return size


def is_size(value: Value) -> bool:
    """True if `value` is plainly not negative: a size, or made of sizes in a way that keeps the sign."""
    known = constant_of(value)
    if known is not None:
        return bool(known >= 0)
    op = value.op
    if op is None:
        return False
    if op.name in ("tensor.dim", "memref.dim"):
        return True
    if op.name in ("arith.addi", "arith.muli", "arith.minsi", "arith.divsi"):
        return all(is_size(v) for v in op.operands)
    if op.name == "arith.maxsi":
        return any(is_size(v) for v in op.operands)
    return op.name == "scan.scan" and value.type == t.index


def same_size(a: Value | None, b: Value) -> bool:
    """Whether two sizes are plainly equal."""
    return a is b or (a is not None and constant_of(a) is not None and constant_of(a) == constant_of(b))


@lowers(MakeVector)
def make_vector(low: Lowering, node: Apply) -> Sequence[Value]:
    elements = low.inputs(node)
    type = t.TensorType((len(elements),), t.scalar(node.outputs[0].dtype))
    made = low.b.op("tensor.from_elements", elements, [type])
    return [low.record(made, [low.b.index(len(elements))])]


@lowers(Join)
def join(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, Join)
    parts = low.inputs(node)
    sizes = list(low.dims(parts[0]))
    for part in parts[1:]:
        for axis, size in enumerate(low.dims(part)):
            if axis == op.axis:
                sizes[axis] = low.b.addi(sizes[axis], size)  # of at most 2**16 parts of at most 2**47 rows
            else:
                sizes[axis] = low.require_equal(
                    sizes[axis], size, f"concatenate: parts have lengths {{0}} and {{1}} along axis {axis}; "
                    f"only axis {op.axis} may differ")
    attrs = {"axis": t.IntAttr(op.axis, t.i64)}
    return [low.tensor("scan.concat", parts, t.element(parts[0].type), sizes, attrs)]


@lowers(ARange)
def arange(low: Lowering, node: Apply) -> Sequence[Value]:
    """start + i * step; as many as np.arange gives."""
    start, stop, step = low.inputs(node)
    length = _arange_length(low, start, stop, step)
    if isinstance(step.type, t.FloatType):  # of one number, the step may be infinite
        step = low.b.select(low.b.cmpi("sgt", length, low.b.index(1)), step, low.b.const(0.0, step.type))
    return [low.tensor("scan.iota", [start, step], start.type, [length], sized=True)]


def _arange_length(low: Lowering, start: Value, stop: Value, step: Value) -> Value:
    b = low.b
    if isinstance(start.type, t.FloatType):
        low.require(b.cmpf("une", step, b.const(0.0, step.type)), "ValueError", "arange: the step is 0")
        quotient = b.divf(b.subf(stop, start), step)
        low.require(b.cmpf("olt", b.math("absf", quotient), b.const(2.0**62, quotient.type)), "ValueError",
                    "arange: no range has so many numbers, or a NaN for an end")
        one, zero = b.const(1.0, quotient.type), b.const(0.0, quotient.type)
        vanished = b.condition("andi", b.cmpf("oeq", quotient, zero), b.cmpf("one", stop, start))
        beyond = b.cmpf("ogt", b.math("copysign", one, quotient), zero)  # a step so long that it goes beyond at once
        count = b.select(b.condition("andi", vanished, beyond), one, b.math("ceil", quotient))
        whole = b.index_cast(b.op("arith.fptosi", [count], [t.i64]), t.index)
        return b.maxsi(whole, b.index(0))
    first, end, by = (low.index(v) for v in (start, stop, step))
    known = constant_of(by)
    if known is None or abs(known) > MOST_STEP:
        low.require(b.cmpi("ne", by, b.index(0)), "ValueError", "arange: the step is 0")
    if known is not None and 0 < known <= MOST_STEP:
        return _steps(low, _distance(low, first, end), by)
    if known is not None and -MOST_STEP <= known < 0:
        return _steps(low, _distance(low, end, first), b.index(-known))
    return _few_steps(low, first, end, by)


def _distance(low: Lowering, start: Value, stop: Value) -> Value:
    """max(0, stop - start), checked to be within the range of sizes."""
    b = low.b
    if constant_of(start) == 0:
        return stop if is_size(stop) else b.maxsi(stop, b.index(0))
    whole = b.subi(stop, start)
    if is_size(whole):
        return whole
    distance = b.subi(b.maxsi(stop, start), start)
    low.require_extent([distance])
    return distance


def _few_steps(low: Lowering, start: Value, stop: Value, step: Value) -> Value:
    """ceil((stop - start) / step) for a step that may be as long as all numbers."""
    b = low.b
    zero, one = b.index(0), b.index(1)
    up = b.cmpi("sgt", step, zero)
    ahead = b.select(up, b.cmpi("slt", start, stop), b.cmpi("sgt", start, stop))
    span = b.select(up, b.subi(stop, start), b.subi(start, stop))  # these two without a sign
    size = b.select(up, step, b.subi(zero, step))
    more = b.op("arith.divui", [b.subi(span, one), b.op("arith.maxui", [size, one], [t.index])], [t.index])
    return b.select(ahead, b.addi(more, one), zero)


def slice_length(low: Lowering, start: Value, stop: Value, step: Value) -> Value:
    """max(0, ceil((stop - start) / step)) for a step that is not 0."""
    b = low.b
    zero = b.index(0)
    known = constant_of(step)
    if known is not None:
        span = b.subi(stop, start) if known > 0 else b.subi(start, stop)
        return _steps(low, span, b.index(abs(known)))
    up = b.cmpi("sgt", step, zero)
    span = b.select(up, b.subi(stop, start), b.subi(start, stop))
    size = b.select(up, step, b.subi(zero, step))
    return _steps(low, span, size)


def _steps(low: Lowering, span: Value, size: Value) -> Value:
    b = low.b
    span = b.maxsi(span, b.index(0)) if not is_size(span) else span
    if constant_of(size) == 1:
        return span
    return b.op("arith.divsi", [b.addi(span, b.subi(size, b.index(1))), size], [t.index])


@lowers(Reshape)
def reshape(low: Lowering, node: Apply) -> Sequence[Value]:
    """The same elements; one length may be -1, which takes what is left."""
    value, *lengths = low.inputs(node)
    b = low.b
    total = n_elements(low, low.dims(value))
    sizes, rest = [], None
    for number, v in enumerate(lengths):
        if constant_of(v) == -1:
            rest = number
            sizes.append(b.index(1))
        else:
            sizes.append(_length(low, v, "reshape"))
    known = n_elements(low, sizes, "ValueError")
    if rest is not None:
        low.require(b.cmpi("ne", known, b.index(0)), "ValueError",
                    "reshape: one of the other lengths is 0, so that none follows for -1")
        sizes[rest] = _rest(low, total, known)
        known = b.muli(known, sizes[rest])
    low.require_equal(total, known, "reshape: {0} elements do not fit a shape of {1}")
    low.extents.trust(sizes)
    return [reshaped(low, value, sizes)]


def n_elements(low: Lowering, sizes: Sequence[Value], error: str = "MemoryError") -> Value:
    """How many elements an array of these sizes has."""
    low.require_extent(sizes, computed=True, error=error)
    total = low.b.index(1)
    for size in sizes:
        total = low.b.muli(total, size)
    low.extents.trust([total])
    return total


def _rest(low: Lowering, total: Value, known: Value) -> Value:
    if constant_of(known) == 1:
        return total
    safe = low.b.maxsi(known, low.b.index(1))  # where the check fails
    return low.b.op("arith.divsi", [total, safe], [t.index])


def reshaped(low: Lowering, value: Value, sizes: list[Value]) -> Value:
    """The same elements, in C order, under sizes that hold as many."""
    element = t.element(value.type)
    if not isinstance(value.type, t.TensorType):
        return low.splat(value, sizes) if sizes else value
    if not sizes:
        zeros = [low.b.index(0)] * len(low.dims(value))
        return low.b.op("tensor.extract", [value, *zeros], [element])
    return low.tensor("scan.reshape", [value], element, sizes, sized=True)


@lowers(SpecifyShape, Unbroadcast)
def specify_shape(low: Lowering, node: Apply) -> Sequence[Value]:
    value = low.inputs(node)[0]
    if not isinstance(value.type, t.TensorType):
        return [value]
    sizes = [low.b.index(n) if n is not None else size
             for n, size in zip(node.outputs[0].type.shape, low.dims(value), strict=True)]
    what = getattr(node.op, "what", "unbroadcast")
    for axis, (size, old) in enumerate(zip(sizes, low.dims(value), strict=True)):
        low.require_equal(size, old, f"{what}: axis {axis} has length {{1}}, not {{0}}, which it must have")
    type = tensor_type(sizes, value.type.element)
    low.extents.trust(sizes)
    return [value if type == value.type else low.record(low.b.op("tensor.cast", [value], [type]), sizes)]
