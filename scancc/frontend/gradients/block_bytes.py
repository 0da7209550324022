"""How many bytes the reverse of a block of steps keeps of each, by what is known outside the loop over blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scancc.frontend.gradients.block_sizes import nbytes
from scancc.frontend.gradients.rules import zero_of
from scancc.frontend.graph.dims import ShapeI, dim, dims
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import Apply, TensorType, Variable, ancestors, applies, rebuild
from scancc.frontend.loops.scan_op import Scan, stacked
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.subtensor import Subtensor

INT64 = TensorType("int64", ())


def bytes_of_a_step(roots: Sequence[Variable], told: Mapping[Variable, Variable]) -> Variable:
    """The bytes of a row of each stack that `roots` rest on. told: what variables of the loop are outside."""
    used, rows = set(ancestors(roots)), _Rows(told)
    for node in applies(roots):
        if isinstance(node.op, Scan):
            rows.add(node)
    return nbytes(row for stack, row in rows.found.items() if stack in used)


class _Rows:
    """For each stack a variable outside of the shape of its rows, whose elements nobody computes."""

    def __init__(self, told: Mapping[Variable, Variable]) -> None:
        self.told, self.found = dict(told), dict[Variable, Variable]()

    def add(self, node: Apply) -> None:
        """Take the stacks of a scan, whose sequences may be made of those that were taken before."""
        op = node.op
        assert isinstance(op, Scan)
        body, inputs = op.body, op.inputs_of(node.inputs)
        shapes = {inner: self._like(x, 1) for inner, x in zip(body.xs, inputs.xs, strict=True)}
        shapes |= {tap: self._like(init, int(c.depth > 1)) for c, init in zip(body.carry, inputs.inits, strict=True)
                   for _, tap in c.taps}
        shapes |= {inner: self._like(x, 0) for inner, x in zip(body.consts, inputs.consts, strict=True)}
        rows = [*(carry.next for carry in body.carry if carry.trace), *body.ys]
        self.found |= zip(stacked(node), rebuild(rows, shapes), strict=True)

    def _like(self, x: Variable, first: int) -> Variable:
        """What has the shape of the axes from `first` on of `x`, which is a number itself if it has none."""
        if isinstance(x.type, StreamType):
            return x
        lengths = self._outside(dims(x)[first:])
        if lengths:
            return alloc(zero_of(x.dtype), lengths)
        return zero_of(x.dtype) if x.ndim else self._outside([x])[0]

    def _outside(self, values: list[Variable]) -> list[Variable]:
        values = [_by_formulas(v) if v.type == INT64 else v for v in values]
        sizes = [v for v in ancestors(values) if v.owner is not None and isinstance(v.owner.op, ShapeI)]
        return rebuild(values, self.told | {v: known for v in sizes if (known := self._length(v)) is not None})

    def _length(self, size: Variable) -> Variable | None:
        node = size.owner
        assert node is not None and isinstance(node.op, ShapeI)
        x, axis = node.inputs[0], node.op.axis
        if x in self.found and axis:
            return dim(self.found[x], axis - 1)
        return _by_formulas(dim(self.told[x], axis)) if x in self.told else None


def _by_formulas(length: Variable) -> Variable:
    """A length in which that of a slice is computed from bounds, not asked of what is sliced: that may be rows of the
    scan whose blocks are as long as the length says."""
    asked = [v for v in ancestors([length]) if v.owner is not None and isinstance(v.owner.op, ShapeI)]
    told: dict[Variable, Variable] = {}
    for size in asked:
        assert size.owner is not None and isinstance(size.owner.op, ShapeI)
        slice_of = size.owner.inputs[0].owner
        if slice_of is not None and isinstance(slice_of.op, Subtensor):
            formula = slice_of.op.length(slice_of, size.owner.op.axis)
            told |= {} if formula is None else {size: _by_formulas(formula)}
    return rebuild([length], told)[0]
