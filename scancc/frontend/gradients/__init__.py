"""Derivatives of graphs, which are graphs again."""

from scancc.errors import DisconnectedInputError, NullTypeGradError
from scancc.frontend.gradients import (  # noqa: F401 - each registers the rules of its ops
    control_rules,
    decomposition_rules,
    elementwise_rules,
    indexing_rules,
    linalg_rules,
    reduction_rules,
    scan_forward,
    scan_links,
    scan_rule,
    shaping_rules,
)
from scancc.frontend.gradients.backward import Lop, grad, pullback, value_and_grad
from scancc.frontend.gradients.jacobians import Rop, hessian, hessian_vector_product, jacobian, pushforward
from scancc.frontend.gradients.stops import consider_constant, disconnected_grad, grad_clip, grad_scale, zero_grad
from scancc.frontend.gradients.verify import GradientError, verify_grad
from scancc.other_names import OF_PROGRAMS, missing_from
from scancc.spelling import check_keywords_of

__all__ = [
    "DisconnectedInputError", "GradientError", "Lop", "NullTypeGradError", "Rop",
    "consider_constant", "disconnected_grad", "grad", "grad_clip", "grad_scale",
    "hessian", "hessian_vector_product", "jacobian", "pullback", "pushforward", "value_and_grad", "verify_grad",
    "zero_grad",
]


def __dir__() -> list[str]:
    return __all__


check_keywords_of(globals(), __all__)
__getattr__ = missing_from("module 'scancc.gradient'", "sc.gradient.", lambda: __all__, OF_PROGRAMS)
