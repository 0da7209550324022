"""What buffer ops of the scan dialect ask of their types."""

from __future__ import annotations

from ..constraints import agree, shape_of
from ..core import Op
from ..types import MemRefType
from .memref import strides_of


def check_stack(op: Op) -> str | None:
    """Row i of the stack holds the sum of 2**i blocks, of the value's form, as the result is."""
    value, stack, size = op.operands[0].type, op.operands[1].type, op.attrs["size"].value
    if size <= 0 or size & (size - 1):
        return "the size of a block is a power of two"
    if op.results and op.result.type != value:
        return f"the result is {op.result.type}, the value {value}"
    if len(shape_of(stack)) != 1 + len(shape_of(value)):
        return f"a row of {stack} does not hold {value}"
    return None if agree(shape_of(stack)[1:], shape_of(value)) else f"a row of {stack} does not hold {value}"


def check_rows(op: Op) -> str | None:
    return None if all(strides_of(v.type)[-1] == 1 for v in op.operands[:2]) else "rows are contiguous"


def check_constant_buffer(op: Op) -> str | None:
    type, data = op.result.type, op.attrs["value"].type
    same = isinstance(type, MemRefType) and type.shape == data.shape and type.element == data.element
    return None if same else f"the data is {data}, the result {type}"


def check_output(op: Op) -> str | None:
    """Only an argument of the function is an output."""
    output = op.operands[0]
    owner = output.block.parent_op() if output.op is None else None
    is_argument = owner is not None and owner.name == "func.func"
    return None if is_argument else "the output must be an argument of the function"
