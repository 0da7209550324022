"""Makes a state of few rows, which the step picks and makes one by one, as many states.

    scan.scan(%n, %s: tensor<2x?>) {               scan.scan(%n, %s[0], %s[1]) {
    ^bb0(%t, %s):                                  ^bb0(%t, %p, %v):
      %p = tensor.extract_slice %s[0]        ->      %a = math.sin(%p)
      %v = tensor.extract_slice %s[1]                %p2 = arith.addf(%p, %v)
      %a = math.sin(%p)                              %v2 = arith.subf(%v, %a)
      %k = scan.concat(%v, -%a)                      scan.yield(%p2, %v2) }
      %next = arith.addf(%s, %k)
      scan.yield(%next) }

So are written the equations of a system, of many starting points at once: `x, y, z = s[0], s[1], s[2]` and
`T.stack([...])`.
A gradient makes its rows so, too, put into zeros one by one.
Why: what `concat` joins lies in memory, and each elementwise op on it is a loop between two others that pick rows. Of
rows alone `fuse` makes one loop, and `lanes` may put time inside it (Lorenz, Runge-Kutta of order 4, 1,000 points of
float64, AVX-512: 4.5 us a step, now 1.3).
Conservative: rows are arrays, of at least as many elements as make a loop worth it; all that the step does with
such a state is elementwise, picks rows, joins or replaces some, or reduces it as a whole; for that, and where rows of
the scan are kept, the rows are joined again. Like `fuse`, it brings products to sums that `contract` joins.
Cost: linear in the step. Runs after `canonicalize`, which makes parts of parts one, and before `fuse`.
Source: scalar replacement of aggregates, on rows.
"""

from __future__ import annotations

from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.linear import linear
from scancc.ir.needs import TENSORS
from scancc.ir.ops import ELEMENTWISE, TERMINATOR, has_trait, operand
from scancc.ir.parts import Carry, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, dynamic_dims, scratch
from scancc.ir.slices import COLUMNS, constant_entries, entries, kept_axes, slice_parts
from scancc.ir.wording import called, what
from scancc.late_dataclasses import dataclass

NEEDS = (TENSORS,)
MOST = 8       # rows
FEWEST = 8     # elements of a row
WHOLE = ("scan.reduce", "scan.argreduce", "tensor.dim")  # readers for whom rows are joined again


