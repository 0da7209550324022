"""The rule of a scan: what its reverse keeps of the forward steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.gradients.block_sizes import may_run_on, nbytes, of_steps, root, value_of, within_budget
from scancc.frontend.gradients.budget import Budget, budget
from scancc.frontend.gradients.checkpoints import BlockReverse
from scancc.frontend.gradients.rules import Gradient, differentiates
from scancc.frontend.gradients.scan_reverse import Reverse
from scancc.frontend.gradients.side_by_side import LANES, may_run_side_by_side
from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.variables import Apply
from scancc.frontend.loops.added import as_seen
from scancc.frontend.loops.scan_op import Scan, ScanInputs


@differentiates(Scan)
def scan_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    seen = as_seen(node, {v for v, g in zip(node.outputs, gradients, strict=True) if g is not None})
    given = [gradients[i] for i in seen.outputs], [wanted[i] for i in seen.inputs]
    if seen.op.checkpoints is None and (of_all := budget()) is not None:
        _, xs, inits, consts = _in_budget(node, seen.of(node), *given, of_all)
    else:
        _, xs, inits, consts = _as_asked(seen.of(node), *given)
    found = dict(zip(seen.inputs, [None, *xs, *inits, *consts], strict=True))
    return [found.get(i) for i in range(len(node.inputs))]


def _as_asked(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> ScanInputs[Gradient]:
    """The gradients by rows of all steps, or by what `checkpoints=` says."""
    op = node.op
    assert isinstance(op, Scan)
    if op.checkpoints in (None, "states"):
        return Reverse(node, gradients, wanted, fewest=op.checkpoints == "states").gradients()
    is_open = may_run_on(op.body, op.inputs_of(node.inputs).length)
    lanes = LANES if may_run_side_by_side(op.body) and not is_open else 1
    sizes = root(lanes) if op.checkpoints == "sqrt" else of_steps(int(op.checkpoints))
    return BlockReverse(node, gradients, wanted, sizes).gradients()


def _in_budget(known_as: Apply, node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool], budget: Budget,
               ) -> ScanInputs[Gradient]:
    """The gradients by rows of all steps, where they are known to fit, else by blocks."""
    found, nbytes_kept = _in_rows(node, gradients, wanted, budget.most(known_as))
    share = budget.share(known_as)
    if found is None:
        reverse = BlockReverse(node, gradients, wanted, within_budget(share, str(budget)))
        found, nbytes_kept = reverse.gradients(), reverse.nbytes_kept
    budget.settle(known_as, as_tensor_variable(nbytes_kept) if nbytes_kept < np.inf else share)
    return found


def _in_rows(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool], most: float,
             ) -> tuple[ScanInputs[Gradient] | None, float]:
    """The gradients by rows of all steps, and their bytes, where these are known to be no more than `most`: all rows
    that save operations, or the fewest that do."""
    op = node.op
    assert isinstance(op, Scan)
    n_rows = value_of(op.inputs_of(node.inputs).length)
    if op.truncate_gradient >= 0:
        n_rows = min(n_rows, op.truncate_gradient)
    if n_rows == np.inf:
        return None, 0.0
    for fewest in (False, True):
        reverse = Reverse(node, gradients, wanted, fewest=fewest)
        found = reverse.gradients()
        kept = n_rows * value_of(nbytes(stack[0] for stack in reverse.stacks_read()))
        if kept <= most:
            return found, kept
    return None, 0.0
