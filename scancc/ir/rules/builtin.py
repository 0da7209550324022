"""What modules and functions ask of their parts."""

from __future__ import annotations

from ..constraints import KINDS, wrong_axes
from ..core import Op
from ..types import MemRefType, TensorType, Type


def check_module(op: Op) -> str | None:
    return "a module's block has no arguments" if op.body.args else None


def check_func(op: Op) -> str | None:
    signature = op.attrs["function_type"]
    if tuple(a.type for a in op.body.args) != signature.inputs:
        return "the block's arguments must have the types of function_type"
    if tuple(v.type for v in op.body.terminator.operands) != signature.results:
        return "func.return must give values of the result types of function_type"
    return _check_passed(signature.inputs + signature.results) or _check_numbers(op)


def _check_passed(types: tuple[Type, ...]) -> str | None:
    """What goes in and out is a scalar, a tensor, or a whole buffer."""
    if any(isinstance(type, MemRefType) and type.strides is not None for type in types):
        return "a buffer that a function takes has no strides of its own"
    scalar = KINDS["number"][1]
    if not all(scalar(type) or isinstance(type, (TensorType, MemRefType)) for type in types):
        return "a function takes and gives scalars, tensors and buffers"
    return None


def _check_numbers(op: Op) -> str | None:
    """The marks of a function in loop form: they count its arguments."""
    buffers = all(isinstance(a.type, MemRefType) for a in op.body.args)
    if "n_inputs" in op.attrs and not (buffers and op.attrs["n_inputs"].value <= len(op.body.args)):
        return "n_inputs counts the first of its buffers, which are all its arguments"
    if "n_bounds" in op.attrs and op.attrs["n_bounds"].value > op.attrs["n_inputs"].value:
        return "n_bounds counts the last of its n_inputs inputs"
    if "return_slots" not in op.attrs:
        return None
    n_slots = sum(1 + len(getattr(a.type, "shape", ())) for a in op.body.args)
    slots = op.attrs["return_slots"].values
    if not buffers or len(slots) != len(op.body.terminator.operands):
        return "return_slots gives a slot of its buffers for each value returned"
    return wrong_axes(slots, n_slots) and f"return_slots must be different slots below {n_slots}"
