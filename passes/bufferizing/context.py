"""What bufferization knows: where each value lives, its sizes, and where it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scancc.errors import UnsupportedError
from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Attributes, Block, Op, Region, Value, clone_op
from scancc.ir.ops import group, operand
from scancc.ir.slices import Entry, constant_entries, fitting_axes, slice_parts

from .equal_sizes import EqualSizes

if TYPE_CHECKING:
    from .places import Places
    from .small_solvers import Eliminated
    from .two_rows import Cofactors
    from .windows import Window


class Context:
    """The state of bufferizing one function."""

    def __init__(self, b: Builder, places: Places) -> None:
        self.b = b
        self.places = places
        self.windows: dict[Value, Window] = {}  # a state that moves along its buffer
        self.env: dict[Value, Value] = {}   # old value -> scalar, or buffer that holds it
        self.dims: dict[Value, list[Value]] = {}  # buffer -> its sizes
        self.dest: dict[Value, Value] = {}  # old array value -> buffer in which it is wanted
        self.free: set[Value] = set()       # such buffers within loops that nobody reads until all of them is written
        self.base: dict[Value, Value] = {}  # view of the first rows -> the buffer it is a view of
        self.rings: dict[Value, Value] = {} # window of past rows -> the step, which turns its ring
        self.oldest: dict[Value, Value] = {}  # window in a ring that is there twice -> where it begins
        self.past: dict[Value, Sequence[Value]] = {}  # window of past rows -> each row, the oldest first
        self.outputs: set[Value] = set()    # the function's
        self.results: list[Value] = []      # of the last loop
        self.in_rows = True                 # rows of a result may be accumulated in memory
        self.in_registers = 0               # numbers of a state or a row for which registers are looked for
        self.product_parts = 1              # of a product outside of loops, which threads may share
        self.grow_rows = False              # the caller may guess how many rows an `until` scan has
        self.n_inputs = 0                   # of the function, beside
        self.n_guesses = 0                  # sizes that its caller guesses
        self.steps: dict[Op, int | None] = {}  # check in a loop over time -> which of its numbers is the step
        self.equal = EqualSizes()           # sizes that checks found equal
        self.eliminated: dict[Value, Eliminated] = {}  # small matrix -> what elimination made of it
        self.cofactors: dict[Value, Cofactors] = {}    # matrix of two rows -> its determinant and cofactors
        self.determinants: dict[Op, Value] = {}  # op behind an inverse of the same matrix -> what that found

    # ---- lookups ----

    def get(self, value: Value) -> Value:
        return self.env[value]

    def entry(self, entry: Entry) -> Value:
        """A part of a slice, or a size, that may be a number."""
        return self.b.index(entry) if isinstance(entry, int) else self.env[entry]

    def scalars(self, values: Sequence[Value]) -> list[Value]:
        return [self.env[v] for v in values]

    def sizes(self, buffer: Value) -> list[Value]:
        return self.dims[buffer]

    def length(self, size: Value) -> Value:
        """The end of a loop over `size`: one value for all equal sizes, a constant where they are short."""
        best = self.equal.best(size)
        return best if isinstance(best, Value) else self.b.index(best)

    # ---- buffers ----

    def is_in_registers(self, type: t.Type) -> bool:
        """Whether a buffer of its own for so few numbers, as is known, is registers (`promote-buffers-to-stack`)."""
        return 0 < t.n_elements(type) <= self.in_registers

    def alloc(self, element: t.Type, dims: Sequence[Value], name: str | None = None) -> Value:
        """A new buffer with these sizes."""
        known = [constant_of(d) for d in dims]
        type = t.MemRefType(tuple(known), element)
        dynamic = [d for d, n in zip(dims, known, strict=True) if n is None]
        buffer = self.b.grouped("memref.alloc", {"dims": dynamic}, [type]).result
        buffer.name = name
        self.dims[buffer] = list(dims)
        return buffer

    def is_free(self, wanted: Value) -> bool:
        """Whether nobody reads a buffer in which an array is wanted until all of it is written."""
        return wanted in self.free or wanted in self.outputs

    def target(self, value: Value, dims: Sequence[Value]) -> Value:
        """The buffer of the operand over which array `value` is made, that in which it is wanted, its place in an
        array that it is joined to others in or written into, or a new one."""
        if value in self.places.ties:
            return self.get(self.places.ties[value])
        wanted = self.dest.pop(value, None)
        if wanted is not None and wanted in self.outputs and (
                any(map(is_counted, dims)) or self._has_other_shape(wanted, value.type)):
            return self.first_part(wanted, dims)
        if wanted is not None:
            self.dims.setdefault(wanted, list(dims))
            return wanted
        place = self.places.joins.place(self, value, dims) or self.places.inserts.place(self, value, dims)
        return self.alloc(t.element(value.type), dims, value.name) if place is None else place

    def _has_other_shape(self, output: Value, type: t.Type) -> bool:
        """Whether an array is returned in another shape than this, of its type."""
        assert isinstance(output.type, t.MemRefType) and isinstance(type, t.TensorType)
        return output.type.shape != type.shape

    def set(self, value: Value, buffer: Value) -> None:
        self.env[value] = buffer
        if buffer.name is None:
            buffer.name = value.name

    def copy(self, source: Value, dest: Value) -> None:
        if source is not dest:
            self.b.make("memref.copy", [source, dest])

    def load(self, buffer: Value, indices: Sequence[Value]) -> Value:
        return self.b.op("memref.load", [buffer, *indices], [t.element(buffer.type)])

    def store(self, value: Value, buffer: Value, indices: Sequence[Value]) -> None:
        self.b.make("memref.store", [value, buffer, *indices])

    def subview(self, buffer: Value, offsets: Sequence[Value], sizes: Sequence[Value],
                steps: Sequence[Value], kept: Sequence[int]) -> Value:
        """A part of `buffer`; axes not in `kept` have size 1 and go, or others that do: a view tells by its sizes."""
        known, steps_known = [constant_of(s) for s in sizes], [constant_of(s) for s in steps]
        groups, attrs = slice_parts(offsets, constant_entries(sizes), constant_entries(steps))
        source, shape = strides_of(buffer.type), tuple(known[a] for a in kept)
        fitting = fitting_axes(attrs["static_sizes"].values, shape)
        assert fitting is not None
        strides = tuple(_times(source[a], steps_known[a]) for a in fitting)
        type = t.MemRefType(shape, t.element(buffer.type), strides)
        view = self.b.grouped("memref.subview", {"source": [buffer], **groups}, [type], attrs).result
        self.dims[view] = [sizes[a] for a in kept]
        return view

    def row(self, buffer: Value, at: Value) -> Value:
        """Row `at` of a buffer."""
        sizes = self.sizes(buffer)
        zero, one = self.b.index(0), self.b.index(1)
        rank = len(sizes)
        return self.subview(buffer, [at, *[zero] * (rank - 1)], [one, *sizes[1:]], [one] * rank,
                            range(1, rank))

    def reshape(self, buffer: Value, dims: Sequence[Value]) -> Value:
        """The same contiguous elements in another shape."""
        known = [constant_of(d) for d in dims]
        type = t.MemRefType(tuple(known), t.element(buffer.type))
        made = self.b.op("scan.buffer_reshape",
                         [buffer, *[d for d, n in zip(dims, known, strict=True) if n is None]], [type])
        self.dims[made] = list(dims)
        return made

    def first_part(self, output: Value, dims: Sequence[Value]) -> Value:
        """An array at the start of an output buffer that may be too large for it: without gaps, so that the
        caller needs only its sizes to read it."""
        view = self.reshape(output, dims)
        self.base[view] = output
        return view

    def contiguous(self, buffer: Value) -> Value:
        """`buffer` itself, or a copy, with row-major layout."""
        return buffer if is_contiguous(buffer.type) else self.own_copy(buffer)

    def own_copy(self, buffer: Value) -> Value:
        """A new buffer that holds the same."""
        copy = self.alloc(t.element(buffer.type), self.sizes(buffer), buffer.name)
        self.copy(buffer, copy)
        return copy

    # ---- loops ----

    @contextmanager
    def loop(self, size: Value, attrs: Attributes | None = None) -> Iterator[Value]:
        """A loop over 0..size with nothing carried; gives the counter."""
        with self.carrying_loop(size, [], attrs) as (counter, _, finish):
            yield counter
            finish([])

    @contextmanager
    def span(self, first: Value, end: Value, step: int = 1) -> Iterator[Value]:
        """A loop from `first` to `end` with nothing carried; gives the counter."""
        with self.carrying_loop(end, [], start=first, step=step) as (counter, _, finish):
            yield counter
            finish([])

    @contextmanager
    def carrying_loop(self, end: Value, init: Sequence[Value], attrs: Attributes | None = None,
                      start: Value | None = None, step: int = 1,
                      ) -> Iterator[tuple[Value, list[Value], Callable[[Sequence[Value]], None]]]:
        """A loop from `start` (0) to `end`; gives counter, carried values and the function that ends the body.

        The results are in `self.results` after the block.
        """
        b = self.b
        block = Block([t.index, *[v.type for v in init]])
        counter, *args = block.args
        for arg, value in zip(args, init, strict=True):
            arg.name = value.name
        self.same_sizes(init, args)
        bounds = [b.index(0) if start is None else start, self.length(end), b.index(step)]

        def finish(values: Sequence[Value]) -> None:
            b.make("scf.yield", list(values))

        with b.at(block), self.runs(end):
            yield counter, args, finish
        op = b.make("scf.for", [*bounds, *init], [v.type for v in init], attrs, [Region([block])])
        self.same_sizes(init, op.results)
        self.results = op.results

    @contextmanager
    def runs(self, end: Value) -> Iterator[None]:
        """The body of a loop to `end`, which is then more than none."""
        self.equal.running.append(end)
        yield
        self.equal.running.pop()

    def same_sizes(self, before: Sequence[Value], after: Sequence[Value]) -> None:
        """Buffers that a loop carries keep their sizes."""
        for old, new in zip(before, after, strict=True):
            if old in self.dims:
                self.dims[new] = self.dims[old]

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Ops that run only if `condition` holds."""
        then, other = Block(), Block()
        with self.b.at(then):
            yield
            self.b.make("scf.yield")
        with self.b.at(other):
            self.b.make("scf.yield")
        self.b.make("scf.if", [condition], [], None, [Region([then]), Region([other])])

    def rarely(self, condition: Value, made: Callable[[], Sequence[Value]], others: Sequence[Value]) -> list[Value]:
        """What is `made` where a condition holds that rarely does, else `others`, which wait for nothing."""
        return self.either(condition, made, lambda: others, likely=0)

    def either(self, condition: Value, made: Callable[[], Sequence[Value]], others: Callable[[], Sequence[Value]],
               likely: int | None = None) -> list[Value]:
        """What is `made` where a condition holds, else what the `others` are."""
        sides, values = [Block(), Block()], list[Sequence[Value]]()
        for side, make in zip(sides, (made, others), strict=True):
            with self.b.at(side):
                values.append(make())
                self.b.make("scf.yield", values[-1])
        mark = None if likely is None else {"likely": t.IntAttr(likely, t.i64)}
        return self.b.make("scf.if", [condition], [v.type for v in values[0]], mark,
                           [Region([side]) for side in sides]).results

    def in_order(self, sizes: Sequence[Value], body: Callable[[list[Value]], None],
                 counters: tuple[Value, ...] = ()) -> None:
        """Loops over `sizes` that must run in order, around `body(counters)`."""
        if not sizes:
            body(list(counters))
            return
        with self.loop(sizes[0]) as counter:
            self.in_order(sizes[1:], body, (*counters, counter))

    # ---- conversion ----

    def clone_scalar(self, op: Op) -> Op:
        """A scalar op stays as it is, but for its place in a step, of which there is none any more."""
        made = clone_op(op, self.env, self.b.insert)
        made.attrs.pop("slice", None)
        return made

    def block(self, block: Block) -> None:
        """Convert all ops of `block` but its terminator."""
        for op in block.ops[:-1]:
            self.convert(op)

    def convert(self, op: Op) -> None:
        self.b.location = op.location
        converter = CONVERTERS.get(op.name)
        if converter is not None:
            converter(self, op)
        elif any(isinstance(v.type, t.TensorType) for v in [*op.operands, *op.results]) or op.regions:
            raise UnsupportedError(f"'{op.name}' has no loops yet; its program can run in mode='reference'")
        else:
            self.clone_scalar(op)


