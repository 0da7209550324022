"""Which powers of floats are a few products, because the program says the exponent."""

from __future__ import annotations

from .constants import everywhere
from .core import Op
from .types import FloatAttr

_MOST = 32  # beyond, a logarithm and an exponential are not much slower


def fixed_exponent(op: Op) -> float | None:
    """The exponent of a `math.powf` that is a product of a few x, or of roots of x, or of their inverses."""
    attr = everywhere(op.operands[1]) if op.name == "math.powf" else None
    if not isinstance(attr, FloatAttr) or not 0 < abs(attr.value) <= _MOST:
        return None
    return attr.value if attr.value * 2 == int(attr.value * 2) else None
