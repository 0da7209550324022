"""tensor: values with a shape. Run-time sizes are `index` operands, so that equal sizes are one
value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..constraints import all_of, indexed, one_element, sized
from ..core import Op, Value
from ..ops import LITERAL, PLACED, PURE, VIEW, Dialect, lookup, operand
from ..reading.phrases import TIGHT, Phrase
from ..rules.tensor import check_cast, check_dim, check_elements, check_inserted, check_slice
from ..slices import COLUMNS, entries, kept_axes
from ..types import MemRefType

if TYPE_CHECKING:
    from ..reading.reader import Reader

tensor = Dialect("tensor")


def read_dim(op: Op, r: Reader) -> Phrase:
    """A size that has a name, or is a number, is read as that; one that only new tensors ask for has no line."""
    source, axis = op.operands[0], r.number(op.operands[1])
    sizes, phrase = r.sizes(source), r.fill(op, "dim({source}, {axis})")
    size = sizes[int(axis)] if axis is not None and 0 <= axis < len(sizes) else phrase.text
    if size.removeprefix("%").replace("_", "").isalnum():
        r.bind(op.result, size)
    elif all(LITERAL in lookup(user).traits for user in op.result.uses):
        r.bind(op.result, phrase.text)
    elif axis is not None:
        r.suggest(op.result, source, f"n{axis}")
    return phrase


def _read_elements(op: Op, r: Reader) -> Phrase:
    """`[a, b]`; of other than one axis with the shape, of none with the type."""
    one_axis = op.operands and len(op.result.type.shape) == 1  # type: ignore[attr-defined]
    return r.fill(op, "[{elements}]" if one_axis else "[{elements}] as {type}")


tensor.define("empty", "dims*:index", traits=(PURE, LITERAL), gives="tensor", verify=sized(0), reading="empty {type}",
              doc="a tensor whose elements are not yet given")
tensor.define("dim", "source:tensor axis:index", traits=(PURE,), gives="index", verify=check_dim, reading=read_dim,
              doc="the size of an axis")
tensor.define("extract", "source:tensor indices*:index", traits=(PURE, PLACED), gives="number",
              verify=all_of(indexed(0), one_element(0)), reading="{source}[{indices}]",
              hint="{source}_{indices}", doc="one element")
tensor.define("insert", "value:number dest:tensor indices*:index", traits=(PURE, PLACED), gives="tensor",
              verify=all_of(indexed(1), one_element(0), check_inserted),
              reading="{dest} with [{indices}] = {value}", doc="`dest` with one element replaced")
tensor.define("from_elements", "elements*:number", traits=(PURE,), gives="tensor",
              verify=lambda op: check_elements(op) or one_element(*range(len(op.operands)))(op),
              reading=_read_elements,
              doc="a small tensor from scalars, row-major")
tensor.define("splat", "value:number dims*:index", traits=(PURE, LITERAL), gives="tensor",
              verify=all_of(sized(1), one_element(0)), reading="splat {value} {shape}",
              doc="one scalar everywhere")
tensor.define("cast", "source:tensor", traits=(PURE, VIEW), gives="tensor", verify=all_of(check_cast, one_element(0)),
              reading="{source} as {type}", hint="{source}",
              doc="the same value under a type that knows more or less")


SLICE_ATTRS = ("static_offsets:ints", "static_sizes:ints", "static_strides:ints", "operandSegmentSizes")


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
    r.remember_sizes(op.result, r.sizes(dest))
    return f"{r.use(dest, TIGHT)} with [{', '.join(_places(op, dest, r))}] = {r.use(operand(op, 'source'))}"


def _places(op: Op, array: Value, r: Reader) -> list[str]:
    """Where a part lies on each axis of an array: a place on an axis that goes, else a range."""
    r.mention(*(name.partition(":")[0] for name in SLICE_ATTRS))
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


tensor.define("extract_slice", "source:tensor offsets*:index sizes*:index strides*:index",
              traits=(PURE, PLACED, VIEW), attrs=SLICE_ATTRS, gives="tensor",
              verify=all_of(check_slice, one_element(0)), reading=read_part,
              doc="a part by offset, size and stride; axes of size 1 may go")
tensor.define("insert_slice", "source:tensor dest:tensor offsets*:index sizes*:index strides*:index",
              traits=(PURE, PLACED), attrs=SLICE_ATTRS, gives="tensor",
              verify=all_of(check_slice, one_element(0, 1), check_inserted), reading=_read_insertion,
              doc="`dest` with a part replaced by `source`")