def split_states(module: Op) -> None:
    """Split such states of every scan, outer ones first."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            _visit(ScanView(op))


def _visit(scan: ScanView) -> None:
    states = [c for c in scan.carries if c.depth == 1 and _n_rows(c.arg) > 1 and _is_long(c.arg)]
    found = _with_rows(scan, states)
    while whole := [carry for carry in states if carry.next not in found]:
        for carry in whole:
            if carry.next.op is not None and any(_picked(user) is not None for user in carry.arg.uses):
                _say_whole(scan, [carry], f"made whole by {what(carry.next.op)}")
        states = [carry for carry in states if carry not in whole]
        found = _with_rows(scan, states)
    readers = [user for value in found for user in value.uses if not (user.results and user.results[0] in found)]
    parts = [user for user in readers if _picked(user) is not None]
    if not states or not parts and not any(value.op is not None and _is_joined(value.op) for value in found):
        return
    reader = next((user for user in readers if not (
        user in parts or has_trait(user, TERMINATOR) or user.name in WHOLE)), None)
    if reader is not None:
        _say_whole(scan, states, f"read whole by {what(reader)}")
        return
    _Split(scan, states, found).run()
    remark("split-states", scan.op, True, f"{_called(states)}: each row is a state, which the step picks and makes "
           "alone")


def _say_whole(scan: ScanView, states: list[Carry], why: str) -> None:
    remark("split-states", scan.op, False, f"{_called(states)} stays one array of rows, though the step picks some: "
           f"{why}")


def _called(states: list[Carry]) -> str:
    return ", ".join(called(carry.arg) for carry in states)


# ---- what has rows ----


def _n_rows(value: Value) -> int:
    """How many rows an array of arrays has, where they are known to be few; else 0."""
    if not isinstance(value.type, t.TensorType) or len(value.type.shape) < 2:
        return 0
    n = value.type.shape[0]
    return n if n is not None and n <= MOST else 0


def _is_long(value: Value) -> bool:
    return t.n_elements(t.row_type(value.type)) >= FEWEST


def _with_rows(scan: ScanView, states: list[Carry]) -> dict[Value, None]:
    """The states, and the values of the step of which each row can be made alone and is asked for."""
    found = {carry.arg: None for carry in states}
    for op in scan.op.body.ops[:-1]:
        if len(op.results) == 1 and _n_rows(op.result) and _is_made_by_rows(op, found):
            found[op.result] = None
    asked = {carry.arg for carry in states}
    pending = [*(carry.next for carry in states),
               *(value for value in found if any(_picked(user) is not None for user in value.uses))]
    while pending:
        value = pending.pop()
        if value in found and value not in asked:
            asked.add(value)
            pending += value.op.operands if value.op is not None else ()
    return {value: None for value in found if value in asked}


def _is_made_by_rows(op: Op, found: dict[Value, None]) -> bool:
    if op.name == "scan.concat":
        return bool(op.attrs["axis"].value == 0)
    if op.name == "tensor.insert_slice":
        dest = operand(op, "dest")
        has_rows = dest in found or dest.op is not None and dest.op.name == "tensor.splat"
        return has_rows and _first_row(op, dest) is not None
    if op.name == "tensor.extract_slice":
        source = operand(op, "source")
        return source in found and 0 in kept_axes(op) and _first_row(op, source) is not None
    return (has_trait(op, ELEMENTWISE) or op.name == "tensor.cast") and any(v in found for v in op.operands)


def _is_joined(op: Op) -> bool:
    return op.name in ("scan.concat", "tensor.insert_slice")


def _first_row(part: Op, whole: Value) -> int | None:
    """The first row of a part that takes, or replaces, a known number of whole rows."""
    (first, *offsets), (count, *sizes), strides = (entries(part, column) for column in COLUMNS)
    if not isinstance(first, int) or not isinstance(count, int) or set(strides) != {1}:
        return None
    if kept_axes(part) not in (axes := list(range(len(strides))), axes[1:]):
        return None
    with scratch() as b:
        same = [(linear(n) - linear(size)).known == 0 for n, size in zip(sizes, dims_of(b, whole)[1:], strict=True)]
    return first if all(same) and set(offsets) <= {0} else None


def _picked(user: Op) -> int | None:
    """The row that a reader takes."""
    if user.name != "tensor.extract_slice" or 0 in kept_axes(user):
        return None
    return _first_row(user, operand(user, "source"))


# ---- the rows ----


@dataclass
class _Split:
    """A scan of which some states become states of rows."""

    scan: ScanView
    states: list[Carry]
    found: dict[Value, None]
    rows: dict[Value, list[Value]] = field(default_factory=dict)

    def run(self) -> None:
        scan, body = self.scan, self.scan.op.body
        assert scan.op.parent is not None
        self.before = self.b = Builder(scan.op.parent, scan.op, scan.op.location)
        new = {carry.arg: [scan.new_carry(row, row) for row in self._rows(carry.init)] for carry in self.states}
        for arg, carries in new.items():
            self.rows[arg] = [carry.arg for carry in carries]
            for number, carry in enumerate(carries):
                carry.arg.name = f"{arg.name}_{number}" if arg.name else None
        for op in list(body.ops[:-1]):
            self.b = Builder(body, op, op.location)
            if len(op.results) == 1 and op.result in self.found:
                self.rows[op.result] = self._made(op)
            elif op.name == "tensor.extract_slice" and operand(op, "source") in self.found:
                self._pick(op, self.rows[operand(op, "source")])
        onward = {carry.arg: self.rows[carry.next] for carry in self.states}
        for value in self.found:
            self._join(value)
        self._rebuild(new, onward)

    def _rebuild(self, new: dict[Value, list[Carry]], onward: dict[Value, list[Value]]) -> None:
        """Put the states of rows in place of those that they are rows of."""
        scan, block = self.scan, self.scan.op.parent
        assert block is not None
        parts = {arg: [c._replace(next=row) for c, row in zip(carries, onward[arg], strict=True)]
                 for arg, carries in new.items()}
        scan.rebuilt(carries=[*scan.carries, *(c for carries in parts.values() for c in carries)])
        for carry in scan.carries:
            if carry.arg in parts:
                self.b = Builder(block, block.ops[block.ops.index(scan.op) + 1], scan.op.location)
                self._give(carry.final, [part.final for part in parts[carry.arg]])
        scan.rebuilt(carries=[carry for carry in scan.carries if carry.arg not in parts])

    def _rows(self, value: Value) -> list[Value]:
        if value in self.rows:
            return self.rows[value]
        b = self.b if defined_in(value, self.scan.op.body) else self.before
        return [_row(b, value, number) for number in range(_n_rows(value))]

    def _made(self, op: Op) -> list[Value]:
        """The rows of a value of the step."""
        type = t.row_type(op.result.type)
        if op.name == "scan.concat":
            return [self._as(row, type) for part in op.operands for row in self._rows(part)]
        if op.name == "tensor.extract_slice":
            first, count = entries(op, "offsets")[0], entries(op, "sizes")[0]
            assert isinstance(first, int) and isinstance(count, int)
            return self._rows(operand(op, "source"))[first:first + count]
        if op.name == "tensor.insert_slice":
            return self._replaced(op, type)
        operands = [self._rows(v) if isinstance(v.type, t.TensorType) else [v] * _n_rows(op.result)
                    for v in op.operands]
        if op.name == "tensor.cast":
            return [self._as(row, type) for row in operands[0]]
        return [self.b.op(op.name, list(row), [type], dict(op.attrs)) for row in zip(*operands, strict=True)]

    def _replaced(self, op: Op, type: t.Type) -> list[Value]:
        source, first = operand(op, "source"), entries(op, "offsets")[0]
        assert isinstance(first, int)
        rows, new = list(self._rows(operand(op, "dest"))), [source] if 0 not in kept_axes(op) else self._rows(source)
        rows[first:first + len(new)] = [self._as(row, type) for row in new]
        return rows

    def _as(self, row: Value, type: t.Type) -> Value:
        return row if row.type == type else self.b.op("tensor.cast", [row], [type])

    def _pick(self, user: Op, rows: list[Value]) -> None:
        number = _picked(user)
        if number is not None:
            user.replace_by([self._as(rows[number], user.result.type)])

    def _join(self, value: Value) -> None:
        """Join the rows of a value for those who read it whole, or keep it."""
        body = self.scan.op.body
        users = [user for user in value.uses if not (user.results and user.results[0] in self.found)]
        if users:
            b = Builder(body, value.op or body.ops[0], self.scan.op.location)
            whole = _joined(b, self.rows[value], value.type)
            for user in users:
                user.replace_operand(value, whole)

    def _give(self, whole: Value, rows: list[Value]) -> None:
        """Let readers of an array read the rows."""
        for user in list(whole.uses):
            self._pick(user, rows)
        if whole.uses:
            whole.replace_by(_joined(self.b, rows, whole.type))


def _row(b: Builder, value: Value, number: int) -> Value:
    type, op = t.row_type(value.type), value.op
    sizes = dims_of(b, value)[1:]
    dynamic = dynamic_dims(type, sizes) if isinstance(type, t.TensorType) else []
    if op is not None and op.name == "tensor.splat":
        return b.op("tensor.splat", [operand(op, "value"), *dynamic], [type])
    if op is not None and op.name == "scan.broadcast" and 0 not in op.attrs["axes"].values:
        source, axes = op.operands[0], tuple(axis - 1 for axis in op.attrs["axes"].values)
        return source if source.type == type else b.op("scan.broadcast", [source, *dynamic], [type], {
            "axes": t.DenseArray(t.i64, axes)})
    rank = 1 + len(sizes)
    groups, attrs = slice_parts([number, *[0] * len(sizes)], [1, *constant_entries(sizes)], [1] * rank)
    return b.grouped("tensor.extract_slice", {"source": [value], **groups}, [type], attrs).result


def _joined(b: Builder, rows: list[Value], type: t.Type) -> Value:
    """An array of rows."""
    axes = t.DenseArray(t.i64, tuple(range(1, len(type.shape))))  # type: ignore[attr-defined]
    one = t.TensorType((1, *rows[0].type.shape), t.element(type))  # type: ignore[attr-defined]
    parts = [b.op("scan.broadcast", [row, *dynamic_dims(rows[0].type, dims_of(b, row))], [one],  # type: ignore[arg-type]
                  {"axes": axes}) for row in rows]
    return b.op("scan.concat", parts, [type], {"axis": t.IntAttr(0, t.i64)})
