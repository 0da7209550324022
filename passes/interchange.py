"""Take time inside where series are rows of matrices: a scan over columns becomes one over rows, of scans of numbers.

    %xt = scan.transpose %x                       %y = scan.scan(%rows, %x) {
    %yt = scan.scan(%n, %xt, %zeros) {              ^bb0(%i, %x_i):
      ^bb0(%t, %x_t, %s):                   ->        %y_i = scan.scan(%n, %x_i, 0) {
        %s_next = ... elementwise ...                   ... the same, of numbers ... }
        scan.yield(%s_next, %s_next) }                scan.yield(%y_i) }
    %y = scan.transpose %yt

Why: a matrix whose rows are series lies along time; step by step, each step needs a column, and the matrix is copied
transposed before the loop, its result after it. Of scans over rows `row-lanes` makes lanes, by tiles; what a gradient
keeps is rows as well (an average of 1,024 series of 1,000 steps, float64: 16 ns an element, 0.36 so).
Conservative: states are vectors; the step is elementwise; some sequence is a transposed matrix, or made of such, and
all others are, or are numbers; what the scan keeps is read transposed, or by such scans, elementwise ops between.
Sizes are known to be equal where a step runs.
Cost: linear. Runs after `licm` and `checks-first`, which take checks and what does not change out of the step, and
before `fuse`, so that the step is numbers for all that follow. Not for a GPU, whose threads are lanes.
Source: loop interchange (Wolfe, 1982; Allen and Kennedy, 1984).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constraints import shape_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, defined_in
from scancc.ir.equalities import equal_sizes
from scancc.ir.needs import TENSORS
from scancc.ir.ops import ELEMENTWISE, group, has_trait, is_pure, operand
from scancc.ir.parts import Nest, ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, rank
from scancc.ir.slices import COLUMNS, entries, slice_parts
from scancc.ir.wording import what

from .dce import dce

NEEDS = (TENSORS,)


def interchange(module: Op) -> None:
    """Interchange all such scans, each after those whose rows it reads."""
    turned = _Turned(module)
    for op, problem in turned.found.items():
        remark("interchange", op, problem is None, f"time stays the outer loop, though series are rows: {problem}"
               if problem else "series are rows of matrices: a loop over them, with time inside")
    if None in turned.found.values():
        columns = _Columns()
        for op in turned.ops:
            if turned.goes(op):
                _Interchange(ScanView(op), columns).run()
            elif _transposes(op) and operand(op, "source") in turned.held:
                op.replace_by([columns.of(operand(op, "source"))])
            elif op.results and op.results[0] in turned.held:
                columns.make(op)
        dce(module)  # the scans over time


# ---- where ----


class _Turned:
    """Which matrices are transposed ones: of the program, and what scans keep that will be interchanged.

    `found` has scans that read some, and why they are not interchanged. It begins with all that might be, of which
    those go that read other matrices, or of which others read what they keep. `held` has the matrices.
    """

    def __init__(self, module: Op) -> None:
        self.ops = [op for op in module.walk() if op.name == "scan.scan" or op.results and rank(op.results[0]) == 2]
        scans = [op for op in self.ops if op.name == "scan.scan" and any(rank(x) == 2 for x in ScanView(op).xs)]
        self.found: dict[Op, str | None] = {op: _problem(ScanView(op)) for op in scans}
        self.held: set[Value] = set()
        before = None
        while self.found and before != self.found:
            before = dict(self.found)
            self._narrow()

    def goes(self, op: Op) -> bool:
        """Whether a scan is interchanged."""
        return self.found.get(op, "") is None

    def _narrow(self) -> None:
        self.held = set()
        for op in self.ops:
            self.held.update(self._held_by(op))
        self.found = {op: problem for op, problem in self.found.items() if not self.held.isdisjoint(ScanView(op).xs)}
        turned: set[Value] = set()  # of which all readers read them so
        for op in reversed(self.ops):
            results = [v for v in op.results if v in self.held]
            turned.update(v for v in results if all(self._fits(user, turned) for user in v.uses))
        self.found = {op: problem or self._problem(ScanView(op), turned) for op, problem in self.found.items()}

    def _held_by(self, op: Op) -> Sequence[Value]:
        """The results of an op that are transposed matrices."""
        if op.name == "scan.scan":
            return ScanView(op).ys if self.goes(op) else []
        if _transposes(op):
            return [] if operand(op, "source") in self.held else op.results
        sources = [v for v in _sources(op) if _splat_of(v) is None]
        return op.results if sources and self.held.issuperset(sources) else []

    def _fits(self, user: Op, turned: set[Value]) -> bool:
        """Whether a reader of a transposed matrix reads it transposed, or is a scan that is interchanged."""
        return self.goes(user) or _transposes(user) or bool(_sources(user)) and user.results[0] in turned

    def _problem(self, scan: ScanView, turned: set[Value]) -> str | None:
        if not self.held.issuperset(x for x in scan.xs if rank(x) == 2):
            return "another sequence has a row for each step"
        return None if turned.issuperset(scan.ys) else "what it keeps is read as it lies, row for row"


def _transposes(op: Op) -> bool:
    return op.name == "scan.transpose" and op.attrs["permutation"].values == (1, 0)


def _sources(op: Op) -> list[Value]:
    """The matrices of whose elements, or rows, an op's result is made; none where it does something else."""
    if not op.results or rank(op.results[0]) != 2:
        return []
    if op.name == "tensor.extract_slice":
        return [operand(op, "source")] if rank(operand(op, "source")) == 2 else []
    if op.name == "linalg.generic":
        nest = Nest(op)
        plain = len(op.results) == 1 and nest.is_parallel and not nest.reduced and all(
            not rank(read.value) or read.dims == nest.identity for read in nest.reads)
        return [v for v in nest.inputs if rank(v)] if plain else []
    return [v for v in op.operands if rank(v)] if has_trait(op, ELEMENTWISE) else []


