"""Split a loop that searches the place of an extreme: first the extreme, then the first place where it stands.

    %p, %m = scf.for %j = 0 to %n                %m = scf.for %j = 0 to %n iter(%b = %x0) {reduction} {
        iter(%i = %p0, %b = %x0) {                 scf.yield arith.maxsi(%b, load %a[%j]) }
      %x = memref.load %a[%j]              ->    %q = scf.for %j = 0 to %n iter(%i = %n) {reduction} {
      %c = arith.cmpi sgt(%x, %b)                  %f = arith.cmpi eq(load %a[%j], %m)
      %k = arith.select(%c, %j, %i)                scf.yield arith.minsi(%i, arith.select(%f, %j, %n)) }
      %l = arith.select(%c, %x, %b)              %p = arith.select(arith.cmpi sgt(%m, %x0), %q, %p0)
      scf.yield %k, %l }

Why: in a search each place waits for the comparison before, one number at a time; both reductions run in lanes. The
first place of the largest of 2000 float64 numbers takes 0.7 us, not 8.4 (Zen 4, AVX-512), of int64 0.5, not 1.3.
That of 16 floats takes 11 ns, not 41. Where fewer are searched the loop stays; where nobody knows how many, it stands
beside.
Of truths the place alone is searched, which says whether there is one.
The same place in every case: of a NaN the first, of equal numbers the first, of zeros of both signs too.
Conservative: only one search, of numbers side by side that are read or cheaply made, in a loop that does no more;
not where a loop around has the lanes.
Cost: linear; such a loop stands there up to three times. Runs before `reductions`, which gives both their form.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, needed_for
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.ir.ops import is_removable
from scancc.ir.parts import Loop, Round
from scancc.ir.remarks import remark

from .bufferizing.loops import REDUCTION_LOOP
from .reductions import around_in_lanes
from .slicing.latencies import busy
from .vectorizing.lanes import Check

FEW, FEW_FLOATS = 32, 8  # numbers that the loop as it was searches as fast; of floats it asks twice
NONE = 1 << 62  # a place behind all others
CHEAP = 8  # busy cycles of a number that is made twice

_BEST = {"sgt": "arith.maxsi", "slt": "arith.minsi", "ugt": "arith.maxui", "ult": "arith.minui"}
_BEST_FLOAT = {"ugt": "arith.maximumf", "ult": "arith.minimumf"}
_BEST_TRUTH = {"ugt": "arith.ori", "ult": "arith.andi"}


_Step = Callable[[Builder, Value, Value], Value]  # of a round and what was found so far


class _Search(NamedTuple):
    place: Round
    extreme: Round
    number: Value
    better: str  # the comparison of a number that is better

    @property
    def few(self) -> int:
        return FEW_FLOATS if t.is_float(self.number.type) else FEW

    @property
    def best(self) -> str:
        """The op that gives the better one of two numbers."""
        kind = self.number.type
        table = _BEST_TRUTH if kind == t.i1 else _BEST_FLOAT if t.is_float(kind) else _BEST
        return table[self.better]


def split_searches(module: Op) -> None:
    """Split every such loop of the module; which ones is decided before any is changed."""
    loops = [op for op in module.walk() if op.name == "scf.for" and not op.attrs and len(Loop(op).carries) == 2]
    for loop, search in [(loop, _search(loop)) for loop in loops]:
        if search is not None:
            _split(loop, search)


# ---- what is there ----


def _search(loop: Op) -> _Search | None:
    """The search that a loop is, where both its reductions would run in lanes."""
    found = next((s for pair in permutations(Loop(loop).carries) if (s := _as_search(loop, *pair)) is not None), None)
    if found is None or constant_of(Loop(loop).lower) != 0 or constant_of(Loop(loop).step) != 1:
        return None
    length, ops = constant_of(Loop(loop).upper), loop.body.ops[:-1]
    if length is not None and length < found.few or sum(map(busy, _made(loop, found))) > CHEAP:
        return None
    if any(op.regions or not is_removable(op) for op in ops) or around_in_lanes(loop):
        return None
    problem = Check(loop).problem()
    if problem is not None:
        remark("split-searches", loop, False, f"the place of an extreme is searched number by number: {problem}")
    return found if problem is None else None


def _as_search(loop: Op, place: Round, extreme: Round) -> _Search | None:
    choice, best = place.next.op, extreme.next.op
    if choice is None or best is None or choice.name != "arith.select" or not _is_round(loop, choice.operands[1]):
        return None
    number, better = _compared(choice.operands[0], extreme.arg)
    if number is None or choice.operands[2] is not place.arg or place.arg.uses != {choice: 1}:
        return None
    search = _Search(place, extreme, number, better)
    if best.name == "arith.select":
        same = [choice.operands[0], number, extreme.arg]
        differs = t.is_float(number.type) and bool(extreme.final.uses)  # of zeros of both signs it is the first one
    else:
        same, differs = [extreme.arg, number], best.name != search.best
    return None if differs or any(x is not y for x, y in zip(best.operands, same, strict=True)) else search


def _is_round(loop: Op, value: Value) -> bool:
    made = value.op
    value = made.operands[0] if made is not None and made.name == "arith.index_cast" else value
    return value is Loop(loop).counter


def _compared(condition: Value, extreme: Value) -> tuple[Value | None, str]:
    """What is compared with the extreme so far, and how; of floats a NaN is better than any number, and stays."""
    op = condition.op
    if op is None:
        return None, ""
    if op.name == "arith.cmpi" and op.operands[1] is extreme:
        better = CMPI[op.attrs["predicate"].value]
        return (op.operands[0], better) if better in _BEST else (None, "")
    if op.name != "arith.andi":
        return None, ""
    more, stays = (v.op for v in op.operands)
    if more is None or stays is None or more.name != "arith.cmpf" or stays.name != "arith.cmpf":
        return None, ""
    better = CMPF[more.attrs["predicate"].value]
    is_one = CMPF[stays.attrs["predicate"].value] == "ord" and [more.operands[1], *stays.operands] == [extreme] * 3
    return (more.operands[0], better) if is_one and better in _BEST_FLOAT else (None, "")


def _made(loop: Op, search: _Search) -> list[Op]:
    """The ops of the loop that make the number, in their order."""
    return needed_for([search.number], loop.body.ops)


# ---- what comes in its place ----


def _split(loop: Op, search: _Search) -> None:
    assert loop.parent is not None
    b, n = Builder(loop.parent, loop, loop.location), Loop(loop).upper
    if constant_of(n) is not None:
        results = _in_two(b, loop, search)
    else:
        many, few = Block(), Block()
        made = b.make("scf.if", [b.cmpi("sge", n, b.index(search.few))], [v.type for v in loop.results], None,
                      [Region([many]), Region([few])])
        results = list(made.results)
    users = [(old, list(old.uses)) for old in loop.results]
    for (old, readers), new in zip(users, results, strict=True):
        new.name = old.name
        for op in readers:
            op.replace_operand(old, new)
    remark("split-searches", loop, True, "the place of an extreme is searched in lanes, after the extreme")
    if constant_of(n) is not None:
        loop.erase()
        return
    there = Builder(many, None, loop.location)
    there.make("scf.yield", _in_two(there, loop, search))
    few.append(loop.detach())
    Builder(few, None, loop.location).make("scf.yield", loop.results)


def _in_two(b: Builder, loop: Op, search: _Search) -> list[Value]:
    """The loop's results, of two reductions; of truths the place says what the extreme is."""
    n, init = Loop(loop).upper, search.extreme.init
    if init.type == t.i1:
        place = _first(b, loop, search, lambda inner, number: _is_best(inner, search, number))
        extreme = b.op(search.best, [init, _is_best(b, search, b.cmpi("slt", place, n))], [t.i1])
    else:
        extreme = _reduction(b, n, init, lambda inner, round, so_far: inner.op(
            search.best, [so_far, _number(inner, loop, search, round)], [so_far.type]))
        place = _first(b, loop, search, lambda inner, number: _is_extreme(inner, number, extreme))
    if search.place.arg.type != t.index:
        place = b.op("arith.index_cast", [place], [search.place.arg.type])
    place = b.select(_is_better(b, search, extreme, init), place, search.place.init)
    return [place if result is search.place.final else extreme for result in loop.results]


