"""Which states of a scan are tables: a step reads and writes some elements, and all others stay or move.

    b[t] = set(b[t-1], i, tanh(b[t-1][j]))

The rows of such a state take as much memory a step as the whole table. What the reverse step needs of them is what
was read at `b[j]`, and that the forward scan saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from scancc.frontend.gradients.contributions import Choice
from scancc.frontend.gradients.scan_links import tap_variables
from scancc.frontend.graph.dims import DimShuffle
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.scan_op import Body, Scan
from scancc.frontend.ops.axes import Reshape
from scancc.frontend.ops.control import Check
from scancc.frontend.ops.joining import Join
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

_around: ContextVar[frozenset[Variable]] = ContextVar("tables of the scans around", default=frozenset())


@contextmanager
def inside(tables: frozenset[Variable]) -> Iterator[None]:
    """While the gradients of a step are built, whose scan has these tables: scans in it may read them too."""
    token = _around.set(_around.get() | tables)
    try:
        yield
    finally:
        _around.reset(token)


def tables_of(body: Body, consts: Sequence[Variable], nodes: Iterable[Apply]) -> frozenset[Variable]:
    """The variables of a step that hold a table, one of this scan or, among its invariants, of one around.

    consts: the invariants outside.
    nodes: of the step, inputs first.
    """
    taps = {var for carry in body.carry for var in tap_variables(carry) if var.ndim}
    tables = [carry for carry in body.carry if not taps.isdisjoint(_moved_from(carry.next))]
    found = {var for carry in tables for var in tap_variables(carry)}
    around = _around.get()
    found.update(inner for inner, outer in zip(body.consts, consts, strict=True) if outer in around)
    if found:
        for node in nodes:
            found.update(var for var in node.outputs if not found.isdisjoint(_origins(var)))
    return frozenset(found)


def is_read_of(var: Variable, tables: frozenset[Variable]) -> bool:
    """Whether `var` is a part of one of `tables`."""
    node = var.owner
    if node is None or not isinstance(node.op, Subtensor | AdvancedSubtensor) or node.inputs[0] not in tables:
        return False
    return None not in var.type.shape or any(isinstance(entry, str) for entry in node.op.template)


def _moved_from(x: Variable) -> set[Variable]:
    """`x`, and what most of its elements come from unchanged."""
    found: set[Variable] = set()
    pending = [x]
    while pending:
        var = pending.pop()
        if var not in found:
            found.add(var)
            pending += _origins(var)
    return found


def _origins(x: Variable) -> Sequence[Variable]:
    choice, node = Choice.of(x), x.owner
    if choice is not None:
        return choice.sides
    if node is None:
        return ()
    if isinstance(node.op, IncSubtensor | AdvancedIncSubtensor | DimShuffle | Reshape | Check):
        return node.inputs[:1]
    if isinstance(node.op, Subtensor):
        return [] if "i" in node.op.template else node.inputs[:1]
    if isinstance(node.op, Join):
        return node.inputs
    if isinstance(node.op, Scan):
        return node.op.inputs_of(node.inputs).inits[x.index: x.index + 1]
    return ()
