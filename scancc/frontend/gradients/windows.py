"""The gradient of a window is a window: what most of it moves to is what the rest is added to.

    h[t] = concat(h[t-1][1:], [x[t]])

    g = inc(inc(zeros, [i], v), [1:], g1[:-1])     ->     g = inc(concat(zeros(1), g1[:-1]), [i], v)

The left form writes all elements of a new array in each step. The right one is again a state that moves by one
element (`passes/bufferizing/windows.py`) and in which a few elements change. That of a choice is a choice of such.

Cost: linear in the increments and choices that a gradient is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scancc.frontend.gradients.contributions import Choice, incremented, increments_of, is_increment
from scancc.frontend.gradients.rules import zero_of, zeros_for
from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import dim, dims
from scancc.frontend.graph.variables import Apply, Variable, applies, rebuild_into
from scancc.frontend.ops.index_template import FULL, Template, pieces, slice_parts
from scancc.frontend.ops.joining import Join
from scancc.frontend.ops.making import alloc, is_zeros
from scancc.frontend.ops.scalars import sub
from scancc.frontend.ops.subtensor import IncSubtensor, Subtensor


def with_windows_moved(values: Sequence[Variable], stop: Iterable[Variable]) -> list[Variable]:
    """`values`, in which gradients of windows are windows that move, wherever they stand: a scan in the step may
    begin with one. stop: what stays."""
    made: dict[Variable, Variable] = {v: v for v in stop}
    for node in applies(values, stop):
        for var in node.outputs:
            (new,) = rebuild_into([var], made)
            if var.ndim and (_adds_a_part(node) or Choice.of(new) is not None):
                made[var] = moved(new)
    return rebuild_into(values, made)


def _adds_a_part(node: Apply) -> bool:
    """Whether it adds a part of an array to the rest of one."""
    part = node.inputs[1].owner if is_increment(node) else None
    return part is not None and isinstance(part.op, Subtensor) and _rest(node) is not None


def moved(gradient: Variable) -> Variable:
    """The same gradient, as a window that moves where it is one."""
    made: dict[Variable, Variable] = {}
    sides: dict[Variable, list[Variable]] = {}
    pending = [gradient]
    while pending:
        var = pending.pop()
        if var in made:
            continue
        root, increments = increments_of(var)
        choice = None if is_zeros(root) else Choice.of(root)
        if choice is None:
            made[var] = _begun_with_the_rest(var, root, increments)
        elif var in sides:
            made[var] = _between(var, choice, [made[side] for side in sides[var]], increments)
        else:
            sides[var] = [_where_taken(side, choice, n) for n, side in enumerate(choice.sides)]
            pending += [var, *sides[var]]
    return made[gradient]


def _between(gradient: Variable, choice: Choice, sides: list[Variable], increments: list[Apply]) -> Variable:
    """A choice with increments after it, between other sides."""
    if all(a is b for a, b in zip(sides, choice.sides, strict=True)):
        return gradient
    return incremented(choice.between(*sides), increments)


def _where_taken(side: Variable, choice: Choice, number: int) -> Variable:
    """A side of a choice, without choices by the same condition at its root."""
    while True:
        root, increments = increments_of(side)
        inner = Choice.of(root)
        if inner is None or not inner.is_beside(choice):
            return side
        taken = inner.sides[number]
        side = incremented(zeros_for(root) if is_zeros(taken) else taken, increments)


def _begun_with_the_rest(gradient: Variable, root: Variable, increments: list[Apply]) -> Variable:
    """Zeros to which most of an array is added: that, with zeros beside it, and then the other increments."""
    if not is_zeros(root):
        return gradient
    for node in increments:
        place = _rest(node)
        if place is not None:
            return incremented(_joined(node, *place), [other for other in increments if other is not node])
    return gradient


def _rest(node: Apply) -> tuple[int, bool] | None:
    """`rest_of` an increment, where its value fills the place."""
    base, y, *operands = node.inputs
    if not isinstance(node.op, IncSubtensor) or y.dtype != base.dtype or y.ndim != base.ndim:
        return None
    if any(n == 1 and m != 1 for n, m in zip(y.type.shape, base.type.shape, strict=True)):
        return None
    return rest_of(node.op.template, operands)


def rest_of(template: Template, operands: Sequence[Variable]) -> tuple[int, bool] | None:
    """The axis along which a part leaves out a known number of elements, and whether the first ones."""
    cut = [(axis, entry, values) for axis, (entry, values) in enumerate(pieces(template, operands)) if entry != FULL]
    axis, entry, values = cut[0] if len(cut) == 1 else (0, "", [])
    if isinstance(entry, str):
        return None
    start, stop, step = slice_parts(entry, values)
    number = constant_int(stop if start is None else start)
    if step is not None or number is None or (start is not None and stop is not None):
        return None
    return (axis, start is not None) if (number > 0 if stop is None else number < 0) else None


def _joined(node: Apply, axis: int, first: bool) -> Variable:
    """The value of an increment of zeros with as many zeros before or after it as it leaves out."""
    base, y, *_ = node.inputs
    lengths = dims(base)
    lengths[axis] = sub(lengths[axis], dim(y, axis))
    zeros = alloc(zero_of(y.dtype), lengths)
    return Join(axis)(*((zeros, y) if first else (y, zeros)))
