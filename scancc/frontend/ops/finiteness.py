"""Whether a value is finite wherever the inputs are, by the functions it is made of.

Derivatives mask a product only where a factor may be infinite or NaN, so that programs of sums,
products and saturating functions pay nothing for the rule that a gradient of 0 stays 0.
"""

from __future__ import annotations

import numpy as np

from scancc.frontend.graph.constants import is_discrete
from scancc.frontend.graph.variables import Constant, Variable


def surely_finite(x: Variable) -> bool:
    """Whether `x` is finite for all finite inputs; large sums and products may overflow all the same."""
    stack = [x]
    while stack:
        var = stack[-1]
        if var.finite is None:
            missing = [v for v in _depends_on(var) if v.finite is None]
            if missing:
                stack += missing
                continue
            var.finite = _finite_itself(var) and all(v.finite for v in _depends_on(var))
        stack.pop()
    return bool(x.finite)


def _depends_on(var: Variable) -> list[Variable]:
    node = var.owner
    if node is None or is_discrete(var.dtype):
        return []
    body = getattr(node.op, "body", None)  # of a scan
    return node.inputs if body is None else [*node.inputs, *body.outputs]


def _finite_itself(var: Variable) -> bool:
    if is_discrete(var.dtype):
        return True
    if var.owner is None:
        return not isinstance(var, Constant) or bool(np.isfinite(var.data).all())
    return var.owner.op.is_finite(var.owner)
