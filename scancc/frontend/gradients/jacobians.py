"""Derivatives of vectors and second derivatives: `Rop`, `jacobian`, `hessian`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from scancc.config import config
from scancc.errors import DisconnectedInputError
from scancc.frontend.gradients.backward import as_given, grad, gradients_by, symbolic
from scancc.frontend.gradients.columns import columns, is_cheaper_forwards
from scancc.frontend.gradients.forward import push_forward
from scancc.frontend.gradients.rules import Gradient, zeros_for
from scancc.frontend.gradients.walk import connected_to
from scancc.frontend.graph.constants import as_tensor_variable, is_discrete
from scancc.frontend.graph.dims import dim, dims
from scancc.frontend.graph.options import one_of
from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Variable, mention, user_location
from scancc.frontend.loops.scan import scan_held
from scancc.frontend.loops.scan_result import check_unpacked
from scancc.frontend.ops.axes import flatten, reshape
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.lengths import specified_by
from scancc.frontend.ops.making import arange
from scancc.frontend.ops.reduction import sum as sum_


@overload
def Rop(f: Variable, wrt: Any, eval_points: Any, disconnected_outputs: str = ...,
        return_disconnected: str = ..., use_op_rop_implementation: bool = ...) -> Variable: ...
@overload
def Rop(f: Sequence[Variable], wrt: Any, eval_points: Any, disconnected_outputs: str = ...,
        return_disconnected: str = ..., use_op_rop_implementation: bool = ...) -> list[Variable]: ...
def Rop(
    f: Any, wrt: Any, eval_points: Any, disconnected_outputs: str = "raise",
    return_disconnected: str = "zero", use_op_rop_implementation: bool = False,
) -> Any:
    """The Jacobian of `f` times `eval_points`: how `f` moves when `wrt` moves by `eval_points`.

    An output that does not depend on `wrt` is an error, or with `disconnected_outputs='ignore'` does not
    move. `use_op_rop_implementation` has no effect.

    >>> x = T.vector("x")
    >>> sc.Rop(x**2, x, T.ones_like(x)).eval({x: [1., 2.]})
    array([2., 4.])
    """
    site = Site(None, user_location(), "Rop")
    check_unpacked(f)
    outputs = symbolic(f, "f", site)
    movements = _movements(wrt, eval_points, site)
    if disconnected_outputs == "raise":
        _check_connected(outputs, list(movements), site)
    moved = push_forward(outputs, movements)
    one_of("Rop: disconnected_outputs", disconnected_outputs, ("raise", "ignore"))
    missing = str(return_disconnected).lower()
    zero = one_of("Rop: return_disconnected", missing, ("zero", "none", "disconnected")) == "zero"
    results = [_or_zeros(out, m, zero) for out, m in zip(outputs, moved, strict=True)]
    mention([r for r in results if r is not None], *outputs, *movements, *movements.values())
    return as_given(f, results)


@overload
def pushforward(f: Variable, wrt: Any, tangents: Any, disconnected_outputs: str = ...,
                return_disconnected: str = ..., use_op_pushforward: bool = ...) -> Variable: ...
@overload
def pushforward(f: Sequence[Variable], wrt: Any, tangents: Any, disconnected_outputs: str = ...,
                return_disconnected: str = ..., use_op_pushforward: bool = ...) -> list[Variable]: ...
def pushforward(
    f: Any, wrt: Any, tangents: Any, disconnected_outputs: str = "raise", return_disconnected: str = "zero",
    use_op_pushforward: bool = False,
) -> Any:
    """`Rop` under its newer name: the Jacobian of `f` times `tangents`, one for each variable in `wrt`.

    `use_op_pushforward` has no effect.

    >>> x = T.vector("x")
    >>> sc.gradient.pushforward(x**2, x, T.ones_like(x)).eval({x: [1., 2.]})
    array([2., 4.])
    """
    return Rop(f, wrt, tangents, disconnected_outputs, return_disconnected)


def _movements(wrt: Any, eval_points: Any, site: Site) -> dict[Variable, Variable]:
    variables = symbolic(wrt, "wrt", site)
    points = list(eval_points) if isinstance(eval_points, list | tuple) else [eval_points]
    if points and all(point is None for point in points):
        raise ValueError(site.text("there is no eval_point but None", "give one value for each variable in wrt; None "
                                   "for those that do not move"))
    if len(variables) != len(points):
        raise ValueError(site.text(
            f"{len(variables)} variables and {len(points)} eval_points are given",
            "give one value of the same shape for each variable in wrt",
        ))
    found: dict[Variable, Variable] = {}
    for var, point in zip(variables, points, strict=True):
        if point is not None:
            found[var] = _movement(var, as_tensor_variable(point), site)
    return found


def _movement(var: Variable, point: Variable, site: Site) -> Variable:
    if var.ndim != point.ndim:
        raise ValueError(site.text(
            f"the eval_point {described(point)} has {point.ndim} dimensions, {described(var)} in wrt has "
            f"{var.ndim}", "an eval_point has the shape of its variable",
        ))
    point = cast(point, config.floatX if is_discrete(var.dtype) else var.dtype)
    return specified_by("Rop: the eval_point", point, tuple(dims(var))) if var.ndim else point


def _check_connected(outputs: Sequence[Variable], wrt: Sequence[Variable], site: Site) -> None:
    for out in outputs:
        if not connected_to([out]).intersection(wrt):
            raise DisconnectedInputError(site.text(
                f"the output {described(out)} does not depend on anything in wrt",
                "check that it is built from these very variables, or pass disconnected_outputs='ignore'",
            ))


def _or_zeros(out: Variable, movement: Gradient, zero: bool) -> Gradient:
    if movement is not None or not zero:
        return movement
    return zeros_for(out, config.floatX if is_discrete(out.dtype) else out.dtype)


@overload
def jacobian(expression: Variable, wrt: Variable, consider_constant: Sequence[Variable] | None = ...,
             disconnected_inputs: str = ..., vectorize: bool = ..., mode: str = ...) -> Variable: ...
@overload
def jacobian(expression: Variable, wrt: Sequence[Variable], consider_constant: Sequence[Variable] | None = ...,
             disconnected_inputs: str = ..., vectorize: bool = ..., mode: str = ...) -> list[Variable]: ...
def jacobian(
    expression: Variable, wrt: Any, consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise", vectorize: bool = False, mode: str = "auto",
) -> Any:
    """The gradients of the elements of `expression`: [*its shape, *shape of wrt], for each variable in `wrt`.

    `mode`: by rows, a gradient for each element of the expression ('reverse'), or by columns, a `Rop` for each
    element of `wrt` ('forward'), which is cheaper where `wrt` has fewer. 'auto' goes forwards where `wrt` are
    numbers and nothing on the way changes gradients (`consider_constant`, `truncate_gradient`, `grad_clip`, ...).
    `vectorize` has no effect: the rows are a scan, whose steps rest on nothing but their own row.

    >>> x = T.vector("x")
    >>> sc.gradient.jacobian(x**2, x).eval({x: [1., 2.]})
    array([[2., 0.],
           [0., 4.]])
    """
    site = Site(None, user_location(), "jacobian")
    check_unpacked(expression)
    if not isinstance(expression, Variable):
        raise TypeError(site.text(
            f"the expression is {expression!r} ({type(expression).__name__}), which is not a symbolic variable",
            "give a tensor that is computed from symbolic variables",
        ))
    options: dict[str, Any] = {
        "consider_constant": consider_constant, "disconnected_inputs": disconnected_inputs
    }
    mode = one_of("jacobian: mode", mode, ("auto", "forward", "reverse"))
    if mode == "forward" or (mode == "auto" and is_cheaper_forwards(expression, wrt, consider_constant)):
        return columns(expression, wrt, consider_constant, disconnected_inputs, site)
    if expression.ndim == 0:
        return gradients_by(site, expression, wrt, **options)
    if expression.ndim == 1:
        return _rows(site, expression, wrt, options)
    shape, rows = dims(expression), _rows(site, flatten(expression), wrt, options)
    many = list(rows) if isinstance(rows, list | tuple) else [rows]
    return as_given(wrt, [None if r is None else reshape(r, [*shape, *dims(r)[1:]]) for r in many])


def _rows(site: Site, expression: Variable, wrt: Any, options: dict[str, Any]) -> Any:
    """For each element of a vector, its gradients."""
    variables = list(wrt) if isinstance(wrt, list | tuple) else [wrt]

    def row(i: Variable) -> Any:
        return gradients_by(site, expression[i], variables, add_names=False, **options)

    return as_given(wrt, scan_held(row, arange(dim(expression, 0)), name=site.what))


@overload
def hessian(cost: Variable, wrt: Variable, consider_constant: Sequence[Variable] | None = ...,
            disconnected_inputs: str = ...) -> Variable: ...
@overload
def hessian(cost: Variable, wrt: Sequence[Variable], consider_constant: Sequence[Variable] | None = ...,
            disconnected_inputs: str = ...) -> list[Variable]: ...
def hessian(
    cost: Variable, wrt: Any, consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """The second derivatives of a scalar with respect to a vector, or to each of a list of vectors.

    >>> x = T.vector("x")
    >>> sc.gradient.hessian(T.sum(x**3), x).eval({x: [1., 2.]})
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    site = Site(None, user_location(), "hessian")
    variables = symbolic(wrt, "wrt", site)
    for var in variables:
        if var.ndim != 1:
            raise ValueError(site.text(f"wrt holds {described(var)}; hessian takes vectors", "flatten it first"))
    options: dict[str, Any] = {
        "consider_constant": consider_constant, "disconnected_inputs": disconnected_inputs
    }
    gradients = gradients_by(site, cost, variables, add_names=False, **options)
    inner = {**options, "disconnected_inputs": "ignore"}  # a linear cost has a hessian of zeros
    rows = [_rows(site, g, v, inner) for g, v in zip(gradients, variables, strict=True)]
    return as_given(wrt, rows)


