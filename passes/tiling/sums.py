"""Reductions of a scan's rows to one number, which go along with its tiles."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_block, encloses
from scancc.ir.equalities import equal_sizes
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import NO_SPECULATION, has_trait, is_pure, operand
from scancc.ir.parts import Nest, ScanView
from scancc.ir.slices import Entry, entries, kept_axes, number_of
from scancc.late_dataclasses import dataclass

from ..consuming.late import FURTHEST, number_of_first, takes_rows_apart
from ..consuming.parts import takes_whole_rows
from ..consuming.selections import is_thinned
from ..licm import safe_anywhere
from ..reducing.kinds import MOST_LANES, ROUNDED, SUMS

BLOCK_BYTES = 4096  # of the terms that the pass `reductions` adds before it joins their sum to others
BLOCK_ROWS = 64     # and how many sums of rows
WAITS = "it also reads what is made of them"
LATE = "it reads them from a later step on, or from several steps on"


@dataclass(frozen=True)
class Reduction:
    """A nest that combines the first `length` rows of a scan, and of arrays that are there before, to one number."""

    nest: Op
    scan: ScanView
    length: Entry
    above: tuple[Op, ...]  # what it needs and stands behind the scan
    stride: int = 1  # of the rows it reads each `stride`-th
    furthest: int = 0  # where the last one begins of the parts that it reads

    @property
    def is_late(self) -> bool:
        """Whether tiles have its blocks one tile later, as it reads rows from several steps on."""
        return self.furthest >= self.stride

    @property
    def start(self) -> Value:
        """The number that it starts from."""
        made = Nest(self.nest).outputs[0].op
        assert made is not None
        return operand(made, "value")

    @property
    def type(self) -> t.Type:
        return t.element(self.nest.result.type)

    @property
    def is_rounded(self) -> bool:
        """Whether it adds floats, in blocks that are joined, or multiplies them in lanes: any other goes on from a
        number."""
        return self._combines_by(ROUNDED)

    def _combines_by(self, names: Collection[str]) -> bool:
        combine = Nest(self.nest).elements[0].op
        return combine is not None and combine.name in names and not is_exact(combine)

    @property
    def block(self) -> int:
        """The rows of a tile are a multiple of so many: their elements are whole blocks where a sum goes along them,
        and they themselves where it adds sums of rows; whole rounds of all lanes of a product. A part of rows begins
        within the first tile."""
        rows = self.stride * self._rows_of_block
        return rows * max(-(-self.furthest // rows), 1)

    @property
    def _rows_of_block(self) -> int:
        if not self._combines_by(SUMS):
            return MOST_LANES if self.is_rounded else 1
        terms, row = BLOCK_BYTES // t.nbytes(self.type), self._row_elements
        return terms if row is None else max(terms // math.gcd(terms, row), BLOCK_ROWS if row > 1 else 1)

    @property
    def _row_elements(self) -> int | None:
        """How many elements a row has, where it is known: more than one where rows are arrays."""
        sizes = next(read.value.type.shape[1:] for read in Nest(self.nest).reads  # type: ignore[attr-defined]
                     if part_of(read.value, self.scan) is not None)
        known = math.prod(n for n in sizes if n is not None)
        return None if None in sizes else known

    @property
    def rows(self) -> list[Value]:
        """The stacks of which it reads rows."""
        return [part.rows for read in Nest(self.nest).reads if (part := part_of(read.value, self.scan)) is not None]

    @property
    def parts(self) -> list[Value]:
        """The slices of rows that it reads."""
        return [read.value for read in Nest(self.nest).reads
                if read.value.op is not self.scan.op and part_of(read.value, self.scan) is not None]

    def over(self, b: Builder, parts: dict[Value, Value], first: Value, so_far: Value) -> Value:
        """The same of some of the rows, from the `first` on, which `parts` has for whole arrays, from a number on."""
        type = t.TensorType((), self.type)
        block = clone_block(self.nest.body, {})
        _count_from(block, first)
        made = b.grouped("linalg.generic", {
            "inputs": [parts.get(v, v) for v in Nest(self.nest).inputs],
            "outputs": [b.op("tensor.splat", [so_far], [type])]}, [type], self.nest.attrs, [Region([block])])
        return b.op("tensor.extract", [made.result], [self.type])

    def replace_by(self, total: Value) -> None:
        """Give its readers `total`; it goes, and the parts of rows that it alone read."""
        for reader in list(self.nest.result.uses):
            reader.replace_by([total])
        parts = dict.fromkeys(part.op for part in self.parts)
        self.nest.erase()
        for op in parts:
            if op is not None and not op.result.uses:
                op.erase()


def _count_from(block: Block, first: Value) -> None:
    """Let a body that asks for the number of a row count on from `first`."""
    for op in [op for op in block.ops if op.name == "linalg.index" and op.attrs["dim"].value == 0]:
        users = list(op.result.uses)
        number = Builder(block, block.ops[block.ops.index(op) + 1], op.location).addi(op.result, first)
        for user in users:
            user.replace_operand(op.result, number)


def reductions_of(scan: ScanView) -> tuple[list[Reduction], dict[Op, str]]:
    """The reductions that go along with a scan, and why others do not."""
    found, reasons = [], {}
    nests = dict.fromkeys(nest for rows in _whole(scan) for nest in (*nests_on(rows), *late_nests_on(rows)))
    for nest in nests:
        if Nest(nest).reduced:
            made = _reduction(nest, scan)
            if isinstance(made, Reduction):
                found.append(made)
            else:
                reasons[nest] = made
    return found, reasons


def waiting_of(scan: ScanView) -> list[Op]:
    """The nests that could go along with a scan, if they did not need what is made of its rows; none where rows are
    kept for other readers."""
    users = [user for stack in scan.stacks for user in stack.result.uses]
    readers = dict.fromkeys(reader for user in users for reader in (
        user.result.uses if user.name == "tensor.extract_slice" else [user]))
    if not all(reader.name == "linalg.generic" and Nest(reader).reduced for reader in readers):
        return []
    found = {reader: _reduction(reader, scan) for reader in readers}
    if not all(isinstance(made, Reduction) or made == WAITS for made in found.values()):
        return []
    return sorted((reader for reader, made in found.items() if made == WAITS), key=_place)


def _place(op: Op) -> int:
    assert op.parent is not None
    return op.parent.ops.index(op)


def _whole(scan: ScanView) -> list[Value]:
    """The stacks that keep all rows in order."""
    return [stack.result for stack in scan.stacks if scan.keeps_all(stack)]


def nests_on(rows: Value) -> Iterator[Op]:
    """The nests that read rows, or the first ones of them."""
    for user in rows.uses:
        if user.name == "linalg.generic":
            yield user
        elif _first_rows(user) is not None:
            yield from (reader for reader in user.result.uses if reader.name == "linalg.generic")


def late_nests_on(rows: Value) -> Iterator[Op]:
    """The nests that read parts of rows which are not the first ones."""
    for user in rows.uses:
        if user.name == "tensor.extract_slice" and _first_rows(user) is None:
            yield from (reader for reader in user.result.uses if reader.name == "linalg.generic")


def _first_rows(op: Op) -> Entry | None:
    """How many, of a slice that takes the first rows of a vector, or thins them out."""
    if op.name != "tensor.extract_slice" or len(kept_axes(op)) < len(op.attrs["static_sizes"].values):
        return None
    is_first = entries(op, "offsets") == [0] and entries(op, "strides") == [1]
    return entries(op, "sizes")[0] if is_first or is_thinned(op) and takes_whole_rows(op) else None


def _reduction(op: Op, scan: ScanView) -> Reduction | str:
    nest = Nest(op)
    if op.parent is not scan.op.parent or len(nest.reduced) != len(nest.kinds) or len(nest.outputs) != 1:
        return WAITS if above_of(op, scan) is None else "it is not one number"
    made = nest.outputs[0].op
    if made is None or made.name != "tensor.splat" or any(user.name != "tensor.extract" for user in op.result.uses):
        return "it does not start from a number"
    found = {read.value: part for read in nest.reads if (part := part_of(read.value, scan)) is not None}
    problem = _problem(nest, found, scan)
    if problem is not None:
        return problem
    above, (one, *others) = above_of(op, scan, late=True), found.values()
    furthest = max(part.first for part in (one, *others))
    return WAITS if above is None else Reduction(op, scan, one.count, tuple(above), one.stride, furthest)


def _problem(nest: Nest, found: dict[Value, Part], scan: ScanView) -> str | None:
    """Why a nest cannot go along with tiles, by the parts that it reads of a scan's rows; None where it can."""
    if not found or any(read.value not in found and _is_part(read.value.op, scan) for read in nest.reads):
        return LATE
    one, *others = found.values()
    if any(part.stride != one.stride or _differ(part.count, one.count, nest.op) for part in others):
        return "it reads different numbers of them"
    if one.stride != 1 and any(inner.name == "linalg.index" for inner in nest.op.body.ops):
        return "it reads the number of a row"
    if any(0 in read.dims[1:] or read.value in found and read.dims[:1] != (0,) for read in nest.reads):
        return "it does not go along them first"
    furthest = max(part.first for part in (one, *others))
    return LATE if furthest >= one.stride and (scan.until or furthest > FURTHEST) else None


