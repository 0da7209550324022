"""Jacobians by columns: how an expression moves with each element of what it is made of.

    d expression[..., :] / d p      =  Rop(expression, p, 1)                     p a number
    d expression / d x, x [n]       =  a scan over i: Rop(expression, x, e_i)    its columns last

Columns cost as many runs as `wrt` has elements, rows as many as the expression has; a `Rop` keeps no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scancc.frontend.gradients.backward import as_given, report_disconnected, symbolic
from scancc.frontend.gradients.forward import push_forward
from scancc.frontend.gradients.rules import zeros_for
from scancc.frontend.gradients.walk import connected_to
from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.dims import dim, dims
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.variables import Variable, applies, mention
from scancc.frontend.loops.scan import scan_held
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.ops.axes import flatten, moveaxis, reshape
from scancc.frontend.ops.control import GradientFilter, IfElse
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.making import arange, ones_like
from scancc.frontend.ops.scalars import eq


def is_cheaper_forwards(expression: Variable, wrt: Any, consider_constant: Sequence[Variable] | None) -> bool:
    """Whether `wrt` are numbers, the expression has more, and both ways give the same."""
    targets = wrt if isinstance(wrt, list | tuple) else [wrt]
    return (expression.ndim > 0 and not consider_constant and kind(expression.dtype) == "f"
            and all(isinstance(v, Variable) and v.ndim == 0 and kind(v.dtype) == "f" for v in targets)
            and not _changes_gradients([expression]))


def _changes_gradients(outputs: Sequence[Variable]) -> bool:
    """Whether a gradient may be another than the derivative; of lazy branches that is not looked up."""
    for node in applies(outputs):
        op = node.op
        if isinstance(op, GradientFilter | IfElse):
            return True
        if isinstance(op, Scan) and (op.truncate_gradient != -1 or _changes_gradients(op.body.outputs)):
            return True
    return False


def columns(expression: Variable, wrt: Any, consider_constant: Sequence[Variable] | None, disconnected_inputs: str,
            site: Site) -> Any:
    """The Jacobian of the expression by each of `wrt`: [*its shape, *shape of wrt]."""
    if consider_constant:
        raise ValueError(site.text("consider_constant is given with mode='forward'", "use mode='reverse'"))
    targets = symbolic(wrt, "wrt", site)
    connected = connected_to([expression])
    report_disconnected([v for v in targets if v not in connected], expression, disconnected_inputs, site)
    results = [_by_number(expression, v) if v.ndim == 0 else _by_elements(expression, v) for v in targets]
    mention(results, expression, *targets)
    return as_given(wrt, results)


def _by_number(expression: Variable, wrt: Variable) -> Variable:
    return _moved(expression, wrt, ones_like(wrt))


def _moved(expression: Variable, wrt: Variable, movement: Variable) -> Variable:
    (moved,) = push_forward([expression], {wrt: movement})
    return zeros_for(expression, expression.dtype) if moved is None else moved


def _by_elements(expression: Variable, wrt: Variable) -> Variable:
    """A column for each element of `wrt`, which become its axes behind those of the expression."""
    shape = dims(wrt)
    count = dim(flatten(wrt), 0)

    def column(i: Variable) -> Variable:
        return _moved(expression, wrt, reshape(cast(eq(arange(count), i), wrt.dtype), shape))

    (found,) = scan_held(column, arange(count), name="jacobian")
    behind = moveaxis(found, 0, -1)
    return behind if wrt.ndim == 1 else reshape(behind, [*dims(expression), *shape])
