"""What reads the rows of a scan, and whether that can run in the step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from enum import Enum
from fractions import Fraction
from functools import cached_property

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact as keeps_order
from scancc.ir.linear import linear
from scancc.ir.ops import ELEMENTWISE, OPS, group, has_trait, operand
from scancc.ir.parts import Nest, ScanView, Stack
from scancc.ir.shapes import rank
from scancc.ir.slices import COLUMNS, entries, kept_axes
from scancc.late_dataclasses import dataclass

from ..licm import safe_anywhere
from ..slicing.latencies import HEAVY, busy
from .ahead import Ahead
from .chains import behind, is_reduced, makers, makes_rows, settled, turns_for_products
from .cheap import is_cheap
from .late import goes_a_tile_behind
from .parts import last_state, share_of, takes_last_row, takes_whole_rows
from .picked import picked_by
from .selections import is_thinned, rests_on
from .windows import MOST, rows_from_end

ANY_ORDER = ("max", "min", "maxu", "minu", "all", "any")  # the same bits in any order, of floats too
OF_INTEGERS = ("sum", "prod")
# maps that move for their own sake
SHRINKING = ("scan.reduce", "scan.argreduce", "scan.dot", "scan.gather", "tensor.extract_slice")
MOVING = (*SHRINKING, "scan.cumulative")
FEW = 16  # elements that are no work for a vector loop: exp of rows of 4 takes 1.9 times as long in the step
RETURNING = ("func.return", "scan.yield")


class Place(Enum):
    """Where a reader of rows runs."""

    STEP = "in the step"
    TILES = "over blocks of rows, as sums of floats do"
    AFTER = "after the scan"


@dataclass
class Readers:
    """The readers of a scan's rows. `mixing`: those may move that combine or pick elements of a row, too."""

    scan: ScanView
    mixing: bool
    places: dict[Op, Place] = field(default_factory=dict)
    maps: dict[Op, bool] = field(default_factory=dict)
    selections: dict[Op, bool] = field(default_factory=dict)
    slices: dict[Value, Op | None] = field(default_factory=dict)  # of whose rows alone a value is made
    going: dict[tuple[Op, Op], bool] = field(default_factory=dict)
    heavy: dict[Op, bool] = field(default_factory=dict)
    only_ends: dict[Op, Op | None] = field(default_factory=dict)
    made_of: dict[Op, frozenset[Value]] = field(default_factory=dict)

    @cached_property
    def ahead(self) -> Ahead:
        return Ahead(self.scan.op)

    def place_of_stack(self, rows: Value) -> Place:
        """Where the readers of a stack should run: after the scan, too, where they would keep more than all rows."""
        place = self.place_of(rows)
        return Place.AFTER if place is Place.STEP and self._share_kept(rows) > 1 else place

    def place_of(self, rows: Value) -> Place:
        """Where all readers of `rows` can run: in the step, where at least one of them can and none has to wait."""
        found = {self.place(user) for user in rows.uses}
        return next((place for place in (Place.AFTER, Place.STEP) if place in found), Place.TILES)

    def _share_kept(self, rows: Value) -> Fraction:
        """How much of all rows the readers keep together, each behind maps of rows that are no smaller."""
        ends = behind(rows.uses, lambda op: self.is_map(op) and (op.name not in SHRINKING or self.selects(op)))
        return sum(map(self._share, ends), Fraction(0))

    def _share(self, user: Op) -> Fraction:
        if self.turns(user):
            return Fraction(0)
        if self.place(user) is Place.TILES:  # tiles of rows go to sums while these are made
            is_small = _is_of_all(user) or self._multiplies_along(user)
            return Fraction(self.scan.until or is_array_of_arrays(user.operands[0]) and not is_small)
        if user.name != "tensor.extract_slice" or self.is_map(user) or _is_written(user):
            return Fraction(0)
        held = last_state(user, self.scan) is not None or self.depth_of_window(user) is not None
        return Fraction(0) if held else share_of(user)

    def place(self, user: Op) -> Place:
        return settled(self.places, user, self._whose_place_counts, self._place)

    def _whose_place_counts(self, user: Op) -> Iterable[Op]:
        """The readers of a map, which run where it does."""
        waits = user.name not in MOVING or self._multiplies(user) or user.name == "scan.gather"
        return user.result.uses if waits and self.is_map(user) else ()

    def _place(self, user: Op) -> Place:
        if user.parent is not self.scan.op.parent:
            return Place.AFTER
        if user.name == "scan.reduce" and 0 in user.attrs["axes"].values:
            return Place.STEP if is_exact(user) or self.adds_rows(user) or self.adds_some(user) else Place.TILES
        if user.name == "scan.dot" and not self.is_map(user):
            if self.adds_rows(user):
                return Place.STEP
            return Place.TILES if self._adds_numbers(user) or self._multiplies_along(user) else Place.AFTER
        if self.turns(user):
            return Place.TILES
        if self.is_map(user):
            return self._place_of_map(user)
        if user.name == "tensor.extract_slice" and self._goes_a_tile_behind(user):
            return Place.TILES
        return Place.STEP if self._ends(user) else Place.AFTER

    def _place_of_map(self, user: Op) -> Place:
        if self._multiplies(user):
            waits = self.place_of(user.result) is Place.AFTER and not self._is_result(user)
            return Place.AFTER if waits else Place.STEP
        if user.name == "scan.gather" and self._takes_columns(user) and self.place_of(user.result) is Place.TILES:
            return Place.AFTER  # a sum goes along elements that are read at places in another order
        place = Place.STEP if user.name in MOVING and not self.selects(user) else self.place_of(user.result)
        if place is Place.TILES and not self.scan.until and self._is_made_for_tiles(user):
            return Place.STEP
        return Place.STEP if place is Place.AFTER and (self._completes(user) or self._is_result(user)) else place

    def _goes_a_tile_behind(self, user: Op) -> bool:
        """Whether numbers are made of a part of the rows with others that begin elsewhere."""
        is_of_rows = self.mixing and user.operands[0].op is self.scan.op
        return is_of_rows and goes_a_tile_behind(user, self.scan, self.ahead)

    def turns(self, user: Op) -> bool:
        """Whether an op makes an array in which all rows lie along a later axis: tiles of rows go into it."""
        return (user.name == "scan.transpose" and user.attrs["permutation"].values[0] != 0
                and self.mixing and bool(self.scan.init) and not self.scan.until)

    def _adds_numbers(self, user: Op) -> bool:
        """Whether a reader is a product of two vectors, of numbers of as many steps."""
        return not any(map(is_array_of_arrays, user.operands)) and all(self.has_rows(user, v) for v in user.operands)

    def _multiplies_along(self, user: Op) -> bool:
        """Whether a reader is a product of two matrices along the steps, `h.T @ h`, of which tiles have parts."""
        if user.name != "scan.dot" or not (self.mixing and self.scan.init) or self.scan.until or keeps_order(user):
            return False
        turned, (left, right) = user.operands[0].op, user.operands
        return (turned is not None and turned.name == "scan.transpose" and rank(left) == rank(right) == 2
                and t.element(right.type) in (t.f32, t.f64) and self.has_rows(turned, turned.operands[0])
                and self.has_rows(user, right))

    def _multiplies(self, user: Op) -> bool:
        """Whether a reader multiplies each row, a vector, with a matrix, and all that is made of that is reduced, or
        columns, or a result of a dear step (cheap ones are faster over all rows): a tile has one product."""
        if user.name != "scan.dot" or not is_array_of_arrays(user.operands[1]):
            return False
        return bool(self.scan.init) and not self.scan.until and is_reduced(user.result, self._ends_product)

    def _ends_product(self, end: Op) -> bool:
        if end.name in RETURNING:
            return not is_cheap(self.scan)
        return takes_of_each(end) or end.name == "tensor.extract_slice" and self._is_column(end)

    def _is_made_for_tiles(self, user: Op) -> bool:
        """Whether tiles have rows of what a map makes, in place of those it is made of."""
        return bool(self.scan.init) and (self._is_shared(user) or self._joins_rows(user) or _joins_along_rows(user)
                                         or self._is_multiplied_along(user))

    def _is_shared(self, user: Op) -> bool:
        """Whether several sums go along the same work on numbers: it is done once where the step gives it."""
        if not has_trait(user, ELEMENTWISE) or len(user.result.uses) < 2 or is_array_of_arrays(user.result):
            return False
        return busy(user) >= HEAVY or self._only_end(user) is None

    def _only_end(self, user: Op) -> Op | None:
        """What reads all that elementwise ops make of a result, where it is one op."""
        return settled(self.only_ends, user, lambda op: op.result.uses if makes_rows(op) else (), self._found_end)

    def _found_end(self, user: Op) -> Op | None:
        if not makes_rows(user):
            return user
        found = {self.only_ends[reader] for reader in user.result.uses}
        return found.pop() if len(found) == 1 else None

    def _joins_rows(self, user: Op) -> bool:
        """Whether an op makes one array of several that a step keeps, as of a row and an earlier one: tiles then have
        rows of one, which the loop over a row makes on the way."""
        return (has_trait(user, ELEMENTWISE) and is_array_of_arrays(user.result) and busy(user) < HEAVY
                and len(self._made_of(user)) > 1)

    def _is_multiplied_along(self, user: Op) -> bool:
        """Whether a product along the steps reads what an op makes of rows: tiles have rows of a factor."""
        return has_trait(user, ELEMENTWISE) and is_array_of_arrays(user.result) and any(
            map(turns_for_products, user.result.uses))

    def _made_of(self, user: Op) -> frozenset[Value]:
        """The rows that a map is made of, which a step has: those of the scan, and those that are joined."""
        return settled(self.made_of, user, self._rests_on, self._rows_of)

    def _rows_of(self, user: Op) -> frozenset[Value]:
        if not self.is_map(user):
            return frozenset()
        if _joins_along_rows(user):
            return frozenset(user.results)
        ys = frozenset(v for v in user.operands if v.op is self.scan.op)
        return ys.union(*(self.made_of[maker] for maker in self._rests_on(user)))

    def _completes(self, user: Op) -> bool:
        """Whether an op goes on with a reduction of each row that nobody else reads, as a mean divides sums: the
        step keeps its result instead."""
        made = [v.op for v in user.operands if v.op is not None and v.op.name in ("scan.reduce", "scan.dot")
                and not self._multiplies(v.op)]
        return any(op.result.uses == {user: 1} and op.result.type == user.result.type and self.is_map(op)
                   for op in made)

    def _is_result(self, user: Op) -> bool:
        """Whether an elementwise op or a product makes a result, or a part of one, which a step with states can keep
        instead of what it is made of. Of steps that may stop nobody knows how many there are: in the step, heavy
        work would not run in vectors."""
        is_elementwise = has_trait(user, ELEMENTWISE) and not self._is_heavy_on_few(user)
        goes_along = is_elementwise or self._multiplies(user) or self._joins_made(user)
        if not self.scan.init or self.scan.until or not goes_along:
            return False
        others = [reader for reader in user.result.uses if reader.name not in RETURNING and not _places(reader, user)]
        return len(others) < len(user.result.uses) and all(self.place(reader) is not Place.AFTER for reader in others)

    def _joins_made(self, user: Op) -> bool:
        """Whether an op makes each row of what others make of rows. (A scan makes parts where they are joined.)"""
        return _joins_along_rows(user) and any(v.op is not None and self.is_map(v.op) for v in user.operands)

    def _is_heavy_on_few(self, user: Op) -> bool:
        """Whether an op, or one before it, is heavy work on an array of few elements: a vector loop over all rows is
        better for that. (Of numbers a tile has such a loop.)"""
        return settled(self.heavy, user, self._on_few_before, self._is_heavy)

    def _is_heavy(self, user: Op) -> bool:
        if not self.is_map(user) or not 1 < row_elements(user.result) < FEW:
            return False
        return busy(user) >= HEAVY or any(self.heavy[op] for op in self._on_few_before(user))

    def _on_few_before(self, user: Op) -> Iterable[Op]:
        return makers(user) if self.is_map(user) and 1 < row_elements(user.result) < FEW else ()

    def ends(self, user: Op) -> bool:
        """Whether a reader in the step gives something to what runs after it: a state, smaller rows, running ones."""
        if not self.is_map(user) or self.place_of(user.result) is not Place.STEP:
            return True
        is_row = user.name == "scan.cumulative" or _joins_along_rows(user) or self._is_smaller(user.result)
        return is_row and any(self.place(reader) is not Place.STEP for reader in user.result.uses)

    def _is_smaller(self, rows: Value) -> bool:
        """Whether rows have fewer axes than those of the scan."""
        return len(rows.type.shape) < max(len(y.type.shape) for y in self.scan.ys)  # type: ignore[attr-defined]

    def depth_of_window(self, user: Op) -> int | None:
        """How many last rows a reader takes some of, where the step is to hold as many: with `until`."""
        executed = self.scan.executed
        depth = None if executed is None else rows_from_end(user, operand(user, "source"), executed)
        return depth if depth is not None and depth <= MOST else None

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
                and (len(rows.type.shape) <= kept or _is_of_joined(rows)))  # type: ignore[attr-defined]

    def _ends(self, user: Op) -> bool:
        if user.name in ("tensor.extract", "tensor.extract_slice") and (
                last_state(user, self.scan) is not None or self.depth_of_window(user) is not None):
            return True
        if user.name == "scan.argreduce":
            return bool(user.attrs["axis"].value == 0)
        if user.name == "tensor.extract_slice":
            return self._takes_some(user) or self._takes_one(user)
        if user.name == "scan.scatter":
            return self._is_scatter(user)
        if user.name != "tensor.extract":
            return False
        if takes_last_row(user, self.scan):
            return True
        at, *places = group(user, "indices")
        if not places and self.search_for(at) is not None:
            return True
        return self.ahead.is_free(at) and (not places or self.mixing and (
            self.picks(user) or not self.scan.until and user not in self.ahead.guarded))

    def search_for(self, at: Value) -> Op | None:
        """The op in the step that searches an extreme among numbers of as many steps, whose place is `at`."""
        cast = at.op
        search = None if cast is None or cast.name != "arith.index_cast" else cast.operands[0].op
        if search is None or search.name != "scan.argreduce" or is_array_of_arrays(search.operands[0]):
            return None
        rows = search.operands[0]
        is_of_all = self.has_rows(search, rows) and self.selection_of(rows) is None
        return search if is_of_all and self.place(search) is Place.STEP else None

    def _is_scatter(self, op: Op) -> bool:
        """Whether an op writes a number of each row at a place of that row, into an array that is there before."""
        source, dest, places = operand(op, "source"), operand(op, "dest"), group(op, "indices")
        type, rows = dest.type, [v for v in (source, *places) if isinstance(v.type, t.TensorType)]
        assert isinstance(type, t.TensorType)
        if t.is_complex(type.element) or type.element == t.i1 or any(map(is_array_of_arrays, rows)):
            return False
        if not (self.scan.init and self.mixing and set(places) <= set(rows)):
            return False
        of_all_axes = list(op.attrs["axes"].values) == list(range(len(type.shape)))
        return of_all_axes and all(self.has_rows(op, v) if v in rows else self.ahead.is_free(v)
                                   for v in (source, dest, *places))

    def _takes_some(self, user: Op) -> bool:
        """Whether the step can keep the rows that a slice takes."""
        if self.scan.until or not isinstance(entries(user, "strides")[0], int) or not self._is_safe(user):
            return False
        told = [v for column in COLUMNS for v in entries(user, column) if isinstance(v, Value)]
        return all(map(self.ahead.is_free, told)) and (self.mixing or takes_whole_rows(user))

    def _takes_one(self, user: Op) -> bool:
        """Whether a scan that may stop can hold the row that a slice takes as a state."""
        at = entries(user, "offsets")[0]
        free = not isinstance(at, Value) or self.ahead.is_free(at)
        return self.scan.until and 0 not in kept_axes(user) and free and takes_whole_rows(user)

    def picks(self, user: Op) -> bool:
        """Whether the step can read an element of its row: the checks of its place come first, and the step has the
        row as an array in any case. Else the row is kept."""
        places = group(user, "indices")[1:]
        row = self._made_by(operand(user, "source"))
        return user not in self.ahead.guarded and all(map(self.ahead.is_free, places)) and not (
            row is not None and has_trait(row, ELEMENTWISE))

    def _made_by(self, rows: Value) -> Op | None:
        """The op that makes a row."""
        if rows.op is not self.scan.op:
            return rows.op
        return self.scan.stack_of(rows).value.op

    # ---- maps ----

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
        by_rows = by_rows or self.mixing and bool(self.scan.init) and _joins_along_rows(op)
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
            has_form = self._multiplies(op) if is_array_of_arrays(weights) else self._has_one_form(op)
            return has_form and self.ahead.is_free(weights) and self._is_safe(op)
        if op.name == "scan.gather":
            return self._takes_of_each(op) or self._takes_columns(op)
        return op.name == "scan.argreduce" or self._is_column(op)

    def _takes_of_each(self, op: Op) -> bool:
        """Whether an op takes a number of each row, at places that rows tell, which are surely inside."""
        numbers, *places = group(op, "indices")
        is_known = bool(self.scan.init) and not self.scan.until and op not in self.ahead.guarded
        return (is_known and takes_of_each(op) and self._is_as_long(numbers)
                and all(self.has_rows(op, v) for v in places))

    def _takes_columns(self, op: Op) -> bool:
        """Whether an op takes elements of each row, at places that are there before, as `h[:, [0, 2]]`."""
        return 0 not in op.attrs["axes"].values and self._is_safe(op) and all(
            map(self.ahead.is_free, group(op, "indices")))

    def _is_as_long(self, numbers: Value) -> bool:
        """Whether a range has an element for each step."""
        length = numbers.type.shape[0]  # type: ignore[attr-defined]
        if length is None:
            return linear(group(numbers.op, "dims")[0]) == linear(self.scan.length)  # type: ignore[arg-type]
        return bool(constant_of(self.scan.length) == length)

    def _goes_on(self, op: Op) -> bool:
        """Whether a running sum or product of numbers along the rows can be a state beside others."""
        kind = t.element(op.result.type)
        return op.attrs["axis"].value == 0 and bool(self.scan.init) and kind != t.i1 and not t.is_complex(kind)

    def _is_safe(self, op: Op) -> bool:
        """Whether no check that waits for the scan may guard an op."""
        return op not in self.ahead.guarded or safe_anywhere(op)

    def _fit(self, op: Op) -> bool:
        some = self.selection_of(op.result)
        if some is not None and self.selects(some):
            return self._goes(op, some)
        return all(self.has_rows(op, v) if isinstance(v.type, t.TensorType) else self.ahead.is_free(v)
                   for v in op.operands)

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
                and self._takes_some(user))

    def _takes_picked(self, user: Op) -> bool:
        """Whether an op takes the rows where a mask holds."""
        return (not self.scan.until and picked_by(user, self.scan) is not None
                and self.has_rows(user, operand(user, "source")))

    def adds_some(self, user: Op) -> bool:
        """Whether a reader is a sum of numbers where a mask holds: their blocks are made in the step."""
        part = self.selection_of(user.operands[0])
        return part is not None and part.name == "scan.gather" and _adds_numbers(user) and self.selects(part)

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
        if busy(reader) >= HEAVY and _apart(part) != 1 and not _is_summed(reader.result):
            return False  # in the step it would run for all rows
        told = [v for v in reader.operands if self.selection_of(v) is not part]
        return (self.selection_of(reader.result) is part
                and all(self.ahead.is_free(v) or v.op is not None and self.is_map(v.op) for v in told)
                and all(self._goes(user, part) for user in reader.result.uses))

    def _reduces(self, reader: Op, part: Op) -> bool:
        turned = _apart(part) < 0
        if reader.name == "scan.argreduce":
            return not turned and bool(reader.attrs["axis"].value == 0)
        if 0 not in reader.attrs["axes"].values:
            return False
        if is_exact(reader) or not turned and self.adds_rows(reader):
            return True
        return _adds_numbers(reader) if part.name == "scan.gather" else _is_of_all(reader) and is_thinned(part)

    def _has_one_form(self, reduction: Op) -> bool:
        """Whether a reduction of floats combines each row in the step as it does outside: along one axis, as several
        are one there; a step without states runs as a nest over whole arrays."""
        rows = reduction.operands[0]
        one = reduction.name == "scan.dot" or len(reduction.attrs["axes"].values) == 1
        return one and is_array_of_arrays(rows) and bool(self.scan.init) and t.is_float(t.element(rows.type))

    def _is_column(self, user: Op) -> bool:
        """A slice that takes all rows, and a part of each."""
        offsets, sizes, strides = (entries(user, column) for column in COLUMNS)
        rows = self.scan.executed or self.scan.length
        every = offsets[0] == 0 and strides[0] == 1 and (
            sizes[0] is rows or isinstance(sizes[0], int) and sizes[0] == constant_of(rows))
        rest = [v for column in (offsets, sizes, strides) for v in column[1:] if isinstance(v, Value)]
        return every and len(sizes) > 1 and 0 in kept_axes(user) and self._is_safe(user) and all(
            map(self.ahead.is_free, rest))


