"""`grad` and `Lop`: the gradient of a cost, or of outputs weighted by given gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack, overload

import numpy as np

from scancc.config import config
from scancc.errors import DisconnectedInputError, NullTypeGradError
from scancc.frontend.gradients.budget import parse_budget, within
from scancc.frontend.gradients.joined_scans import with_scans_joined
from scancc.frontend.gradients.rules import Gradient, zeros_for
from scancc.frontend.gradients.walk import backpropagate, connected_to
from scancc.frontend.graph.constants import as_tensor_variable, is_discrete, kind
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Constant, Variable, mention, user_location
from scancc.frontend.loops.scan_result import check_unpacked
from scancc.frontend.ops.elementwise import cast
from scancc.process import deep_recursion


class Options(TypedDict, total=False):
    """What `grad` takes by keyword and does not change what it returns."""

    consider_constant: Sequence[Variable] | None
    disconnected_inputs: str
    add_names: bool
    known_grads: Mapping[Variable, Variable] | None
    null_gradients: str
    max_bytes: int | None


@overload
def grad(cost: Variable | None, wrt: Variable, **options: Unpack[Options]) -> Variable: ...
@overload
def grad(cost: Variable | None, wrt: Sequence[Variable], **options: Unpack[Options]) -> list[Variable]: ...
@overload
def grad(cost: Variable | None, wrt: Any, consider_constant: Sequence[Variable] | None = ...,
         disconnected_inputs: str = ..., add_names: bool = ..., known_grads: Mapping[Variable, Variable] | None = ...,
         return_disconnected: str = ..., null_gradients: str = ..., max_bytes: int | None = ...) -> Any: ...
def grad(
    cost: Variable | None,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Mapping[Variable, Variable] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
    max_bytes: int | None = None,
) -> Any:
    """The gradient of the scalar `cost` with respect to a variable, or to each of a list of them.

    cost: a scalar of floats; None where `known_grads` says where the gradient comes from.
    wrt: a variable that the cost is computed from, or a list of them; each gradient has its shape and dtype.
    consider_constant: variables not to go beyond.
    disconnected_inputs: 'raise', 'warn' or 'ignore' where the cost does not depend on a variable.
    add_names: name gradients by the variables.
    known_grads: gradients of variables, taken as given.
    return_disconnected: what the gradient by such a variable is: 'zero', or 'none' or 'disconnected', both None.
    null_gradients: 'raise' where a gradient does not exist, or 'return' None.
    max_bytes: what the scans of the cost may keep of their steps for the gradient; steps then run again, in blocks
        (docs/memory.md).

    >>> x = T.vector("x")
    >>> sc.function([x], sc.grad(T.sum(x**2), x))([1., 2.])
    array([2., 4.])
    """
    site = Site(None, user_location(), "grad")
    return gradients_by(site, cost, wrt, consider_constant, disconnected_inputs, add_names, known_grads,
                        return_disconnected, null_gradients, max_bytes)


def value_and_grad(cost: Variable, wrt: Variable | Sequence[Variable], **options: Unpack[Options]) -> list[Variable]:
    """The scalar `cost`, and behind it its gradient with respect to a variable, or to each of a list of them.

    What `function` takes as outputs and an optimiser as a value with its gradient; `options` are those of `grad`.

    >>> x = T.vector("x")
    >>> f = sc.function([x], sc.value_and_grad(T.sum(x**2), x))
    >>> f([1., 2.])
    [array(5.), array([2., 4.])]
    """
    targets = list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    return [cost, *grad(cost, targets, **options)]


def gradients_by(
    site: Site, cost: Variable | None, wrt: Any, consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise", add_names: bool = True,
    known_grads: Mapping[Variable, Variable] | None = None, return_disconnected: str = "zero",
    null_gradients: str = "raise", max_bytes: int | None = None,
) -> Any:
    """`grad`, whose errors are about the call of `site`."""
    targets = symbolic(wrt, "wrt", site)
    seeds, known = _seeds(cost, known_grads, site)
    constants = symbolic(_several(consider_constant), "consider_constant", site)
    _check_choice("disconnected_inputs", disconnected_inputs, ("raise", "warn", "ignore"), site)
    return_disconnected = str(return_disconnected).lower()
    _check_choice("return_disconnected", return_disconnected, ("zero", "none", "disconnected"), site)
    _check_choice("null_gradients", null_gradients, ("raise", "return"), site)
    connected = connected_to(seeds, constants)
    report_disconnected([v for v in targets if v not in connected], cost, disconnected_inputs, site)
    with deep_recursion():
        joined = seeds if cost is None or known or constants else {
            with_scans_joined(cost, targets, max_bytes is not None): seeds[cost]}
        with within(parse_budget(max_bytes, joined, targets, site)):
            found = _backpropagate(joined, targets, constants, known, null_gradients)
    results = [
        _result(v, found, v in connected or return_disconnected == "zero") for v in targets
    ]
    mention([r for r in results if r is not None], *seeds, *targets)
    if flag("grad: add_names", add_names):
        _name(cost, targets, results, seeds)
    return as_given(wrt, results)


def _backpropagate(
    seeds: Mapping[Variable, Variable], targets: Sequence[Variable], constants: Sequence[Variable],
    known: Iterable[Variable], null_gradients: str,
) -> Mapping[Variable, Gradient]:
    """All gradients at once; where one does not exist and may be returned, each by itself."""
    try:
        return backpropagate(seeds, targets, constants, known)
    except NullTypeGradError:
        if null_gradients == "raise":
            raise
    found: dict[Variable, Gradient] = {}
    for var in targets:
        try:
            found |= backpropagate(seeds, [var], constants, known)
        except NullTypeGradError:
            found[var] = None
    return found


def _result(var: Variable, found: Mapping[Variable, Gradient], zero: bool) -> Gradient:
    if var in found:
        return found[var]
    return zeros_for(var, config.floatX if is_discrete(var.dtype) else var.dtype) if zero else None


def as_given(wrt: Any, results: list[Any]) -> Any:
    """A list for a list, a tuple for a tuple, else the one result."""
    if isinstance(wrt, tuple):
        return tuple(results)
    return results if isinstance(wrt, list) else results[0]


def _name(
    cost: Variable | None, targets: Sequence[Variable], results: Sequence[Gradient],
    seeds: Mapping[Variable, Variable],
) -> None:
    """`(dcost/dx)` for gradients of named variables that have no name yet."""
    given = set(seeds.values())
    for var, gradient in zip(targets, results, strict=True):
        if cost is None or cost.name is None or var.name is None or gradient is None:
            continue
        if gradient.name is None and gradient.owner is not None and gradient not in given:
            gradient.name = f"(d{cost.name}/d{var.name})"


# ---- what is given --------------------------------------------------------------------------------


def symbolic(given: Any, what: str, site: Site) -> list[Variable]:
    """The variables of an argument, one or a list of them."""
    variables = list(given) if isinstance(given, list | tuple) else [given]
    for value in variables:
        if not isinstance(value, Variable):
            raise TypeError(site.text(
                f"`{what}` holds {value!r}, of type {type(value).__name__}, which is not a symbolic variable",
                "give variables, as T.vector or a computation makes them",
            ))
    return variables


def _several(values: Any) -> Any:
    """A set or whatever else Python goes through as a list; nothing is none."""
    several = isinstance(values, Iterable) and not isinstance(values, Variable)
    return list(values) if several else values if values is not None else []


def _check_choice(name: str, value: Any, choices: tuple[str, ...], site: Site) -> None:
    if value not in choices:
        raise ValueError(site.text(f"{name} is {value!r}", f"it is one of {', '.join(map(repr, choices))}"))


def _seeds(
    cost: Variable | None, known_grads: Mapping[Variable, Variable] | None, site: Site
) -> tuple[dict[Variable, Variable], list[Variable]]:
    """The variables the walk starts from with their gradients, and those whose gradient is fixed."""
    if not isinstance(known_grads, Mapping | None):
        raise TypeError(site.text(f"known_grads is {known_grads!r}", "give a dict, variable to gradient"))
    known = {v: _given_gradient(v, g, site) for v, g in (known_grads or {}).items()}
    if cost is None:
        if not known:
            raise ValueError(site.text(
                "there is neither a cost nor known_grads", "give a scalar cost, or gradients in known_grads"
            ))
        return known, list(known)
    _check_cost(cost, site)
    return {cost: Constant(np.ones((), cost.dtype)), **known}, list(known)


def _check_cost(cost: Any, site: Site) -> None:
    check_unpacked(cost)
    if not isinstance(cost, Variable):
        raise TypeError(site.text(
            f"the cost is {cost!r}, of type {type(cost).__name__}, which is not a symbolic variable",
            "give a scalar that is computed from symbolic variables",
        ))
    if cost.ndim != 0:
        raise TypeError(site.text(
            f"the cost is {described(cost)}; cost must be a scalar",
            "sum it (cost.sum()), take its mean, or use jacobian for the derivative of each element",
        ))
    if is_discrete(cost.dtype):
        raise TypeError(site.text(
            f"the cost is {described(cost)}, and an integer does not change with a small change of anything",
            f"compute it in a float dtype: T.cast(x, {config.floatX!r}) before it is made",
        ))
    if kind(cost.dtype) == "c":
        raise TypeError(site.text(
            f"the cost is {described(cost)}, a complex number, which has no largest or smallest value",
            "take its real part, or its absolute value",
        ))


def _given_gradient(var: Any, gradient: Any, site: Site) -> Variable:
    if not isinstance(var, Variable):
        raise TypeError(site.text(f"known_grads has the key {var}", "its keys are symbolic variables"))
    value = as_tensor_variable(gradient)
    if is_discrete(value.dtype):
        raise TypeError(site.text(
            f"the gradient given for {described(var)} has dtype {value.dtype}. Gradients may never be integers",
            f"cast it: T.cast(gradient, {config.floatX!r})",
        ))
    if value.ndim != var.ndim:
        raise ValueError(site.text(
            f"the gradient given for {described(var)} is {described(value)}, of another number of dimensions",
            "a gradient has the shape of its variable",
        ))
    return value if is_discrete(var.dtype) else cast(value, var.dtype)


# ---- disconnected inputs --------------------------------------------------------------------------


def report_disconnected(
    strangers: Sequence[Variable], cost: Variable | None, how: str, site: Site
) -> None:
    """Say that the cost does not depend on `strangers`, or say nothing, as `how` asks."""
    report: dict[str, Callable[[str], None]] = {"raise": _raise, "warn": _warn, "ignore": lambda text: None}
    for var in strangers:
        whole = "the known gradients' variables do" if cost is None else f"the cost, {described(cost)}, does"
        report[how](site.text(
            f"{whole} not depend on {described(var)}, or only through its shape, an index, a condition or "
            "disconnected_grad",
            "check that the cost is built from this very variable, or pass disconnected_inputs='ignore' for "
            "a gradient of 0",
        ))


def _raise(text: str) -> None:
    raise DisconnectedInputError(text)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


# ---- Lop --------------------------------------------------------------------------------------------


@overload
def pullback(f: Any, wrt: Variable, cotangents: Any, consider_constant: Sequence[Variable] | None = ...,
             disconnected_inputs: str = ..., return_disconnected: str = ...) -> Variable: ...
@overload
def pullback(f: Any, wrt: Sequence[Variable], cotangents: Any, consider_constant: Sequence[Variable] | None = ...,
             disconnected_inputs: str = ..., return_disconnected: str = ...) -> list[Variable]: ...
def pullback(
    f: Any, wrt: Any, cotangents: Any, consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise", return_disconnected: str = "zero",
) -> Any:
    """`Lop` under its newer name: `cotangents` times the Jacobian of `f`, one for each output.

    >>> x = T.vector("x")
    >>> sc.gradient.pullback(x**2, x, T.ones_like(x)).eval({x: [1., 2.]})
    array([2., 4.])
    """
    return Lop(f, wrt, cotangents, consider_constant, disconnected_inputs, return_disconnected)


@overload
def Lop(f: Any, wrt: Variable, eval_points: Any, consider_constant: Sequence[Variable] | None = ...,
        disconnected_inputs: str = ..., return_disconnected: str = ...) -> Variable: ...
@overload
def Lop(f: Any, wrt: Sequence[Variable], eval_points: Any, consider_constant: Sequence[Variable] | None = ...,
        disconnected_inputs: str = ..., return_disconnected: str = ...) -> list[Variable]: ...
def Lop(
    f: Any, wrt: Any, eval_points: Any, consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise", return_disconnected: str = "zero",
) -> Any:
    """The Jacobian of `f` transposed times `eval_points`: the gradient of `wrt`, given that of `f`.

    >>> x = T.vector("x")
    >>> sc.Lop(x**2, x, T.ones_like(x)).eval({x: [1., 2.]})
    array([2., 4.])
    """
    check_unpacked(f)
    site = Site(None, user_location(), "Lop")
    outputs = symbolic(f, "f", site)
    points = list(eval_points) if isinstance(eval_points, list | tuple) else [eval_points]
    if len(outputs) != len(points):
        raise ValueError(site.text(
            f"{len(outputs)} outputs and {len(points)} eval_points are given",
            "give one value of the same shape for each output",
        ))
    known: dict[Variable, Variable] = {}
    for out, point in zip(outputs, points, strict=True):
        value = _given_gradient(out, point, site)
        known[out] = known[out] + value if out in known else value
    return gradients_by(
        site, None, wrt, consider_constant=consider_constant, known_grads=known,
        disconnected_inputs=disconnected_inputs, return_disconnected=return_disconnected,
    )
