"""Loop IR in upstream dialects alone: func, cf, scf, memref, arith, math, vector, complex. For other tools of MLIR.

    func @f(inputs, outputs, workspace, %sizes: memref<?xi64>, %info: memref<4xi64>) -> i32     and @f__query

Both return a status, 0 or that of a check, whose numbers are then in %info. The query writes the sizes of all
outputs, axis by axis, and the bytes of workspace to %sizes; the function itself writes there the sizes that it
filled, where a loop may end early: an output's elements lie one after the other. A truth value in memory is an i8.
"""

from __future__ import annotations

from . import arithmetic, control, memory, sums, vectors  # noqa: F401  (register their rules)
from .writer import module_text

__all__ = ["module_text"]