def _is_written(user: Op) -> bool:
    """Whether what an op makes is a result alone, or joined with other rows to one, and has its place there."""
    return all(reader.name == "func.return" or _joins_rows_behind_others(reader) and _is_written(reader)
               for reader in user.result.uses)


def _places(reader: Op, user: Op) -> bool:
    """Whether a reader puts what an op makes between other rows, where the step can write each."""
    return reader.name == "tensor.insert_slice" and operand(reader, "source") is user.result


def _joins_along_rows(op: Op) -> bool:
    """Whether an op makes each row of a row of each of several arrays."""
    return op.name == "scan.concat" and op.attrs["axis"].value != 0


def _joins_rows_behind_others(op: Op) -> bool:
    return op.name == "scan.concat" and op.attrs["axis"].value == 0


def _is_of_joined(rows: Value) -> bool:
    """Whether elementwise ops at most make rows of what is joined: they are no larger than those it is joined of."""
    made = rows.op
    while made is not None and has_trait(made, ELEMENTWISE):
        made = next((v.op for v in made.operands if is_array_of_arrays(v)), None)
    return made is not None and _joins_along_rows(made)


def _apart(part: Op) -> int:
    """How many steps are between the rows that an op takes; 0 where that is not told."""
    stride = 0 if part.name == "scan.gather" else entries(part, "strides")[0]
    assert isinstance(stride, int)
    return stride


