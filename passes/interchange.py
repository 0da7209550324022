"""Take time inside where series are rows of matrices: a scan over columns becomes a loop over rows, of scans of numbers.

    %xt = scan.transpose %x                       %y = scan.scan(%rows, %x) {
    %yt = scan.scan(%n, %xt, %zeros) {              ^bb0(%i, %x_i):
      ^bb0(%t, %x_t, %s):                   ->        %y_i = scan.scan(%n, %x_i, 0) {
        %s_next = ... elementwise ...                   ... the same, of numbers ... }
        scan.yield(%s_next, %s_next) }                scan.yield(%y_i) }
    %y = scan.transpose %yt

Why: a matrix whose rows are series lies along time; step by step, each step needs a column, and the matrix is copied
turned before the loop, its result after it. As rows of scans, `row-lanes` gives it lanes by tiles in registers, and
gradients keep rows as well (an average of 1,024 series of 1,000 steps, float64: 2.9 ns an element, 0.35 so).
Conservative: states are vectors; the step is elementwise; some sequence is a transposed matrix, and all others are, or
are numbers; what the scan keeps is read transposed, or by such scans. Sizes are known to be equal where a step runs.
Cost: linear. Runs after `licm` and `checks-first`, which take checks and what does not change out of the step, and
before `fuse`, so that the step is numbers for all that follow. Not for a GPU, whose threads are lanes.
Source: loop interchange (Wolfe, 1982; Allen and Kennedy, 1984).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op, defined_in
from scancc.ir.equalities import equal_sizes
from scancc.ir.needs import TENSORS
from scancc.ir.ops import ELEMENTWISE, has_trait, is_pure, operand
from scancc.ir.parts import Nest, ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.ir.slices import COLUMNS, entries, slice_parts
from scancc.ir.wording import what

NEEDS = (TENSORS,)


def interchange(module: Op) -> None:
    """Interchange all such scans, each after those whose rows it reads."""
    found = {op: _problem(ScanView(op)) for op in module.walk() if op.name == "scan.scan" and _reads_columns(op)}
    while waiting := [op for op, problem in found.items() if problem is None and not _are_read_turned(op, found)]:
        found |= dict.fromkeys(waiting, "what it keeps is read as it lies, a row for each step")
    for op, problem in found.items():
        remark("interchange", op, problem is None, f"time stays the outer loop, though series are rows: {problem}"
               if problem else "series are rows of matrices: a loop over them, with time inside")
        if problem is None:
            _Interchange(ScanView(op)).run()


# ---- where ----


def _reads_columns(op: Op) -> bool:
    return any(_turned_of(x) is not None for x in ScanView(op).xs)


def _turned_of(value: Value) -> Value | None:
    """The matrix that a value is the transposition of, or of which it has some columns; None where it is none."""
    made = value.op
    if made is None:
        return None
    if made.name == "scan.transpose":
        return operand(made, "source") if made.attrs["permutation"].values == (1, 0) else None
    return _turned_of(operand(made, "source")) if made.name == "tensor.extract_slice" and _takes_rows(made) else None


def _takes_rows(op: Op) -> bool:
    """Whether a slice of a matrix has all of its columns, or says where they are itself."""
    type = op.result.type
    return isinstance(type, t.TensorType) and len(type.shape) == 2 == len(op.attrs["static_sizes"].values)


def _problem(scan: ScanView) -> str | None:
    if scan.until:
        return "`until` stops all at once"
    if any(depth != 1 for depth in scan.depths):
        return "the state has a ring of past rows"
    if any(_rank(x) == 2 and _turned_of(x) is None or _rank(x) > 2 for x in scan.xs):
        return "another sequence has a row for each step"
    if any(_rank(v) > 1 for v in scan.init) or not any(_rank(v) for v in scan.init):
        return "the state is no vector"
    if any(_rank(v) != 1 for v in scan.row_values):
        return "it keeps a number, or a matrix, for each step"
    if any(carry.final.uses and not _rank(carry.init) for carry in scan.carries):
        return "the last value of a state is read that all series share"
    return next(filter(None, map(_obstacle, scan.op.body.ops[:-1])), None) or _size_problem(scan)


def _rank(value: Value) -> int:
    return len(value.type.shape) if isinstance(value.type, t.TensorType) else 0


def _obstacle(op: Op) -> str | None:
    """Why an op of the step is not one of numbers for each series, or None."""
    if op.name == "linalg.generic":
        nest = Nest(op)
        own = all(_rank(read.value) == 0 or read.dims == nest.identity for read in nest.reads)
        return None if nest.is_parallel and len(nest.kinds) == 1 and own and not any(
            _rank(v) for inner in op.body.ops for v in inner.operands) else f"the step has {what(op)}"
    ranks = [_rank(v) for v in [*op.operands, *op.results]]
    if op.name in ("tensor.splat", "tensor.empty"):
        return None if max(ranks) == 1 else f"the step has {what(op)}"
    if not any(ranks):
        return None if is_pure(op) and not op.regions else f"the step has {what(op)}"
    if has_trait(op, ELEMENTWISE) and max(ranks) == 1:
        return None
    return f"the step has {what(op)}"


def _size_problem(scan: ScanView) -> str | None:
    """Why the series of all arrays are not known to be as many."""
    sizes = list(_sizes(scan))
    if not all(equal_sizes(size, sizes[0], scan.op, scan.length) for size in sizes):
        return "arrays may have other lengths"
    if any(final.uses for final in scan.finals) and not all(equal_sizes(size, sizes[0], scan.op) for size in sizes):
        return "without a step, arrays may have other lengths"
    return None


def _sizes(scan: ScanView) -> Iterator[Value]:
    """How many series each array has, that of the states first."""
    op = scan.op
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    for carry in scan.carries:
        if _rank(carry.init) and (carry.final.uses or _splat_of(carry.init) is None):
            yield dims_of(b, carry.init)[0]
    yield from (dims_of(b, array)[0] for array in _invariants(scan) if _splat_of(array) is None)
    for x in scan.xs:
        if _rank(x) == 2:
            yield dims_of(b, x)[1]
    yield from (size for stack in scan.stacks for size in stack.dims)


def _invariants(scan: ScanView) -> list[Value]:
    """The arrays from outside that the step reads, or hands on."""
    body = scan.op.body
    used = (v for op in body.ops for v in op.operands if _rank(v) and not defined_in(v, body))
    return list(dict.fromkeys(used))


def _are_read_turned(op: Op, found: dict[Op, str | None]) -> bool:
    """Whether all that a scan keeps is read transposed, or by scans that are interchanged, too."""
    waiting = [user for y in ScanView(op).ys for user in y.uses]
    for user in waiting:
        if user.name == "tensor.extract_slice" and _takes_rows(user):
            waiting += list(user.result.uses)
        elif user.name == "scan.scan" and user in found:
            if found[user] is not None:
                return False
        elif user.name != "scan.transpose":
            return False
    return True


# ---- the loops ----


class _Interchange:
    """A scan over time, and the one over series that it becomes."""

    def __init__(self, scan: ScanView) -> None:
        self.scan = scan
        self.numbers: dict[Value, Value] = {}  # a series' own of each array
        self.inner = Block([t.index])

    def run(self) -> None:
        op, scan = self.scan.op, self.scan
        assert op.parent is not None
        b, body = Builder(op.parent, op, op.location), Block([t.index])
        n = self._length(b)
        matrices = [x for x in scan.xs if _rank(x) == 2]
        arrays = [v for v in dict.fromkeys([*scan.init, *_invariants(scan)]) if _rank(v) and _splat_of(v) is None]
        rows = {x: body.add_arg(t.TensorType(_shape(x)[:1], t.element(x.type))) for x in dict.fromkeys(matrices)}
        self.numbers = {array: body.add_arg(t.element(array.type)) for array in arrays}
        series = self._of_series(Builder(body, location=op.location), rows)
        finals = [carry.final for carry in scan.carries if carry.final.uses]
        kept = [*(series.results[final.index] for final in finals), *series.results[len(scan.init):]]
        Builder(body, location=op.location).make("scan.yield", kept)
        rooms = [self._room(b, n, stack) for stack in scan.stacks]
        made = b.grouped("scan.scan", {
            "length": [n], "xs": [*(_columns(b, x) for x in rows), *arrays], "rows": [n] * len(kept),
            "dims": [stack.rows for stack in scan.stacks if _shape(stack.result)[0] is None]},
            [*(final.type for final in finals), *(_flipped(y) for y in scan.ys)], {"depths": [], "until": False},
            [Region([body])])
        for old, new in zip([*finals, *scan.ys], made.results, strict=True):
            new.name = old.name
        for final, new in zip(finals, made.results, strict=False):
            final.replace_by(new)
        for stack, new, room in zip(scan.stacks, made.results[len(finals):], rooms, strict=True):
            _hand_on(stack.result, new if room is None else _inserted(b, new, room, n, stack))
        op.erase()

    def _length(self, b: Builder) -> Value:
        """How many series there are, where a step runs."""
        first, *others = dict.fromkeys(_sizes(self.scan))
        for size in others:
            first = first if equal_sizes(size, first, self.scan.op) else b.minsi(first, size)
        return first

    def _room(self, b: Builder, n: Value, stack: Stack) -> Value | None:
        """For rows of as many series as there are without a step, too, where those may be more."""
        size = dims_of(b, stack.result)[1]
        if equal_sizes(size, n, self.scan.op):
            return None
        type = _flipped(stack.result)
        dims = [v for v, known in zip((size, stack.rows), type.shape, strict=True) if known is None]
        return b.op("tensor.empty", dims, [type])

    def _of_series(self, b: Builder, rows: Mapping[Value, Value]) -> Op:
        """The scan over time of one series."""
        scan, inner = self.scan, self.inner
        counter = inner.args[0]
        counter.name, self.numbers[scan.counter] = scan.counter.name, counter
        for arg in (*scan.x_args, *scan.carry_args):
            self.numbers[arg] = inner.add_arg(t.element(arg.type))
            self.numbers[arg].name = arg.name
        inside = Builder(inner, location=scan.op.location)
        for op in scan.op.body.ops[:-1]:
            inside.location = op.location
            self._step(inside, op)
        inside.make("scan.yield", [self._number(v) for v in scan.op.body.terminator.operands])
        attrs = {key: attr for key, attr in scan.op.attrs.items() if key != "operandSegmentSizes"}
        types = [*(t.element(v.type) for v in scan.init),
                 *(t.TensorType(_shape(y)[:1], t.element(y.type)) for y in scan.ys)]
        made = b.grouped("scan.scan", {
            "length": [scan.length], "xs": [rows.get(x, x) for x in scan.xs],
            "init": [self._number(v) for v in scan.init], "rows": [*scan.rows, *scan.firsts]}, types, attrs,
            [Region([inner])])
        for old, new in zip(scan.op.results, made.results, strict=True):
            new.name = old.name
        return made

    def _step(self, b: Builder, op: Op) -> None:
        """One op of the step, on numbers."""
        if op.name == "linalg.generic":
            nest = Nest(op)
            self.numbers |= {read.arg: self._number(read.value) for read in nest.reads}
            for inner in op.body.ops[:-1]:
                clone_op(inner, self.numbers, b.insert)
            self.numbers |= {result: self._number(v) for result, v in zip(op.results, nest.elements, strict=True)}
        elif op.name == "tensor.splat":
            self.numbers[op.result] = self._number(operand(op, "value"))
        elif op.name != "tensor.empty":
            made = b.make(op.name, [self._number(v) for v in op.operands], [t.element(v.type) for v in op.results],
                          dict(op.attrs))
            for old, new in zip(op.results, made.results, strict=True):
                self.numbers[old], new.name = new, old.name

    def _number(self, value: Value) -> Value:
        """A series' own of an array, or a number."""
        splat = _splat_of(value) if value not in self.numbers else None
        return self.numbers.get(value, value) if splat is None else splat


