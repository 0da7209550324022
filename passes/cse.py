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
            _merge(block, {}, {})


def _merge(block: Block, known: dict[Hashable, list[Op]], keys: dict[Op, Hashable]) -> None:
    """`known`: by a key the ops that dominate this block. `keys`: full ones, once they were asked for."""
    added = []
    for op in list(block.ops):
        if op.regions:
            inner = {} if ISOLATED in OPS[op.name].traits else known
            for region in op.regions:
                for nested in region.blocks:
                    _merge(nested, inner, keys)
        alike = _alike(op, known, keys)
        if alike:
            op.replace_by(alike[0].results)
        elif alike is not None:
            alike.append(op)
            added.append(alike)
    for alike in added:  # what is inside a region dominates nothing outside
        alike.pop()


def _alike(op: Op, known: dict[Hashable, list[Op]], keys: dict[Op, Hashable]) -> list[Op] | None:
    """Where the op stands that computes what `op` does, if there is one: under the short key the first that has it,
    under full ones the others. None for an op that is not merged."""
    short = _short_key(op)
    if short is None:
        return None
    alike = known.setdefault(short, [])
    if not alike or CHECKS in OPS[op.name].traits:
        return alike
    if not is_repeated(op):
        return None
    first, key = alike[0], _key(op, {})
    if first not in keys:
        keys[first] = _key(first, {})
    return alike if keys[first] == key else known.setdefault(key, [])


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
