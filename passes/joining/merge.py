"""The joint nest of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, replace_each
from scancc.ir.parts import Access, Nest
from scancc.late_dataclasses import dataclass

from .matching import Match

Element = tuple[Access, Value, Value]  # of a result: where it is written, its element, the result before


def merge(match: Match, moved: Sequence[Op]) -> Op:
    """Put one nest where the second stands, `moved` behind it."""
    first, second = match.first, match.second
    body, block = _Body(), second.op.parent
    assert block is not None
    body.take(first, [match.moved(read) for read in first.reads], match.place)
    for read in second.reads:
        if read.value.op is first.op:
            read.arg.replace_by(first.elements[read.value.index])
    body.take(second, [read for read in second.reads if read.value.op is not first.op], second.identity)
    kept = _results(first)
    results = [*((match.moved(write), element, old) for write, element, old in (kept[n] for n in match.kept)),
               *_results(second)]
    made = _build(match, body, results)
    for op in moved:
        block.ops.remove(op)
    place = block.ops.index(made) + 1
    block.ops[place:place] = moved
    for new, (_, _, old) in zip(made.results, results, strict=True):
        new.name = old.name
    replace_each({old: new for new, (_, _, old) in zip(made.results, results, strict=True)})
    second.op.erase()
    first.op.erase()
    return made


def _results(nest: Nest) -> list[Element]:
    return list(zip(nest.writes, nest.elements, nest.op.results, strict=True))


@dataclass
class _Body:
    """The body under construction: an argument for each array and the loops that it follows."""

    block: Block = field(default_factory=Block)
    inputs: dict[tuple[Value, tuple[int | None, ...]], Value] = field(default_factory=dict)

    def take(self, nest: Nest, reads: Sequence[Access], place: Sequence[int]) -> None:
        """Take over the ops of a nest."""
        for value, arg, dims in reads:
            key = value, dims
            if key not in self.inputs:
                self.inputs[key] = self.block.add_arg(arg.type, arg.name)
            arg.replace_by(self.inputs[key])
        for op in nest.op.body.ops[:-1]:
            self.block.append(op)
            if op.name == "linalg.index":
                op.attrs["dim"] = t.IntAttr(place[op.attrs["dim"].value], t.i64)
        nest.op.body.ops = nest.op.body.ops[-1:]


def _build(match: Match, body: _Body, results: Sequence[Element]) -> Op:
    op = match.second.op
    block = op.parent
    assert block is not None
    n_dims = len(match.place)
    for write, _, _ in results:
        running = body.block.add_arg(write.arg.type, write.arg.name)
        write.arg.replace_by(running)
    Builder(body.block, location=op.location).make("linalg.yield", [element for _, element, _ in results])
    maps = [t.AffineMap(n_dims, dims) for _, dims in body.inputs]
    maps += [t.AffineMap(n_dims, write.dims) for write, _, _ in results]
    kinds = [t.REDUCTION if d in match.reduced else t.PARALLEL for d in range(n_dims)]
    groups = {"inputs": [value for value, _ in body.inputs], "outputs": [write.value for write, _, _ in results]}
    attrs = {"indexing_maps": maps, "iterator_types": kinds}
    return Builder(block, op, op.location).grouped(
        "linalg.generic", groups, [old.type for _, _, old in results], attrs, [Region([body.block])])