def _first(b: Builder, loop: Op, search: _Search, is_it: Callable[[Builder, Value], Value]) -> Value:
    """The first round whose number is the one; one behind all rounds where none is."""
    n, none = Loop(loop).upper, b.index(NONE)

    def step(inner: Builder, round: Value, so_far: Value) -> Value:
        here = inner.select(is_it(inner, _number(inner, loop, search, round)), round, none)
        return inner.op("arith.minsi", [so_far, here], [t.index])
    return _reduction(b, n, none, step)


def _is_best(b: Builder, search: _Search, truth: Value) -> Value:
    return truth if search.better == "ugt" else b.op("arith.xori", [truth, b.const(True, t.i1)], [t.i1])


def _reduction(b: Builder, n: Value, init: Value, step: _Step) -> Value:
    body = Block([t.index, init.type])
    inner = Builder(body, location=b.location)
    inner.make("scf.yield", [step(inner, *body.args)])
    return b.make("scf.for", [b.index(0), n, b.index(1), init], [init.type], dict(REDUCTION_LOOP),
                  [Region([body])]).result


def _number(b: Builder, loop: Op, search: _Search, counter: Value) -> Value:
    """The number of a round, made again."""
    mapping = {Loop(loop).counter: counter}
    for op in _made(loop, search):
        clone_op(op, mapping, b.insert)
    return mapping.get(search.number, search.number)


def _is_extreme(b: Builder, number: Value, extreme: Value) -> Value:
    """Whether a number is the one that was found: if that is NaN, the first NaN is."""
    if not t.is_float(number.type):
        return b.cmpi("eq", number, extreme)
    return b.op("arith.ori", [b.cmpf("oeq", number, extreme), b.cmpf("uno", number, number)], [t.i1])


def _is_better(b: Builder, search: _Search, extreme: Value, start: Value) -> Value:
    """Whether what was found takes the place of what the search started from."""
    if not t.is_float(start.type):
        return b.cmpi(search.better, extreme, start)
    return b.op("arith.andi", [b.cmpf(search.better, extreme, start), b.cmpf("ord", start, start)], [t.i1])
