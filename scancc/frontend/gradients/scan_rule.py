"""The rule of a scan: what its reverse keeps of the forward steps."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from scancc.frontend.gradients.block_sizes import AllFits, Sizes, may_run_on, of_steps, root, within_budget
from scancc.frontend.gradients.budget import budget, within
from scancc.frontend.gradients.checkpoints import BlockReverse
from scancc.frontend.gradients.rules import Gradient, differentiates
from scancc.frontend.gradients.scan_reverse import Reverse
from scancc.frontend.gradients.side_by_side import LANES, may_run_side_by_side
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.scan_op import Scan, ScanInputs


@differentiates(Scan)
def scan_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    op = node.op
    assert isinstance(op, Scan)
    sizes = _sizes(op, op.inputs_of(node.inputs).length)
    with within(None):
        found = _gradients(node, gradients, wanted, sizes)
    return [None, *found.xs, *found.inits, *found.consts]


def _sizes(op: Scan, length: Variable) -> Sizes | None:
    """The lengths of blocks, where the user asked for less memory; a truncated gradient has none."""
    given = budget()
    if op.truncate_gradient >= 0:
        return None
    if op.checkpoints is not None:
        lanes = LANES if may_run_side_by_side(op.body) and not may_run_on(op.body, length) else 1
        return root(lanes) if op.checkpoints == "sqrt" else of_steps(int(op.checkpoints))
    return None if given is None else within_budget(given.share, str(given))


def _gradients(
    node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool], sizes: Sizes | None
) -> ScanInputs[Gradient]:
    if sizes is not None:
        with suppress(AllFits):
            return BlockReverse(node, gradients, wanted, sizes).gradients()
    return Reverse(node, gradients, wanted).gradients()
