"""What the blocks of a scan's steps start from, which the scan itself keeps.

    for t in range(n):
      s = step(s, x[t])
      starts[block + 1] = s            the last of a block's rows stays
      block, t_in_block = (block + 1, 0) if t_in_block + 1 == size else (block, t_in_block + 1)

Every step writes, so that nothing is decided in the loop and no step divides.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.gradients.block_sizes import Sizes
from scancc.frontend.gradients.rules import zero_of
from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.variables import Apply, TensorType, Variable
from scancc.frontend.loops.rewiring import with_states, without_unused
from scancc.frontend.loops.scan_op import Carry, Scan
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import add, eq, maximum, mul, sub, switch

INT64 = TensorType("int64", ())


def keep_starts(node: Apply, numbers: Sequence[int], sizes: Sizes) -> list[Variable]:
    """For the states of these numbers a stack of what each block starts from.

    Of a scan inside a block nobody reads anything else, and only the steps up to the last block run.
    """
    op = node.op
    assert isinstance(op, Scan)
    if not numbers:
        return []
    inputs = op.inputs_of(node.inputs)
    size, n_blocks = sizes.levels[0], sizes.n_blocks(inputs.length)
    if sizes.choice is None:
        steps = mul(maximum(sub(n_blocks, int64(1)), int64(0)), size)
        node = Apply(op, [steps, *node.inputs[1:]], [v.type for v in node.outputs], node.location)
    held, within, block = (INT64(name) for name in ("block_size", "step_of_block", "block"))
    following = add(within, int64(1))
    ends = eq(following, held)
    counters = [(Carry(((-1, within),), 1, switch(ends, int64(0), following), trace=False), int64(0)),
                (Carry(((-1, block),), 1, add(block, cast(ends, "int64")), trace=False), int64(0))]
    n_rows = add(mul(n_blocks, int64(sizes.lanes)), int64(1))
    stacks = [_starts(op.body.carry[i], inputs.inits[i], n_rows, add(block, int64(1)), sub(within, held))
              for i in numbers]
    made = with_states(node, [*counters, *stacks], {held: size})[len(counters):]
    if sizes.choice is None and made[0].owner is not None:
        without_unused(made[0].owner, set(made))
    return [set_subtensor(stack[0], inputs.inits[i]) for i, stack in zip(numbers, made, strict=True)]


def _starts(carry: Carry, init: Variable, n_rows: Variable, at: Variable, left: Variable) -> tuple[Carry, Variable]:
    """The state that keeps the windows of another, with its initial value, all zeros. A step writes its row into the
    window `at`; in a block's last steps each into a row of its own. `left`: minus how many steps are to come, with
    this one."""
    first = alloc(zero_of(init.dtype), n_rows, *dims(init))
    stack = first.type("starts")
    place = at if carry.depth == 1 else (at, maximum(add(left, int64(carry.depth)), int64(0)))
    return Carry(((-1, stack),), 1, set_subtensor(stack[place], carry.next), trace=False), first
