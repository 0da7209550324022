"""What a rule is, and the table of them.

A rule looks at one op. It gives the value (or, of an op with several results, the values) that take
the op's place; True where it changed the op itself; or None. What it builds goes before the op; what
it builds in vain is removed again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constants import made_by
from scancc.ir.core import Op, Value

Outcome = Value | Sequence[Value] | bool | None
Rule = Callable[[Op, Builder], Outcome]

RULES: dict[str, list[Rule]] = {}
OF_OTHERS: dict[str, list[Rule]] = {}  # where the result is no tensor: most ops are of numbers


def rule(*names: str, of_arrays: bool = False) -> Callable[[Rule], Rule]:
    """Declare a rule for the ops called `names`, tried in the order of declaration; `of_arrays`: where the first
    result is a tensor."""
    def declare(function: Rule) -> Rule:
        for table in [RULES] if of_arrays else [RULES, OF_OTHERS]:
            for name in names:
                table.setdefault(name, []).append(function)
        return function
    return declare


def rules_for(op: Op) -> Sequence[Rule]:
    is_array = bool(op.results) and isinstance(op.results[0].type, t.TensorType)
    return (RULES if is_array else OF_OTHERS).get(op.name, ())


def filled_like(b: Builder, value: Value, number: float) -> Value:
    """`number` in every element, in the form of `value`, which `everywhere` knows."""
    op = value.op
    assert op is not None
    if op.name != "arith.constant":
        source, *dims = op.operands
        return b.op(op.name, [filled_like(b, source, number), *dims], [value.type], dict(op.attrs))
    if isinstance(value.type, t.TensorType):
        return b.dense(np.full_like(op.attrs["value"].data, number), value.type)
    return b.const(number, value.type)


def as_index(value: Value, b: Builder) -> Value | None:
    """An i64 that is an index, or a constant, as an index."""
    cast = made_by(value, "arith.index_cast")
    if cast is not None and cast.operands[0].type == t.index:
        return cast.operands[0]
    known = constant_of(value)
    return b.index(known) if known is not None else None


def counted(b: Builder, place: Value, start: Value, step: Value) -> Value:
    """start + place * step, as integers; on indices where that is the same."""
    by = as_index(step, b) if step.type == t.i64 else None
    if by is None:
        return b.addi(b.muli(b.index_cast(place, step.type), step), start)
    product, first = b.muli(place, by), as_index(start, b)
    if first is None:
        return b.addi(b.index_cast(product, t.i64), start)
    return b.index_cast(b.addi(product, first), t.i64)
