"""Products of a vector or matrix with a matrix: `scan.matmul`.

    linalg.generic each [b, i, j] over [k]            for b {
      %x[b, i, k] * %w[b, k, j] + acc           ->      scan.matmul &%x[b] @ &%w[b] into &%y[b]  }

Rows of several axes that all meet the same matrix are the rows of one product, which packs it once: `x[t, b, :] @ w`
is one of t * b rows. One function of the module does all of them, with its sums in registers, where loops would stand
in every place. What is known to be short stays loops, which `unroll` opens. A right factor may lie by its columns,
where `fold-transpositions` says so: it is turned while it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scancc.ir import parts
from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.rules.matrices import ROOM_LEVELS, ROOM_NBYTES, ROOM_TERMS, room_rows
from scancc.ir.rules.memref import strides_of
from scancc.late_dataclasses import dataclass

from .context import Context
from .equal_sizes import SHORT
from .flat import as_matrix, has_no_gaps
from .loops import Nest, nest

FEW_PRODUCTS = 512  # of numbers, all of known lengths: loops take no more time than a call


@dataclass
class Product:
    """A loop nest that is one: which operand is the right factor, and the dimensions of each."""

    n: Nest
    left: int   # numbers of operands
    right: int
    row: int | None  # the dimension of the result's rows, if it is no batch
    by_columns: bool = False  # the right factor's terms are its last axis

    @property
    def summed(self) -> int:
        return self.n.reduced[0]

    @property
    def column(self) -> int:
        return self.n.rank - 1

    @property
    def batch(self) -> range:
        return range(self.n.rank - 1 - (self.row is not None))

    def write(self, c: Context, out: Value) -> None:
        if self._is_one(c, out):
            product, rows = self._as_one(c, out)
            product.write(c, rows)
            return
        element, n_parts = t.element(out.type), 1 if self.batch or c.equal.running else c.product_parts
        room = [] if self.row is None else [self._room(c, element, n_parts)]
        shared = {"parts": t.IntAttr(n_parts, t.i64)} if n_parts > 1 else {}
        nest(c, self.n.sizes[:len(self.batch)], lambda counters: self._call(c, out, room, counters, shared))

    def _is_one(self, c: Context, out: Value) -> bool:
        """Whether the rows of a batch follow each other, and meet the same matrix."""
        left, right = self.n.maps[self.left], self.n.maps[self.right]
        terms_first = right[::-1] if self.by_columns else right
        return (len(self.batch) > 0 and left == (*range(self.column), self.summed) and terms_first == (
            self.summed, self.column) and has_no_gaps(c, self.n.inputs[self.left]) and has_no_gaps(c, out))

    def _as_one(self, c: Context, out: Value) -> tuple[Product, Value]:
        """The product of all rows of the batch, and where it is written."""
        n, total = self.n, c.b.index(1)
        for size in n.sizes[:self.column]:
            total = c.b.muli(total, size)
        inputs, maps = list(n.inputs), list(n.maps)
        inputs[self.left], maps[self.left] = as_matrix(c, inputs[self.left], total), (0, 2)
        maps[self.right] = (1, 2) if self.by_columns else (2, 1)
        sizes = [total, n.sizes[self.column], n.sizes[self.summed]]
        return Product(replace(n, inputs=inputs, maps=maps, sizes=sizes, reduced=[2]),
                       self.left, self.right, 0, self.by_columns), as_matrix(c, out, total)

    def _call(self, c: Context, out: Value, room: Sequence[Value], counters: Sequence[Value],
              shared: dict[str, t.IntAttr]) -> None:
        maps, inputs = self.n.maps, self.n.inputs
        lhs, rhs = (_part(c, inputs[k], maps[k], counters) for k in (self.left, self.right))
        left, total = maps[self.left], parts.Nest(self.n.op).elements[0].op
        turned = self.row is not None and left.index(self.row) > left.index(self.summed)
        fused = total is not None and total.name == "math.fma"
        attrs = {"transposed": turned, "fused": fused, **({"by_columns": True} if self.by_columns else {}), **shared}
        c.b.make("scan.matmul", [lhs, rhs, _part(c, out, range(self.n.rank), counters), *room], [], attrs)

    def _room(self, c: Context, element: t.Type, n_parts: int) -> Value:
        assert self.row is not None
        rows = self._room_rows(c, self.n.sizes[self.row])
        if n_parts > 1:
            rows = c.b.muli(rows, c.b.index(n_parts))
        return c.alloc(element, [rows, c.b.index(ROOM_NBYTES // t.nbytes(element))], "packed_factor")

    def _room_rows(self, c: Context, n_rows: Value) -> Value:
        """Of what is packed at a time, and of the sums of 1, 2, 4, ... times as many terms of each row."""
        b, n_terms, many = c.b, self.n.sizes[self.summed], c.b.index(ROOM_TERMS)
        known = constant_of(n_terms), constant_of(n_rows)
        if known[0] is not None and (known[0] <= ROOM_TERMS or known[1] is not None):
            return b.index(room_rows(known[0], known[1] or 0))
        before = b.op("arith.divsi", [b.subi(n_terms, b.index(1)), many], [t.index])
        return b.addi(b.minsi(n_terms, many), b.muli(n_rows, b.minsi(before, b.index(ROOM_LEVELS))))


def _part(c: Context, buffer: Value, dims: Sequence[int | None], counters: Sequence[Value]) -> Value:
    """A buffer at the counters of the batch."""
    if not counters:
        return buffer
    zero, one, sizes = c.b.index(0), c.b.index(1), c.sizes(buffer)
    fixed = [d is not None and d < len(counters) for d in dims]
    return c.subview(buffer, [counters[d] if f and d is not None else zero for d, f in zip(dims, fixed, strict=True)],
                     [one if f else size for f, size in zip(fixed, sizes, strict=True)], [one] * len(sizes),
                     [axis for axis, f in enumerate(fixed) if not f])


def product_of(n: Nest) -> Product | None:
    """The product that a nest with one result and one sum is, or None."""
    if len(n.reduced) != 1 or n.rank == 0 or len(n.args) != 2 or not multiplies(n.op, n.args):
        return None
    if "by_columns" in n.op.attrs:
        turned = list(n.maps).index((n.rank - 1, n.rank))
        return Product(n, 1 - turned, turned, n.rank - 2, by_columns=True)
    if _is_small([constant_of(size) for size in n.sizes]):
        return None
    right = next((k for k in (0, 1) if n.maps[k][-1:] == (n.rank - 1,)), None)
    if right is None or not all(isinstance(v.type, t.MemRefType) for v in n.inputs):
        return None
    made = Product(n, 1 - right, right, None)
    left, row = n.maps[made.left], n.rank - 2
    if row >= 0 and row in left and row not in n.maps[right]:
        made.row = row
    return made if _fits(made, left, n.maps[right]) else None


def _fits(made: Product, left: Sequence[int | None], right: Sequence[int | None]) -> bool:
    """Whether beside the batch the factors have no dimensions but their own."""
    batch = set(made.batch)
    own = {made.summed} | ({made.row} if made.row is not None else set())
    rows = [d for d in right if d not in batch]
    return (rows == [made.summed, made.column] and strides_of(made.n.inputs[made.right].type)[-1] == 1
            and {d for d in left if d not in batch} == own and len(set(left)) == len(left)
            and len(set(right)) == len(right))


def multiplies(nest: Op, args: Sequence[Value]) -> bool:
    """Whether the body is acc + x * y, of the elements of two operands."""
    body = parts.Nest(nest)
    (acc,), (total,) = body.running, body.elements
    last, ops = total.op, nest.body.ops[:-1]
    if t.element(total.type) not in (t.f32, t.f64) or last is None or last.parent is not nest.body:
        return False
    if last.name == "math.fma" and len(ops) == 1:
        return operand(last, "c") is acc and {operand(last, "a"), operand(last, "b")} == {*args}
    if last.name != "arith.addf" or len(ops) != 2 or acc not in last.operands:
        return False
    term = next((v for v in last.operands if v is not acc), acc).op
    return term is ops[0] and term.name == "arith.mulf" and {*term.operands} == {*args}


def right_factor(op: Op) -> int | None:
    """Which factor of a product of matrices is the right one, where that is called and has no batch."""
    view = parts.Nest(op)
    rank = len(view.kinds) - 1
    if rank < 2 or view.reduced != [rank] or len(op.results) != 1 or len(view.inputs) != 2:
        return None
    dims = [read.dims for read in view.reads]
    right = next((k for k in (0, 1) if dims[k] == (rank, rank - 1)), None)
    if right is None or {*dims[1 - right]} != {*range(rank - 1), rank} or len(dims[1 - right]) != rank:
        return None
    return right if multiplies(op, view.input_args) and not _is_small(_known_sizes(view)) else None


def _known_sizes(view: parts.Nest) -> list[int | None]:
    """Of each loop, as the types of what it reads say."""
    known: dict[int | None, int | None] = {}
    for read in view.reads:
        assert isinstance(read.value.type, t.TensorType)
        for dim, size in zip(read.dims, read.value.type.shape, strict=True):
            known[dim] = known.get(dim) or size
    return [known.get(dim) for dim in view.identity]


def _is_small(known: list[int | None]) -> bool:
    """Whether loops are better: all of them are opened, or they run a few times only. The terms are last."""
    if all(size is not None and size <= SHORT for size in known[-2:]):
        return True
    total = 1
    for size in known:
        if size is None:
            return False
        total *= size
    return total <= FEW_PRODUCTS
