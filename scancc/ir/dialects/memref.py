"""memref: buffers, views and element access."""

from __future__ import annotations

from ..constraints import all_of, indexed, one_element, sized
from ..ops import PLACED, PURE, READS, VIEW, WRITES, Dialect
from ..rules.memref import check_alloc, check_alloca, check_copy, check_layouts, check_subview, contiguous
from ..rules.tensor import check_cast, check_dim, check_slice
from .tensor import SLICE_ATTRS, read_dim, read_part

memref = Dialect("memref")

memref.define("alloc", "dims*:index symbols*:index", traits=(READS,), attrs=("operandSegmentSizes",), gives="buffer",
              verify=all_of(check_alloc, contiguous()), reading="alloc {content}",
              doc="a new buffer, before memory planning; upstream's second group stays empty")
memref.define("alloca", traits=(READS,), gives="buffer", verify=all_of(check_alloca, contiguous()),
              reading="alloca {content}",
              doc="a buffer of known size on the function's stack, for the block it is in")
memref.define("load", "source:buffer indices*:index", traits=(READS, PLACED), gives="number",
              verify=all_of(indexed(0), one_element(0)), reading="{source}[{indices}]",
              hint="{source}_{indices}", doc="one element")
memref.define("store", "value:number dest:buffer indices*:index", results="0", traits=(WRITES, PLACED),
              written="dest", verify=all_of(indexed(1), one_element(0, 1)), reading="{dest}[{indices}] = {value}",
              doc="writes one element")
memref.define("dim", "source:buffer axis:index", traits=(PURE,), gives="index", verify=check_dim, reading=read_dim,
              doc="the size of an axis")
memref.define("subview", "source:buffer offsets*:index sizes*:index strides*:index", traits=(PURE, PLACED, VIEW),
              attrs=SLICE_ATTRS, gives="buffer", verify=all_of(check_slice, one_element(0), check_subview),
              reading=read_part, doc="a part by offset, size and stride, sharing memory")
memref.define("cast", "source:buffer", traits=(PURE, VIEW), gives="buffer",
              verify=all_of(check_cast, one_element(0), check_layouts), reading="{source} as {type}", hint="{source}",
              doc="the same buffer under a type that knows more or less")
memref.define("copy", "source:buffer dest:buffer", results="0", traits=(READS, WRITES), written="dest",
              verify=all_of(check_copy, one_element(0, 1)), reading="copy {source} to {dest}",
              doc="copies all elements; the buffers do not overlap")
memref.define("view", "source:bytes offset:index dims*:index", traits=(PURE, VIEW), gives="buffer",
              verify=all_of(sized(2), contiguous()), reading="view {content} of {source} at {offset}",
              doc="a buffer inside a byte buffer")