def _adds_numbers(user: Op) -> bool:
    """Whether a reader is a sum of a vector of floats."""
    rows = user.operands[0]
    return (user.name == "scan.reduce" and str(user.attrs["kind"]) == "sum" and not is_array_of_arrays(rows)
            and t.is_float(t.element(rows.type)))


def _is_of_all(user: Op) -> bool:
    """Whether a reader is a sum of all elements."""
    return user.name == "scan.reduce" and not isinstance(user.result.type, t.TensorType)


def _is_summed(rows: Value) -> bool:
    """Whether all that reads rows adds all of their elements, which tiles do."""
    ends = behind(rows.uses, lambda op: op.name not in ("scan.reduce", "scan.argreduce") and len(op.results) == 1)
    return all(_is_of_all(end) and not is_exact(end) for end in ends)


def is_array_of_arrays(rows: Value) -> bool:
    """Whether a row is an array."""
    return isinstance(rows.type, t.TensorType) and len(rows.type.shape) > 1


def row_elements(rows: Value) -> float:
    """How many elements a row has; infinitely many where only running tells."""
    return t.n_elements(t.row_type(rows.type)) if is_array_of_arrays(rows) else 1


def is_repeated(op: Op) -> bool:
    """Whether rows are made of nothing but their number: the same ones again and again, or a range."""
    return op.name in ("tensor.splat", "scan.iota") or op.name == "scan.broadcast" and (
        0 not in op.attrs["axes"].values or repeats_a_row(op))


