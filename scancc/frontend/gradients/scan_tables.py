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
from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import DimShuffle
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.scan_op import Body, Carry, Scan, stacked
from scancc.frontend.ops.axes import Reshape
from scancc.frontend.ops.control import Check
from scancc.frontend.ops.index_template import FULL, most_of_entry, pieces
from scancc.frontend.ops.joining import Join
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

MOST = 256  # elements along an axis of what is saved with room for the most there may be

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
    if node is None or not isinstance(node.op, Subtensor | AdvancedSubtensor):
        return False
    if var in tables or node.inputs[0] not in tables:
        return False
    template = node.op.template
    return None not in var.type.shape or any(isinstance(entry, str) for entry in template) or any(
        most_of_entry(*piece) is not None for piece in pieces(template, node.inputs[1:]))


def most_of_read(var: Variable, tables: frozenset[Variable]) -> list[int | None] | None:
    """For each axis of a part of a table, or of the rows of an inner scan that reads one, the most elements that it
    has, where the program tells a number that is small; None for anything else."""
    node = var.owner
    assert node is not None
    if isinstance(node.op, Scan):
        return None if tables.isdisjoint(node.inputs) else _most_rows(var, node, tables)
    if not isinstance(node.op, Subtensor) or node.inputs[0] not in tables:
        return None
    found = [most_of_entry(*piece) for piece in pieces(node.op.template, node.inputs[1:]) if piece[0] != "i"]
    return [n if n is not None and n <= MOST else None for n in found]


def _most_rows(var: Variable, node: Apply, tables: frozenset[Variable]) -> list[int | None] | None:
    """Of an inner scan, but not of the tables in it."""
    assert isinstance(node.op, Scan)
    inputs = node.op.inputs_of(node.inputs)
    if var not in stacked(node) or inputs.inits[var.index: var.index + 1] and inputs.inits[var.index] in tables:
        return None
    steps = constant_int(inputs.length)
    return [steps if steps is not None and steps <= MOST else None, *[None] * (var.ndim - 1)]


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
        return [] if "i" in node.op.template and not _is_last_row(node) else node.inputs[:1]
    if isinstance(node.op, Join):
        return node.inputs
    if isinstance(node.op, Scan) and x.index < len(node.op.body.carry):
        carry = node.op.body.carry[x.index]
        return node.op.inputs_of(node.inputs).inits[x.index: x.index + 1] if _is_table(carry) else ()
    return ()


def _is_table(carry: Carry) -> bool:
    """Whether most elements of a state come from an earlier one unchanged."""
    taps = {var for var in tap_variables(carry) if var.ndim}
    return bool(taps) and not taps.isdisjoint(_moved_from(carry.next))


def _is_last_row(node: Apply) -> bool:
    """Whether a part is the state with which an inner scan ends."""
    x, *operands = node.inputs
    first, *rest = node.op.template  # type: ignore[attr-defined]
    made = x.owner
    return (made is not None and isinstance(made.op, Scan) and first == "i" and all(entry == FULL for entry in rest)
            and constant_int(operands[0]) == -1)
