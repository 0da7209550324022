"""Rules for loop nests that lowering wrote for composite functions."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constants import made_by
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand, set_operands
from scancc.ir.parts import Nest
from scancc.ir.shapes import dims_of, dynamic_dims

from .rules import Outcome, rule


@rule("linalg.generic")
def nest_over_splats(op: Op, b: Builder) -> Outcome:
    """Elementwise work reads the number that fills an array; with others that are known it folds."""
    nest = Nest(op)
    filled = {read.arg: splat for read in nest.reads if (splat := made_by(read.value, "tensor.splat"))}
    if not filled or not nest.is_parallel:
        return None
    maps = [m for m, arg in zip(nest.maps, op.body.args, strict=True) if arg not in filled]
    inputs = [read.value for read in nest.reads if read.arg not in filled]
    for arg, splat in filled.items():
        arg.replace_by(operand(splat, "value"))
    op.body.set_args([arg for arg in op.body.args if arg not in filled])
    set_operands(op, inputs=inputs)
    op.attrs["indexing_maps"] = maps
    return True


@rule("linalg.generic")
def nest_without_work(op: Op, b: Builder) -> Outcome:
    """A nest whose elements are those of an array is that array; one of a number alone is a splat."""
    nest = Nest(op)
    if (array := nest.copied) is not None:
        return array
    if len(op.results) != 1 or not nest.is_parallel or nest.writes[0].dims != nest.identity:
        return None
    (element,), type = nest.elements, op.result.type
    assert isinstance(type, t.TensorType)
    if element in op.body.args or _is_made_in(element, op):
        return None
    return b.op("tensor.splat", [element, *dynamic_dims(type, dims_of(b, op.result))], [type])


def _is_made_in(value: Value, nest: Op) -> bool:
    return value.op is not None and value.op.parent is nest.body
