"""Convolutions: of vectors under the newer systems' name `T.signal`, and of images for `T.nnet`."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.graph.constants import as_tensor_variable, promote_dtypes
from scancc.frontend.graph.dims import dim, dimshuffle
from scancc.frontend.graph.variables import Variable
from scancc.frontend.loops.scan import scan
from scancc.frontend.ops import scalars as e
from scancc.frontend.ops.control import ifelse
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.held import held
from scancc.frontend.ops.indexing import set_subtensor, take
from scancc.frontend.ops.making import arange, zeros
from scancc.frontend.ops.products import tensordot

Border = str | int | Sequence[object]


def convolve1d(in1: object, in2: object, mode: str = "full") -> Variable:
    """NumPy's `convolve` of two vectors: 'full', 'valid' (where they overlap all the way) or 'same' (as long as the
    longer).

    [n] and [m] give [n + m - 1] ('full'), [max - min + 1] ('valid') or [max] ('same'). TypeError for what is no
    vector; ValueError for another `mode`, and for no elements.
    """
    if mode not in ("full", "valid", "same"):
        raise ValueError(f"convolve1d: mode {mode!r} is none of 'full', 'valid' and 'same'")
    x, y = (as_tensor_variable(v) for v in (in1, in2))
    if x.ndim != 1 or y.ndim != 1:
        raise TypeError(f"convolve1d takes two vectors, not {x!r} and {y!r}")
    longer, shorter = _by_length(_of_some(x), _of_some(y))
    n, k = dim(longer, 0), dim(shorter, 0)
    full = _weighted(longer, shorter)
    if mode == "full":
        return full
    if mode == "valid":
        return full[k - 1 : n]
    start = (k - 1) // 2
    return full[start : start + n]


def _by_length(x: Variable, y: Variable) -> tuple[Variable, Variable]:
    """The longer one of two vectors in their promoted dtype, and the other one."""
    x, y = (cast(v, promote_dtypes(x.dtype, y.dtype)) for v in (x, y))
    n, k = x.type.shape[0], y.type.shape[0]
    if n is not None and k is not None:
        return (x, y) if n >= k else (y, x)
    both = ifelse(e.ge(dim(x, 0), dim(y, 0)), [x, y], [y, x])  # one choice: their lengths add up to those of x and y
    assert isinstance(both, list)
    return both[0], both[1]


def _weighted(x: Variable, weights: Variable) -> Variable:
    """The full convolution: for each weight, `x` moved to where that is."""
    if x.dtype == "float16":  # added in single, as sums are
        return cast(_weighted(cast(x, "float32"), cast(weights, "float32")), "float16")
    n, k = dim(x, 0), dim(weights, 0)
    padded = set_subtensor(zeros((n + 2 * (k - 1),), x.dtype)[k - 1 : k - 1 + n], x)

    def step(weight: Variable, place: Variable, so_far: Variable) -> Variable:
        return so_far + weight * padded[place : place + n + k - 1]

    rows, _ = scan(step, [weights[::-1], arange(k)], zeros((n + k - 1,), x.dtype))
    return as_tensor_variable(rows[-1])


def _of_some(x: Variable) -> Variable:
    return held(x, e.gt(dim(x, 0), 0), "convolve1d: a vector has no elements")


def conv2d(input: object, filters: object, input_shape: object = None, filter_shape: object = None,
           border_mode: Border = "valid", subsample: Sequence[int] = (1, 1), filter_flip: bool = True,
           image_shape: object = None, filter_dilation: Sequence[int] = (1, 1)) -> Variable:
    """The convolution of images [batch, channels, rows, columns] with filters [n, channels, rows, columns].

    `border_mode`: 'valid', 'full', 'half', or how many zeros go around (one number or one for each axis);
    `subsample`: steps between places; `filter_dilation`: steps between a filter's elements. Filters are flipped
    (a convolution) unless `filter_flip` is False (a correlation). The shapes are accepted and not needed.
    """
    images, kernels = (as_tensor_variable(v) for v in (input, filters))
    if images.ndim != 4 or kernels.ndim != 4:
        raise TypeError(f"conv2d takes tensors of 4 dimensions, not {images.type} and {kernels.type}")
    dtype = promote_dtypes(images.dtype, kernels.dtype)
    images, kernels = cast(images, dtype), cast(kernels, dtype)
    spans = [(dim(kernels, a) - 1) * step + 1 for a, step in zip((2, 3), filter_dilation, strict=True)]
    patches = _framed(images, _borders(border_mode, spans))
    for axis, span, step, gap in zip((2, 4), spans, subsample, filter_dilation, strict=True):
        patches = _windows(patches, axis, dim(kernels, 2 + axis // 4), span, step, gap)
    kernels = kernels[:, :, ::-1, ::-1] if filter_flip else kernels
    return dimshuffle(tensordot(patches, kernels, [[1, 3, 5], [1, 2, 3]]), 0, 3, 1, 2)


def _borders(mode: Border, spans: Sequence[Variable]) -> list[object]:
    if isinstance(mode, str):
        if mode not in ("valid", "full", "half"):
            raise ValueError(f"conv2d: border_mode {mode!r} is none of 'valid', 'full', 'half' and numbers of zeros")
        return [{"valid": 0, "full": span - 1, "half": span // 2}[mode] for span in spans]
    return [mode, mode] if isinstance(mode, int) else list(mode)


def _framed(images: Variable, borders: Sequence[object]) -> Variable:
    """Images with zeros around."""
    if all(isinstance(n, int) and n == 0 for n in borders):
        return images
    top, left = (as_tensor_variable(n) for n in borders)
    rows, columns = dim(images, 2), dim(images, 3)
    frame = zeros((dim(images, 0), dim(images, 1), rows + 2 * top, columns + 2 * left), images.dtype)
    return set_subtensor(frame[:, :, top : top + rows, left : left + columns], images)


def _windows(x: Variable, axis: int, length: Variable, span: Variable, step: int, gap: int) -> Variable:
    """An axis as two: the places of a window of `length` elements, and the elements in it."""
    places = arange(0, dim(x, axis) - span + 1, step)
    index = dimshuffle(places, 0, "x") + dimshuffle(arange(length) * gap, "x", 0)
    return take(x, index, axis=axis)


__all__ = ["convolve1d"]
