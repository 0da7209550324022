"""Functions under the older systems' name `T.extra_ops`."""

from scancc.frontend.ops.axes import squeeze
from scancc.frontend.ops.joining import repeat
from scancc.frontend.ops.making import broadcast_to
from scancc.frontend.ops.ordering import cumprod, cumsum
from scancc.other_names import OF_TENSORS, missing_from
from scancc.spelling import check_keywords_of
from scancc.tensor.composed import diff, fill_diagonal, searchsorted, to_one_hot
from scancc.tensor.statistics import bincount

__all__ = [
    "bincount", "broadcast_to", "cumprod", "cumsum", "diff", "fill_diagonal", "repeat", "searchsorted", "squeeze",
    "to_one_hot",
]

check_keywords_of(globals(), __all__)
__getattr__ = missing_from("module 'scancc.tensor.extra_ops'", "T.extra_ops.", lambda: __all__, OF_TENSORS)
