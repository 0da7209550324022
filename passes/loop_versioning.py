"""Give a loop that searches the places of extremes a version for numbers that are none of them NaN.

    %p, %m = scf.for %j iter(%i, %m : vector<8xf32>) {    %q, %n, %s, _ = scf.for %j iter(%i, %m, %s, %r = splat 0) {
      %g = arith.cmpf ugt(%x, %m)                           %g = arith.cmpf ogt(%x, %m)
      %o = arith.cmpf ord(%m, %m)                           %k = arith.select(%g, %r, %i)
      %c = arith.andi(%g, %o)                      ->       %l = arith.select(arith.cmpf ogt(%m, %x), %m, %x)
      %k = arith.select(%c, %j, %i)                         %t = arith.addf(%s, %x)
      %l = arith.maximumf(%m, %x)                           scf.yield %k, %l, %t, arith.addi(%r, splat 1) }
      scf.yield %k, %l }                                  %p, %m = scf.if (%s is NaN) { the loop as it was }
                                                          else { scf.yield %q, %n }

Why: the first NaN wins, and stays, which takes three instructions a vector; a sum of all numbers is NaN where one of
them is, and takes one. Places that lanes of 32-bit floats choose are as wide as they are (one selection in place of
two): where there are more rounds than they count, the loop as it was runs. The round is carried in all lanes, for all
searches: a number from outside the vectors takes longer than an addition. Viterbi, 500 steps of 32 states, Zen 4,
float32: 35 us (43 without the round in lanes), float64 62 (79).
The numbers stay what they are, the sign of a zero too. Infinities of both signs, or sums beyond all numbers, run both
loops.
Conservative: only vectors, in a loop that does nothing else and writes nothing; what is searched does not depend on
what is found.
Cost: linear; such a loop stands there twice. Runs after `vectorize`, which makes the vectors, and before
`expand-integers`.
Source: loop versioning as in LLVM's LoopVersioning; here what is asked is asked behind the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constants import everywhere
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.dialects.arith import CMPF
from scancc.ir.ops import is_removable, operand
from scancc.ir.parts import Loop, Round
from scancc.ir.remarks import remark

from .vectorizing.lanes import MOST_ROUNDS

_BETTER = {"arith.maximumf": ("ugt", "ogt"), "arith.minimumf": ("ult", "olt")}  # if NaN is best, and if there is none


class _Search(NamedTuple):
    """An extreme that a loop carries, its place, and the op that finds each."""

    extreme: Round
    place: Round
    best: Op    # of the extreme and a number
    choice: Op  # of this round as the place, or the one before

    @property
    def number(self) -> Value:
        return self.best.operands[1]

    @property
    def both(self) -> Op | None:
        """What says that the number takes the extreme's place: it compares so, and the extreme is not NaN."""
        return operand(self.choice, "condition").op

    @property
    def better(self) -> str:
        """How a number compares with an extreme in whose place it comes, where none is NaN."""
        return _BETTER[self.best.name][1]


def loop_versioning(module: Op) -> None:
    """Give every such loop of the module its other version."""
    for op in list(module.walk()):
        if op.name == "scf.for":
            searches = _searches(op)
            if searches:
                _version(op, searches)


# ---- what is there ----


def _searches(loop: Op) -> list[_Search]:
    """The searches of which a loop consists; none where it does something else."""
    carries = Loop(loop).carries
    if not carries or not all(isinstance(carry.arg.type, t.VectorType) for carry in carries):
        return []
    found = [search for extreme in carries for place in carries if (search := _search(extreme, place)) is not None]
    if 2 * len(found) != len(carries) or len({t.element(search.number.type) for search in found}) > 1:
        return []
    return found if all(map(is_removable, loop.body.ops[:-1])) else []


def _search(extreme: Round, place: Round) -> _Search | None:
    """The search that two carried vectors are."""
    best, choice = extreme.next.op, place.next.op
    if best is None or best.name not in _BETTER or choice is None or choice.name != "arith.select":
        return None
    old = best.operands[0], operand(choice, "false_value")
    if old[0] is not extreme.arg or old[1] is not place.arg or not _is_number(extreme.init):
        return None
    search = _Search(extreme, place, best, choice)
    if search.both is None or search.both.name != "arith.andi":
        return None
    more, ordered = (v.op for v in search.both.operands)
    if not _compares(more, _BETTER[best.name][0], [search.number, extreme.arg]) or not _compares(
            ordered, "ord", [extreme.arg, extreme.arg]):
        return None
    alone = _is_read_by(extreme.arg, best, more, ordered) and _is_read_by(place.arg, choice)
    return search if alone else None


def _is_number(value: Value) -> bool:
    """Whether it is one constant in all lanes, and not NaN."""
    known = _in_all_lanes(value)
    return known is not None and known == known


def _in_all_lanes(value: Value) -> float | int | None:
    """The constant that all lanes are."""
    known = everywhere(value)
    return None if known is None else known.value


def _finds_rounds(loop: Op, search: _Search) -> bool:
    """Whether its places are rounds of the loop."""
    made = operand(search.choice, "true_value").op
    number = made.operands[0].op if made is not None else None
    return number is not None and number.name == "arith.index_cast" and number.operands[0] is Loop(loop).counter


def _is_narrow(loop: Op, search: _Search) -> bool:
    """Whether 32 bits count its rounds, and its numbers are as wide."""
    first, start = _in_all_lanes(search.place.init), constant_of(Loop(loop).lower)
    known = first is not None and 0 <= first <= MOST_ROUNDS and start is not None and start >= 0
    return known and t.nbytes(t.element(search.number.type)) == 4


