"""What reads the rows of a scan, and whether that can run in the step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from enum import Enum
from fractions import Fraction

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact as keeps_order
from scancc.ir.ops import ELEMENTWISE, group, has_trait, operand
from scancc.ir.parts import Stack
from scancc.ir.shapes import rank
from scancc.ir.slices import entries, kept_axes
from scancc.late_dataclasses import dataclass

from ..slicing.latencies import HEAVY, busy
from .chains import behind, makers, makes_rows, settled, turns_for_products
from .late import goes_a_tile_behind
from .parts import last_state, share_of, takes_last_row, takes_whole_rows
from .row_maps import RETURNING, SHRINKING, RowMaps
from .row_ops import FEW, adds_all, inserts, is_array_of_arrays, is_exact, is_written, joins_along_rows, row_elements
from .windows import MOST, rows_from_end

MOVING = (*SHRINKING, "scan.cumulative")


class Place(Enum):
    """Where a reader of rows runs."""

    STEP = "in the step"
    TILES = "over blocks of rows, as sums of floats do"
    AFTER = "after the scan"


@dataclass
class Readers(RowMaps):
    """The readers of a scan's rows, and where each runs."""

    places: dict[Op, Place] = field(default_factory=dict)
    heavy: dict[Op, bool] = field(default_factory=dict)
    only_ends: dict[Op, Op | None] = field(default_factory=dict)
    made_of: dict[Op, frozenset[Value]] = field(default_factory=dict)

    def place_of_stack(self, rows: Value) -> Place:
        """Where the readers of a stack should run: after the scan, too, where they would keep more than all rows."""
        place = self.place_of(rows)
        return Place.AFTER if place is Place.STEP and self._share_kept(rows) > 1 else place

    def _share_kept(self, rows: Value) -> Fraction:
        """How much of all rows the readers keep together, each behind maps of rows that are no smaller."""
        ends = behind(rows.uses, lambda op: self.is_map(op) and (op.name not in SHRINKING or self.selects(op)))
        return sum(map(self._share, ends), Fraction(0))

    def _share(self, user: Op) -> Fraction:
        if self.turns(user):
            return Fraction(0)
        if self.place(user) is Place.TILES:  # tiles of rows go to sums while these are made
            is_small = adds_all(user) or self._multiplies_along(user)
            return Fraction(self.scan.until or is_array_of_arrays(user.operands[0]) and not is_small)
        if user.name != "tensor.extract_slice" or self.is_map(user) or is_written(user):
            return Fraction(0)
        held = last_state(user, self.scan) is not None or self.depth_of_window(user) is not None
        return Fraction(0) if held else share_of(user)

    def place_of(self, rows: Value) -> Place:
        """Where all readers of `rows` can run: in the step, where at least one of them can and none has to wait."""
        found = {self.place(user) for user in rows.uses}
        return next((place for place in (Place.AFTER, Place.STEP) if place in found), Place.TILES)

    def place(self, user: Op) -> Place:
        return settled(self.places, user, self._whose_place_counts, self._place)

    def _whose_place_counts(self, user: Op) -> Iterable[Op]:
        """The readers of a map, which run where it does."""
        waits = user.name not in MOVING or self.multiplies(user) or user.name == "scan.gather"
        return user.result.uses if waits and self.is_map(user) else ()

    def _place(self, user: Op) -> Place:
        if user.parent is not self.scan.op.parent:
            return Place.AFTER
        if user.name == "scan.reduce" and 0 in user.attrs["axes"].values:
            return Place.STEP if is_exact(user) or self.adds_rows(user) or self.adds_some(user) else Place.TILES
        if user.name == "scan.dot" and not self.is_map(user):
            if self.adds_rows(user):
                return Place.STEP
            return Place.TILES if self._multiplies_numbers(user) or self._multiplies_along(user) else Place.AFTER
        if self.turns(user):
            return Place.TILES
        if self.is_map(user):
            return self._place_of_map(user)
        if user.name == "tensor.extract_slice" and self._goes_a_tile_behind(user):
            return Place.TILES
        return Place.STEP if self._ends(user) else Place.AFTER

    def _place_of_map(self, user: Op) -> Place:
        if self.multiplies(user):
            waits = self.place_of(user.result) is Place.AFTER and not self._is_result(user)
            return Place.AFTER if waits else Place.STEP
        if user.name == "scan.gather" and self.takes_columns(user) and self.place_of(user.result) is Place.TILES:
            return Place.AFTER  # a sum goes along elements that are read at places in another order
        place = Place.STEP if user.name in MOVING and not self.selects(user) else self.place_of(user.result)
        if place is Place.TILES and not self.scan.until and self._is_made_for_tiles(user):
            return Place.STEP
        return Place.STEP if place is Place.AFTER and (self._completes(user) or self._is_result(user)) else place

    def turns(self, user: Op) -> bool:
        """Whether an op makes an array in which all rows lie along a later axis: tiles of rows go into it."""
        return (user.name == "scan.transpose" and user.attrs["permutation"].values[0] != 0
                and self.mixing and bool(self.scan.init) and not self.scan.until)

    def _goes_a_tile_behind(self, user: Op) -> bool:
        """Whether numbers are made of a part of the rows with others that begin elsewhere."""
        is_of_rows = self.mixing and user.operands[0].op is self.scan.op
        return is_of_rows and goes_a_tile_behind(user, self.scan, self.ahead)

    def _multiplies_numbers(self, user: Op) -> bool:
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

    def ends(self, user: Op) -> bool:
        """Whether a reader in the step gives something to what runs after it: a state, smaller rows, running ones."""
        if not self.is_map(user) or self.place_of(user.result) is not Place.STEP:
            return True
        is_row = user.name == "scan.cumulative" or joins_along_rows(user) or self._is_smaller(user.result)
        return is_row and any(self.place(reader) is not Place.STEP for reader in user.result.uses)

    def _is_smaller(self, rows: Value) -> bool:
        """Whether rows have fewer axes than those of the scan."""
        return len(rows.type.shape) < max(len(y.type.shape) for y in self.scan.ys)  # type: ignore[attr-defined]

    # ---- what takes the place of rows ----

    def _is_made_for_tiles(self, user: Op) -> bool:
        """Whether tiles have rows of what a map makes, in place of those it is made of."""
        return bool(self.scan.init) and (self._is_shared(user) or self._joins_rows(user) or joins_along_rows(user)
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
        if joins_along_rows(user):
            return frozenset(user.results)
        ys = frozenset(v for v in user.operands if v.op is self.scan.op)
        return ys.union(*(self.made_of[maker] for maker in self._rests_on(user)))

    def _completes(self, user: Op) -> bool:
        """Whether an op goes on with a reduction of each row that nobody else reads, as a mean divides sums: the
        step keeps its result instead."""
        made = [v.op for v in user.operands if v.op is not None and v.op.name in ("scan.reduce", "scan.dot")
                and not self.multiplies(v.op)]
        return any(op.result.uses == {user: 1} and op.result.type == user.result.type and self.is_map(op)
                   for op in made)

    def _is_result(self, user: Op) -> bool:
        """Whether an elementwise op or a product makes a result, or a part of one, which a step with states can keep
        instead of what it is made of. Of steps that may stop nobody knows how many there are: in the step, heavy
        work would not run in vectors."""
        is_elementwise = has_trait(user, ELEMENTWISE) and not self._is_heavy_on_few(user)
        goes_along = is_elementwise or self.multiplies(user) or self._joins_made(user)
        if not self.scan.init or self.scan.until or not goes_along:
            return False
        others = [reader for reader in user.result.uses if reader.name not in RETURNING and not inserts(reader, user)]
        return len(others) < len(user.result.uses) and all(self.place(reader) is not Place.AFTER for reader in others)

    def _joins_made(self, user: Op) -> bool:
        """Whether an op makes each row of what others make of rows. (A scan makes parts where they are joined.)"""
        return joins_along_rows(user) and any(v.op is not None and self.is_map(v.op) for v in user.operands)

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

    # ---- what ends at the step ----

    def _ends(self, user: Op) -> bool:
        if user.name in ("tensor.extract", "tensor.extract_slice") and (
                last_state(user, self.scan) is not None or self.depth_of_window(user) is not None):
            return True
        if user.name == "scan.argreduce":
            return bool(user.attrs["axis"].value == 0)
        if user.name == "tensor.extract_slice":
            return self.takes_some(user) or self._takes_one(user)
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

    def depth_of_window(self, user: Op) -> int | None:
        """How many last rows a reader takes some of, where the step is to hold as many: with `until`."""
        executed = self.scan.executed
        depth = None if executed is None else rows_from_end(user, operand(user, "source"), executed)
        return depth if depth is not None and depth <= MOST else None

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
