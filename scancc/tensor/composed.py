"""Tensor functions that are a few lines of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, overload

import numpy as np

from scancc.frontend.graph.constants import (
    as_operand,
    as_tensor_variable,
    float_for,
    is_discrete,
    is_integer,
    result_dtype,
)
from scancc.frontend.graph.dims import dim, normalize_axis
from scancc.frontend.graph.options import flag, whole
from scancc.frontend.graph.variables import Variable
from scancc.frontend.loops.scan import scan
from scancc.frontend.ops import scalars as e
from scancc.frontend.ops.axes import expand_dims, shape_padleft
from scancc.frontend.ops.choosing import switch
from scancc.frontend.ops.control import check, ifelse
from scancc.frontend.ops.diagonals import identity_like
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.held import held
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.joining import concatenate, stack
from scancc.frontend.ops.lengths import as_count
from scancc.frontend.ops.linalg import matrix_inverse
from scancc.frontend.ops.making import arange, fill
from scancc.frontend.ops.masks import nonzero
from scancc.frontend.ops.products import dot, tensordot
from scancc.frontend.ops.reduction import all

MOST_REPEATED = 8  # times that a number in the program makes the graph repeat something; beyond, it loops


def _as_float(x: object) -> Variable:
    var = as_tensor_variable(x)
    return cast(var, float_for(var.dtype))


def round(x: object, mode: str | None = None) -> Variable:
    """The nearest whole number: `mode` 'half_to_even' (as NumPy) or 'half_away_from_zero'.

    The shape and dtype of `x`; integers as they are. ValueError for another `mode`.
    """
    if mode in (None, "half_to_even"):
        return e.round_half_to_even(x)
    if mode == "half_away_from_zero":
        return e.round_half_away_from_zero(x)
    raise ValueError(f"round: mode {mode!r} is none of 'half_to_even' and 'half_away_from_zero'")


def iround(x: object, mode: str | None = None) -> Variable:
    """`round` as int64.

    The shape of `x`. ValueError for another `mode`.
    """
    return cast(round(x, mode), "int64")


def isclose(a: object, b: object, rtol: float = 1e-5, atol: float = 1e-8,
            equal_nan: bool = False) -> Variable:
    """Elementwise: |a - b| <= atol + rtol * |b|; infinities are close to themselves.

    Bools, of the shapes broadcast. ValueError where lengths do not agree.
    """
    x, y = as_operand(a), as_operand(b)
    dtype = float_for(result_dtype([x, y]))
    x, y = cast(x, dtype), cast(y, dtype)
    finite = e.bitwise_and(e.isfinite(x), e.isfinite(y))
    near = e.le(e.abs_(x - y), atol + rtol * e.abs_(y))
    close = e.bitwise_or(e.bitwise_and(finite, near), e.eq(x, y))
    return e.bitwise_or(close, e.bitwise_and(e.isnan(x), e.isnan(y))) if flag("equal_nan", equal_nan) else close


def allclose(a: object, b: object, rtol: float = 1e-5, atol: float = 1e-8,
             equal_nan: bool = False) -> Variable:
    """Whether all elements are close: see `isclose`.

    A bool scalar. ValueError where lengths do not agree.
    """
    return all(isclose(a, b, rtol, atol, equal_nan))


@overload
def where(condition: object) -> tuple[Variable, ...]: ...
@overload
def where(condition: object, ift: object, iff: object) -> Variable: ...
def where(condition: object, *branches: object, ift: object = None, iff: object = None) -> Any:
    """`ift` where the condition holds, else `iff`: `switch`. Of the condition alone: where it holds, as `nonzero`.

    Shapes and errors as in these.
    """
    values = (*branches, *(v for v in (ift, iff) if v is not None))
    if len(values) not in (0, 2):
        raise TypeError(f"where takes a condition alone, or with two values to choose from, not with {len(values)}")
    return switch(condition, *values) if values else nonzero(condition)


def second(a: object, b: object) -> Variable:
    """`b` in the shape of `a`.

    The shapes broadcast, in the dtype of `b`. ValueError where lengths do not agree.
    """
    return fill(a, b)


def diff(x: object, n: int = 1, axis: int = -1) -> Variable:
    """Each element minus the one before it, `n` times over.

    The shape of `x`, `axis` shorter by `n` (0 at least), in its dtype. ValueError for an axis that `x` has not.
    """
    var = as_tensor_variable(x)
    before, n = (slice(None),) * normalize_axis(axis, var.ndim, "diff"), whole("diff: n", n, at_least=0)
    earlier, later = (*before, slice(None, -1)), (*before, slice(1, None))
    if n <= MOST_REPEATED:
        return reduce(lambda rest, _: rest[later] - rest[earlier], range(n), var)
    length = dim(var, len(before))
    times = e.clip(length, 1, n)
    rows, _ = scan(lambda rest: set_subtensor(rest[earlier], rest[later] - rest[earlier]),
                   outputs_info=var, n_steps=times)
    return as_tensor_variable(rows[-1])[(*before, slice(0, e.maximum(length - n, 0)))]


def matrix_power(m: object, n: int) -> Variable:
    """A square matrix multiplied with itself, `n` factors; n = 0 gives the identity, n < 0 inverts.

    [n, n] gives [n, n]. ValueError for what is no square matrix.
    """
    base, n = as_tensor_variable(m), whole("matrix_power: n", n)
    if base.ndim != 2:
        raise ValueError(f"matrix_power takes a square matrix, not {base!r}")
    if n < 0:
        return matrix_power(matrix_inverse(base), -n)
    if n == 0:
        return identity_like(base)
    bits = [bit == "1" for bit in f"{n:b}"[1:]]  # after the highest
    if n <= MOST_REPEATED:
        return reduce(lambda p, bit: dot(dot(p, p), base) if bit else dot(p, p), bits, base)

    def longer(bit: Variable, power: Variable) -> Variable:
        square = dot(power, power)
        return ifelse(bit, dot(square, base), square)

    powers, _ = scan(longer, sequences=np.array(bits), outputs_info=base)
    return as_tensor_variable(powers[-1])


def gamma(x: object) -> Variable:
    """Elementwise: the gamma function.

    The shape of `x`; floats.
    """
    var = _as_float(x)
    whole = e.floor(var)
    odd = e.bitwise_and(e.lt(var, 0), e.neq(e.mod(whole, 2), 0))
    sign = e.switch(e.eq(var, 0), e.copysign(1, var), e.switch(odd, -1.0, 1.0).astype(var.dtype))
    pole = e.bitwise_and(e.lt(var, 0), e.eq(var, whole))
    return e.switch(pole, np.nan, sign * e.exp(e.gammaln(var)))


def angle(z: object) -> Variable:
    """Elementwise: the angle of a complex number, in radians.

    The shape of `z`; floats, from -pi to pi.
    """
    var = as_tensor_variable(z)
    return e.arctan2(e.imag(var), e.real(var))


def complex_from_polar(modulus: object, angle: object) -> Variable:
    """Elementwise: the complex number of this modulus and angle (radians).

    The operands' shapes, broadcast. ValueError where lengths do not agree.
    """
    return e.make_complex(modulus * e.cos(angle), modulus * e.sin(angle))


def deg2rad(x: object) -> Variable:
    """Degrees as radians.

    The shape of `x`; dtypes as in `mul` by a float.
    """
    return e.mul(x, math.pi / 180)


def rad2deg(x: object) -> Variable:
    """Radians as degrees.

    The shape of `x`; dtypes as in `mul` by a float.
    """
    return e.mul(x, 180 / math.pi)


def log1mexp(x: object) -> Variable:
    """Elementwise: log(1 - exp(x)) for x < 0, exact near 0 and far out.

    The shape of `x`; floats.
    """
    var = as_tensor_variable(x)
    return e.switch(e.lt(var, -math.log(2)), e.log1p(-e.exp(var)), e.log(-e.expm1(var)))


def nan_to_num(x: object, nan: float = 0.0) -> Variable:
    """Elementwise: `nan` for NaN, the largest floats for infinities.

    The shape and dtype of `x`.
    """
    var = as_tensor_variable(x)
    if is_discrete(var.dtype):
        return var
    limits = np.finfo(var.dtype)
    return e.switch(e.isnan(var), nan, e.clip(var, float(limits.min), float(limits.max)))


def largest(*tensors: object) -> Variable:
    """Elementwise: the largest of several.

    The tensors' shapes, broadcast; the promoted dtype. ValueError where lengths do not agree.
    """
    return reduce(e.maximum, map(as_operand, tensors))


def smallest(*tensors: object) -> Variable:
    """Elementwise: the smallest of several.

    The tensors' shapes, broadcast; the promoted dtype. ValueError where lengths do not agree.
    """
    return reduce(e.minimum, map(as_operand, tensors))


def logit(p: object) -> Variable:
    """Elementwise: log(p / (1 - p)), the inverse of `sigmoid`.

    The shape of `p`; floats.
    """
    var = _as_float(p)
    return e.log(var) - e.log1p(-var)


def inner(a: object, b: object) -> Variable:
    """Products summed over the last axis of each; of scalars their product.

    [..., n] and [..., n] give the leading axes of both. ValueError where the last lengths do not agree.
    """
    x, y = as_tensor_variable(a), as_tensor_variable(b)
    return e.mul(x, y) if 0 in (x.ndim, y.ndim) else tensordot(x, y, axes=[[x.ndim - 1], [y.ndim - 1]])


def to_one_hot(y: object, nb_class: object, dtype: object = None) -> Variable:
    """For each of a vector of classes, a row of zeros with a 1 at its place: [n, nb_class].

    `y` [n] of whole numbers below `nb_class`; floatX if no dtype is given. TypeError for another `y`; ValueError
    for a class that is not there, when built or when it runs.
    """
    classes, count = as_tensor_variable(y), as_count(nb_class, "to_one_hot")
    if classes.ndim != 1 or not is_integer(classes.dtype):
        raise TypeError(f"to_one_hot takes a vector of whole numbers, not {classes!r}")
    known = e.logical_and(e.ge(classes, 0), e.lt(classes, count))
    classes = held(classes, known, "to_one_hot: a class is below 0, or nb_class or more")
    return cast(e.eq(classes.dimshuffle(0, "x"), arange(count)), dtype or "floatX")


def fill_diagonal(a: object, val: object) -> Variable:
    """A matrix with `val`, a scalar, on its main diagonal.

    [n, m] gives [n, m], in the dtype of `a`.
    """
    matrix = as_tensor_variable(a)
    rows, columns = arange(dim(matrix, 0)), arange(dim(matrix, 1))
    return e.switch(e.eq(rows.dimshuffle(0, "x"), columns), cast(val, matrix.dtype), matrix)


def linspace(start: object, stop: object, num: object = 50, endpoint: bool = True) -> Variable:
    """`num` floats from `start` to `stop` at equal distances.

    [num], of floats. ValueError for a negative `num`.
    """
    count, endpoint = as_count(num, "linspace"), flag("linspace: endpoint", endpoint)
    first, last = as_operand(start), as_operand(stop)
    dtype = float_for(result_dtype([first, last]))
    gaps = e.maximum(count - 1, 1) if endpoint else count
    places = arange(count)
    points = first + cast(places, dtype) * ((last - first) / cast(gaps, dtype))
    return e.switch(e.eq(places, gaps), last, points) if endpoint else points  # the last one, not rounded


def logspace(start: object, stop: object, num: object = 50, endpoint: bool = True, base: object = 10.0) -> Variable:
    """`num` floats from `base**start` to `base**stop`, each a fixed multiple of the one before.

    [num], of floats. ValueError for a negative `num`.
    """
    return e.power(base, linspace(start, stop, num, endpoint))


def geomspace(start: object, stop: object, num: object = 50, endpoint: bool = True) -> Variable:
    """`num` floats from `start` to `stop`, both of one sign, each a fixed multiple of the one before.

    [num], of floats. ValueError for a negative `num`.
    """
    ends = [as_operand(v) for v in (start, stop)]
    dtype = float_for(result_dtype(ends))
    first, last = (cast(v, dtype) for v in ends)
    sign = e.sgn(first)
    opposite = e.le(sign * e.sgn(last), 0)
    first = held(first, e.logical_not(opposite), "geomspace: one end is 0, or the ends are of two signs")
    low, high = (e.log(v * sign) for v in (first, last))
    points = sign * e.exp(linspace(low, high, num, endpoint))
    places = arange(dim(points, 0))
    points = e.switch(e.eq(places, 0), first, points)
    at_end = e.logical_and(e.eq(places, dim(points, 0) - 1), e.gt(places, 0))
    return e.switch(at_end, last, points) if endpoint else points  # the last one, not rounded


def stacklists(nested: object) -> Variable:
    """Nested lists of scalars or tensors as one tensor.

    k nested levels of lists give k more axes. ValueError for lists of different lengths.
    """
    if isinstance(nested, (list, tuple)):
        return stack([stacklists(part) for part in nested])
    return as_tensor_variable(nested)


def horizontal_stack(*tensors: object) -> Variable:
    """Matrices side by side.

    [n, m1], [n, m2], ... give [n, m1 + m2 + ...]. ValueError for tensors that are no matrices, or of other
    numbers of rows.
    """
    return concatenate(list(tensors), 1)


def vertical_stack(*tensors: object) -> Variable:
    """Matrices one below the other.

    [n1, m], [n2, m], ... give [n1 + n2 + ..., m]. ValueError for other numbers of columns.
    """
    return concatenate(list(tensors), 0)


def hstack(tensors: Sequence[object]) -> Variable:
    """Vectors end to end, other tensors along axis 1.

    [n1] and [n2] give [n1 + n2]; [n, m1] and [n, m2] give [n, m1 + m2]. ValueError where the other lengths
    differ.
    """
    parts = [atleast_nd(t, 1) for t in tensors]
    return concatenate(parts, 0 if not parts or parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[object]) -> Variable:
    """Vectors as rows, other tensors along axis 0.

    [m] and [m] give [2, m]; [n1, m] and [n2, m] give [n1 + n2, m]. ValueError where the other lengths differ.
    """
    return concatenate([atleast_nd(t, 2) for t in tensors], 0)


def atleast_nd(x: object, n: int) -> Variable:
    """`x` with leading axes of length 1 up to `n` dimensions."""
    var = as_tensor_variable(x)
    return shape_padleft(var, n - var.ndim) if var.ndim < n else var


def atleast_1d(x: object) -> Variable:
    """`x` with one axis or more: a number becomes a vector of one.

    The dtype of `x`.
    """
    return atleast_nd(x, 1)


def atleast_2d(x: object) -> Variable:
    """`x` with two axes or more: axes of length 1 come in front.

    [n] gives [1, n]; the dtype of `x`.
    """
    return atleast_nd(x, 2)


def atleast_3d(x: object) -> Variable:
    """`x` with axes of length 1 up to three, where NumPy puts them.

    [n] gives [1, n, 1], [n, m] gives [n, m, 1]; the dtype of `x`.
    """
    var = as_tensor_variable(x)
    if var.ndim == 2:
        return expand_dims(var, -1)
    return expand_dims(atleast_nd(var, 1), (0, -1)) if var.ndim < 2 else var


def assert_(value: object, *conditions: object, msg: str = "an assertion is false") -> Variable:
    """`value`; AssertionError at run time where a condition is false.

    The shape and dtype of `value`; conditions hold if all their elements do.
    """
    var = as_tensor_variable(value)
    for condition in conditions:
        if isinstance(condition, str):
            raise TypeError(f"assert_: the text {condition!r} is no condition; give it by name: msg={condition!r}")
        test = all(condition) if as_operand(condition).ndim else condition
        var = check(AssertionError, msg.replace("{", "{{").replace("}", "}}"), var, test)
    return var
