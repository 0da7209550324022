"""Row t of values that stand after a scan, made in its step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Region, Value, clone_block, clone_op
from scancc.ir.ops import ELEMENTWISE, group, has_trait, operand
from scancc.ir.parts import Carry, Nest, Read
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.ir.slices import COLUMNS, constant_entries, entries, slice_parts
from scancc.late_dataclasses import dataclass

from ..slicing.latencies import HEAVY, busy
from .chains import settled
from .readers import Place, Readers
from .row_ops import is_repeated, repeats_a_row, row_sizes

MOST_AGAIN = 4  # ops


@dataclass
class RowMaker:
    """Makes rows in the step. `rows`: a value outside -> its row; `reads`: arrays of which it reads rows now;
    `carries`: states of what goes on from row to row. `before` builds in front of the scan."""

    readers: Readers
    b: Builder
    before: Builder
    rows: dict[Value, Value] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    carries: list[Carry] = field(default_factory=list)
    here: dict[Op, bool] = field(default_factory=dict)  # ops of which the step makes rows

    def __post_init__(self) -> None:
        self.rows.update((stack.result, stack.value) for stack in self.readers.scan.stacks)

    def row(self, value: Value) -> Value:
        return settled(self.rows, value, self._read_by, self._row)

    def _row(self, value: Value) -> Value:
        op = value.op
        return self._read(value) if op is None or not self._is_made_here(op) else self._made(op)

    def _read_by(self, value: Value) -> Iterable[Value]:
        """The arrays of which an elementwise op reads a row, where it makes one here."""
        op = value.op
        if op is None or not has_trait(op, ELEMENTWISE) or not self._is_made_here(op):
            return ()
        return (v for v in op.operands if isinstance(v.type, t.TensorType))

    def _is_made_here(self, op: Op) -> bool:
        """A map of rows, or of an array that nobody else needs in memory."""
        return settled(self.here, op, self._others, lambda op: self.readers.is_map(op) and all(
            self.here[user] for user in self._others(op)))

    def _others(self, op: Op) -> Iterable[Op]:
        """The readers of a map that must be made here for it to be."""
        readers = self.readers
        if not readers.is_map(op) or is_repeated(op) or op in readers.ahead.behind:
            return ()
        if readers.scan.until or _is_light(op):
            return ()
        return (user for user in op.result.uses if readers.places.get(user) is not Place.STEP)

    def _read(self, value: Value) -> Value:
        self.reads.append(self.readers.scan.new_read(value))
        return self.reads[-1].arg

    def _made(self, op: Op) -> Value:
        saved, self.b.location = self.b.location, op.location
        row_of = self._row_of_nest if op.name == "linalg.generic" else self._row_of
        row = row_of(op, t.row_type(op.result.type))
        self.b.location = saved
        row.name = row.name or op.result.name
        return row

    def _row_of(self, op: Op, type: t.Type) -> Value:
        if is_repeated(op):
            return self._repeated(op, type)
        if op.name == "scan.broadcast":
            return self._broadcast(op, type)
        if op.name == "tensor.extract_slice":
            return self.row(operand(op, "source")) if self.readers.selects(op) else self.part(op, type)
        if op.name in ("scan.concat", "scan.cumulative"):
            return self._joined(op, type) if op.name == "scan.concat" else self._running(op)
        if op.name == "scan.reduce":
            return self.reduced(op, self.row(op.operands[0]), [axis - 1 for axis in op.attrs["axes"].values])
        if op.name == "scan.dot":
            rows, weights = op.operands
            return self.b.op(op.name, [self.row(rows), weights], [type], dict(op.attrs))
        if op.name == "scan.gather":
            return self.row(operand(op, "source")) if self.readers.selects(op) else self._element(op, type)
        if op.name == "scan.argreduce":
            axis = t.IntAttr(op.attrs["axis"].value - 1, t.i64)
            return self.b.op(op.name, [self.row(op.operands[0])], [type], {**op.attrs, "axis": axis})
        return self._elementwise(op, type)

    def _joined(self, op: Op, type: t.Type) -> Value:
        """A row that others make together: numbers that are neighbours, or arrays."""
        rows = [self.row(v) for v in op.operands]
        makers = [row.op for row in rows]
        if all(maker is not None and maker.name == "tensor.splat" and row.type.shape == (1,)  # type: ignore[attr-defined]
               for maker, row in zip(makers, rows, strict=True)):
            return self.b.op("tensor.from_elements", [operand(maker, "value") for maker in makers if maker], [type])
        axis = t.IntAttr(op.attrs["axis"].value - 1, t.i64)
        return self.b.op(op.name, rows, [type], {**op.attrs, "axis": axis})

    def _element(self, op: Op, type: t.Type) -> Value:
        """The number of a row that is at places which other rows tell, or its elements at the same places in all."""
        if 0 not in op.attrs["axes"].values:
            given, axes = [self.row(operand(op, "source")), *group(op, "indices")], op.attrs["axes"].values
            return self.b.op(op.name, given, [type], {"axes": t.DenseArray(t.i64, tuple(axis - 1 for axis in axes))})
        places = [self.b.index_cast(self.row(v), t.index) for v in group(op, "indices")[1:]]
        return self.b.op("tensor.extract", [self.row(operand(op, "source")), *places], [type])

    def _row_of_nest(self, op: Op, type: t.Type) -> Value:
        """What a nest makes of one row of each of its inputs."""
        nest = Nest(op)
        rows = [self.row(v) for v in nest.inputs]
        if not isinstance(type, t.TensorType):
            inside = dict(zip(nest.input_args, rows, strict=True))
            for inner in op.body.ops[:-1]:
                clone_op(inner, inside, self.b.insert)
            (element,) = nest.elements
            return inside.get(element, element)
        rank = len(type.shape)
        start = self.b.op("tensor.empty", dynamic_dims(type, dims_of(self.before, op.result)[1:]), [type])
        maps = [t.AffineMap(rank, tuple(range(rank)))] * (len(rows) + 1)
        return self.b.grouped("linalg.generic", {"inputs": rows, "outputs": [start]}, [type], {
            **op.attrs, "indexing_maps": maps, "iterator_types": nest.kinds[1:]},
            [Region([clone_block(op.body, {})])]).result

    def _elementwise(self, op: Op, type: t.Type) -> Value:
        operands = [self.row(v) if isinstance(v.type, t.TensorType) else v for v in op.operands]
        if op.name == "tensor.cast" and (not isinstance(type, t.TensorType) or operands[0].type == type):
            return operands[0]
        return self.b.op(op.name, operands, [type], dict(op.attrs))

    def reduced(self, op: Op, row: Value, axes: list[int]) -> Value:
        """A row with some of its axes reduced."""
        assert isinstance(row.type, t.TensorType)
        shape = tuple(n for axis, n in enumerate(row.type.shape) if axis not in axes)
        type = t.TensorType(shape, row.type.element) if shape else row.type.element
        return self.b.op("scan.reduce", [row], [type], {**op.attrs, "axes": t.DenseArray(t.i64, tuple(axes))})

    def part(self, op: Op, type: t.Type) -> Value:
        """Of a row what a slice takes of it."""
        row, columns = self.row(operand(op, "source")), [entries(op, column)[1:] for column in COLUMNS]
        if isinstance(type, t.TensorType):
            groups, attrs = slice_parts(*columns)
            return self.b.grouped("tensor.extract_slice", {"source": [row], **groups}, [type], attrs).result
        at = [self.b.index(entry) if isinstance(entry, int) else entry for entry in columns[0]]
        return self.b.op("tensor.extract", [row, *at], [type])

    # ---- states ----

    def carry(self, start: object, type: t.Type, like: Op) -> Carry:
        """A state that begins with `start` in all elements of a row of what an op reads."""
        init = self.before.const(start, t.element(type))
        if isinstance(type, t.TensorType):
            rows = next(v for v in reversed(like.operands) if isinstance(v.type, t.TensorType))
            sizes = dims_of(self.before, rows)[1:]
            init = self.before.op("tensor.splat", [init, *dynamic_dims(type, sizes)], [type])
        return self.readers.scan.new_carry(init, init)

    def _running(self, op: Op) -> Value:
        """A running sum or product, in order."""
        row, kind = self.row(op.operands[0]), str(op.attrs["kind"])
        real = t.is_float(t.element(row.type))
        start = (-0.0 if real else 0) if kind == "sum" else 1  # -0.0 + x is x, also for -0.0
        carry = self.carry(start, row.type, op)
        name = {"sum": "arith.add", "prod": "arith.mul"}[kind] + ("f" if real else "i")
        total = self.b.op(name, [carry.arg, row], [row.type], {"exact": True} if real else None)
        self.carries.append(carry._replace(next=total))
        return total

    # ---- rows of what has no rows of its own ----

    def _repeated(self, op: Op, type: t.Type) -> Value:
        if op.name == "tensor.splat":
            return self._splat(operand(op, "value"), op, type)
        return self._number(op, type) if op.name == "scan.iota" else self._broadcast(op, type)

    def _splat(self, value: Value, op: Op, type: t.Type) -> Value:
        if not isinstance(type, t.TensorType):
            return value
        return self.b.op("tensor.splat", [value, *row_sizes(op)], [type])

    def _first_row(self, rows: Value) -> Value:
        type, sizes = t.row_type(rows.type), constant_entries(dims_of(self.b, rows)[1:])
        if not isinstance(type, t.TensorType):
            return self.b.op("tensor.extract", [rows, self.b.index(0)], [type])
        rank = 1 + len(sizes)
        groups, attrs = slice_parts([0] * rank, [1, *sizes], [1] * rank)
        return self.b.grouped("tensor.extract_slice", {"source": [rows], **groups}, [type], attrs).result

    def _number(self, op: Op, type: t.Type) -> Value:
        """Element t of a range, computed as the range is."""
        b, start, step, now = self.b, operand(op, "start"), operand(op, "step"), self.readers.scan.counter
        if not t.is_float(type):
            return b.addi(start, b.muli(b.index_cast(now, type), step))
        product = b.mulf(b.op("arith.sitofp", [b.index_cast(now, t.i64)], [type]), step)
        return b.op("arith.addf", [start, product], [type], {"exact": True})

    def _broadcast(self, op: Op, type: t.Type) -> Value:
        source, axes = op.operands[0], list(op.attrs["axes"].values)
        if 0 in axes:
            source, axes = self._first_row(source) if repeats_a_row(op) else self.row(source), axes[1:]
        if not isinstance(source.type, t.TensorType):
            return self._splat(source, op, type)
        if not isinstance(type, t.TensorType):
            return self.b.op("tensor.extract", [source, *(self.b.index(0) for _ in axes)], [type])
        new = t.DenseArray(t.i64, tuple(axis - 1 for axis in axes))
        return self.b.op("scan.broadcast", [source, *row_sizes(op)], [type], {"axes": new})


def _is_light(op: Op) -> bool:
    """Whether few light ops make an array of some that are there, as places that count from the end: made again, its
    rows take no longer than to store and load them."""
    made = [v.op for v in op.operands if v.op is not None and isinstance(v.type, t.TensorType)]
    if not all(is_repeated(maker) or maker.name == "tensor.empty" for maker in made):
        return False
    inside = op.body.ops[:-1] if op.name == "linalg.generic" else [op]
    return len(inside) <= MOST_AGAIN and all(has_trait(each, ELEMENTWISE) and busy(each) < HEAVY for each in inside)
