"""What vector ops ask of lanes and of the buffers they lie in."""

from __future__ import annotations

from ..constraints import Rule, shape_of
from ..core import Op
from ..types import FloatType, element, i1, index
from .memref import strides_of


def adjacent(number: int) -> Rule:
    def check(op: Op) -> str | None:
        type = op.operands[number].type
        if not shape_of(type):
            return "a vector lies along the last axis of a buffer, which has none"
        return None if strides_of(type)[-1] == 1 else f"the last axis of {type} must have the stride 1"
    return check


def check_extract(op: Op) -> str | None:
    place, lanes = op.attrs["static_position"].values, shape_of(op.operands[0].type)[0]
    if len(place) == 1 and lanes is not None and 0 <= place[0] < lanes:
        return None
    return f"static_position must be one lane from 0 to {(lanes or 0) - 1}"


def check_from_elements(op: Op) -> str | None:
    (lanes,), given = shape_of(op.result.type), len(op.operands)
    return None if lanes == given else f"{lanes} lanes need {lanes} elements, not {given}"


def check_shuffle(op: Op) -> str | None:
    (first,), (second,), (lanes,) = (shape_of(v.type) for v in (*op.operands, op.result))
    mask, given = op.attrs["mask"].values, (first or 0) + (second or 0)
    if len(mask) != lanes:
        return f"{lanes} lanes need a mask of {lanes}, not of {len(mask)}"
    return None if all(0 <= lane < given for lane in mask) else f"the mask must name lanes from 0 to {given - 1}"


def check_reduction(op: Op) -> str | None:
    kind, of_floats = op.attrs["kind"].text[len("#vector.kind<"):-1], isinstance(element(op.result.type), FloatType)
    if kind not in ("add", "mul") and of_floats != kind.endswith("f"):
        return f"{kind} does not combine lanes of {element(op.result.type)}"
    (lanes,), (left,) = shape_of(op.operands[0].type), shape_of(op.result.type) or (1,)
    halves = (lanes or 0) // (left or 1)
    return None if (left or 1) * halves == lanes and halves & (halves - 1) == 0 else (
        f"halves of {lanes} lanes never are {left}")


def check_step(op: Op) -> str | None:
    return None if element(op.result.type) == index else "its lanes are indices"


def check_truths(op: Op) -> str | None:
    return None if element(op.operands[0].type) == i1 else "its lanes are truths"
