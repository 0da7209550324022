"""Repeating elements and tensors."""

from __future__ import annotations

from scancc.artifact import MOST_ELEMENTS
from scancc.frontend.graph.constants import as_operand, as_tensor_variable, is_discrete
from scancc.frontend.graph.dims import dim, dims, dimshuffle, int64, normalize_axis
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops.axes import Reshape, expand_dims, flatten, shape_padleft
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.indexing import inc_subtensor
from scancc.frontend.ops.joining import with_equal
from scancc.frontend.ops.lengths import as_count, as_length, as_lengths, product
from scancc.frontend.ops.making import Alloc, alloc, zeros
from scancc.frontend.ops.scalars import abs_


def repeat(x: object, repeats: object, axis: int | None = None) -> Variable:
    """Each element `repeats` times, along `axis` or of the flattened tensor; a vector of counts gives
    each element its own.

    [n] with 2 gives [2 n]; flattened: [x.size repeats]. TypeError for counts that are no whole numbers;
    ValueError, when it runs, where they are negative or not as many as elements.
    """
    var = as_tensor_variable(x)
    if axis is None:
        var, axis = flatten(var), 0
    place = normalize_axis(axis, var.ndim, "repeat")
    counts = as_tensor_variable(repeats)
    if counts.ndim == 1:
        return var[(slice(None),) * place + (_repeated_rows(_counts_of(counts, dim(var, place))),)]
    count, lengths = as_length(counts, "repeat"), dims(var)
    padded = expand_dims(var, place + 1)
    spread = Alloc(padded.ndim)(padded, *lengths[: place + 1], count, *lengths[place + 1 :])
    lengths[place] = product([lengths[place], count])
    return Reshape(var.ndim)(spread, *lengths)


def _counts_of(counts: Variable, length: Variable) -> Variable:
    """A count for each row, or one for all."""
    if not is_discrete(counts.dtype):
        raise TypeError(f"repeat: the counts are {counts!r}; counts are whole numbers")
    if counts.type.shape[0] == 1:
        return alloc(cast(counts, "int64"), length)
    message = "repeat: {} counts are given for {} rows"
    return with_equal(cast(counts, "int64"), dim(counts, 0), length, message)


def _repeated_rows(counts: Variable) -> Variable:
    """Row i of the source stands at the places between the sums of counts up to i - 1 and to i."""
    # the sum of sizes is another one where a count is below 0
    counts = check(ValueError, "repeat: a count is negative; counts are 0 or more", counts,
                   apply_scalar("eq", abs_(counts).sum(), counts.sum()))
    total = cast(counts, "float64").sum()  # exact as far as it matters, where the sum of integers wraps
    counts = check(MemoryError, "repeat: the counts are together more elements than an array may have", counts,
                   apply_scalar("le", total, as_operand(float(MOST_ELEMENTS))))
    n = counts.sum()
    marks = inc_subtensor(zeros((n + 1,), "int64")[counts.cumsum()], int64(1))  # how many rows end before each place
    return marks.cumsum()[:n]


def tile(x: object, reps: object, ndim: int | None = None) -> Variable:
    """`x` laid `reps` times along each axis (the last axes, if there are fewer counts than axes).

    [n, m] with reps (2, 3) gives [2 n, 3 m]. ValueError for a negative count, and for an `ndim` that is less than
    the counts.
    """
    var = as_tensor_variable(x)
    counts = [as_count(n, "tile") for n in as_lengths(reps, "tile")]
    rank = max(var.ndim, len(counts)) if ndim is None else whole("tile: ndim", ndim)
    if rank < max(var.ndim, len(counts)):
        raise ValueError(f"tile: ndim is {ndim} where the tensor has {var.ndim} axes and reps {len(counts)} counts")
    counts = [int64(1)] * (rank - len(counts)) + counts
    var = shape_padleft(var, rank - var.ndim)
    lengths = dims(var)
    order: list[int | str] = [e for a in range(rank) for e in ("x", a)]
    pairs = [n for pair in zip(counts, lengths, strict=True) for n in pair]
    spread = Alloc(2 * rank)(dimshuffle(var, tuple(order)), *pairs) if rank else var
    return Reshape(rank)(spread, *(product(pair) for pair in zip(counts, lengths, strict=True)))
