"""tensor: values with a shape. Run-time sizes are `index` operands, so that equal sizes are one
value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core import Op, Value
from ..ops import LITERAL, PLACED, PURE, Dialect, group, operand, whole
from ..reading.phrases import TIGHT, Phrase
from ..slices import COLUMNS, entries, fitting_axes, kept_axes
from ..types import DYNAMIC, MemRefType

if TYPE_CHECKING:
    from ..reading.reader import Reader

tensor = Dialect("tensor")


def read_dim(op: Op, r: Reader) -> Phrase:
    """A size that has a name, or is a number, is read as that."""
    source, axis = op.operands[0], r.number(op.operands[1])
    sizes = r.sizes(source)
    size = sizes[int(axis)] if axis is not None and 0 <= axis < len(sizes) else ""
    if size.removeprefix("%").isalnum() or size.removeprefix("%").isidentifier():
        r.bind(op.result, size)
    elif axis is not None:
        r.suggest(op.result, source, f"n{axis}")
    return r.fill(op, "dim({source}, {axis})")


def _read_elements(op: Op, r: Reader) -> Phrase:
    """`[a, b]`; of other than one axis with the shape, of none with the type."""
    one_axis = op.operands and len(op.result.type.shape) == 1  # type: ignore[attr-defined]
    return r.fill(op, "[{elements}]" if one_axis else "[{elements}] as {type}")


tensor.define("empty", "dims*", traits=(PURE, LITERAL), reading="empty {type}",
              doc="a tensor whose elements are not yet given")
tensor.define("dim", "source axis", traits=(PURE,), reading=read_dim, doc="the size of an axis")
tensor.define("extract", "source indices*", traits=(PURE, PLACED), reading="{source}[{indices}]",
              hint="{source}_{indices}", doc="one element")
tensor.define("insert", "value dest indices*", traits=(PURE, PLACED),
              reading="{dest} with [{indices}] = {value}", doc="`dest` with one element replaced")
tensor.define("from_elements", "elements*", traits=(PURE,), reading=_read_elements,
              doc="a small tensor from scalars, row-major")
tensor.define("splat", "value dims*", traits=(PURE, LITERAL), reading="splat {value} {shape}",
              doc="one scalar everywhere")
tensor.define("cast", "source", traits=(PURE,), reading="{source} as {type}", hint="{source}",
              doc="the same value under a type that knows more or less")


def _check_slice(op: Op) -> str | None:
    rank, source = len(getattr(whole(op).type, "shape", ())), operand(op, "source")
    for name in COLUMNS:
        static = op.attrs[f"static_{name}"].values
        if len(static) != rank:
            return f"static_{name} must have {rank} entries, one an axis"
        if static.count(DYNAMIC) != len(group(op, name)):
            return f"static_{name} must leave one entry open for each run-time operand"
    small = op.result.type if whole(op) is source else source.type
    if fitting_axes(op.attrs["static_sizes"].values, getattr(small, "shape", ())) is None:
        return f"static_sizes leave no {small}, whichever axes of size 1 go"
    return None


_SLICE_ATTRS = ("static_offsets", "static_sizes", "static_strides", "operandSegmentSizes")


def read_part(op: Op, r: Reader) -> Phrase:
    """`x[%t, 0..3, :]`; of a buffer `&x[...]`, which is no copy."""
    source = operand(op, "source")
    kept = kept_axes(op)
    r.remember_sizes(op.result, [r.entry(entry) for axis, entry in enumerate(entries(op, "sizes")) if axis in kept])
    gone = [at for axis, at in enumerate(entries(op, "offsets")) if axis not in kept]
    if gone:
        r.suggest(op.result, source, *gone)
    mark = "&" if isinstance(source.type, MemRefType) else ""
    return Phrase(f"{mark}{r.use(source, TIGHT)}[{', '.join(_places(op, source, r))}]")


def _read_insertion(op: Op, r: Reader) -> str:
    dest = operand(op, "dest")
    return f"{r.use(dest, TIGHT)} with [{', '.join(_places(op, dest, r))}] = {r.use(operand(op, 'source'))}"


def _places(op: Op, array: Value, r: Reader) -> list[str]:
    """Where a part lies on each axis of an array: a place on an axis that goes, else a range."""
    r.mention(*_SLICE_ATTRS)
    kept, lengths = kept_axes(op), r.sizes(array)
    columns = [entries(op, column) for column in COLUMNS]
    parts = [[r.entry(column[axis], TIGHT) for column in columns] for axis in range(len(lengths))]
    return [_range(offset, size, stride, lengths[axis]) if axis in kept else r.entry(columns[0][axis])
            for axis, (offset, size, stride) in enumerate(parts)]


def _range(offset: str, size: str, stride: str, length: str) -> str:
    """`:` all of an axis, `2..5` what is between, `%i..+3` three from there; `by 2` every second."""
    if (offset, size, stride) == ("0", length, "1"):
        return ":"
    known = offset.isdigit() and size.isdigit() and stride == "1"
    to = f"{offset}..{int(offset) + int(size)}" if known else f"0..{size}" if (offset, stride) == ("0", "1") else (
        f"{offset}..+{size}")
    return to if stride == "1" else f"{to} by {stride}"


tensor.define("extract_slice", "source offsets* sizes* strides*", traits=(PURE, PLACED), attrs=_SLICE_ATTRS,
              verify=_check_slice, reading=read_part, doc="a part by offset, size and stride; axes of size 1 may go")
tensor.define("insert_slice", "source dest offsets* sizes* strides*", traits=(PURE, PLACED),
              attrs=_SLICE_ATTRS, verify=_check_slice, reading=_read_insertion,
              doc="`dest` with a part replaced by `source`")
