"""Sizes of tensors as SSA values, found from the ops that make them.

`dims_of(b, value)` gives one `index` value an axis. Sizes are operands of the ops that need them,
so most lookups only follow operands; what cannot be followed becomes a `tensor.dim`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .builder import Builder, constant_of, measured
from .core import Block, Op, Value
from .ops import ELEMENTWISE, has_trait, operand
from .parts import Branch, Nest, ScanView
from .slices import entry_values, kept_axes
from .types import TensorType, index


def rank(value: Value) -> int:
    """How many axes a tensor has; 0 of what is none."""
    return len(value.type.shape) if isinstance(value.type, TensorType) else 0


def dims_of(b: Builder, value: Value) -> list[Value]:
    """The sizes of `value`, built at b's insertion point where they are not there already."""
    type = value.type
    assert isinstance(type, TensorType), f"{value!r} has no dimensions"
    if all(n is not None for n in type.shape):
        return [b.index(n) for n in type.shape if n is not None]
    while value.op is not None and has_trait(value.op, ELEMENTWISE):
        value = next(v for v in value.op.operands if isinstance(v.type, TensorType))
    found = _of_result(b, value) if value.op is not None else _of_argument(b, value)
    if found is None:
        found = [_measured(b, value, axis) for axis in range(len(type.shape))]
    return [b.index(n) if n is not None else size for n, size in zip(type.shape, found, strict=True)]


def _measured(b: Builder, value: Value, axis: int) -> Value:
    """The size of an axis that only the value itself knows: one `tensor.dim` for each function
    argument, at the function's start, so that equal sizes are one value."""
    block = value.owner
    if not isinstance(block, Block):
        return b.op("tensor.dim", [value, b.index(axis)], [index])
    for user in value.uses:
        if user.name == "tensor.dim" and user.parent is block and measured(user.result) == (value, axis):
            found = user
            break
    else:
        with b.at(block, block.ops[0] if block.ops else None):
            return b.op("tensor.dim", [value, b.const(axis, index)], [index])
    number = operand(found, "axis").op
    assert number is not None
    for op in (found, number) if number.parent is block else (found,):
        block.ops.remove(op)
        block.ops.insert(0, op)
    return found.result


@contextmanager
def scratch() -> Iterator[Builder]:
    """For questions: what is built goes again."""
    block = Block()
    yield Builder(block, pool=block)
    for op in reversed(block.ops):
        op.erase()


def is_one_size(size: Value, other: Value) -> bool:
    """Whether two sizes are known to be equal."""
    if size is other:
        return True
    known = constant_of(size), measured(size)
    return known != (None, None) and known == (constant_of(other), measured(other))


def fill(b: Builder, type: TensorType, dynamic: list[Value]) -> list[Value]:
    """All sizes of `type`: static ones as constants, the rest taken from `dynamic` in order."""
    rest = iter(dynamic)
    return [next(rest) if n is None else b.index(n) for n in type.shape]


def dynamic_dims(type: TensorType, dims: list[Value]) -> list[Value]:
    """Those of `dims` that `type` does not know."""
    return [size for n, size in zip(type.shape, dims, strict=True) if n is None]


def unknown_dims(b: Builder, value: Value) -> list[Value]:
    """The sizes of `value` that its type does not know."""
    if not isinstance(value.type, TensorType) or None not in value.type.shape:
        return []
    return dynamic_dims(value.type, dims_of(b, value))


def _of_argument(b: Builder, value: Value) -> list[Value] | None:
    block = value.owner
    assert isinstance(block, Block)
    op = block.parent_op()
    if op is None or op.name != "scan.scan" or value.index == 0:
        return None
    scan = ScanView(op)
    start = scan.given(value)
    return dims_of(b, start)[1:] if value in scan.x_args else dims_of(b, start)


def _of_result(b: Builder, value: Value) -> list[Value] | None:
    op = value.op
    assert op is not None
    rule = _RULES.get(op.name)
    return rule(b, op, value) if rule is not None else None


def _explicit(first: int) -> Callable[[Builder, Op, Value], list[Value]]:
    """Run-time sizes are the operands from `first` on."""
    def rule(b: Builder, op: Op, value: Value) -> list[Value]:
        assert isinstance(value.type, TensorType)
        return fill(b, value.type, op.operands[first:])
    return rule


def _slice(b: Builder, op: Op, value: Value) -> list[Value]:
    sizes = entry_values(b, op, "sizes")
    return [sizes[axis] for axis in kept_axes(op)]


def _transpose(b: Builder, op: Op, value: Value) -> list[Value]:
    source = dims_of(b, op.operands[0])
    return [source[axis] for axis in op.attrs["permutation"].values]


