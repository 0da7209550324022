"""LLVM emitters of loops, branches and checks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...artifact import N_INFO_SLOTS
from ...ir.core import Op, Value
from ...ir.ops import group, int_attr, operand
from ...ir.parts import Branch, Loop
from ...ir.runs import run_of
from . import outlining
from .chunks import is_shared, share
from .emitter import Emitted, FunctionEmitter, Mem, emits, llvm_type
from .interrupts import ask, in_pieces, rounds_between
from .joined_sums import free_stack
from .memory import do_run


@emits("scf.for")
def loop(e: FunctionEmitter, op: Op) -> None:
    """All rounds at once, in pieces between which an interrupt is noticed, or in chunks that threads share."""
    if is_shared(op):
        share(e, op)
        return
    if outlining.is_outlined(e, op):
        outlining.call(e, op)
        return
    if run := run_of(op):
        do_run(e, Loop(op), run)
        return
    parts = Loop(op)
    bounds, inits = [e.value(v) for v in parts.bounds], parts.init
    types = [kind for v in inits for kind in e.flat_types(v.type)]
    start = [x for v in inits for x in e.flatten(e.env[v])]

    def rounds(first: str, last: str, carried: Sequence[str]) -> list[str]:
        return _rounds(e, op, (first, last, bounds[2]), types, carried)

    every = rounds_between(e, op)
    is_short = all(b.isdigit() for b in bounds) and int(bounds[1]) - int(bounds[0]) <= every * int(bounds[2])
    results = rounds(bounds[0], bounds[1], start) if not every or is_short else (
        in_pieces(e, bounds, types, start, every, rounds))
    _bind(e, op.results, inits, results)
    for inner in op.body.ops:
        if inner.name == "scan.join":
            free_stack(e, inner, op)


def _rounds(e: FunctionEmitter, op: Op, bounds: Sequence[str], types: Sequence[str], start: Sequence[str],
            ) -> list[str]:
    """guard: upper > lower, unless numbers say so; then the body at least once, until the counter reaches upper; what
    it carries at last. LLVM would make one test of the guard and of `counter < upper` below, at the loop's head, and
    the body would end in a jump (a table with two writes a step: 1.88 us, 1.64 so)."""
    parts = Loop(op)
    lower, upper, step = bounds
    body, done = e.new_label("loop"), e.new_label("done")
    runs = lower.isdigit() and upper.isdigit() and int(lower) < int(upper)
    guard = "" if runs else e.emit(f"icmp sgt i64 {upper}, {lower}")
    entry, before = len(e.lines), e.label
    e.line(f"br i1 {guard}, label %{body}, label %{done}" if guard else f"br label %{body}")
    e.start(body)
    counter = e.fresh()
    e.falling[counter] = None
    position = len(e.lines)  # the phis go here, when the back edge is known
    carried = [e.fresh() for _ in types]
    _bind(e, parts.args, parts.init, carried)
    e.env[parts.counter] = counter
    yielded = [x for v in e.block(op.body) for x in e.flatten(v)]
    following = e.emit(f"add nsw i64 {counter}, {step}")
    again = e.emit(f"icmp slt i64 {following}, {upper}")
    opposites = _opposites(e, counter, lower, step)
    turns = [(counter, "i64", lower, following), *zip(carried, types, start, yielded, strict=True), *opposites]
    latch = e.label
    e.line(f"br i1 {again}, label %{body}, label %{done}")
    e.lines[position:position] = [f"  {name} = phi {kind} [ {a}, %{before} ], [ {b}, %{latch} ]"
                                  for name, kind, a, b in turns]
    e.lines[entry:entry] = [f"  {first} = mul nsw i64 {lower}, -1" for _, _, first, _ in opposites
                            if first.startswith("%")]
    e.start(done)
    return e.phis(types, [*([] if runs else [(list(start), before)]), (yielded, latch)])


def _opposites(e: FunctionEmitter, counter: str, lower: str, step: str) -> list[tuple[str, str, str, str]]:
    """The counter times -1 as one more number that the loop carries, where an address in it asked for it."""
    falling = e.falling.pop(counter)
    if falling is None:
        return []
    first = str(-int(lower)) if lower.isdigit() else e.fresh()
    return [(falling, "i64", first, e.emit(f"sub i64 {falling}, {step}"))]


def _bind(e: FunctionEmitter, targets: list[Value], like: list[Value], operands: list[str]) -> None:
    """Give `targets` their parts of `operands`, in the form of the values `like`."""
    at = 0
    for target, value in zip(targets, like, strict=True):
        form = e.env[value]
        size = len(e.flatten(form))
        e.env[target] = e.unflatten(form, operands[at:at + size])
        at += size


@emits("scf.while")
def while_loop(e: FunctionEmitter, op: Op) -> None:
    """before: condition and values; after: the body; results are the condition's values."""
    test, body = (region.blocks[0] for region in op.regions)
    types = [kind for v in op.operands for kind in e.flat_types(v.type)]
    kept = [_kept_as(e, kind) for kind in types]
    start = [_as_kept(e, *parts) for parts in zip(
        (x for v in op.operands for x in e.flatten(e.env[v])), types, kept, strict=True)]
    head, inside, done = e.new_label("while"), e.new_label("do"), e.new_label("done")
    before = e.label
    e.line(f"br label %{head}")
    e.start(head)
    position = len(e.lines)
    carried = [e.fresh() for _ in types]
    _bind(e, test.args, list(op.operands), [
        name if as_ == kind else e.emit(f"icmp slt {as_} {name}, zeroinitializer")
        for name, kind, as_ in zip(carried, types, kept, strict=True)])
    condition, *values = e.block(test)
    e.line(f"br i1 {condition}, label %{inside}, label %{done}")
    for arg, result, value in zip(body.args, op.results, values, strict=True):
        e.env[arg] = e.env[result] = value
    e.start(inside)
    yielded = [x for v in e.block(body) for x in e.flatten(v)]
    yielded = [_as_kept(e, *parts) for parts in zip(yielded, types, kept, strict=True)]
    counting = _count_and_ask(e, op, before)
    latch = e.label
    e.line(f"br label %{head}")
    e.lines[position:position] = counting + [
        f"  {name} = phi {kind} [ {a}, %{before} ], [ {b}, %{latch} ]"
        for name, kind, a, b in zip(carried, kept, start, yielded, strict=True)]
    e.start(done)


