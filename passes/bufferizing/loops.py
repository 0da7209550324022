"""Loops over the elements of arrays, and a `linalg.generic` with its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.late_dataclasses import dataclass

from .context import Context

PARALLEL_LOOP = {"parallel": t.IntAttr(1, t.i64)}
REDUCTION_LOOP = {"reduction": t.IntAttr(1, t.i64)}  # may be combined in another order
PREFIX_LOOP = {"prefix": t.IntAttr(1, t.i64)}  # rounds may be combined before what they begin with is known


def nest(c: Context, sizes: Sequence[Value], body: Callable[[list[Value]], None],
         enter: Callable[[list[Value]], None] | None = None, counters: tuple[Value, ...] = ()) -> None:
    """Parallel loops over `sizes` around `body(counters)`; `enter` sees the counters so far at each level."""
    if enter is not None:
        enter(list(counters))
    if not sizes:
        body(list(counters))
        return
    if constant_of(sizes[0]) == 1:
        nest(c, sizes[1:], body, enter, (*counters, c.b.index(0)))
        return
    with c.loop(sizes[0], dict(PARALLEL_LOOP)) as counter:
        counter.name = "i"
        nest(c, sizes[1:], body, enter, (*counters, counter))


@dataclass
class Nest:
    """A `linalg.generic` with what it reads and writes in memory."""

    op: Op
    args: list[Value]    # arguments of the body that are read
    inputs: list[Value]  # the buffers they come from
    maps: list[tuple[int | None, ...]]
    sizes: list[Value]
    reduced: list[int]
    combined: list[int]       # the numbers of the results that are combined
    outputs: dict[int, Value] = field(default_factory=dict)  # buffers of results that are not in a register
    stores: dict[int, Value] = field(default_factory=dict)   # where results with an element a round are written
    needed: set[Op] | None = None  # of the body: what of it runs, if not all

    @property
    def rank(self) -> int:
        """How many dimensions are parallel; they come first."""
        return len(self.sizes) - len(self.reduced)
