"""Ask once before a loop, or before what a step does, whether all its indices are inside.

    scf.for %k = 0 to 8 {                           %m = arith.maxsi(%n - 7, 0)
      %i = %a + %k                                  scf.if (%a <u %m) {likely} {
      %w = %i < 0 ? %i + %n : %i                      scf.for %k = 0 to 8 {
      scan.check(%w <u %n)                ->            memref.store %x, %p[%a + %k] }
      memref.store %x, %p[%w]                       } else { the loop as it was }
    }

Why: an index may count from the end and must be inside, a slice is cut at the ends of its array; each time that takes
as long as what is done there, and no loop with a check in it runs in vectors. Where the test fails, what was there
runs, with its errors and numbers. Lengths of slices are constants behind the test, so that they move in registers,
and what asks for such a length, as a sum of 8 products does for blocks of terms, is settled: a polyphase filter of 8
taps takes 4.8 ns a number with these questions, 3.7 without.
Conservative: an index is a sum of one number that is known before, and of sizes and counters of the loops inside;
what is read in the middle of a step starts a test of its own. No questions of branches in the step are asked before
it. What a test guards stands there twice: not if it has more than `most-ops` ops, nor for one index in straight code.
Cost: linear, a few times for a step with many indices. Runs after `reductions`, which gives both copies of a loop the
same form, and before `vectorize`, which takes loops without checks.
Source: inductive range check elimination (Bodik, Gupta, Sarkar: ABCD, PLDI 2000; LLVM's IRCE), with one test in place
of split iteration spaces.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op, encloses, functions, within
from scancc.ir.ops import CHECKS, LOOP, has_trait, is_dead, is_pure, operand
from scancc.ir.parts import usual_blocks
from scancc.ir.remarks import remark

from .canonicalize import simplify
from .indexing.questions import Questions, may_ask
from .indexing.ranges import Range, guard, ranges
from .unroll import places_of, write_out

MOST_STARTS = 8  # places in a step from which a test is tried
_ASKING = ("arith.select", "arith.minsi", "scan.check", "scf.for")


def guard_indices(module: Op, most_ops: int = 200) -> None:
    for func in functions(module):
        if "return_slots" not in func.attrs:  # a query: it runs no steps
            _visit(func.body, most_ops, in_loop=False)


def _visit(block: Block, most_ops: int, in_loop: bool) -> None:
    """Put tests into a block, and into what is left as it was inside it."""
    if in_loop:
        _loads_first(block)
        _test_parts(block, most_ops)
    for op in list(block.ops):
        fast = _tested(op, most_ops) if not in_loop and op.name == "scf.for" else None
        for inner in [fast] if fast is not None else usual_blocks(op):
            _visit(inner, most_ops, in_loop or (fast is None and _is_loop(op)))


def _is_loop(op: Op) -> bool:
    return has_trait(op, LOOP) or op.name == "scf.while"


def _loads_first(block: Block) -> None:
    """Move what a step reads of the inputs, at its own number, to its start."""
    at_start, following = 0, set(block.args)
    for op in list(block.ops):
        if has_trait(op, CHECKS) and operand(op, "condition") in following:
            return  # it may say that the input has such an element
        if _reads_input(op, block):
            block.ops.remove(op)
            block.ops.insert(at_start, op)
            at_start += 1
        elif is_pure(op) and not following.isdisjoint(op.operands):  # from the arguments, without what memory holds
            following.update(op.results)


def _reads_input(op: Op, block: Block) -> bool:
    if op.name != "memref.load" or any(v.block is block and v.op is not None for v in op.operands):
        return False
    source = operand(op, "source")
    func = source.block.parent_op() if source.op is None else None
    return func is not None and func.name == "func.func" and source.index < _n_inputs(func)


def _n_inputs(func: Op) -> int:
    return func.attrs["n_inputs"].value if "n_inputs" in func.attrs else 0


# ---- what one test says ----


def _tested(loop: Op, most_ops: int) -> Block | None:
    """Test before a loop what its rounds ask; the block of the loop without questions, None where there is none."""
    assert loop.parent is not None
    if not any(op.name == "scan.check" for op in loop.walk()):
        return None
    asked = Questions([loop], loop.parent)
    if not asked.passed or _size([loop]) > most_ops:
        return None
    return _split([loop], asked, loop.parent)


def _test_parts(block: Block, most_ops: int) -> None:
    """Test in a step, as early as it can be, what the ops behind ask."""
    if not any(may_ask(inner) for op in block.ops for inner in op.walk()):
        return
    anchors = [op for op in block.ops if op.name in _ASKING]
    for anchor in anchors[:MOST_STARTS]:
        if anchor.parent is not block:
            continue  # it stands behind a test by now
        ops = block.ops[block.ops.index(anchor):-1]
        asked = Questions(ops, block)
        if asked.places and _is_worth(asked):
            part = _part(block, ops, asked)
            if _size(part) <= most_ops:
                _split(part, asked, block)


def _is_worth(asked: Questions) -> bool:
    """Whether one test is less than what is asked: for one index it is not, unless loops ask."""
    found = ranges(asked.wanted.values())
    compares = sum(one.n_compares for one in found)
    return bool(asked.in_loops) or asked.count >= max(4, 2 * compares)


def _size(ops: Sequence[Op]) -> int:
    return sum(1 for op in ops for _ in op.walk())


def _part(block: Block, ops: list[Op], asked: Questions) -> list[Op]:
    """The ops of a step that stand behind a test: those that ask, and those that read their answers or buffers."""
    places: dict[Op | None, int] = {op: place for place, op in enumerate(ops)}
    place, end = asked.places[0], asked.places[-1] + 1
    while place < end:
        for value in ops[place].results:
            if value in asked.same or value in asked.numbers or isinstance(value.type, t.MemRefType):
                end = max([end, *(places.get(within(user, block), -1) + 1 for user in value.uses)])
        place += 1
    return ops[asked.places[0]:end]


# ---- the two ways ----


def _split(ops: Sequence[Op], asked: Questions, block: Block) -> Block | None:
    """Put ops on both sides of a test, on the first without their questions; that side, None where there is none."""
    if not asked.wanted:
        _answer_all(asked)
        return None
    given = _read_behind(ops, block)
    if any(isinstance(value.type, t.MemRefType) for value in given):
        return None
    b = Builder(block, ops[0], ops[0].location)
    found = ranges(asked.wanted.values())
    fast, slow = Block(), Block()
    made = b.make("scf.if", [guard(b, found)], [v.type for v in given], {"likely": t.IntAttr(1, t.i64)},
                  [Region([fast]), Region([slow])])
    for result, value in zip(made.results, given, strict=True):
        result.name = value.name
    _fill(fast, ops, asked, given)
    for value, result in zip(given, made.results, strict=True):
        for user in [user for user in value.uses if within(user, block) not in ops]:
            user.replace_operand(value, result)
    for op in ops:
        slow.append(op.detach())
    Builder(slow, None, made.location).make("scf.yield", given)
    _sink(made, slow)
    _say(made, found, asked)
    if asked.numbers:
        _settle(fast)
    return fast


def _settle(fast: Block) -> None:
    """Take out what lengths that are numbers decide: branches, loops of one round, and what that leaves."""
    simplify(fast)
    for loop in [inner for op in fast.ops for inner in op.walk() if inner.name == "scf.for"]:
        places = places_of(loop, 2)
        if places is not None and len(places) == 1:
            write_out(loop, places, Builder(fast, fast.ops[0], loop.location))
    simplify(fast)


def _answer_all(asked: Questions) -> None:
    """Take out questions whose answers are known without a test: the sizes are."""
    for value, other in asked.same.items():
        value.replace_by(other)
    for check in asked.passed:
        remark("guard-indices", check, True, "the index is always inside")
        check.erase()


def _read_behind(ops: Sequence[Op], block: Block) -> list[Value]:
    """The results that are read behind the ops."""
    inside = set(ops)
    return [value for op in ops for value in op.results
            if any(within(user, block) not in inside for user in value.uses)]


def _fill(fast: Block, ops: Sequence[Op], asked: Questions, given: Sequence[Value]) -> None:
    """Copies of the ops as they are where all indices are inside."""
    mapping: dict[Value, Value] = {}
    b = Builder(fast)
    constants = {value: b.index(n) if value.type == t.index else b.const(n, value.type)
                 for value, n in asked.numbers.items()}
    copies = [clone_op(op, mapping, fast.append) for op in ops]
    for value, number in constants.items():
        mapping[value].replace_by(number)
    for value, other in asked.same.items():
        if value not in constants:
            mapping[value].replace_by(_answer(asked, mapping, constants, other))
    pairs = [pair for op, copy in zip(ops, copies, strict=True) for pair in zip(op.walk(), copy.walk(), strict=True)]
    for copy in [copy for op, copy in pairs if op in asked.passed]:
        copy.erase()
    b.make("scf.yield", [_answer(asked, mapping, constants, value) for value in given])
    _erase_dead(fast)


def _answer(asked: Questions, mapping: dict[Value, Value], constants: dict[Value, Value], value: Value) -> Value:
    """What a value is in the copy."""
    while value in asked.same and value not in constants:
        value = asked.same[value]
    return constants[value] if value in constants else mapping.get(value, value)


def _sink(made: Op, slow: Block) -> None:
    """Move into a side of a test what stands before it for that side alone."""
    assert made.parent is not None
    ops = made.parent.ops
    for op in reversed(ops[:ops.index(made)]):
        users = [user.parent for value in op.results for user in value.uses]
        if is_pure(op) and not op.regions and op.name != "arith.constant" and all(
                parent is not None and encloses(slow, parent) for parent in users):
            slow.ops.insert(0, op.detach())
            op.parent = slow


def _erase_dead(block: Block) -> None:
    for op in list(reversed(block.ops[:-1])):
        for inner in usual_blocks(op):
            _erase_dead(inner)
        if is_dead(op):
            op.erase()


def _say(made: Op, found: Sequence[Range], asked: Questions) -> None:
    """That one test stands for many."""
    compares = sum(one.n_compares for one in found)
    tests, say = ("one test", "says") if compares == 1 else (f"{compares} tests", "say")
    where = "before the loop" if asked.in_loops else "before the step"
    reason = f"{tests} {where} {say} that all indices are inside, in place of {asked.count}"
    remark("guard-indices", made, True, reason)
