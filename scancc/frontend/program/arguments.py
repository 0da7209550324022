"""The arguments of a call: what an input accepts, and the array it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scancc.casts import converted
from scancc.errors import UnsupportedError
from scancc.foreign import as_array, is_array
from scancc.frontend.graph.dims import require_possible
from scancc.frontend.graph.options import flag, flag_or_none, name_of, unmasked
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.variables import Variable, user_location
from scancc.late_dataclasses import dataclass
from scancc.spelling import checked_class


@checked_class
@dataclass(frozen=True)
class In:
    """An input of `function`.

    `value` is its default; `name` its keyword (the variable's name unless given); `strict`: only arrays
    of exactly its dtype; `allow_downcast`: True converts with loss, None only a Python float to a
    smaller float, False never. `mutable` and `borrow` are accepted and have no effect: arguments are
    never written to.

    >>> x, gain = T.vector("x"), T.scalar("gain")
    >>> f = sc.function([x, sc.In(gain, value=2.)], gain * x)
    >>> f([1., 2.]), f([1., 2.], gain=10.)
    (array([2., 4.]), array([10., 20.]))
    """

    variable: Variable
    name: str | None = None
    value: Any = None
    update: Any = None
    mutable: bool | None = None
    strict: bool = False
    allow_downcast: bool | None = None
    borrow: bool | None = None
    implicit: bool | None = None

    def __post_init__(self) -> None:
        name_of("an input", self.name)
        flag("In: strict", self.strict)
        for name in ("mutable", "allow_downcast", "borrow", "implicit"):
            flag_or_none(f"In: {name}", getattr(self, name))
        if self.update is not None or self.implicit:
            site = Site(None, user_location(), f"In({self.variable})")
            raise UnsupportedError(site.text(
                "an input with update= or implicit= changes with each call, as only a shared variable does",
                "make it with sc.shared(value), and pass function(..., updates={variable: new_value})",
            ))

    def with_downcast(self, allow: bool | None) -> In:
        return replace(self, allow_downcast=allow)

    @property
    def keyword(self) -> str | None:
        return self.name or self.variable.name

    def label(self, position: int) -> str:
        name = "" if self.keyword is None else f" `{self.keyword}`"
        return f"argument {position}{name}"

    def error(self, position: int, fact: str, remedy: str) -> TypeError:
        """What is wrong with the argument of the call that is going on."""
        return TypeError(Site(None, user_location(), self.label(position)).text(fact, remedy))


# ---- one argument ---------------------------------------------------------------------------------


def convert(value: Any, into: In, position: int = 0) -> np.ndarray:
    """The array of `into`'s type that `value` stands for; TypeError where values or axes would be lost."""
    wanted = into.variable.type
    if type(value) is np.ndarray and value.dtype.name == wanted.dtype and value.dtype.isnative:
        array = value
    else:
        array = _converted(value, into, position)
    if array.shape != wanted.shape:
        _check_shape(array, into, position)
    return array


def _converted(value: Any, into: In, position: int) -> np.ndarray:
    dtype = into.variable.dtype
    _check_is_data(value, into, position)
    if into.strict:
        raise into.error(
            position, f"{_kind_of(value)} was given where strict=True takes arrays of {dtype} only",
            f"pass np.asarray(value, {dtype!r})",
        )
    array = _as_array(value, into, position)
    if into.allow_downcast or _loses_nothing(value, array, dtype, into.allow_downcast):
        return converted(array, dtype)
    if not _in_range(array, dtype):
        raise into.error(position, f"{_kind_of(value)} holds a number beyond the range of {dtype}",
                         "give the input a wider dtype, as T.tensor(name, dtype=..., shape=...) does")
    raise into.error(
        position, f"{_kind_of(value)} could lose precision as {dtype}",
        f"pass np.asarray(value, {dtype!r}), or build the function with allow_input_downcast=True",
    )


def _in_range(array: np.ndarray, dtype: str) -> bool:
    """Whether whole numbers are within the range of an integer `dtype`."""
    if array.dtype.kind not in "iu" or np.dtype(dtype).kind not in "iu" or array.size == 0:
        return True
    limits = np.iinfo(dtype)
    return int(array.min()) >= limits.min and int(array.max()) <= limits.max


def _check_is_data(value: Any, into: In, position: int) -> None:
    wanted = into.variable.type
    if isinstance(value, Variable):
        raise into.error(
            position, f"the symbolic variable {value!r} was given, and a call needs a value",
            f"pass an array-like object of {wanted}; to put an expression in its place, use givens or clone",
        )
    unmasked(into.label(position), value)
    if value is None:
        raise into.error(position, "None was given", f"pass an array-like object of {wanted}")


def _as_array(value: Any, into: In, position: int) -> np.ndarray:
    wanted = into.variable.type
    try:
        array = as_array(value)
    except (ValueError, OverflowError) as error:
        fact = f"{_kind_of(value)} cannot become an array ({error})"
        raise into.error(position, fact, f"pass an array-like object of {wanted}") from None
    if array.dtype.kind == "O" and array.size and all(isinstance(v, int) for v in array.flat):
        raise into.error(position, f"{_kind_of(value)} holds an integer of more than 64 bits",
                         "pass floats, or smaller numbers")
    if array.dtype.kind not in "biufc":
        items = array.ndim == 0 and isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
        raise into.error(position, _no_numbers(value, array),
                         f"pass {'list(value), or ' if items else ''}an array-like object of {wanted}")
    if array.dtype.kind == "c" and np.dtype(wanted.dtype).kind != "c":
        raise into.error(
            position, f"a complex value was given, and {wanted.dtype} has no imaginary part",
            "pass value.real",
        )
    return array


def _no_numbers(value: Any, array: np.ndarray) -> str:
    """What an argument holds that is no number."""
    if array.ndim and array.dtype.kind in "US":
        return f"{_kind_of(value)} holds text"
    if array.ndim and array.dtype.kind == "O":
        odd = next(v for v in array.flat if not isinstance(v, int | float | complex))
        return f"{_kind_of(value)} holds {odd!r:.40}, which is no number"
    return f"{_kind_of(value)} holds no numbers"


def _loses_nothing(value: Any, array: np.ndarray, dtype: str, allow: bool | None) -> bool:
    """Arrays are judged by their dtype; numbers and lists by their values, a float's rounding aside."""
    if np.can_cast(array.dtype, dtype, "safe"):
        return True
    if is_array(value):
        return False
    if isinstance(value, float) and np.dtype(dtype).kind == "f" and allow is None:
        return True
    with np.errstate(all="ignore"):
        return np.array_equal(array.astype(dtype), array, equal_nan=array.dtype.kind in "fc")


def _kind_of(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic):
        return f"an array of {value.dtype}" if value.ndim else f"a NumPy {value.dtype}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _check_shape(array: np.ndarray, into: In, position: int) -> None:
    wanted = into.variable.type
    if array.ndim != wanted.ndim:
        raise into.error(
            position, f"wrong number of dimensions: {array.ndim} (shape {array.shape}), where {wanted} has "
            f"{wanted.ndim}", "reshape the value",
        )
    for axis, (have, want) in enumerate(zip(array.shape, wanted.shape, strict=True)):
        if want is not None and have != want:
            raise into.error(
                position, f"shape {array.shape}, where axis {axis} of {wanted} has length {want}",
                "reshape or slice the value, or leave the length open in the input's type",
            )
    if array.size == 0:
        require_possible(into.label(position), array.shape)


# ---- all arguments of a call ----------------------------------------------------------------------


def bind(
    ins: Sequence[In], args: Sequence[Any], kwargs: Mapping[str, Any], name: str | None
) -> list[np.ndarray]:
    """An array for each input, from positional and keyword arguments and defaults."""
    what = f"function {name!r}" if name else "the function"
    if len(args) > len(ins):
        raise TypeError(f"{what} takes {len(ins)} argument(s), {_names(ins)}, but {len(args)} were given")
    values: list[Any] = [*args, *(entry.value for entry in ins[len(args):])]
    given = [i < len(args) or entry.value is not None for i, entry in enumerate(ins)]
    positions = {entry.keyword: i for i, entry in enumerate(ins) if entry.keyword is not None}
    for key, value in kwargs.items():
        i = positions.get(key)
        if i is None:
            raise TypeError(f"{what} has no input named {key!r}; its inputs are {_names(ins)}")
        if sum(entry.keyword == key for entry in ins) > 1:
            raise TypeError(f"{what} has several inputs named {key!r}; pass them by position: {_names(ins)}")
        if i < len(args):
            raise TypeError(f"{what} got two values for the input {key!r}, one by position and one by name")
        values[i], given[i] = value, True
    if not all(given):
        missing = ", ".join(ins[i].label(i) for i, there in enumerate(given) if not there)
        raise TypeError(f"{what} is missing {missing}; its inputs are {_names(ins)}")
    return [convert(value, entry, i) for i, (value, entry) in enumerate(zip(values, ins, strict=True))]


def _names(ins: Sequence[In]) -> str:
    return "(" + ", ".join(entry.keyword or f"<{entry.variable.type}>" for entry in ins) + ")"