@overload
def hessian_vector_product(cost: Variable, wrt: Variable, p: Any, **options: Any) -> Variable: ...
@overload
def hessian_vector_product(cost: Variable, wrt: Sequence[Variable], p: Any, **options: Any) -> list[Variable]: ...
def hessian_vector_product(cost: Variable, wrt: Any, p: Any, **options: Any) -> Any:
    """The second derivatives of a scalar times the vector(s) `p`, without the matrix.

    >>> x = T.vector("x")
    >>> sc.gradient.hessian_vector_product(T.sum(x**3), x, T.ones_like(x)).eval({x: [1., 2.]})
    array([ 6., 12.])
    """
    variables = list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    points = list(p) if isinstance(p, list | tuple) else [p]
    if len(points) != len(variables):
        raise ValueError(Site(None, user_location(), "hessian_vector_product").text(
            f"{len(variables)} variables and {len(points)} vectors are given",
            "give one vector of the same shape for each variable in wrt",
        ))
    gradients = grad(cost, variables, add_names=False, **options)
    products = [sum_(g * as_tensor_variable(q)) for g, q in zip(gradients, points, strict=True)]
    slope = products[0]
    for product in products[1:]:
        slope = slope + product
    return as_given(wrt, grad(slope, variables, add_names=False, **{**options, "disconnected_inputs": "ignore"}))
