"""What the rounds of a group are before its first state is known, and how two neighbours become one.

A network of log2(8) levels makes of the eight elements of a group all that begin with its first one (Sklansky, 1960):
at each level the right halves of blocks are combined with the last element of the left ones. The state before the
group is applied to all of them, and by numbers to the last, which is the only chain from group to group.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.parts import Round
from scancc.late_dataclasses import dataclass

from ..slicing.terms import Expr

if TYPE_CHECKING:
    from .group import Group

LANES = 8   # rounds of a group
LEVELS = (1, 2, 4)
COUNTS_TWICE = ("arith.addf", "arith.addi", "arith.mulf", "arith.muli", "arith.xori")  # others may join one twice
NEAR = {16: 2.0**12, 32: 2.0**120, 64: 2.0**1000}
MOST_GROWTH = 16.0  # of what a state or an addend may become within a group: four bits of its sum may cancel


def lefts(level: int, back: int = 1) -> list[int]:
    """For each lane the one of the left half of its block, so many from the end; itself in left halves."""
    return [lane // level * level - back if lane & level else lane for lane in range(LANES)]


def merged(level: int) -> list[int]:
    """Right halves of a second vector, left ones of a first."""
    return [LANES + lane if lane & level else lane for lane in range(LANES)]


@dataclass(frozen=True)
class Lanes:
    """Which lane of a vector each round has: the first one's is the first, or the last where `turned`, so that what
    lies in memory from the end to the front needs no turning."""

    turned: bool = False

    def _place(self, round: int) -> int:
        """Of the rounds of a group, or of two."""
        return round ^ (LANES - 1) if self.turned else round

    def shuffled(self, b: Builder, x: Value, y: Value, rounds: Sequence[int]) -> Value:
        """For each round the value of a round of x, or of y where rounds are counted on."""
        mask = [self._place(rounds[self._place(lane)]) for lane in range(LANES)]
        return b.op("vector.shuffle", [x, y], [x.type], {"mask": t.DenseArray(t.i64, tuple(mask))})

    def number(self, b: Builder, x: Value, round: int) -> Value:
        """The value of one round."""
        place = t.DenseArray(t.i64, (self._place(round),))
        return b.op("vector.extract", [x], [t.element(x.type)], {"static_position": place})

    def vector(self, b: Builder, numbers: Sequence[Value]) -> Value:
        """A number for each round."""
        ordered = [numbers[self._place(lane)] for lane in range(LANES)]
        return b.op("vector.from_elements", ordered, [t.VectorType((LANES,), numbers[0].type)])


class Cycle(ABC):
    """A cycle of a loop. `states`: one value as it was one, two, ... rounds ago."""

    def __init__(self, states: Sequence[Round]) -> None:
        self.states = states
        self.type = states[0].arg.type

    def guard(self, g: Group) -> Value | None:
        """Whether a group may be combined, where that depends on its rounds; made before anything of the group."""
        return None

    def guard_all(self, before: Builder) -> Value | None:
        """Whether groups may be combined at all."""
        return None

    @property
    def made(self) -> list[Value]:
        """What `solve` makes of a round, beside states that become what others were."""
        return [self.states[0].next]

    @abstractmethod
    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        """What is `made` in all rounds of a group, and the states after it."""


class Kept(Cycle):
    """A cycle of which nothing but the last values is wanted: each lane keeps its own from group to group, and all
    are combined once, after the last group. Of what is kept the first are the states, `n_beside` others follow."""

    n_beside = 0

    @property
    def made(self) -> list[Value]:
        return []

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        raise AssertionError("nothing in a group waits for such states")

    @abstractmethod
    def lanes_of(self, b: Builder, numbers: Sequence[Value]) -> list[Value]:
        """Numbers as lanes."""

    @abstractmethod
    def numbers_of(self, b: Builder, lanes: Sequence[Value]) -> list[Value]:
        """What all lanes come to."""

    @abstractmethod
    def added(self, g: Group) -> list[Value]:
        """The lanes after a group."""

    @abstractmethod
    def apart(self, b: Builder, lanes: Sequence[Value]) -> list[Value]:
        """What rounds of a group begin with that run one by one."""

    @abstractmethod
    def joined(self, b: Builder, lanes: Sequence[Value], numbers: Sequence[Value]) -> list[Value]:
        """The lanes, after such rounds came to these numbers."""


class Joining(Cycle):
    """One op of the state and a value: sums, products, extremes, bits."""

    def __init__(self, states: Sequence[Round], op: str, other: Expr, state_first: bool) -> None:
        super().__init__(states)
        self.op, self.other, self.state_first = op, other, state_first

    def guard(self, g: Group) -> Value | None:
        """Products of floats neither overflow nor vanish where those with the state would not."""
        if self.op != "arith.mulf":
            return None
        assert isinstance(self.type, t.FloatType)
        b, size = g.b, g.b.math("absf", self._products(g))
        far = {16: 5, 32: 50, 64: 500}[self.type.width]
        inside = b.op("arith.andi", [b.cmpf("ole", size, b.const(2.0**far, size.type)),
                                     b.cmpf("oge", size, b.const(2.0**-far, size.type))], [t.shaped(t.i1, size.type)])
        return in_all(b, inside)

    def _products(self, g: Group) -> Value:
        if self not in g.made:
            v = g.expr(self.other, self.type)
            for level in LEVELS:
                new = self.join(g.b, g.order.shuffled(g.b, v, v, lefts(level)), v)
                v = g.order.shuffled(g.b, v, new, merged(level)) if self.op in COUNTS_TWICE else new
            g.made[self] = v
        return g.made[self]

    def join(self, b: Builder, earlier: Value, later: Value) -> Value:
        pair = [earlier, later] if self.state_first else [later, earlier]
        return b.op(self.op, pair, [earlier.type])

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        b, v, state = g.b, self._products(g), g.args[self.states[0].arg]
        return [self.join(b, g.splat(state), v)], [self.join(b, state, g.order.number(b, v, LANES - 1))]


class Constant(Cycle):
    """A sum of the last states, each times a factor that never changes, and a value.

    `response[m][i]`: what the state of m + 1 rounds before a group is in its round i.
    """

    def __init__(self, states: Sequence[Round], factors: Sequence[Value], rest: Expr, before: Builder,
                 order: Lanes, fused: bool) -> None:
        super().__init__(states)
        self.factors, self.rest, self.fused = factors, rest, fused
        self.response = [self._response(before, back) for back in range(len(states))]
        self.lanes = [order.vector(before, row) for row in self.response]
        self.levels = {(level, back): order.vector(before, [row[lane % level] for lane in range(LANES)])
                       for level in LEVELS for back, row in enumerate(self.response[:level])}

    def _response(self, b: Builder, back: int) -> list[Value]:
        found: list[Value] = []
        for lane in range(LANES):
            value = self.factors[back + lane] if back + lane < len(self.factors) else None
            for factor, past in zip(self.factors, reversed(found), strict=False):
                value = self.add_product(b, factor, past, value)
            found.append(b.const(0, self.type) if value is None else value)
        return found

    def add_product(self, b: Builder, x: Value, y: Value, z: Value | None) -> Value:
        return add_product(b, x, y, z, self.fused)

    def guard_all(self, before: Builder) -> Value | None:
        if not isinstance(self.type, t.FloatType):
            return None
        parts = [small(before, row) for row in self.lanes]
        return all_of(before, [in_all(before, part) for part in parts])

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        b, v = g.b, g.expr(self.rest, self.type)
        for level in LEVELS:
            new = v
            for back in reversed(range(min(level, len(self.states)))):
                left = g.order.shuffled(b, v, v, lefts(level, back + 1))
                new = self.add_product(b, self.levels[level, back], left, new)
            v = g.order.shuffled(b, v, new, merged(level))
        states = [g.args[state.arg] for state in self.states]
        after = []
        for end in range(LANES - 1, LANES - 1 - len(states), -1):
            last = g.order.number(b, v, end)
            after.append(self._applied(b, last, states, [row[end] for row in self.response]))
        return [self._applied(b, v, [g.splat(state) for state in states], self.lanes)], after

    def _applied(self, b: Builder, v: Value, states: Sequence[Value], rows: Sequence[Value]) -> Value:
        for state, row in reversed(list(zip(states, rows, strict=True))):
            v = self.add_product(b, row, state, v)
        return v


_Matrix = Sequence[Sequence[Value]]


class Coupled(Cycle):
    """Several states, each the sum of all of them, each times a factor that never changes, and a value."""

    def __init__(self, states: Sequence[Round], factors: _Matrix, rests: Sequence[Expr], before: Builder,
                 order: Lanes, fused: bool) -> None:
        super().__init__(states)
        self.rests, self.fused = rests, fused
        powers = [factors]
        for _ in range(LANES - 1):
            powers.append(self._product(before, factors, powers[-1]))
        self.whole = powers[-1]
        self.lanes = _in_lanes(before, order, powers)
        self.levels = {level: _in_lanes(before, order, [powers[lane % level] for lane in range(LANES)])
                       for level in LEVELS}

    @property
    def made(self) -> list[Value]:
        return new_values(self.states)

    def guard_all(self, before: Builder) -> Value | None:
        if not isinstance(self.type, t.FloatType):
            return None
        return all_of(before, [in_all(before, small(before, part)) for row in self.lanes for part in row])

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        b, rows = g.b, [g.expr(rest, self.type) for rest in self.rests]
        for level, matrix in self.levels.items():
            left = [g.order.shuffled(b, v, v, lefts(level)) for v in rows]
            both = self._applied(b, matrix, left, rows)
            rows = [g.order.shuffled(b, v, new, merged(level)) for v, new in zip(rows, both, strict=True)]
        states = [g.args[state.arg] for state in self.states]
        after = self._applied(b, self.whole, states, [g.order.number(b, v, LANES - 1) for v in rows])
        found = self._applied(b, self.lanes, [g.splat(state) for state in states], rows)
        following = dict(zip((state.next for state in self.states), found, strict=True))
        return [following[value] for value in self.made], after

    def _applied(self, b: Builder, matrix: _Matrix, states: Sequence[Value], rest: Sequence[Value]) -> list[Value]:
        """matrix @ states + rest"""
        found = list(rest)
        for n, state in enumerate(states):
            found = [add_product(b, row[n], state, v, self.fused) for row, v in zip(matrix, found, strict=True)]
        return found

    def _product(self, b: Builder, x: _Matrix, y: _Matrix) -> _Matrix:
        """x @ y"""
        zero = b.const(0, self.type)
        columns = [self._applied(b, x, column, [zero] * len(x)) for column in zip(*y, strict=True)]
        return list(zip(*columns, strict=True))


def _in_lanes(b: Builder, order: Lanes, matrices: Sequence[_Matrix]) -> _Matrix:
    """A matrix of vectors, whose rounds are those of the matrices."""
    n = range(len(matrices[0]))
    return [[order.vector(b, [matrix[i][j] for matrix in matrices]) for j in n] for i in n]


class Varying(Cycle):
    """The state times a factor, and a value, both of which change. `resets`: the factor may be 0, which forgets all
    that is a number."""

    def __init__(self, states: Sequence[Round], factor: Expr, rest: Expr, fused: bool, resets: bool) -> None:
        super().__init__(states)
        self.factor, self.rest, self.fused, self.resets = factor, rest, fused, resets

    def guard(self, g: Group) -> Value | None:
        if not isinstance(self.type, t.FloatType):
            return None
        found = [in_all(g.b, small(g.b, self._factors(g)[-1]))]
        if self.resets:
            state, rest = g.args[self.states[0].arg], g.expr(self.rest, self.type)
            found += [near(g.b, state), in_all(g.b, near(g.b, rest))]
        return all_of(g.b, found)

    def _factors(self, g: Group) -> list[Value]:
        """The factors before each level, and after the last."""
        if self not in g.factors:
            g.factors[self] = products_of(g, g.expr(self.factor, self.type))
        return g.factors[self]

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        b, v, state = g.b, g.expr(self.rest, self.type), g.args[self.states[0].arg]
        *factors, last = self._factors(g)
        for level, factor in zip(LEVELS, factors, strict=True):
            new = add_product(b, factor, g.order.shuffled(b, v, v, lefts(level)), v, self.fused)
            v = g.order.shuffled(b, v, new, merged(level))
        whole, end = (g.order.number(b, x, LANES - 1) for x in (last, v))
        return [add_product(b, last, g.splat(state), v, self.fused)], [add_product(b, whole, state, end, self.fused)]


def products_of(g: Group, factor: Value) -> list[Value]:
    """Of a factor for each round those before each level, and after the last."""
    found = [factor]
    for level in LEVELS:
        left = g.order.shuffled(g.b, found[-1], found[-1], lefts(level))
        new = g.b.op("arith.mulf" if isinstance(t.element(left.type), t.FloatType) else "arith.muli",
                     [found[-1], left], [left.type])
        found.append(g.order.shuffled(g.b, found[-1], new, merged(level)))
    return found


def powers_of(b: Builder, order: Lanes, factor: Value) -> list[Value]:
    """The same of a factor that never changes."""
    powers = [factor]
    for _ in range(LANES - 1):
        powers.append(b.mulf(powers[-1], factor))
    rows = [[powers[lane % level] for lane in range(LANES)] for level in (*LEVELS, LANES)]
    return [order.vector(b, row) for row in rows]


def new_values(states: Sequence[Round]) -> list[Value]:
    """What states become, but for those that become what others were."""
    past = {state.arg for state in states}
    return [state.next for state in states if state.next not in past]


def add_product(b: Builder, x: Value, y: Value, z: Value | None, fused: bool) -> Value:
    """x*y + z"""
    if not isinstance(t.element(x.type), t.FloatType):
        product = b.op("arith.muli", [x, y], [x.type])
        return product if z is None else b.op("arith.addi", [product, z], [x.type])
    if fused and z is not None:
        return b.op("math.fma", [x, y, z], [x.type])
    product = b.mulf(x, y)
    return product if z is None else b.addf(product, z)


def small(b: Builder, x: Value) -> Value:
    """Where a factor is so small that what it scales keeps its digits; nowhere NaN is."""
    return b.cmpf("ole", b.math("absf", x), b.const(MOST_GROWTH, x.type))


def near(b: Builder, x: Value) -> Value:
    """Where a number is so small that those of a group can be added up; nowhere NaN is."""
    type = t.element(x.type)
    assert isinstance(type, t.FloatType)
    return b.cmpf("ole", b.math("absf", x), b.const(NEAR[type.width], x.type))


def in_all(b: Builder, truths: Value) -> Value:
    return b.op("vector.reduction", [truths], [t.i1], {"kind": t.DialectAttr("#vector.kind<and>")})


def all_of(b: Builder, truths: Sequence[Value]) -> Value:
    found = truths[0]
    for other in truths[1:]:
        found = b.condition("andi", found, other)
    return found
