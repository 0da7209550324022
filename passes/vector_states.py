"""Make a state of two or three numbers, which a matrix takes to the next one, as many states.

    scan.scan(%n, %x, %z) {                        scan.scan(%n, %x, %z[0], %z[1]) {
    ^bb0(%t, %x_t, %h):                            ^bb0(%t, %x_t, %p, %q):
      %0, %1 = tensor.extract %h[0], %h[1]   ->      %p2 = %a[0, 1] * %q + (%a[0, 0] * %p + %x_t[0])
      %h2 = each [i] {                               %q2 = %a[1, 1] * %q + (%a[1, 0] * %p + %x_t[1])
        %a1[i] * %1 + (%a0[i] * %0 + %x_t[i]) }      scan.yield(%p2, %q2, tensor.from_elements(%p2, %q2)) }
      scan.yield(%h2, %h2) }

where %a0 is the column %a[:, 0] of a matrix that no step changes: `A @ h + x_t`, as `pair-terms` left it.
Why: `time-parallel` combines steps whose states are numbers (two of float64: 3.3 ns a step one after the other, 1.1
together; three 4.3 and 1.9).
Conservative: float32 and float64, where `reassociate` is allowed, without which steps go one by one as they are; each
state is multiplied by what no step changes, in loop nests along the state alone; all other states are numbers.
Cost: linear in the step. Runs after `pair-terms`, which makes products sums of such terms, and before `slice`.
Not for a GPU, whose lanes are not in time.
Source: scalar replacement of aggregates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value, clone_op, defined_in
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.ops import group, is_pure, operand
from scancc.ir.parts import Carry, Nest, ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import called

MOST = 3  # numbers: of four steps would take as long (`time_parallel.py`)
SUMS = ("arith.addf", "arith.subf", "arith.negf")
PRODUCTS = ("arith.mulf", "math.fma")


def vector_states(module: Op) -> None:
    """Take apart such states of every scan."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and allowed(op).allows("reassociate") and not ScanView(op).until:
            _visit(ScanView(op))


def _visit(scan: ScanView) -> None:
    states = [carry for carry in scan.carries if isinstance(carry.arg.type, t.TensorType)]
    if states and all(carry.depth == 1 and _length(carry.arg) for carry in states) and _are_linear(scan, states):
        _Split(scan, states).run()
        names = ", ".join(called(carry.arg) for carry in states)
        remark("vector-states", scan.op, True, f"{names}: each number is a state", part="reassociate")


def _length(value: Value) -> int:
    """How many numbers a vector has, where they are few; else 0."""
    type = value.type
    if not isinstance(type, t.TensorType) or len(type.shape) != 1 or type.element not in (t.f32, t.f64):
        return 0
    n = type.shape[0]
    return n if n is not None and 1 < n <= MOST else 0


# ---- which ----


def _are_linear(scan: ScanView, states: Sequence[Carry]) -> bool:
    """Whether the states are sums of each other's numbers, each times what waits for none and no step changes."""
    vectors, numbers = {carry.arg for carry in states}, set[Value]()
    picked = False
    for op in scan.op.body.ops[:-1]:
        used = {v for inner in op.walk() for v in inner.operands} & (vectors | numbers)
        if not used:
            continue
        if op.name == "tensor.extract" and constant_of(group(op, "indices")[0]) is not None:
            numbers.add(op.result)
            picked = True
        elif op.name == "linalg.generic" and _is_linear(scan, Nest(op), vectors, numbers):
            vectors.add(op.result)
        else:
            return False
    return picked and all(carry.next in vectors and _length(carry.next) for carry in states)


def _is_linear(scan: ScanView, nest: Nest, vectors: set[Value], numbers: set[Value]) -> bool:
    """Whether a nest goes along vectors of a state's length, and multiplies none of them with another."""
    reads, body = nest.reads, nest.op.body
    along = nest.is_parallel and len(nest.kinds) == 1 and len(nest.op.results) == 1 and _length(nest.op.result)
    if not along or any(v.uses for v in nest.running) or any(
            read.dims != (0,) or not _length(read.value) for read in reads):
        return False
    waiting = {read.arg for read in reads if read.value in vectors} | numbers
    fixed = {read.arg for read in reads if _is_fixed(scan, read.value)}
    for op in body.ops[:-1]:
        found = [v for v in op.operands if v in waiting]
        if not found:
            continue
        if is_exact(op) or op.name not in SUMS + PRODUCTS:
            return False
        factors = _factors(op)
        others = [v for v in factors if v not in waiting]
        if len(others) < len(factors) and (not others or not all(
                v in fixed or not defined_in(v, scan.op.body) for v in others)):
            return False
        waiting.add(op.result)
    return True


def _factors(op: Op) -> list[Value]:
    """What an op multiplies, if it does."""
    if op.name == "math.fma":
        return [operand(op, "a"), operand(op, "b")]
    return op.operands if op.name in PRODUCTS else []


