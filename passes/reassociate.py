"""Combine first what is there first: what waits for the state comes last.

    %m = arith.minimumf(%up, %h)              %m = arith.minimumf(%up, %corner)
    %n = arith.minimumf(%m, %corner)    ->    %l = arith.cmpf olt(%m, %h)
    %s = arith.addf(%cost, %n)                %n = arith.select(%l, %m, %h)
                                              %u = arith.cmpf uno(%m, %m)
                                              %c = arith.select(%u, %m, %cost)
                                              %s = arith.addf(%c, %n)

for a state %h: of two minima between one step and the next one is left, and that is one instruction of the
processor, as its NaN goes round by what is added (time warping: 1.9 times the time of the C form that an expert
writes, 1.2 then).
Why: the chain from a state to the next is the speed of a scan.
Sums of floats are put in that order where `reassociate` is allowed: of the taps of a state (`y[t-1]`, `y[t-2]`, ...)
all but the newest are there a step before, so that they are added by age, the newest last, as multiply-adds: 4 cycles
for any number of taps (an autoregression of four as it is written: 13; with the second newest in front: 8).
Bits stay otherwise: integers wrap around in any order; floats only in maxima and minima, whose order decides which of
two zeros comes out, so only where no value is -0.0 (what a constant but 0 was taken from or added to; a square, a
magnitude, an exponential, such a constant, and sums with one), or nobody asks for the sign of a zero: the result is
compared, squared, or added to what is never -0.0. Products of floats stay.
Conservative: inner values are used once; only where the chain gets shorter by `slicing/latencies.py`. Sums of floats
off the cycles stay: nothing waits for them.
Cost: linear. Runs before `contract`, which would join the product with the sum that waits.
Source: reassociation by rank as in Briggs and Cooper, Effective partial redundancy elimination (1994), where the rank
is the cycle at which a value is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, ScanView
from scancc.ir.remarks import remark

from .slicing.latencies import busy, latency
from .slicing.steps import CYCLE, Slice, ages_of, newest, slice_of

_INTEGERS = ("arith.addi", "arith.muli", "arith.andi", "arith.ori", "arith.xori", "arith.maxsi", "arith.minsi",
             "arith.maxui", "arith.minui")
_FLOATS = {"arith.maximumf": "ogt", "arith.minimumf": "olt"}
_NEVER_NEGATIVE = ("math.absf", "math.exp", "arith.uitofp", "arith.sitofp")
DEEPEST = 8  # ops, one of another, that are asked for the sign of a zero
_EARLY = -1  # what does not wait for the state
_NO_STATE = 1 << 30  # the age, in steps, of what no state is in

_GoesOn = Callable[[Value, Op], bool]  # whether a value is made in the tree of the op that uses it
_Ready = dict[Value, int]  # the cycle of a step at which what waits for the state is there


def reassociate(module: Op) -> None:
    """Rewrite in the step of every scan, also inside its loop nests."""
    for scan in [op for op in module.walk() if op.name == "scan.scan"]:
        states, found = newest(ScanView(scan).carries), slice_of(scan)
        ages = ages_of(ScanView(scan))
        on_cycles = {op for op, kind in found.kind.items() if kind == CYCLE}
        nests = [op for op in scan.body.ops if op.name == "linalg.generic"]
        _visit(scan.body, states, ages, on_cycles, _limiting(found))
        for nest in nests:
            sums = set(nest.body.ops) if nest in on_cycles else set[Op]()
            reads = Nest(nest).reads
            _visit(nest.body, [read.arg for read in reads if read.value in states],
                   {read.arg: ages[read.value] for read in reads if read.value in ages}, sums, set())


def _limiting(found: Slice) -> set[Op]:
    """The ops of the cycle whose chain is what steps wait for, if they wait for one."""
    chains = [0.0 if cycle.chain is None else cycle.chain / cycle.distance for cycle in found.cycles]
    work = sum(busy(op) for cycle in found.cycles for op in cycle.ops)
    longest = max(chains, default=0.0)
    slowest = [cycle for cycle, chain in zip(found.cycles, chains, strict=True) if chain == longest > work]
    return {op for cycle in slowest for op in cycle.ops}


def _visit(block: Block, states: list[Value], ages: dict[Value, int], on_cycles: set[Op], limiting: set[Op]) -> None:
    ready: _Ready = dict.fromkeys(states, 0)
    for op in list(block.ops):
        old = [ages[v] for inner in op.walk() for v in inner.operands if v in ages]
        if old:
            ages.update((v, min(old)) for v in op.results if v not in ages)
        if _is_root(op):
            op = _in_order(op, ready)
        elif op in on_cycles and _is_sum(op) and not any(_is_part(op.result, user) for user in op.result.uses):
            op = _newest_last(op, ready, ages, op in limiting)
        late = [ready[v] for inner in op.walk() for v in inner.operands if v in ready]
        if late and not all(ages.get(v) for v in op.results):
            ready.update(dict.fromkeys(op.results, max(late) + (latency(op) or 0)))
        if op.name == "arith.addf":
            _lead_nan_round(op, ready)


# ---- order ----


def _is_root(op: Op) -> bool:
    """Whether an op combines values, and is not itself one of those that another like it combines."""
    if op.name not in _INTEGERS and op.name not in _FLOATS or isinstance(op.result.type, t.TensorType):
        return False
    return not any(user.name == op.name and _is_inner(op.result, user) for user in op.result.uses)


def _is_inner(value: Value, user: Op) -> bool:
    made = value.op
    return (made is not None and made.name == user.name and made.parent is user.parent
            and sum(value.uses.values()) == 1)


def _leaves(op: Op) -> Iterator[Value]:
    """What a tree of one op combines, from left to right."""
    pending = [(value, op) for value in reversed(op.operands)]
    while pending:
        value, user = pending.pop()
        if value.op is not None and _is_inner(value, user):
            pending += [(v, value.op) for v in reversed(value.op.operands)]
        else:
            yield value


def _in_order(root: Op, ready: _Ready) -> Op:
    """Combine the leaves in the order in which they are there, if that makes the chain shorter."""
    leaves = sorted(_leaves(root), key=lambda v: ready.get(v, _EARLY))
    if len(leaves) == 2 or _arrives(root, ready, _is_inner) <= _arrives_in_turn(leaves, root, ready):
        return root
    if root.name in _FLOATS and not (_is_zero_without_sign(root.result) or all(map(_is_never_negative_zero, leaves))):
        remark("reassociate", root, False, "what waits for the state is not combined last: of zeros of two signs the "
               "other one could come out")
        return root
    assert root.parent is not None
    b = Builder(root.parent, root, root.location)
    value, *rest = leaves
    for leaf in rest:
        value = b.op(root.name, [value, leaf], [root.result.type])
    value.name = root.result.name
    remark("reassociate", root, True, f"of {len(leaves)} values what waits for the state is combined last")
    _replace(root, value, _is_inner)
    assert value.op is not None
    return value.op


# ---- sums of floats ----


def _is_sum(op: Op) -> bool:
    return op.name in ("arith.addf", "arith.subf") and isinstance(op.result.type, t.FloatType) and not is_exact(op)


def _is_part(value: Value, user: Op) -> bool:
    """Whether a value is a sum that goes into another one, and nowhere else."""
    made = value.op
    return made is not None and _is_sum(made) and _is_sum(user) and made.parent is user.parent and (
        sum(value.uses.values()) == 1)


def _terms(op: Op) -> Iterator[tuple[Value, int]]:
    """What a sum adds (1) and subtracts (-1), from left to right."""
    pending = _signed(op, 1)
    while pending:
        value, user, sign = pending.pop()
        if value.op is not None and _is_part(value, user):
            pending += _signed(value.op, sign)
        else:
            yield value, sign


def _signed(op: Op, sign: int) -> list[tuple[Value, Op, int]]:
    """The operands of a part of a sum, the last first: value, that part, and how the sum has it."""
    lhs, rhs = op.operands
    return [(rhs, op, sign if op.name == "arith.addf" else -sign), (lhs, op, sign)]


def _newest_last(root: Op, ready: _Ready, ages: dict[Value, int], limits: bool) -> Op:
    """Add what is there first, where that is allowed and makes the chain shorter; said where steps wait for that."""
    terms = sorted(_terms(root), key=lambda term: (
        ready.get(term[0], _EARLY), -ages.get(term[0], _NO_STATE), -term[1]))
    if len(terms) == 2 or _arrives(root, ready, _is_part) <= _arrives_in_turn([v for v, _ in terms], root, ready):
        return root
    if not allowed(root).allows("reassociate"):
        if limits:
            remark("reassociate", root, False, "what waits for the state is not added last: floats would be rounded "
                   "otherwise", "fast_math='reassociate' allows it, and its chain from state to state is shorter")
        return root
    assert root.parent is not None
    b = Builder(root.parent, root, root.location)
    (value, sign), *rest = terms
    value = value if sign > 0 else b.negf(value)
    for term, sign in rest:
        value = b.op("arith.addf" if sign > 0 else "arith.subf", [value, term], [value.type])
    value.name = root.result.name
    remark("reassociate", root, True, f"of {len(terms)} terms what waits for the state is added last",
           part="reassociate")
    _replace(root, value, _is_part)
    assert value.op is not None
    return value.op


# ---- trees of one op ----


def _inside(root: Op, goes_on: _GoesOn) -> list[Op]:
    """The ops of a tree, outer ones first."""
    found = [root]
    for op in found:
        found += [v.op for v in op.operands if v.op is not None and goes_on(v, op)]
    return found


def _arrives(root: Op, ready: _Ready, goes_on: _GoesOn) -> int:
    """The cycle at which the result of a tree is there."""
    at: _Ready = {}
    for op in reversed(_inside(root, goes_on)):
        times = [at[v] if goes_on(v, op) else ready.get(v, _EARLY) for v in op.operands]
        at[op.result] = _after(max(times), op)
    return at[root.result]


def _arrives_in_turn(leaves: list[Value], root: Op, ready: _Ready) -> int:
    at = ready.get(leaves[0], _EARLY)
    for leaf in leaves[1:]:
        at = _after(max(at, ready.get(leaf, _EARLY)), root)
    return at


def _after(at: int, op: Op) -> int:
    return at if at == _EARLY else at + (latency(op) or 0)


def _replace(root: Op, value: Value, goes_on: _GoesOn) -> None:
    """Put `value` in place of a tree, whose inner ops nobody else reads."""
    _, *inner = _inside(root, goes_on)
    root.replace_by([value])
    for made in inner:
        made.erase()


# ---- a NaN that goes round ----


def _lead_nan_round(total: Op, ready: _Ready) -> None:
    """early + extremum(early, late): the first NaN goes by the term that is early."""
    found = next((v.op for v in total.operands if v.op is not None and v.op.name in _FLOATS
                  and v.op.parent is total.parent and sum(v.uses.values()) == 1), None)
    if found is None or isinstance(found.result.type, t.TensorType):
        return
    early, late = sorted(found.operands, key=lambda v: ready.get(v, _EARLY))
    other = next(v for v in total.operands if v is not found.result)
    if early in ready or late not in ready or other in ready or total.operands.count(other) > 1:
        return
    if total.result not in ready:  # of values of some steps ago, which wait for none
        return
    if early is not found.operands[0] and not _is_zero_without_sign(found.result):
        return
    assert total.parent is not None
    b = Builder(total.parent, total, found.location)
    nearest = b.select(b.cmpf(_FLOATS[found.name], early, late), early, late)
    term = b.select(b.cmpf("uno", early, early), early, other)
    made = b.op("arith.addf", [term, nearest], [total.result.type], dict(total.attrs))
    made.name = total.result.name
    ready[made] = ready[total.result]
    total.replace_by([made])
    found.erase()


# ---- signs of zeros ----


def _is_zero_without_sign(value: Value) -> bool:
    """Whether nobody can tell of which sign a value is where it is zero."""
    return all(_ignores_sign(user, value) for user in value.uses)


def _ignores_sign(user: Op, value: Value) -> bool:
    if user.name in ("arith.cmpf", "math.absf", "math.exp"):
        return True
    if user.name == "arith.mulf":
        return user.operands[0] is user.operands[1]
    return user.name == "arith.addf" and any(_is_never_negative_zero(v) for v in user.operands if v is not value)


def _is_never_negative_zero(value: Value, deepest: int = DEEPEST) -> bool:
    """Whether a value is known not to be -0.0."""
    known, made = constant_of(value), value.op
    if known is not None:
        return not (known == 0 and str(known).startswith("-"))
    if made is None or deepest == 0:
        return False
    if made.name == "arith.subf" and constant_of(made.operands[1]) not in (None, 0):
        return True
    if made.name in _NEVER_NEGATIVE or made.name == "arith.mulf" and made.operands[0] is made.operands[1]:
        return True
    if made.name == "arith.addf":  # of zeros of both signs it is 0.0
        return any(_is_never_negative_zero(v, deepest - 1) for v in made.operands)
    given = ([operand(made, "true_value"), operand(made, "false_value")] if made.name == "arith.select"
             else made.operands if made.name in _FLOATS else ())
    return bool(given) and all(_is_never_negative_zero(v, deepest - 1) for v in given)