def _is_part(op: Op | None, scan: ScanView) -> bool:
    """Whether a slice takes some rows of a scan."""
    return op is not None and op.name == "tensor.extract_slice" and operand(op, "source") in scan.ys


@dataclass(frozen=True)
class Part:
    """Of the `rows` of a scan so many from the `first` on, each `stride`-th."""

    rows: Value
    first: int
    count: Entry
    stride: int = 1


def part_of(value: Value, scan: ScanView) -> Part | None:
    """The rows of a scan that a value is; None of another array, and of parts that begin where nobody knows."""
    whole, op = _whole(scan), value.op
    if value in whole:
        return Part(value, 0, scan.length)
    if op is None or op.name != "tensor.extract_slice" or operand(op, "source") not in whole:
        return None
    first, stride = number_of_first(op, scan), entries(op, "strides")[0]
    if first is None or not isinstance(stride, int) or not takes_rows_apart(op):
        return None
    return Part(operand(op, "source"), first, entries(op, "sizes")[0], stride)


def rows_read(value: Value, scan: ScanView) -> Entry | None:
    """How many rows of a scan a value is, the first ones or some that are as far from each other; None of another
    array."""
    whole = _whole(scan)
    if value in whole:
        return scan.length
    op = value.op
    length = _first_rows(op) if op is not None else None
    if op is None or length is None:
        return None
    return length if operand(op, "source") in whole else None


