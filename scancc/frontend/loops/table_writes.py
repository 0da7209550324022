"""What a step writes to a table, piece by piece: where, and on which sides of lazy choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from scancc.frontend.graph.dims import ShapeI
from scancc.frontend.graph.variables import Apply, Variable, ancestors, applies
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.elementwise import Elemwise
from scancc.frontend.ops.index_template import most_of_entry, pieces, summands
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor
from scancc.late_dataclasses import dataclass

FEW = 64  # a table of so many numbers is copied as fast
Path = tuple[tuple[Variable, bool], ...]  # conditions of `ifelse`, outermost first, and the sides


def has_few(row: Variable) -> bool:
    """Whether a table is no table, or has few numbers."""
    return None not in row.type.shape and prod(n for n in row.type.shape if n is not None) <= FEW


@dataclass(frozen=True)
class TableWrite:
    """One write of a part of a table, in the steps that take these sides of lazy choices."""

    node: Apply
    path: Path

    def varying_places(self, varying: set[Variable]) -> list[Variable]:
        """What differs from step to step in the place: an operand, or what a number is added to in it."""
        return [v for operand in self.node.inputs[2:] for v in _varying(operand, varying)]

    def copied(self, base: Variable, source: Variable, places: Sequence[Variable]) -> Variable:
        """`base` with what `source` has at these places."""
        op = self.node.op
        part = op.part(op.template)(source, *places)  # type: ignore[attr-defined]
        return replace(op, set=True)(base, part, *places)  # type: ignore[type-var]


def on_path(path: Path, value: Variable, otherwise: Variable) -> Variable:
    """`value` in steps that take these sides."""
    for condition, side in reversed(path):
        value = IfElse(1).apply(condition, *((value, otherwise) if side else (otherwise, value)))[0]
    return value


def writes_to(new: Variable, row: Variable) -> list[TableWrite] | None:
    """The writes of small parts by which `new` is made of `row`, the last ones first; None where it is made
    otherwise, or where a part of the way lies on sides of several choices."""
    paths: dict[Variable, set[Path]] = {new: {()}}
    found = []
    for node in reversed(applies([new], [row])):
        for var in node.outputs:
            if var not in paths:
                continue
            path, before = _shared(paths[var]), _made_of(var)
            if path is None or not before:
                return None
            if _is_write(node):
                found.append(TableWrite(node, path))
            for base, more in before:
                if base.owner is None and base is not row:
                    return None
                paths.setdefault(base, set()).add((*path, *more))
    return found if row in paths else None


def _is_write(node: Apply) -> bool:
    return isinstance(node.op, IncSubtensor | AdvancedIncSubtensor)


def _made_of(var: Variable) -> list[tuple[Variable, Path]]:
    """The table that a write begins with, or the two of a choice, each with its side."""
    node = var.owner
    assert node is not None
    if _is_write(node):
        return [(node.inputs[0], ())] if is_small(node, node.inputs[2:]) else []
    if isinstance(node.op, Elemwise) and node.op.fn == "switch":
        return [(side, ()) for side in node.inputs[1:]]
    if not isinstance(node.op, IfElse):
        return []
    inputs = node.op.inputs_of(node.inputs)
    return [(side[var.index], ((inputs.condition, taken),))
            for side, taken in ((inputs.then, True), (inputs.otherwise, False))]


def _shared(paths: set[Path]) -> Path | None:
    """The path of what lies on one, on both sides of a choice, or on a side and once more further in."""
    left = set(paths)
    while pair := next((path for path in left if path and _other_side(path) in left), None):
        left -= {pair, _other_side(pair)}
        left.add(pair[:-1])
    least = min(left, key=len)
    return least if all(path[:len(least)] == least for path in left) else None


def _other_side(path: Path) -> Path:
    *before, (condition, side) = path
    return (*before, (condition, not side))


def parts_read(values: Sequence[Variable], table: Variable) -> list[Apply] | None:
    """The small parts that `values` read of a table, inputs first; None where they need more of it."""
    users = [node for node in applies(values) if table in node.inputs and not isinstance(node.op, ShapeI)]
    parts = all(isinstance(node.op, Subtensor | AdvancedSubtensor) and table not in node.inputs[1:] and
                is_small(node, node.inputs[1:]) for node in users)
    return users if parts and table not in values else None


def is_small(node: Apply, operands: Sequence[Variable]) -> bool:
    """Whether the place of a read or a write has few elements along an axis of any length."""
    return any(isinstance(entry, str) or most_of_entry(entry, values) is not None
               for entry, values in pieces(node.op.template, operands))  # type: ignore[attr-defined]


def _varying(place: Variable, varying: set[Variable]) -> list[Variable]:
    if varying.isdisjoint(ancestors([place])):
        return []
    base = None if place.ndim else summands(place)[0]
    return [place if base is None else base]


