"""Which axes a part of an array keeps.

A slice gives offset, size and step for each axis, and its result may leave out axes of size 1. Which ones is
told by the sizes of its type: of 2x1x3x1 as 2x1x3 the last one goes, as 2x3x1 the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from .core import Op
from .types import DYNAMIC


def kept_axes(op: Op) -> list[int]:
    """Axes of the source that stay in the result of a slice.

    `insert_slice` reads it the other way: axes of the destination that the source has.
    """
    small = op.operands[0].type if op.name == "tensor.insert_slice" else op.result.type
    found = fitting_axes(op.attrs["static_sizes"].values, getattr(small, "shape", ()))
    assert found is not None, f"the verifier lets no such {op.name} pass"
    return found


def fitting_axes(sizes: Sequence[int], shape: Sequence[int | None]) -> list[int] | None:
    """The axes that stay where `sizes` become `shape`; the first ones of size 1 go, if that fits. None if nothing
    fits."""
    if len(sizes) == len(shape):
        return list(range(len(sizes)))
    ones = [axis for axis, size in enumerate(sizes) if size == 1]
    choices = [[axis for axis in range(len(sizes)) if axis not in dropped]
               for dropped in combinations(ones, len(sizes) - len(shape))] if len(sizes) > len(shape) else []
    fitting = [kept for kept in choices if all(n is None or sizes[axis] in (n, DYNAMIC)
                                               for axis, n in zip(kept, shape, strict=True))]
    return min(fitting, default=None, key=lambda kept: sum(  # a size that is known in one place only fits less
        (sizes[axis] == DYNAMIC) != (n is None) for axis, n in zip(kept, shape, strict=True)))
