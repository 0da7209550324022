"""memref: buffers, views and element access."""

from __future__ import annotations

from ..ops import PLACED, PURE, READS, VIEW, WRITES, Dialect
from .tensor import _SLICE_ATTRS, _check_slice, read_dim, read_part

memref = Dialect("memref")

memref.define("alloc", "dims* symbols*", traits=(READS,), attrs=("operandSegmentSizes",),
              reading="alloc {content}",
              doc="a new buffer, before memory planning; upstream's second group stays empty")
memref.define("alloca", traits=(READS,), reading="alloca {content}",
              doc="a buffer of known size on the function's stack, for the block it is in")
memref.define("load", "source indices*", traits=(READS, PLACED), reading="{source}[{indices}]",
              hint="{source}_{indices}", doc="one element")
memref.define("store", "value dest indices*", results="0", traits=(WRITES, PLACED), written="dest",
              reading="{dest}[{indices}] = {value}", doc="writes one element")
memref.define("dim", "source axis", traits=(PURE,), reading=read_dim, doc="the size of an axis")
memref.define("subview", "source offsets* sizes* strides*", traits=(PURE, PLACED, VIEW), attrs=_SLICE_ATTRS,
              verify=_check_slice, reading=read_part, doc="a part by offset, size and stride, sharing memory")
memref.define("cast", "source", traits=(PURE, VIEW), reading="{source} as {type}", hint="{source}",
              doc="the same buffer under a type that knows more or less")
memref.define("copy", "source dest", results="0", traits=(READS, WRITES), written="dest",
              reading="copy {source} to {dest}", doc="copies all elements; the buffers do not overlap")
memref.define("view", "source offset dims*", traits=(PURE, VIEW), reading="view {content} of {source} at {offset}",
              doc="a buffer inside a byte buffer")
