"""The query of a function: what its caller must allocate before it can run."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import CHECKS, has_trait
from scancc.late_dataclasses import dataclass

from .sizes import Sizes
from .start import slice_of

MOST_OPS = 32  # that a check alone needs: what is there again takes its time twice; a small matrix eliminated has 60


@dataclass
class Capacity:
    """Room that an output needs along an axis."""

    output: Value
    axis: int
    size: Value


def capacities(func: Op, sizes: Sizes) -> list[Capacity]:
    """The room that all outputs need."""
    found = []
    for op in [op for op in func.body.ops if op.name == "scan.output_dims"]:
        output, *dims = op.operands
        room = sizes.capacity(dims, output.name or "an output")
        found += [Capacity(output, axis, size) for axis, size in enumerate(room)]
    return found


def make_query(func: Op, wanted: list[Capacity], total: Value) -> Op:
    """A function of the same arguments that returns the outputs' sizes and the workspace's bytes."""
    returned = [w.size for w in wanted] + [total]
    needed, of_sizes = _needed(func, returned), set[Op]()
    block, mapping = Block(a.type for a in func.body.args), {}
    for old, new in zip(func.body.args, block.args, strict=True):
        mapping[old] = new
        new.name = old.name
    for op in func.body.ops:
        if op in needed:
            clone_op(op, mapping, block.append)
            if op.name == "scan.check" and all(_follows_from_sizes(v, func, of_sizes) for v in op.operands):
                op.attrs["asked"] = t.IntAttr(1, t.i64)
    Builder(block, location=func.location).make("func.return", [mapping[v] for v in returned])
    attrs = {"sym_name": func.attrs["sym_name"] + "__query",
             "function_type": t.FunctionType(tuple(a.type for a in block.args), tuple(v.type for v in returned)),
             "return_slots": t.DenseArray(t.i64, tuple(_slots(func, wanted)))}
    return Op("func.func", attrs=attrs, regions=[Region([block])], location=func.location)


def _needed(func: Op, returned: list[Value]) -> set[Op]:
    """The ops that compute what the query returns, and the checks that cost little to make as early: sizes are not
    computed from what no array can have. A check that alone needs a loop, or many ops on elements, is the run's,
    which makes all checks."""
    needed: set[Op] = set()
    for value in returned:
        found = slice_of(value, func.body, needed)
        assert found is not None, "sizes are computed at the start"
        needed.update(found)
    for check in (op for op in func.body.ops if has_trait(op, CHECKS)):
        parts = [slice_of(v, func.body, needed) for v in check.operands]
        made = {op for part in parts if part is not None for op in part}
        if None not in parts and not any(map(_runs_loops, made)) and not _computes_much(made):
            needed.update([check, *made])
    return needed


def _follows_from_sizes(value: Value, func: Op, known: set[Op]) -> bool:
    """Whether no number that an argument holds tells a value. `known`: ops of which this was said before."""
    ops = slice_of(value, func.body, known) or ()
    follows = all(op.name != "memref.load" for op in ops)
    known.update(ops if follows else ())
    return follows


def _computes_much(made: set[Op]) -> bool:
    return len(made) > MOST_OPS and any(op.name == "memref.load" for op in made)


def _runs_loops(op: Op) -> bool:
    return any(inner.name in ("scf.for", "scf.while") for inner in op.walk())


def _slots(func: Op, wanted: list[Capacity]) -> list[int]:
    """Where in the packed ABI the capacities go, and the bytes of the workspace, which is the last argument."""
    first, slot = {}, 0
    for arg in func.body.args:
        assert isinstance(arg.type, t.MemRefType)
        first[arg] = slot
        slot += 1 + len(arg.type.shape)
    return [*(first[w.output] + 1 + w.axis for w in wanted), first[func.body.args[-1]] + 1]
