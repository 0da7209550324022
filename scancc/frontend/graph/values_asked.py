"""What Python asks of a number or an array and a symbolic variable cannot answer: errors that say what to write.

A variable has a value only when its function runs. `float(y)`, `range(n)`, `if y > 0`, `y[0] = 1` and their
kind want one while the program is being built.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Variable, user_location

_NO_VALUE = "is a symbolic variable, which has no value before its function runs"
_CALL = "for its number compile and call first, f = sc.function(inputs, y), or y.eval({input: value})"


def refuse(x: Variable, what: str, remedy: str, fact: str = _NO_VALUE) -> NoReturn:
    """Raise the TypeError of a question that only a value could answer."""
    site = Site(None, user_location(), what.format(x=x.name or "x"))
    raise TypeError(site.text(f"{described(x)} {fact}", remedy))


def _refused(what: str, remedy: str) -> Callable[..., Any]:
    def method(x: Variable, *args: object, **options: object) -> NoReturn:
        refuse(x, what, remedy)

    return method


def _iterate(x: Variable) -> Iterator[Variable]:
    length = x.type.shape[0] if x.ndim else None
    if x.ndim == 0 or length is None:
        fact = "is a scalar" if x.ndim == 0 else "has a length that is known only when it runs"
        alone = "" if x.name else "; the result of a scan with one output is that output, not a list of it"
        refuse(x, "for row in {x}", "use scan(fn, sequences=x) to go over its rows; where their number is small and "
               "known, say it: T.vector('x', shape=(3,)), or T.specify_shape(x, (3,))" + alone,
               f"cannot be looped over in Python: it {fact}")
    return iter([x[i] for i in range(length)])


def _format(x: Variable, spec: str) -> str:
    if spec:
        refuse(x, f"format({{x}}, {spec!r})", "print the variable itself, or format what the function returns")
    return str(x)


def _truth(x: Variable) -> NoReturn:
    refuse(x, "if {x}", "sc.ifelse(cond, a, b) computes only one; & | ~ or T.and_, T.or_, T.invert are its logic, "
           "T.maximum(a, b) is max(a, b), and in a scan sc.until(cond) ends the loop",
           "has no truth value before it is computed; use T.switch(cond, a, b) to choose between values")


def _equal(x: Variable, y: object) -> Any:
    """Identity, so that variables can be keys and stand in lists; with a number it would always be False."""
    if not isinstance(y, (int, float, complex, np.ndarray, np.generic)):
        return NotImplemented
    return refuse(x, "{x} == number", "T.eq(x, y) compares element by element, T.neq(x, y) tells what differs",
                  "is compared by == and !=, which ask only whether two variables are the same one")


def warn_of_python_truth(what: str, condition: object, stacklevel: int = 4) -> None:
    """Warn where a condition is True or False of Python, as == of two variables gives."""
    if type(condition) is bool:
        warnings.warn(f"{what}: the condition is Python's {condition}, the same for all elements; x == y asks "
                      "whether two variables are the same one, and T.eq(x, y) compares elements",
                      stacklevel=stacklevel)


def not_set(name: str) -> Callable[[Variable, object], NoReturn]:
    """What `x.shape = value` does."""
    def setter(x: Variable, value: object) -> NoReturn:
        refuse(x, f"{{x}}.{name} = value", "y = x.reshape(shape) and T.set_subtensor(x[i], y) are new variables",
               "does not change: it stands for a value that a function is given or computes")

    return setter


_MATH = "T.sqrt(y), T.exp(y) and so on are the functions of math; T.cast(y, dtype) gives another dtype; " + _CALL
_NUMBER = ("T.cast(y, 'int64') makes it an integer; n_steps=n, T.arange(n), T.zeros(n) take symbolic numbers as they "
           "are; " + _CALL)
_LOOP = ("sc.scan(step, n_steps=n) runs n steps, T.arange(n) holds the numbers below n, T.zeros(n) or "
         "sc.RandomStream().normal(size=(n,)) is a tensor of that length, T.stack(items)[n] picks one of a list; "
         + _CALL)
_TENSOR = ("T.stack([x, y]) and T.as_tensor_variable([x, y]) make a tensor of variables, and the functions of T take "
           "lists that hold variables; " + _CALL)

PROTOCOL: dict[str, Callable[..., Any]] = {
    "float": _refused("float({x})", _MATH),
    "int": _refused("int({x})", _NUMBER),
    "complex": _refused("complex({x})", "T.cast(y, 'complex128') or T.make_complex(re, im) is complex; " + _CALL),
    "index": _refused("{x} as a Python integer", _LOOP),
    "round": _refused("round({x})", "T.round(y) is y in whole numbers, T.iround(y) in integers, and "
                      "T.round(y * 100) / 100 keeps two digits"),
    "floor": _refused("math.floor({x})", "write T.floor(y), and T.cast(T.floor(y), 'int64') for an integer"),
    "ceil": _refused("math.ceil({x})", "write T.ceil(y), and T.cast(T.ceil(y), 'int64') for an integer"),
    "trunc": _refused("math.trunc({x})", "write T.trunc(y), and T.cast(y, 'int64') for an integer"),
    "len": _refused("len({x})", "use x.shape[0], a symbolic number, or x.ndim for the number of dimensions"),
    "contains": _refused("y in {x}", "T.any(T.eq(x, y)) tells whether an element is equal"),
    "setitem": _refused("{x}[i] = y", "T.set_subtensor(x[i], y) gives the tensor with y there, "
                        "T.inc_subtensor(x[i], y) the one with y added"),
    "delitem": _refused("del {x}[i]", "T.concatenate([x[:i], x[i + 1:]]) is the tensor without row i"),
    "array": _refused("NumPy array of {x}", _TENSOR),
    "bool": _truth, "iter": _iterate, "format": _format, "eq": _equal,
}