def _kept_as(e: FunctionEmitter, kind: str) -> str:
    """The type in which a loop carries values of a type: truths in lanes, where a processor has no registers for
    masks, as numbers that fill a vector, whose signs they are, as comparisons make them. LLVM would narrow them."""
    lanes = _TRUTHS.fullmatch(kind)
    if lanes is None or e.out.registers.nbytes == 64:
        return kind
    return f"<{lanes[1]} x i{min(64, max(8, 8 * e.out.registers.nbytes // int(lanes[1])))}>"


def _as_kept(e: FunctionEmitter, value: str, kind: str, kept: str) -> str:
    return value if kept == kind else e.emit(f"sext {kind} {value} to {kept}")


_TRUTHS = re.compile(r"<(\d+) x i1>")


def _count_and_ask(e: FunctionEmitter, op: Op, before: str) -> list[str]:
    """Ask every so many rounds of a `while`; the phi of its counter, for the head."""
    every = rounds_between(e, op)
    if not every:
        return []
    counter, due, go_on = e.fresh(), e.new_label("due"), e.new_label("on")
    following = e.emit(f"add i64 {counter}, 1")
    rest = e.emit(f"and i64 {following}, {every - 1}")
    is_due = e.emit(f"icmp eq i64 {rest}, 0")
    e.line(f"br i1 {is_due}, label %{due}, label %{go_on}")
    e.start(due)
    ask(e, go_on)
    e.start(go_on)
    return [f"  {counter} = phi i64 [ 0, %{before} ], [ {following}, %{go_on} ]"]


# Of a branch that rarely is taken, and of one that nearly always is: registers are kept for the other side, for this.
_WEIGHTS = (', !prof !{!"branch_weights", i32 1, i32 2000}', ', !prof !{!"branch_weights", i32 2000, i32 1}')


@emits("scf.if")
def branch(e: FunctionEmitter, op: Op) -> None:
    if outlining.is_outlined(e, op):
        outlining.call(e, op)
        return
    labels = [e.new_label("then"), e.new_label("else")]
    done = e.new_label("join")
    parts = Branch(op)
    weights = _WEIGHTS[op.attrs["likely"].value] if "likely" in op.attrs else ""
    e.line(f"br i1 {e.value(parts.condition)}, label %{labels[0]}, label %{labels[1]}{weights}")
    arms: list[list[Emitted]] = []
    ends = []
    for label, side in zip(labels, parts.sides, strict=True):
        e.start(label)
        arms.append(e.block(side))
        ends.append(e.label)
        e.line(f"br label %{done}")
    e.start(done)
    given = [[_parts(e, v) for v in arm] for arm in arms]
    joined = []
    for i, result in enumerate(op.results):
        types = e.flat_types(result.type)
        types += ["i64"] * (len(given[0][i]) - len(types))
        joined.append(e.phis(types, [(given[0][i], ends[0]), (given[1][i], ends[1])]))
    for result, like, operands in zip(op.results, arms[0], joined, strict=True):  # phis first, then strides
        e.env[result] = _joined(e, like, operands)


def _parts(e: FunctionEmitter, value: Emitted) -> list[str]:
    """LLVM operands of a value; of a buffer its sizes too, which may differ between branches."""
    return [*e.flatten(value), *(value.dims if isinstance(value, Mem) else ())]


def _joined(e: FunctionEmitter, like: Emitted, parts: list[str]) -> Emitted:
    if isinstance(like, Mem):
        dims = tuple(parts[1:])
        return Mem(parts[0], dims, e.contiguous(dims), like.element)
    return e.unflatten(like, parts)


@emits("func.return")
def return_(e: FunctionEmitter, op: Op) -> None:
    """A query returns sizes: they go to the slots in the order of `returns`."""
    slots = e.func.attrs["return_slots"].values if op.operands else ()
    for slot, value in zip(slots, op.operands, strict=True):
        e.store_slot(slot, e.value(value))
    e.line("ret i32 0")


@emits("scan.output_dims")
def output_dims(e: FunctionEmitter, op: Op) -> None:
    first = e.slots[operand(op, "output")] + 1
    for slot, value in enumerate(group(op, "dims"), first):
        e.store_slot(slot, e.value(value))


@emits("scan.check")
def check(e: FunctionEmitter, op: Op) -> None:
    """Ends the function with the check's code; the info operands go to the last four slots."""
    passed, failed = e.new_label("pass"), e.new_label("fail")
    e.line(f"br i1 {e.value(operand(op, 'condition'))}, label %{passed}, label %{failed}")
    e.start(failed)
    base = e.n_slots
    for number, info in enumerate(group(op, "info")[:N_INFO_SLOTS]):
        told, kind = e.value(info), llvm_type(info.type)
        if kind != "i64":
            told = e.emit(f"sext {kind} {told} to i64")
        e.store_slot(base + number, told)
    e.line(f"ret i32 {int_attr(op, 'code')}")
    e.start(passed)
