"""Move run-time checks, with the sizes they compare, before everything that they can precede.

    %y = linalg.generic ...              scan.check(%n > 0)
    scan.check(%n > 0)             ->    %y = linalg.generic ...

Why: an error must come before any output is written, and no time should go into a call that fails.
Conservative: only in the function's own block (what a loop checks depends on the loop), and only checks
whose condition follows from sizes and scalars without a loop. The order of checks stays.
Cost: linear in ops times checks. Runs after `licm`, which brings invariant checks out of loops.
"""

from __future__ import annotations

from scancc.ir.core import Op, functions
from scancc.ir.ops import CHECKS, PURE, has_trait
from scancc.ir.types import TensorType


def checks_first(module: Op) -> None:
    """Reorder the blocks of all functions."""
    for func in functions(module):
        block = func.body
        early: dict[Op, None] = {}
        for op in block.ops:
            if has_trait(op, CHECKS):
                needed = needed_for(op)
                if needed is not None:
                    early.update(dict.fromkeys(sorted(needed, key=block.ops.index)))
                    early[op] = None
        block.ops = [*early, *(op for op in block.ops if op not in early)]


def needed_for(check: Op) -> set[Op] | None:
    """The ops of the block that compute a check's operands; None if one of them is real work."""
    needed: set[Op] = set()
    stack = list(check.operands)
    while stack:
        op = stack.pop().op
        if op is None or op in needed:
            continue
        if op.regions or not has_trait(op, PURE) or isinstance(op.results[0].type, TensorType):
            return None
        needed.add(op)
        stack.extend(op.operands)
    return needed
