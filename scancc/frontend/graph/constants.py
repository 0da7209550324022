"""Constants, and the dtype that operands of different dtypes meet in.

NumPy's promotion, with one difference in words only: a *weak* constant (a Python number met by an
operator) takes the dtype of what it meets. A weak float among integers is `config.floatX` promoted
with them; a weak int that its company cannot hold counts as the smallest integer dtype that holds it.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable

import numpy as np

from scancc.casts import converted
from scancc.config import config
from scancc.frontend.graph.options import unmasked
from scancc.frontend.graph.variables import DTYPES, Constant, Variable, dtype_name

_INT_DTYPES = ("int8", "int16", "int32", "int64", "uint64")
_KIND_ORDER = "biufc"

# How values of a Python type become variables; `ops.joining` adds lists that hold variables.
_conversions: dict[type, Callable[[object], Variable | None]] = {}


def register_conversion(python_type: type, convert: Callable[[object], Variable | None]) -> None:
    """Let `as_tensor_variable` turn a `python_type` into a variable; `convert` returns None to decline."""
    _conversions[python_type] = convert


_KINDS = {dtype: np.dtype(dtype).kind for dtype in DTYPES}


def kind(dtype: str) -> str:
    """'b' bool, 'i' signed, 'u' unsigned, 'f' float, 'c' complex."""
    return _KINDS[dtype]


def is_integer(dtype: str) -> bool:
    return kind(dtype) in "iu"


def is_discrete(dtype: str) -> bool:
    return kind(dtype) in "biu"


def float_for(dtype: str) -> str:
    """The dtype in which a float function of `dtype` is computed."""
    return promote_dtypes(dtype, config.floatX) if is_discrete(dtype) else dtype


def promote_dtypes(*dtypes: str) -> str:
    return dtypes[0] if len(set(dtypes)) == 1 else np.result_type(*dtypes).name


def smallest_int(value: int) -> str:
    """The smallest of int8, int16, int32, int64 and uint64 that holds `value`."""
    for name in _INT_DTYPES:
        if _fits(value, name):
            return name
    raise OverflowError(f"the integer {value} fits no dtype; scancc's integers have at most 64 bits")


def _fits(value: int, dtype: str) -> bool:
    limits = np.iinfo(dtype)
    return int(limits.min) <= value <= int(limits.max)


def weak(value: bool | float | complex) -> Constant:
    """The constant of a Python number that takes the dtype of what it meets (bool: bool)."""
    if isinstance(value, (bool, np.bool_)):
        return Constant(np.asarray(value))
    if isinstance(value, int):
        return Constant(np.asarray(value, "int64" if _fits(value, "int64") else "uint64"), weak=True)
    return Constant(np.asarray(value, _default_dtype(value)), weak=True)


def _default_dtype(value: object) -> str:
    if isinstance(value, complex):
        return "complex64" if config.floatX == "float32" else "complex128"
    return str(config.floatX)


def _is_python_number(value: object) -> bool:
    return isinstance(value, (int, float, complex)) and not isinstance(value, (bool, np.generic))


def constant(value: object, name: str | None = None, ndim: int | None = None,
             dtype: object = None) -> Constant:
    """A constant: a Python int is of the smallest integer dtype that holds it, a float of floatX;
    arrays, NumPy scalars and lists are as `np.asarray` has them."""
    if isinstance(value, Constant) and dtype is None and ndim is None and name is None:
        return value
    if isinstance(value, Variable):
        raise TypeError(f"a constant holds a value, not the variable {value!r}; use the variable itself")
    data = _as_array(value, dtype)
    if ndim is not None and ndim > data.ndim:
        data = data.reshape((1,) * (ndim - data.ndim) + data.shape)
    _check_ndim(value, data.ndim, ndim)
    made = Constant(data, name=name)
    made.untyped = dtype is None and isinstance(value, int) and not isinstance(value, bool)
    return made


def array_of(value: object, dtype: str) -> np.ndarray:
    """A new array of `dtype`; floats become integers as `cast` has it."""
    given = np.asarray(unmasked("the value", value))
    try:
        return converted(given, dtype) if given.dtype.kind == "f" else np.array(value, dtype)
    except OverflowError as error:
        raise ValueError(f"{value!r} is no value of dtype {dtype}: {error}") from None


def _as_array(value: object, dtype: object) -> np.ndarray:
    if dtype is not None:
        return array_of(value, dtype_name(dtype))
    if isinstance(value, int) and not isinstance(value, bool):
        return np.asarray(value, smallest_int(value))
    if _is_python_number(value):
        return np.asarray(value, _default_dtype(value))
    try:
        data = np.array(unmasked("the value", value))
    except ValueError as error:
        raise TypeError(f"{value!r} cannot become a tensor ({error}); rows must have equal lengths") from None
    if data.dtype.name not in DTYPES:
        raise TypeError(
            f"{value!r} of type {type(value).__name__} cannot become a tensor (its dtype would be "
            f"{data.dtype}); give numbers, arrays or symbolic variables"
            + (", such as what it gives when it is called with variables" if callable(value) else "")
        )
    return data


def _check_ndim(value: object, have: int, want: int | None) -> None:
    if want is not None and have != want:
        raise ValueError(f"{value!r} has {have} dimensions where {want} are asked for; reshape it first")


def as_tensor_variable(value: object, name: str | None = None, ndim: int | None = None,
                       dtype: object = None) -> Variable:
    """`value` as a variable: variables as they are, lists that hold variables stacked, the rest as
    constants (see `constant`). `ndim` adds or drops leading axes of length 1; `dtype` is cast to."""
    if dtype is not None:
        variable = as_tensor_variable(value, name, ndim) if holds_variables(value) else value
        return variable.astype(dtype) if isinstance(variable, Variable) else constant(value, name, ndim, dtype)
    if isinstance(value, Variable):
        if ndim is not None and ndim != value.ndim:
            return _with_ndim(value, ndim)
        return value
    convert = _conversions.get(type(value))
    variable = convert(value) if convert is not None else None
    if variable is None:
        return constant(value, name=name, ndim=ndim)
    if ndim is not None and variable.ndim != ndim:
        return _with_ndim(variable, ndim)
    return variable


def holds_variables(value: object) -> bool:
    return isinstance(value, Variable) or (
        isinstance(value, list | tuple) and any(holds_variables(v) for v in value))


def _with_ndim(value: Variable, ndim: int) -> Variable:
    missing = ndim - value.ndim
    if missing < 0:
        _check_ndim(value, value.ndim, ndim)
    order: tuple[int | str, ...] = ("x",) * missing + tuple(range(value.ndim))
    return value.dimshuffle(order)


def as_operand(value: object) -> Variable:
    """`as_tensor_variable`, but a Python number is weak."""
    if isinstance(value, Variable):
        return value
    if _is_python_number(value):
        return weak(value)  # type: ignore[arg-type]
    return as_tensor_variable(value)


def is_weak(variable: Variable) -> bool:
    return isinstance(variable, Constant) and variable.weak


def strong(variable: Variable, dtype: str) -> Variable:
    """A weak constant as an ordinary one of `dtype`; other variables as they are."""
    if isinstance(variable, Constant) and variable.weak:
        with np.errstate(over="ignore"):
            return Constant(variable.data.astype(dtype), variable.name, location=variable.location)
    return variable


def result_dtype(operands: Iterable[Variable]) -> str:
    """The dtype that `operands` meet in (NumPy's `result_type`, with weak constants)."""
    everything = list(operands)
    weak_ones = [v for v in everything if isinstance(v, Constant) and v.weak]
    typed = [v for v in everything if not is_weak(v)]
    if not typed:
        return promote_dtypes(*(v.dtype for v in weak_ones))
    dtype = promote_dtypes(*(v.dtype for v in typed))
    for number in weak_ones:
        dtype = _meet(dtype, number)
    return dtype


def _meet(dtype: str, number: Constant) -> str:
    have, given = kind(dtype), kind(number.dtype)
    if given in "iu":
        return _meet_int(dtype, int(number.data))
    if _KIND_ORDER.index(have) >= _KIND_ORDER.index(given):
        return dtype
    if given == "f":
        return promote_dtypes(dtype, config.floatX)
    return promote_dtypes(dtype, "complex64") if have == "f" else "complex128"


def _meet_int(dtype: str, value: int) -> str:
    if dtype == "bool":
        return "int64" if _fits(value, "int64") else "uint64"
    if not is_integer(dtype) or _fits(value, dtype):
        return dtype
    return promote_dtypes(dtype, smallest_int(value))


def constant_value(variable: Variable) -> np.ndarray | None:
    """The array behind a constant, also through added axes of length 1; None if it is not constant."""
    while variable.owner is not None and variable.owner.op.only_moves_axes:
        variable = variable.owner.inputs[0]
    return variable.data if isinstance(variable, Constant) else None


def constant_int(value: object) -> int | None:
    """The Python int of an integer, or of a constant scalar of integer dtype; None for the rest."""
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, Constant) and value.ndim == 0 and is_integer(value.dtype):
        return int(value.data)
    return None
