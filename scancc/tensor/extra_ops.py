"""Functions under the older systems' name `T.extra_ops`."""

from scancc.frontend.ops.axes import squeeze
from scancc.frontend.ops.making import broadcast_to
from scancc.frontend.ops.ordering import cumprod, cumsum
from scancc.frontend.ops.repeating import repeat
from scancc.tensor.composed import diff, fill_diagonal, to_one_hot
from scancc.tensor.iterated import searchsorted
from scancc.tensor.statistics import bincount

__all__ = [
    "bincount", "broadcast_to", "cumprod", "cumsum", "diff", "fill_diagonal", "repeat", "searchsorted", "squeeze",
    "to_one_hot",
]
