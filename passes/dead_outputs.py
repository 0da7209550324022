"""Drop what nobody reads of a scan: stacked outputs, states, sequences; keep last rows where only they are read.

    %f, %ys = scan.scan(%n, rows %n) {...}        %f = scan.scan(%n) {...}
    %last = tensor.extract %ys[%n - 1]       ->   ... %f ...

`[-1]` of a state is its final value and needs no stack, of numbers also where others read the rows; `[-k:]` keeps a
stack of k rows; a stack that is not read goes, and with it the states that only it needed; rows that are kept twice
are kept once. A state that every step hands on unchanged is an invariant. Of rows that are tables, of which readers
take single elements, these are kept instead (`consuming/elements.py`).
Why: memory is what is needed and no more; a step then often lives in registers.
With `until` the number of rows is not known before the loop: the last k are a state then (`consuming/windows.py`).
Conservative: stacks are all or a last part. Cost: linear, repeated while something goes.
Runs after `cse`, which makes equal sizes one value. Source: Theano's `scan_save_mem`, on SSA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import balanced, linear
from scancc.ir.ops import CHECKS, group, has_trait, is_removable, set_operands
from scancc.ir.parts import Carry, Read, ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, rank
from scancc.ir.slices import COLUMNS, entries, entry_values, set_entries, slice_parts
from scancc.ir.wording import rows_called
from scancc.late_dataclasses import dataclass

from .consuming.elements import keep_elements, takes_element
from .consuming.windows import MOST, read_window, rows_from_end, window_of


def dead_outputs(module: Op) -> None:
    """Clean every scan: later ones first, which may have read an earlier one's rows; what is inside after what is
    around it, which may not want its results, and before that again, whose sequences it may not want."""
    for region in module.regions:
        for block in region.blocks:
            for op in reversed(list(block.ops)):
                if op.parent is not None and op.regions:
                    _visit(op)


def _visit(op: Op) -> None:
    if op.name == "scan.scan":
        _clean(op)
    dead_outputs(op)
    if op.name == "scan.scan" and any(inner.regions for inner in op.body.ops):
        _clean(op)


def _clean(op: Op) -> None:
    _read_first_of_equal(op)
    _read_elements(op)
    _read_last_rows(op)
    _read_last_numbers(op)
    _replace_constant_states(op)
    gone = drop_unread(op)
    if gone:
        remark("dead-outputs", op, True, f"nothing reads {gone}: not made")


def drop_unread(op: Op) -> str:
    """Drop the parts of a scan that nothing reads; which, in words."""
    keep = _Keep(ScanView(op))
    keep.find()
    gone = ", ".join(f"{n} {part}{'s' if n > 1 else ''}" for part, n in keep.gone().items() if n)
    if gone:
        read = [x.xs for x in keep.scan.reads]
        keep.scan.rebuilt(keep.xs, keep.carries, keep.stacks)
        _erase_unread(read)
    return gone


def _erase_unread(values: list[Value]) -> None:
    """Erase what made sequences that went, so that it reads no rows of other scans."""
    pending = list(values)
    while pending:
        op = pending.pop().op
        if op is not None and op.parent is not None and is_removable(op) and not any(v.uses for v in op.results):
            pending += op.operands
            op.erase()


def _read_first_of_equal(op: Op) -> None:
    """Let those who read rows that are kept twice read them in one place."""
    first: dict[tuple[object, ...], Value] = {}
    for stack in ScanView(op).stacks:
        kept = first.setdefault((stack.value, stack.rows, stack.first, stack.stride, *stack.dims), stack.result)
        if kept is not stack.result:
            stack.result.replace_by(kept)


def _read_elements(op: Op) -> None:
    """Keep elements of rows, where readers take no more than these, and the state with which the scan ends."""
    scan = ScanView(op)
    for stack in filter(scan.keeps_all, scan.stacks):
        rows = [user for user in stack.result.uses if not takes_element(user)]
        steps = scan.executed or stack.rows
        if 0 < len(rows) < len(stack.result.uses) and all(
                rows_from_end(user, stack.result, steps) == 1 and _takes_one_row(user) for user in rows):
            _use_final_state(scan, stack, rows)
    keep_elements(scan)


def _read_last_numbers(op: Op) -> None:
    """Let those who read the last of the numbers that are a state's read that state, though others read the rows."""
    scan = ScanView(op)
    for stack in scan.stacks if not scan.until else []:
        final = next((carry.final for carry in scan.carries if carry.next is stack.value and carry.depth == 1), None)
        if final is None or stack.row_shape or not scan.keeps_all(stack):
            continue
        for user in list(stack.result.uses):
            if user.name == "tensor.extract" and rows_from_end(user, stack.result, stack.rows) == 1:
                user.replace_by([final])


