"""Functions of neural networks, all made of other tensor functions."""

from __future__ import annotations

from scancc.frontend.graph.constants import as_tensor_variable, is_integer
from scancc.frontend.graph.dims import dim, dimshuffle
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops.log_sums import log_softmax, softmax
from scancc.frontend.ops.making import arange
from scancc.frontend.ops.reduction import sum
from scancc.frontend.ops.scalars import (
    abs_,
    clip,
    expm1,
    gt,
    log,
    maximum,
    mul,
    neg,
    sigmoid,
    softplus,
    switch,
    true_div,
)
from scancc.tensor.signal import conv2d

__all__ = [
    "binary_crossentropy", "categorical_crossentropy", "conv2d", "crossentropy_categorical_1hot", "elu",
    "hard_sigmoid", "log_softmax", "logsoftmax", "relu", "selu", "sigmoid", "sigmoid_binary_crossentropy", "softmax",
    "softmax_graph", "softmax_with_bias", "softplus", "softsign", "ultra_fast_sigmoid",
]

logsoftmax = log_softmax
softmax_graph = softmax


def relu(x: object, alpha: object = 0) -> Variable:
    """x where it is positive, else alpha * x.

    The shape of `x` and `alpha`, broadcast.
    """
    var = as_tensor_variable(x)
    if isinstance(alpha, (int, float)) and alpha == 0:
        return maximum(0, var)
    return switch(gt(var, 0), var, mul(alpha, var))


def elu(x: object, alpha: object = 1) -> Variable:
    """x where it is positive, else alpha * (exp(x) - 1).

    The shape of `x` and `alpha`, broadcast; floats.
    """
    var = as_tensor_variable(x)
    return switch(gt(var, 0), var, mul(alpha, expm1(var)))


def selu(x: object) -> Variable:
    """`elu` with the scale and slope that keep mean and variance of activations.

    The shape of `x`; floats.
    """
    return mul(1.0507009873554804934193349852946, elu(x, 1.6732632423543772848170429916717))


def softsign(x: object) -> Variable:
    """x / (1 + |x|).

    The shape of `x`; floats.
    """
    var = as_tensor_variable(x)
    return true_div(var, 1 + abs_(var))


def hard_sigmoid(x: object) -> Variable:
    """A sigmoid of three straight lines: 0.2 x + 0.5 between 0 and 1.

    The shape of `x`; floats.
    """
    return clip(as_tensor_variable(x) * 0.2 + 0.5, 0.0, 1.0)


ultra_fast_sigmoid = sigmoid


def binary_crossentropy(output: object, target: object) -> Variable:
    """-(t log(o) + (1 - t) log(1 - o)) for each element: `target` given that 1 has probability `output`.

    The operands' shapes, broadcast; floats. ValueError where lengths do not agree.
    """
    o, t = as_tensor_variable(output), as_tensor_variable(target)
    return neg(t * log(o) + (1.0 - t) * log(1.0 - o))


def sigmoid_binary_crossentropy(output: object, target: object) -> Variable:
    """`binary_crossentropy(sigmoid(output), target)`, exact where that is tiny.

    The operands' shapes, broadcast; floats. ValueError where lengths do not agree.
    """
    o, t = as_tensor_variable(output), as_tensor_variable(target)
    return softplus(neg(abs_(o))) + maximum(o, 0) - o * t


def categorical_crossentropy(coding_dist: object, true_dist: object) -> Variable:
    """Minus the log-probability of the truth, for each row of `coding_dist`.

    `true_dist` holds a distribution for each row, or the integer class of each.

    [n, m] and [n, m] or [n] give [n]; floats.
    """
    coding, truth = as_tensor_variable(coding_dist), as_tensor_variable(true_dist)
    if truth.ndim == coding.ndim:
        return neg(sum(truth * log(coding), axis=coding.ndim - 1))
    return crossentropy_categorical_1hot(coding, truth)


def crossentropy_categorical_1hot(coding_dist: object, true_one_of_n: object) -> Variable:
    """Minus the log-probability of the integer class of each row.

    [n, m] and n integers below m give [n].
    """
    coding, classes = as_tensor_variable(coding_dist), as_tensor_variable(true_one_of_n)
    if classes.ndim != coding.ndim - 1 or not is_integer(classes.dtype) or coding.ndim not in (1, 2):
        raise TypeError(
            f"categorical_crossentropy: the truth is {classes.type} beside {coding.type}; "
            "give an integer class for each row, or a distribution of the same shape"
        )
    if coding.ndim == 1:
        return neg(log(coding[classes]))
    rows = arange(dim(coding, 0))
    return neg(log(coding[rows, classes]))


def softmax_with_bias(x: object, b: object) -> Variable:
    """`softmax` of the rows of x + b.

    [n, m] and [m] give [n, m]; floats.
    """
    bias = as_tensor_variable(b)
    return softmax(as_tensor_variable(x) + dimshuffle(bias, "x", 0))
