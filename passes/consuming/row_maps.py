"""What the step of a scan can compute of its row in place of what runs over all rows: row t of a result.

    %a = math.absf(%ys)                     row t of %a is made of row t of %ys
    %s = scan.reduce sum(%a, axes 1)        a smaller row
    %e = tensor.extract_slice %ys by 2      some of the rows, where sums alone read them

Nothing is asked here of where a reader is to run, which `readers.py` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from functools import cached_property

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import linear
from scancc.ir.ops import ELEMENTWISE, group, has_trait, operand
from scancc.ir.parts import Nest, ScanView
from scancc.ir.slices import COLUMNS, entries, kept_axes
from scancc.late_dataclasses import dataclass

from ..licm import safe_anywhere
from ..slicing.latencies import HEAVY, busy
from .ahead import Ahead
from .chains import is_reduced, makers, settled
from .cheap import is_cheap
from .parts import takes_whole_rows
from .picked import picked_by
from .row_ops import (
    adds_all,
    adds_numbers,
    is_array_of_arrays,
    is_exact,
    is_of_joined,
    is_repeated,
    is_summed,
    joins_along_rows,
    keeps_rows,
    steps_apart,
    takes_of_each,
    told_of_rows,
)
from .selections import is_thinned, rests_on

# maps that move for their own sake
SHRINKING = ("scan.reduce", "scan.argreduce", "scan.dot", "scan.gather", "tensor.extract_slice")
RETURNING = ("func.return", "scan.yield")


@dataclass
class RowMaps:
    """What the step of a scan can make of its row. `mixing`: also what combines or picks elements of a row."""

    scan: ScanView
    mixing: bool
    maps: dict[Op, bool] = field(default_factory=dict)
    selections: dict[Op, bool] = field(default_factory=dict)
    slices: dict[Value, Op | None] = field(default_factory=dict)  # of whose rows alone a value is made
    going: dict[tuple[Op, Op], bool] = field(default_factory=dict)

    @cached_property
    def ahead(self) -> Ahead:
        return Ahead(self.scan.op)

    def has_rows(self, reader: Op, value: Value) -> bool:
        """Whether the step can have row t of what `reader` reads: made there, or read of an array of as many rows,
        of which no check that waits for the scan has to make sure."""
        op = value.op
        if op is self.scan.op:
            return any(s.result is value and self.scan.keeps_all(s) for s in self.scan.stacks)
        if op is not None and self.is_map(op):
            return True
        return self.ahead.is_free(value) and not self.scan.until and reader not in self.ahead.guarded

    def waits(self, reader: Op, value: Value) -> bool:
        """Whether what `reader` reads is made of all rows, and of no one row."""
        return not self.ahead.is_free(value) and not self.has_rows(reader, value)

    def is_map(self, op: Op) -> bool:
        """Whether the step can compute row t of a result, of row t of each operand."""
        return settled(self.maps, op, self._rests_on, self._is_map)

    def _rests_on(self, op: Op) -> Iterable[Op]:
        """The ops that decide whether one is a map; none of one that is no map whatever its operands are. (What a
        slice's readers are told by a sum of the slice would else be asked of the slice again.)"""
        never = not keeps_rows(op) if op.name == "scan.broadcast" else self._mixes_rows(op)
        return () if never or is_repeated(op) or not self._is_safe(op) else makers(op)

    def _is_map(self, op: Op) -> bool:
        made = op.results[0].type if op.results else None
        if not isinstance(made, t.TensorType) or not made.shape:
            return False
        if is_repeated(op):
            return all(map(self.ahead.is_free, told_of_rows(op)))
        if op.parent is not self.scan.op.parent:
            return False
        if op.name == "scan.cumulative" and not self._goes_on(op):
            return False
        if self.selects(op):
            return True
        if op.name in SHRINKING:
            return self.mixing and self._shrinks(op) and self.has_rows(op, op.operands[0])
        if op.name == "scan.broadcast":
            return keeps_rows(op) and self._fit(op)
        if op.name == "linalg.generic":
            return self._is_map_nest(op)
        by_rows = has_trait(op, ELEMENTWISE) or op.name in ("tensor.cast", "scan.cumulative")
        by_rows = by_rows or self.mixing and bool(self.scan.init) and joins_along_rows(op)
        return by_rows and self._is_safe(op) and self._fit(op)

    def _is_map_nest(self, op: Op) -> bool:
        """Whether a nest makes each element of elements at the same place."""
        nest = Nest(op)
        accesses = [*nest.reads, *nest.writes]
        if set(nest.kinds) != {t.PARALLEL} or len(nest.writes) != 1 or any(a.dims != nest.identity for a in accesses):
            return False
        start, inside = nest.outputs[0].op, [v for inner in op.walk() if inner is not op for v in inner.operands]
        return (start is not None and start.name == "tensor.empty" and nest.running[0] not in inside
                and (op not in self.ahead.guarded or all(map(safe_anywhere, op.walk())))
                and all(v.block is op.body or self.ahead.is_free(v) for v in inside)
                and all(self.has_rows(op, v) for v in nest.inputs))

    def _fit(self, op: Op) -> bool:
        some = self.selection_of(op.result)
        if some is not None and self.selects(some):
            return self._goes(op, some)
        return all(self.has_rows(op, v) if isinstance(v.type, t.TensorType) else self.ahead.is_free(v)
                   for v in op.operands)

    def _is_safe(self, op: Op) -> bool:
        """Whether no check that waits for the scan may guard an op."""
        return op not in self.ahead.guarded or safe_anywhere(op)

    def _goes_on(self, op: Op) -> bool:
        """Whether a running sum or product of numbers along the rows can be a state beside others."""
        kind = t.element(op.result.type)
        return op.attrs["axis"].value == 0 and bool(self.scan.init) and kind != t.i1 and not t.is_complex(kind)

    # ---- smaller rows ----

    @staticmethod
    def _mixes_rows(op: Op) -> bool:
        """Whether a reduction makes one thing of several rows."""
        if op.name == "scan.reduce":
            return 0 in op.attrs["axes"].values
        return op.name == "scan.argreduce" and bool(op.attrs["axis"].value == 0)

    def _shrinks(self, op: Op) -> bool:
        """Whether an op makes less of each row."""
        if self._mixes_rows(op):
            return False
        if op.name == "scan.reduce":
            return is_exact(op) or self._has_one_form(op)
        if op.name == "scan.dot":
            weights = op.operands[1]
            has_form = self.multiplies(op) if is_array_of_arrays(weights) else self._has_one_form(op)
            return has_form and self.ahead.is_free(weights) and self._is_safe(op)
        if op.name == "scan.gather":
            return self._takes_of_each(op) or self.takes_columns(op)
        return op.name == "scan.argreduce" or self._is_column(op)

    def _has_one_form(self, reduction: Op) -> bool:
        """Whether a reduction of floats combines each row in the step as it does outside: along one axis, as several
        are one there; a step without states runs as a nest over whole arrays."""
        rows = reduction.operands[0]
        one = reduction.name == "scan.dot" or len(reduction.attrs["axes"].values) == 1
        return one and is_array_of_arrays(rows) and bool(self.scan.init) and t.is_float(t.element(rows.type))

    def multiplies(self, user: Op) -> bool:
        """Whether a reader multiplies each row, a vector, with a matrix, and all that is made of that is reduced, or
        columns, or a result of an expensive step (cheap ones are faster over all rows): a tile has one product."""
        if user.name != "scan.dot" or not is_array_of_arrays(user.operands[1]):
            return False
        return bool(self.scan.init) and not self.scan.until and is_reduced(user.result, self._ends_product)

    def _ends_product(self, end: Op) -> bool:
        if end.name in RETURNING:
            return not is_cheap(self.scan)
        return takes_of_each(end) or end.name == "tensor.extract_slice" and self._is_column(end)

    def _takes_of_each(self, op: Op) -> bool:
        """Whether an op takes a number of each row, at places that rows tell, which are surely inside."""
        numbers, *places = group(op, "indices")
        is_known = bool(self.scan.init) and not self.scan.until and op not in self.ahead.guarded
        return (is_known and takes_of_each(op) and self._is_as_long(numbers)
                and all(self.has_rows(op, v) for v in places))

    def _is_as_long(self, numbers: Value) -> bool:
        """Whether a range has an element for each step."""
        length = numbers.type.shape[0]  # type: ignore[attr-defined]
        if length is None:
            return linear(group(numbers.op, "dims")[0]) == linear(self.scan.length)  # type: ignore[arg-type]
        return bool(constant_of(self.scan.length) == length)

    def takes_columns(self, op: Op) -> bool:
        """Whether an op takes elements of each row, at places that are there before, as `h[:, [0, 2]]`."""
        return 0 not in op.attrs["axes"].values and self._is_safe(op) and all(
            map(self.ahead.is_free, group(op, "indices")))

    def _is_column(self, user: Op) -> bool:
        """A slice that takes all rows, and a part of each."""
        offsets, sizes, strides = (entries(user, column) for column in COLUMNS)
        rows = self.scan.executed or self.scan.length
        every = offsets[0] == 0 and strides[0] == 1 and (
            sizes[0] is rows or isinstance(sizes[0], int) and sizes[0] == constant_of(rows))
        rest = [v for column in (offsets, sizes, strides) for v in column[1:] if isinstance(v, Value)]
        return every and len(sizes) > 1 and 0 in kept_axes(user) and self._is_safe(user) and all(
            map(self.ahead.is_free, rest))

    # ---- sums of rows ----

    def adds_rows(self, user: Op) -> bool:
        """Whether a reader is a sum or product of floats along the rows alone, or a sum that a vector weights. Where
        rows are arrays, a step with states can combine them in the order that there is outside; rows that are made
        larger than those it has are better the terms of one product of matrices."""
        rows = user.operands[-1]
        if not (self.mixing and self.scan.init and is_array_of_arrays(rows) and t.is_float(t.element(rows.type))):
            return False
        if user.name == "scan.dot":
            weights = user.operands[0]
            return not is_array_of_arrays(weights) and all(self.has_rows(user, v) for v in (weights, rows))
        kept = max(len(y.type.shape) for y in self.scan.ys)  # type: ignore[attr-defined]
        return (str(user.attrs["kind"]) in ("sum", "prod") and list(user.attrs["axes"].values) == [0]
                and (len(rows.type.shape) <= kept or is_of_joined(rows)))  # type: ignore[attr-defined]

    def adds_some(self, user: Op) -> bool:
        """Whether a reader is a sum of numbers where a mask holds: their blocks are made in the step."""
        part = self.selection_of(user.operands[0])
        return part is not None and part.name == "scan.gather" and adds_numbers(user) and self.selects(part)

    # ---- some of the rows ----

    def selection_of(self, value: Value) -> Op | None:
        """The slice of rows on which alone a value rests."""
        return rests_on(value, lambda v: v.op is not None and v.op.name != "scan.iota" and is_repeated(v.op),
                        self.slices)

    def selects(self, user: Op) -> bool:
        """Whether reductions alone read what a slice takes of the rows, and none of these needs them together."""
        if user not in self.selections:
            takes = {"tensor.extract_slice": self._takes_between, "scan.gather": self._takes_picked}.get(user.name)
            self.selections[user] = (
                takes is not None and self.mixing and bool(self.scan.init) and takes(user)
                and all(self._goes(reader, user) for reader in user.result.uses))
        return self.selections[user]

    def _takes_between(self, user: Op) -> bool:
        """Whether a slice takes rows that are so many apart."""
        return (len(kept_axes(user)) == len(user.attrs["static_sizes"].values) and takes_whole_rows(user)
                and self.takes_some(user))

    def _takes_picked(self, user: Op) -> bool:
        """Whether an op takes the rows where a mask holds."""
        return (not self.scan.until and picked_by(user, self.scan) is not None
                and self.has_rows(user, operand(user, "source")))

    def takes_some(self, user: Op) -> bool:
        """Whether the step can keep the rows that a slice takes."""
        if self.scan.until or not isinstance(entries(user, "strides")[0], int) or not self._is_safe(user):
            return False
        told = [v for column in COLUMNS for v in entries(user, column) if isinstance(v, Value)]
        return all(map(self.ahead.is_free, told)) and (self.mixing or takes_whole_rows(user))

    def _goes(self, reader: Op, part: Op) -> bool:
        """Whether a reader of what rests on a slice reduces it, in the step or in tiles, or makes what others do."""
        if (reader, part) not in self.going:
            self.going[reader, part] = self._may_go(reader, part)
        return self.going[reader, part]

    def _may_go(self, reader: Op, part: Op) -> bool:
        if reader.name in ("scan.reduce", "scan.argreduce"):
            return self._reduces(reader, part)
        if not has_trait(reader, ELEMENTWISE) and reader.name != "tensor.cast" or not self._is_safe(reader):
            return False
        if busy(reader) >= HEAVY and steps_apart(part) != 1 and not is_summed(reader.result):
            return False  # in the step it would run for all rows
        told = [v for v in reader.operands if self.selection_of(v) is not part]
        return (self.selection_of(reader.result) is part
                and all(self.ahead.is_free(v) or v.op is not None and self.is_map(v.op) for v in told)
                and all(self._goes(user, part) for user in reader.result.uses))

    def _reduces(self, reader: Op, part: Op) -> bool:
        turned = steps_apart(part) < 0
        if reader.name == "scan.argreduce":
            return not turned and bool(reader.attrs["axis"].value == 0)
        if 0 not in reader.attrs["axes"].values:
            return False
        if is_exact(reader) or not turned and self.adds_rows(reader):
            return True
        return adds_numbers(reader) if part.name == "scan.gather" else adds_all(reader) and is_thinned(part)
