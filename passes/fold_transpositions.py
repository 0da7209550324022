"""Let a product of matrices read the right factor that was transposed for it alone by its columns.

    %t = each [k, j] { %w[j, k] }                       %z = each [i, j] over [k] {
    %z = each [i, j] over [k] {                   ->      %acc + %h[i, k] * %w[j, k] } {by_columns}
      %acc + %h[i, k] * %t[k, j] }

Why: the product packs its right factor anyway, and turns columns in registers while it does; of few rows it reads
each number once. A copy for each product took up to five times as long as the product of one row. The sums keep the
order that they have with the copy, which the mark says: without it they would be those of neighbours in memory.
Conservative: all that read the copy are products in the block in which it is made, and are calls
(`bufferizing/products.py`).
Cost: one walk. Runs after all that makes, moves or changes products, just before bufferizing. Not for a GPU.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import set_operands
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark

from .bufferizing.products import right_factor
from .bufferizing.transposing import is_transposition


def fold_transpositions(module: Op) -> None:
    for op in list(module.walk()):
        if op.name == "linalg.generic" and is_transposition(op) and _is_for_products(op):
            for product in list(op.result.uses):
                _read_by_columns(product, op)
            op.erase()


def _is_for_products(transposition: Op) -> bool:
    return len(transposition.result.uses) > 0 and all(
        user.name == "linalg.generic" and user.parent is transposition.parent and times == 1
        and _right_input(user) is transposition.result for user, times in transposition.result.uses.items())


def _right_input(op: Op) -> Value | None:
    right = right_factor(op)
    return None if right is None else Nest(op).inputs[right]


def _read_by_columns(product: Op, transposition: Op) -> None:
    nest, right = Nest(product), right_factor(product)
    assert right is not None
    inputs, maps, dims = nest.inputs, nest.maps, nest.reads[right].dims
    (inputs[right],) = Nest(transposition).inputs
    maps[right] = t.AffineMap(len(nest.kinds), dims[::-1])
    set_operands(product, inputs=inputs)
    product.attrs["indexing_maps"] = maps
    product.attrs["by_columns"] = True
    remark("fold-transpositions", product, True, "the right factor lies by its columns, which are turned while they "
           "are read")
