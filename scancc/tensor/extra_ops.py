"""Functions under the older systems' name `T.extra_ops`."""

from scancc.frontend.reduction import cumprod, cumsum, diff
from scancc.frontend.shaping import broadcast_to, repeat, squeeze

__all__ = ["broadcast_to", "cumprod", "cumsum", "diff", "repeat", "squeeze"]
