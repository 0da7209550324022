"""Special functions under the newer systems' name `T.special`."""

from scancc.frontend.ops.log_sums import log_softmax, logsumexp, softmax
from scancc.frontend.ops.scalars import digamma, erf, erfc, gammaln, sigmoid, softplus
from scancc.tensor.composed import gamma
from scancc.tensor.iterated import gammainc, gammaincc

expit, psi = sigmoid, digamma

__all__ = [
    "digamma", "erf", "erfc", "expit", "gamma", "gammainc", "gammaincc", "gammaln", "log_softmax", "logsumexp", "psi",
    "sigmoid", "softmax", "softplus",
]
