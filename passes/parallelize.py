"""Write a scan without states as operations on whole arrays.

    %y = scan.scan(%n, %m, %x) {                    %b = scan.broadcast(%x) to [%n, %k]
      %s = tensor.splat(%x_t) to [%k]         ->    %y = arith.mulf(%m, %b)
      %p = arith.mulf(%m_t, %s)
      scan.yield(%p) }

Why: no step needs another one, so that all of it is one vector loop, also where a row has three elements; and every
later pass knows what it is: it fuses with its readers, and of what these sum nothing is stored.
Where all sequences are read from the end, as gradients do, they are read from the front: the order shows nowhere.
Only there rows may be kept with the last one first: else the scan writes them where they belong.
A step that combines the elements of a row is one of these where rows are columns in memory (`sequences=x.T`): all
columns are combined side by side, and no array is transposed.
Conservative: a step that may fail, that combines elements of other rows or has other loops inside stays a scan: its
rows stay in the cache. So does one of which single rows are wanted, or extremes of all: `fuse-consumers` has given
these states.
Cost: linear. Runs after `licm`, which takes checks of sizes out of steps, and before `fuse`.
Source: affine-parallelize of MLIR; that maps are array operations is NumPy's.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value, clone_op, defined_in
from scancc.ir.equalities import equal_sizes
from scancc.ir.ops import ELEMENTWISE, NO_SPECULATION, group, has_trait, is_pure, operand
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import EVERY, remark
from scancc.ir.shapes import dims_of, dynamic_dims, fill, is_one_size, scratch
from scancc.ir.slices import Entry, constant_entries, entries, kept_axes, number_of, slice_parts
from scancc.ir.wording import what

MOST_OPS = 48  # of several results: of more, one loop nest would not make all, and what they share would be stored
SPREADING = ("tensor.splat", "scan.broadcast")


def parallelize(module: Op) -> None:
    """Write the scans of `module` that have no states as array operations."""
    for op in reversed(list(module.walk())):  # inner ones first
        if op.name != "scan.scan" or ScanView(op).init:
            continue
        reason = _obstacle(ScanView(op))
        if reason is None:
            remark("parallelize", op, True, "no step needs another one: all are one loop over arrays",
                   rows=(EVERY,) if _is_no_array(op) else ())
            _Lifted(ScanView(op)).run()
        else:
            remark("parallelize", op, False, f"it stays a loop over steps, though none needs another one: {reason}")


def _is_no_array(op: Op) -> bool:
    """Whether each result goes into the one loop that reads it, so that no array is left."""
    readers = [list(rows.uses) for rows in ScanView(op).ys]
    return all(len(users) == 1 and (has_trait(users[0], ELEMENTWISE) or users[0].name in ("scan.reduce", "scan.dot"))
               for users in readers)


def _obstacle(scan: ScanView) -> str | None:
    if scan.until:
        return "`until` may stop it"
    if not scan.rows or any(rows is not scan.length for rows in scan.rows):
        return "it keeps some rows only"
    if any(stack.stride < 0 for stack in scan.stacks) and not _is_turned(scan):
        return "it keeps the last row first"
    if "fast_math" in scan.op.attrs:
        return "it has a `fast_math` of its own"
    if len(scan.rows) > 1 and len(scan.op.body.ops) > MOST_OPS:
        return f"of several results a step of more than {MOST_OPS} operations would be no one loop"
    varying, columns = set(scan.op.body.args), _reads_columns(scan)
    for op in scan.op.body.ops[:-1]:
        if any(v in varying for v in op.operands):
            varying.update(op.results)
        if not (_is_liftable(op, scan, varying) or columns and _combines_a_row(op, varying)):
            return f"its step has {what(op)}"
    return None


def _reads_columns(scan: ScanView) -> bool:
    """Whether the rows of a sequence are columns in memory, whose elements lie apart."""
    made = [read.xs.op for read in scan.reads if read.arg.uses]
    return any(op is not None and op.name == "scan.transpose" and op.attrs["permutation"].values[0] == len(
        op.attrs["permutation"].values) - 1 for op in made)


def _combines_a_row(op: Op, varying: set[Value]) -> bool:
    return op.name == "scan.reduce" and op.result in varying and not isinstance(op.result.type, t.TensorType)


def _is_liftable(op: Op, scan: ScanView, varying: set[Value]) -> bool:
    if op.name in SPREADING:
        return not any(defined_in(size, scan.op.body) for size in group(op, "dims"))
    if not is_pure(op) or op.regions or len(op.results) != 1:
        return False
    if op.result not in varying:
        return op.name == "arith.constant" or has_trait(op, ELEMENTWISE) and not has_trait(op, NO_SPECULATION)
    return has_trait(op, ELEMENTWISE)


class _Lifted:
    """The operations on whole arrays, under construction: what each value of the step is for all steps."""

    def __init__(self, scan: ScanView) -> None:
        op = scan.op
        assert op.parent is not None
        self.scan, self.b = scan, Builder(op.parent, op, op.location)
        (self.steps, *_), *_ = (v.type.shape for v in scan.ys)  # type: ignore[attr-defined]
        self.turned = _is_turned(scan)
        self.whole: dict[Value, Value] = {}
        self.same: dict[Value, Value] = {}  # what is the same in each step

    def run(self) -> None:
        scan = self.scan
        if scan.counter.uses:
            b, type = self.b, t.TensorType((self.steps,), t.index)
            self.whole[scan.counter] = b.op(
                "scan.iota", [b.index(0), b.index(1), *dynamic_dims(type, [scan.length])], [type])
        for read in scan.reads:
            if read.arg.uses:
                self.whole[read.arg] = operand(read.xs.op, "source") if self.turned and read.xs.op is not None else (
                    self._first_rows(read.xs))
        for op in scan.op.body.ops[:-1]:
            self.b.location = op.location
            self._lift(op)
        for stack in scan.stacks:
            dims = self._dims(stack.value)
            made = self._sized(self._all_of(stack.value, dims), dims, stack)
            made = made if made.type == stack.result.type else self.b.op("tensor.cast", [made], [stack.result.type])
            made.name = made.name or stack.result.name
            self._hand_on(stack, made)
        scan.op.erase()

    def _sized(self, made: Value, dims: Sequence[Value], stack: Stack) -> Value:
        """Rows with the sizes that the scan gives them, which may be others where no step runs."""
        n = constant_of(self.scan.length)
        steps = self.scan.length if n is not None and n > 0 else None
        own = [size for known, size in zip(stack.row_shape, dims[1:], strict=True) if known is None]
        if all(is_one_size(a, b) or equal_sizes(a, b, self.scan.op, steps)
               for a, b in zip(own, stack.dims, strict=True)):
            return made
        row = t.TensorType(stack.row_shape, t.element(made.type))
        wanted = [self.scan.length, *fill(self.b, row, stack.dims)]
        shape = [self.steps, *map(constant_of, wanted[1:])]
        groups, attrs = slice_parts([0] * len(wanted), constant_entries(wanted), [1] * len(wanted))
        return self.b.grouped("tensor.extract_slice", {"source": [made], **groups},
                              [t.TensorType(tuple(shape), row.element)], attrs).result

    def _hand_on(self, stack: Stack, new: Value) -> None:
        """Give the rows to their readers, in the order of the stack, which may be from the last one to the first."""
        old = stack.result
        if self.turned == (stack.stride < 0):
            old.replace_by(new)
            return
        for user in list(old.uses):
            if user.name == "tensor.extract_slice" and _turns(user, self.scan):
                user.replace_by([new])
        if old.uses:
            old.replace_by(_turned(self.b, new, self.scan.length))

    def _type(self, row: t.Type) -> t.TensorType:
        shape = row.shape if isinstance(row, t.TensorType) else ()
        return t.TensorType((self.steps, *shape), t.element(row))

    def _dims(self, row: Value) -> list[Value]:
        return [self.scan.length, *(dims_of(self.b, row) if isinstance(row.type, t.TensorType) else [])]

    def _first_rows(self, xs: Value) -> Value:
        """The rows of a sequence that the steps read."""
        sizes, type = dims_of(self.b, xs), xs.type
        assert isinstance(type, t.TensorType)
        wanted = t.TensorType((self.steps, *type.shape[1:]), type.element)
        if equal_sizes(sizes[0], self.scan.length, self.scan.op):
            return xs if type == wanted else self.b.op("tensor.cast", [xs], [wanted])
        lengths = [n if n is not None else size for n, size in zip(
            wanted.shape, [self.scan.length, *sizes[1:]], strict=True)]
        groups, attrs = slice_parts([0] * len(lengths), lengths, [1] * len(lengths))
        return self.b.grouped("tensor.extract_slice", {"source": [xs], **groups}, [wanted], attrs).result

    def _lift(self, op: Op) -> None:
        if not any(v in self.whole for v in op.operands):
            clone_op(op, self.same, self.b.insert)
            return
        dims = self._dims(op.result)
        if op.name in SPREADING:
            source = operand(op, "value" if op.name == "tensor.splat" else "source")
            axes = () if op.name == "tensor.splat" else op.attrs["axes"].values
            axes = [0, *(axis + 1 for axis in axes)]
            self.whole[op.result] = self._spread(self.whole[source], axes, op.result, dims)
        elif op.name == "scan.reduce":
            self.whole[op.result] = self._combined(op)
        else:
            operands = [self._all_of(v, dims) for v in op.operands]
            made = self.b.make(op.name, operands, [self._type(op.result.type)], dict(op.attrs))
            self.whole[op.result] = made.result
        self.whole[op.result].name = op.result.name

    def _combined(self, op: Op) -> Value:
        """Of each row a number: of all rows a combination along the axes behind the first one."""
        row = operand(op, "source")
        axes = t.DenseArray(t.i64, tuple(axis + 1 for axis in op.attrs["axes"].values))
        return self.b.op(op.name, [self._all_of(row, self._dims(row))], [self._type(op.result.type)],
                         dict(op.attrs) | {"axes": axes})

    def _all_of(self, value: Value, dims: Sequence[Value]) -> Value:
        """A value in all steps."""
        if value in self.whole:
            return self.whole[value]
        known, type = self.same.get(value, value), self._type(value.type)
        if not isinstance(value.type, t.TensorType):
            return self.b.op("tensor.splat", [known, *dynamic_dims(type, list(dims))], [type])
        return self._spread(known, range(1, len(type.shape)), value, dims)

    def _spread(self, source: Value, axes: Sequence[int], row: Value, dims: Sequence[Value]) -> Value:
        type = self._type(row.type)
        return self.b.op("scan.broadcast", [source, *dynamic_dims(type, list(dims))], [type],
                         {"axes": t.DenseArray(t.i64, tuple(axes))})


# ---- rows from the end ----


def _is_turned(scan: ScanView) -> bool:
    """Whether all that the steps differ in are sequences that they read from the end to the front."""
    used = [read.xs for read in scan.reads if read.arg.uses]
    return bool(used) and not scan.counter.uses and all(
        xs.op is not None and _turns(xs.op, scan) and operand(xs.op, "source").type == xs.type for xs in used)


def _turns(op: Op, scan: ScanView) -> bool:
    """Whether an op reads an array of as many rows as the scan has steps, from the end to the front."""
    if op.name != "tensor.extract_slice" or len(kept_axes(op)) != len(entries(op, "sizes")):
        return False
    offsets, sizes, strides = (entries(op, column) for column in ("offsets", "sizes", "strides"))
    if strides != [-1, *[1] * (len(strides) - 1)] or offsets[1:] != [0] * (len(offsets) - 1):
        return False
    with scratch() as b:
        wanted = constant_entries(dims_of(b, operand(op, "source")))
        return all(_is_one(size, n, scan) for size, n in zip(sizes, wanted, strict=True)) and (
            _is_one(sizes[0], constant_entries([scan.length])[0], scan) and _is_last(offsets[0], scan))


def _is_one(size: Entry, other: Entry, scan: ScanView) -> bool:
    if isinstance(size, int) or isinstance(other, int):
        return size == other
    return equal_sizes(size, other, scan.op)


def _is_last(offset: Entry, scan: ScanView) -> bool:
    """Whether an offset is the number of the last step."""
    n = constant_of(scan.length)
    if isinstance(offset, int) or n is not None:
        return n is not None and n - 1 == number_of(offset)
    made = offset.op
    if made is None or made.name not in ("arith.subi", "arith.addi"):
        return False
    size, step = made.operands
    return constant_of(step) == (1 if made.name == "arith.subi" else -1) and equal_sizes(size, scan.length, scan.op)


def _turned(b: Builder, value: Value, length: Value) -> Value:
    """The rows from the end to the front."""
    sizes = constant_entries([length, *dims_of(b, value)[1:]])
    (first,) = constant_entries([b.subi(length, b.index(1))])
    rest = len(sizes) - 1
    groups, attrs = slice_parts([first, *[0] * rest], sizes, [-1, *[1] * rest])
    return b.grouped("tensor.extract_slice", {"source": [value], **groups}, [value.type], attrs).result