def _splat_of(value: Value) -> Value | None:
    """The number that all elements of an array are, if it is made so."""
    return operand(value.op, "value") if value.op is not None and value.op.name == "tensor.splat" else None


def _shape(value: Value) -> tuple[int | None, ...]:
    assert isinstance(value.type, t.TensorType)
    return value.type.shape


def _flipped(value: Value) -> t.TensorType:
    return t.TensorType(_shape(value)[::-1], t.element(value.type))


def _columns(b: Builder, value: Value) -> Value:
    """A value of which `_turned_of` knows, transposed."""
    made = value.op
    assert made is not None
    source = operand(made, "source")
    return source if made.name == "scan.transpose" else _slice_of(b, made, _columns(b, source))


def _slice_of(b: Builder, op: Op, matrix: Value) -> Value:
    """What a slice takes, of the transposed matrix."""
    groups, attrs = slice_parts(*(entries(op, column)[::-1] for column in COLUMNS))
    return b.grouped("tensor.extract_slice", {"source": [matrix], **groups}, [_flipped(op.result)], attrs).result


def _inserted(b: Builder, rows: Value, room: Value, n: Value, stack: Stack) -> Value:
    """All that there are of some rows, in the room for them."""
    groups, attrs = slice_parts([0, 0], [n, stack.rows], [1, 1])
    return b.grouped("tensor.insert_slice", {"source": [rows], "dest": [room], **groups}, [room.type], attrs).result


def _hand_on(rows: Value, columns: Value) -> None:
    """Let readers of rows read the transposed matrix instead."""
    for user in list(rows.uses):
        assert user.parent is not None
        b = Builder(user.parent, user, user.location)
        if user.name == "scan.transpose":
            user.replace_by([columns])
        elif user.name == "tensor.extract_slice":
            _hand_on(user.result, _slice_of(b, user, columns))
            user.erase()
        else:
            turned = b.op("scan.transpose", [columns], [rows.type], {"permutation": t.DenseArray(t.i64, (1, 0))})
            user.operands = [turned if v is rows else v for v in user.operands]
