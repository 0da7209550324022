"""Which values are constants: one number in every element, however it is spread."""

from __future__ import annotations

from . import types as t
from .core import Op, Value

SHORT = 64


def made_by(value: Value, *names: str) -> Op | None:
    """The op that makes `value`, if it is one of `names`."""
    op = value.op
    return op if op is not None and op.name in names else None


def everywhere(value: Value) -> t.IntAttr | t.FloatAttr | None:
    """The constant that is every element of `value` (or the value itself), where there is one."""
    op = made_by(value, "arith.constant", "tensor.splat", "scan.broadcast", "vector.broadcast")
    if op is None:
        return None
    if op.name != "arith.constant":
        return everywhere(op.operands[0])
    attr = op.attrs["value"]
    if not isinstance(attr, t.Dense):
        found: t.IntAttr | t.FloatAttr = attr
        return found
    return _same_element(attr)


def known_integers(value: Value) -> list[int] | None:
    """The elements of a short vector of 64-bit integers that are constants."""
    type, op, same = value.type, made_by(value, "arith.constant"), everywhere(value)
    if not isinstance(type, t.TensorType) or type.element != t.i64 or len(type.shape) != 1:
        return None
    (length,) = type.shape
    if length is None or length > SHORT:
        return None
    if same is not None:
        return [int(same.value)] * length
    return None if op is None else [int(n) for n in op.attrs["value"].data]


def _same_element(attr: t.Dense) -> t.IntAttr | t.FloatAttr | None:
    flat = attr.data.reshape(-1)
    if not flat.size or t.is_complex(attr.type) or flat.tobytes() != flat[:1].tobytes() * flat.size:
        return None
    kind = t.element(attr.type)
    if isinstance(kind, t.FloatType):
        return t.FloatAttr(float(flat[0]), kind)
    return t.IntAttr(int(flat[0]), kind)


def is_number(value: Value, number: float) -> bool:
    """True if `value` is the float `number` in every element; 0.0 and -0.0 differ."""
    attr = everywhere(value)
    return isinstance(attr, t.FloatAttr) and attr == t.FloatAttr(number, attr.type)