# ---- only the last rows are read ----


def _read_last_rows(op: Op) -> None:
    scan = ScanView(op)
    for number, stack in enumerate(scan.stacks):
        y, executed = stack.result, scan.executed
        if y.uses and (executed is not None or scan.keeps_all(stack)):
            depth = _depth_read(y, executed or stack.rows)
            if depth == 1 and all(map(_takes_one_row, y.uses)) and _use_final_state(scan, stack, list(y.uses)):
                remark("dead-outputs", op, True, f"only the last row of {rows_called(y, stack.value)} is read: the "
                       "final state stands for it")
            elif depth is not None and executed is None:
                _keep_rows(scan, number, depth)
            elif depth is not None and executed is not None:
                _keep_window(scan, stack, depth, executed)


def _depth_read(y: Value, rows: Value) -> int | None:
    """How many last rows all readers of `y` together need; None if it may be all."""
    depths = [rows_from_end(user, y, rows) for user in y.uses]
    return None if None in depths else max(d for d in depths if d is not None)


def _takes_one_row(user: Op) -> bool:
    """True if a reader takes a row that is there; `[-1:]` of no rows is empty."""
    return user.name == "tensor.extract" or entries(user, "sizes")[0] == 1


def _use_final_state(scan: ScanView, stack: Stack, users: Sequence[Op]) -> bool:
    """Replace `y[-1]` by the final value of the state that y stacks; False if it stacks none."""
    final = _final_of(scan, stack.value)
    if final is None:
        return False
    for user in users:
        assert user.parent is not None
        b = Builder(user.parent, user, user.location)
        if user.name == "tensor.extract":
            rest = group(user, "indices")[1:]
            value = b.op("tensor.extract", [final, *rest], [user.result.type]) if rest else final
        else:
            value = _row_part(b, user, final)
        if value is final and final.type != user.result.type:
            value = b.op("tensor.cast", [final], [user.result.type])
        user.replace_by([value])
    return True


def _final_of(scan: ScanView, row: Value) -> Value | None:
    """The final value of the state that is `row` after each step."""
    states = [carry for carry in scan.carries if carry.depth == 1]
    for carry in states:
        if carry.next is row:
            return carry.final
    for carry in states:  # the same row under a type that knows another part of its shape
        other = carry.next.op
        if other is not None and other.name == "tensor.cast" and other.operands[0] is row:
            return carry.final
    return None if isinstance(row.type, t.TensorType) else _add_last_state(scan, row)


def _add_last_state(scan: ScanView, row: Value) -> Value:
    """A scalar that no state holds gets one, which only remembers the last row."""
    op = scan.op
    assert op.parent is not None
    carry = scan.new_carry(Builder(op.parent, op, op.location).const(0, row.type), row)
    scan.rebuilt(carries=[*scan.carries, carry])
    return carry.final


def _row_part(b: Builder, user: Op, final: Value) -> Value:
    """The slice that `user` takes, of the final row instead of the stack."""
    if _whole_rows(user, final) and rank(user.result) >= rank(final):
        return _with_row_axis(b, user, final)
    columns = [entries(user, column)[1:] for column in COLUMNS]
    kept, n_axes = user.result.type.shape, len(columns[0])  # type: ignore[attr-defined]
    inner = t.TensorType(kept if len(kept) <= n_axes else kept[1:], t.element(final.type))
    groups, attrs = slice_parts(*columns)
    part = b.grouped("tensor.extract_slice", {"source": [final], **groups}, [inner], attrs).result
    return part if len(kept) <= n_axes else _with_row_axis(b, user, part)


def _whole_rows(user: Op, final: Value) -> bool:
    if not isinstance(final.type, t.TensorType):
        return True
    return (set(entries(user, "offsets")[1:]) <= {0} and set(entries(user, "strides")[1:]) <= {1}
            and _full_sizes(user, final))


def _full_sizes(user: Op, final: Value) -> bool:
    assert user.parent is not None
    b = Builder(user.parent, user, user.location)
    sizes = entry_values(b, user, "sizes")[1:]
    return all(x is y or (constant_of(x) is not None and constant_of(x) == constant_of(y))
               for x, y in zip(sizes, dims_of(b, final), strict=True))


def _with_row_axis(b: Builder, user: Op, row: Value) -> Value:
    """`row` as the slice of one row that `user` gives: with a leading axis where the slice keeps it."""
    type = user.result.type
    assert isinstance(type, t.TensorType)
    if not isinstance(row.type, t.TensorType):
        return b.op("tensor.splat", [row, *(b.index(1) for n in type.shape if n is None)], [type])
    if len(row.type.shape) == len(type.shape):
        return row if row.type == type else b.op("tensor.cast", [row], [type])
    sizes = [b.index(1), *dims_of(b, row)]
    axes = t.DenseArray(t.i64, tuple(range(1, len(type.shape))))
    dynamic = [s for s, n in zip(sizes, type.shape, strict=True) if n is None]
    return b.op("scan.broadcast", [row, *dynamic], [type], {"axes": axes})


