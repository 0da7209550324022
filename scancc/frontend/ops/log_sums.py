"""Logarithms of sums of exponentials, without overflow, and softmax."""

from __future__ import annotations

from functools import reduce

from scancc.frontend.graph.constants import as_tensor_variable, float_for
from scancc.frontend.graph.dims import dimshuffle
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops.control import detach
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.reduction import Axes, axes_of, max, plain_sum
from scancc.frontend.ops.scalars import eq, exp, ge, isinf, isnan, log, softplus, sub, switch, true_div


def logsumexp(x: object, axis: Axes = None, keepdims: bool = False) -> Variable:
    """log(sum(exp(x))) without overflow.

    The shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`); floats. ValueError for an axis
    that `x` has not.
    """
    var = _as_float(x)
    axes = axes_of(var, axis, "logsumexp")
    if not axes:
        return var
    peak, kept = _peak(var, axes), flag("keepdims", keepdims)
    return log(plain_sum(exp(sub(var, peak)), axes, kept)) + (peak if kept else _dropped(peak, axes))


def _peak(x: Variable, axes: tuple[int, ...]) -> Variable:
    """The largest element, 0 where it is infinite: any finite shift gives the same result, so no gradient
    passes."""
    peak = detach(max(x, axes, keepdims=True))
    return switch(isinf(peak), 0, peak)


def _dropped(x: Variable, axes: tuple[int, ...]) -> Variable:
    return dimshuffle(x, tuple(a for a in range(x.ndim) if a not in axes))


def _as_float(x: object) -> Variable:
    var = as_tensor_variable(x)
    return cast(var, float_for(var.dtype))


def softmax(x: object, axis: Axes = -1) -> Variable:
    """exp(x) / sum(exp(x)) along `axis` (None: over all), without overflow.

    The shape of `x`; floats. ValueError for an axis that `x` has not.
    """
    var = _as_float(x)
    axes = axes_of(var, axis, "softmax")
    weights = exp(sub(var, detach(max(var, axes, keepdims=True))))  # NaN where the largest is infinite
    return true_div(weights, plain_sum(weights, axes, True))


def log_softmax(x: object, axis: Axes = -1) -> Variable:
    """The logarithm of `softmax`, exact where that is tiny.

    The shape of `x`; floats. ValueError for an axis that `x` has not.
    """
    var = _as_float(x)
    axes = axes_of(var, axis, "log_softmax")
    shifted = sub(var, _peak(var, axes))
    return sub(shifted, log(plain_sum(exp(shifted), axes, True)))


def logaddexp(x: object, *others: object) -> Variable:
    """log(exp(x) + exp(y) + ...) without overflow.

    The operands' shapes, broadcast; floats. ValueError where lengths do not agree.
    """
    return reduce(_log_of_two, [_as_float(v) for v in (x, *others)])


def _log_of_two(x: Variable, y: Variable) -> Variable:
    """The larger plus log(1 + exp(-distance)): exact also where the result is near 0."""
    gap = sub(x, y)
    gap = switch(isnan(gap), switch(eq(x, y), 0, gap), gap)  # of two infinities of one sign
    first = ge(gap, 0)
    return switch(first, x, y) + softplus(switch(first, -gap, gap))
