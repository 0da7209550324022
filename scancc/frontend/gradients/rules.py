"""How derivatives are declared: one rule for each class of op, and what the rules share.

A rule gets an application, the gradient of the cost with respect to each of its outputs (None where it
is zero) and which inputs a gradient is wanted for; it gives a gradient, or None for zero, for each
input. A gradient has the shape of its variable and the dtype of it, or a float dtype where the variable
is discrete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scancc.errors import NullTypeGradError
from scancc.frontend.graph.constants import is_discrete, kind
from scancc.frontend.graph.dims import DimShuffle, dims
from scancc.frontend.graph.variables import Apply, Constant, Op, Variable
from scancc.frontend.ops import reduction
from scancc.frontend.ops.axes import Reshape
from scancc.frontend.ops.control import Draw
from scancc.frontend.ops.elementwise import Cast
from scancc.frontend.ops.lengths import addbroadcast
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import conj
from scancc.frontend.ops.subtensor import AdvancedSubtensor, Subtensor

Gradient = Variable | None
Rule = Callable[[Apply, Sequence[Gradient], Sequence[bool]], Sequence[Gradient]]
Connection = Callable[[Apply, Sequence[bool]], Sequence[bool]]

RULES: dict[type[Op], Rule] = {}
CONNECTIONS: dict[type[Op], Connection] = {}


def differentiates(*classes: type[Op]) -> Callable[[Rule], Rule]:
    """Make a function the rule of these classes of ops."""
    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(classes, rule))
        return rule
    return register


def connects(*classes: type[Op]) -> Callable[[Connection], Connection]:
    """Say which inputs the outputs in question depend on, for ops where that is not every input.

    An input that only sets a shape, a place or a condition is not connected; one whose derivative is
    zero everywhere (`floor`) is.
    """
    def register(connection: Connection) -> Connection:
        CONNECTIONS.update(dict.fromkeys(classes, connection))
        return connection
    return register


def first_inputs(count: int) -> Connection:
    """Only the first `count` inputs are connected."""
    return lambda node, reached: [i < count for i in range(len(node.inputs))]


def conjugate(x: Variable) -> Variable:
    """The conjugate of complex numbers; others as they are."""
    return conj(x) if kind(x.dtype) == "c" else x


def rule_of(node: Apply) -> Rule:
    rule = RULES.get(type(node.op))
    if rule is None:
        raise NullTypeGradError(
            f"{node.op.name} (at {node.location}) has no derivative, and the gradient was to pass through it; "
            "hold its value constant with disconnected_grad or consider_constant, or build the cost without it"
        )
    return rule


def connected_inputs(node: Apply, reached: Sequence[bool]) -> Sequence[bool]:
    """Which inputs the `reached` outputs of an application are connected to."""
    connection = CONNECTIONS.get(type(node.op))
    return [True] * len(node.inputs) if connection is None else connection(node, reached)


# ---- shapes of gradients ------------------------------------------------------------------------------


def zeros_for(x: Variable, dtype: str | None = None) -> Variable:
    """Zeros of the shape of `x`."""
    return alloc(zero_of(dtype or x.dtype), dims(x)) if x.ndim else zero_of(dtype or x.dtype)


def zero_of(dtype: str) -> Constant:
    return Constant(np.zeros((), dtype))


def like(gradient: Variable, x: Variable) -> Variable:
    """`gradient` with axes known to have length 1 where those of `x` are."""
    known, wanted = gradient.type.shape, x.type.shape
    axes = [a for a, (n, m) in enumerate(zip(known, wanted, strict=True)) if m == 1 and n != 1]
    return addbroadcast(gradient, *axes) if axes else gradient


def summed_to(gradient: Variable, x: Variable) -> Variable:
    """`gradient` summed over the axes along which `x` was stretched."""
    wanted, known = x.type.shape, gradient.type.shape
    axes = [a for a, (n, m) in enumerate(zip(wanted, known, strict=True)) if n == 1 and m != 1]
    return reduction.sum(gradient, axis=axes, dtype=gradient.dtype, keepdims=True) if axes else gradient


def is_continuous(x: Variable) -> bool:
    """Whether a gradient may go beyond `x`: floats; and draws and views of them, where it is an error."""
    return not is_discrete(x.dtype) or _is_draw(x)


def _is_draw(x: Variable) -> bool:
    node = x.owner
    while node is not None and isinstance(node.op, DimShuffle | Reshape | Subtensor | AdvancedSubtensor | Cast):
        x = node.inputs[0]
        node = x.owner
    return node is not None and isinstance(node.op, Draw) and x.index == 1
