"""Gives `Variable` its operators and methods, all of which are functions of the other modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scancc.frontend.graph import values_asked
from scancc.frontend.graph.debug_values import tag
from scancc.frontend.graph.dims import dimshuffle
from scancc.frontend.graph.options import name_of
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops import (
    axes,
    diagonals,
    indexing,
    lengths,
    making,
    masks,
    norms,
    ordering,
    products,
    reduction,
    repeating,
)
from scancc.frontend.ops import scalars as e
from scancc.frontend.ops.elementwise import cast
from scancc.later import in_role
from scancc.other_names import variable_has_none
from scancc.spelling import checked_keywords

Binary = Callable[[Any, Any], Variable]


def _is_operand(value: object) -> bool:
    """Whether `value` is an operand that tensors know; else Python asks the other operand's class."""
    return isinstance(value, (Variable, int, float, complex, np.ndarray, np.generic, list, tuple))


def _left(function: Binary) -> Callable[[Variable, object], Any]:
    return lambda x, y, *modulo: function(x, y) if _is_operand(y) and not modulo else _not_by(y)


def _right(function: Binary) -> Callable[[Variable, object], Any]:
    return lambda x, y: function(y, x) if _is_operand(y) else _not_by(y)


def _not_by(y: object) -> Any:
    """NotImplemented; the error for a text, which Python would repeat by a variable that it takes for a count."""
    if isinstance(y, (str, bytes)):
        raise TypeError(f"{y!r:.40} is text, and variables compute with numbers: give a number or an array")
    return NotImplemented


_TWO_SIDED: dict[str, Binary] = {
    "add": e.add, "sub": e.sub, "mul": e.mul, "truediv": e.true_div, "floordiv": e.floor_div, "mod": e.mod,
    "pow": e.power, "and": e.bitwise_and, "or": e.bitwise_or, "xor": e.bitwise_xor, "lshift": e.left_shift,
    "rshift": e.right_shift, "matmul": products.matmul,
}
_COMPARED: dict[str, Binary] = {"lt": e.lt, "le": e.le, "gt": e.gt, "ge": e.ge}
_ONE_SIDED: dict[str, Callable[..., Any]] = {
    "neg": e.neg, "abs": e.abs_, "invert": e.invert, "pos": lambda x: x,
}


def _write(write: Callable[..., Variable]) -> Callable[..., Variable]:
    return lambda part, value: write(part, value)


def _divmod(x: Variable, y: object) -> tuple[Variable, Variable]:
    return e.floor_div(x, y), e.mod(x, y)


def _clone(x: Variable) -> Variable:
    return x.type(x.name)


_clone.__name__ = "clone"


def _copy(x: Variable, name: str | None = None) -> Variable:
    same = lengths.SpecifyShape(x.type.shape)(x)
    same.name = name_of("a copy", name)
    return same


def _reshape(x: Variable, *shape: Any, ndim: int | None = None) -> Variable:
    if not shape:
        raise TypeError("reshape() takes the new shape: x.reshape((2, 3)) or x.reshape(2, 3); () is that of a scalar")
    return axes.reshape(x, shape[0] if len(shape) == 1 else shape, ndim)


def _eval(x: Variable, inputs_to_values: Mapping[Any, Any] | None = None, *, mode: Any = "reference",
          **options: Any) -> Any:
    """The value where the inputs, variables or their names, have these values.

    By the NumPy interpreter unless `mode` says otherwise; `options` are those of `function`.
    """
    return in_role("compiler").evaluated(x, inputs_to_values, mode=mode, **options)


_METHODS: dict[str, Callable[..., Any]] = {
    "dimshuffle": dimshuffle, "reshape": _reshape, "transpose": axes.transpose, "flatten": axes.flatten,
    "ravel": axes.flatten, "swapaxes": axes.swapaxes, "squeeze": axes.squeeze,
    "repeat": repeating.repeat, "diagonal": diagonals.diagonal, "trace": diagonals.trace, "fill": making.fill,
    "astype": cast, "clip": e.clip, "round": e.round_half_to_even, "conj": e.conj, "conjugate": e.conj,
    "take": indexing.take, "set": _write(indexing.set_subtensor), "inc": _write(indexing.inc_subtensor),
    "dot": products.dot, "norm": norms.norm, "sum": reduction.sum, "prod": reduction.prod,
    "mean": reduction.mean, "var": reduction.var, "std": reduction.std, "max": reduction.max,
    "min": reduction.min, "argmax": reduction.argmax, "argmin": reduction.argmin, "all": reduction.all,
    "any": reduction.any, "cumsum": ordering.cumsum, "cumprod": ordering.cumprod, "sort": ordering.sort,
    "argsort": ordering.argsort, "ptp": reduction.ptp, "copy": _copy, "clone": _clone,
    "nonzero": masks.nonzero, "nonzero_values": indexing.nonzero_values,
    "zeros_like": making.zeros_like, "ones_like": making.ones_like, "eval": _eval,
}
_PROPERTIES: dict[str, Callable[[Variable], Any]] = {
    "T": axes.transpose, "shape": lengths.shape, "size": lengths.size, "real": e.real, "imag": e.imag,
}


# ---- what Python and NumPy ask of a variable -----------------------------------------------------------

def _array_function(x: Variable, function: Any, types: object, args: Any, kwargs: Any) -> Any:
    """`np.dot(M, x)` is `T.dot(M, x)`."""
    return in_role("numpy").call_function(function, args, kwargs)


def _array_ufunc(x: Variable, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """`np.exp(x)`, `array + x` and `np.add.reduce(x)` give variables."""
    return in_role("numpy").call_ufunc(ufunc, method, inputs, options)


_PROTOCOL: dict[str, Callable[..., Any]] = {
    "getitem": indexing.getitem, "divmod": _divmod, "array_ufunc": _array_ufunc, "array_function": _array_function,
    "getattr": variable_has_none, **values_asked.PROTOCOL,
}


def _attach() -> None:
    for name, function in _TWO_SIDED.items():
        setattr(Variable, f"__{name}__", _left(function))
        setattr(Variable, f"__r{name}__", _right(function))
    for name, function in _COMPARED.items():
        setattr(Variable, f"__{name}__", _left(function))
    for name, one in {**_ONE_SIDED, **_PROTOCOL}.items():
        setattr(Variable, f"__{name}__", one)
    for name, method in _METHODS.items():
        setattr(Variable, name, checked_keywords(method))
    for name, getter in {**_PROPERTIES, "tag": tag}.items():
        setattr(Variable, name, property(getter, values_asked.not_set(name)))


_attach()
