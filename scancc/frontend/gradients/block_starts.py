"""What the blocks of a scan's steps start from, which the scan itself keeps.

    for t in range(n):
      s = step(s, x[t])
      starts[block + 1] = s            the last of a block's rows stays
      block, t_in_block = (block + 1, 0) if t_in_block + 1 == size else (block, t_in_block + 1)

Every step writes scalars, so that nothing is decided in the loop; of arrays a block's last rows alone are copied.
Where only the last steps have a gradient, their first is where block 0 starts: the steps before it are block -1.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.gradients.rules import zero_of
from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.variables import Apply, TensorType, Variable
from scancc.frontend.loops.rewiring import with_states
from scancc.frontend.loops.scan_op import Carry, Scan
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import add, eq, ge, gt, maximum, sub, switch

INT64, ZERO = TensorType("int64", ()), int64(0)


def keep_starts(node: Apply, numbers: Sequence[int], size: Variable, n_blocks: Variable, begin: Variable = ZERO,
                ) -> list[Variable]:
    """For the states of these numbers a stack of what each of `n_blocks` blocks of `size` steps starts from, of which
    block 0 starts at step `begin`."""
    op = node.op
    assert isinstance(op, Scan)
    if not numbers:
        return []
    inputs = op.inputs_of(node.inputs)
    held, within, block = (INT64(name) for name in ("block_size", "step_of_block", "block"))
    following = add(within, int64(1))
    ends = eq(following, held)
    counters = [(Carry(((-1, within),), 1, switch(ends, ZERO, following), trace=False), steps_before(begin, size)),
                (Carry(((-1, block),), 1, add(block, cast(ends, "int64")), trace=False), block_before(begin))]
    n_rows = add(n_blocks, int64(1))
    stacks = [_starts(op.body.carry[i], inputs.inits[i], n_rows, add(block, int64(1)), sub(within, held))
              for i in numbers]
    made = with_states(node, [*counters, *stacks], {held: size})[len(counters):]
    return [with_initial(stack, op.body.carry[i].depth, inputs.inits[i], begin)
            for i, stack in zip(numbers, made, strict=True)]


def steps_before(begin: Variable, size: Variable) -> Variable:
    """How many steps of its block are done before the first step: of block -1 as many as let it end at `begin`."""
    return ZERO if begin is ZERO else switch(gt(begin, ZERO), sub(size, begin), ZERO)


def block_before(begin: Variable) -> Variable:
    """The block that the first step is in."""
    return ZERO if begin is ZERO else switch(gt(begin, ZERO), int64(-1), ZERO)


def with_initial(stack: Variable, depth: int, init: Variable, begin: Variable) -> Variable:
    """`stack`, with what was there before the first step of what block 0 starts from; no step reads it."""
    if begin is ZERO:
        return set_subtensor(stack[0], init)
    if depth == 1:
        rows = stack[:cast(eq(begin, ZERO), "int64")]  # one or none, which copies nothing
        return set_subtensor(rows, init.dimshuffle("x", *range(init.ndim)))
    left = maximum(sub(int64(depth), begin), ZERO)
    return set_subtensor(stack[0, :left], init[sub(int64(depth), left):])


def _starts(carry: Carry, init: Variable, n_rows: Variable, at: Variable, left: Variable) -> tuple[Carry, Variable]:
    """The state that keeps the windows of another, with its initial value, all zeros."""
    first = alloc(zero_of(init.dtype), n_rows, *dims(init))
    stack = first.type("starts")
    return Carry(((-1, stack),), 1, starts_in(stack, at, carry, left), trace=False), first


def starts_in(stack: Variable, at: Variable, carry: Carry, left: Variable) -> Variable:
    """A stack of windows in which a block's last steps write each its row of a state into the window `at`. `left`:
    minus how many steps are to come, with this one."""
    row = add(left, int64(carry.depth))
    place = at if carry.depth == 1 else (at, maximum(row, ZERO))
    written = set_subtensor(stack[place], carry.next)
    return IfElse(1).apply(ge(row, ZERO), written, stack)[0] if carry.next.ndim else written
