"""memref: buffers, views and element access."""

from __future__ import annotations

from ..ops import PLACED, PURE, READS, WRITES, Dialect
from .tensor import _SLICE_ATTRS, _check_slice

memref = Dialect("memref")

memref.define("alloc", "dims* symbols*", traits=(READS,), attrs=("operandSegmentSizes",),
              doc="a new buffer, before memory planning; upstream's second group stays empty")
memref.define("alloca", traits=(READS,), doc="a buffer of known size on the function's stack, for the block it is in")
memref.define("load", "source indices*", traits=(READS, PLACED), doc="one element")
memref.define("store", "value dest indices*", results="0", traits=(WRITES, PLACED), written="dest",
              doc="writes one element")
memref.define("dim", "source axis", traits=(PURE,), doc="the size of an axis")
memref.define("subview", "source offsets* sizes* strides*", traits=(PURE, PLACED), attrs=_SLICE_ATTRS,
              verify=_check_slice, doc="a part by offset, size and stride, sharing memory")
memref.define("cast", "source", traits=(PURE,), doc="the same buffer under a type that knows more or less")
memref.define("copy", "source dest", results="0", traits=(READS, WRITES), written="dest",
              doc="copies all elements; the buffers do not overlap")
memref.define("view", "source offset dims*", traits=(PURE,), doc="a buffer inside a byte buffer")
