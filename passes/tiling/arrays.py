"""Loop nests of a step over the rows of a tile: one dimension more, around all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import operand
from scancc.ir.parts import Nest
from scancc.ir.shapes import dims_of, dynamic_dims

from .products import captured, outer_sizes

if TYPE_CHECKING:
    from .rows import Tile


def nest_over(tile: Tile, op: Op) -> Value:
    """A nest of the step for all rows of a tile: what changes from step to step is read at the row's own place."""
    nest, rest = Nest(op), range(1, len(Nest(op).kinds) + 1)
    scalars = [v for v in captured(op) if not tile.is_fixed(v)]
    inputs = [tile.once.get(v, v) if tile.is_fixed(v) else tile.over(v) for v in nest.inputs]
    accesses = [_moved(read.dims, [] if tile.is_fixed(read.value) else [0]) for read in nest.reads]
    accesses += [(0,)] * len(scalars) + [(0, *_moved(nest.writes[0].dims, []))]
    type = stacked(op.result.type, tile.rows)
    attrs = op.attrs | {
        "indexing_maps": tuple(t.AffineMap(len(rest) + 1, dims) for dims in accesses),
        "iterator_types": (t.PARALLEL, *nest.kinds)}
    return tile.b.grouped("linalg.generic", {
        "inputs": [*inputs, *map(tile.over, scalars)], "outputs": [_start(tile, nest, type)]}, [type], attrs,
        [Region([_body(tile, nest, scalars)])]).result


def _moved(dims: tuple[int | None, ...], first: list[int]) -> tuple[int | None, ...]:
    return (*first, *(None if dim is None else dim + 1 for dim in dims))


def _start(tile: Tile, nest: Nest, type: t.TensorType) -> Value:
    """What the results start from, for all rows."""
    made = nest.outputs[0].op
    assert made is not None
    sizes = [*([tile.count] if tile.rows is None else []), *row_dims(tile, nest.op.result)]
    value = [operand(made, "value")] if made.name == "tensor.splat" else []
    return tile.b.op(made.name, [*(tile.once.get(v, v) for v in value), *sizes], [type])


def _body(tile: Tile, nest: Nest, scalars: list[Value]) -> Block:
    body, old = Block(), nest.op.body
    mapping = tile.once | {v: body.add_arg(v.type, v.name) for v in (*nest.input_args, *scalars, *nest.running)}
    for inner in old.ops:
        clone_op(inner, mapping, body.append)
    return body


def stacked(type: t.Type, rows: int | None) -> t.TensorType:
    """The type of so many rows of one."""
    if isinstance(type, t.TensorType):
        return t.TensorType((rows, *type.shape), type.element)
    return t.TensorType((rows,), type)


def row_dims(tile: Tile, value: Value) -> list[Value]:
    """The sizes of a row that its type does not tell, which are known before the scan: where a step alone has them,
    the scan was given them for the rows that it keeps."""
    if not isinstance(value.type, t.TensorType):
        return []
    stack = next((stack for stack in tile.scan.stacks if stack.value is value), None)
    if stack is not None and stack.row_shape == value.type.shape and outer_sizes(value, tile.scan) is None:
        return list(stack.dims)
    return dynamic_dims(value.type, dims_of(tile.before, value))
