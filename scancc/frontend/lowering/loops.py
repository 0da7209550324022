"""Scan, checks and lazy choice.

A short lag of scalars becomes that many carries in registers; other lags deeper than one become one
carry with a depth. Sizes of the rows that a scan stacks are computed before the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

from scancc.frontend.graph.site import described
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.scan_op import STEADY, Carry, Scan, shape_message
from scancc.frontend.lowering.context import Lowering, ir_type, lowers, tensor_type
from scancc.frontend.lowering.shaping import is_size
from scancc.frontend.lowering.slices import extract_slice
from scancc.frontend.ops.control import Check, Detach, Draw, GradientFilter, IfElse, Show
from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.fast_math import allow
from scancc.ir.ops import CHECKS, PURE, has_trait
from scancc.ir.parts import Branch, ScanView
from scancc.ir.shapes import dynamic_dims
from scancc.late_dataclasses import dataclass

MAX_REGISTERS = 8  # a scalar lag up to this long is kept in registers
MAX_REGISTERS_OF_NEWEST = 16  # where the step waits for the row before; else as many rows run at once as the lag has


@lowers(Check)
def check(low: Lowering, node: Apply) -> Sequence[Value]:
    value, condition, *info = low.inputs(node)
    op = node.op
    assert isinstance(op, Check)
    low.require(condition, op.error.__name__, numbered(op.message), *(low.index(v) for v in info))
    return [value]


@lowers(Draw)
def draw(low: Lowering, node: Apply) -> Sequence[Value]:
    return low.inputs(node)[:2]


@lowers(Detach, GradientFilter, Show)
def detach(low: Lowering, node: Apply) -> Sequence[Value]:
    """Gradients stop or change here, or a value is shown; it goes on."""
    return [low.inputs(node)[0]]


@lowers(IfElse)
def if_else(low: Lowering, node: Apply) -> Sequence[Value]:
    """`scf.if` whose regions hold what only their side needs; sizes of arrays are results beside them."""
    op = node.op
    assert isinstance(op, IfElse)
    inputs = op.inputs_of(node.inputs)
    condition = _truth(low, low.env[inputs.condition])
    sides = [_side(low, side) for side in (inputs.then, inputs.otherwise)]
    dims = zip(*(side.dims for side in sides), strict=True)
    shapes = [_shape_of_both(v.type.shape, *both) for v, both in zip(node.outputs, dims, strict=True)]
    regions = [_yielding(low, side, shapes) for side in sides]
    types = [t.TensorType(s, t.scalar(v.type.dtype)) if s else ir_type(v.type)
             for v, s in zip(node.outputs, shapes, strict=True)]
    sizes = [t.index for shape in shapes for n in shape if n is None]
    made = low.b.make("scf.if", [condition], [*types, *sizes], None, regions)
    choices = iter(Branch(made).choices)
    values = [next(choices).result for _ in shapes]
    dynamic = (size.then if size.then is size.otherwise else size.result for size in choices)
    for value, shape in zip(values, shapes, strict=True):
        if shape:
            low.record(value, [next(dynamic) if n is None else low.b.index(n) for n in shape])
            low.extents.trust(low.dims(value))
    return values


class _Side(NamedTuple):
    """One side of a choice: its block, without an end, its values and their sizes."""

    block: Block
    values: list[Value]
    dims: list[Sequence[Value]]


def _side(low: Lowering, variables: Sequence[Variable]) -> _Side:
    block = Block()
    with low.scope(), low.b.at(block):
        values = low.values(variables)
        return _Side(block, values, [low.dims(v) for v in values])


def _shape_of_both(shape: Sequence[int | None], then: Sequence[Value], otherwise: Sequence[Value],
                   ) -> tuple[int | None, ...]:
    """The lengths of a choice that are known: by its type, or by both sides, but for 1, which may stretch."""
    pairs = zip(shape, map(constant_of, then), map(constant_of, otherwise), strict=True)
    return tuple(a if n is None and a == b != 1 else n for n, a, b in pairs)


def _yielding(low: Lowering, side: _Side, shapes: Sequence[tuple[int | None, ...]]) -> Region:
    """A region that yields one side's values, then the sizes that their types leave open."""
    with low.scope(), low.b.at(side.block):
        values = [low.cast_type(v, t.TensorType(shape, t.element(v.type))) if shape else v
                  for v, shape in zip(side.values, shapes, strict=True)]
        sizes = [d for dims, shape in zip(side.dims, shapes, strict=True)
                 for d, n in zip(dims, shape, strict=True) if n is None]
        low.b.make("scf.yield", [*values, *sizes])
    return Region([side.block])


