"""Sorting and small dense linear algebra as loops.

Sorting: bottom-up merge sort, stable, NaN last. Linear systems: Gaussian elimination with partial
pivoting (Golub and Van Loan, Matrix Computations, 3.4); Cholesky by columns (4.2). A singular or
indefinite matrix ends the program with an error, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from .arrays import materialise, multiply, sequential
from .context import Context, converts, is_contiguous

N_LEVELS = 63  # run lengths 1, 2, 4, ...: those of at least n do nothing


# ---- sorting ----


@converts("scan.sort")
def sort(c: Context, op: Op) -> None:
    """Each line along the axis is copied out, sorted, and copied to its place."""
    source = materialise(c, op.operands[0])
    axis, positions = op.attrs["axis"].value, bool(op.attrs["positions"])
    sizes = c.sizes(source)
    target = c.target(op.result, sizes)
    n, element = sizes[axis], t.element(source.type)
    lines = [c.alloc(element, [n]) for _ in range(2)]
    places = [c.alloc(t.i64, [n]) for _ in range(2)] if positions else []
    less = _less(op)

    def line(counters: list[Value]) -> None:
        def at(i: Value) -> list[Value]:
            return [*counters[:axis], i, *counters[axis:]]

        with c.loop(n) as i:
            c.store(c.load(source, at(i)), lines[0], [i])
            if places:
                c.store(c.b.index_cast(i, t.i64), places[0], [i])
        _merge_sort(c, n, lines, places, less)
        with c.loop(n) as i:
            c.store(c.load((places or lines)[0], [i]), target, at(i))
    sequential(c, [s for a, s in enumerate(sizes) if a != axis], line)
    c.set(op.result, target)


def _less(op: Op) -> Callable[[Context, Value, Value], Value]:
    """a stands before b; a NaN before nothing."""
    kind = t.element(op.operands[0].type)
    unsigned = bool(op.attrs["unsigned"]) or kind == t.i1

    def less(c: Context, a: Value, b: Value) -> Value:
        if not isinstance(kind, t.FloatType):
            return c.b.cmpi("ult" if unsigned else "slt", a, b)
        number = c.b.condition("andi", c.b.cmpf("ord", a, a), c.b.cmpf("uno", b, b))
        return c.b.condition("ori", c.b.cmpf("olt", a, b), number)
    return less


def _merge_sort(c: Context, n: Value, lines: list[Value], places: list[Value],
                less: Callable[[Context, Value, Value], Value]) -> None:
    b = c.b
    one, two = b.index(1), b.index(2)
    with c.loop(b.index(N_LEVELS)) as level:
        run = b.op("arith.shli", [one, level], [t.index])
        with c.when(b.cmpi("slt", run, n)):
            pair = b.muli(run, two)
            count = b.op("arith.divsi", [b.addi(n, b.subi(pair, one)), pair], [t.index])
            with c.loop(count) as k:
                start = b.muli(k, pair)
                middle = b.minsi(b.addi(start, run), n)
                _merge(c, start, middle, b.minsi(b.addi(start, pair), n), lines, places, less)
            c.copy(lines[1], lines[0])
            if places:
                c.copy(places[1], places[0])


def _merge(c: Context, start: Value, middle: Value, end: Value, lines: list[Value], places: list[Value],
           less: Callable[[Context, Value, Value], Value]) -> None:
    """Two sorted runs into one: the right element goes first only if it is less."""
    b = c.b
    one = b.index(1)
    with c.carrying_loop(b.subi(end, start), [start, middle]) as (k, (i, j), finish):
        left_at = b.minsi(i, b.subi(middle, one))
        right_at = b.minsi(j, b.subi(end, one))
        left, right = c.load(lines[0], [left_at]), c.load(lines[0], [right_at])
        has_left, has_right = b.cmpi("slt", i, middle), b.cmpi("slt", j, end)
        first = b.condition("andi", has_right, b.condition("ori", less(c, right, left), _not(c, has_left)))
        to = b.addi(start, k)
        c.store(b.select(first, right, left), lines[1], [to])
        if places:
            c.store(c.load(places[0], [b.select(first, right_at, left_at)]), places[1], [to])
        finish([b.select(first, i, b.addi(i, one)), b.select(first, b.addi(j, one), j)])


def _not(c: Context, x: Value) -> Value:
    return c.b.op("arith.xori", [x, c.b.const(1, t.i1)], [t.i1])


# ---- linear algebra ----


def _minus(c: Context, x: Value, y: Value) -> Value:
    return c.b.op("complex.sub", [x, y], [x.type]) if t.is_complex(x.type) else c.b.subf(x, y)


def _over(c: Context, x: Value, y: Value) -> Value:
    return c.b.op("complex.div", [x, y], [x.type]) if t.is_complex(x.type) else c.b.divf(x, y)


def _size2(c: Context, x: Value) -> Value:
    """|x|, or |x|**2 of a complex number: what pivots are compared by."""
    if not isinstance(x.type, t.ComplexType):
        return c.b.math("absf", x)
    re, im = (c.b.op(f"complex.{p}", [x], [x.type.element]) for p in ("re", "im"))
    return c.b.addf(c.b.mulf(re, re), c.b.mulf(im, im))


def _fail_unless(c: Context, condition: Value, message: str) -> None:
    c.b.make("scan.check", [condition], [], {"error": "LinAlgError", "message": message})


def _after(c: Context, k: Value, n: Value, body: Callable[[Value], None]) -> None:
    """for i = k + 1 to n"""
    next_ = c.b.addi(k, c.b.index(1))
    with c.loop(c.b.subi(n, next_)) as i:
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
            with c.loop(c.sizes(matrix)[1]) as j:
                upper, lower = c.load(matrix, [k, j]), c.load(matrix, [pivot, j])
                c.store(lower, matrix, [k, j])
                c.store(upper, matrix, [pivot, j])

        def clear(i: Value) -> None:
            head = c.load(a, [k, k])
            zero = b.const(0.0, kind)
            safe = _nonzero_or_one(c, head)
            factor = _over(c, c.load(a, [i, k]), safe)
            c.store(zero, a, [i, k])
            _after(c, k, n, lambda j: c.store(
                _minus(c, c.load(a, [i, j]), multiply(c, factor, c.load(a, [k, j]))), a, [i, j]))
            if rhs is not None:
                with c.loop(c.sizes(rhs)[1]) as j:
                    c.store(_minus(c, c.load(rhs, [i, j]), multiply(c, factor, c.load(rhs, [k, j]))), rhs, [i, j])
        _after(c, k, n, clear)
        finish([b.select(b.cmpi("eq", pivot, k), sign, multiply(c, sign, b.const(-1.0, kind)))])
    return c.results[0]


def _nonzero_or_one(c: Context, x: Value) -> Value:
    size = _size2(c, x)
    return c.b.select(c.b.cmpf("une", size, c.b.const(0.0, size.type)), x, c.b.const(1.0, x.type))


def _find_pivot(c: Context, a: Value, n: Value, k: Value) -> Value:
    """The row from k on with the largest entry in column k."""
    b = c.b
    with c.carrying_loop(b.subi(n, k), [k, _size2(c, c.load(a, [k, k]))]) as (i, (best, size), finish):
        row = b.addi(k, i)
        candidate = _size2(c, c.load(a, [row, k]))
        better = b.cmpf("ogt", candidate, size)
        finish([b.select(better, row, best), b.select(better, candidate, size)])
    return c.results[0]


def _substitute(c: Context, a: Value, n: Value, x: Value, lower: bool, what: str = "solve") -> None:
    """Solve with a triangular `a`, in place in the columns of `x`; `what` is said of a singular one."""
    zero = c.b.index(0)

    def row(i: Value) -> None:
        head = c.load(a, [i, i])
        size = _size2(c, head)
        _fail_unless(c, c.b.cmpf("une", size, c.b.const(0.0, size.type)), f"{what}: the matrix is singular")
        with c.loop(c.sizes(x)[1]) as column:
            start = zero if lower else c.b.addi(i, c.b.index(1))
            count = i if lower else c.b.subi(n, start)
            with c.carrying_loop(count, [c.load(x, [i, column])]) as (k, (rest,), finish):
                j = c.b.addi(start, k)
                finish([_minus(c, rest, multiply(c, c.load(a, [i, j]), c.load(x, [j, column])))])
            c.store(_over(c, c.results[0], head), x, [i, column])
    if lower:
        with c.loop(n) as i:
            row(i)
    else:
        _downwards(c, n, row)


@converts("scan.solve")
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
    if kind == "general":
        work = c.own_copy(matrix)
        _eliminate(c, work, n, columns)
        _substitute(c, work, n, columns, lower=False)
    else:
        _substitute(c, matrix, n, columns, lower=kind == "lower")
    c.copy(place, target)
    c.set(op.result, target)


@converts("scan.factor")
def factor(c: Context, op: Op) -> None:
    kind = str(op.attrs["kind"])
    matrix = materialise(c, op.operands[0])
    n = c.sizes(matrix)[0]
    if kind == "det":
        c.env[op.result] = _det(c, matrix, n)
        return
    target = c.target(op.result, c.sizes(matrix))
    if kind == "cholesky":
        _cholesky(c, matrix, target, n)
    else:
        _identity(c, target, n)
        work = c.own_copy(matrix)
        _eliminate(c, work, n, target)
        _substitute(c, work, n, target, lower=False, what="inverse")
    c.set(op.result, target)


def _identity(c: Context, target: Value, n: Value) -> None:
    kind = t.element(target.type)
    with c.loop(n) as i, c.loop(n) as j:
        one = c.b.cmpi("eq", i, j)
        c.store(c.b.select(one, c.b.const(1.0, kind), c.b.const(0.0, kind)), target, [i, j])


def _det(c: Context, matrix: Value, n: Value) -> Value:
    work = c.own_copy(matrix)
    sign = _eliminate(c, work, n, None)
    with c.carrying_loop(n, [sign]) as (i, (product,), finish):
        finish([multiply(c, product, c.load(work, [i, i]))])
    return c.results[0]


@converts("scan.slogdet")
def slogdet(c: Context, op: Op) -> None:
    """The signs and the logarithms of the pivots; 0 and -inf where one is 0."""
    b, matrix = c.b, materialise(c, op.operands[0])
    n, kind = c.sizes(matrix)[0], t.element(matrix.type)
    work = c.own_copy(matrix)
    zero, one = b.const(0.0, kind), b.const(1.0, kind)
    with c.carrying_loop(n, [_eliminate(c, work, n, None), zero]) as (i, (sign, logarithm), finish):
        pivot = c.load(work, [i, i])
        size = b.math("absf", pivot)
        turn = b.select(b.cmpf("oeq", pivot, zero), zero, b.math("copysign", one, pivot))
        turn = b.select(b.cmpf("uno", pivot, pivot), pivot, turn)
        finish([b.mulf(sign, turn), b.addf(logarithm, b.math("log", size))])
    for result, value in zip(op.results, c.results, strict=True):
        c.env[result] = value


def _cholesky(c: Context, matrix: Value, target: Value, n: Value) -> None:
    """Row by row: L[i, j] = (A[i, j] - sum_k L[i, k] L[j, k]) / L[j, j]."""
    b = c.b
    zero = b.const(0.0, t.element(matrix.type))
    with c.loop(n) as i:
        with c.loop(b.addi(i, b.index(1))) as j:
            with c.carrying_loop(j, [c.load(matrix, [i, j])]) as (k, (rest,), finish):
                finish([_minus(c, rest, multiply(c, c.load(target, [i, k]), c.load(target, [j, k])))])
            left = c.results[0]
            diagonal = b.cmpi("eq", i, j)
            with c.when(diagonal):
                _fail_unless(c, b.cmpf("ugt", left, zero), "cholesky: the matrix is not positive definite")
                c.store(b.math("sqrt", left), target, [i, j])
            with c.when(_not(c, diagonal)):
                c.store(_over(c, left, c.load(target, [j, j])), target, [i, j])
        _after(c, i, n, lambda j: c.store(zero, target, [i, j]))


