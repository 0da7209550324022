"""Order statistics and counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.graph.constants import (
    as_tensor_variable,
    constant_int,
    constant_value,
    float_for,
    is_discrete,
    is_integer,
)
from scancc.frontend.graph.dims import dim, dimshuffle, normalize_axis
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops import ordering, reduction
from scancc.frontend.ops import scalars as e
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.indexing import inc_subtensor, take
from scancc.frontend.ops.joining import concatenate
from scancc.frontend.ops.making import zeros

Axes = int | Sequence[int] | None
_METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def quantile(x: object, q: object, axis: Axes = None, method: str = "linear", keepdims: bool = False) -> Variable:
    """NumPy's `quantile`: the value below which a share `q` (a number or vector from 0 to 1) of the elements is;
    NaN where one is NaN.

    The axes of `q`, then the shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`); floats.
    ValueError for an axis that `x` has not, another `method`, or a share that is not from 0 to 1.
    """
    if method not in _METHODS:
        raise ValueError(f"quantile: method {method!r} is none of {', '.join(_METHODS)}")
    given = as_tensor_variable(x)
    var = cast(given, float_for(given.dtype))
    share = cast(as_tensor_variable(q), var.dtype if var.dtype != "float16" else "float32")
    _check_share("quantile", q, 1)
    inside = reduction.all(e.logical_and(e.ge(share, 0), e.le(share, 1)))
    share = check(ValueError, "quantile: the shares must be between 0 and 1 (of percentile: 100)", share, inside)
    axes = tuple(range(var.ndim)) if axis is None else _axes(axis, var.ndim)
    line = _axes_last(var, axes)
    result = _pick(line, share, method)
    return _with_axes(result, share.ndim, axes, var.ndim) if keepdims else result


def _check_share(what: str, q: object, most: int) -> None:
    """A share that is known is within its limits; others are checked when it runs."""
    known = constant_value(as_tensor_variable(q))
    if known is not None and not (np.all(known >= 0) and np.all(known <= most)):
        raise ValueError(f"{what}: q is {q!r}; it is from 0 to {most}")


def _axes(axis: int | Sequence[int], ndim: int, what: str = "quantile") -> tuple[int, ...]:
    wanted = [axis] if isinstance(axis, int) else axis
    return tuple(normalize_axis(a, ndim, what) for a in wanted)


def _axes_last(x: Variable, axes: tuple[int, ...]) -> Variable:
    """`axes` as one, the last."""
    kept = [a for a in range(x.ndim) if a not in axes]
    moved = dimshuffle(x, (*kept, *axes))
    return reshape(moved, [*(dim(x, a) for a in kept), -1], ndim=len(kept) + 1)


def _pick(line: Variable, share: Variable, method: str) -> Variable:
    """Between the neighbours of each place; axes of `share` come first, as in NumPy.

    Of one place the neighbours are a part of what is sorted, which need not be sorted as a whole (`partial-sort`).
    """
    ordered = ordering.sort(line, axis=-1)
    last = dim(line, line.ndim - 1) - 1
    place = share * cast(last, share.dtype)
    below = e.floor(place)
    if method == "nearest":
        below = e.round_half_to_even(place)
    above = below if method in ("lower", "nearest") else e.ceil(place)
    below = above if method == "higher" else below
    first, second = cast(below, "int64"), cast(above, "int64")
    if share.ndim == 0:
        ordered, first, second = ordered[(..., slice(first, first + 2))], as_tensor_variable(0), second - first
    low, high = (_at(ordered, place, share.ndim) for place in (first, second))
    weight = 0.5 if method == "midpoint" else place - below
    gap = cast(weight, ordered.dtype)
    gap = dimshuffle(gap, (*range(gap.ndim), *("x",) * (ordered.ndim - 1))) if share.ndim else gap
    between = e.switch(e.eq(low, high), low, low + (high - low) * gap)
    has_nan = reduction.any(e.isnan(line), axis=-1)
    return e.switch(has_nan, np.asarray(np.nan, between.dtype), between)


def _at(ordered: Variable, places: Variable, front: int) -> Variable:
    picked = take(ordered, places, axis=ordered.ndim - 1)
    lines = ordered.ndim - 1
    return dimshuffle(picked, (*range(lines, lines + front), *range(lines)))


def _with_axes(x: Variable, front: int, axes: tuple[int, ...], ndim: int) -> Variable:
    rest = iter(range(front, x.ndim))
    return dimshuffle(x, (*range(front), *("x" if a in axes else next(rest) for a in range(ndim))))


def percentile(x: object, q: object, axis: Axes = None, method: str = "linear", keepdims: bool = False) -> Variable:
    """`quantile` with `q` from 0 to 100.

    Shapes, options and errors as there.
    """
    share = as_tensor_variable(q)
    _check_share("percentile", q, 100)
    return quantile(x, e.true_div(share, 100), axis, method, keepdims)


def median(x: object, axis: Axes = None, keepdims: bool = False) -> Variable:
    """The middle element, or the mean of the two in the middle; NaN where one is NaN.

    The shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`); floats. ValueError for an axis
    that `x` has not.
    """
    if axis is not None:
        axis = _axes(axis, as_tensor_variable(x).ndim, "median")
    return quantile(x, 0.5, axis, keepdims=keepdims)


def bincount(x: object, weights: object = None, minlength: object = None, assert_nonneg: bool = False) -> Variable:
    """How often each of 0, 1, 2, ... stands in a vector of integers, or the sum of its `weights`; as long as the
    largest element asks for, and at least `minlength`.

    `x` [n], `weights` [n]; int64, or floats of weights. TypeError for what is no vector of integers; ValueError,
    when it runs, for a negative number.
    """
    values = as_tensor_variable(x)
    if values.ndim != 1 or not (is_integer(values.dtype) or values.dtype == "bool"):
        raise TypeError(f"bincount takes a vector of integers, not {values!r}")
    values = cast(values, "int64")
    values = check(ValueError, "bincount: an element is negative; counts are of 0, 1, 2, ...", values,
                   reduction.all(e.ge(values, 0)))
    if (constant_int(minlength) or 0) < 0:
        raise ValueError(f"bincount: minlength is {minlength!r}; it is 0 or more")
    longest = reduction.max(_with_first(values)) + 1
    length = longest if minlength is None else e.maximum(longest, cast(minlength, "int64"))
    if weights is None:
        return inc_subtensor(zeros((length,), "int64")[values], np.int64(1))
    amounts = as_tensor_variable(weights)
    if amounts.ndim != 1:
        raise ValueError(f"bincount takes a vector of weights, one for each element, not {amounts!r}")
    n, wanted = dim(amounts, 0), dim(values, 0)
    amounts = check(ValueError, "bincount: {} weights are given for {} elements; give one for each", amounts,
                    e.eq(n, wanted), n, wanted)
    dtype = float_for(amounts.dtype)
    return inc_subtensor(zeros((length,), dtype)[values], cast(amounts, dtype))


def _with_first(values: Variable) -> Variable:
    """`values` with -1 in front, so that there is a largest."""
    return concatenate([np.array([-1]), values])


def choose(a: object, choices: object, mode: str = "raise") -> Variable:
    """For each element of `a` the element of the choice it names: NumPy's `choose`; `mode` 'raise', 'wrap' or
    'clip' says what a number does that no choice has.

    The shapes of `a` and the choices, broadcast; their promoted dtype. TypeError for an `a` that holds no
    integers; ValueError, when it runs, for a number that no choice has ('raise').
    """
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"choose: mode {mode!r} is none of 'raise', 'wrap' and 'clip'")
    given = as_tensor_variable(a)
    if not is_discrete(given.dtype):
        raise TypeError(f"choose: the numbers of the choices are {given!r}; give integers")
    index = cast(given, "int64")
    options = [as_tensor_variable(c) for c in _options(choices)]
    last = len(options) - 1
    if mode == "wrap":
        index = e.mod(index, len(options))
    elif mode == "clip":
        index = e.clip(index, 0, last)
    else:
        inside = reduction.all(e.logical_and(e.ge(index, 0), e.le(index, last)))
        message = f"choose: a number is not between 0 and {last}, which the choices have"
        index = check(ValueError, message, index, inside)
    result = options[-1]
    for number in range(last - 1, -1, -1):
        result = e.switch(e.eq(index, number), options[number], result)
    return result if last else e.switch(e.eq(index, 0), result, result)


def _options(choices: object) -> Sequence[object]:
    if isinstance(choices, (list, tuple)):
        found: Sequence[object] = choices
    else:
        table = as_tensor_variable(choices)
        count = table.type.shape[0] if table.ndim else 0
        if count is None:
            raise ValueError(f"choose: the number of choices in {table!r} must be known; give a list of them")
        found = [table[i] for i in range(count)]
    if not found:
        raise ValueError("choose: there is nothing to choose from; give one choice or more")
    return found


__all__ = ["bincount", "choose", "median", "percentile", "quantile"]
