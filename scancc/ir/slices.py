"""Parts of arrays: offset, size and stride of each axis, and which axes stay.

An entry is a number that the op's attribute has, or an operand. The result may leave out axes of size 1. Which
ones is told by the sizes of its type: of 2x1x3x1 as 2x1x3 the last one goes, as 2x3x1 the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

from .builder import Builder, constant_of
from .core import Op, Value
from .ops import group, operand, set_operands, whole
from .types import DYNAMIC, DenseArray, i64

Entry = int | Value
COLUMNS = ("offsets", "sizes", "strides")


def entries(op: Op, column: str) -> list[Entry]:
    """The offsets, sizes or strides of a slice, one an axis."""
    dynamic = iter(group(op, column))
    return [next(dynamic) if known == DYNAMIC else known for known in op.attrs[f"static_{column}"].values]


def number_of(entry: Entry) -> int | None:
    """The number that an entry is known to be."""
    known: int | None = entry if isinstance(entry, int) else constant_of(entry)
    return known


def entry_values(b: Builder, op: Op, column: str) -> list[Value]:
    """The offsets, sizes or strides of a slice, numbers as constants."""
    return [b.index(entry) if isinstance(entry, int) else entry for entry in entries(op, column)]


def constant_entries(values: Sequence[Value]) -> list[Entry]:
    """Constants as numbers."""
    return [value if (known := constant_of(value)) is None else known for value in values]


def set_entries(op: Op, column: str, new: Sequence[Entry]) -> None:
    """Give a slice other offsets, sizes or strides."""
    op.attrs[f"static_{column}"] = _known(new)
    set_operands(op, **{column: _dynamic(new)})


def slice_parts(offsets: Sequence[Entry], sizes: Sequence[Entry], strides: Sequence[Entry],
                ) -> tuple[dict[str, list[Value]], dict[str, DenseArray]]:
    """The operand groups, and the attributes, that a slice of these entries has."""
    columns = dict(zip(COLUMNS, (offsets, sizes, strides), strict=True))
    return ({name: _dynamic(column) for name, column in columns.items()},
            {f"static_{name}": _known(column) for name, column in columns.items()})


def _known(column: Sequence[Entry]) -> DenseArray:
    return DenseArray(i64, tuple(entry if isinstance(entry, int) else DYNAMIC for entry in column))


def _dynamic(column: Sequence[Entry]) -> list[Value]:
    return [entry for entry in column if not isinstance(entry, int)]


def kept_axes(op: Op) -> list[int]:
    """Axes of the source that stay in the result of a slice.

    `insert_slice` reads it the other way: axes of the destination that the source has.
    """
    source = operand(op, "source")
    small = op.result.type if whole(op) is source else source.type
    found = fitting_axes(op.attrs["static_sizes"].values, getattr(small, "shape", ()))
    assert found is not None, f"the verifier lets no such {op.name} pass"
    return found


def fitting_axes(sizes: Sequence[int], shape: Sequence[int | None]) -> list[int] | None:
    """The axes that stay where `sizes` become `shape`; the first ones of size 1 go, if that fits. None if nothing
    fits."""
    found = _fitting(tuple(sizes), tuple(shape))
    return None if found is None else list(found)


@lru_cache(maxsize=1024)
def _fitting(sizes: tuple[int, ...], shape: tuple[int | None, ...]) -> list[int] | None:
    if len(sizes) == len(shape):
        return list(range(len(sizes)))
    ones = [axis for axis, size in enumerate(sizes) if size == 1]
    choices = [[axis for axis in range(len(sizes)) if axis not in dropped]
               for dropped in combinations(ones, len(sizes) - len(shape))] if len(sizes) > len(shape) else []
    fitting = [kept for kept in choices if all(n is None or sizes[axis] in (n, DYNAMIC)
                                               for axis, n in zip(kept, shape, strict=True))]
    return min(fitting, default=None, key=lambda kept: sum(  # a size that is known in one place only fits less
        (sizes[axis] == DYNAMIC) != (n is None) for axis, n in zip(kept, shape, strict=True)))
