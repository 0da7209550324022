"""States that only add outer products of rows: over a tile that is one product of matrices.

    %S_next = each [i, j] { %S[i, j] + %a[i] * %b[j] }
->
    %p = each [i, j] over [t] carry(0) { acc + %a_rows[t, i] * %b_rows[t, j] }
    %S_next = each [i, j] { %S[i, j] + %p[i, j] }

In the loop each step reads and writes all of the state; here it is read and written once a tile. The sum gets another
order: blocks of steps in place of one step after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import operand
from scancc.ir.parts import Carry, Nest

from ..slicing.steps import Slice
from .arrays import row_dims
from .products import captured, is_fixed, is_plain, outer_sizes

if TYPE_CHECKING:
    from .rows import Tile

FLOATS = (t.f32, t.f64)


def outer_sums(found: Slice, smallest: int) -> dict[Value, Op]:
    """The states of a step of more than `smallest` elements that add outer products of rows, and nothing reads; the
    nests that add."""
    return {carry.arg: carry.next.op for carry in found.scan.carries if carry.next.op is not None
            and _is_only_added_to(carry, carry.next.op, found) and t.n_elements(carry.arg.type) > smallest
            and _adds_outer_product(Nest(carry.next.op), carry, found)}


def _is_only_added_to(carry: Carry, op: Op, found: Slice) -> bool:
    step = found.scan.op.body
    if op.name != "linalg.generic" or op.parent is not step or len(op.results) != 1 or carry.depth > 1:
        return False
    if carry.arg.uses != {op: 1} or carry.next.uses != {step.terminator: 1} or not Nest(op).is_parallel:
        return False
    return is_plain(op) and t.element(op.result.type) in FLOATS and _accumulator(Nest(op), carry) is not None


def _adds_outer_product(nest: Nest, carry: Carry, found: Slice) -> bool:
    """Whether what changes from step to step has fewer dimensions than the state, and is no window."""
    windows = {other.arg for other in found.scan.carries if other.depth > 1}
    moving = [read for read in nest.reads if read.value is not carry.arg and not is_fixed(read.value, found)]
    outer = bool(moving) and all(len(set(read.dims)) < len(nest.kinds) for read in moving)
    return outer and windows.isdisjoint(nest.inputs) and outer_sizes(carry.arg, found.scan) is not None


def _accumulator(nest: Nest, carry: Carry) -> Value | None:
    """The state's element in the body of a nest that adds to it and does nothing else with it."""
    (read,) = (read for read in nest.reads if read.value is carry.arg)
    total, acc = nest.elements[0].op, read.arg
    if total is None or is_exact(total) or read.dims != nest.identity or acc.uses != {total: 1}:
        return None
    adds = total.name == "arith.addf" or total.name == "math.fma" and operand(total, "c") is acc
    return acc if adds and total.parent is nest.op.body and not nest.running[0].uses else None


def summed_over(tile: Tile, carry: Carry) -> Value:
    """Such a state after a tile."""
    op = carry.next.op
    assert op is not None
    product = _product(tile, Nest(op), carry)
    b, identity = tile.b, t.AffineMap(len(Nest(op).kinds), Nest(op).identity)
    kind = t.element(carry.arg.type)
    body = Block([kind] * 3)
    before, added, _ = body.args
    body.append(total := Op("arith.addf", [before, added], [kind], {}, [], op.location))
    body.append(Op("linalg.yield", [total.result], [], {}, [], op.location))
    empty = b.op("tensor.empty", row_dims(tile, carry.arg), [carry.arg.type])
    return b.grouped("linalg.generic", {"inputs": [tile.old[carry.arg], product], "outputs": [empty]},
                     [carry.arg.type], {"indexing_maps": (identity,) * 3, "iterator_types": tuple(Nest(op).kinds)},
                     [Region([body])]).result


def _product(tile: Tile, nest: Nest, carry: Carry) -> Value:
    """The sum of what the steps of a tile add."""
    b, rank, type = tile.b, len(nest.kinds), carry.arg.type
    scalars = [v for v in captured(nest.op) if not tile.is_fixed(v)]
    others = [read for read in nest.reads if read.value is not carry.arg]
    inputs = [tile.once.get(read.value, read.value) if tile.is_fixed(read.value) else tile.over(read.value)
              for read in others]
    accesses = [read.dims if tile.is_fixed(read.value) else (rank, *read.dims) for read in others]
    accesses += [(rank,)] * len(scalars) + [nest.identity]
    start = b.op("tensor.splat", [b.const(0.0, t.element(type)), *row_dims(tile, carry.arg)], [type])
    body, acc = Block(), _accumulator(nest, carry)
    assert acc is not None
    mapping = tile.once | {v: body.add_arg(v.type, v.name) for v in (*(read.arg for read in others), *scalars, acc)}
    for inner in nest.op.body.ops:
        clone_op(inner, mapping, body.append)
    return b.grouped("linalg.generic", {"inputs": [*inputs, *map(tile.over, scalars)], "outputs": [start]}, [type], {
        "indexing_maps": tuple(t.AffineMap(rank + 1, dims) for dims in accesses),
        "iterator_types": (*nest.kinds, t.REDUCTION)}, [Region([body])]).result
