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

from . import small_solvers as small
from .arithmetic import divide, multiply, subtract
from .context import Context, converts, is_contiguous
from .loops import PARALLEL_LOOP
from .nests import materialise
from .pivots import fail_unless, nonzero_or_one, size2
from .row_blocks import NARROW, WIDE, Element, RowBlocks, block_of, copy_elements, padded, row_blocks
from .transposing import transpose
from .two_rows import Cofactors, of_two_rows

Columns = Callable[[Callable[[Element], None]], None]  # does something with the elements of each column


def _after(c: Context, k: Value, n: Value, body: Callable[[Value], None], attrs: Attributes | None = None) -> None:
    """for i = k + 1 to n"""
    next_ = c.b.addi(k, c.b.index(1))
    with c.loop(c.b.subi(n, next_), attrs) as i:
        body(c.b.addi(next_, i))


def _downwards(c: Context, n: Value, body: Callable[[Value], None]) -> None:
    """for i = n - 1 down to 0"""
    last = c.b.subi(n, c.b.index(1))
    with c.loop(n) as i:
        body(c.b.subi(last, i))


def _beside(c: Context, matrix: Value, columns: Value | None = None) -> tuple[RowBlocks, Value]:
    """A matrix to eliminate in place, and beside it room for so many columns, or None: it, and where they begin."""
    kind, n = t.element(matrix.type), c.sizes(matrix)[0]
    single = columns is None or constant_of(columns) == 1
    block = block_of(kind, NARROW if single else WIDE)
    first = n if single else padded(c, n, block)
    work = row_blocks(c, kind, n, first if columns is None else c.b.addi(first, columns), n, block)
    copy_elements(c, matrix, work.part(c, c.b.index(0), n))
    return work, first


def _eliminate(c: Context, work: RowBlocks) -> Value:
    """Gaussian elimination in place, with the columns beside the matrix; the sign of the row swaps. Below the
    diagonal nothing is left that counts."""
    b, a, n = c.b, work.buffer, work.rows
    with c.carrying_loop(n, [b.const(1.0, work.kind)]) as (k, (sign,), finish):
        pivot = _find_pivot(c, a, n, k)

        def swap(at: Element) -> None:
            upper, lower = c.load(*at(k)), c.load(*at(pivot))
            c.store(lower, *at(k))
            c.store(upper, *at(pivot))
        work.in_blocks(c, k, swap)
        head = nonzero_or_one(c, c.load(a, [k, k]))

        def clear(i: Value) -> None:
            factor = divide(c, c.load(a, [i, k]), head)
            work.in_blocks(c, k, lambda at: c.store(
                subtract(c, c.load(*at(i)), multiply(c, factor, c.load(*at(k)))), *at(i)))
        _after(c, k, n, clear)
        finish([b.select(b.cmpi("eq", pivot, k), sign, multiply(c, sign, b.const(-1.0, work.kind)))])
    return c.results[0]


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
    def row(i: Value) -> None:
        head = c.load(a, [i, i])
        size = size2(c, head)
        fail_unless(c, c.b.cmpf("une", size, c.b.const(0.0, size.type)), f"{what}: the matrix is singular")
        columns(lambda at: c.store(divide(c, _reduced(c, a, at, i, None if lower else n), head), *at(i)))
    if lower:
        with c.loop(n) as i:
            row(i)
    else:
        _downwards(c, n, row)


def _columns(c: Context, x: Value) -> Columns:
    """Those of a matrix, one by one."""
    def run(body: Callable[[Element], None]) -> None:
        with c.loop(c.sizes(x)[1], PARALLEL_LOOP) as column:
            body(lambda row: (x, [row, column]))
    return run


def _reduced(c: Context, a: Value, at: Element, i: Value, end: Value | None) -> Value:
    """x[i] less a[i, j] * x[j] of all j before i, or from the last before `end` back to i: what is known last goes
    off last."""
    b, one = c.b, c.b.index(1)
    count = i if end is None else b.subi(end, b.addi(i, one))
    with c.carrying_loop(count, [c.load(*at(i))]) as (k, (rest,), finish):
        j = k if end is None else b.subi(b.subi(end, one), k)
        finish([subtract(c, rest, multiply(c, c.load(a, [i, j]), c.load(*at(j))))])
    return c.results[0]


