"""Reduces the rows of a scan in the order of its steps where they are read from the last one to the first.

    %turned = tensor.extract_slice %ys[%last][%n][-1]       %turned = tensor.extract_slice %w[%last][%n][-1]
    %p = arith.mulf(%turned, %w)                       ->   %p = arith.mulf(%ys, %turned)
    %s = scan.reduce sum(%p, axes 0)                        %s = scan.reduce sum(%p, axes 0)

Why: returns and gradients are computed backwards, and turned round before they are summed. What is reduced in the
order of the steps needs no array of rows (`fuse-consumers`, `tile`). Of some rows, as each second one from the last
on (`h[::-2]`), the same ones are read from the first on.
The documented order of such a sum of floats is that of the steps (docs/floating_point.md); extremes, counts, `any`
and `all` have no order. What else is read on the way is turned round in place of the rows.
Conservative: whole rows, along which all is reduced; elementwise ops alone are between, which run twice where others
read them, too, unless they take long. A sum that keeps the order as it is written (`exact`) stays.
Cost: linear. Runs before what knows which rows are kept.
Source: loop reversal (Wolfe, High Performance Compilers for Parallel Computing, 1996).
"""

from __future__ import annotations

from collections.abc import Container

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact as keeps_order
from scancc.ir.linear import Linear, linear
from scancc.ir.ops import ELEMENTWISE, has_trait, operand
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.ir.slices import COLUMNS, constant_entries, entries, kept_axes, slice_parts
from scancc.ir.wording import rows_called, what

from .consuming.chains import settled
from .consuming.parts import takes_whole_rows, turns_rows
from .consuming.row_ops import is_exact, is_repeated, keeps_rows
from .slicing.latencies import HEAVY, busy


def loop_reversal(module: Op) -> None:
    """Turn what reductions of turned rows read."""
    behind = _Behind()
    for op in list(module.walk()):
        if _is_over_time(op) and (not keeps_order(op) or op.name == "scan.reduce" and is_exact(op)):
            _turn(op, behind)


def _is_over_time(op: Op) -> bool:
    if op.name == "scan.reduce":
        return 0 in op.attrs["axes"].values
    return op.name == "scan.dot" and len(op.operands[0].type.shape) == 1  # type: ignore[attr-defined]


def _turn(op: Op, behind: _Behind) -> None:
    parts, between = behind.turned(op)
    if not parts or not all(map(_may_run_twice, between)):
        return
    turned = _Turned(parts[0], {between_op.result for between_op in between}, behind)
    op.operands = [turned.of(v, op) for v in op.operands]
    source = operand(parts[0], "source")
    assert source.op is not None
    remark("loop-reversal", source.op, True, f"{what(op)} of {rows_called(source, source)} turned round goes along "
           "its steps")


class _Behind:
    """What elementwise ops are made of: asked once for each op, however many reductions read what it makes."""

    def __init__(self) -> None:
        self._on_rows: dict[Op, bool] = {}  # of scans
        self._on_turned: dict[Op, bool] = {}

    def turned(self, op: Op) -> tuple[list[Op], list[Op]]:
        """The rows of scans, turned round, of which elementwise ops make what an op reads, and these ops."""
        found: tuple[list[Op], list[Op]] = [], []
        pending, seen = _makers(op), set[Op]()
        while pending:
            maker = pending.pop(0)
            if maker not in seen and self._rests_on_turned(maker):
                seen.add(maker)
                is_between = not self.is_turned(maker)
                found[is_between].append(maker)
                pending[:0] = _makers(maker) if is_between else []
        return found

    def is_turned(self, op: Op) -> bool:
        """Whether an op turns rows of a scan round, all or some, or what elementwise ops make of them."""
        stride = entries(op, "strides")[0] if op.name == "tensor.extract_slice" else 0
        if not isinstance(stride, int) or stride >= 0 or 0 not in kept_axes(op):
            return False
        source = operand(op, "source").op
        return source is not None and self._rests_on_rows(source) and takes_whole_rows(op)

    def _rests_on_rows(self, op: Op) -> bool:
        return settled(self._on_rows, op, _made_of, lambda op: op.name == "scan.scan" or any(
            self._on_rows[maker] for maker in _made_of(op)))

    def _rests_on_turned(self, op: Op) -> bool:
        return settled(self._on_turned, op, _made_of, lambda op: self.is_turned(op) or any(
            self._on_turned[maker] for maker in _made_of(op)))


