"""A choice by one condition between writes into one tensor: writes of what is chosen.

    switch(c, set(b, i, x), b)               ->  set(b, i, switch(c, x, b[i]))
    switch(c, inc(b, i, x), b)               ->  inc(b, i, switch(c, x, -0.0))
    switch(c, set(b, i, x), set(b, j, y))    ->  set(set(b, i, switch(c, x, b[i])), j, switch(c, <what is there>, y))

A choice between arrays reads both, whole; what is on the right touches the places written, and so does its gradient.
No bit changes: what is not chosen is written as it was, and -0.0 added to any number is that number.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.values_asked import warn_of_python_truth
from scancc.frontend.graph.variables import Apply, Constant, TensorType, Variable, equal_computations
from scancc.frontend.ops import scalars
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, IncSubtensor

MOST_WRITES = 8  # on a side; more are a choice between arrays


def switch(condition: object, if_true: object, if_false: object) -> Variable:
    """Elementwise: `if_true` where the condition is not 0, else `if_false`.

    The shapes of all three, broadcast; the promoted dtype of the values, both of which are computed. ValueError where
    lengths do not agree.
    """
    warn_of_python_truth("switch", condition)
    chosen = scalars.switch(condition, if_true, if_false)
    written = None if chosen.owner is None else _written(chosen.owner)
    return chosen if written is None else written


def _written(choice: Apply) -> Variable | None:
    """The same as writes, where it is a choice by one condition between writes into one tensor."""
    condition, then, otherwise = choice.inputs
    if not choice.outputs[0].ndim or not all(condition.broadcastable) or then.type != otherwise.type:
        return None
    before, after = _versions(then), _versions(otherwise)
    base = next((v for v in before if v in after), None)
    if base is None or then is otherwise:
        return None
    result, condition = base, condition.dimshuffle()
    for version in reversed(before[:before.index(base)]):
        result = _write(result, version, lambda new, old: scalars.switch(condition, new, old))
    for version in reversed(after[:after.index(base)]):
        result = _write(result, version, lambda new, old: scalars.switch(condition, old, new))
    return result


def _versions(x: Variable) -> list[Variable]:
    """`x`, and the tensors into which writes gave it, the last first."""
    found = [x]
    while (node := found[-1].owner) is not None and len(found) <= MOST_WRITES and _is_write(node):
        found.append(node.inputs[0])
    return found


def _is_write(node: Apply) -> bool:
    return isinstance(node.op, IncSubtensor | AdvancedIncSubtensor)


def _write(base: Variable, version: Variable, choose: Callable[[Variable, Variable], Variable]) -> Variable:
    """The write that gave a version, into another tensor, of a choice between its value and what changes nothing."""
    node = version.owner
    assert node is not None and isinstance(node.op, IncSubtensor | AdvancedIncSubtensor)
    _, value, *places = node.inputs
    if not node.op.set:
        return node.op(base, choose(value, _nothing(value)), *places)
    if _writes_same_element(base, node):
        base, old, *_ = base.owner.inputs  # type: ignore[union-attr]
    else:
        old = node.op.part(node.op.template)(base, *places)
    return node.op(base, choose(value, old), *places)


def _writes_same_element(base: Variable, write: Apply) -> bool:
    """Whether `base` is made by a write of the element that `write` writes."""
    node = base.owner
    if node is None or node.op != write.op or set(write.op.template) != {"i"}:  # type: ignore[attr-defined]
        return False
    return node.inputs[1].type == TensorType(base.dtype, ()) and equal_computations(node.inputs[2:], write.inputs[2:])


def _nothing(value: Variable) -> Constant:
    """What changes no number that it is added to."""
    zero = {"f": -0.0, "c": complex(-0.0, -0.0)}.get(kind(value.dtype), 0)
    return Constant(np.full((1,) * value.ndim, zero, value.dtype))
