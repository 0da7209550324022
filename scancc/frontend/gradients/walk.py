"""The walk back from a cost: which variables a gradient reaches, and what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from scancc.config import config
from scancc.errors import ScanccError
from scancc.frontend.gradients.choices import Parts
from scancc.frontend.gradients.contributions import plus
from scancc.frontend.gradients.rules import Gradient, connected_inputs, is_continuous, like, rule_of, zeros_for
from scancc.frontend.graph.variables import Apply, Constant, Variable, applies
from scancc.frontend.ops.control import check


def backpropagate(
    seeds: Mapping[Variable, Variable], wrt: Iterable[Variable], constants: Iterable[Variable] = (),
    known: Iterable[Variable] = (),
) -> dict[Variable, Variable]:
    """The gradients of `wrt`, from those of the variables in `seeds`; where it is zero, no entry.

    `constants` are not walked beyond. The gradient of `known` is the seed alone, whatever else would
    add to it.
    """
    wrt, known = set(wrt), set(known)
    order = applies(list(seeds), stop=list(constants))
    wanted = depending(order, wrt)
    parts = Parts(order, seeds)
    gradients: dict[Variable, Variable] = dict(seeds)

    def add(found: Iterable[tuple[Variable, Gradient]]) -> None:
        for var, gradient in found:
            if gradient is not None and var not in known:
                sum_ = plus(gradients.get(var), gradient)
                assert sum_ is not None
                gradients[var] = sum_

    for node in reversed(order):
        if node not in parts.lazy:
            add(zip(node.inputs, _through(node, gradients, wanted), strict=True))
            for part in parts.after(node):
                add(part.gradients(gradients, wanted, wrt, backpropagate_lazily))
    return {var: like(gradients[var], var) for var in wrt if var in gradients}


def backpropagate_lazily(
    seeds: Mapping[Variable, Variable], wrt: Iterable[Variable], constants: Iterable[Variable] = ()
) -> dict[Variable, Variable]:
    """As `backpropagate`, through what may never run: a branch, or a step.

    Lengths that a gradient knows, and the function did not, may tell that it can only fail. The error is
    then raised when it runs.
    """
    try:
        return backpropagate(seeds, wrt, constants)
    except (IndexError, ValueError) as error:
        return {var: failing(var, error) for var in wrt}


def failing(var: Variable, error: IndexError | ValueError) -> Variable:
    """A gradient or movement of `var` that raises `error` when it is computed."""
    if isinstance(error, ScanccError):
        raise error
    zeros = zeros_for(var, var.dtype if is_continuous(var) else config.floatX)
    message = str(error).replace("{", "{{").replace("}", "}}")
    kind = IndexError if isinstance(error, IndexError) else ValueError
    return check(kind, message, zeros, Constant(np.zeros((), bool)))


def _through(
    node: Apply, gradients: Mapping[Variable, Variable], wanted: set[Variable]
) -> Sequence[Gradient]:
    """The gradients of a node's inputs, as far as they are wanted."""
    nothing: list[Gradient] = [None] * len(node.inputs)
    wants = [var in wanted for var in node.inputs]
    if not any(wants):
        return nothing
    given = [gradients.get(v) if is_continuous(v) else None for v in node.outputs]
    if all(g is None for g in given):
        return nothing
    connected = connected_inputs(node, [g is not None for g in given])
    wants = [want and c for want, c in zip(wants, connected, strict=True)]
    if not any(wants):
        return nothing
    given = [None if g is None else like(g, v) for g, v in zip(given, node.outputs, strict=True)]
    found = rule_of(node)(node, given, wants)
    return [g if want else None for g, want in zip(found, wants, strict=True)]


def depending(order: Iterable[Apply], wrt: Iterable[Variable]) -> set[Variable]:
    """Those of the variables computed in `order` through which a gradient goes to `wrt`, and `wrt`."""
    found = set(wrt)
    for node in order:
        if any(v in found for v in node.inputs):
            connected = connected_inputs(node, [True] * len(node.outputs))
            if any(c and v in found for c, v in zip(connected, node.inputs, strict=True)):
                found.update(v for v in node.outputs if is_continuous(v))
    return found


def connected_to(outputs: Iterable[Variable], constants: Iterable[Variable] = ()) -> set[Variable]:
    """The variables that `outputs` are connected to, also where the derivative is zero."""
    outputs = list(outputs)
    found = set(outputs)
    for node in reversed(applies(outputs, stop=list(constants))):
        reached = [v in found for v in node.outputs]
        if any(reached):
            connected = connected_inputs(node, reached)
            found.update(v for v, c in zip(node.inputs, connected, strict=True) if c)
    return found
