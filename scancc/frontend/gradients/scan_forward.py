"""How the outputs of a scan move with its inputs: one scan of the states and their movements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scancc.frontend.gradients.forward import FORWARD, push_forward
from scancc.frontend.gradients.rules import Gradient, like, zeros_for
from scancc.frontend.gradients.scan_links import varying_carries
from scancc.frontend.graph.variables import Apply, TensorType, Variable
from scancc.frontend.loops.added import as_seen
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs


def scan_forward(node: Apply, movements: Sequence[Gradient], read: set[Variable]) -> Sequence[Gradient]:
    seen = as_seen(node, read)
    found = _Forward(seen.of(node), [movements[i] for i in seen.inputs]).movements()
    by_output = dict(zip(seen.outputs, found, strict=True))
    return [by_output.get(i) for i in range(len(node.outputs))]


class _Forward:
    """The doubled scan: everything of the original first in its group, then what moves."""

    def __init__(self, node: Apply, movements: Sequence[Gradient]) -> None:
        assert isinstance(node.op, Scan)
        self.op, self.body = node.op, node.op.body
        self.inputs = self.op.inputs_of(node.inputs)
        self.given = self.op.inputs_of(movements)
        self.moving: dict[Variable, Variable] = {}  # an inner variable, and the one for its movement

    def movements(self) -> Sequence[Gradient]:
        body, inputs = self.body, self.inputs
        xs, moved_xs = self._moving_group(body.xs, self.given.xs)
        consts, moved_consts = self._moving_group(body.consts, self.given.consts)
        start = {i for i, m in enumerate(self.given.inits) if m is not None}
        states = sorted(varying_carries(body, [*self.moving], start) | start)
        inits = [self._initial(i) for i in states]
        taps = {i: self._taps(body.carry[i]) for i in states}
        n = len(body.carry)
        inner = push_forward([*(c.next for c in body.carry), *body.ys], self.moving)
        carries = [self._carry(i, taps[i], inner[i]) for i in states]
        ys = [j for j, m in enumerate(inner[n:]) if m is not None]
        doubled = Body(
            (*body.xs, *xs), (*body.carry, *carries), (*body.consts, *consts),
            (*body.ys, *(m for m in inner[n:] if m is not None)), body.stop,
        )
        label = None if self.op.label is None else f"rop_of_{self.op.label}"
        done = replace(self.op, body=doubled, label=label).apply_to(ScanInputs(
            inputs.length, [*inputs.xs, *moved_xs], [*inputs.inits, *inits], [*inputs.consts, *moved_consts]
        ))
        found = dict(zip(states, done.carry[n:], strict=True))
        found |= {n + j: m for j, m in zip(ys, done.ys[len(body.ys):], strict=True)}
        return [found.get(i) for i in range(n + len(body.ys))]

    def _moving_group(
        self, inner: Sequence[Variable], given: Sequence[Gradient]
    ) -> tuple[list[Variable], list[Variable]]:
        """Inner variables for the movements that are given, and these."""
        pairs = [(self._movement(v, m), m) for v, m in zip(inner, given, strict=True) if m is not None]
        return [v for v, _ in pairs], [m for _, m in pairs]

    def _movement(self, var: Variable, movement: Variable) -> Variable:
        return self.moving.setdefault(
            var, TensorType(movement.dtype, var.type.shape)(f"d_{var.name or 'value'}")
        )

    def _initial(self, i: int) -> Variable:
        init, movement = self.inputs.inits[i], self.given.inits[i]
        return zeros_for(init) if movement is None else movement

    def _taps(self, carry: Carry) -> tuple[tuple[int, Variable], ...]:
        return tuple((tap, self._movement(var, carry.next)) for tap, var in carry.taps)

    def _carry(self, i: int, taps: tuple[tuple[int, Variable], ...], movement: Gradient) -> Carry:
        carry = self.body.carry[i]
        new = zeros_for(carry.next) if movement is None else like(movement, carry.next)
        return Carry(taps, carry.depth, new, carry.trace)


FORWARD[Scan] = scan_forward
