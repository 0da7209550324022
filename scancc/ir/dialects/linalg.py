"""linalg.generic: a perfect loop nest over operands, the form into which `fuse` brings all
elementwise chains, broadcasts, reductions and products.

Loop dimension k runs over what the maps say; a parallel dimension indexes the result, a reduction
dimension does not. The region gets one element of each input and the running element of each
output; it may use values from outside, and `linalg.index`.
"""

from __future__ import annotations

from ..core import Op
from ..ops import PURE, TERMINATOR, Dialect
from ..parts import Nest
from ..types import element

linalg = Dialect("linalg")


def _check_generic(op: Op) -> str | None:
    nest = Nest(op)
    maps, outputs = nest.maps, nest.outputs
    if len(maps) != len(op.operands):
        return "indexing_maps must have one map for each operand"
    if any(m.n_dims != len(nest.kinds) for m in maps):
        return "each map must be over all loop dimensions"
    if len(op.body.args) != len(op.operands):
        return "the region must have one argument for each operand"
    if op.body.terminator.name != "linalg.yield":
        return "the region must end in linalg.yield"
    for number, (value, arg, dims) in enumerate([*nest.reads, *nest.writes]):
        if element(value.type) != arg.type:
            return f"operand {number} is {value.type}, its argument {arg.type}; that must be its element"
        if len(getattr(value.type, "shape", ())) != len(dims):
            return f"map {number} must have one result for each axis of {value.type}"
    if [v.type for v in nest.elements] != [element(v.type) for v in outputs]:
        return "linalg.yield must give one element for each output"
    if op.results and [v.type for v in op.results] != [v.type for v in outputs]:
        return "results must have the types of the outputs"
    return None


linalg.define("generic", "inputs* outputs*", results="*", traits=(PURE,),
              attrs=("indexing_maps", "iterator_types", "operandSegmentSizes"), regions=1,
              verify=_check_generic, doc="a loop nest over operands")
linalg.define("yield", "values*", results="0", traits=(TERMINATOR,), doc="the new elements of the outputs")
linalg.define("index", traits=(PURE,), attrs=("dim",), doc="the loop counter of a dimension")
