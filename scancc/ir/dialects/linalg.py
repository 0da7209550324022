"""linalg.generic: a perfect loop nest over operands, the form into which `fuse` brings all
elementwise chains, broadcasts, reductions and products.

Loop dimension k runs over what the maps say; a parallel dimension indexes the result, a reduction
dimension does not. The region gets one element of each input and the running element of each
output; it may use values from outside, and `linalg.index`.
"""

from __future__ import annotations

from ..core import Op
from ..ops import PURE, TERMINATOR, Dialect

linalg = Dialect("linalg")


def _check_generic(op: Op) -> str | None:
    maps, kinds = op.attrs["indexing_maps"], op.attrs["iterator_types"]
    if len(maps) != len(op.operands):
        return "indexing_maps must have one map for each operand"
    if any(m.n_dims != len(kinds) for m in maps):
        return "each map must be over all loop dimensions"
    if len(op.body.args) != len(op.operands):
        return "the region must have one argument for each operand"
    if op.body.terminator.name != "linalg.yield":
        return "the region must end in linalg.yield"
    return None


linalg.define("generic", "inputs* outputs*", results="*", traits=(PURE,),
              attrs=("indexing_maps", "iterator_types", "operandSegmentSizes"), regions=1,
              verify=_check_generic, doc="a loop nest over operands")
linalg.define("yield", "values*", results="0", traits=(TERMINATOR,), doc="the new elements of the outputs")
linalg.define("index", traits=(PURE,), attrs=("dim",), doc="the loop counter of a dimension")
