"""`scipy.LowLevelCallable` of a function of numbers: `quad`, `nquad`, `ndimage.generic_filter` call native code."""

from __future__ import annotations

from typing import Any

from scipy import LowLevelCallable

from scancc.bridges.native import pointer
from scancc.compile import Function

__all__ = ["low_level_callable"]


def __dir__() -> list[str]:
    return __all__


def low_level_callable(f: Function, form: str | None = None) -> Any:
    """`f`, of float64 numbers to one, as SciPy's integrators take it.

    `form`: 'numbers' (`double f(double, ...)`), as of one number, or 'array' (`double f(int n, double *xs)`), as of
    several. A call that would raise gives NaN.

    >>> from scipy.integrate import quad
    >>> from scancc.bridges import scipy
    >>> x = T.dscalar("x")
    >>> value, error = quad(scipy.low_level_callable(sc.function([x], T.exp(-x * x))), 0, np.inf)
    >>> round(value, 6)
    0.886227
    """
    found = pointer(f, form or ("numbers" if len(f.program.inputs) == 1 else "array"))
    return LowLevelCallable(found)