def numbered(message: str) -> str:
    """`{}` in the order in which they stand as `{0}`, `{1}`, ..."""
    parts = message.split("{}")
    return parts[0] + "".join(f"{{{i}}}{part}" for i, part in enumerate(parts[1:]))


@dataclass
class _Carries:
    """Carries of the IR's scan that one carry of the graph becomes."""

    init: list[Value]
    depths: list[int]
    args: list[Value] = field(default_factory=list)


@lowers(Scan)
def scan(low: Lowering, node: Apply) -> Sequence[Value]:
    return _ScanLowering(low, node).run()


class _ScanLowering:
    def __init__(self, low: Lowering, node: Apply) -> None:
        op = node.op
        assert isinstance(op, Scan)
        self.low, self.node, self.op, self.body = low, node, op, op.body
        self.inputs = op.inputs_of(node.inputs)
        self.block = Block([t.index])
        self.block.args[0].name = "t"

    def run(self) -> list[Value]:
        low, body = self.low, self.body
        self.location = low.b.location
        self.length = low.index(low.env[self.inputs.length])
        if not _has_a_name(self.length):
            self.length.name = "n_steps"
        if not self._length_is_checked():
            low.require(low.b.cmpi("sge", self.length, low.b.index(0)), "IndexError",
                        f"{self.op.name}: the number of steps is {{0}}; it must be 0 or more", self.length)
        self.bound = _Bound(self.length)
        xs = [self._sequence(var, inner) for var, inner in zip(self.inputs.xs, body.xs, strict=True)]
        self.carries = [self._carry(c, var, i)
                        for i, (c, var) in enumerate(zip(body.carry, self.inputs.inits, strict=True))]
        for inner, outer in zip(body.consts, self.inputs.consts, strict=True):
            low.env[inner] = low.env[outer]
        yielded = self._step()
        return self._make(xs, yielded)

    def _length_is_checked(self) -> bool:
        """True for a size, and for an `n_steps` that comes with its own check."""
        node = self.inputs.length.owner
        return is_size(self.length) or (node is not None and isinstance(node.op, Check))

    # ---- what goes in ----

    def _sequence(self, var: Variable, inner: Variable) -> Value:
        low = self.low
        value = low.env[var]
        sizes = low.dims(value)
        if not self.bound.is_in(sizes[0]):
            low.require(low.b.cmpi("sge", sizes[0], self.length), "ValueError",
                        f"{self.op.name}: sequence {inner} has {{0}} rows for {{1}} steps", sizes[0],
                        self.length)
        type = tensor_type(sizes[1:], t.element(value.type)) if len(sizes) > 1 else t.element(value.type)
        arg = self.block.add_arg(type, inner.name)
        if len(sizes) > 1:
            low.record(arg, sizes[1:])
        low.env[inner] = arg
        return value

    def _carry(self, carry: Carry, var: Variable, number: int) -> _Carries:
        low = self.low
        init = low.env[var]
        if carry.depth == 1:
            made = _Carries([self._row_init(init, carry)], [1])
            self._add_args(made, carry.taps[0][1].name if carry.taps else carry.next.name)
            for _, inner in carry.taps:
                low.env[inner] = made.args[0]
            return made
        self._check_depth(carry, init)
        rank = len(low.dims(init))
        waits = any(tap == -1 for tap, _ in carry.taps)
        if rank == 1 and carry.depth <= (MAX_REGISTERS_OF_NEWEST if waits else MAX_REGISTERS):
            return self._register_carry(carry, init)
        return self._ring_carry(carry, init)

    def _row_init(self, init: Value, carry: Carry) -> Value:
        """The initial row under the type that all rows have."""
        if not isinstance(init.type, t.TensorType):
            return init
        known = carry.next.type.shape
        for axis, (n, size) in enumerate(zip(known, self.low.dims(init), strict=True)):
            if n is not None:
                self.low.require_equal(size, self.low.b.index(n), shape_message(self.op.name, carry, axis))
        sizes = [self.low.b.index(n) if n is not None else s
                 for n, s in zip(known, self.low.dims(init), strict=True)]
        type = tensor_type(sizes, init.type.element)
        self.low.extents.trust(sizes)
        return init if type == init.type else self.low.record(
            self.low.b.op("tensor.cast", [init], [type]), sizes)

    def _row_message(self, number: int, position: int, axis: int) -> str:
        return (f"{self.op.name}: output {number}, {described(self.body.ys[position])}, has length {{0}} along axis "
                f"{axis} in the first step and {{1}} in another.\n  {STEADY}")

    def _check_depth(self, carry: Carry, init: Value) -> None:
        low = self.low
        low.require_equal(low.dims(init)[0], low.b.index(carry.depth),
                          f"{self.op.name}: the state {carry} needs {{1}} initial rows, not {{0}}")

    def _add_args(self, made: _Carries, name: str | None) -> None:
        for value in made.init:
            arg = self.block.add_arg(value.type, name)
            if value in self.low.sizes:
                self.low.record(arg, self.low.dims(value))
            made.args.append(arg)

    def _register_carry(self, carry: Carry, init: Value) -> _Carries:
        """Carries for the rows 1, 2, ... depth steps ago, newest first."""
        b = self.low.b
        rows = [b.op("tensor.extract", [init, b.index(carry.depth - k)], [t.element(init.type)])
                for k in range(1, carry.depth + 1)]
        made = _Carries(rows, [1] * carry.depth)
        self._add_args(made, None)
        for k, arg in enumerate(made.args, start=1):
            arg.name = f"{carry.next.name or 'state'}_tm{k}"
        for tap, inner in carry.taps:
            self.low.env[inner] = made.args[-tap - 1]
            made.args[-tap - 1].name = inner.name or made.args[-tap - 1].name
        return made

    def _ring_carry(self, carry: Carry, init: Value) -> _Carries:
        """One carry that is a window of the last rows; taps are slices of it."""
        low = self.low
        sizes = [low.b.index(carry.depth), *low.dims(init)[1:]]
        known = [low.b.index(n) if n is not None else s
                 for n, s in zip(carry.next.type.shape, sizes[1:], strict=True)]
        window = low.record(low.b.op(
            "tensor.cast", [init], [tensor_type([sizes[0], *known], t.element(init.type))]), [sizes[0], *known])
        low.extents.trust(low.dims(window))
        made = _Carries([window], [carry.depth])
        self._add_args(made, carry.next.name)
        with low.b.at(self.block):
            for tap, inner in carry.taps:
                low.env[inner] = take_row(low, made.args[0], low.b.index(carry.depth + tap))
                low.env[inner].name = inner.name
        return made

    # ---- the step ----

    def _step(self) -> list[list[Value]]:
        """Lower the body; give the values yielded: next carries, ys, stop."""
        low, body = self.low, self.body
        with low.scope(), low.b.at(self.block):
            stop = [] if body.stop is None else [body.stop]
            results = iter(low.values([*(c.next for c in body.carry), *body.ys, *stop]))
            onward = [self._next(carry, made, next(results))
                      for carry, made in zip(body.carry, self.carries, strict=True)]
            following = [v for values in onward for v in values]
            self.new_rows = [values[0] for values in onward]
            ys = [next(results) for _ in body.ys]
            conditions = [_truth(low, v) for v in results]
        return [following, ys, conditions]

    def _next(self, carry: Carry, made: _Carries, value: Value) -> list[Value]:
        if len(made.init) > 1:
            return [value, *made.args[:-1]]
        if not isinstance(value.type, t.TensorType):
            return [value]
        sizes = self.low.dims(made.args[0])[made.depths[0] > 1:]
        self._check_row(carry, value, sizes)
        return [self.low.cast_type(value, tensor_type(sizes, value.type.element))]

    def _check_row(self, carry: Carry, value: Value, wanted: Sequence[Value]) -> None:
        for axis, (before, after) in enumerate(zip(wanted, self.low.dims(value), strict=True)):
            self._require_size(before, after, shape_message(self.op.name, carry, axis))

    def _require_size(self, wanted: Value, size: Value, message: str) -> None:
        """A check before anything of that `size` is computed, which may be written straight into memory of another;
        after the checks of operands that come first, which say more."""
        ops = self.block.ops
        at = ops.index(size.op) + 1 if size.op is not None and size.op.parent is self.block else 0
        while at < len(ops) and not _computes_tensor(ops[at]):
            at += 1
        at = self._checks_ahead(at)
        with self.low.b.at(self.block, ops[at] if at < len(ops) else None):
            self.low.require_equal(wanted, size, message)

    def _checks_ahead(self, at: int) -> int:
        """Move checks behind the op at `at` that rest on none of what is computed there before it; its new place."""
        ops = self.block.ops
        if not any(op.name == "scan.check" for op in ops[at:]):
            return at
        waiting, needed = set(ops[at:]), set()
        for op in ops[at:]:
            if (op.name == "scan.check" or _is_of_sizes(op)) and waiting.isdisjoint(v.op for v in op.operands):
                waiting.discard(op)
        for op in reversed(ops[at:]):
            if op not in waiting and (op.name == "scan.check" or op in needed):
                needed.update({op, *(v.op for v in op.operands)})
        moved = [op for op in ops[at:] if op in needed]
        ops[at:] = [*moved, *(op for op in ops[at:] if op not in needed)]
        return at + len(moved)

    # ---- the op ----

    def _make(self, xs: list[Value], yielded: list[list[Value]]) -> list[Value]:
        low, body = self.low, self.body
        following, ys, stop = yielded
        traced = [n for n, carry in enumerate(body.carry) if carry.trace]
        stacked = [*(self.new_rows[n] for n in traced), *ys]
        row_sizes = [*map(self._state_sizes, traced), *self._row_sizes(ys, len(traced))]
        with low.b.at(self.block):
            low.b.location = self.location
            low.b.make("scan.yield", [*following, *stacked, *stop])
        init = [v for c in self.carries for v in c.init]
        types = [v.type for v in init] + [
            t.TensorType((self._static_rows(), *tensor_type(s, t.element(v.type)).shape), t.element(v.type))
            for v, s in zip(stacked, row_sizes, strict=True)]
        dims = [d for v, s in zip(stacked, row_sizes, strict=True)
                for d in dynamic_dims(tensor_type(s, t.element(v.type)), s)]
        attrs = {"depths": [t.IntAttr(d, t.i64) for c in self.carries for d in c.depths], "until": bool(stop)}
        attrs |= {"name": self.op.label} if self.op.label is not None else {}
        attrs |= {"gradient": True} if self.op.gradient else {}
        attrs |= {"sparing": True} if self.op.spares_rows else {}
        attrs |= {"again": self.op.again} if self.op.again is not None else {}
        groups = {"length": [self.length], "xs": xs, "init": init, "rows": [self.length] * len(stacked), "dims": dims}
        low.b.location = self.location
        made = low.b.grouped("scan.scan", groups, types + [t.index] * len(stop), attrs, [Region([self.block])])
        allow(made, self.op.fast_math)
        parts = ScanView(made)
        rows, stacks = parts.executed or self.length, parts.ys
        for stack, sizes in zip(stacks, row_sizes, strict=True):
            low.record(stack, [rows, *sizes])
            low.extents.trust_if_kept([rows, *sizes])
        return self._outputs(parts.finals, stacks)

    def _static_rows(self) -> int | None:
        return None if self.body.stop is not None else constant_of(self.length)

    def _outputs(self, finals: list[Value], stacks: list[Value]) -> list[Value]:
        rest, remaining = iter(finals), iter(stacks)
        outputs = []
        for carry, made in zip(self.body.carry, self.carries, strict=True):
            final, *_ = [next(rest) for _ in made.init]
            outputs.append(next(remaining) if carry.trace else self._final(made, final))
        return [*outputs, *remaining]

    def _final(self, made: _Carries, final: Value) -> Value:
        low = self.low
        if made.depths[0] > 1:
            low.record(final, low.dims(made.init[0]))
            return take_row(low, final, low.b.index(made.depths[0] - 1))
        return low.record(final, low.dims(made.init[0])) if made.init[0] in low.sizes else final

    def _state_sizes(self, number: int) -> list[Value]:
        """The sizes of a state's rows: those of the initial ones, which the new ones are checked to have."""
        made, row = self.carries[number], self.new_rows[number]
        return self.low.dims(made.init[0])[made.depths[0] > 1:] if isinstance(row.type, t.TensorType) else []

    def _row_sizes(self, stacked: Sequence[Value], first: int) -> list[list[Value]]:
        """The sizes of other outputs' rows before the loop: moved there, or, where they depend on values of the
        step, those of the first row, which all other rows are checked to have. `first`: the first output's number."""
        low = self.low
        moved: dict[Value, Value] = {}
        for value in stacked:
            for size in low.dims(value):
                if self._is_invariant(size):
                    moved[size] = self._before_loop(size)
        changing = list(dict.fromkeys(s for v in stacked for s in low.dims(v) if s not in moved))
        if changing:
            moved.update(zip(changing, self._first_row(changing), strict=True))
            for number, value in enumerate(stacked, start=first):
                for axis, size in enumerate(low.dims(value)):
                    if size in changing:
                        self._require_size(moved[size], size, self._row_message(number, number - first, axis))
        return [[moved[s] for s in low.dims(v)] for v in stacked]

    def _is_invariant(self, size: Value) -> bool:
        """Whether `size` can be computed before the loop, from its invariants."""
        op = size.op
        if op is None or op.parent is not self.block:
            return size.block is not self.block
        return has_trait(op, PURE) and not op.regions and all(map(self._is_invariant, op.operands))

    def _before_loop(self, size: Value) -> Value:
        """An invariant `size`, moved with all it needs to before the loop."""
        op = size.op
        if op is not None and op.parent is self.block:
            for value in op.operands:
                self._before_loop(value)
            self.low.b.insert(op.detach())
        return size

    def _first_row(self, sizes: Sequence[Value]) -> list[Value]:
        """What `sizes` are in the first step, with the step's checks; 0 where there is no step."""
        b, first, none = self.low.b, Block(), Block()
        with b.at(first):
            mapping = dict(zip(self.block.args, self._first_arguments(), strict=True))
            for op in self._needed(sizes):
                clone_op(op, mapping, b.insert)
            b.make("scf.yield", [mapping[s] for s in sizes])
        with b.at(none):
            b.make("scf.yield", [b.index(0)] * len(sizes))
        some = b.cmpi("sgt", self.length, b.index(0))
        return b.make("scf.if", [some], [t.index] * len(sizes), regions=[Region([first]), Region([none])]).results

    def _first_arguments(self) -> list[Value]:
        """The step's arguments in the first step."""
        start = self.low.b.index(0)
        rows = [take_row(self.low, self.low.env[x], start) for x in self.inputs.xs]
        return [start, *rows, *(v for made in self.carries for v in made.init)]

    def _needed(self, sizes: Sequence[Value]) -> list[Op]:
        """The step's ops that compute `sizes`, and its checks with all that they need, in order."""
        needed: set[Op] = set()
        stack = [*sizes, *(v for op in self.block.ops if has_trait(op, CHECKS) for v in op.operands)]
        while stack:
            op = stack.pop().op
            if op is not None and op.parent is self.block and op not in needed:
                needed.add(op)
                stack.extend(v for inner in op.walk() for v in inner.operands)
        return [op for op in self.block.ops if op in needed or has_trait(op, CHECKS)]


