"""Arrays of all rows of a scan whose rows lie along a later axis, as `h.T`: each tile writes its part of them."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Region, Value, clone_block
from scancc.ir.parts import Nest, ScanView, Stack
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.ir.slices import Entry, constant_entries, slice_parts
from scancc.late_dataclasses import dataclass

from .sums import above_of


@dataclass(frozen=True)
class Turned:
    """A nest that makes such an array of the rows of a `stack` alone, with their number along `axis`."""

    nest: Op
    stack: Stack
    axis: int
    above: tuple[Op, ...]          # what it needs and stands behind the scan
    parts: tuple[Value, ...] = ()  # slices of rows that it reads
    block: int = 1                 # any number of rows may be in a tile

    @property
    def dims(self) -> list[int]:
        """Along which axis each axis of the rows lies."""
        return [dim for dim in Nest(self.nest).reads[0].dims if dim is not None]

    def start(self, b: Builder, scan: ScanView) -> Value:
        """The array, with nothing in it."""
        type = self.nest.result.type
        assert isinstance(type, t.TensorType)
        dims = iter(self.stack.dims)
        row = [scan.length, *(next(dims) if n is None else b.index(n) for n in self.stack.row_shape)]
        sizes = [row[self.dims.index(axis)] for axis in range(len(row))]
        return b.op("tensor.empty", dynamic_dims(type, sizes), [type])

    def over(self, b: Builder, rows: Value, place: tuple[Value, Value], so_far: Value) -> Value:
        """The array with the rows of a tile in it. `place`: the first of these, and how many."""
        lengths = dims_of(b, rows)
        sizes = [lengths[self.dims.index(axis)] for axis in range(len(lengths))]
        type = t.TensorType(tuple(map(constant_of, sizes)), t.element(so_far.type))
        room = b.op("tensor.empty", dynamic_dims(type, sizes), [type])
        inputs = [rows] * len(Nest(self.nest).inputs)
        made = b.grouped("linalg.generic", {"inputs": inputs, "outputs": [room]}, [type], self.nest.attrs,
                         [Region([clone_block(self.nest.body, {})])]).result
        offsets: list[Entry] = [0] * len(sizes)
        taken = constant_entries(sizes)
        offsets[self.axis], taken[self.axis] = constant_entries(place)
        groups, attrs = slice_parts(offsets, taken, [1] * len(sizes))
        return b.grouped("tensor.insert_slice", {"source": [made], "dest": [so_far], **groups}, [so_far.type],
                         attrs).result

    def replace_by(self, made: Value) -> None:
        """Give its readers the array; it goes."""
        made.name = self.nest.result.name
        self.nest.replace_by([made])


def turned_of(scan: ScanView) -> list[Turned]:
    """The arrays that go along with the tiles of a scan whose steps all run."""
    if scan.until:
        return []
    found = [_turned(user, stack, scan) for stack in scan.stacks if scan.keeps_all(stack)
             for user in stack.result.uses]
    return [each for each in found if each is not None]


def _turned(op: Op, stack: Stack, scan: ScanView) -> Turned | None:
    if op.name != "linalg.generic" or op.parent is not scan.op.parent or len(op.results) != 1:
        return None
    nest = Nest(op)
    start, found = nest.outputs[0].op, {(read.value, read.dims) for read in nest.reads}
    if not nest.is_parallel or len(found) != 1 or nest.writes[0].dims != nest.identity:
        return None
    (dims,) = (dims for _, dims in found)
    axis = dims[0]
    if start is None or start.name != "tensor.empty" or not axis or set(dims) != set(nest.identity):
        return None
    if nest.running[0].uses or any(inner.name == "linalg.index" for inner in op.body.ops):
        return None
    above = above_of(op, scan)
    return None if above is None else Turned(op, stack, axis, tuple(above))
