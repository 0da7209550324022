"""Transpose the factor of a product that lies in memory along its sums, before the product.

    scan.scan {                                     %t = each [k, j] { %w[j, k] }
      %z = each [i, j] over [k] {             ->    scan.scan {
        %acc + %h[i, k] * %w[j, k] } }                %z = each [i, j] over [k] { %acc + %h[i, k] * %t[k, j] } }

Why: `h @ w.T` as it lies is a dot product for each element, whose lanes are added up at its end; as a product of
matrices by rows it has its sums in registers, many side by side, which takes a third of the time from 64 on. The copy
costs what one row more does, and outside of scans that do not change the factor, nothing. It changes the order of the
sums, as docs/floating_point.md says: the same for any number of rows, and whether sizes are known or not.
So does a matrix that no step changes, times a vector that each step has and that waits for no state (`w @ x_t`): then
`tile` makes it one product for many steps (500 steps of 64 by 64 f64: 742 us before, 172).
Conservative: products of f32 or f64, no batch of right factors; of few terms, whose order is one in any layout, they
stay loops, which are opened. A matrix times a state stays: a copy of it gains less, and costs as much as some steps.
Where sums go from left to right (`fast_math=False`), it gains nothing.
Cost: one walk, and one more of each step with such a product. Runs after `contract`, which makes the nests what they
are, and before `slice`. Not for a GPU.
Source: packing, as in Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication (2008).
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, made_of
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import operand, set_operands
from scancc.ir.parts import Access, Nest, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, dynamic_dims

from .bufferizing.products import multiplies
from .factoring.outside import outside

FEW = 64       # elements of a matrix that stays in registers
LANES_FROM = 8  # terms: of fewer, sums are in order in any layout


def transpose_factors(module: Op) -> None:
    made: dict[tuple[Value, Block], Value] = {}
    waiting: dict[Block, set[Value]] = {}
    for op in list(module.walk()):
        factor = _right_factor(op) or _of_steps(op, waiting) if op.name == "linalg.generic" else None
        if factor is not None:
            _use(op, factor, made)


def _right_factor(op: Op) -> Access | None:
    """The factor of a product that lies by its columns, or None."""
    nest = Nest(op)
    rank = len(nest.kinds) - 1
    if rank < 2 or not is_product(nest):
        return None
    (left, right), row = nest.reads, rank - 2
    if right.dims != (rank - 1, rank):
        left, right = right, left
    fits = right.dims == (rank - 1, rank) and row in left.dims and rank - 1 not in left.dims
    return right if fits and not _is_small(right.value) else None


def _of_steps(op: Op, waiting: dict[Block, set[Value]]) -> Access | None:
    """The matrix that a scan does not change, of a product with a vector that waits for no state; or None."""
    nest, step = Nest(op), op.parent
    assert step is not None
    scan = step.parent_op()
    if len(nest.kinds) != 2 or scan is None or scan.name != "scan.scan" or not is_product(nest):
        return None
    matrix, vector = sorted(nest.reads, key=lambda read: -len(read.dims))
    if (matrix.dims, vector.dims) != ((0, 1), (1,)) or _is_small(matrix.value):
        return None
    if outside(op, matrix.value)[0] is step:
        return None
    if step not in waiting:
        waiting[step] = made_of([carry.arg for carry in ScanView(scan).carries], step.ops)
    return None if vector.value in waiting[step] else matrix


def is_product(nest: Nest) -> bool:
    """Whether a nest sums products of two arrays, each sum in an order that its layout gives it."""
    if nest.reduced != [len(nest.kinds) - 1] or len(nest.op.results) != 1 or len(nest.inputs) != 2:
        return False
    return multiplies(nest.op, nest.input_args) and _starts_at_zero(nest) and not _is_in_order(nest)


def _starts_at_zero(nest: Nest) -> bool:
    made = nest.outputs[0].op
    return made is not None and made.name == "tensor.splat" and constant_of(operand(made, "value")) == 0.0


def _is_in_order(nest: Nest) -> bool:
    total = nest.elements[0].op
    return total is None or is_exact(total)


def _is_small(matrix: Value) -> bool:
    assert isinstance(matrix.type, t.TensorType)
    shape = matrix.type.shape
    n_terms = shape[1]
    if n_terms is None or n_terms >= LANES_FROM or shape[0] is None:
        return False
    return t.n_elements(matrix.type) <= FEW


def _use(op: Op, right: Access, made: dict[tuple[Value, Block], Value]) -> None:
    nest = Nest(op)
    block, anchor = outside(op, right.value)
    if (right.value, block) not in made:
        made[right.value, block] = _transposed(Builder(block, anchor, op.location), right.value)
    number = [read.arg for read in nest.reads].index(right.arg)
    inputs, maps = nest.inputs, nest.maps
    inputs[number] = made[right.value, block]
    maps[number] = t.AffineMap(len(nest.kinds), right.dims[::-1])
    set_operands(op, inputs=inputs)
    op.attrs["indexing_maps"] = maps
    remark("transpose-factors", op, True, "the right factor is transposed before it, so that results are made side "
           "by side")


def _transposed(b: Builder, matrix: Value) -> Value:
    assert isinstance(matrix.type, t.TensorType)
    type = t.TensorType(matrix.type.shape[::-1], matrix.type.element)
    empty = b.op("tensor.empty", dynamic_dims(type, dims_of(b, matrix)[::-1]), [type])
    body = Block([type.element, type.element])
    Builder(body, location=b.location).make("linalg.yield", [body.args[0]])
    attrs = {"indexing_maps": [t.AffineMap(2, (1, 0)), t.AffineMap(2, (0, 1))], "iterator_types": [t.PARALLEL] * 2}
    copy = b.grouped("linalg.generic", {"inputs": [matrix], "outputs": [empty]}, [type], attrs, [Region([body])])
    copy.result.name = matrix.name
    return copy.result