def _reduce(b: Builder, op: Op, value: Value) -> list[Value]:
    source = dims_of(b, op.operands[0])
    axes = op.attrs["axes"].values if op.name == "scan.reduce" else (op.attrs["axis"].value,)
    return [size for axis, size in enumerate(source) if axis not in axes]


def _dot(b: Builder, op: Op, value: Value) -> list[Value]:
    lhs, rhs = (dims_of(b, v) for v in op.operands)
    return lhs[:-1] + (rhs[1:] if len(rhs) > 1 else [])


def _batch_dot(b: Builder, op: Op, value: Value) -> list[Value]:
    lhs, rhs = (dims_of(b, v) for v in op.operands)
    return [*lhs[:2], rhs[2]]


def _generic(b: Builder, op: Op, value: Value) -> list[Value]:
    return dims_of(b, Nest(op).outputs[value.index])


def _scan(b: Builder, op: Op, value: Value) -> list[Value] | None:
    scan = ScanView(op)
    if value.index < len(scan.init):
        return dims_of(b, scan.init[value.index])
    stack = scan.stack_of(value)
    sizes = iter(stack.dims)
    return [scan.executed or stack.rows, *(b.index(n) if n is not None else next(sizes) for n in stack.row_shape)]


def _concat(b: Builder, op: Op, value: Value) -> list[Value]:
    parts = [dims_of(b, v) for v in op.operands]
    axis = op.attrs["axis"].value
    sizes = list(parts[0])
    for part in parts[1:]:
        sizes[axis] = b.addi(sizes[axis], part[axis])
    return sizes


def _branch(b: Builder, op: Op, value: Value) -> list[Value] | None:
    assert isinstance(value.type, TensorType)
    branch = Branch(op)
    same = {choice.result: choice.then for choice in branch.choices if choice.then is choice.otherwise}
    sizes = branch.sizes.get(value)
    return None if sizes is None else fill(b, value.type, [same.get(size, size) for size in sizes])


def _gather(b: Builder, op: Op, value: Value) -> list[Value]:
    source, index = dims_of(b, op.operands[0]), dims_of(b, op.operands[1])
    axes = op.attrs["axes"].values
    return source[:axes[0]] + index + source[axes[-1] + 1:]


def _same_as(number: int) -> Callable[[Builder, Op, Value], list[Value]]:
    return lambda b, op, value: dims_of(b, op.operands[number])


def _square(b: Builder, op: Op, value: Value) -> list[Value]:
    size = dims_of(b, op.operands[0])[0]
    return [size] * len(value.type.shape)  # type: ignore[attr-defined]


def _svd(b: Builder, op: Op, value: Value) -> list[Value]:
    rows, columns = dims_of(b, op.operands[0])
    rank = b.minsi(rows, columns)
    full = op.attrs["full"]
    return [[rows, rows if full else rank], [rank], [columns if full else rank, columns]][value.index]


def _sort(b: Builder, op: Op, value: Value) -> list[Value]:
    dims = dims_of(b, op.operands[0])
    if part := op.operands[1:]:
        dims = list(dims)
        dims[op.attrs["axis"].value] = part[1]
    return dims


def _qr(b: Builder, op: Op, value: Value) -> list[Value]:
    rows, columns = dims_of(b, op.operands[0])
    rank = rows if op.attrs["complete"] else b.minsi(rows, columns)
    return [[rows, rank], [rank, columns]][value.index]


_RULES: dict[str, Callable[[Builder, Op, Value], list[Value] | None]] = {
    "tensor.empty": _explicit(0), "tensor.splat": _explicit(1), "scan.broadcast": _explicit(1),
    "scan.reshape": _explicit(1), "scan.iota": _explicit(2), "tensor.cast": _same_as(0),
    "tensor.extract_slice": _slice, "tensor.insert_slice": _same_as(1), "tensor.insert": _same_as(1),
    "scan.scatter": _same_as(1), "scan.add_block": _same_as(1), "scan.sum_blocks": _same_as(0),
    "scan.transpose": _transpose, "scan.reduce": _reduce, "scan.argreduce": _reduce, "scan.dot": _dot,
    "scan.batch_dot": _batch_dot, "linalg.generic": _generic, "scan.scan": _scan, "scan.concat": _concat,
    "scf.if": _branch,
    "scan.gather": _gather, "scan.cumulative": _same_as(0), "scan.sort": _sort,
    "scan.solve": _same_as(1), "scan.factor": _same_as(0),
    "scan.cholesky_gradient": _same_as(0), "scan.eigh": _square, "scan.svd": _svd, "scan.qr": _qr,
}
