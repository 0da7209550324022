"""Carry 64-bit integers that lanes of 32-bit floats choose as two halves of 32 bits.

    %p = scf.for %j iter(%i : vector<16xi64>) {       %l, %h = scf.for %j iter(%a, %b : vector<16xi32>) {
      %c = arith.cmpf ugt(%x, %m)                       %c = arith.cmpf ugt(%x, %m)
      %n = arith.select(%c, broadcast(%j), %i)     ->   %n = arith.select(%c, broadcast(low %j), %a)
      scf.yield %n                                      %k = arith.select(%c, broadcast(high %j), %b)
    }                                                   scf.yield %n, %k }
                                                      %p = %l + %h * 2**32

Why: a comparison of vectors of floats is a mask as wide as they are. To choose among places, which are int64, it is
widened for each vector of those. With halves a step of `argmax` of float32 has 16 instructions for 16 lanes, not 22
(Viterbi, 32 states, 500 steps, Zen 3: 119 us without, 83 with). The numbers stay what they are.
Conservative: only what is chosen as a whole from one place for all lanes, and is read nowhere else in the loop.
Cost: linear. Runs after `vectorize`, which makes the lanes.
Source: the expansion of integers wider than a register, as type legalizers do it.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.parts import Loop, Round
from scancc.ir.remarks import remark


def expand_integers(module: Op) -> None:
    """Rewrite every loop of `module` that carries such integers."""
    for op in reversed(list(module.walk())):  # inner loops first: their bodies are copied
        if op.name == "scf.for":
            wide = [carry for carry in Loop(op).carries if _is_chosen(carry)]
            if wide:
                _expand(op, wide)


def _is_chosen(carry: Round) -> bool:
    """Whether a round leaves it, or puts one integer for the lanes that a comparison of 32-bit floats says."""
    kind, select = carry.arg.type, carry.next.op
    if not isinstance(kind, t.VectorType) or kind.element != t.i64 or select is None or select.name != "arith.select":
        return False
    condition, place, old = select.operands
    alone = sum(carry.arg.uses.values()) == sum(carry.next.uses.values()) == 1
    return (alone and old is carry.arg and _is_splat(place) and _is_splat(carry.init)
            and select.parent is old.block and bits_compared(condition) == 32)


def _is_splat(value: Value) -> bool:
    return value.op is not None and value.op.name == "vector.broadcast"


def bits_compared(condition: Value) -> int:
    """The width of the floats whose comparisons make a condition; 0 where something else does."""
    op = condition.op
    if op is not None and op.name in ("arith.andi", "arith.ori"):
        widths = {bits_compared(v) for v in op.operands if v.op is not None}  # a truth that is carried is as wide
        return widths.pop() if len(widths) == 1 else 0
    if op is None or op.name != "arith.cmpf":
        return 0
    return 8 * t.nbytes(t.element(op.operands[0].type))


def _expand(loop: Op, wide: list[Round]) -> None:
    assert loop.parent is not None
    parts, b = Loop(loop), Builder(loop.parent, loop, loop.location)
    init = [part for carry in parts.carries
            for part in (_splat_halves(b, carry.init) if carry in wide else [carry.init])]
    body = Block([t.index, *(v.type for v in init)])
    args = iter(body.args)
    mapping = {parts.counter: next(args)}
    halves: dict[Value, list[Value]] = {}  # of what the next round gets
    for carry in parts.carries:
        if carry in wide:
            halves[carry.next] = [next(args), next(args)]
        else:
            mapping[carry.arg] = next(args)
    _fill(body, loop.body, mapping, halves)
    made = b.make("scf.for", [*parts.bounds, *init], [v.type for v in init], dict(loop.attrs), [Region([body])])
    results = iter(made.results)
    for carry in parts.carries:
        carry.final.replace_by(_whole(b, next(results), next(results)) if carry in wide else next(results))
    remark("expand-integers", made, True, "places that 32-bit floats choose are carried as halves of their width")
    loop.erase()


def _fill(body: Block, source: Block, mapping: dict[Value, Value], halves: dict[Value, list[Value]]) -> None:
    """Copy a body; the selections in `halves` choose each half from its old one."""
    b = Builder(body, location=source.terminator.location)
    for op in source.ops[:-1]:
        if op.results and op.results[0] in halves:
            condition, place, _ = op.operands
            condition, new = mapping.get(condition, condition), _splat_halves(b, place, mapping)
            halves[op.result] = [b.select(condition, *pair) for pair in zip(new, halves[op.result], strict=True)]
        else:
            clone_op(op, mapping, b.insert)
    b.make("scf.yield", [v for old in source.terminator.operands for v in halves.get(old) or [mapping.get(old, old)]])


def _splat_halves(b: Builder, splat: Value, mapping: dict[Value, Value] | None = None) -> list[Value]:
    """The low and the high half of one integer in all lanes."""
    assert splat.op is not None and isinstance(splat.type, t.VectorType)
    number = splat.op.operands[0]
    number = (mapping or {}).get(number, number)
    high = b.binary("shrui", number, b.const(32, t.i64))
    kind = t.VectorType(splat.type.shape, t.i32)
    return [b.op("vector.broadcast", [b.op("arith.trunci", [half], [t.i32])], [kind]) for half in (number, high)]


def _whole(b: Builder, low: Value, high: Value) -> Value:
    assert isinstance(low.type, t.VectorType)
    kind = t.VectorType(low.type.shape, t.i64)
    low, high = (b.op("arith.extui", [half], [kind]) for half in (low, high))
    return b.binary("ori", low, b.binary("shli", high, b.const(32, kind)))