def _problem(scan: ScanView) -> str | None:
    if scan.until:
        return "`until` stops all at once"
    if any(depth != 1 for depth in scan.depths):
        return "the state has a ring of past rows"
    if any(rank(x) > 2 for x in scan.xs):
        return "another sequence has a matrix for each step"
    if any(rank(v) > 1 for v in scan.init) or not any(rank(v) for v in scan.init):
        return "the state is no vector"
    if any(rank(v) != 1 for v in scan.row_values):
        return "it keeps a number, or a matrix, for each step"
    if any(carry.final.uses and not rank(carry.init) for carry in scan.carries):
        return "the last value of a state is read that all series share"
    return next(filter(None, map(_obstacle, scan.op.body.ops[:-1])), None) or _size_problem(scan)


def _obstacle(op: Op) -> str | None:
    """Why an op of the step is not one of numbers for each series, or None."""
    if op.name == "linalg.generic":
        nest = Nest(op)
        own = all(rank(read.value) == 0 or read.dims == nest.identity for read in nest.reads)
        return None if nest.is_parallel and len(nest.kinds) == 1 and own and not any(
            rank(v) for inner in op.body.ops for v in inner.operands) else f"the step has {what(op)}"
    ranks = [rank(v) for v in [*op.operands, *op.results]]
    if op.name in ("tensor.splat", "tensor.empty"):
        return None if max(ranks) == 1 else f"the step has {what(op)}"
    if not any(ranks):
        return None if is_pure(op) and not op.regions else f"the step has {what(op)}"
    if has_trait(op, ELEMENTWISE) and max(ranks) == 1:
        return None
    return f"the step has {what(op)}"


def _size_problem(scan: ScanView) -> str | None:
    """Why the series of all arrays are not known to be as many."""
    first, *others = _sizes(scan)
    fits = all(equal_sizes(size, first, scan.op, scan.length) for size in others)
    return None if fits else "arrays may have other lengths"


def _sizes(scan: ScanView, splats: bool = True) -> Iterator[Value]:
    """How many series each array has; with `splats`, those of which all have the same number, too."""
    op = scan.op
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    arrays = [v for v in (*scan.init, *_invariants(scan)) if rank(v) and (splats or _splat_of(v) is None)]
    yield from (dims_of(b, array)[0] for array in arrays)
    for x in scan.xs:
        if rank(x) == 2:
            yield dims_of(b, x)[1]
    yield from (size for stack in scan.stacks for size in stack.dims)


def _invariants(scan: ScanView) -> list[Value]:
    """The arrays from outside that the step reads, or hands on."""
    body = scan.op.body
    used = (v for op in body.ops for v in op.operands if rank(v) and not defined_in(v, body))
    return list(dict.fromkeys(used))


# ---- the loops ----


class _Columns:
    """Transposed matrices as what they were before, or would be."""

    def __init__(self) -> None:
        self.made: dict[Value, Value] = {}

    def of(self, value: Value) -> Value:
        """A matrix that `_Turned` holds, or has the same number everywhere, transposed."""
        if value not in self.made:
            assert value.op is not None
            self.make(value.op)
        return self.made[value]

    def make(self, op: Op) -> None:
        self.made[op.result] = operand(op, "source") if _transposes(op) else self._made(op)

    def _made(self, op: Op) -> Value:
        assert op.parent is not None
        b, type = Builder(op.parent, op, op.location), _flipped(op.result)
        if op.name == "tensor.splat":
            return b.op(op.name, [operand(op, "value"), *group(op, "dims")[::-1]], [type])
        mapping = {v: self.of(v) for v in _sources(op)}
        if op.name == "tensor.extract_slice":
            groups, attrs = slice_parts(*(entries(op, column)[::-1] for column in COLUMNS))
            return b.grouped(op.name, {"source": list(mapping.values()), **groups}, [type], attrs).result
        if op.name == "linalg.generic":
            (out,) = Nest(op).outputs
            sizes = [size for size, n in zip(dims_of(b, out), shape_of(out.type), strict=True) if n is None]
            mapping[out] = b.op("tensor.empty", sizes[::-1], [_flipped(out)])
        made = clone_op(op, mapping, b.insert)
        made.result.type = type
        return made.result


