"""Eight rounds of a loop as one: a vector for each value, in which a lane is a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.ops import operand
from scancc.ir.parts import Loop, Round

from ..slicing.terms import Expr, Term
from .elements import LANES, Cycle, Kept, Lanes, all_of
from .matrices import Matrix
from .places import Index, Place, Walk, root_of


class Group:
    """The body of a loop over groups, under construction with `b`; `before` builds in front of it.

    `args`: what the group begins with, by the loop's own arguments; `kept`: what cycles keep beside their states.
    `made`, `factors`, `matrices`: what a cycle computes once.
    """

    def __init__(self, loop: Loop, b: Builder, before: Builder, args: Mapping[Value, Value],
                 cycles: Sequence[Cycle], kept: Mapping[Kept, Sequence[Value]], places: Mapping[Op, Place],
                 order: Lanes) -> None:
        self.loop, self.b, self.before, self.places, self.order = loop, b, before, places, order
        self.args, self.kept = args, kept
        self.cycles = {value: cycle for cycle in cycles for value in cycle.made}
        self.carries = {carry.arg: carry for carry in loop.carries}
        self.after: dict[Value, Value] = {}  # the states after the group, by arguments
        self.made: dict[Cycle, Value] = {}
        self.factors: dict[Cycle, list[Value]] = {}
        self.matrices: dict[Cycle, Matrix] = {}
        self.lanes: dict[Value, Value] = {}
        self.rows: dict[tuple[object, ...], list[Value]] = {}  # what was read of whole rows
        self.terms: dict[int, Value] = {}

    # ---- what the loop does ----

    def guard(self) -> Value | None:
        """Whether the rounds may be combined, where that depends on them."""
        cycles = dict.fromkeys((*self.cycles.values(), *self.kept))
        found = [guard for cycle in cycles if (guard := cycle.guard(self)) is not None]
        return all_of(self.b, found) if found else None

    def run(self) -> list[Value]:
        """Do all that the rounds do; what they carry on."""
        for following in self.cycles:
            self.lane(following)
        beside = list[Value]()
        for cycle in self.kept:
            lanes, n = cycle.added(self), len(cycle.states)
            self.after.update(zip((state.arg for state in cycle.states), lanes[:n], strict=True))
            beside += lanes[n:]
        self._store_all([op for op in self.places if op.name == "memref.store"])
        return [*(self._carried(carry) for carry in self.loop.carries), *beside]

    def lanes_of(self, cycle: Kept) -> list[Value]:
        """What each lane has of a cycle when the group begins."""
        return [*(self.args[state.arg] for state in cycle.states), *self.kept[cycle]]

    def _carried(self, carry: Round) -> Value:
        if carry.arg in self.after:
            return self.after[carry.arg]
        if not defined_in(carry.next, self.loop.op.body):
            return carry.next
        return self.order.number(self.b, self.lane(carry.next), LANES - 1)

    # ---- values ----

    def lane(self, value: Value) -> Value:
        """A value in all rounds of the group."""
        if value not in self.lanes:
            made = self._lane(value)
            made.name = made.name or value.name
            self.lanes[value] = made
        return self.lanes[value]

    def _lane(self, value: Value) -> Value:
        if not defined_in(value, self.loop.op.body):
            return self.before.op("vector.broadcast", [value], [self._wide(value.type)])
        if value in self.cycles:
            cycle = self.cycles[value]
            made, after = cycle.solve(self)
            self.lanes.update(zip(cycle.made, made, strict=True))
            self.after.update(zip((state.arg for state in cycle.states), after, strict=True))
            return self.lanes[value]
        if value in self.carries:
            return self._before(self.carries[value])
        if value is self.loop.counter:
            step = self.b.op("vector.step", [], [self._wide(t.index)])
            first = self.b.addi(self.args[value], self.b.index(LANES - 1)) if self.order.turned else self.args[value]
            add = "arith.subi" if self.order.turned else "arith.addi"
            return self.b.op(add, [self.splat(first), step], [step.type])
        assert value.op is not None
        return self._of_op(value.op)

    def _before(self, carry: Round) -> Value:
        """What a state is before each round: before the group, and after the other rounds."""
        rounds = [0, *range(LANES, 2 * LANES - 1)]
        return self.order.shuffled(self.b, self.splat(self.args[carry.arg]), self.lane(carry.next), rounds)

    def _of_op(self, op: Op) -> Value:
        known = constant_of(op.result)
        if known is not None:
            return self.b.const(known, self._wide(op.result.type))
        if op.name == "memref.load":
            return self._load(op)
        if op.name in ("complex.re", "complex.im"):
            parts = [self.b.op(op.name, [number], [op.result.type]) for number in self._complex(op.operands[0])]
            return self.order.vector(self.b, parts)
        return self.b.op(op.name, [self.lane(v) for v in op.operands], [self._wide(op.result.type)], dict(op.attrs))

    def _wide(self, type: t.Type) -> t.VectorType:
        return t.VectorType((LANES,), type)

    def splat(self, number: Value) -> Value:
        return self.b.op("vector.broadcast", [number], [self._wide(number.type)])

    def expr(self, expr: Expr, type: t.Type) -> Value:
        """A term of the body in all rounds; a constant is of `type`."""
        if isinstance(expr, int):
            return self.b.const(expr, self._wide(type))
        if isinstance(expr, Value):
            return self.lane(expr)
        if id(expr) not in self.terms:
            operands = [self.expr(part, type) for part in expr.operands]
            self.terms[id(expr)] = self.b.op(expr.op, operands, [operands[-1].type])
        return self.terms[id(expr)]

    # ---- memory ----

    def _walk(self, op: Op) -> Walk:
        return Walk(self.b, self.before, self.places[op], [self.number(v) for v in self.places[op].indices])

    def number(self, value: Index) -> Value:
        """An index in the first round of the group."""
        if isinstance(value, int):
            return self.b.index(value)
        if value in self.args or not defined_in(value, self.loop.op.body):
            return self.args.get(value, value)
        assert value.op is not None
        return self.b.binary(value.op.name.partition(".")[2], *map(self.number, value.op.operands))

    def _load(self, op: Op) -> Value:
        if self.places[op].n_columns:
            return self._column(op)
        b, walk, type = self.b, self._walk(op), self._wide(op.result.type)
        if walk.axis is None:
            return self.splat(b.op("memref.load", [walk.buffer, *walk.indices], [op.result.type]))
        if walk.is_adjacent:
            return self._in_order(b.op("vector.load", [walk.buffer, *walk.lowest(LANES)], [type]), walk)
        numbers = [b.op("memref.load", [walk.buffer, *walk.at(lane)], [op.result.type]) for lane in range(LANES)]
        return self.order.vector(b, numbers)

    def _column(self, op: Op) -> Value:
        """A column of rows that are read as a whole."""
        place, walk, type = self.places[op], self._walk(op), self._wide(op.result.type)
        if place.row not in self.rows:
            flat, places = walk.parts(place.n_columns, LANES)
            self.rows[place.row] = [self.b.op("vector.load", [flat, at], [type]) for at in places]
        column = place.indices[1]
        assert isinstance(column, int)
        wanted = [divmod(row * place.n_columns + column, LANES) for row in range(LANES)]
        return self._in_order(self._picked(self.rows[place.row], wanted), walk)

    def _picked(self, vectors: Sequence[Value], wanted: Sequence[tuple[int, int]]) -> Value:
        """The vector of elements that are told by the vector and the place in it."""
        first, *others = dict.fromkeys(n for n, _ in wanted)
        mask, found = [at if n == first else 0 for n, at in wanted], vectors[first]
        for number in others:
            mask = [LANES + at if n == number else lane for lane, (n, at) in zip(mask, wanted, strict=True)]
            found = self._shuffled(found, vectors[number], mask)
            mask = list(range(LANES))
        return found if others else self._shuffled(found, found, mask)

    def _shuffled(self, x: Value, y: Value, mask: Sequence[int]) -> Value:
        return self.b.op("vector.shuffle", [x, y], [x.type], {"mask": t.DenseArray(t.i64, tuple(mask))})

    def _store_all(self, stores: Sequence[Op]) -> None:
        """Write all that the rounds write, after what they read of it; rows of which all elements are, as a whole."""
        written = {root_of(self.places[op].buffer) for op in stores}
        for op, place in self.places.items():
            if op.name == "memref.load" and root_of(place.buffer) in written and not isinstance(
                    op.result.type, t.ComplexType):
                self.lane(op.result)
        rows: dict[tuple[object, ...], list[Op]] = {}
        for op in stores:
            rows.setdefault(self.places[op].row, []).append(op)
        for ops in rows.values():
            columns = {self.places[op].indices[1]: op for op in ops if self.places[op].n_columns}
            if len(columns) == len(ops) == self.places[ops[0]].n_columns and not isinstance(
                    operand(ops[0], "value").type, t.ComplexType):
                self._store_rows([columns[n] for n in range(len(ops))])
            else:
                for op in ops:
                    self._store(op)

    def _store_rows(self, stores: Sequence[Op]) -> None:
        """Write rows, whose columns are given."""
        n, walk = len(stores), self._walk(stores[0])
        columns = [self._in_order(self.lane(operand(op, "value")), walk) for op in stores]
        flat, places = walk.parts(n, LANES)
        for part, at in enumerate(places):
            wanted = [divmod(part * LANES + lane, n)[::-1] for lane in range(LANES)]
            self.b.make("vector.store", [self._picked(columns, wanted), flat, at])

    def _complex(self, value: Value) -> list[Value]:
        """Complex numbers, which have no vectors: one for each round."""
        b, op = self.b, value.op
        if op is None or not defined_in(value, self.loop.op.body):
            return [value] * LANES
        if op.name == "memref.load":
            walk = self._walk(op)
            places = [walk.indices if walk.axis is None else walk.at(round) for round in range(LANES)]
            return [b.op("memref.load", [walk.buffer, *place], [value.type]) for place in places]
        parts = [self.lane(part) for part in op.operands]
        return [b.op("complex.create", [self.order.number(b, part, round) for part in parts], [value.type])
                for round in range(LANES)]

    def _store(self, op: Op) -> None:
        b, walk, value = self.b, self._walk(op), operand(op, "value")
        if isinstance(value.type, t.ComplexType):
            self._store_each(walk, self._complex(value))
        elif walk.is_adjacent:
            b.make("vector.store", [self._in_order(self.lane(value), walk), walk.buffer, *walk.lowest(LANES)])
        else:
            self._store_each(walk, [self.order.number(b, self.lane(value), round) for round in range(LANES)])

    def _store_each(self, walk: Walk, numbers: Sequence[Value]) -> None:
        for round, number in enumerate(numbers):
            self.b.make("memref.store", [number, walk.buffer, *walk.at(round)])

    def _in_order(self, value: Value, walk: Walk) -> Value:
        """The lanes turned, where memory has the rounds the other way."""
        if (walk.step < 0) == self.order.turned:
            return value
        return self.order.shuffled(self.b, value, value, list(reversed(range(LANES))))


def scalar(b: Builder, expr: Expr, type: t.Type) -> Value:
    """A term of values that do not change, as a number."""
    if isinstance(expr, int):
        return b.const(expr, type)
    if isinstance(expr, Term):
        operands = [scalar(b, part, type) for part in expr.operands]
        return b.op(expr.op, operands, [operands[-1].type])
    return expr
