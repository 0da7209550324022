"""What a step asks of its indices, and what the answers would be if all of them lay inside.

    %w = arith.select(%i < 0, %i + %n, %i)      0 <= %i: it is %i
    scan.check(%w <u %n)                        0 <= %w and %w < %n: it holds
    %c = arith.minsi(arith.maxsi(%w, 0), %n)    0 <= %w and %w <= %n: it is %w

The answers follow from `wanted`, forms that are 0 or more: those of ops in loops inside the step hold in every round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Op, Value, encloses
from scancc.ir.dialects.arith import CMPI
from scancc.ir.ops import operand
from scancc.ir.parts import Loop
from scancc.passes.planning.numbers import is_small

from .forms import Form, Forms, is_place, number

MOST_FACTORS = 64  # of numbers up to 2**47, so that their sum is exact
MOST_CONSTANT = 2 ** 47


def may_ask(op: Op) -> bool:
    """Whether an op by itself may be a question: most steps have none."""
    if op.name == "arith.minsi":
        raised = op.operands[0].op
        return raised is not None and raised.name == "arith.maxsi"
    return op.name == "scan.check" or op.name in ("arith.select", "arith.maxsi") and is_place(op.result)


class Questions:
    """The questions of some ops of a block, whose answers are known from what is defined before them."""

    def __init__(self, ops: Sequence[Op], block: Block) -> None:
        self.forms = Forms()
        self.wanted: dict[frozenset[tuple[Value, int]], Form] = {}  # of each sum of numbers the least
        self.same: dict[Value, Value] = {}    # the value that another one would be
        self.numbers: dict[Value, int] = {}   # or the constant
        self.passed: dict[Op, None] = {}      # checks that hold
        self.places: list[int] = []           # of the ops, in which some question would be answered
        self.count = 0                        # how many ops are answered
        self.in_loops = 0                     # how many questions are asked in loops inside
        self._block = block
        self._inside = set(ops)
        for place, op in enumerate(ops):
            before = self.count
            self._enter(op, {})
            if self.count > before:
                self.places.append(place)

    def _enter(self, op: Op, counters: Mapping[Value, Op]) -> None:
        """Answer an op; in a loop, of which `counters` are those around, all in it."""
        before = self.count
        if op.name == "scf.for":
            inner = {**counters, Loop(op).counter: op}
            for other in op.body.ops:
                self._enter(other, inner)
        elif op.name == "scan.check":
            if self._holds(operand(op, "condition"), counters):
                self.passed[op] = None
                self.count += 1
        elif len(op.results) == 1 and is_place(op.result):
            self._answer(op, counters)
        if counters and op.name != "scf.for":
            self.in_loops += self.count - before

    # ---- kinds of questions ----

    def _answer(self, op: Op, counters: Mapping[Value, Op]) -> None:
        if op.name == "arith.select":
            self._wraps(op, counters)
        elif op.name == "arith.minsi":
            self._is_cut(op, counters)
        elif op.name == "arith.maxsi":
            self._is_raised(op)
        form = self.forms.of(op.result)
        if not form.terms and op.name != "arith.constant":
            self.numbers[op.result] = form.constant

    def _wraps(self, op: Op, counters: Mapping[Value, Op]) -> None:
        """An index below 0 counts from the end."""
        index, test = operand(op, "false_value"), operand(op, "condition").op
        negative = test is not None and _compares(test, "slt", index) and constant_of(test.operands[1]) == 0
        if negative and self._want(counters, self.forms.of(index)):
            self._is_same(op, index)

    def _is_cut(self, op: Op, counters: Mapping[Value, Op]) -> None:
        """The end of a slice is cut at the ends of an array."""
        raised, length = op.operands
        inner = raised.op
        cut = inner is not None and inner.name == "arith.maxsi" and constant_of(inner.operands[1]) == 0
        if inner is None or not cut or not is_small(length):
            return
        index = inner.operands[0]
        form = self.forms.of(index)
        if self._want(counters, form, self.forms.of(length).minus(form)):
            self._is_same(op, index)

    def _is_raised(self, op: Op) -> None:
        """A length is not below 0: of a slice whose ends are so far apart."""
        form = self.forms.of(op.operands[0])
        if not form.terms and constant_of(op.operands[1]) == 0 and form.constant >= 0:
            self._is_same(op, op.operands[0])

    def _holds(self, truth: Value, counters: Mapping[Value, Op]) -> bool:
        """Whether a check passes: an index is inside, two lengths are equal."""
        test = truth.op
        if test is None or test.name != "arith.cmpi" or not is_place(test.operands[0]):
            return False
        left, right = map(self.forms.of, test.operands)
        if CMPI[test.attrs["predicate"].value] == "eq":
            return left == right
        inside = CMPI[test.attrs["predicate"].value] == "ult" and is_small(test.operands[1])
        return inside and self._want(counters, left, right.minus(left).with_constant(-1))

    def _is_same(self, op: Op, value: Value) -> None:
        self.same[op.result] = value
        self.count += 1
        self.forms.assume(op.result, self.forms.of(value))

    # ---- what has to hold ----

    def _want(self, counters: Mapping[Value, Op], *forms: Form) -> bool:
        """Ask for forms that are 0 or more in all rounds; False where that cannot be asked before the ops."""
        least = [self._least(form, counters) for form in forms]
        found = [form for form in least if form is not None]
        if len(found) < len(forms) or any(not form.terms and form.constant < 0 for form in found):
            return False
        for form in found:
            key = frozenset(form.terms.items())
            if form.terms and (key not in self.wanted or self.wanted[key].constant > form.constant):
                self.wanted[key] = form
        return True

    def _least(self, form: Form, counters: Mapping[Value, Op]) -> Form | None:
        """The least that a form is in any round of the loops inside; None where it is not known before the ops."""
        for counter, loop in reversed(list(counters.items())):
            factor = form.terms.get(counter, 0)
            if factor:
                end, rest = self._end(loop, factor), form.minus(Form({counter: factor}, 0))
                if end is None or (_unknown(end) and (abs(factor) > 1 or _unknown(rest))):
                    return None
                form = rest.plus(end, factor)
        exact = sum(map(abs, form.terms.values())) <= MOST_FACTORS and abs(form.constant) <= MOST_CONSTANT
        return form if exact and all(map(self._is_early, form.terms)) else None

    def _end(self, loop: Op, factor: int) -> Form | None:
        """The counter of a loop in its first round, or, for a factor below 0, at most in its last."""
        lower, upper, step = Loop(loop).bounds
        ends = [_true_form(self.forms, value) for value in (lower, upper)]
        if (constant_of(step) or 0) <= 0:
            return None
        return ends[0] if factor > 0 else ends[1].with_constant(-1)

    def _is_early(self, value: Value) -> bool:
        """Whether a value is there before the ops."""
        return encloses(value.block, self._block) and value.op not in self._inside


def _true_form(forms: Forms, value: Value) -> Form:
    """A form that is the number in truth, not only modulo 2**64."""
    known = constant_of(value)
    if known is not None:
        return number(int(known))
    form = forms.of(value)
    return form if is_small(value) and not _unknown(form) else Form({value: 1}, 0)


def _unknown(form: Form) -> bool:
    """Whether some number in it may be of any size."""
    return any(not is_bounded(value) for value in form.terms)


def is_bounded(value: Value) -> bool:
    """Whether a number is known to be far from the ends of 64 bits: a size, a counter up to one, what had 32 bits."""
    if value.op is None:
        loop = value.block.parent_op()
        return loop is not None and loop.name == "scf.for" and value is Loop(loop).counter and all(
            map(is_small, (Loop(loop).lower, Loop(loop).upper)))
    narrow = value.op.name in ("arith.index_cast", "arith.extsi") and t.nbytes(value.op.operands[0].type) <= 4
    return narrow or is_small(value)


def _compares(test: Op, how: str, left: Value) -> bool:
    return test.name == "arith.cmpi" and CMPI[test.attrs["predicate"].value] == how and test.operands[0] is left
