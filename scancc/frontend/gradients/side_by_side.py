"""Blocks of steps run again side by side: where a step is arithmetic of scalars, those of LANES blocks are one.

    for j in range(LANES):                       for t in range(B):
      for t in range(B):                    ->     s = step(s, x[start + t + B * arange(LANES)])
        s[j] = step(s[j], x[start + j*B + t])      rows[t] = s

A step takes as long as its chain of operations, which is as long for a vector: so the steps run once more in a small
part of the time. What would lie behind the last step is computed, and cut off: such steps cannot fail.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from scancc.frontend.graph.dims import dimshuffle, int64
from scancc.frontend.graph.variables import Apply, TensorType, Variable, applies
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.elementwise import Cast, Elemwise, align
from scancc.frontend.ops.making import alloc, arange
from scancc.frontend.ops.scalars import add, minimum, mul, sub

LANES = 8  # two vectors of AVX2, or one of AVX-512


def may_run_side_by_side(body: Body) -> bool:
    """Whether a step of several blocks is one of vectors that saves time: a recurrence of scalars, and more than
    cheap ops."""
    rows = [*(carry.next for carry in body.carry), *body.ys]
    nodes = applies(rows)
    return ({carry.depth for carry in body.carry} == {1} and not any(v.ndim for v in (*rows, *body.inputs))
            and all(isinstance(node.op, Elemwise | Cast) for node in nodes)
            and not all(node.op.is_cheap for node in nodes))


class SideBySide:
    """The stacks of one scan over the steps of LANES blocks, made block beside block.

    sequences: of the scan, with the whole ones that they are parts of.
    starts: for each initial value those of all blocks.
    start: where the steps begin in the whole sequences, of `n` rows.
    size: the steps of a block.
    """

    def __init__(self, node: Apply, sequences: Mapping[Variable, Variable], starts: Mapping[Variable, Variable],
                 start: Variable, size: Variable, n: Variable) -> None:
        assert isinstance(node.op, Scan)
        self.op, self.node, self.size = node.op, node, size
        self.inputs, self.outputs = node.op.inputs_of(node.inputs), node.op.outputs_of(node.outputs)
        places = add(dimshuffle(arange(size), 0, "x"), dimshuffle(mul(arange(int64(LANES)), size), "x", 0))
        self.places = minimum(add(start, places), sub(n, int64(1)))
        self.xs = [sequences[x][self.places] for x in self.inputs.xs]
        self.inits = [starts[init] for init in self.inputs.inits]

    def stacks(self, used: Collection[Variable]) -> dict[Variable, Variable]:
        """Those of the outputs of the scan that are used; nothing where not all of these are stacks."""
        if not used or any(last in used for last in self.outputs.carry):
            return {}
        wanted = [(stack, y) for stack, y in zip(self.outputs.ys, self.op.body.ys, strict=True) if stack in used]
        made = self._run([y for _, y in wanted])
        return {stack: self._in_order(rows) for (stack, _), rows in zip(wanted, made, strict=True)}

    def _run(self, ys: list[Variable]) -> list[Variable]:
        body = self.op.body
        taps = [tap for carry in body.carry for _, tap in carry.taps]
        beside = {v: TensorType(v.dtype, (LANES,))(v.name) for v in (*body.xs, *taps)}
        for node in applies([*(carry.next for carry in body.carry), *ys]):
            if not beside.keys().isdisjoint(node.inputs):
                beside[node.outputs[0]] = node.op(*align([beside.get(v, v) for v in node.inputs]))
        rows = [beside[v] if v in beside else alloc(v, int64(LANES))
                for v in (*(carry.next for carry in body.carry), *ys)]
        carries = tuple(Carry(((-1, beside[tap]),), 1, row, trace=False)
                        for tap, row in zip(taps, rows, strict=False))
        made = Body(tuple(beside[x] for x in body.xs), carries, body.consts, tuple(rows[len(carries):]))
        return replace(self.op, body=made).apply_to(ScanInputs(self.size, self.xs, self.inits, self.inputs.consts)).ys

    def _in_order(self, rows: Variable) -> Variable:
        """Rows of all blocks side by side, one block behind the other."""
        return reshape(dimshuffle(rows, 1, 0), [mul(self.size, int64(LANES))])[:self.inputs.length]
