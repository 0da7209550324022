"""Make a complex state that a step multiplies and adds to two real ones, its parts.

    scan.scan(%n, %x, %z0) {                       scan.scan(%n, %x, complex.re(%z0), complex.im(%z0)) {
    ^bb0(%t, %x_t, %z):                            ^bb0(%t, %x_t, %r, %i):
      %p = complex.mul(%a, %z)               ->      %pr = arith.subf(arith.mulf(%ar, %r), arith.mulf(%ai, %i))
      %s = complex.add(%p, %x_t)                     %pi = arith.addf(arith.mulf(%ar, %i), arith.mulf(%ai, %r))
      scan.yield(%s, %s) }                           %sr, %si = arith.addf(%pr, %xr), arith.addf(%pi, %xi)
                                                     scan.yield(%sr, %si, complex.create(%sr, %si)) }

Why: such a state (a damped rotation, a phasor, a filter with complex poles) is a matrix of two rows, whose steps
`time-parallel` combines: 2.7 ns a step one after the other, 1.2 together.
Conservative: states are numbers, each multiplied by what waits for none of them, in straight code; only where
`reassociate` is allowed, without which the steps go one by one as they are.
Cost: linear in the step. Runs before `contract`, for the new products. Not for a GPU, whose lanes are not in time.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, defined_in, made_of, needed_for
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.parts import Carry, ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import called

_Parts = tuple[Value, Value]
APART = ("complex.add", "complex.sub", "complex.neg", "complex.mul", "complex.re", "complex.im", "complex.create")
OF_PARTS = ("arith.addf", "arith.subf", "arith.negf", "arith.mulf")


def complex_states(module: Op) -> None:
    """Take apart such states of every scan."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and allowed(op).allows("reassociate") and not ScanView(op).until:
            _visit(ScanView(op))


def _visit(scan: ScanView) -> None:
    states = [carry for carry in scan.carries if t.is_complex(carry.arg.type) and carry.depth == 1
              and isinstance(carry.arg.type, t.ComplexType)]
    if states and _are_linear(scan, states):
        _Split(scan, states).run()
        names = ", ".join(called(carry.arg) for carry in states)
        remark("complex-states", scan.op, True, f"{names}: real and imaginary part are states", part="reassociate")


def _are_linear(scan: ScanView, states: Sequence[Carry]) -> bool:
    """Whether what leads from the states to the next ones multiplies none of them with another."""
    ops = scan.op.body.ops[:-1]
    if any(op.regions for op in ops):
        return False
    waiting = made_of([carry.arg for carry in states], ops)
    for op in needed_for([carry.next for carry in states], ops):
        found = [v for v in op.operands if v in waiting]
        if found and (op.name not in APART + OF_PARTS or is_exact(op) or "mul" in op.name and len(found) > 1):
            return False
    return True


class _Split:
    """A scan of which some states become states of parts."""

    def __init__(self, scan: ScanView, states: Sequence[Carry]) -> None:
        self.scan, self.states = scan, states
        assert scan.op.parent is not None
        self.before = self.b = Builder(scan.op.parent, scan.op, scan.op.location)
        self.parts: dict[Value, _Parts] = {}
        self.made: set[Value] = set()  # whose parts are all that there is

    def run(self) -> None:
        scan, body = self.scan, self.scan.op.body
        new = [[scan.new_carry(part, part) for part in self._parts(carry.init)] for carry in self.states]
        for carry, (re, im) in zip(self.states, new, strict=True):
            self.parts[carry.arg] = re.arg, im.arg
            self.made.add(carry.arg)
            if carry.arg.name:
                re.arg.name, im.arg.name = f"{carry.arg.name}_re", f"{carry.arg.name}_im"
        for op in list(body.ops):
            self.b = Builder(body, op, op.location)
            if op.name in APART and not is_exact(op) and not any(
                    isinstance(v.type, t.TensorType) for v in op.operands):
                self._take_apart(op)
            else:
                op.operands = [self._whole(v) for v in op.operands]
        self._rebuild(new)

    def _parts(self, value: Value) -> _Parts:
        """The real and the imaginary part, made where they are first asked for or before the scan."""
        if value not in self.parts and value.op is not None and value.op.name == "complex.create":
            self.parts[value] = value.op.operands[0], value.op.operands[1]
        if value not in self.parts:
            assert isinstance(value.type, t.ComplexType)
            b = self.b if defined_in(value, self.scan.op.body) else self.before
            re, im = (b.op(f"complex.{part}", [value], [value.type.element]) for part in ("re", "im"))
            self.parts[value] = re, im
        return self.parts[value]

    def _whole(self, value: Value) -> Value:
        """For others than those ops."""
        if value not in self.made:
            return value
        return self.b.op("complex.create", list(self.parts[value]), [value.type])

    def _take_apart(self, op: Op) -> None:
        b, name = self.b, op.name.partition(".")[2]
        if name in ("re", "im"):
            op.replace_by([self._parts(op.operands[0])[name == "im"]])
            return
        self.made.add(op.result)
        if name == "create":
            self.parts[op.result] = op.operands[0], op.operands[1]
        elif name == "mul":
            (a, b_), (x, y) = map(self._parts, op.operands)
            self.parts[op.result] = b.subf(b.mulf(a, x), b.mulf(b_, y)), b.addf(b.mulf(a, y), b.mulf(b_, x))
        else:
            pairs = zip(*map(self._parts, op.operands), strict=True)
            re, im = (b.op(f"arith.{name}f", list(pair), [pair[0].type]) for pair in pairs)
            self.parts[op.result] = re, im

    def _rebuild(self, new: Sequence[Sequence[Carry]]) -> None:
        """Put the states of parts in place of the others."""
        scan, block = self.scan, self.scan.op.parent
        assert block is not None
        pairs = [[part._replace(next=value) for part, value in zip(carries, self._parts(carry.next), strict=True)]
                 for carries, carry in zip(new, self.states, strict=True)]
        kept = [carry for carry in scan.carries if carry.arg not in self.made]
        scan.rebuilt(carries=[*scan.carries, *(part for pair in pairs for part in pair)])
        b = Builder(block, block.ops[block.ops.index(scan.op) + 1], scan.op.location)
        for carry, pair in zip(self.states, pairs, strict=True):
            if carry.final.uses:
                carry.final.replace_by(b.op("complex.create", [part.final for part in pair], [carry.final.type]))
        scan.rebuilt(carries=[*kept, *(part for pair in pairs for part in pair)])
