"""tensor: values with a shape. Run-time sizes are `index` operands, so that equal sizes are one
value."""

from __future__ import annotations

from ..core import Op
from ..ops import PLACED, PURE, Dialect, group, operand, whole
from ..slices import COLUMNS, fitting_axes
from ..types import DYNAMIC

tensor = Dialect("tensor")

tensor.define("empty", "dims*", traits=(PURE,), doc="a tensor whose elements are not yet given")
tensor.define("dim", "source axis", traits=(PURE,), doc="the size of an axis")
tensor.define("extract", "source indices*", traits=(PURE, PLACED), doc="one element")
tensor.define("insert", "value dest indices*", traits=(PURE, PLACED), doc="`dest` with one element replaced")
tensor.define("from_elements", "elements*", traits=(PURE,), doc="a small tensor from scalars, row-major")
tensor.define("splat", "value dims*", traits=(PURE,), doc="one scalar everywhere")
tensor.define("cast", "source", traits=(PURE,), doc="the same value under a type that knows more or less")


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
tensor.define("extract_slice", "source offsets* sizes* strides*", traits=(PURE, PLACED), attrs=_SLICE_ATTRS,
              verify=_check_slice, doc="a part by offset, size and stride; axes of size 1 may go")
tensor.define("insert_slice", "source dest offsets* sizes* strides*", traits=(PURE, PLACED),
              attrs=_SLICE_ATTRS, verify=_check_slice, doc="`dest` with a part replaced by `source`")