def rows_behind(value: Value, scan: ScanView) -> Value | None:
    """The stack of which a value is some rows; None of another array."""
    part = part_of(value, scan)
    return None if part is None else part.rows


def _differ(a: Entry, b: Entry, nest: Op) -> bool:
    """Whether two counts may be different where a nest reads so many rows."""
    numbers = [number_of(x) for x in (a, b)]
    if isinstance(a, Value) and isinstance(b, Value) and None in numbers:
        return not equal_sizes(a, b, nest)
    return None in numbers or numbers[0] != numbers[1]


def above_of(nest: Op, scan: ScanView, late: bool = False) -> list[Op] | None:
    """What a reduction needs that is made behind the scan, in order; None where that needs the scan, as parts of its
    rows do that are not the first ones, if not `late`."""
    block, order = scan.op.parent, {}
    assert block is not None
    behind = {op: place for place, op in enumerate(block.ops) if place > 0}
    start = behind.get(scan.op, 0)
    counts = {v: part.count if late and (part := part_of(v, scan)) else rows_read(v, scan) for v in _needed(nest)}
    waiting = [v if count is None else count for v, count in counts.items() if not isinstance(count, int)]
    while waiting:
        op = waiting.pop().op
        if op is None or op in order or behind.get(op, 0) <= start:
            if op is scan.op:
                return None
            continue
        if not is_pure(op) or has_trait(op, NO_SPECULATION) and not safe_anywhere(op):
            return None
        order[op] = behind[op]
        waiting += _needed(op)
    return sorted(order, key=order.__getitem__)


def _needed(op: Op) -> Iterator[Value]:
    """What an op and all inside it read from around it."""
    for inner in op.walk():
        yield from (v for v in inner.operands if inner is op or not any(
            encloses(block, v.block) for region in op.regions for block in region.blocks))


class Along(Protocol):
    """What goes along with the tiles of a scan: a nest that reads rows, or `parts` of them."""

    @property
    def nest(self) -> Op: ...

    @property
    def parts(self) -> Sequence[Value]: ...


def is_kept(rows: Value, reductions: Sequence[Along]) -> bool:
    """Whether the rows of a stack are read by more than what goes along."""
    gone = {reduction.nest for reduction in reductions}
    parts = {part for reduction in reductions for part in reduction.parts}
    readers = [reader for user in rows.uses for reader in (
        user.result.uses if any(v in parts for v in user.results) else [user])]
    return not gone.issuperset(readers)
