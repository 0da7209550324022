"""Linear systems and factors of small dense matrices as loops.

Gaussian elimination with partial pivoting (Golub and Van Loan, Matrix Computations, 3.4), Cholesky by rows (4.2),
both in rows of whole vectors (`row_blocks.py`). A singular or indefinite matrix ends the program with an error, as in
NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Attributes, Op, Value
from scancc.late_dataclasses import dataclass

from . import small_solvers as small
from .arithmetic import divide, multiply, subtract
from .context import Context, converts, is_contiguous
from .loops import PARALLEL_LOOP
from .nests import materialise
from .panels import PANEL, Order, Span, less_multiple, less_panel, panels, take_panel_off
from .pivots import fail_unless, nonzero_or_one, size2
from .row_blocks import NARROW, WIDE, Element, RowBlocks, block_of, copy_elements, is_short, padded, row_blocks
from .transposing import transpose
from .two_rows import Cofactors, of_two_rows

Place = tuple[Value, list[Value]]  # a buffer and where in it
Columns = Callable[[Callable[[Element], None]], None]  # does something with the elements of each column


def _after(c: Context, k: Value, n: Value, body: Callable[[Value], None], attrs: Attributes | None = None) -> None:
    """for i = k + 1 to n"""
    next_ = c.b.addi(k, c.b.index(1))
    with c.loop(c.b.subi(n, next_), attrs) as i:
        body(c.b.addi(next_, i))


def _beside(c: Context, matrix: Value, columns: Value | None = None) -> tuple[RowBlocks, Value]:
    """A matrix to eliminate in place, and beside it room for so many columns, or None: it, and where they begin."""
    kind, n = t.element(matrix.type), c.sizes(matrix)[0]
    single = columns is None or constant_of(columns) == 1
    block = block_of(kind, NARROW if single and is_short(n) else WIDE)
    first = n if single else padded(c, n, block)
    work = row_blocks(c, kind, n, first if columns is None else c.b.addi(first, columns), n, block)
    copy_elements(c, matrix, work.part(c, c.b.index(0), n))
    return work, first


@dataclass(frozen=True)
class Kept:
    """What takes the rows of a panel, from the `first` on, off each row: `factors[row, of the panel]`; and which
    columns are beyond its blocks."""

    factors: Value
    first: Value
    beyond: Value

    def place(self, c: Context, row: Value, other: Value) -> Place:
        return self.factors, [row, c.b.subi(other, self.first)]

    def of(self, c: Context, row: Value, other: Value) -> Value:
        return c.load(*self.place(c, row, other))


def _eliminate(c: Context, work: RowBlocks) -> Value:
    """Gaussian elimination in place, with the columns beside the matrix; the sign of the row swaps. Below the
    diagonal nothing is left that counts."""
    b, n, one = c.b, work.rows, c.b.const(1.0, work.kind)
    if is_short(n):
        return _eliminate_columns(c, work, b.index(0), n, one)
    factors = c.alloc(work.kind, [n, b.index(PANEL)])
    with c.carrying_loop(n, [one], step=PANEL) as (first, (sign,), finish):
        kept = Kept(factors, first, b.minsi(b.addi(first, b.index(PANEL)), work.columns))
        end = b.minsi(kept.beyond, n)
        sign = _eliminate_columns(c, work, first, end, sign, kept)
        take_panel_off(c, work, _downwards, (first, end), kept.beyond, partial(kept.of, c))
        finish([sign])
    return c.results[0]


def _eliminate_columns(c: Context, work: RowBlocks, first: Value, end: Value, sign: Value, kept: Kept | None = None,
                       ) -> Value:
    """The columns from `first` to `end`, with those beyond in these rows alone, if factors are `kept` that take them
    off the others. The sign."""
    b, a, n = c.b, work.buffer, work.rows
    beyond = work.columns if kept is None else kept.beyond
    with c.carrying_loop(end, [sign], start=first) as (k, (sign,), finish):
        pivot = _find_pivot(c, a, n, k)
        work.in_blocks(c, k, lambda at: _swap(c, at(k), at(pivot)))
        if kept is not None:
            _finish_row(c, work, kept, k, pivot)
        head = nonzero_or_one(c, c.load(a, [k, k]))

        def clear(i: Value) -> None:
            factor = divide(c, c.load(a, [i, k]), head)
            if kept is not None:
                c.store(factor, *kept.place(c, i, k))
            work.in_blocks(c, k, less_multiple(c, i, k, factor), beyond)
        _after(c, k, n, clear)
        finish([b.select(b.cmpi("eq", pivot, k), sign, multiply(c, sign, b.const(-1.0, work.kind)))])
    return c.results[0]


def _finish_row(c: Context, work: RowBlocks, kept: Kept, k: Value, pivot: Value) -> None:
    """A pivot row brings its factors, by which those before it in the panel go off its columns beyond."""
    with c.span(kept.first, k) as j:
        _swap(c, kept.place(c, k, j), kept.place(c, pivot, j))
    work.in_blocks(c, kept.beyond, less_panel(c, [k], _downwards, (kept.first, k), partial(kept.of, c)))


def _swap(c: Context, one: Place, other: Place) -> None:
    upper, lower = c.load(*one), c.load(*other)
    c.store(lower, *one)
    c.store(upper, *other)


def _find_pivot(c: Context, a: Value, n: Value, k: Value) -> Value:
    """The row from k on with the largest entry in column k."""
    b = c.b
    with c.carrying_loop(b.subi(n, k), [k, size2(c, c.load(a, [k, k]))]) as (i, (best, size), finish):
        row = b.addi(k, i)
        candidate = size2(c, c.load(a, [row, k]))
        better = b.cmpf("ogt", candidate, size)
        finish([b.select(better, row, best), b.select(better, candidate, size)])
    return c.results[0]


def _substitute(c: Context, a: Value, n: Value, columns: Columns, lower: bool, what: str = "solve") -> None:
    """Solve with a triangular `a`, in place in columns; `what` is said of a singular one. The sum of each column is
    in a register."""
    _substitute_panel(c, a, _order(c, n, lower), (c.b.index(0), n), columns, what)


def _substitute_blocks(c: Context, a: Value, work: RowBlocks, column: Value, lower: bool,
                       what: str = "solve") -> None:
    """That with the columns from `column` on, in blocks."""
    n, columns = work.rows, partial(work.in_blocks, c, column)
    if is_short(n):
        _substitute(c, a, n, columns, lower, what)
        return
    row = _order(c, n, lower)
    with panels(c, n) as panel:
        _substitute_panel(c, a, row, panel, columns, what)
        take_panel_off(c, work, row, panel, column, lambda i, k: c.load(a, [i, row(k)]))


def _order(c: Context, n: Value, lower: bool) -> Order:
    """From the first row down, or from the last one up."""
    return _downwards if lower else lambda k: c.b.subi(c.b.subi(n, c.b.index(1)), k)


def _downwards(k: Value) -> Value:
    return k


def _substitute_panel(c: Context, a: Value, row: Order, panel: Span, columns: Columns, what: str) -> None:
    """The rows of a panel, of which those before have gone off."""
    first = panel[0]
    with c.span(*panel) as k:
        i = row(k)
        head = c.load(a, [i, i])
        size = size2(c, head)
        fail_unless(c, c.b.cmpf("une", size, c.b.const(0.0, size.type)), f"{what}: the matrix is singular")

        def solve_row(at: Element) -> None:
            with c.carrying_loop(k, [c.load(*at(i))], start=first) as (before, (rest,), after):
                j = row(before)
                after([subtract(c, rest, multiply(c, c.load(a, [i, j]), c.load(*at(j))))])
            c.store(divide(c, c.results[0], head), *at(i))
        columns(solve_row)


def _columns(c: Context, x: Value) -> Columns:
    """Those of a matrix, one by one."""
    def run(body: Callable[[Element], None]) -> None:
        with c.loop(c.sizes(x)[1], PARALLEL_LOOP) as column:
            body(lambda row: (x, [row, column]))
    return run


def _substitute_columns(c: Context, a: Value, x: Value, lower: bool) -> None:
    """Solve with a triangular `a`, in place in the columns of a matrix."""
    n, count = c.sizes(x)
    if is_short(n) or constant_of(count) == 1:
        _substitute(c, a, n, _columns(c, x), lower)
        return
    kind = t.element(x.type)
    work = row_blocks(c, kind, n, count, count, block_of(kind, WIDE))
    beside = work.part(c, c.b.index(0), count)
    copy_elements(c, x, beside)
    _substitute_blocks(c, a, work, c.b.index(0), lower)
    copy_elements(c, beside, x)


@converts("scan.solve", at_target=True)
def solve(c: Context, op: Op) -> None:
    """x of matrix @ x = rhs, for a vector or the columns of a matrix."""
    matrix, rhs = (materialise(c, v) for v in op.operands)
    kind = str(op.attrs["kind"])
    target = c.target(op.result, c.sizes(rhs))
    n, is_vector = c.sizes(rhs)[0], len(c.sizes(rhs)) == 1
    place = target if not is_vector or is_contiguous(target.type) else c.alloc(t.element(target.type), [n])
    c.copy(rhs, place)
    columns = c.reshape(place, [n, c.b.index(1)]) if is_vector else place
    if small.is_small_system(c, matrix, columns):
        small.put(c, _few(c, op, matrix, small.entries(c, columns)), columns)
    elif kind == "general":
        _solve_beside(c, matrix, columns)
    else:
        _substitute_columns(c, matrix, columns, lower=kind == "lower")
    c.copy(place, target)
    c.set(op.result, target)


def _solve_beside(c: Context, matrix: Value, columns: Value) -> None:
    """Solve for columns in place."""
    n, count = c.sizes(matrix)[0], c.sizes(columns)[1]
    work, first = _beside(c, matrix, count)
    beside = work.part(c, first, count)
    copy_elements(c, columns, beside)
    _eliminate(c, work)
    if constant_of(count) == 1:
        _substitute(c, work.buffer, n, _columns(c, beside), lower=False)
    else:
        _substitute_blocks(c, work.buffer, work, first, lower=False)
    copy_elements(c, beside, columns)


def _few(c: Context, op: Op, matrix: Value, rhs: small.Grid) -> small.Grid:
    """The columns that solve a system of few numbers."""
    kind = str(op.attrs["kind"])
    if kind != "general":
        return small.substituted(c, small.entries(c, matrix), rhs, kind == "lower", "solve")
    made = small.eliminated(c, matrix, op.operands[0])
    return small.substituted(c, made.upper, made.turned(c, rhs), False, "solve")


@converts("scan.factor", at_target=True)
def factor(c: Context, op: Op) -> None:
    kind = str(op.attrs["kind"])
    matrix = materialise(c, op.operands[0])
    if kind == "det":
        found = c.determinants.pop(op, None)  # with the inverse
        c.env[op.result] = found if found is not None else _det(c, op, matrix)
        return
    target = c.target(op.result, c.sizes(matrix))
    if kind == "inverse":
        _inverse(c, op, matrix, target)
    elif small.is_small(c, matrix, most=small.MOST_OF_CHOLESKY):
        small.put(c, small.cholesky(c, small.entries(c, matrix), t.element(matrix.type)), target)
    else:
        _cholesky(c, matrix, target, c.sizes(matrix)[0])
    c.set(op.result, target)


def _inverse(c: Context, op: Op, matrix: Value, target: Value) -> None:
    """The inverse, and the determinant where the block asks for it, too: of one elimination."""
    det = _det_behind(op)

    def by_formula(two: Cofactors) -> list[Value]:
        small.put(c, two.inverse(c), target)
        return [two.det] if det else []

    def by_elimination() -> list[Value]:
        if not small.is_small(c, matrix, c.sizes(matrix)[0]):
            return _invert(c, matrix, target, bool(det))
        made = small.eliminated(c, matrix, op.operands[0])
        rhs = made.turned(c, small.identity(c, len(made.upper), t.element(matrix.type)))
        small.put(c, small.substituted(c, made.upper, rhs, False, "inverse"), target)
        return [_small_det(c, made)] if det else []
    found = of_two_rows(c, matrix, op.operands[0], by_formula, by_elimination)
    c.determinants.update(zip(det, found, strict=True))


def _det_behind(inverse: Op) -> list[Op]:
    """The determinant of the same matrix, where the block asks for it later."""
    (matrix,), block = inverse.operands, inverse.parent
    assert block is not None
    return [user for user in matrix.uses if user.name == inverse.name and user.attrs["kind"] == "det"
            and user.parent is block and block.place_of(user) > block.place_of(inverse)][:1]


def _invert(c: Context, matrix: Value, target: Value, with_det: bool) -> list[Value]:
    n = c.sizes(matrix)[0]
    kind = t.element(matrix.type)
    work, first = _beside(c, matrix, n)
    with c.loop(n) as i:
        c.store(c.b.const(1.0, kind), work.buffer, [i, c.b.addi(first, i)])
    sign = _eliminate(c, work)
    det = _product_of_pivots(c, work, sign) if with_det else []
    _substitute_blocks(c, work.buffer, work, first, lower=False, what="inverse")
    copy_elements(c, work.part(c, first, n), target)
    return det


def _det(c: Context, op: Op, matrix: Value) -> Value:
    def by_elimination() -> list[Value]:
        if small.is_small(c, matrix):
            return [_small_det(c, small.eliminated(c, matrix, op.operands[0]))]
        work = _beside(c, matrix)[0]
        return _product_of_pivots(c, work, _eliminate(c, work))
    return of_two_rows(c, matrix, op.operands[0], lambda two: [two.det], by_elimination)[0]


def _small_det(c: Context, made: small.Eliminated) -> Value:
    return reduce(partial(multiply, c), (made.upper[i][i] for i in range(len(made.upper))), made.sign)


def _product_of_pivots(c: Context, work: RowBlocks, sign: Value) -> list[Value]:
    with c.carrying_loop(work.rows, [sign]) as (i, (product,), finish):
        finish([multiply(c, product, c.load(work.buffer, [i, i]))])
    return c.results


@converts("scan.slogdet")
def slogdet(c: Context, op: Op) -> None:
    """The signs and the logarithms of the pivots; 0 and -inf where one is 0."""
    matrix = materialise(c, op.operands[0])
    n, zero = c.sizes(matrix)[0], c.b.const(0.0, t.element(matrix.type))
    if small.is_small(c, matrix):
        made = small.eliminated(c, matrix, op.operands[0])
        found = made.sign, zero
        for k, row in enumerate(made.upper):
            found = _and_pivot(c, *found, row[k])
    else:
        work = _beside(c, matrix)[0]
        with c.carrying_loop(n, [_eliminate(c, work), zero]) as (i, (sign, logarithm), finish):
            finish(_and_pivot(c, sign, logarithm, c.load(work.buffer, [i, i])))
        found = c.results[0], c.results[1]
    for result, value in zip(op.results, found, strict=True):
        c.env[result] = value


def _and_pivot(c: Context, sign: Value, logarithm: Value, pivot: Value) -> tuple[Value, Value]:
    b, zero, one = c.b, c.b.const(0.0, pivot.type), c.b.const(1.0, pivot.type)
    turn = b.select(b.cmpf("oeq", pivot, zero), zero, b.math("copysign", one, pivot))
    turn = b.select(b.cmpf("uno", pivot, pivot), pivot, turn)
    return b.mulf(sign, turn), b.addf(logarithm, b.math("log", b.math("absf", pivot)))


def _cholesky(c: Context, matrix: Value, target: Value, n: Value) -> None:
    """U = L.T by rows: what is left of A[k] after U[j, k] * U[j] of all j < k, by the root of its own element k."""
    b, kind = c.b, t.element(matrix.type)
    work = row_blocks(c, kind, n, n, n, block_of(kind, NARROW if is_short(n) else WIDE))
    transpose(c, matrix, work.part(c, b.index(0), n))
    with c.loop(n) as i, c.loop(n, PARALLEL_LOOP) as j:
        c.store(b.const(0.0, kind), target, [i, j])
    if is_short(n):
        _factor_panel(c, work, (b.index(0), n), target)
        return
    with panels(c, n) as panel:
        _factor_panel(c, work, panel, target)
        take_panel_off(c, work, _downwards, panel, panel[1], lambda i, k: c.load(work.buffer, [k, i]), by_row=True)


def _factor_panel(c: Context, work: RowBlocks, panel: Span, target: Value) -> None:
    """The rows of a panel, of which those above have gone off."""
    b, u, n, first = c.b, work.buffer, work.rows, panel[0]
    with c.span(*panel) as k:
        def reduce_row(at: Element) -> None:
            with c.carrying_loop(k, [c.load(*at(k))], start=first) as (j, (rest,), after):
                after([subtract(c, rest, multiply(c, c.load(u, [j, k]), c.load(*at(j))))])
            c.store(c.results[0], *at(k))
        work.in_blocks(c, k, reduce_row)
        left = c.load(u, [k, k])
        fail_unless(c, b.cmpf("ugt", left, b.const(0.0, work.kind)), "cholesky: the matrix is not positive definite")
        root = b.math("sqrt", left)
        work.in_blocks(c, k, lambda at: c.store(divide(c, c.load(*at(k)), root), *at(k)))
        c.store(root, u, [k, k])
        with c.loop(b.subi(n, k)) as j:  # in the time of the next root and division
            i = b.addi(k, j)
            c.store(c.load(u, [k, i]), target, [i, k])
