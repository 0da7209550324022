"""Which values are constants: one number in every element, however it is spread."""

from __future__ import annotations

from . import types as t
from .core import Op, Value


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