def _compares(op: Op | None, how: str, operands: Sequence[Value]) -> bool:
    return (op is not None and op.name == "arith.cmpf" and CMPF[op.attrs["predicate"].value] == how
            and all(x is y for x, y in zip(op.operands, operands, strict=True)))


def _is_read_by(value: Value, *ops: Op | None) -> bool:
    return all(user in ops for user in value.uses)


# ---- the other version ----


def _version(loop: Op, searches: Sequence[_Search]) -> None:
    assert loop.parent is not None
    b = Builder(loop.parent, loop, loop.location)
    rounds = all(_finds_rounds(loop, search) for search in searches)
    narrow = rounds and all(_is_narrow(loop, search) for search in searches)
    fast = _without_nan(b, loop, searches, rounds, narrow)
    *found, total = fast.results
    if rounds:
        *found, total = found
    sum = b.op("vector.reduction", [total], [t.element(total.type)], {"kind": t.DialectAttr("#vector.kind<add>")})
    again = b.cmpf("uno", sum, sum)
    if narrow:
        again = b.condition("ori", again, b.cmpi("sgt", Loop(loop).upper, b.index(MOST_ROUNDS)))
    old, new = Block(), Block()
    made = b.make("scf.if", [again], [v.type for v in loop.results], None, [Region([old]), Region([new])])
    for result, value in zip(loop.results, made.results, strict=True):
        result.replace_by(value)
    old.append(loop.detach())
    Builder(old, None, loop.location).make("scf.yield", loop.results)
    there = Builder(new, None, loop.location)
    there.make("scf.yield", [_widened(there, value, result.type) for value, result in zip(
        found, loop.results, strict=True)])
    remark("loop-versioning", made, True, "a search without NaN" + (", its places 32 bits wide," if narrow else "")
           + " runs first; the loop as it was runs where a number is NaN"
           + (", or rounds are 2**31 or more" if narrow else ""))


def _without_nan(b: Builder, loop: Op, searches: Sequence[_Search], rounds: bool, narrow: bool) -> Op:
    """The loop as if no number were NaN, which carries their sum beside, and the round in all lanes where places are
    `rounds`; no more of them than places are counted."""
    parts, kind = Loop(loop), searches[0].number.type
    places = [search.place.arg for search in searches]
    upper = b.minsi(parts.upper, b.index(MOST_ROUNDS)) if narrow else parts.upper
    init = [_narrowed(b, carry.init) if narrow and carry.arg in places else carry.init for carry in parts.carries]
    init.append(b.const(0.0, kind))
    if rounds:
        place = init[parts.args.index(places[0])].type
        init.append(_in_lanes(b, parts.lower, place))
    step = _in_lanes(b, parts.step, place) if rounds else None
    body = Block([t.index, *(v.type for v in init)])
    mapping = dict(zip([parts.counter, *parts.args], body.args, strict=False))
    _fill(body, loop, searches, mapping, step)
    return b.make("scf.for", [parts.lower, upper, parts.step, *init], [v.type for v in init], dict(loop.attrs),
                  [Region([body])])


def _fill(body: Block, loop: Op, searches: Sequence[_Search], mapping: dict[Value, Value],
          step: Value | None) -> None:
    """`step`: from round to round in all lanes, where the last argument is the round."""
    b = Builder(body, None, loop.location)
    of_choice, round = {search.choice: search for search in searches}, body.args[-1] if step is not None else None
    for op in _needed(loop, searches):
        if op in of_choice:
            mapping.update(_found(b, of_choice[op], mapping, round))
        else:
            clone_op(op, mapping, b.insert)
    numbers = [mapping.get(search.number, search.number) for search in searches]
    while len(numbers) > 1:  # a short chain, as it is from round to round
        numbers = [b.addf(*numbers[:2]), *numbers[2:]]
    found = [mapping[v] for v in Loop(loop).next]
    found.append(b.addf(body.args[1 + len(found)], numbers[0]))
    b.make("scf.yield", found if step is None else [*found, b.addi(body.args[-1], step)])


def _needed(loop: Op, searches: Sequence[_Search]) -> list[Op]:
    """The ops of a step but for what compares and chooses; `_found` is where a place is chosen."""
    gone = {op for search in searches if search.both is not None
            for op in (search.best, search.both, *(v.op for v in search.both.operands))}
    return [op for op in loop.body.ops[:-1] if op not in gone]


def _found(b: Builder, search: _Search, mapping: dict[Value, Value], round: Value | None) -> dict[Value, Value]:
    """The next extreme and the next place, which may be this `round`."""
    number = mapping.get(search.number, search.number)
    extreme, place = mapping[search.extreme.arg], mapping[search.place.arg]
    chosen = operand(search.choice, "true_value")
    chosen = mapping.get(chosen, chosen) if round is None else round
    more, less = b.cmpf(search.better, number, extreme), b.cmpf(search.better, extreme, number)
    return {search.extreme.next: b.select(less, extreme, number), search.place.next: b.select(more, chosen, place)}


def _in_lanes(b: Builder, value: Value, type: t.Type) -> Value:
    """A number of rounds in all lanes of a type."""
    return b.op("vector.broadcast", [b.op("arith.index_cast", [value], [t.element(type)])], [type])


def _narrowed(b: Builder, splat: Value) -> Value:
    """The low half of an integer in all lanes."""
    assert splat.op is not None and isinstance(splat.type, t.VectorType)
    low = b.op("arith.trunci", [splat.op.operands[0]], [t.i32])
    return b.op("vector.broadcast", [low], [t.VectorType(splat.type.shape, t.i32)])


def _widened(b: Builder, value: Value, type: t.Type) -> Value:
    return value if value.type == type else b.op("arith.extui", [value], [type])
