"""Reductions of a scan's rows that begin at other steps, or wait for each other: a cheap scan runs once for each.

    %f, %ys = scan.scan(%n, %x, %h0) {...}         %f, %ys = scan.scan(%n, %x, %h0) {...}
    %d = %ys[3..%n] * %ys[0..%n - 3]               %s = scan.reduce sum(%ys * %ys)
    %c = scan.reduce sum(%d)                 ->    %g, %zs = scan.scan(%n, %x, %h0) {...}
    %s = scan.reduce sum(%ys * %ys)                %d = %zs[3..%n] * %zs[0..%n - 3]
                                                   %c = scan.reduce sum(%d)

Then `peel`, `fuse-consumers` and `tile` find for each copy readers that go along with its steps: the blocks of a sum
begin at one step, and a mean is there before what is made of distances from it.
Source: rematerialization (Briggs, Cooper and Torczon, 1992).
"""

from __future__ import annotations

from dataclasses import field

from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, clone_op
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import ScanView
from scancc.ir.slices import entries
from scancc.late_dataclasses import dataclass

from ..dead_outputs import drop_unread
from .chains import REDUCING, turns_for_products
from .cheap import is_cheap
from .row_ops import is_array_of_arrays, keeps_rows

MOST_RUNS = 2         # of numbers, of which a row is stored and loaded in a cycle or two
MOST_RUNS_OF_ROWS = 3 # of arrays


def copied(scan: ScanView, first_of: dict[Op, int]) -> list[ScanView]:
    """The scan, for the readers of its rows that wait for none and begin first, and copies for others; `first_of`:
    where slices begin that leave out first rows. The scan alone where there are none, its steps are expensive, or
    it would run too often. (Where copies for each beginning would be too many, tiles may go along with several. A
    scan of numbers, of which some wait for others, `tile` runs again.)"""
    rows = [stack.result for stack in scan.stacks if stack.result.uses]
    if not first_of or len(rows) != 1 or not is_cheap(scan):
        return [scan]
    most = MOST_RUNS_OF_ROWS if is_array_of_arrays(rows[0]) else MOST_RUNS
    groups = _Groups(scan, rows[0]).found(first_of)
    if len(groups) > most and is_array_of_arrays(rows[0]):
        groups = _Groups(scan, rows[0]).found({})
    if not 1 < len(groups) <= most:
        return [scan]
    return [scan, *(_copy(scan, rows[0], readers) for readers in groups[1:])]


def undo(scan: ScanView, copies: list[ScanView]) -> None:
    """Let the readers of copies read the rows of the scan again."""
    (rows,) = (y for y in scan.ys if y.uses)
    for copy in copies:
        copy.ys[0].replace_by(rows)
        copy.op.erase()


def _copy(scan: ScanView, rows: Value, readers: list[Op]) -> ScanView:
    """A copy of a scan that stands before these readers, of which it has the rows."""
    first = readers[0]
    assert first.parent is not None
    copy = ScanView(clone_op(scan.op, {}, Builder(first.parent, first, scan.op.location).insert))
    new = copy.ys[scan.ys.index(rows)]
    for reader in readers:
        reader.replace_operand(rows, new)
    drop_unread(copy.op)
    return copy


@dataclass
class _Groups:
    """The readers of a scan's rows, and what they make of them until all is reduced, in connected parts."""

    scan: ScanView
    rows: Value
    part: dict[Op, Op] = field(default_factory=dict)  # op -> another one of its part, or itself
    late: dict[Value, set[Op]] = field(default_factory=dict)  # what waits for reductions -> which
    waits: list[tuple[Op, Op]] = field(default_factory=list)  # an op, and a reduction that it waits for

    def found(self, first_of: dict[Op, int]) -> list[list[Op]]:
        """The readers by what they wait for and where they begin, in that order; none where something else reads."""
        block = self.scan.op.parent
        assert block is not None
        after = block.ops[block.ops.index(self.scan.op) + 1:]
        if not all(map(self._follow, after)):
            return []
        level = self._levels()
        if level is None:
            return []
        readers = [op for op in after if self.rows in op.operands]
        begin: dict[Op, int] = {}
        for op in readers:
            begin[self._root(op)] = max(begin.get(self._root(op), 0), first_of.get(op, 0))
        groups: dict[tuple[int, int], list[Op]] = {}
        for op in readers:
            root = self._root(op)
            groups.setdefault((level.get(root, 0), begin[root]), []).append(op)
        return [groups[key] for key in sorted(groups)]

    def _follow(self, op: Op) -> bool:
        """Put an op to the part of what it reads; False where it is no map of rows, and reduces none."""
        used = op.operands if not op.regions else [v for inner in op.walk() for v in inner.operands]
        rows = [v for v in used if v is self.rows or v.op in self.part and v not in self.late]
        waiting = set().union(*(self.late.get(v, set()) for v in used))
        if not rows:
            self.late |= dict.fromkeys(op.results, waiting) if waiting else {}
            return True
        if op.regions or len(op.results) != 1:
            return False
        self.part[op] = op
        for value in rows:
            if value.op is not None and value is not self.rows:
                self.part[self._root(value.op)] = op
        self.waits += [(op, other) for other in waiting]
        if op.name in REDUCING:
            self.late[op.result] = {op}
            return True
        return _is_map(op)

    def _root(self, op: Op) -> Op:
        while self.part[op] is not op:
            op = self.part[op]
        return op

    def _levels(self) -> dict[Op, int] | None:
        """How many others each part waits for, one behind the other; None where one waits for itself."""
        edges = {(self._root(op), self._root(other)) for op, other in self.waits}
        level: dict[Op, int] = {}
        for _ in range(MOST_RUNS_OF_ROWS):
            changed = [op for op, other in edges if level.get(op, 0) <= level.get(other, 0)]
            if not changed:
                return level
            level |= {op: max(level.get(other, 0) for which, other in edges if which is op) + 1 for op in changed}
        return None


def _is_map(op: Op) -> bool:
    """Whether row t is made of row t, or of one that is so many rows further."""
    if op.name == "tensor.extract_slice":
        return bool(entries(op, "strides")[0] == 1)
    is_along = op.name == "tensor.cast" or op.name == "scan.broadcast" and keeps_rows(op)
    return has_trait(op, ELEMENTWISE) or is_along or turns_for_products(op)