def _makers(op: Op) -> list[Op]:
    return [v.op for v in op.operands if v.op is not None]


def _made_of(op: Op) -> list[Op]:
    return _makers(op) if _is_between(op) else []


def _is_between(op: Op) -> bool:
    return len(op.results) == 1 and isinstance(op.result.type, t.TensorType) and (
        has_trait(op, ELEMENTWISE) or op.name == "tensor.cast" or op.name == "scan.broadcast" and keeps_rows(op))


def _may_run_twice(op: Op) -> bool:
    """Whether an op may run on turned rows: it takes no long time, or such reductions alone read it."""
    return busy(op) < HEAVY or all(map(_is_over_time, op.result.uses))


def _from_the_first(part: Op, reader: Op) -> Value:
    """The rows that a slice takes from the last one on, from the first on."""
    assert reader.parent is not None
    b, rows = Builder(reader.parent, reader, part.location), operand(part, "source")
    columns = [list(entries(part, column)) for column in COLUMNS]
    (last, *_), (count, *_), (stride, *_) = columns
    assert isinstance(stride, int)
    first, steps = linear(last) + (linear(count) - Linear(1)) * stride, dims_of(b, rows)[0]
    columns[2][0] = -stride
    columns[0][0] = first.known if first.known is not None else b.minsi(  # of no rows the first is there, or the end
        b.maxsi(first.built(b), b.index(0)), steps)
    groups, attrs = slice_parts(*columns)
    return b.grouped("tensor.extract_slice", {"source": [rows], **groups}, [part.result.type], attrs).result


class _Turned:
    """Values, with their rows from the last one to the first. `part`: a slice that says how many rows there are;
    `between`: what is made of such."""

    def __init__(self, part: Op, between: Container[Value], behind: _Behind) -> None:
        self.part, self.between, self.behind = part, between, behind
        self.made: dict[Value, Value] = {}

    def of(self, value: Value, reader: Op) -> Value:
        """A value for what stands where `reader` does."""
        if value not in self.made:
            self.made[value] = self._made(value, reader)
        return self.made[value]

    def _made(self, value: Value, reader: Op) -> Value:
        op = value.op
        if not isinstance(value.type, t.TensorType) or op is not None and is_repeated(op) and op.name != "scan.iota":
            return value
        if op is not None and self.behind.is_turned(op):
            return operand(op, "source") if turns_rows(op) else _from_the_first(op, reader)
        if op is None or value not in self.between:
            return self._slice(value, reader)
        assert reader.parent is not None
        operands = [self.of(v, reader) for v in op.operands]  # sizes are no arrays, and stay
        b = Builder(reader.parent, reader, op.location)
        made = b.op(op.name, operands, [value.type], dict(op.attrs))
        made.name = value.name
        return made

    def _slice(self, value: Value, reader: Op) -> Value:
        """All rows of an array, turned round."""
        assert reader.parent is not None and isinstance(value.type, t.TensorType)
        b = Builder(reader.parent, reader, reader.location)
        rest = constant_entries(dims_of(b, value)[1:])
        steps = entries(self.part, "sizes")[0]
        first = entries(self.part, "offsets")[0] if turns_rows(self.part) else (linear(steps) - Linear(1)).built(b)
        known = value.type.shape[0]
        groups, attrs = slice_parts([first if known is None else known - 1, *[0] * len(rest)],
                                    [steps if known is None else known, *rest], [-1, *[1] * len(rest)])
        return b.grouped("tensor.extract_slice", {"source": [value], **groups}, [value.type], attrs).result