Converter = Callable[[Context, Op], None]

CONVERTERS: dict[str, Converter] = {}
AT_TARGET: set[str] = set()  # ops whose converter writes an array where it is wanted (`Context.target`)


def converts(*names: str, at_target: bool = False) -> Callable[[Converter], Converter]:
    """Declare how the ops called `names` become loops."""
    def register(function: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(names, function))
        if at_target:
            AT_TARGET.update(names)
        return function
    return register


def goes_to_target(value: Value, block: Block) -> bool:
    """Whether `value` is an array that an op of `block` makes and can make anywhere."""
    made = value.op
    return (isinstance(value.type, t.TensorType) and made is not None and made.parent is block
            and made.name in AT_TARGET)


def is_counted(size: Value) -> bool:
    """True if a size is known only after a loop has run, so that a buffer for it has room for more."""
    stack, seen = [size], set()
    while stack:
        op = stack.pop().op
        if op is None or op in seen:
            continue
        loads = op.name == "memref.load"
        if op.regions or loads and (group(op, "indices") or operand(op, "source").op is not None):
            return True  # made by a loop, or read from an array that one may have filled
        seen.add(op)
        stack.extend(op.operands)
    return False


def _times(stride: int | None, step: int | None) -> int | None:
    return None if stride is None or step is None else stride * step


def strides_of(type: t.Type) -> tuple[int | None, ...]:
    """Element strides of a buffer type, None where known at run time."""
    assert isinstance(type, t.MemRefType)
    if type.strides is not None:
        return type.strides
    strides: list[int | None] = [1] * len(type.shape)
    for axis in range(len(type.shape) - 2, -1, -1):
        step, size = strides[axis + 1], type.shape[axis + 1]
        strides[axis] = None if step is None or size is None else step * size
    return tuple(strides)


def is_contiguous(type: t.Type) -> bool:
    """True if the layout is known to be row-major."""
    return isinstance(type, t.MemRefType) and (type.strides is None or not type.shape)
