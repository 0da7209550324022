"""Derivatives forwards: how the outputs of a graph move when its inputs move (the `Rop`).

An op moves as its rule for gradients says, transposed: the rule is linear in the gradient of the output,
so the gradient of that linear map is the movement. Elementwise functions need no transposition, and a
scan moves by a scan that carries its states and their movements side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from scancc.frontend.gradients.contributions import plus, total
from scancc.frontend.gradients.rules import (
    Gradient,
    connected_inputs,
    is_continuous,
    like,
    rule_of,
    zeros_for,
)
from scancc.frontend.gradients.walk import backpropagate, failing
from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.dims import dims
from scancc.frontend.graph.variables import Apply, Variable, ancestors, applies, rebuild
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.elementwise import Elemwise
from scancc.frontend.ops.making import alloc

Forward = Callable[[Apply, Sequence[Gradient], set[Variable]], Sequence[Gradient]]  # with all variables that are read
FORWARD: dict[type, Forward] = {}


def push_forward(
    outputs: Iterable[Variable], movements: Mapping[Variable, Variable]
) -> list[Gradient]:
    """The movements of `outputs` where the keys of `movements` move so; None where they stay."""
    outputs, moved = list(outputs), dict(movements)
    nodes = applies(outputs, stop=movements)
    read = {v for node in nodes for v in node.inputs}.union(outputs)
    for node in nodes:
        given = [moved.get(v) for v in node.inputs]
        connected = connected_inputs(node, [True] * len(node.outputs))
        given = [g if c else None for g, c in zip(given, connected, strict=True)]
        if all(g is None for g in given):
            continue
        for var, movement in zip(node.outputs, _through(node, given, read), strict=True):
            if movement is not None and is_continuous(var):
                moved.setdefault(var, like(movement, var))
    return [moved.get(v) for v in outputs]


def _through(node: Apply, movements: Sequence[Gradient], read: set[Variable]) -> Sequence[Gradient]:
    """The movements of a node's outputs; what is known to fail fails when it runs (`backpropagate_lazily`)."""
    try:
        return FORWARD.get(type(node.op), _by_transposition)(node, movements, read)
    except (IndexError, ValueError) as error:
        return [failing(var, error) for var in node.outputs]


def _by_transposition(node: Apply, movements: Sequence[Gradient], read: set[Variable]) -> Sequence[Gradient]:
    return [
        _moved_output(node, i, movements) if is_continuous(out) else None for i, out in enumerate(node.outputs)
    ]


def _moved_output(node: Apply, i: int, movements: Sequence[Gradient]) -> Gradient:
    dual = node.outputs[i].type()
    duals: list[Gradient] = [None] * len(node.outputs)
    duals[i] = dual
    wanted = [m is not None for m in movements]
    seeds: dict[Variable, Variable] = {}
    for gradient, movement in zip(rule_of(node)(node, duals, wanted), movements, strict=True):
        if gradient is not None and movement is not None:
            seeds[gradient] = plus(seeds.get(gradient), movement)  # type: ignore[assignment]
    found = backpropagate(seeds, [dual]).get(dual)
    if found is None or dual not in set(ancestors([found])):
        return found
    return rebuild([found], {dual: zeros_for(node.outputs[i])})[0]


def elemwise_forward(node: Apply, movements: Sequence[Gradient], read: set[Variable]) -> Sequence[Gradient]:
    """The Jacobian of an elementwise function is diagonal, so its transpose is itself."""
    assert isinstance(node.op, Elemwise)
    (out,), derivative = node.outputs, node.op.scalar.derivative
    if any(kind(v.dtype) == "c" for v in [*node.inputs, out]):
        return _by_transposition(node, movements, read)
    if derivative is None:
        return [None]
    movement = total(
        None if m is None else derivative(node.inputs, out, m)[i] for i, m in enumerate(movements)
    )
    return [None if movement is None else _stretched(movement, out)]


def _stretched(movement: Variable, out: Variable) -> Variable:
    pairs = zip(movement.type.shape, out.type.shape, strict=True)
    return alloc(movement, dims(out)) if any(n == 1 and m != 1 for n, m in pairs) else movement


FORWARD[Elemwise] = elemwise_forward


def choice_forward(node: Apply, movements: Sequence[Gradient], read: set[Variable]) -> Sequence[Gradient]:
    """The side that is chosen moves; what only it needs is computed there alone."""
    assert isinstance(node.op, IfElse)
    values, moves = node.op.inputs_of(node.inputs), node.op.inputs_of(movements)
    pairs = zip(moves.then, moves.otherwise, node.outputs, strict=True)
    places = [i for i, (a, b, out) in enumerate(pairs) if (a is not None or b is not None) and is_continuous(out)]
    if not places:
        return [None] * node.op.n
    sides = [_moved(values.then[i], moves.then[i]) for i in places]
    sides += [_moved(values.otherwise[i], moves.otherwise[i]) for i in places]
    chosen = dict(zip(places, IfElse(len(places)).apply(values.condition, *sides), strict=True))
    return [chosen.get(i) for i in range(node.op.n)]


def _moved(value: Variable, movement: Gradient) -> Variable:
    return zeros_for(value) if movement is None else movement


FORWARD[IfElse] = choice_forward