def _has_a_name(length: Value) -> bool:
    """Whether somebody knows a number of steps by a name: its own, or that of the array whose size it is."""
    op = length.op
    if length.name is not None or op is None or op.name in ("tensor.dim", "arith.constant"):
        return True
    return op.name in ("arith.index_cast", "arith.extsi") and _has_a_name(op.operands[0])


def _truth(low: Lowering, value: Value) -> Value:
    """Nonzero."""
    if value.type == t.i1:
        return value
    zero = low.b.const(0, value.type)
    if t.is_complex(value.type):
        return low.b.op("complex.neq", [value, zero], [t.i1])
    return low.b.cmpf("une", value, zero) if t.is_float(value.type) else low.b.cmpi("ne", value, zero)


def _computes_tensor(op: Op) -> bool:
    """Whether an op makes a tensor that is no view of another."""
    return op.name not in ("tensor.extract_slice", "tensor.cast") and any(
        isinstance(r.type, t.TensorType) for r in op.results)


def _is_of_sizes(op: Op) -> bool:
    """Whether an op can stand anywhere and gives scalars."""
    return has_trait(op, PURE) and not op.regions and not any(isinstance(r.type, t.TensorType) for r in op.results)


def take_row(low: Lowering, value: Value, at: Value) -> Value:
    """Row `at` of a tensor, which is in range."""
    sizes = low.dims(value)
    b = low.b
    if len(sizes) == 1:
        return b.op("tensor.extract", [value, at], [t.element(value.type)])
    one = b.index(1)
    zeros = [b.index(0)] * (len(sizes) - 1)
    return extract_slice(low, value, [at, *zeros], [one, *sizes[1:]], [one] * len(sizes), range(1, len(sizes)))


class _Bound:
    """What is known of a number that is no more than several others are, as the steps of a scan over many arrays."""

    def __init__(self, bound: Value) -> None:
        self._no_less: set[Value] = set()
        self._constants: list[int] = []
        pending = [bound]
        while pending:
            value = pending.pop()
            if value not in self._no_less:
                self._add(value)
                pending += value.op.operands if value.op is not None and value.op.name in _AT_MOST else ()

    def _add(self, value: Value) -> None:
        self._no_less.add(value)
        known = constant_of(value)
        self._constants += [] if known is None else [known]

    def is_in(self, size: Value) -> bool:
        """True if `size` is at least as much, plainly from how both are made."""
        known = constant_of(size)
        if size in self._no_less or known is not None and any(known >= other for other in self._constants):
            return True
        source = size.op
        return source is not None and source.name == "arith.index_cast" and self.is_in(source.operands[0])


_AT_MOST = ("arith.index_cast", "arith.minsi")  # gives no more than its operands are
