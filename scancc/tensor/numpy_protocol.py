"""NumPy's functions on symbolic variables: `np.dot(M, x)` is `T.dot(M, x)`, or an error that says what to write.

NumPy asks an operand's class for its own meaning of a function (NEP 18, `__array_function__`) and of a ufunc
(NEP 13, `__array_ufunc__`). `numpy_functions` holds the functions of `T` that mean the same; what they do
not honour (`out=`, `where=`, ...) is refused by name, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

import scancc.tensor as T
from scancc.frontend.graph.constants import as_operand
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.variables import Variable, user_location
from scancc.frontend.ops.axes import shape_padright
from scancc.tensor.numpy_functions import FUNCTIONS, REDUCED, UFUNCS, Mapped
from scancc.tensor.numpy_remedies import REMEDIES

# Values of NumPy's parameters that ask for nothing special, besides None.
_PLAIN: dict[str, tuple[object, ...]] = {
    "where": (True,), "order": ("C", "K", "A"), "casting": ("same_kind",), "subok": (True, False), "copy": (True,),
    "returned": (False,), "retstep": (False,), "deg": (False,), "axis": (0,), "include_initial": (False,),
    "hermitian": (False,),
}

_KEYWORD_REMEDIES = {
    "out": "a symbolic result is a new variable: y = {ours}(...) without out=, total = total + x for total += x",
    "where": "choose first: {ours}(T.switch(mask, x, neutral)), or T.switch(mask, result, other) after it",
    "initial": "combine it with the result: result + initial, T.maximum(result, initial)",
    "dtype": "cast: T.cast(x, dtype) before it",
    "casting": "cast the operands: T.cast(x, dtype)",
    "order": "symbolic tensors are in C order; transpose or sort by the columns that you mean",
    "decimals": "scale: T.round(x * 100) / 100",
    "shape": "T.alloc(value, *shape) makes a tensor of another shape",
    "weights": "write T.sum(weights * x) / T.sum(weights)",
}


def call_function(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What `function(*args, **kwargs)` of NumPy means on variables."""
    name = _name_of(function)
    mapped = FUNCTIONS.get(name)
    if mapped is None:
        _refuse(name, "has no meaning on symbolic variables", REMEDIES.get(name))
    return mapped(*args, **kwargs) if not isinstance(mapped, Mapped) else _call(name, mapped, args, kwargs)


def _name_of(function: Callable[..., Any]) -> str:
    """As a program writes it: 'dot', 'linalg.norm'."""
    module = function.__module__.removeprefix("numpy").lstrip(".")
    return f"{module}.{function.__name__}" if module in ("linalg", "fft") else function.__name__


def _refuse(name: str, fact: str, remedy: str | None) -> NoReturn:
    remedy = remedy or ("write it with functions of T, or compute it with NumPy outside, on what the compiled "
                        "function takes or returns")
    shown = f"np.{name}" if hasattr(np, name.partition(".")[0]) else name  # a ufunc of SciPy's has no place to tell
    raise TypeError(Site(None, user_location(), shown).text(fact, remedy))


def _call(name: str, mapped: Mapped, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Our function on what was given, by NumPy's names, and nothing left out."""
    given = dict(zip(mapped.parameters, args, strict=False))
    given.update((mapped.renamed.get(key, key), value) for key, value in kwargs.items())
    leading = [given.pop(key) for key in mapped.leading if key in given]
    honoured = {}
    for key, value in given.items():
        if key in mapped.honoured:
            if value is not np._NoValue:
                honoured[key] = value
        elif key not in mapped.ignored:
            _check_plain(name, key, value, mapped)
    return mapped.ours(*leading, **honoured)


def _check_plain(name: str, key: str, value: object, mapped: Mapped | None) -> None:
    """A parameter that ours do not have must ask for nothing."""
    if value is None or value is np._NoValue:
        return
    if not isinstance(value, (Variable, np.ndarray)) and any(value is p or value == p for p in _PLAIN.get(key, ())):
        return
    ours = f"T.{name}" if mapped is None else mapped.title
    remedy = _KEYWORD_REMEDIES.get(key, "leave it out and write what it means with functions of T").format(ours=ours)
    _refuse(name, f"{key}= is not supported on symbolic variables", remedy)


# ---- ufuncs -----------------------------------------------------------------------------------------------

_ARRAY_METHODS = {
    "at": "T.inc_subtensor(x[i], y) adds y at x[i] and T.set_subtensor(x[i], y) sets it",
    "reduceat": "reduce slices, T.sum(x[a:b]), or use scan",
    "reduce": "use T.sum, T.prod, T.max, T.min, T.all or T.any, or sc.reduce with a step of your own",
    "accumulate": "use T.cumsum or T.cumprod, or sc.scan with a step of your own",
}


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What a ufunc, or one of its methods, means on variables."""
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    if method in ("reduce", "accumulate"):
        return _reduced(name, ufunc, method, inputs, options)
    function = UFUNCS.get(ufunc.__name__)
    if function is None or method not in ("__call__", "outer"):
        ours = f"write T.{name}" if name in T.__all__ else None
        remedy = _ARRAY_METHODS.get(method, REMEDIES.get(ufunc.__name__, ours))
        _refuse(name, "has no meaning on symbolic variables", remedy)
    _check_options(name, options, f"T.{getattr(function, '__name__', name)}")
    if method == "outer":
        return _outer(function, *inputs)
    return function(*inputs)


def _check_options(name: str, options: Mapping[str, Any], ours: str) -> None:
    mapped = Mapped(ours, lambda: None)
    if "out" in options:
        _check_plain(name, "out", next((o for o in options["out"] if o is not None), None), mapped)
    for key, value in options.items():
        if key != "out":
            _check_plain(name, key, value, mapped)


def _outer(function: Callable[..., Any], x: object, y: object) -> Any:
    """Each element of `x` with each of `y`."""
    a, b = as_operand(x), as_operand(y)
    return function(shape_padright(a, b.ndim), b)


def _reduced(name: str, ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """`np.add.reduce(x)` is `T.sum(x, axis=0)`, and `np.add.accumulate(x)` `T.cumsum(x, axis=0)`."""
    mapped = REDUCED.get(f"{ufunc.__name__}.{method}")
    if mapped is None:
        _refuse(name, "has no meaning on symbolic variables", _ARRAY_METHODS[method])
    options = dict(options)
    if "out" in options:
        options["out"] = next((o for o in options["out"] if o is not None), None)
    return _call(name, mapped, inputs, {"axis": 0, **options} if len(inputs) == 1 else options)
