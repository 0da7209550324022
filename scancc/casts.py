"""What a number is in another dtype: NumPy's `astype`, made one meaning on every machine.

C leaves a float beyond the integers of the target open, and machines differ. Here such a float becomes the
nearest integer there is, and NaN 0; on NumPy arrays by `converted`, in compiled code by `arith.fptosi` and
`arith.fptoui`.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def converted(x: Any, dtype: Any) -> np.ndarray:
    """`x` as an array of `dtype`: floats are cut towards zero and kept inside the range of an integer."""
    array, wanted = np.asarray(x), np.dtype(dtype)
    with np.errstate(all="ignore"):
        if array.dtype.kind == "f" and wanted.kind in "iu":
            return _saturated(array, wanted)
        return array.astype(wanted)


def _saturated(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = np.iinfo(dtype)
    low, above = float(limits.min), float(limits.max + 1)  # both exact: powers of two
    whole = np.trunc(x.astype(np.float64))
    inside = (whole >= low) & (whole < above)
    result = np.where(inside, whole, 0).astype(dtype)
    return np.where(inside | np.isnan(x), result, np.where(whole < low, limits.min, limits.max).astype(dtype))
