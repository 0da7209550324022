"""Conditions on the values of a tensor, checked as early as they can be told."""

from __future__ import annotations

from scancc.frontend.graph.variables import Constant, Variable, leaves
from scancc.frontend.ops.control import check
from scancc.frontend.ops.reduction import all as all_
from scancc.frontend.ops.reference import evaluate


def held(value: Variable, condition: Variable, message: str) -> Variable:
    """`value` where `condition` holds of all its elements; ValueError where not: when the graph is built if that
    tells, else when it runs."""
    holds = condition if condition.ndim == 0 else all_(condition)
    if any(not isinstance(leaf, Constant) for leaf in leaves([holds])):
        return check(ValueError, message, value, holds)
    if not evaluate([holds])[0]:
        raise ValueError(f"{message}; it is {value!r}")
    return value
