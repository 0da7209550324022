"""From the graph to scan IR: `lower_program` makes one function of a program.

One file for each family of ops, each with a lowering registered per op class. Rank-0 variables become
scalars, the rest tensors; every size is one SSA value, checked at the function's start where the
program leaves it open.
"""

from __future__ import annotations

from scancc.frontend.lowering import elementwise, indexing, linear_algebra, loops, masks, reduction, shaping  # noqa: F401
from scancc.frontend.lowering.context import lower_program

__all__ = ["lower_program"]
