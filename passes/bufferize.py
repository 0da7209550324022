"""Give every array a place in memory and every array op its loops: scan IR becomes loop IR.

    func @f(%x: tensor<?xf64>) {             func @f(%x: memref<?xf64>, %r: memref<?xf64>) {
      %r = linalg.generic ins(%x) {...}  ->    scf.for %i = 0 to %n { load; ...; store }
      return %r }                              return }

    scan(%p) { %q = insert %x into %p[%i]    for %t { store %x, %buffer[%i] }
               yield %q }               ->

Destination passing: an array is computed where it is wanted. What a function returns is written into its output
argument, a part of a joined array into its place there (`bufferizing/joins.py`), rows that a state takes into the
state, and what a loop makes for a window of an array into the window (`inserts.py`); a row that a scan stacks is
written into the row of the stack, and the next step reads the state from there. Other states live in one buffer
where each op on the way from the old value to the new one can write over its operand (`bufferizing/places.py`
decides for the whole function at once): writes of parts, loop nests, branches whose sides write, inner scans. A
state that `concat` extends at one end is a window that moves along a buffer of twice its length; states that are
made of one another in a circle exchange their buffers; all others have two that change places (whose rest is the
same where each step makes one window, `frames.py`), or registers where they are a few numbers, which are copied to
their row (read from there by the next step, a filter of two states took 6.4 ns a step, now 4.0). A scan marked with
`lanes` becomes loops over lanes around a loop over time whose state is scalar. Temporaries are `memref.alloc`, which
`plan-memory` places.
Conservative: an op writes over its operand only if nothing reads the old array after it; who reads a
slice of it that was taken before gets a copy of the slice. A loop nest reads it at the position it writes.
Where a check inside a loop can fail (or after an output was begun), outputs are computed in
temporaries and copied at the end, so that an error leaves them untouched.
Cost: linear; each write looks at the readers of its operand. Runs last on scan IR; there is no loop
before it and no tensor after.
Source: destination-passing style as in Futhark's, and MLIR's one-shot bufferization.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, functions
from scancc.ir.needs import TENSORS, Need, first_op
from scancc.ir.parts import Access, Nest

from .bufferizing.context import CONVERTERS
from .bufferizing.function import bufferize_function
from .fuse import REDUCING, is_chain


def _has_no_loops(op: Op) -> bool:
    """An op on arrays, or with regions, for which there is no converter."""
    if op.name in CONVERTERS or op.name in ("func.func", "builtin.module") or _ends(op):
        return False
    return bool(op.regions) or any(isinstance(v.type, t.TensorType) for v in (*op.operands, *op.results))


def _ends(op: Op) -> bool:
    return op.parent is not None and op is op.parent.ops[-1]


def _is_no_nest(op: Op) -> bool:
    """A nest that is not as `fuse` makes it: a result has the first dimensions, and starts from one number."""
    if op.name != "linalg.generic":
        return False
    nest = Nest(op)
    return any(write.dims != nest.identity[:len(write.dims)] or _starts_otherwise(nest, write)
               for write in nest.writes)


def _starts_otherwise(nest: Nest, write: Access) -> bool:
    """Whether a result starts from something that has no loops here."""
    made = write.value.op
    if nest.is_whole(write):
        return made is None or made.name not in ("tensor.splat", "tensor.empty") or bool(write.arg.uses)
    return made is None or made.name != "tensor.splat"


NEEDS = (
    TENSORS,
    Need(first_op(lambda op: _has_no_loops(op) and (is_chain(op) or op.name in REDUCING)),
         "is not in a loop nest", "run `fuse` before"),
    Need(first_op(_has_no_loops), "has no loops yet", "its program can run in mode='reference'"),
    Need(first_op(_is_no_nest), "is not as `fuse` makes it: each output starts from one number and has the first "
         "dimensions", "write it so"),
)


def bufferize(module: Op, stage_outputs: bool = False, in_rows: bool = True, grow_rows: bool = True,
              in_registers: int = 32, product_parts: int = 1) -> None:
    """Bufferize every function of `module`, in place.

    `stage_outputs`: outputs of functions that can fail late are written at the end only. `in_rows`: sums whose
    results are neighbours in memory are made a row at a time (a GPU has a thread for each instead). `grow_rows`: the
    caller may guess how many rows an `until` scan has, and start again; not where outputs are written at the end.
    `in_registers`: rows and states of up to so many numbers, as is known, have buffers of their own, of which
    registers are made, and are copied to where they are kept; none on a GPU, where such buffers are memory.
    `product_parts`: how many threads at most may have a part of a product outside of loops, each with its own room.
    """
    for func in functions(module):
        new = bufferize_function(func, stage_outputs, in_rows, grow_rows and not stage_outputs, in_registers,
                                 product_parts)
        block = func.parent
        assert block is not None
        block.insert_before(func, new)
        func.erase()
