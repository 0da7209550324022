"""Make a product of complex arrays, one of them a matrix, four products of their real and imaginary parts.

                                              %ar, %ai, %br, %bi = parts of %a and %b
    %c = each [i, j] over [k] {               %p = %ar @ %br    %q = %ai @ %bi
      %acc + %a[i, k] * %b[k, j] }      ->    %r = %ar @ %bi    %s = %ai @ %br
                                              %c = each [i, j] { complex(%p - %q, %r + %s) }

Why: products of real matrices have kernels whose sums are in registers, and what is multiplied and added is the same
(64x64 times 64x64 took 160 us as loops, and takes 40). Parts of a factor that a scan
does not change are taken before the scan. The sums have the order of real products and join theirs
(docs/floating_point.md), whatever is known of sizes.
Conservative: products of matrices, or stacks of them, each element one sum; where sums go from left to right
(`fast_math=False`), they stay. Matrices times vectors stay where a matrix is taken apart for one product, which costs
as much, and where it stays in registers.
Where only the real part, or the imaginary one, of the product is read, two serve.
Cost: one walk. Runs before `contract`, for the new products, and after `fuse`. Not for a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import group, operand
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, dynamic_dims

from .factoring.outside import outside
from .reducing.parts import PARTS, is_part, part_read

FEW = 64  # elements of a matrix that stays in registers
Parts = tuple[Value, Value]


def complex_products(module: Op) -> None:
    parts: dict[tuple[Value, Block], Parts] = {}
    for op in list(module.walk()):
        if op.name == "linalg.generic" and _is_product(op):
            count = "two" if part_read(op.result) else "four"
            remark("complex-products", op, True, f"{count} products of real and imaginary parts")
            _rewrite(op, parts)


def _is_product(op: Op) -> bool:
    """Whether a nest sums products of two arrays, each of which has an axis of the result that the other has not, or
    one of which is a matrix that a scan does not change."""
    nest = Nest(op)
    rank = len(nest.kinds) - 1
    if nest.reduced != [rank] or rank < 1 or len(op.results) != 1 or len(nest.inputs) != 2 or not _multiplies(nest):
        return False
    axes = [set(read.dims) for read in nest.reads]
    own = [axes[0] - axes[1], axes[1] - axes[0]]
    fits = all(rank in dims for dims in axes) and nest.writes[0].dims == tuple(range(rank))
    return fits and (all(own) or rank == 1 and any(own) and any(
        len(read.dims) == 2 and outside(op, read.value)[0] is not op.parent and not _is_small(read.value)
        for read in nest.reads))


def _is_small(matrix: Value) -> bool:
    assert isinstance(matrix.type, t.TensorType)
    return None not in matrix.type.shape and t.n_elements(matrix.type) <= FEW


def _multiplies(nest: Nest) -> bool:
    """Whether the body is acc + x * y, and begins with 0."""
    (acc,), (total,) = nest.running, nest.elements
    last, ops = total.op, nest.op.body.ops[:-1]
    if last is None or last.name != "complex.add" or len(ops) != 2 or acc not in last.operands or is_exact(last):
        return False
    term = next((v for v in last.operands if v is not acc), acc).op
    return term is ops[0] and term.name == "complex.mul" and {*term.operands} == {*nest.input_args} and _is_zero(
        nest.outputs[0])


def _is_zero(start: Value) -> bool:
    number = operand(start.op, "value").op if start.op is not None and start.op.name == "tensor.splat" else None
    return number is not None and number.name == "complex.create" and all(
        constant_of(v) == 0.0 for v in number.operands)


def _rewrite(op: Op, parts: dict[tuple[Value, Block], Parts]) -> None:
    nest = Nest(op)
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    (ar, ai), (br, bi) = (_parts_of(op, value, parts) for value in nest.inputs)
    factors = {"complex.re": ((ar, br), (ai, bi)), "complex.im": ((ar, bi), (ai, br))}
    only = part_read(op.result)
    wanted = (only,) if only else PARTS
    made = _joined(b, op, wanted, [_product(b, nest, *pair) for name in wanted for pair in factors[name]])
    made.name = op.result.name
    op.replace_by([made])
    if only:
        is_part(made)


def _parts_of(op: Op, matrix: Value, parts: dict[tuple[Value, Block], Parts]) -> Parts:
    block, anchor = outside(op, matrix)
    if (matrix, block) not in parts:
        b = Builder(block, anchor, op.location)
        parts[matrix, block] = _part(b, matrix, "re"), _part(b, matrix, "im")
    return parts[matrix, block]


def _part(b: Builder, matrix: Value, name: str) -> Value:
    kind = t.element(matrix.type)
    assert isinstance(matrix.type, t.TensorType) and isinstance(kind, t.ComplexType)
    type = t.TensorType(matrix.type.shape, kind.element)
    body = Block([kind, kind.element])
    inside = Builder(body, location=b.location)
    inside.make("linalg.yield", [inside.op(f"complex.{name}", [body.args[0]], [kind.element])])
    return _elementwise(b, [matrix], type, dims_of(b, matrix), body)


def _elementwise(b: Builder, inputs: list[Value], type: t.TensorType, sizes: list[Value], body: Block) -> Value:
    rank = len(type.shape)
    empty = b.op("tensor.empty", dynamic_dims(type, sizes), [type])
    identity = t.AffineMap(rank, tuple(range(rank)))
    attrs = {"indexing_maps": [identity] * (len(inputs) + 1), "iterator_types": [t.PARALLEL] * rank}
    return b.grouped("linalg.generic", {"inputs": inputs, "outputs": [empty]}, [type], attrs, [Region([body])]).result


def _product(b: Builder, nest: Nest, left: Value, right: Value) -> Value:
    """The nest with parts for its factors."""
    (start,) = nest.outputs
    kind = t.element(left.type)
    assert isinstance(start.type, t.TensorType) and start.op is not None
    type = t.TensorType(start.type.shape, kind)
    zero = b.op("tensor.splat", [b.const(0.0, kind), *group(start.op, "dims")], [type])
    body = Block([kind] * 3)
    inside = Builder(body, location=b.location)
    x, y, acc = body.args
    inside.make("linalg.yield", [inside.op("arith.addf", [acc, inside.mulf(x, y)], [kind])])
    attrs = {name: nest.op.attrs[name] for name in ("indexing_maps", "iterator_types")}
    return b.grouped("linalg.generic", {"inputs": [left, right], "outputs": [zero]}, [type], attrs,
                     [Region([body])]).result


_SIGNS = {"complex.re": "arith.subf", "complex.im": "arith.addf"}


def _joined(b: Builder, op: Op, wanted: Sequence[str], real: list[Value]) -> Value:
    """The array of complex numbers of which `real` has two products for each of the parts; of one part, that."""
    kind = t.element(real[0].type)
    whole = t.element(op.result.type) if len(wanted) == 2 else kind
    body = Block([kind] * len(real) + [whole])
    inside, terms = Builder(body, location=op.location), iter(body.args)
    parts = [inside.op(_SIGNS[name], [next(terms), next(terms)], [kind]) for name in wanted]
    inside.make("linalg.yield", [inside.op("complex.create", parts, [whole]) if len(parts) == 2 else parts[0]])
    type = t.shaped(whole, op.result.type)
    assert isinstance(type, t.TensorType)
    return _elementwise(b, real, type, dims_of(b, real[0]), body)