def _is_fixed(scan: ScanView, value: Value) -> bool:
    """Whether no step changes a value: one from outside, or what is made of such in the step."""
    if not defined_in(value, scan.op.body):
        return True
    op = value.op
    return op is not None and is_pure(op) and not op.regions and all(_is_fixed(scan, v) for v in op.operands)


# ---- taking apart ----


class _Split:
    """A scan of which states become states of numbers."""

    def __init__(self, scan: ScanView, states: Sequence[Carry]) -> None:
        self.scan, self.states = scan, states
        assert scan.op.parent is not None
        self.before = Builder(scan.op.parent, scan.op, scan.op.location)
        self.elements: dict[Value, list[Value]] = {}  # of states, and what is made of them
        self.picked: dict[Value, list[Value]] = {}    # of other vectors
        self.outside: dict[Value, Value] = {}

    def run(self) -> None:
        scan, body = self.scan, self.scan.op.body
        new = [[scan.new_carry(v, v) for v in self._picked(self.before, carry.init)] for carry in self.states]
        for carry, numbers in zip(self.states, new, strict=True):
            self.elements[carry.arg] = [number.arg for number in numbers]
            for n, number in enumerate(numbers):
                number.arg.name = carry.arg.name and f"{carry.arg.name}_{n}"
        for op in list(body.ops[:-1]):
            source = op.operands[0] if op.name == "tensor.extract" else None
            if source in self.elements:
                place = constant_of(group(op, "indices")[0])
                op.replace_by([self.elements[source][int(place)]])  # type: ignore[arg-type]
            elif op.name == "linalg.generic" and self._waits(op):
                self.elements[op.result] = self._made(Builder(body, op, op.location), Nest(op))
        self._rebuild(new)

    def _waits(self, nest: Op) -> bool:
        """Whether a nest reads states, or numbers of them."""
        numbers = {v for found in self.elements.values() for v in found}
        return any(v in self.elements or v in numbers for inner in nest.walk() for v in inner.operands)

    def _made(self, b: Builder, nest: Nest) -> list[Value]:
        """The numbers of a nest's result, each by itself."""
        rows = {read.arg: self._numbers(b, read.value) for read in nest.reads}
        made = []
        for n in range(_length(nest.op.result)):
            mapping = {arg: numbers[n] for arg, numbers in rows.items()}
            for op in nest.op.body.ops[:-1]:
                clone_op(op, mapping, b.insert)
            element = nest.elements[0]
            made.append(mapping.get(element, element))
        return made

    def _numbers(self, b: Builder, value: Value) -> list[Value]:
        if value in self.elements:
            return self.elements[value]
        if value not in self.picked:
            fixed = _is_fixed(self.scan, value)
            where, found = (self.before, self._outer(value)) if fixed else (b, value)
            self.picked[value] = list(self._picked(where, found))
        return self.picked[value]

    def _outer(self, value: Value) -> Value:
        """A value that no step changes, before the scan."""
        if not defined_in(value, self.scan.op.body):
            return value
        if value not in self.outside:
            assert value.op is not None
            mapping = {v: self._outer(v) for v in value.op.operands}
            clone_op(value.op, mapping, self.before.insert)
            self.outside[value] = mapping[value]
        return self.outside[value]

    def _picked(self, b: Builder, value: Value) -> Iterator[Value]:
        splat = value.op if value.op is not None and value.op.name == "tensor.splat" else None
        for n in range(_length(value)):
            yield splat.operands[0] if splat else b.op("tensor.extract", [value, b.index(n)], [t.element(value.type)])

    def _rebuild(self, new: Sequence[Sequence[Carry]]) -> None:
        """Put the states of numbers in place of the others; vectors where rows are kept, and behind the scan."""
        scan, block, body = self.scan, self.scan.op.parent, self.scan.op.body
        assert block is not None
        parts = [[part._replace(next=v) for part, v in zip(numbers, self.elements[carry.next], strict=True)]
                 for numbers, carry in zip(new, self.states, strict=True)]
        inner = Builder(body, body.terminator, scan.op.location)
        joined = {stack.value: inner.op("tensor.from_elements", self.elements[stack.value], [stack.value.type])
                  for stack in scan.stacks if stack.value in self.elements}
        stacks = [stack._replace(value=joined.get(stack.value, stack.value)) for stack in scan.stacks]
        kept = [carry for carry in scan.carries if carry not in self.states]
        scan.rebuilt(carries=[*scan.carries, *(part for found in parts for part in found)], stacks=stacks)
        after = Builder(block, block.ops[block.ops.index(scan.op) + 1], scan.op.location)
        for carry, found in zip(self.states, parts, strict=True):
            if carry.final.uses:
                carry.final.replace_by(after.op("tensor.from_elements", [p.final for p in found], [carry.final.type]))
        scan.rebuilt(carries=[*kept, *(part for found in parts for part in found)])
