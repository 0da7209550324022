"""Scans in a step that add to a table: they begin where the step's other additions end, not with zeros.

    s = scan(..., init=zeros)[-1]                  s = scan(..., init=g_tm1)[-1]
    g = g_tm1 + s                           ->     g = s

The sum on the left takes an addition for each element of the table in every step, in which the inner scan may have
touched a few. What else the inner scan gives comes from the new one, so that the old one is not run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import chain

from scancc.frontend.gradients.contributions import Choice, added_to, increments_of, is_sparse, is_sum, plus
from scancc.frontend.graph.variables import Apply, Variable, ancestors, applies, rebuild
from scancc.frontend.loops.scan_op import Body, Carry, Scan, scan_of, stands_for
from scancc.frontend.ops.making import is_zeros
from scancc.late_dataclasses import dataclass


@dataclass
class Restarts:
    """The scans that were begun anew, each with the one that it replaces."""

    made: list[tuple[Apply, list[Variable]]] = field(default_factory=list)
    _known: dict[tuple[Variable, Variable], Variable] = field(default_factory=dict)  # a sum and where it begins

    def plus(self, base: Variable, term: Variable) -> Variable:
        """The sum of a table's gradient and one more term."""
        if adds_to_parts(term):
            return added_to(base, term, self._begun)
        found = plus(base, term)
        assert found is not None
        return found

    def joined(self, base: Variable, term: Variable) -> Variable | None:
        """The sum of two arrays, where the scan that makes the second one can begin with the first."""
        root, _ = increments_of(term)
        if not stands_for(base.type, term.type) or not _is_running_sum(root):
            return None
        outputs = set(root.owner.outputs)  # type: ignore[union-attr]
        return self.plus(base, term) if outputs.isdisjoint(ancestors([base])) else None

    def _begun(self, x: Variable, base: Variable) -> Variable:
        """A running sum that starts with `base`; both sides of a choice may end with one."""
        if (x, base) not in self._known:
            self._known[x, base] = self._begun_anew(x, base)
        return self._known[x, base]

    def _begun_anew(self, x: Variable, base: Variable) -> Variable:
        node = x.owner
        assert node is not None and isinstance(node.op, Scan)
        inputs = node.op.inputs_of(node.inputs)
        ((_, row),) = node.op.body.carry[x.index].taps
        if not stands_for(base.type, row.type):
            return x + base
        inputs.inits[x.index] = base
        outputs = node.op.apply(inputs.length, *inputs.xs, *inputs.inits, *inputs.consts)
        self.made.append((node, outputs))
        return outputs[x.index]

    def instead(self, values: Sequence[Variable]) -> list[Variable]:
        """`values`, which read the scans begun anew wherever they read those replaced."""
        found, waiting = list(values), [outputs for _, outputs in self.made]
        for node, _ in self.made:
            new, *waiting = waiting
            change = dict(zip(node.outputs, new, strict=True))
            rebuilt = iter(rebuild([*found, *chain.from_iterable(waiting)], change))
            found, *waiting = [[next(rebuilt) for _ in group] for group in (found, *waiting)]
        return found


def begun_with_the_rest(values: Sequence[Variable], stop: Iterable[Variable]) -> list[Variable]:
    """`values`, in which each sum that a scan adds up begins with what else it is added to. stop: what stays."""
    restarts, change = Restarts(), dict[Variable, Variable]()
    for node in applies(values, stop):
        if is_sum(node) and node.outputs[0].ndim and any(_is_running_sum(increments_of(v)[0]) for v in node.inputs):
            one, other = rebuild(node.inputs, change)
            found = restarts.joined(one, other)
            found = restarts.joined(other, one) if found is None else found
            if found is not None:
                change[node.outputs[0]] = found
    return restarts.instead(rebuild(values, change))


def adds_to_parts(x: Variable) -> bool:
    """Whether `x` is written as zeros but for increments, of this step or of scans in it."""
    return is_sparse(x, lambda root: is_zeros(root) or _is_running_sum(root))


def _is_running_sum(x: Variable) -> bool:
    """Whether a scan starts with zeros, adds to them, and gives the sum at last."""
    carry = _carry_of(x)
    return carry is not None and is_zeros(_initial(x)) and _only_adds(x.owner.op.body, carry)  # type: ignore[union-attr]


def _carry_of(x: Variable) -> Carry | None:
    """The state of one row whose last value is `x`."""
    scan = scan_of(x.owner)
    if scan is None or x.index >= len(scan.body.carry):
        return None
    carry = scan.body.carry[x.index]
    return carry if not carry.trace and carry.depth == len(carry.taps) == 1 else None


def _initial(x: Variable) -> Variable:
    assert x.owner is not None and isinstance(x.owner.op, Scan)
    return x.owner.op.inputs_of(x.owner.inputs).inits[x.index]


def _only_adds(body: Body, carry: Carry) -> bool:
    """Whether a step does nothing with a state but add to it."""
    ((_, row),) = carry.taps
    others = [*(c.next for c in body.carry if c is not carry), *body.ys, *([] if body.stop is None else [body.stop])]
    way, stops = {row}, set[Variable]()  # what is the state so far; what else the scans on the way give
    pending = [carry.next]
    while pending:
        var = pending.pop()
        if var in way:
            continue
        root, increments = increments_of(var)
        way.update((var, root))
        others += (v for node in increments for v in node.inputs[1:])
        choice, inner = Choice.of(root), _carry_of(root)
        if choice is not None:
            pending += choice.sides
            others.append(choice.condition)
        elif inner is not None and _only_adds(root.owner.op.body, inner):  # type: ignore[union-attr]
            pending.append(_initial(root))
            others += (v for v in root.owner.inputs if v is not pending[-1])  # type: ignore[union-attr]
            stops.update(root.owner.outputs)  # type: ignore[union-attr]
        elif root is not row:
            return False
    return way.isdisjoint(ancestors(others, stop=stops))
