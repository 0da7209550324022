"""Sum the few terms of a small product in pairs, from what it is added to, where steps wait for it.

    %s = each [i, j] over [k < 4] { %acc + %a[i, k] * %p[k, j] }
    %n = each [i, j] { %s[i, j] + %q[i, j] }
        ->
    %n = each [i, j] { ((%q[i, j] + %a0[i] * %p0[j]) + %a1[i] * %p1[j]) + (%a2[i] * %p2[j] + %a3[i] * %p3[j]) }

for a product on the chain from a state to the next one, where %a0 is the column %a[:, 0], and %p0 the row %p[0, :].
Why: such products (a filter's covariance, systems of a few states) are few vectors, which wait for each other: four
multiply-adds in turn and a sum take 19 cycles, so 11 (a Kalman filter of 4 states: 37.7 us for 1000 steps, 32.4 then;
`A @ h` of 5: 15.0 us for 2000 steps, 9.0 then).
Only where `reassociate` is allowed: the bound of each sum, n*u*sum(abs(terms)), stays.
Conservative: float32 and float64, sizes known, at most 8 terms and 128 products, which take less time than the chain;
no state of the cycle is a table, for whose rows steps seldom wait.
Cost: linear. Runs after `contract`, which says whether products are multiply-adds, and before `slice`.
Source: the tree of least height, as in Baer and Bovet, Compilation of arithmetic expressions for parallel
computations (1968).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.parts import Access, Nest
from scancc.ir.remarks import remark
from scancc.ir.slices import slice_parts

from .slicing.steps import slice_of
from .transpose_factors import is_product

MOST_TERMS = 8
MOST_PRODUCTS = 128  # of all sums: of 256 float64 numbers the multiply-adds take longer than a chain of eight does


class _Row(NamedTuple):
    """What a nest reads, by the loop dimensions that its axes follow."""

    value: Value
    dims: tuple[int | None, ...]


_Factor = _Row | Value  # rows, or a number for all places


class _Total(NamedTuple):
    """Where a product is added to something, or taken off it: in the body of the nest that alone reads it."""

    op: Op
    other: Value


def pair_terms(module: Op) -> None:
    """Rewrite on the cycles of every scan in which `reassociate` is allowed."""
    for scan in [op for op in module.walk() if op.name == "scan.scan"]:
        if allowed(scan).allows("reassociate") and any(map(_is_small, scan.body.ops)):
            for cycle in slice_of(scan).cycles:
                if not any(_is_table(carry.arg.type) for carry in cycle.carries):
                    for op in [op for op in cycle.ops if _is_small(op)]:
                        _open(op)


def _is_table(type: t.Type) -> bool:
    """Whether a state is more than a step with small products makes: what a step reads of it is seldom new."""
    return t.n_elements(type) > MOST_PRODUCTS


def _is_small(op: Op) -> bool:
    if op.name != "linalg.generic" or not is_product(Nest(op)):
        return False
    nest = Nest(op)
    (summed,) = nest.reduced
    return (all(t.n_elements(v.type) < math.inf for v in nest.inputs)
            and all(summed in read.dims for read in nest.reads) and 2 <= _n_terms(nest) <= MOST_TERMS
            and t.n_elements(op.result.type) * _n_terms(nest) <= MOST_PRODUCTS)


def _n_terms(nest: Nest) -> int:
    (summed,) = nest.reduced
    return max(_shape(read.value)[read.dims.index(summed)] for read in nest.reads)


def _shape(value: Value) -> tuple[int, ...]:
    """Of an array whose sizes are known."""
    assert isinstance(value.type, t.TensorType)
    return tuple(n for n in value.type.shape if n is not None)


def _open(op: Op) -> None:
    """Write a product as a nest without a loop of its own, or as a part of the one that adds it to something."""
    assert op.parent is not None
    nest, b = Nest(op), Builder(op.parent, op, op.location)
    terms = [[_factor(b, read, nest.reduced[0], place) for read in nest.reads] for place in range(_n_terms(nest))]
    total = _total_of(op)
    remark("pair-terms", op, True, f"the {len(terms)} terms of its sums are added in pairs, as steps wait for them",
           part="reassociate")
    if total is not None:
        _join(op, total, terms)
        return
    empty = b.op("tensor.empty", [], [op.result.type])
    body, _, pairs = _body([], terms, [op.result.type])
    inner = Builder(body, location=op.location)
    inner.make("linalg.yield", [_in_pairs(inner, _is_fused(op), pairs)])
    op.replace_by(_nest(b, [], terms, [empty], body).results)


def _factor(b: Builder, read: Access, summed: int, place: int) -> _Factor:
    """The elements of an operand at one place of the summed dimension."""
    shape, axis, element = _shape(read.value), read.dims.index(summed), t.element(read.value.type)
    if len(shape) == 1:
        return b.op("tensor.extract", [read.value, b.index(place)], [element])
    offsets, sizes = [0] * len(shape), list(shape)
    offsets[axis], sizes[axis] = place, 1
    groups, attrs = slice_parts(offsets, sizes, [1] * len(shape))
    type = t.TensorType(shape[:axis] + shape[axis + 1:], element)
    row = b.grouped("tensor.extract_slice", {"source": [read.value], **groups}, [type], attrs).result
    return _Row(row, read.dims[:axis] + read.dims[axis + 1:])


# ---- what a product is added to ----


def _total_of(product: Op) -> _Total | None:
    """The sum that alone takes in a product, in a nest that reads it place by place."""
    (reader, *others) = product.result.uses
    if others or reader.name != "linalg.generic" or reader.parent is not product.parent:
        return None
    nest = Nest(reader)
    read = [read for read in nest.reads if read.value is product.result]
    if len(read) != 1 or not nest.is_parallel or read[0].dims != nest.identity or sum(read[0].arg.uses.values()) != 1:
        return None
    (op,) = read[0].arg.uses
    if op.parent is not reader.body or is_exact(op):
        return None
    if op.name == "arith.addf" or op.name == "arith.subf" and op.operands[1] is read[0].arg:
        return _Total(op, next(v for v in op.operands if v is not read[0].arg))
    return None


def _join(product: Op, total: _Total, terms: list[list[_Factor]]) -> None:
    """Put a product where it is added."""
    reader = total.op.parent_op()
    assert reader is not None and reader.parent is not None
    nest = Nest(reader)
    kept = [read for read in nest.reads if read.value is not product.result]
    body, read, pairs = _body([_Row(r.value, r.dims) for r in kept], terms, [r.type for r in reader.results])
    mapping = dict(zip((r.arg for r in kept), read, strict=True))
    for op in reader.body.ops:
        if op is total.op:
            start = mapping.get(total.other, total.other)
            mapping[op.result] = _in_pairs(Builder(body, location=op.location), _is_fused(product), pairs, start,
                                           op.name == "arith.subf")
        else:
            clone_op(op, mapping, body.append)
    b = Builder(reader.parent, reader, reader.location)
    made = _nest(b, [_Row(r.value, r.dims) for r in kept], terms, nest.outputs, body)
    reader.replace_by(made.results)
    product.erase()


# ---- nests ----


def _is_fused(product: Op) -> bool:
    """Whether `contract` made multiply-adds of it."""
    total = Nest(product).elements[0].op
    return total is not None and total.name == "math.fma"


def _rows(kept: Sequence[_Row], terms: list[list[_Factor]]) -> list[_Row]:
    return [*kept, *(factor for term in terms for factor in term if isinstance(factor, _Row))]


def _body(kept: Sequence[_Row], terms: list[list[_Factor]], results: Sequence[t.Type],
          ) -> tuple[Block, list[Value], list[list[Value]]]:
    """An empty body; the elements in it of what is kept, and of the factors of each term."""
    body = Block([t.element(type) for type in [row.value.type for row in _rows(kept, terms)] + [*results]])
    args = iter(body.args)
    read = [next(args) for _ in kept]
    return body, read, [[next(args) if isinstance(factor, _Row) else factor for factor in term] for term in terms]


def _nest(b: Builder, kept: Sequence[_Row], terms: list[list[_Factor]], outputs: Sequence[Value], body: Block) -> Op:
    rows, rank = _rows(kept, terms), len(_shape(outputs[0]))
    maps = [t.AffineMap(rank, row.dims) for row in rows] + [t.AffineMap(rank, tuple(range(rank)))] * len(outputs)
    attrs = {"indexing_maps": maps, "iterator_types": [t.PARALLEL] * rank}
    return b.grouped("linalg.generic", {"inputs": [row.value for row in rows], "outputs": outputs},
                     [out.type for out in outputs], attrs, [Region([body])])


def _in_pairs(b: Builder, fused: bool, terms: Sequence[Sequence[Value]], start: Value | None = None,
              takes_off: bool = False) -> Value:
    """The sum of products, halves joined with halves; what it is added to, or taken off, begins with the first."""
    if len(terms) > 2:
        half = (len(terms) + 1) // 2
        first, rest = _in_pairs(b, fused, terms[:half], start, takes_off), _in_pairs(b, fused, terms[half:])
        return b.subf(first, rest) if takes_off else b.addf(first, rest)
    for x, y in terms:
        if start is not None and fused:
            start = b.math("fma", b.negf(x) if takes_off else x, y, start)
        elif start is not None:
            start = b.subf(start, b.mulf(x, y)) if takes_off else b.addf(start, b.mulf(x, y))
        else:
            start = b.mulf(x, y)
    assert start is not None
    return start
