"""Functions that take as many steps as their argument asks for: each is a scan, and its gradient one backwards."""

from __future__ import annotations

from scancc.frontend.graph.constants import as_operand, as_tensor_variable, float_for, is_discrete, result_dtype
from scancc.frontend.graph.dims import dim
from scancc.frontend.graph.variables import Variable
from scancc.frontend.loops.final import final_state
from scancc.frontend.loops.scan import scan
from scancc.frontend.loops.step_result import until
from scancc.frontend.ops import scalars as e
from scancc.frontend.ops.axes import expand_dims
from scancc.frontend.ops.control import detach
from scancc.frontend.ops.diagonals import identity_like
from scancc.frontend.ops.elementwise import align, cast
from scancc.frontend.ops.indexing import take
from scancc.frontend.ops.linalg import solve
from scancc.frontend.ops.making import full_like, zeros_like
from scancc.frontend.ops.norms import norm
from scancc.frontend.ops.products import dot
from scancc.frontend.ops.reduction import all, sum

# Numerator of the [13/13] approximant of exp (N. Higham, SIAM J. Matrix Anal. Appl. 26, 2005), and how large a
# matrix may be for it to be exact in double.
_PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
         670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)
_PADE_RADIUS = 5.37
_MOST_SQUARINGS = 1100  # more than the exponent of a double allows
_MOST_TERMS = 100_000
_MOST_HALVES = 64  # of a length


_FEW_BINS = 32  # which are compared with each value in less time than a search takes


