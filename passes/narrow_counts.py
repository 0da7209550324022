"""Count in lanes as wide as what is compared, where comparisons of 32 bits are counted in 64.

    %x, %n = scf.while %t < %last                 %y, %m = scf.while %t < min(%last, 2**31 - 1)
        iter(%n0 : vector<8xi64>) {                   iter(0 : vector<8xi32>) {
      %in = arith.cmpf ole(%r, 4.0)         ->      %in = arith.cmpf ole(%r, 4.0)
      %k = %n + extui(%in)                          %k = %m + extui(%in)
      scf.yield %x, %k }                            scf.yield %x, %k }
                                                  %x, %n = scf.while %t < %last
                                                      iter(%y, %n0 + extui(%m) : vector<8xi64>) { as before }

Why: the comparison of a vector of 32-bit numbers is widened to two, which are added (Mandelbrot, 64 * 64 points,
float32, Zen 3: 111 us without, 86 with).
The second loop goes on with the state in which the first one stopped: nothing runs twice, and where there are no more
rounds than 2**31 - 1 it has none.
Conservative: what is counted is read nowhere else in the loop; the loop has a counter from a known number on, and a
bound for it that does not change.
Cost: linear; such a loop stands there twice. Runs after `vectorize`, which makes the lanes.
Source: narrowing of induction variables, with a main loop and what is left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value, clone_op, defined_in
from scancc.ir.dialects.arith import CMPI
from scancc.ir.ops import group, set_operands
from scancc.ir.parts import Loop, While
from scancc.ir.remarks import remark

from .expand_integers import bits_compared
from .vectorizing.lanes import MOST_ROUNDS


class _Count(NamedTuple):
    """A vector that a loop carries, to which each round adds truths."""

    number: int          # which of what is carried
    same: list[Value]    # it, inside the loop and behind it
    total: Op
    truths: Op           # as integers


def narrow_counts(module: Op) -> None:
    """Rewrite every loop of the module that counts."""
    for op in list(module.walk()):
        if op.name not in ("scf.for", "scf.while"):
            continue
        counts = _counts(op)
        bound = _bound(op) if counts else None
        if bound is not None:
            _split(op, counts, bound)


# ---- what is there ----


def _counts(loop: Op) -> list[_Count]:
    if loop.name == "scf.for":
        parts = [(c.next, [c.arg, c.final], True) for c in Loop(loop).carries]
    else:
        parts = [(c.onward, [c.arg, c.result, c.tested], c.handed is c.tested and sum(c.tested.uses.values()) == 1)
                 for c in While(loop).carries]
    return [count for number, (next, same, handed) in enumerate(parts)
            if handed and (count := _count(number, next, same)) is not None]


def _count(number: int, next: Value, same: list[Value]) -> _Count | None:
    arg, total = same[0], next.op
    if not isinstance(arg.type, t.VectorType) or arg.type.element != t.i64 or total is None:
        return None
    if total.name != "arith.addi" or arg not in total.operands or sum(arg.uses.values()) > 1:
        return None
    (truths,) = (v.op for v in total.operands if v is not arg)
    alone = sum(next.uses.values()) == 1 and total.parent is arg.owner
    if not alone or truths is None or truths.name != "arith.extui" or bits_compared(truths.operands[0]) != 32:
        return None
    return _Count(number, same, total, truths)


def _bound(loop: Op) -> Value | None:
    """What the counter of a loop, which goes up by one from a known number on, stays below."""
    if loop.name == "scf.for":
        lower, upper, step = Loop(loop).bounds
        return upper if constant_of(step) == 1 and _is_start(lower) else None
    test = _comparison(loop)
    if test is None:
        return None
    tested, bound = test.operands
    counter = next((c for c in While(loop).carries if c.tested is tested and c.handed is tested), None)
    onward = counter.onward.op if counter is not None else None
    if counter is None or onward is None or onward.name != "arith.addi" or onward.operands[0] is not counter.arg:
        return None
    up = constant_of(onward.operands[1]) == 1 and _is_start(counter.init)
    return bound if up and not defined_in(bound, While(loop).test) else None


def _comparison(loop: Op) -> Op | None:
    """That of the counter, without which a `while` does not go on."""
    ops = [While(loop).condition.op]
    while ops:
        op = ops.pop()
        if op is not None and op.name == "arith.andi":
            ops += [v.op for v in op.operands]
        elif op is not None and op.name == "arith.cmpi" and CMPI[op.attrs["predicate"].value] == "slt" and (
                op.operands[0].type == t.index and op.parent is While(loop).test):
            return op
    return None


def _is_start(value: Value) -> bool:
    known = constant_of(value)
    return known is not None and 0 <= known <= MOST_ROUNDS


# ---- two loops ----


def _split(loop: Op, counts: Sequence[_Count], bound: Value) -> None:
    assert loop.parent is not None
    b = Builder(loop.parent, loop, loop.location)
    most = b.minsi(bound, b.index(MOST_ROUNDS))
    mapping: dict[Value, Value] = {}
    first = clone_op(loop, mapping, b.insert)
    assert first.parent is not None
    if loop.name == "scf.for":
        set_operands(first, upper=[most])
        set_operands(loop, lower=[b.maxsi(Loop(loop).lower, most)])
    else:
        test = _comparison(first)
        assert test is not None
        test.operands = [test.operands[0], most]
    starts, left = list(group(loop, "init")), list(first.results)
    before = Builder(first.parent, first, loop.location)
    for count in counts:
        kind, start = count.same[0].type, starts[count.number]
        starts[count.number] = before.const(0, _narrow(count, mapping))
        left[count.number] = b.addi(start, b.op("arith.extui", [left[count.number]], [kind]))
    set_operands(first, init=starts)
    set_operands(loop, init=left)
    remark("narrow-counts", loop, True, "comparisons of 32 bits are counted in 32 bits for 2**31 - 1 rounds, and in "
           "64 after these")


def _narrow(count: _Count, mapping: dict[Value, Value]) -> t.VectorType:
    """Make a count of the copied loop narrow; its type."""
    wide = count.same[0].type
    assert isinstance(wide, t.VectorType)
    kind = t.VectorType(wide.shape, t.i32)
    for value in count.same:
        mapping[value].type = kind
    total, truths = mapping[count.total.result], mapping[count.truths.result].op
    assert total.op is not None and total.op.parent is not None and truths is not None
    inside = Builder(total.op.parent, total.op, total.op.location)
    added = inside.op("arith.extui", [truths.operands[0]], [kind])
    narrow = inside.op("arith.addi", [mapping[count.same[0]], added], [kind])
    total.op.replace_by([narrow])
    if not truths.result.uses:
        truths.erase()
    return kind