def _keep_rows(scan: ScanView, number: int, depth: int) -> None:
    """Stack the last `depth` rows of a y only; readers' offsets count from the first row kept."""
    op, y, length = scan.op, scan.ys[number], scan.length
    assert op.parent is not None
    total = constant_of(length)
    if total is not None and total <= depth:
        return
    before = Builder(op.parent, op, op.location)
    kept = before.minsi(before.index(depth), length)
    scan.rebuilt(stacks=[s._replace(rows=kept) if i == number else s for i, s in enumerate(scan.stacks)])
    assert isinstance(y.type, t.TensorType)
    y.type = t.TensorType((constant_of(kept), *y.type.shape[1:]), y.type.element)
    dropped = before.subi(length, kept)
    for user in list(y.uses):
        _shift_first_offset(user, dropped)
    name = rows_called(y, scan.stacks[number].value)
    remark("dead-outputs", op, True, f"only the last {depth} rows of {name} are read")


def _keep_window(scan: ScanView, stack: Stack, depth: int, executed: Value) -> None:
    """Let a state hold the last `depth` rows of a y, of which only running tells how many there are."""
    op, bound = scan.op, constant_of(scan.length)
    assert op.parent is not None
    if depth > MOST or bound is not None and bound <= depth:
        return
    before = Builder(op.parent, op, op.location)
    window = window_of(scan, stack.value, depth, dims_of(before, stack.result)[1:], before)
    scan.rebuilt(carries=[*scan.carries, window])
    for user in list(stack.result.uses):
        read_window(user, window, executed)
    remark("dead-outputs", op, True, f"only the last {depth} rows of {rows_called(stack.result, stack.value)} "
           "are read")


def _shift_first_offset(user: Op, dropped: Value) -> None:
    assert user.parent is not None
    b = Builder(user.parent, user, user.location)
    if user.name == "tensor.extract":
        first, *rest = group(user, "indices")
        set_operands(user, indices=[b.subi(first, dropped), *rest])
        return
    offset, *others = entries(user, "offsets")
    start = b.index(offset) if isinstance(offset, int) else offset
    shifted = b.index(0) if balanced(linear(start) - linear(dropped)).known == 0 else b.subi(start, dropped)
    known = constant_of(shifted)
    set_entries(user, "offsets", [shifted if known is None else known, *others])


# ---- what nothing reads ----


def _replace_constant_states(op: Op) -> None:
    """A state that each step hands on as it is equals its initial value."""
    for carry in ScanView(op).carries:
        if carry.next is carry.arg and carry.depth == 1:
            for user in list(carry.arg.uses):
                user.replace_operand(carry.arg, carry.init)
            carry.final.replace_by(carry.init)


@dataclass
class _Keep:
    """Which sequences, states and stacks of a scan stay."""

    scan: ScanView
    xs: list[Read] = field(default_factory=list)
    carries: list[Carry] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)

    def find(self) -> None:
        scan = self.scan
        self.stacks = [stack for stack in scan.stacks if stack.result.uses]
        needed = self._needed([*(stack.value for stack in self.stacks), *([scan.stop] if scan.stop else [])],
                              checks=True)
        waiting = dict.fromkeys(scan.carries)
        while todo := [carry for carry in waiting if carry.final.uses or carry.arg in needed]:
            needed |= self._needed([carry.next for carry in todo])
            for carry in todo:
                del waiting[carry]
        self.carries = [carry for carry in scan.carries if carry not in waiting]
        self.xs = [x for x in scan.reads if x.arg in needed]

    def _needed(self, wanted: list[Value], checks: bool = False) -> set[Value]:
        """All values of the step on which `wanted` (and its checks) depend."""
        needed: set[Value] = set()
        stack = list(wanted)
        if checks:
            stack += [v for inner in self.scan.op.body.ops if any(has_trait(o, CHECKS) for o in inner.walk())
                      for o in inner.walk() for v in o.operands]
        while stack:
            value = stack.pop()
            if value in needed:
                continue
            needed.add(value)
            if value.op is not None:
                stack.extend(v for o in value.op.walk() for v in o.operands)
        return needed

    def gone(self) -> dict[str, int]:
        """How many parts of each kind nothing reads."""
        scan = self.scan
        return {"sequence": len(scan.xs) - len(self.xs), "state": len(scan.init) - len(self.carries),
                "stack": len(scan.rows) - len(self.stacks)}