@converts("scan.solve", at_target=True)
def solve(c: Context, op: Op) -> None:
    """x of matrix @ x = rhs, for a vector or the columns of a matrix."""
    matrix, rhs = (materialise(c, v) for v in op.operands)
    kind = str(op.attrs["kind"])
    target = c.target(op.result, c.sizes(rhs))
    n = c.sizes(matrix)[0]
    is_vector = len(c.sizes(rhs)) == 1
    place = target if not is_vector or is_contiguous(target.type) else c.alloc(t.element(target.type), [n])
    c.copy(rhs, place)
    columns = c.reshape(place, [n, c.b.index(1)]) if is_vector else place
    if small.is_small_system(c, matrix, columns):
        small.put(c, _few(c, op, matrix, small.entries(c, columns)), columns)
    elif kind == "general":
        _solve_beside(c, matrix, columns)
    else:
        _substitute(c, matrix, n, _columns(c, columns), lower=kind == "lower")
    c.copy(place, target)
    c.set(op.result, target)


def _solve_beside(c: Context, matrix: Value, columns: Value) -> None:
    """Solve for columns in place."""
    n, count = c.sizes(matrix)[0], c.sizes(columns)[1]
    work, first = _beside(c, matrix, count)
    beside = work.part(c, first, count)
    copy_elements(c, columns, beside)
    _eliminate(c, work)
    each = _columns(c, beside) if constant_of(count) == 1 else partial(work.in_blocks, c, first)
    _substitute(c, work.buffer, n, each, lower=False)
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
    n = c.sizes(matrix)[0]
    if kind == "det":
        c.env[op.result] = _det(c, op, matrix, n)
        return
    target = c.target(op.result, c.sizes(matrix))
    if kind == "inverse":
        _inverse(c, op, matrix, target)
    elif small.is_small(c, matrix, most=small.MOST_OF_CHOLESKY):
        small.put(c, small.cholesky(c, small.entries(c, matrix), t.element(matrix.type)), target)
    else:
        _cholesky(c, matrix, target, n)
    c.set(op.result, target)


def _inverse(c: Context, op: Op, matrix: Value, target: Value) -> None:
    def by_formula(two: Cofactors) -> list[Value]:
        small.put(c, two.inverse(c), target)
        return []

    def by_elimination() -> list[Value]:
        if small.is_small(c, matrix, c.sizes(matrix)[0]):
            made = small.eliminated(c, matrix, op.operands[0])
            rhs = made.turned(c, small.identity(c, len(made.upper), t.element(matrix.type)))
            small.put(c, small.substituted(c, made.upper, rhs, False, "inverse"), target)
        else:
            _invert(c, matrix, target)
        return []
    of_two_rows(c, matrix, op.operands[0], by_formula, by_elimination)


def _invert(c: Context, matrix: Value, target: Value) -> None:
    n = c.sizes(matrix)[0]
    kind = t.element(matrix.type)
    work, first = _beside(c, matrix, n)
    with c.loop(n) as i:
        c.store(c.b.const(1.0, kind), work.buffer, [i, c.b.addi(first, i)])
    _eliminate(c, work)
    _substitute(c, work.buffer, n, partial(work.in_blocks, c, first), lower=False, what="inverse")
    copy_elements(c, work.part(c, first, n), target)


def _det(c: Context, op: Op, matrix: Value, n: Value) -> Value:
    def by_elimination() -> list[Value]:
        if small.is_small(c, matrix):
            made = small.eliminated(c, matrix, op.operands[0])
            return [reduce(partial(multiply, c), (made.upper[i][i] for i in range(len(made.upper))), made.sign)]
        work = _beside(c, matrix)[0]
        with c.carrying_loop(n, [_eliminate(c, work)]) as (i, (product,), finish):
            finish([multiply(c, product, c.load(work.buffer, [i, i]))])
        return c.results
    return of_two_rows(c, matrix, op.operands[0], lambda two: [two.det], by_elimination)[0]


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
    b, zero = c.b, c.b.const(0.0, t.element(matrix.type))
    work = row_blocks(c, zero.type, n, n, n, block_of(zero.type))
    u = work.buffer
    transpose(c, matrix, work.part(c, b.index(0), n))
    with c.loop(n) as i, c.loop(n, PARALLEL_LOOP) as j:
        c.store(zero, target, [i, j])
    with c.loop(n) as k:
        def reduce_row(at: Element) -> None:
            with c.carrying_loop(k, [c.load(*at(k))]) as (j, (rest,), finish):
                finish([subtract(c, rest, multiply(c, c.load(u, [j, k]), c.load(*at(j))))])
            c.store(c.results[0], *at(k))
        work.in_blocks(c, k, reduce_row)
        left = c.load(u, [k, k])
        fail_unless(c, b.cmpf("ugt", left, zero), "cholesky: the matrix is not positive definite")
        root = b.math("sqrt", left)
        work.in_blocks(c, k, lambda at: c.store(divide(c, c.load(*at(k)), root), *at(k)))
        c.store(root, u, [k, k])
        with c.loop(b.subi(n, k)) as j:  # in the time of the next root and division
            i = b.addi(k, j)
            c.store(c.load(u, [k, i]), target, [i, k])
