"""Whether rounds of a loop over series may run side by side, and twice, for what they use of arrays of all series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import VIEW, has_trait, operand, whole, written_by
from scancc.ir.parts import Branch

from ..indexing.forms import Form
from ..indexing.rows import meet, root_of
from .series import Series


class _Use(NamedTuple):
    """A buffer that is not a round's own, and the row of it that is, if it is known: of what, which axis, where."""

    buffer: Value
    row: tuple[Value, int, Form] | None
    is_written: bool

    def meets(self, other: _Use) -> bool:
        return (self.is_written or other.is_written) and any(
            meet(a, b) for a in _roots(self.buffer) for b in _roots(other.buffer))

    def is_of_row(self, other: _Use) -> bool:
        return self.row is not None and self.row == other.row


def dependence(series: Series) -> str | None:
    """Why lanes may not run side by side, or None: what they read together nobody writes, and what they write
    together is in rows of their own."""
    here, later = _uses(series, series.together), _uses(series, series.behind)
    apart = (one.meets(other) and not (one.is_written and other.is_written and one.is_of_row(other))
             for one in here for other in here)
    followed = (one.meets(other) and not (one.is_written and one.is_of_row(other)) for one in here for other in later)
    return "it is not known that what a series writes no other one uses" if any(apart) or any(followed) else None


def runs_again(series: Series) -> bool:
    """Whether a round may run twice: what follows round by round reads nothing that it writes."""
    later = _uses(series, series.behind)
    return not any(one.is_written and not other.is_written and one.meets(other) for one in later for other in later)


def _uses(series: Series, ops: Sequence[Op]) -> list[_Use]:
    return [use for outer in ops for op in outer.walk() for use in _used(series, op)]


def _used(series: Series, op: Op) -> Iterator[_Use]:
    dest = written_by(op)
    if has_trait(op, VIEW) or op.name == "memref.dim":
        return
    for value in op.operands:
        if isinstance(value.type, t.MemRefType) and not series.is_own(value):
            yield _Use(value, _row(series, op, value), value is dest)


def _roots(buffer: Value) -> list[Value]:
    """What a buffer is a part of; where a branch chooses one, all of them."""
    root = root_of(buffer)
    if root.op is None or root.op.name != "scf.if":
        return [root]
    (_, *sides) = Branch(root.op).choices[root.index]
    return [each for side in sides for each in _roots(side)]


def _row(series: Series, op: Op, buffer: Value) -> tuple[Value, int, Form] | None:
    at = op if op in series.along else buffer.op
    while at is not None and at not in series.along and has_trait(at, VIEW):
        at = operand(at, "source").op
    if at is None or at not in series.along:
        return None
    return whole(at), series.along[at].axis, series.forms.of(series.place_of(at))
