"""Special functions under the newer systems' name `T.special`."""

from scancc.frontend.elementwise import digamma, erf, erfc, gammaln, sigmoid, softplus
from scancc.frontend.reduction import log_softmax, logsumexp, softmax

expit, psi = sigmoid, digamma

__all__ = [
    "digamma", "erf", "erfc", "expit", "gammaln", "log_softmax", "logsumexp", "psi", "sigmoid", "softmax",
    "softplus",
]
