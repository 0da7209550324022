"""Lazy choices by one condition, of which none needs another, are one choice.

    a = ifelse(c, x, y);  b = ifelse(c, u, v)     ->     a, b = ifelse(c, [x, u], [y, v])

What both need in a branch is computed once, and arrays that change places are exchanged by one branch, in which
`passes/bufferizing` lets them keep their buffers.
Conservative: both are computed in any case, or in the same branches of others.
Cost: linear in the graph, and quadratic in the choices of a step, a bit each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scancc.frontend.graph.variables import Apply, Variable, applies, rebuild_into
from scancc.frontend.ops.branches import Uses, find_uses
from scancc.frontend.ops.control import IfElse


def with_choices_joined(values: Sequence[Variable], stop: Iterable[Variable] = ()) -> list[Variable]:
    """`values` with fewer choices. stop: what stays."""
    stop = list(stop)
    order = applies(values, stop)
    choices = [node for node in order if isinstance(node.op, IfElse) and len(node.inputs) == 1 + 2 * node.op.n]
    if len({node.inputs[0] for node in choices}) == len(choices):
        return list(values)
    groups = _groups(order, choices, find_uses(order, values))
    made = {v: v for v in stop}
    for group in groups:
        inputs = [_sides(node, rebuild_into(node.inputs, made)) for node in group]
        outputs = IfElse(sum(len(then) for _, then, _ in inputs)).apply(
            inputs[0][0], *(v for _, then, _ in inputs for v in then), *(v for _, _, other in inputs for v in other))
        for old, new in zip((v for node in group for v in node.outputs), outputs, strict=True):
            new.name, made[old] = old.name, new
    return rebuild_into(values, made)


def _sides(node: Apply, inputs: Sequence[Variable]) -> tuple[Variable, list[Variable], list[Variable]]:
    assert isinstance(node.op, IfElse)
    condition, then, otherwise, _ = node.op.inputs_of(inputs)
    return condition, then, otherwise


def _groups(order: Sequence[Apply], choices: Sequence[Apply], uses: dict[Variable, Uses]) -> list[list[Apply]]:
    """The choices that become one, those first that others rest on."""
    below = _choices_below(order, choices)
    groups: dict[tuple[Variable, Uses], list[list[int]]] = {}
    for number, node in enumerate(choices):
        alike = groups.setdefault((node.inputs[0], uses[node.outputs[0]]), [])
        group = next((g for g in alike if not _rest_on_one_another(below, g[0], number)), None)
        if group is None:
            alike.append([number])
        else:
            _join(below, group[0], number)
            group.append(number)
    joined = [group for alike in groups.values() for group in alike if len(group) > 1]
    return [[choices[n] for n in group] for group in sorted(joined, key=lambda g: below[g[0]].bit_count())]


def _choices_below(order: Sequence[Apply], choices: Sequence[Apply]) -> list[int]:
    """For each choice, those that it rests on, a bit each."""
    number = {node: n for n, node in enumerate(choices)}
    below: dict[Variable, int] = {}
    found = [0] * len(choices)
    for node in order:
        bits = 0
        for var in node.inputs:
            bits |= below.get(var, 0)
        if node in number:
            found[number[node]] = bits
            bits |= 1 << number[node]
        below.update((v, bits) for v in node.outputs)
    return found


def _rest_on_one_another(below: Sequence[int], first: int, second: int) -> bool:
    return bool(below[first] >> second & 1 or below[second] >> first & 1)


def _join(below: list[int], first: int, second: int) -> None:
    """Let both, and all that rests on either, rest on what either rests on."""
    both, rest = 1 << first | 1 << second, below[first] | below[second]
    below[first] = below[second] = rest
    for n, bits in enumerate(below):
        if bits & both:
            below[n] = bits | both | rest
