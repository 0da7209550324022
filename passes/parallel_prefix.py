"""Combine rounds of a loop over time, eight at a time, before the state that they begin with is known.

    scf.for %t = 0 to %n iter(%s = %z) {       scf.for %t = 0 to %whole step 8 iter(%s = %z) {
      %x_t = memref.load %x[%t]                  %v = vector.load %x[%t]
      %n = math.fma(%a, %s, %x_t)          ->    %v = math.fma(splat a, shuffle %v [0 0 2 2 4 4 6 6], %v) in odd lanes
      memref.store %n, %y[%t]                    ... (by a and a*a from lanes 1 and 5; by a ... a**4 from lane 3)
      scf.yield %n                               %n = math.fma((a, ..., a**8), splat %s, %v)
    } {prefix}                                   vector.store %n, %y[%t]
                                                 scf.yield math.fma(a**8, %s, %v[7]) }
                                               scf.for %t = %whole to %n ... as before

Why: a chain of one multiply-add is 4 cycles a step however wide the core is; here it is 4 cycles for eight steps, and
the other work of them is that of three vectors or so. All else in the body is in vectors too: a lane is a round.
States that are what another one was (taps) are lanes moved by one; those that are sums of each other go by powers of
a matrix; what a step keeps of where an extreme was comes with it. Sequences that are read backwards are turned.
Totals, and extremes with what comes with them, are kept in lanes until the last group is done; a loop over integers
with one total is a reduction. Of rows of two to four numbers whole vectors are read and written, and columns made of
them in registers. Where rows of some rounds are kept, as the last ones, rounds that write are a loop of their own
(`prefixing/ranges.py`).
Where factors are so large that parts of a group's sums may be much larger than the sums (16 times: four bits), or a
product of floats leaves the range in which it is exact, the rounds of that group run one by one; where factors never
change, all rounds. States that are quotients are asked whether each is what its round makes of the one before.
Conservative: straight code; each element of memory that is written is not read in another round.
Cost: linear; the body appears twice, or three times where factors change. Runs after `plan-memory`, on loops that
`time-parallel` chose, and before `licm`, which takes the powers out of outer loops.
Source: Kogge and Stone (1973), for recurrences of any order; the network is Sklansky's (1960).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_region, defined_in
from scancc.ir.linear import most
from scancc.ir.ops import ELEMENTWISE, NO_SPECULATION, has_trait, is_pure, set_operands, whole
from scancc.ir.parts import Carry, Loop, Round
from scancc.ir.remarks import remark

from .prefixing.clamps import Clamping, Climbing, Scaling, can_clamp, can_climb
from .prefixing.elements import LANES, Constant, Coupled, Cycle, Joining, Kept, Lanes, Varying, all_of
from .prefixing.extremes import Champions, Extremes
from .prefixing.group import Group, scalar
from .prefixing.matrices import Mixed
from .prefixing.places import Place, goes_back, place_of, root_of
from .prefixing.quotients import Quotients
from .prefixing.ranges import split_ranges
from .prefixing.resets import JoinedResets, Resets, can_reset
from .prefixing.strides import split_strides
from .prefixing.totals import Totals, neutral_of
from .reducing.kinds import KINDS
from .slicing.algebra import Algebra, algebra_of
from .slicing.components import components
from .slicing.extremes import Extreme, exchanged
from .slicing.forms import Affine, Clamped, Joined
from .slicing.quotients import Moebius
from .slicing.terms import ONE, ZERO, Expr, Term
from .vectorizing.lanes import whole_lanes

MOST_OPS = 64   # of a body: more would not leave registers for the network
MOST_LAG = 4
MOST_MIXED = 2  # states whose factors change: more are too many products
OF_PARTS = ("memref.load", "memref.store", "complex.re", "complex.im", "complex.create")  # of complex numbers
FEW = 32        # rounds that are not worth the powers


def parallel_prefix(module: Op, fused: bool = True, bits: int = 256) -> None:
    """Combine the rounds of the loops that are marked `prefix`; `fused`: the target has a fused multiply-add, `bits`:
    of a vector of it."""
    for op in list(module.walk()):
        if op.name == "scf.for" and "prefix" in op.attrs:
            del op.attrs["prefix"]
            _hoist(op)
            if split_strides(op):
                remark("parallel-prefix", op, False, "rows of one round of a few are kept: these have a loop around")
                continue
            for part in split_ranges(op):
                if _is_total(part):
                    part.attrs["reduction"] = t.IntAttr(1, t.i64)
                    remark("parallel-prefix", part, True, "in any order, as a reduction")
                else:
                    _visit(_Blocked(part, fused, bits))


def _is_total(loop: Op) -> bool:
    """Whether a loop does nothing but combine integers, or bits, to one number: `reductions` has more lanes then."""
    parts = Loop(loop)
    if len(parts.carries) != 1 or constant_of(parts.lower) != 0 or any(
            op.name == "memref.store" or op.regions for op in loop.body.ops):
        return False
    (state,) = parts.carries
    combine = state.next.op
    return isinstance(state.arg.type, t.IntType) and combine is not None and combine.name in KINDS and (
        state.arg.uses == {combine: 1})


def _visit(found: _Blocked) -> None:
    reason, loop = found.obstacle(), found.loop.op
    if reason is None:
        found.build()
    remark("parallel-prefix", loop, reason is None, reason or f"{LANES} steps at a time")


def obstacle(loop: Op) -> str | None:
    """Why the rounds of a loop would stay one by one, or None."""
    return _Blocked(loop, fused=True, bits=256).obstacle()


def _hoist(loop: Op) -> None:
    """Put arithmetic that does not change before the loop, where factors are looked for."""
    assert loop.parent is not None
    for op in loop.body.ops[:-1]:
        if has_trait(op, ELEMENTWISE) and is_pure(op) and not has_trait(op, NO_SPECULATION) and not any(
                defined_in(v, loop.body) for v in op.operands):
            loop.parent.insert_before(loop, op.detach())


def _has_lanes(value: Value) -> bool:
    """Whether a value is a buffer, or a number that has vectors."""
    return isinstance(value.type, (t.MemRefType, t.IntType, t.IndexType, t.FloatType)) and value.type != t.f16


class _Blocked:
    """A loop over groups of rounds, under construction."""

    def __init__(self, op: Op, fused: bool, bits: int) -> None:
        assert op.parent is not None
        self.loop, self.fused, self.bits = Loop(op), fused, bits
        self.before = Builder(op.parent, op, op.location)
        self.places: dict[Op, Place] = {}
        self.cycles: list[tuple[Algebra, list[Round]]] = []

    # ---- may it be ----

    def obstacle(self) -> str | None:
        """Why the rounds stay one by one, or None."""
        loop, body = self.loop, self.loop.op.body
        n = most(loop.upper)
        if n is not None and n < FEW:
            return f"it has {n} steps at most"
        if constant_of(loop.step) != 1 or sum(op.name != "arith.constant" for op in body.ops) > MOST_OPS:
            return "its step is too long"
        if not all(_has_lanes(v) for v in loop.args) or not all(
                _has_lanes(v) or op.name in OF_PARTS for op in body.ops for v in (*op.operands, *op.results)):
            return "numbers of its kind have no vectors"
        for op in body.ops[:-1]:
            reason = self._obstacle(op)
            if reason is not None:
                return reason
        return self._conflict() or self._find_cycles()

    def _obstacle(self, op: Op) -> str | None:
        if op.name in ("memref.load", "memref.store"):
            place = place_of(op, self.loop.op.body)
            if place is None or op.name == "memref.store" and place.axis is None:
                return "it reads or writes places that do not follow each other"
            self.places[op] = place
            return None
        if op.name == "memref.subview" and all(
                user.name in ("memref.load", "memref.store") for user in op.result.uses):
            return None  # a part of an array whose elements have places
        plain = has_trait(op, ELEMENTWISE) and is_pure(op) or op.name == "arith.constant"
        return None if plain else f"{op.name} has no vector form"

    def _conflict(self) -> str | None:
        """A buffer that is written is read at the place that is written only, and before that."""
        order = {op: number for number, op in enumerate(self.loop.op.body.ops)}
        stores = [op for op in self.places if op.name == "memref.store"]
        for store in stores:
            for other in self.places:
                if other is store or root_of(whole(other)) is not root_of(whole(store)):
                    continue
                if self.places[other].is_apart(self.places[store]):
                    continue
                if self.places[other] != self.places[store] or order[other] > order[store]:
                    return "a step reads what another one wrote"
        return None

    def _find_cycles(self) -> str | None:
        """What the states become; those that depend on their own past are cycles."""
        carries, body = self.loop.carries, self.loop.op.body
        wanted = [self._made_of(carry.next) for carry in carries]
        args = {carry.arg: n for n, carry in enumerate(carries)}
        needs = [[args[v] for v in found if v in args] for found in wanted]
        for members in components(needs):
            if len(members) == 1 and members[0] not in needs[members[0]]:
                continue
            rounds = [carries[n] for n in members]
            if len(rounds) == 1 and self._comes_along(rounds[0], needs):
                continue
            used = set().union(*(wanted[n] for n in members))
            algebra = algebra_of([Carry(*each, depth=1) for each in rounds],
                                 [op for op in body.ops[:-1] if op.results and op.results[0] in used])
            if algebra is None or not self._is_built(algebra):
                return "what it makes of a state is of no class that is combined"
            if self._is_slow(algebra):
                return "vectors are no faster at what it does to such numbers"
            by_arg = {each.arg: each for each in rounds}
            self.cycles.append((algebra, [by_arg[state.arg] for state in algebra.states]))
        return None

    def _is_slow(self, algebra: Algebra) -> bool:
        """Whether vectors take as long as one round after the other, for numbers that are the same in any grouping:
        those of 64 bits as AVX2 has no product of integers (1.2 times), nor extremes (1.1 to 1.4 times between two
        bounds, of sums, or of what begins anew); lags and three states of integers, whose chain is a sum (1.0 times,
        of 64 bits 1.5)."""
        form, number = algebra.form, algebra.states[0].arg.type
        if len(algebra.states) > 1 and isinstance(form, Affine) and not isinstance(number, t.FloatType):
            return len(algebra.coupled) != MOST_MIXED or t.nbytes(number) == 8
        begins_anew = isinstance(form, Joined) and form.kept != ONE
        chosen = isinstance(form, Extreme) or isinstance(form, Affine) and form.is_chosen or begins_anew
        if t.nbytes(number) < 8 or isinstance(number, t.FloatType) and not chosen:
            return False
        if isinstance(form, Clamped):
            moves = form.added != ZERO and not self._is_fixed(form.added)
            return self.bits < (512 if moves or None not in (form.low, form.high) else 256)
        if begins_anew and not isinstance(number, t.FloatType):
            return self.bits < 512
        if chosen or isinstance(form, Affine) and form.is_kept_or_not:
            return self.bits < 256
        return isinstance(form, Affine) and self.bits < 512 and [*form.factors.values()] != [ONE]

    def _comes_along(self, state: Round, needs: Sequence[Sequence[int]]) -> bool:
        """Whether a state is exchanged where an extreme is, for what waits for neither; then its cycle has it."""
        for algebra, states in self.cycles:
            found = exchanged(state.arg, state.next, algebra.form) if isinstance(algebra.form, Extreme) else None
            if found is not None and not self._waits_for(found, [*states, state], needs):
                states.append(state)
                return True
        return False

    def _waits_for(self, value: Value, states: Sequence[Round], needs: Sequence[Sequence[int]]) -> bool:
        """Whether a value is made of states, in whatever round-about way."""
        args = self.loop.args
        found = set[int]()
        waiting = [args.index(v) for v in self._made_of(value) if v in args]
        while waiting:
            at = waiting.pop()
            if at not in found:
                found.add(at)
                waiting += needs[at]
        return any(args.index(state.arg) in found for state in states)

    def _made_of(self, value: Value) -> set[Value]:
        """All in the body that a value is made of."""
        found, waiting = set[Value](), [value]
        while waiting:
            at = waiting.pop()
            if at not in found and defined_in(at, self.loop.op.body):
                found.add(at)
                waiting += at.op.operands if at.op is not None else []
        return found

    def _is_built(self, algebra: Algebra) -> bool:
        form, states = algebra.form, algebra.states
        if isinstance(form, Joined):
            return form.kept == ONE or states[0].arg.type != t.i1  # which has no integers as wide
        if isinstance(form, Moebius | Extreme):
            return True
        if isinstance(form, Clamped):
            return can_clamp(form, states[0].arg.type)
        if not isinstance(form, Affine) or len(states) > MOST_LAG:
            return False
        if can_reset(form, states[0].arg.type):
            return True
        is_float = isinstance(states[0].arg.type, t.FloatType)
        if self._has_fixed_factors(algebra):
            return not form.resets or not is_float  # infinities, NaN would stay so
        return len(states) == 1 or is_float and not form.resets and len(states) == MOST_MIXED

    def _has_fixed_factors(self, algebra: Algebra) -> bool:
        return all(self._is_fixed(factor) for row in algebra.factors for factor in row)

    def _is_fixed(self, expr: Expr) -> bool:
        return not any(defined_in(v, self.loop.op.body) for v in self._leaves(expr))

    def _leaves(self, expr: Expr) -> set[Value]:
        found, seen, waiting = set[Value](), set[int](), [expr]
        while waiting:
            at = waiting.pop()
            if isinstance(at, Value):
                found.add(at)
            elif isinstance(at, Term) and id(at) not in seen:
                seen.add(id(at))
                waiting += at.operands
        return found

    # ---- building ----

    def build(self) -> None:
        """The loop over groups, before the old one, which does the rounds that are left."""
        loop, before = self.loop, self.before
        moving = [place for place in self.places.values() if place.axis is not None]
        self.order = Lanes(turned=2 * sum(map(goes_back, moving)) > len(moving))
        cycles = [self._kept(self._cycle(algebra, states)) for algebra, states in self.cycles]
        kept = _Lanes([cycle for cycle in cycles if isinstance(cycle, Kept)], self.loop.args)
        whole = whole_lanes(before, before.subi(loop.upper, loop.lower), before.index(LANES))
        end = before.addi(loop.lower, whole)
        guards = [guard for cycle in cycles if (guard := cycle.guard_all(before)) is not None]
        if guards:
            end = before.select(all_of(before, guards), end, loop.lower)
        init = kept.lanes_of(before, loop.init)
        body = Block([t.index, *(v.type for v in init)])
        for old, new in zip(loop.op.body.args, body.args, strict=False):
            new.name = old.name
        self._fill(body, cycles, kept)
        made = before.make("scf.for", [loop.lower, end, before.index(LANES), *init], [v.type for v in init],
                           {"vector": t.IntAttr(LANES, t.i64)}, [Region([body])])
        set_operands(loop.op, lower=[end], init=kept.numbers_of(before, made.results))
        loop.op.attrs["tail"] = t.IntAttr(1, t.i64)

    def _cycle(self, algebra: Algebra, states: Sequence[Round]) -> Cycle:
        form = algebra.form
        if isinstance(form, Joined):
            if form.kept != ONE:
                return JoinedResets(states, form)
            return Joining(states, form.op, form.other, form.state_first)
        if isinstance(form, Clamped):
            if can_climb(form, states[0].arg.type) and self._is_fixed(form.added):
                return Climbing(states, form, self.before, self.order)
            if form.factor != ONE:
                return Scaling(states, form, self.before, self.order, self._is_fixed(form.factor), self.fused)
            return Clamping(states, form)
        if isinstance(form, Moebius | Extreme):
            return Extremes(states, form) if isinstance(form, Extreme) else Quotients(states, form, self.fused)
        return self._affine(algebra, form, states)

    def _affine(self, algebra: Algebra, form: Affine, states: Sequence[Round]) -> Cycle:
        if can_reset(form, states[0].arg.type):
            (factor,) = form.factors.values()
            return Resets(states, factor, form.rest, not form.is_chosen)
        if algebra.coupled or len(states) > 1 and not self._has_fixed_factors(algebra):
            return self._several(algebra, form, states)
        (factors,), is_float = algebra.factors, isinstance(states[0].arg.type, t.FloatType)
        if factors == [ONE]:
            return Joining(states, "arith.addf" if is_float else "arith.addi", form.rest, True)
        if all(map(self._is_fixed, factors)):
            type = states[0].arg.type
            numbers = [scalar(self.before, factor, type) for factor in factors]
            return Constant(states, numbers, form.rest, self.before, self.order, self.fused)
        if form.rest == ZERO:
            return Joining(states, "arith.mulf" if is_float else "arith.muli", factors[0], True)
        return Varying(states, factors[0], form.rest, self.fused, form.resets)

    def _several(self, algebra: Algebra, form: Affine, states: Sequence[Round]) -> Cycle:
        """States in each other, or lags whose factors change."""
        factors, rests = algebra.factors, [each.rest for each in algebra.coupled]
        if not algebra.coupled:
            return Mixed(states, [*factors, [ONE, ZERO]], [form.rest, ZERO], self.fused)
        if not self._has_fixed_factors(algebra):
            return Mixed(states, factors, rests, self.fused)
        type = states[0].arg.type
        numbers = [[scalar(self.before, factor, type) for factor in row] for row in factors]
        return Coupled(states, numbers, rests, self.before, self.order, self.fused)

    def _kept(self, cycle: Cycle) -> Cycle:
        """A state in lanes of its own, where it is read by nothing but what adds to it, or prefers something."""
        if not isinstance(cycle, Extremes | Joining) or isinstance(cycle, Joining) and neutral_of(
                cycle.op, cycle.type) is None:
            return cycle
        body, waiting = self.loop.op.body, {state.arg for state in cycle.states}
        for op in body.ops[:-1]:
            if any(v in waiting for v in op.operands):
                waiting.update(op.results)
                if not op.results:
                    return cycle
        if any(carry.next in waiting for carry in self.loop.carries if carry not in cycle.states):
            return cycle
        return Totals(cycle, self.order) if isinstance(cycle, Joining) else Champions(cycle, self.order)

    def _fill(self, body: Block, cycles: Sequence[Cycle], kept: _Lanes) -> None:
        loop, b = self.loop, Builder(body, location=self.loop.op.location)
        args = dict(zip(loop.op.body.args, body.args, strict=False))
        _, *carried = body.args
        group = Group(loop, b, self.before, args, cycles, kept.beside(carried), self.places, self.order)
        guard = group.guard()
        if guard is None:
            b.make("scf.yield", group.run())
            return
        together, apart = Block(), Block()
        with b.at(together):
            b.make("scf.yield", group.run())
        with b.at(apart):
            b.make("scf.yield", self._one_by_one(b, body, kept))
        made = b.make("scf.if", [guard], [v.type for v in carried], None, [Region([together]), Region([apart])])
        b.make("scf.yield", made.results)

    def _one_by_one(self, b: Builder, body: Block, kept: _Lanes) -> Sequence[Value]:
        """The rounds of a group as they are written."""
        counter, *before = body.args
        init = kept.apart(b, before)
        inner = clone_region(self.loop.op.regions[0], {})
        made = b.make("scf.for", [counter, b.addi(counter, b.index(LANES)), b.index(1), *init],
                      [v.type for v in init], {"tail": t.IntAttr(1, t.i64)}, [inner])
        return kept.joined(b, before, made.results)


class _Lanes:
    """What a loop over groups carries: numbers, but lanes for what is `kept`, and behind all what is kept beside."""

    def __init__(self, kept: Sequence[Kept], args: Sequence[Value]) -> None:
        self.places = {cycle: [args.index(state.arg) for state in cycle.states] for cycle in kept}
        self.n = len(args)

    def beside(self, carried: Sequence[Value]) -> dict[Kept, list[Value]]:
        rest = iter(carried[self.n:])
        return {cycle: [next(rest) for _ in range(cycle.n_beside)] for cycle in self.places}

    def lanes_of(self, b: Builder, numbers: Sequence[Value]) -> list[Value]:
        return self._with(numbers, {cycle: cycle.lanes_of(b, [numbers[n] for n in places])
                                    for cycle, places in self.places.items()})

    def numbers_of(self, b: Builder, carried: Sequence[Value]) -> list[Value]:
        return self._with(carried[:self.n], {cycle: cycle.numbers_of(b, lanes)
                                             for cycle, lanes in self._own(carried).items()})

    def apart(self, b: Builder, carried: Sequence[Value]) -> list[Value]:
        """What rounds begin with that run one by one."""
        return self._with(carried[:self.n], {cycle: cycle.apart(b, lanes)
                                             for cycle, lanes in self._own(carried).items()})

    def joined(self, b: Builder, carried: Sequence[Value], numbers: Sequence[Value]) -> list[Value]:
        """The lanes, after such rounds came to these numbers."""
        return self._with(numbers, {cycle: cycle.joined(b, lanes, [numbers[n] for n in self.places[cycle]])
                                    for cycle, lanes in self._own(carried).items()})

    def _own(self, carried: Sequence[Value]) -> dict[Kept, list[Value]]:
        return {cycle: [*(carried[n] for n in self.places[cycle]), *beside]
                for cycle, beside in self.beside(carried).items()}

    def _with(self, values: Sequence[Value], made: Mapping[Kept, Sequence[Value]]) -> list[Value]:
        found, beside = list(values), list[Value]()
        for cycle, parts in made.items():
            places = self.places[cycle]
            for place, value in zip(places, parts, strict=False):
                found[place] = value
            beside += parts[len(places):]
        return [*found, *beside]