class _Interchange:
    """A scan over time, and the one over series that it becomes."""

    def __init__(self, scan: ScanView, columns: _Columns) -> None:
        self.scan, self.columns = scan, columns
        self.numbers: dict[Value, Value] = {}  # a series' own of each array
        self.inner = Block([t.index])

    def run(self) -> None:
        op, scan = self.scan.op, self.scan
        assert op.parent is not None
        b, body = Builder(op.parent, op, op.location), Block([t.index])
        n, finals = self._length(b), [carry for carry in scan.carries if carry.final.uses]
        rooms = [self._room(b, n, stack) for stack in scan.stacks]
        inside = Builder(body, location=op.location)
        given, series = self._series(inside)
        kept = [*(series.finals[carry.final.index] for carry in finals), *series.ys]
        inside.make("scan.yield", kept)
        made = ScanView(b.grouped("scan.scan", {
            "length": [n], "xs": given, "rows": [n] * len(kept),
            "dims": [stack.rows for stack in scan.stacks if shape_of(stack.result.type)[0] is None]},
            [*(carry.final.type for carry in finals), *map(_flipped, scan.ys)], {"depths": [], "until": False},
            [Region([body])]))
        for carry, last in zip(finals, made.ys, strict=False):
            same = equal_sizes(dims_of(b, carry.init)[0], n, op)
            carry.final.replace_by(last if same else _inserted(b, last, carry.init, [n]))
        for stack, rows, room in zip(scan.stacks, made.ys[len(finals):], rooms, strict=True):
            rows.name = stack.result.name
            self.columns.made[stack.result] = rows if room is None else _inserted(b, rows, room, [n, stack.rows])

    def _series(self, b: Builder) -> tuple[list[Value], ScanView]:
        """What the loop over series reads, and the scan of one."""
        scan = self.scan
        matrices = list(dict.fromkeys(x for x in scan.xs if rank(x) == 2))
        arrays = [v for v in dict.fromkeys([*scan.init, *_invariants(scan)]) if rank(v) and _splat_of(v) is None]
        rows = {x: b.block.add_arg(t.TensorType(shape_of(x.type)[:1], t.element(x.type))) for x in matrices}
        self.numbers = {array: b.block.add_arg(t.element(array.type)) for array in arrays}
        return [*map(self.columns.of, matrices), *arrays], self._over_time(b, rows)

    def _length(self, b: Builder) -> Value:
        """How many series there are, where a step runs."""
        first, *others = dict.fromkeys(_sizes(self.scan, splats=False))
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

    def _over_time(self, b: Builder, rows: Mapping[Value, Value]) -> ScanView:
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
        attrs = {key: attr for key, attr in scan.op.attrs.items() if key in ("depths", "until", "strides")}
        types = [*(t.element(v.type) for v in scan.init),
                 *(t.TensorType(shape_of(y.type)[:1], t.element(y.type)) for y in scan.ys)]
        made = b.grouped("scan.scan", {
            "length": [scan.length], "xs": [rows.get(x, x) for x in scan.xs],
            "init": [self._number(v) for v in scan.init], "rows": [*scan.rows, *scan.firsts]}, types, attrs,
            [Region([inner])])
        for old, new in zip(scan.op.results, made.results, strict=True):
            new.name = old.name
        return ScanView(made)

    def _step(self, b: Builder, op: Op) -> None:
        """One op of the step, on numbers."""
        if op.name == "linalg.generic":
            nest = Nest(op)
            self.numbers.update((read.arg, self._number(read.value)) for read in nest.reads)
            for inner in op.body.ops[:-1]:
                clone_op(inner, self.numbers, b.insert)
            made = [self._number(element) for element in nest.elements]
            self.numbers.update(zip(op.results, made, strict=True))
        elif op.name == "tensor.splat":
            self.numbers[op.result] = self._number(operand(op, "value"))
        elif op.name != "tensor.empty":
            numbers = b.make(op.name, [self._number(v) for v in op.operands], [t.element(v.type) for v in op.results],
                             dict(op.attrs))
            for old, new in zip(op.results, numbers.results, strict=True):
                self.numbers[old] = new
                new.name = old.name

    def _number(self, value: Value) -> Value:
        """A series' own of an array, or a number."""
        splat = _splat_of(value) if value not in self.numbers else None
        return self.numbers.get(value, value) if splat is None else splat


def _splat_of(value: Value) -> Value | None:
    """The number that all elements of an array are, if it is made so."""
    return operand(value.op, "value") if value.op is not None and value.op.name == "tensor.splat" else None


def _flipped(value: Value) -> t.TensorType:
    return t.TensorType(shape_of(value.type)[::-1], t.element(value.type))


def _inserted(b: Builder, found: Value, dest: Value, sizes: Sequence[Value]) -> Value:
    """The first elements of an array replaced: all, where a step ran."""
    groups, attrs = slice_parts([0] * len(sizes), sizes, [1] * len(sizes))
    return b.grouped("tensor.insert_slice", {"source": [found], "dest": [dest], **groups}, [dest.type], attrs).result
