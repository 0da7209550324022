"""Linear systems and factors of small dense matrices as loops.

Gaussian elimination with partial pivoting (Golub and Van Loan, Matrix Computations, 3.4); Cholesky by rows (4.2). A
singular or indefinite matrix ends the program with an error, as in NumPy.
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
from .two_rows import Cofactors, of_two_rows


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


def _eliminate(c: Context, a: Value, n: Value, rhs: Value | None) -> Value:
    """Gaussian elimination of `a` in place (with the columns of `rhs`); the sign of the row swaps."""
    b = c.b
    kind = t.element(a.type)
    with c.carrying_loop(n, [b.const(1.0, kind)]) as (k, (sign,), finish):
        pivot = _find_pivot(c, a, n, k)
        for matrix in (a, rhs) if rhs is not None else (a,):
            with c.loop(c.sizes(matrix)[1], PARALLEL_LOOP) as j:
                upper, lower = c.load(matrix, [k, j]), c.load(matrix, [pivot, j])
                c.store(lower, matrix, [k, j])
                c.store(upper, matrix, [pivot, j])

        def clear(i: Value) -> None:
            head = c.load(a, [k, k])
            zero = b.const(0.0, kind)
            safe = nonzero_or_one(c, head)
            factor = divide(c, c.load(a, [i, k]), safe)
            c.store(zero, a, [i, k])
            _after(c, k, n, lambda j: c.store(
                subtract(c, c.load(a, [i, j]), multiply(c, factor, c.load(a, [k, j]))), a, [i, j]),
                PARALLEL_LOOP)
            if rhs is not None:
                with c.loop(c.sizes(rhs)[1], PARALLEL_LOOP) as j:
                    c.store(subtract(c, c.load(rhs, [i, j]), multiply(c, factor, c.load(rhs, [k, j]))), rhs, [i, j])
        _after(c, k, n, clear)
        finish([b.select(b.cmpi("eq", pivot, k), sign, multiply(c, sign, b.const(-1.0, kind)))])
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


def _substitute(c: Context, a: Value, n: Value, x: Value, lower: bool, what: str = "solve") -> None:
    """Solve with a triangular `a`, in place in the columns of `x`; `what` is said of a singular one. One column has
    its sum in a register, several are side by side."""
    zero, columns = c.b.index(0), c.sizes(x)[1]
    reduce_row = _reduce_number if constant_of(columns) == 1 else _reduce_row

    def row(i: Value) -> None:
        head = c.load(a, [i, i])
        size = size2(c, head)
        fail_unless(c, c.b.cmpf("une", size, c.b.const(0.0, size.type)), f"{what}: the matrix is singular")
        start = zero if lower else c.b.addi(i, c.b.index(1))
        reduce_row(c, a, x, i, start, i if lower else c.b.subi(n, start))
        with c.loop(columns, PARALLEL_LOOP) as column:
            c.store(divide(c, c.load(x, [i, column]), head), x, [i, column])
    if lower:
        with c.loop(n) as i:
            row(i)
    else:
        _downwards(c, n, row)


def _reduce_number(c: Context, a: Value, x: Value, i: Value, start: Value, count: Value) -> None:
    """x[i] -= a[i, j] * x[j] of `count` j from `start` on, one after the other."""
    zero = c.b.index(0)
    with c.carrying_loop(count, [c.load(x, [i, zero])]) as (k, (rest,), finish):
        j = c.b.addi(start, k)
        finish([subtract(c, rest, multiply(c, c.load(a, [i, j]), c.load(x, [j, zero])))])
    c.store(c.results[0], x, [i, zero])


def _reduce_row(c: Context, a: Value, x: Value, i: Value, start: Value, count: Value) -> None:
    """The same of each column of x, with the same roundings."""
    with c.loop(count) as k:
        j = c.b.addi(start, k)
        factor = c.load(a, [i, j])
        with c.loop(c.sizes(x)[1], PARALLEL_LOOP) as column:
            c.store(subtract(c, c.load(x, [i, column]), multiply(c, factor, c.load(x, [j, column]))), x, [i, column])


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
        work = c.own_copy(matrix)
        _eliminate(c, work, n, columns)
        _substitute(c, work, n, columns, lower=False)
    else:
        _substitute(c, matrix, n, columns, lower=kind == "lower")
    c.copy(place, target)
    c.set(op.result, target)


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
    elif small.is_small(c, matrix):
        small.put(c, small.cholesky(c, small.entries(c, matrix), t.element(matrix.type)), target)
    else:
        _cholesky(c, matrix, target, n)
    c.set(op.result, target)


def _inverse(c: Context, op: Op, matrix: Value, target: Value) -> None:
    def by_formula(two: Cofactors) -> list[Value]:
        small.put(c, two.inverse(c), target)
        return []

    def by_elimination() -> list[Value]:
        if small.is_small(c, matrix):
            made = small.eliminated(c, matrix, op.operands[0])
            rhs = made.turned(c, small.identity(c, len(made.upper), t.element(matrix.type)))
            small.put(c, small.substituted(c, made.upper, rhs, False, "inverse"), target)
        else:
            n, work = c.sizes(matrix)[0], c.own_copy(matrix)
            _identity(c, target, n)
            _eliminate(c, work, n, target)
            _substitute(c, work, n, target, lower=False, what="inverse")
        return []
    of_two_rows(c, matrix, op.operands[0], by_formula, by_elimination)


def _identity(c: Context, target: Value, n: Value) -> None:
    kind = t.element(target.type)
    with c.loop(n) as i, c.loop(n) as j:
        one = c.b.cmpi("eq", i, j)
        c.store(c.b.select(one, c.b.const(1.0, kind), c.b.const(0.0, kind)), target, [i, j])


def _det(c: Context, op: Op, matrix: Value, n: Value) -> Value:
    def by_elimination() -> list[Value]:
        if small.is_small(c, matrix):
            made = small.eliminated(c, matrix, op.operands[0])
            return [reduce(partial(multiply, c), (made.upper[i][i] for i in range(len(made.upper))), made.sign)]
        work = c.own_copy(matrix)
        sign = _eliminate(c, work, n, None)
        with c.carrying_loop(n, [sign]) as (i, (product,), finish):
            finish([multiply(c, product, c.load(work, [i, i]))])
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
        work = c.own_copy(matrix)
        with c.carrying_loop(n, [_eliminate(c, work, n, None), zero]) as (i, (sign, logarithm), finish):
            finish(_and_pivot(c, sign, logarithm, c.load(work, [i, i])))
        found = c.results[0], c.results[1]
    for result, value in zip(op.results, found, strict=True):
        c.env[result] = value


def _and_pivot(c: Context, sign: Value, logarithm: Value, pivot: Value) -> tuple[Value, Value]:
    b, zero, one = c.b, c.b.const(0.0, pivot.type), c.b.const(1.0, pivot.type)
    turn = b.select(b.cmpf("oeq", pivot, zero), zero, b.math("copysign", one, pivot))
    turn = b.select(b.cmpf("uno", pivot, pivot), pivot, turn)
    return b.mulf(sign, turn), b.addf(logarithm, b.math("log", b.math("absf", pivot)))


def _cholesky(c: Context, matrix: Value, target: Value, n: Value) -> None:
    """Row by row: L[i, j] = (A[i, j] - sum_k L[i, k] L[j, k]) / L[j, j]."""
    b = c.b
    zero = b.const(0.0, t.element(matrix.type))
    with c.loop(n) as i:
        with c.loop(b.addi(i, b.index(1))) as j:
            with c.carrying_loop(j, [c.load(matrix, [i, j])]) as (k, (rest,), finish):
                finish([subtract(c, rest, multiply(c, c.load(target, [i, k]), c.load(target, [j, k])))])
            left = c.results[0]
            diagonal = b.cmpi("eq", i, j)
            with c.when(diagonal):
                fail_unless(c, b.cmpf("ugt", left, zero), "cholesky: the matrix is not positive definite")
                c.store(b.math("sqrt", left), target, [i, j])
            with c.when(c.b.opposite(diagonal)):
                c.store(divide(c, left, c.load(target, [j, j])), target, [i, j])
        _after(c, i, n, lambda j: c.store(zero, target, [i, j]))