def takes_of_each(op: Op) -> bool:
    """Whether an op takes a number of row 0, one of row 1, and so on."""
    if op.name != "scan.gather":
        return False
    numbers, *places = group(op, "indices")
    return (bool(places) and len(op.result.type.shape) == 1  # type: ignore[attr-defined]
            and op.attrs["axes"].values == tuple(range(1 + len(places))) and _counts(numbers))


def _counts(value: Value) -> bool:
    """Whether a vector is 0, 1, 2, ..."""
    op = value.op
    return (op is not None and op.name == "scan.iota" and not t.is_float(t.element(value.type))
            and constant_of(operand(op, "start")) == 0 and constant_of(operand(op, "step")) == 1)


def repeats_a_row(broadcast: Op) -> bool:
    """Whether the one row of an array is each row of a larger one."""
    source, axes = broadcast.operands[0].type, broadcast.attrs["axes"].values
    return isinstance(source, t.TensorType) and axes[:1] == (0,) and source.shape[0] == 1


def told_of_rows(op: Op) -> list[Value]:
    """The operands of an op that makes rows of nothing, but for their number."""
    told = [value for name in OPS[op.name].groups if name != "dims" for value in group(op, name)]
    return [*told, *row_sizes(op)]


def row_sizes(op: Op) -> list[Value]:
    """The run-time sizes that an op is told of its rows."""
    return group(op, "dims")[int(op.result.type.shape[0] is None):]  # type: ignore[attr-defined]


def keeps_rows(broadcast: Op) -> bool:
    """Whether row t is made of row t."""
    source, axes = broadcast.operands[0].type, broadcast.attrs["axes"].values
    return isinstance(source, t.TensorType) and bool(axes) and axes[0] == 0 and source.shape[0] != 1


def is_exact(reduction: Op) -> bool:
    """Whether a reduction gives the same bits in any order."""
    kind, element = str(reduction.attrs["kind"]), t.element(reduction.operands[0].type)
    if t.is_complex(element):
        return False
    return kind in ANY_ORDER or kind in OF_INTEGERS and not t.is_float(element)


def ends_of(readers: Readers, gone: list[Stack]) -> list[Op]:
    """What reads the rows of the stacks last in the step, in the order of the block."""
    found, seen = set[Op](), set[Op]()
    pending = [user for stack in gone for user in stack.result.uses]
    while pending:
        user = pending.pop()
        if readers.place(user) is not Place.STEP or user in seen:
            continue
        seen.add(user)
        if readers.ends(user):
            found.add(user)
        if readers.is_map(user):
            pending += user.result.uses
    block = readers.scan.op.parent
    assert block is not None
    return [op for op in block.ops if op in found]