def searchsorted(x: object, v: object, side: str = "left") -> Variable:
    """How many elements of the sorted vector `x` are below each element of `v` (or, on the 'right' side, not
    above): where to insert it.

    `x` [n]; int64, of the shape of `v`. ValueError for what is no vector, and for another `side`.
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side {side!r} is none of 'left' and 'right'")
    bins, values = as_tensor_variable(x), as_tensor_variable(v)
    if bins.ndim != 1:
        raise ValueError(f"searchsorted takes a sorted vector, not {bins!r}")
    n = bins.type.shape[0]
    if n is not None and n <= _FEW_BINS:
        below = _is_below(bins, expand_dims(values, values.ndim), side)
        return cast(below, "int64").sum(axis=values.ndim)
    return _searched(bins, values, side)


def _is_below(bins: Variable, values: Variable, side: str) -> Variable:
    """Whether a value is to stand behind a bin; a NaN stands after all numbers."""
    below = (e.lt if side == "left" else e.le)(bins, values)
    if is_discrete(values.dtype):
        return below
    after = True if side == "right" or is_discrete(bins.dtype) else e.logical_not(e.isnan(bins))
    return e.logical_or(below, e.logical_and(e.isnan(values), after))


def _searched(bins: Variable, values: Variable, side: str) -> Variable:
    """Halves, for all values at once: as many steps as the number of bins has digits."""
    n = dim(bins, 0)

    def step(low: Variable, high: Variable) -> object:
        middle = e.minimum((low + high) // 2, n - 1)
        goes_up = e.logical_and(e.lt(low, high), _is_below(take(bins, middle, mode="clip"), values, side))
        low, high = e.switch(goes_up, middle + 1, low), e.switch(goes_up, high, e.minimum(middle, high))
        return [low, high], until(all(e.ge(low, high)))

    start = [zeros_like(values, dtype="int64"), full_like(values, n, dtype="int64")]
    (low, _), _ = scan(step, outputs_info=start, n_steps=e.switch(e.gt(n, 0), _MOST_HALVES, 0))
    return final_state(low)


def expm(a: object) -> Variable:
    """The exponential of a square matrix, by scaling and squaring.

    [n, n] gives [n, n]; floats. TypeError for what is no matrix; ValueError where it is not square.
    """
    given = as_tensor_variable(a)
    if given.ndim != 2:
        raise TypeError(f"expm takes a square matrix, not {given!r}")
    dtype = float_for(given.dtype)
    if dtype == "float16":
        return expm(given.astype("float32")).astype(dtype)
    matrix = cast(given, dtype)
    size = detach(e.switch(e.isinf(norm(matrix)), sum(e.abs_(matrix)), norm(matrix)))  # squares may overflow
    doublings = e.clip(e.ceil(e.log2(size / _PADE_RADIUS)), 1, _MOST_SQUARINGS)
    scaled = matrix * cast(e.exp2(-doublings), matrix.dtype)
    n_steps = e.maximum(cast(doublings, "int64"), 1)  # also of a matrix with NaN
    rows, _ = scan(lambda power: dot(power, power), outputs_info=_approximant(scaled), n_steps=n_steps)
    return as_tensor_variable(rows[-1])


def _approximant(a: Variable) -> Variable:
    """exp of a small matrix: of even powers, and a times even powers."""
    one, square = identity_like(a), dot(a, a)
    fourth = dot(square, square)
    sixth = dot(fourth, square)
    even, odd = (_series(parts, one, square, fourth, sixth) for parts in (_PADE[0::2], _PADE[1::2]))
    odd = dot(a, odd)
    return solve(even - odd, even + odd)


def _series(c: tuple[int, ...], one: Variable, square: Variable, fourth: Variable, sixth: Variable) -> Variable:
    low = float(c[0]) * one + float(c[1]) * square + float(c[2]) * fourth + float(c[3]) * sixth
    return low + dot(sixth, float(c[4]) * square + float(c[5]) * fourth + float(c[6]) * sixth)


def gammainc(a: object, x: object) -> Variable:
    """Elementwise: the regularised lower incomplete gamma function, for a > 0 and x >= 0 (NaN elsewhere).

    The operands' shapes, broadcast; floats. ValueError where lengths do not agree.
    """
    return _incomplete(a, x, lower=True)


def gammaincc(a: object, x: object) -> Variable:
    """Elementwise: 1 - gammainc(a, x), exact where that is small.

    The operands' shapes, broadcast; floats. ValueError where lengths do not agree.
    """
    return _incomplete(a, x, lower=False)


def _incomplete(a: object, x: object, lower: bool) -> Variable:
    """Below a + 1 the series, above it the continued fraction (Numerical Recipes, 6.2)."""
    given = [as_operand(a), as_operand(x)]
    dtype = float_for(result_dtype(given))
    if dtype == "float16":
        return _incomplete(given[0].astype("float32"), given[1].astype("float32"), lower).astype(dtype)
    order, point = align([cast(v, dtype) for v in given])
    order, point = e.switch(e.isnan(point), order, order), e.switch(e.isnan(order), point, point)  # of one shape
    inside = e.logical_and(e.gt(order, 0), e.ge(point, 0))
    proper = e.logical_and(inside, e.logical_and(e.isfinite(order), e.isfinite(point)))
    order, z = e.switch(proper, order, 1.0), e.switch(proper, point, 1.0)
    left = e.lt(z, order + 1)
    weight = e.exp(order * e.log(e.switch(e.gt(z, 0), z, 1.0)) - z - e.gammaln(order))
    weight = e.switch(e.gt(z, 0), weight, 0.0)
    below = weight * _lower_series(order, e.switch(left, z, 0.0))
    above = weight * _upper_fraction(order, e.switch(left, order + 2, z))
    value = e.switch(left, below, 1 - above) if lower else e.switch(left, 1 - below, above)
    far = e.logical_and(inside, e.logical_and(e.isinf(point), e.isfinite(order)))
    return e.switch(proper, value, e.switch(far, 1.0 if lower else 0.0, float("nan"))).astype(dtype)


def _lower_series(a: Variable, x: Variable) -> Variable:
    """sum over n of x**n / (a (a + 1) ... (a + n))"""

    def step(n: Variable, term: Variable, total: Variable) -> object:
        n, term = n + 1, term * (x / (a + n + 1))
        return [n, term, total + term], until(all(e.le(term, total * _smallest(a))))

    first = 1 / a
    (_, _, totals), _ = scan(step, outputs_info=[_zero(a), first, first], n_steps=_MOST_TERMS)
    return as_tensor_variable(totals[-1])


def _upper_fraction(a: Variable, x: Variable) -> Variable:
    """The continued fraction of the upper function, by Lentz's method."""

    def step(n: Variable, b: Variable, c: Variable, d: Variable, value: Variable) -> object:
        n = n + 1
        top, b = -n * (n - a), b + 2
        d = 1 / _not_zero(top * d + b)
        c = _not_zero(b + top / c)
        change = c * d
        return [n, b, c, d, value * change], until(all(e.le(e.abs_(change - 1), _smallest(a))))

    b = x + 1 - a
    first = 1 / b
    start = [_zero(a), b, e.switch(e.eq(b, b), 1e30, b), first, first]
    outputs, _ = scan(step, outputs_info=start, n_steps=_MOST_TERMS)
    return as_tensor_variable(outputs[-1][-1])


def _smallest(x: Variable) -> float:
    return {"float64": 2.0**-53, "float32": 2.0**-24}.get(x.dtype, 2.0**-11)


def _zero(x: Variable) -> Variable:
    return cast(as_tensor_variable(0.0), x.dtype)


def _not_zero(x: Variable) -> Variable:
    return e.switch(e.lt(e.abs_(x), 1e-30), 1e-30, x)


__all__ = ["expm", "gammainc", "gammaincc"]
