"""The last rows of a scan that may stop at any step, as a state: a window of so many, however many it may run.

Before as many steps ran, the first rows of the window are none of the scan's, and nobody reads them: a reader counts
from the end.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import linear
from scancc.ir.ops import group, operand, set_operands
from scancc.ir.parts import Carry, ScanView
from scancc.ir.shapes import dynamic_dims
from scancc.ir.slices import Entry, constant_entries, entries, number_of, set_entries

MOST = 4096  # rows of a window: a longer part of the end stands among all rows


def rows_from_end(user: Op, rows: Value, steps: Value) -> int | None:
    """How many last rows a reader of `rows` takes some of; None if it may be all."""
    if user.name == "tensor.extract" and operand(user, "source") is rows:
        return _from_end(group(user, "indices")[0], steps)
    if user.name == "tensor.extract_slice" and user.attrs["static_strides"].values[0] > 0:
        return _from_end(entries(user, "offsets")[0], steps)
    return None


def _from_end(offset: Entry, rows: Value) -> int | None:
    """k if `offset` is rows - k, or the larger of that and 0, for a constant k > 0."""
    known, total = number_of(offset), constant_of(rows)
    if known is not None:
        return total - known if total is not None and known < total else None
    assert isinstance(offset, Value)
    op = offset.op
    if op is not None and op.name == "arith.maxsi" and constant_of(op.operands[1]) == 0:
        op = op.operands[0].op
    if op is None or op.name != "arith.subi" or op.operands[0] is not rows:
        return None
    return constant_of(op.operands[1])


def window_of(scan: ScanView, row: Value, depth: int, sizes: list[Value], before: Builder) -> Carry:
    """A state that holds the last rows, `depth` or more; `sizes` are those of a row."""
    depth = max(depth, 2)  # a state of depth 1 is no window
    type = t.TensorType((depth, *getattr(row.type, "shape", ())), t.element(row.type))
    init = before.op("tensor.empty", dynamic_dims(type, [before.index(depth), *sizes]), [type])
    return scan.new_carry(init, row, depth)


def read_window(user: Op, window: Carry, steps: Value) -> None:
    """Let a reader of rows, of which there are as many as `steps`, read the last of them in a window."""
    assert user.parent is not None
    b = Builder(user.parent, user, user.location)

    def shifted(at: Entry) -> Value:
        return (linear(at) - linear(steps) + linear(window.depth)).built(b)

    if user.name == "tensor.extract":
        first, *rest = group(user, "indices")
        set_operands(user, source=[window.final], indices=[shifted(first), *rest])
        return
    offset, *others = entries(user, "offsets")
    set_operands(user, source=[window.final])
    set_entries(user, "offsets", [*constant_entries([shifted(offset)]), *others])
