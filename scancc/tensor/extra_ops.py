"""Functions under the older systems' name `T.extra_ops`."""

from scancc.frontend.reduction import cumprod, cumsum
from scancc.frontend.shaping import broadcast_to, repeat, squeeze
from scancc.tensor.composed import diff, fill_diagonal, searchsorted, to_one_hot

__all__ = [
    "broadcast_to", "cumprod", "cumsum", "diff", "fill_diagonal", "repeat", "searchsorted", "squeeze", "to_one_hot",
]
