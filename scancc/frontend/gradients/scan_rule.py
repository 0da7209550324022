"""The rule of a scan: what its reverse keeps of the forward steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.gradients.block_sizes import Sizes, may_run_on, nbytes, of_steps, root, value_of, within_budget
from scancc.frontend.gradients.budget import Budget, budget
from scancc.frontend.gradients.checkpoints import BlockReverse
from scancc.frontend.gradients.rules import Gradient, differentiates
from scancc.frontend.gradients.scan_reverse import Reverse
from scancc.frontend.gradients.side_by_side import LANES, may_run_side_by_side
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.added import as_seen
from scancc.frontend.loops.scan_op import Scan, ScanInputs


@differentiates(Scan)
def scan_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    seen = as_seen(node, {v for v, g in zip(node.outputs, gradients, strict=True) if g is not None})
    sizes = _sizes(seen.op, seen.op.inputs_of(node.inputs).length)
    _, xs, inits, consts = _gradients(seen.of(node), [gradients[i] for i in seen.outputs],
                                      [wanted[i] for i in seen.inputs], sizes, budget())
    found = dict(zip(seen.inputs, [None, *xs, *inits, *consts], strict=True))
    return [found.get(i) for i in range(len(node.inputs))]


def _sizes(op: Scan, length: Variable) -> Sizes | None:
    """The lengths of blocks, where the user asked for less memory."""
    given = budget()
    if op.checkpoints == "states":
        return None
    if op.checkpoints is not None:
        lanes = LANES if may_run_side_by_side(op.body) and not may_run_on(op.body, length) else 1
        return root(lanes) if op.checkpoints == "sqrt" else of_steps(int(op.checkpoints))
    return None if given is None else within_budget(given.share, str(given))


def _gradients(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool], sizes: Sizes | None,
               given: Budget | None) -> ScanInputs[Gradient]:
    op = node.op
    assert isinstance(op, Scan)
    if sizes is None:
        return Reverse(node, gradients, wanted, fewest=op.checkpoints == "states").gradients()
    in_rows = _in_rows(node, gradients, wanted, given.share) if given and op.checkpoints is None else None
    return in_rows or BlockReverse(node, gradients, wanted, sizes).gradients()


def _in_rows(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool], max_bytes: int,
             ) -> ScanInputs[Gradient] | None:
    """The gradients by rows of all steps, where they are known to be within the budget: all that save operations, or
    the fewest that do."""
    op = node.op
    assert isinstance(op, Scan)
    n_rows = value_of(op.inputs_of(node.inputs).length)
    if op.truncate_gradient >= 0:
        n_rows = min(n_rows, op.truncate_gradient)
    if n_rows == np.inf:
        return None
    for fewest in (False, True):
        reverse = Reverse(node, gradients, wanted, fewest=fewest)
        found = reverse.gradients()
        if n_rows * value_of(nbytes(stack[0] for stack in reverse.stacks_read())) <= max_bytes:
            return found
    return None
