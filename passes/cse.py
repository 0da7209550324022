"""Merges pure ops that compute the same value, and drops checks already made.

    %0 = "arith.addf"(%x, %y)                            %0 = "arith.addf"(%x, %y)
    %1 = "arith.addf"(%y, %x)                     ->     %2 = "arith.mulf"(%0, %0)
    %2 = "arith.mulf"(%0, %1)

Why: a gradient repeats the forward step, and every layer of lowering repeats sizes and constants.
An op is merged with an equal one before it in its block or in a block around it (regions see outer
values). Equal: name, operands (in any order if commutative), attributes, result types, and for an op
with regions (linalg.generic, a whole scan) the same ops inside. A `scan.check` whose condition was
checked before goes, and so does a loop like one before it that may fail: then that one did.
Conservative about: ops that read memory, which a write may have changed.
Cost: one walk with a hash table of names and operands; attributes and regions are looked at where these are equal.
Source: the scoped hash table is MLIR's CSE; that regions are compared structurally is ours.
"""

from __future__ import annotations

from collections.abc import Hashable

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import CHECKS, COMMUTATIVE, ISOLATED, OPS, is_pure, is_repeated, operand
from scancc.ir.printer import attribute_text

_HASHABLE = (t.IntAttr, t.FloatAttr, t.DenseArray, t.Dense, t.AffineMap, t.Type)


def cse(module: Op) -> None:
    for region in module.regions:
        for block in region.blocks:
            _merge(block, {})


def _merge(block: Block, known: dict[Hashable, list[Op]]) -> None:
    """`known` maps the short keys of the ops that dominate this block to them."""
    added = []
    for op in list(block.ops):
        if op.regions:
            inner = {} if ISOLATED in OPS[op.name].traits else known
            for region in op.regions:
                for nested in region.blocks:
                    _merge(nested, inner)
        key = _short_key(op)
        if key is None:
            continue
        alike = known.setdefault(key, [])
        before = _equal(op, alike) if alike else None
        if before is None:
            alike.append(op)
            added.append(alike)
        else:
            op.replace_by(before.results)
    for alike in added:  # what is inside a region dominates nothing outside
        alike.pop()


def _short_key(op: Op) -> Hashable | None:
    """What equal ops, of which one may be merged, or equal checks surely have in common; None for other ops."""
    traits = OPS[op.name].traits
    if CHECKS in traits:
        return op.name, operand(op, "condition")
    if not op.results:
        return None
    if not op.operands:  # many constants
        return _key(op, {}) if is_pure(op) else None
    operands = sorted(op.operands, key=id) if COMMUTATIVE in traits else op.operands
    return op.name, *operands


def _equal(op: Op, others: list[Op]) -> Op | None:
    """The one of these ops, of one short key, that computes what `op` does."""
    if CHECKS in OPS[op.name].traits:
        return others[0]
    if not is_repeated(op):
        return None
    key = _key(op, {})
    return next((other for other in others if _key(other, {}) == key), None)


def _key(op: Op, local: dict[Value, int]) -> Hashable:
    """What equal ops have in common. `local` numbers the values defined inside the op compared."""
    operands = [local.get(v, v) for v in op.operands]
    if COMMUTATIVE in OPS[op.name].traits:
        operands.sort(key=lambda v: v if isinstance(v, int) else id(v))
    types = tuple([v.type for v in op.results])
    attrs = tuple(sorted([(k, _frozen(v)) for k, v in op.attrs.items()])) if op.attrs else ()
    if not op.regions:
        return op.name, tuple(operands), types, attrs
    inside = tuple([_block_key(block, local) for region in op.regions for block in region.blocks])
    return op.name, tuple(operands), types, attrs, inside


def _block_key(block: Block, local: dict[Value, int]) -> Hashable:
    for arg in block.args:
        local[arg] = len(local)
    keys = []
    for op in block.ops:
        keys.append(_key(op, local))
        for value in op.results:
            local[value] = len(local)
    return tuple([arg.type for arg in block.args]), tuple(keys)


def _frozen(value: object) -> Hashable:
    """The attribute as something to hash; text tells a bool from an int."""
    return value if isinstance(value, _HASHABLE) else attribute_text(value)
