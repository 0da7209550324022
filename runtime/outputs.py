"""The arrays of a call's outputs: new ones, or those that the caller gives with `out=`.

A given array has the output's dtype and, by the sizes of the call, its shape, and may be written. Where it is
row-major and shares no memory with an input or another output, native code writes to it directly; else the output
is computed apart and copied. Where `until` ends a scan early, the result is the part of the array that was filled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from scancc.artifact import Param
from scancc.foreign import writable

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[np.generic]"
Given: TypeAlias = "list[Array | None]"  # one entry for each output


def spread(out: Any, params: Sequence[Param], kind: str, keys: Sequence[str] = ()) -> Given:
    """What `out` holds for each output, checked but for lengths; None stands for a new array.

    `kind` is what the function gives: 'one' array, a 'list', a 'dict' with `keys`, or 'none'.
    """
    if out is None:
        return [None] * len(params)
    if kind == "none":
        raise TypeError("out= was given, and the function has no outputs; leave it out")
    if kind == "dict":
        values = _by_key(out, keys)
    elif kind == "one":
        values = [out]
    elif isinstance(out, list | tuple) and len(out) == len(params):
        values = list(out)
    else:
        raise TypeError(f"out= takes a list of {len(params)} arrays, or None for new ones; given {_shown(out)}")
    return [_checked(value, param) for value, param in zip(values, params, strict=True)]


def _by_key(out: Any, keys: Sequence[str]) -> list[Any]:
    if not isinstance(out, Mapping) or not set(out) <= set(keys):
        raise TypeError(f"out= takes a dict with some of the keys {', '.join(keys)}; given {_shown(out)}")
    return [out.get(key) for key in keys]


def _checked(given: Any, param: Param) -> Array | None:
    """The memory to write into."""
    if given is None:
        return None
    wanted = f"out= for {_which(param)} must be an array of {param.dtype} with {param.rank} dimensions"
    value = writable(given)
    if value is None:
        raise TypeError(f"{wanted}, whose memory can be written; given {_shown(given)}")
    if value.dtype != param.dtype or value.ndim != param.rank:
        raise TypeError(f"{wanted}; given one of {value.dtype} with {value.ndim}; make it with np.empty")
    if not value.flags.writeable:
        raise ValueError(f"{wanted} that may be written; given a read-only one; pass a copy")
    return value


def array_for(given: Array | None, param: Param, shape: Sequence[int], others: Sequence[Array]) -> Array:
    """Where native code writes an output of at most `shape`: `given` where it can, else a new array."""
    if given is None or given.shape != tuple(shape) or not _serves(given):
        return np.empty(shape, param.dtype)
    return np.empty(shape, param.dtype) if any(np.may_share_memory(given, other) for other in others) else given


def _serves(array: Array) -> bool:
    flags = array.flags
    return flags.c_contiguous and flags.aligned and array.dtype.isnative


def stored(given: Array | None, param: Param, computed: Array, most: Sequence[int] | None = None) -> Array:
    """An output as the call returns it: `computed`, or the part of `given` that has it.

    ValueError unless `given` has the shape of what was computed, or `most`, the shape of an output that no loop ends
    early.
    """
    if given is None or computed is given or computed.base is given:
        return computed
    if given.shape not in (computed.shape, most):
        raise ValueError(wrong_shape(given, param, computed.shape))
    part = given if given.shape == computed.shape else given[tuple(map(slice, computed.shape))]
    part[...] = computed
    return part


def wrong_shape(given: Array, param: Param, shape: Sequence[int]) -> str:
    return (f"out= for {_which(param)} has shape {given.shape}, where the result has {tuple(shape)}; "
            f"make it with np.empty")


def _which(param: Param) -> str:
    return f"the output {param.name!r}" if param.name else "an output"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__}"
