"""Make sequences of arrays that a step reads at a function of its number, and drop checks of what is inside.

    %r = scan.scan(%n, %h0) {                       %tail = tensor.extract_slice %x[1, %n]
    ^bb0(%t, %h):                                   %r = scan.scan(%n, %tail, %h0) {
      %i = arith.addi(%t, 1)                   ->   ^bb0(%t, %v, %h):
      scan.check(%i <u %size)                         %h1 = arith.mulf(%h, %v)
      %v = tensor.extract %x[%i]                      scan.yield(%h1) }
      %h1 = arith.mulf(%h, %v)
      scan.yield(%h1) }

A position that is a sum of the step's number, times a constant, and of what does not change is the row of a slice:
`x[t - 1]`, `x[n - 1 - t]`, `x[2 * t]`, of tables of any rank, in branches and inner loops of the step, too. Checks go
that hold in all steps: both sides are sums, which are compared where the position is least, and where it is most.
Why: a step that checks a position can fail, and what can fail is kept in order; rows of a sequence are what
`fuse-scans`, `tile` and the products of all rows together know.
Conservative: only what is proven to lie inside, whatever the sizes are, becomes a sequence; an array that the step
itself makes stays as it is. Cost: linear; a proof for each position and array.
Runs after `dead-outputs`, which drops reads that nobody needs, and before the passes that read sequences.
Source: induction variables and range checks as in Gupta, Optimizing array bound checks using flow analysis (1993).
"""

from __future__ import annotations

from dataclasses import field

from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.ops import group, operand
from scancc.ir.parts import Read, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.ir.slices import COLUMNS, constant_entries, entries, kept_axes, slice_parts
from scancc.late_dataclasses import dataclass

from .fusing.build import rows_from
from .slicing.positions import Place, Positions


def sequences(module: Op) -> None:
    """Visit every scan, outer ones first: a row of a table may be read element by element in an inner scan."""
    for op in list(module.walk()):
        if op.name == "scan.scan":
            _Visit(ScanView(op)).run()


@dataclass
class _Visit:
    """A scan, and the sequences that it gains."""

    scan: ScanView
    made: dict[tuple[Value, Place], Read] = field(default_factory=dict)

    def __post_init__(self) -> None:
        block = self.scan.op.parent
        assert block is not None
        self.before = Builder(block, self.scan.op, self.scan.op.location)
        self.positions = Positions(self.scan)

    def run(self) -> None:
        for op in [inner for outer in self.scan.op.body.ops for inner in outer.walk()]:
            if op.name in ("tensor.extract", "tensor.extract_slice"):
                self._read(op)
            elif op.name == "arith.select":
                self._settle(op)
            elif op.name == "scan.check" and self.positions.holds(operand(op, "condition")):
                op.erase()
        if self.made:
            self.scan.rebuilt([*self.scan.reads, *self.made.values()])

    def _read(self, op: Op) -> None:
        source, at = operand(op, "source"), _row_read(op)
        if at is None or defined_in(source, self.scan.op.body) or not self.positions.moves(at):
            return
        sizes = dims_of(self.before, source)
        place, name = self.positions.inside(at, sizes[0]), f"'{source.name or 'an array'}'"
        if place is None:
            remark("sequences", op, False, f"{name} is read at a function of the step's number, which may be outside",
                   f"take the number of steps from the length of {name}")
            return
        remark("sequences", op, True, f"{name} is read at a function of the step's number, and becomes a sequence")
        row = self._row(source, place)
        op.replace_by([_part(op, row, sizes[1:])])

    def _settle(self, op: Op) -> None:
        """A position that is known to count from the start, or from the end, in all steps."""
        settled = self.positions.settled(op.result)
        if settled is not None:
            op.replace_by([settled])

    def _row(self, source: Value, place: Place) -> Value:
        """The row that a step reads, of a sequence that is there or made."""
        if (source, place) not in self.made:
            xs = source if place.is_own else self._slice(source, place)
            read = next((read for read in self.scan.reads if read.xs is xs), None)
            if read is not None:
                return read.arg
            read = self.made[source, place] = self.scan.new_read(xs)
            read.arg.name = source.name and f"{source.name}_t"
        return self.made[source, place].arg

    def _slice(self, source: Value, place: Place) -> Value:
        first, steps = constant_entries([place.first.built(self.before), self.scan.length])
        return rows_from(self.before, source, first, steps, place.stride)


def _row_read(op: Op) -> Value | None:
    """Where along the first axis an op reads one row, or of one."""
    if op.name == "tensor.extract":
        return next(iter(group(op, "indices")), None)
    at = entries(op, "offsets")[0]
    single = entries(op, "sizes")[0] == 1 and 0 not in kept_axes(op)
    return at if single and isinstance(at, Value) else None


def _part(op: Op, row: Value, sizes: list[Value]) -> Value:
    """What an op reads of a row."""
    assert op.parent is not None
    b, type = Builder(op.parent, op, op.location), op.result.type
    if op.name == "tensor.extract":
        rest = group(op, "indices")[1:]
        return b.op("tensor.extract", [row, *rest], [type]) if rest else row
    columns = [entries(op, column)[1:] for column in COLUMNS]
    if columns == [[0] * len(sizes), constant_entries(sizes), [1] * len(sizes)]:
        return row if row.type == type else b.op("tensor.cast", [row], [type])
    groups, attrs = slice_parts(*columns)
    return b.grouped("tensor.extract_slice", {"source": [row], **groups}, [type], attrs).result
