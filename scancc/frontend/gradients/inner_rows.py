"""What of a step holds a row for each step of an inner scan.

The outer scan saves none of it for its reverse: all rows of all outer steps are what the nest computes, so the
reverse step runs the inner scan once more and holds the rows of one outer step, or the starts of its blocks
(`checkpoints`). What becomes of the rows within the step, their last one or their sum, is saved as anything else is.
"""

from __future__ import annotations

from collections.abc import Iterable

from scancc.frontend.graph.dims import dim, same_scalar
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.scan_op import Scan, stacked
from scancc.frontend.ops.subtensor import Subtensor


def inner_rows(nodes: Iterable[Apply]) -> set[Variable]:
    """Outputs of inner scans with a row a step, and what is made of them that is as long. `nodes`: inputs first."""
    found: dict[Variable, list[Variable]] = {}  # each with the lengths of the scans it holds rows of
    for node in nodes:
        if isinstance(node.op, Scan):
            found.update((v, [dim(v, 0)]) for v in stacked(node))
            continue
        lengths = [] if _takes_a_row(node) else [n for v in node.inputs for n in found.get(v, ())]
        found.update((v, kept) for v in node.outputs if lengths and (kept := _among_its_lengths(v, lengths)))
    return set(found)


def is_added_state(var: Variable) -> bool:
    """Whether it is what a derivative lets a scan keep beside what the user wrote: starts of blocks, and counters."""
    node = var.owner
    if node is None or not isinstance(node.op, Scan):
        return False
    return var in node.op.outputs_of(node.outputs).carry[node.op.body.parts_written.carry:]


def _takes_a_row(node: Apply) -> bool:
    return isinstance(node.op, Subtensor) and node.op.template[0] == "i"


def _among_its_lengths(var: Variable, lengths: Iterable[Variable]) -> list[Variable]:
    own = [dim(var, axis) for axis in range(var.ndim)]
    return [n for n in lengths if any(same_scalar(n, m) for m in own)]
