"""Products of matrices along the steps of a scan, as `h.T @ h`: of each tile one, whose results are joined in pairs.

    %p = each [i, j] over [k] carry(0) { acc + %ys[k, i] * %zs[k, j] }
->
    %blocks_next = scan.add_block(%block, %blocks, %first) {size = rows of a tile}
    %block_next = each [i, j] over [k] carry(0) { acc + %ys_tile[k, i] * %zs_tile[k, j] }
    ...
    %p = scan.sum_blocks(%block_end, %blocks_end, %n)

The terms of such a product are added in order within blocks of 64, which are joined in pairs. A tile of 64 rows, or a
power of two times as many, is a part of that tree, so that no bit changes. Gradients of weights stay one product of
all rows, which compiles in less time: their rows lie beside others that the reverse reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Region, Value, clone_block
from scancc.ir.fast_math import is_exact
from scancc.ir.parts import Nest, ScanView
from scancc.late_dataclasses import dataclass

from ..consuming.sums import BLOCK_ROWS, room_of
from .sums import Reduction, above_of, nests_on
from .turned import Turned

FLOATS = (t.f32, t.f64)


@dataclass(frozen=True)
class RowProduct:
    """A nest that multiplies two matrices along the steps of a scan: rows that it keeps, or arrays with as many."""

    nest: Op
    scan: ScanView
    above: tuple[Op, ...]          # what it needs and stands behind the scan
    parts: tuple[Value, ...] = ()  # slices of rows that it reads
    block: int = BLOCK_ROWS

    def starts(self, b: Builder) -> list[Value]:
        """The product of a tile, and of those before it, with no steps done."""
        (nothing,) = Nest(self.nest).outputs
        return [nothing, room_of(b, self.scan.length, nothing)]

    def over(self, b: Builder, part_of: Callable[[Value], Value], first: Value, size: int, so_far: Sequence[Value],
             ) -> list[Value]:
        """The product of a tile of at most `size` rows from the `first` on, and those before it joined."""
        block, blocks = so_far
        joined = b.op("scan.add_block", [block, blocks, first], [blocks.type], {"size": t.IntAttr(size, t.i64)})
        nest = Nest(self.nest)
        made = b.grouped("linalg.generic", {"inputs": [part_of(v) for v in nest.inputs], "outputs": nest.outputs},
                         [block.type], self.nest.attrs, [Region([clone_block(self.nest.body, {})])])
        return [made.result, joined]

    def replace_by(self, block: Value, blocks: Value, size: int) -> None:
        """Give its readers the product of all steps; it goes."""
        assert self.nest.parent is not None
        b = Builder(self.nest.parent, self.nest, self.nest.location)
        self.nest.replace_by([b.op("scan.sum_blocks", [block, blocks, self.scan.length], [block.type],
                                   {"size": t.IntAttr(size, t.i64)})])


Companion = Reduction | Turned | RowProduct  # what goes along with the tiles of a scan


def row_products_of(scan: ScanView) -> list[RowProduct]:
    """The products that go along with a scan whose steps all run."""
    if scan.until or "gradient" in scan.op.attrs:
        return []
    rows = [stack.result for stack in scan.stacks if scan.keeps_all(stack)]
    nests = dict.fromkeys(nest for each in rows for nest in nests_on(each) if _is_product(nest, rows))
    above = {nest: above_of(nest, scan) for nest in nests}
    return [RowProduct(nest, scan, tuple(needs)) for nest, needs in above.items() if needs is not None]


def _is_product(op: Op, rows: Sequence[Value]) -> bool:
    """Whether a nest adds products of elements of two matrices whose rows lie along the sum."""
    nest = Nest(op)
    if len(nest.kinds) != 3 or len(nest.reduced) != 1 or len(nest.reads) != 2 or len(nest.outputs) != 1:
        return False
    (along,), total = nest.reduced, nest.elements[0].op
    start = nest.outputs[0].op
    if t.element(op.result.type) not in FLOATS or start is None or start.name != "tensor.splat":
        return False
    if total is None or is_exact(total) or total.name not in ("math.fma", "arith.addf") or len(op.body.ops) > 3:
        return False
    lie_so = all(len(read.dims) == 2 and read.dims[0] == along for read in nest.reads)
    return lie_so and len({read.dims[1] for read in nest.reads}) == 2 and any(
        read.value in rows for read in nest.reads)


def is_part_of_tree(size: int) -> bool:
    """Whether tiles of so many rows are parts of the tree in which blocks of terms are joined."""
    n_blocks, left = divmod(size, BLOCK_ROWS)
    return not left and n_blocks > 0 and n_blocks & (n_blocks - 1) == 0
