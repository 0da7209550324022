"""Linear systems and factors of matrices of a few numbers, in registers.

What `solvers.py` does in loops, written out: every entry is a value, rows change places by choices, and nothing is in
memory between. Each entry goes through the same operations in the same order, so it has the same bits. What was
found of a matrix serves all that a block asks of it: `det(S)`, `inv(S)` and `solve(S, v)` eliminate S once.
"""

from __future__ import annotations

from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Value
from scancc.late_dataclasses import dataclass

from .arithmetic import divide, multiply, subtract
from .context import Context
from .pivots import fail_unless, nonzero_or_one, size2

MOST_OPS = 256  # n*n * (n + columns): three times so many in all, where rows change places; more want loops
MOST_COLUMNS = 4  # on the right of a system; more are vectors
MOST_OF_CHOLESKY = 12 * 12 * 12  # a sixth of it multiply

Grid = list[list[Value]]


def is_small(c: Context, matrix: Value, columns: Value | None = None, most: int = MOST_OPS) -> bool:
    """Whether a matrix, with so many columns beside it, has few numbers, as is known. One that is not square stands
    behind a check that fails."""
    beside = 0 if columns is None else constant_of(columns)
    rows, across = map(constant_of, c.sizes(matrix))
    return rows is not None and rows == across and beside is not None and 0 < rows * rows * (rows + beside) <= most


def is_small_system(c: Context, matrix: Value, columns: Value) -> bool:
    """Whether a system has a small matrix and few right-hand sides; their lengths may contradict it, too."""
    rows, count = c.sizes(columns)
    few = 0 < (constant_of(count) or 0) <= MOST_COLUMNS
    return few and constant_of(rows) == constant_of(c.sizes(matrix)[0]) and is_small(c, matrix, count)


def entries(c: Context, matrix: Value) -> Grid:
    """The elements of a buffer of known sizes."""
    rows, columns = (_known(c, size) for size in c.sizes(matrix))
    return [[c.load(matrix, [c.b.index(i), c.b.index(j)]) for j in range(columns)] for i in range(rows)]


def put(c: Context, grid: Grid, target: Value) -> None:
    """Elements into a buffer."""
    for i, row in enumerate(grid):
        for j, value in enumerate(row):
            c.store(value, target, [c.b.index(i), c.b.index(j)])


def identity(c: Context, n: int, kind: t.Type) -> Grid:
    one, zero = c.b.const(1.0, kind), c.b.const(0.0, kind)
    return [[one if i == j else zero for j in range(n)] for i in range(n)]


def _known(c: Context, size: Value) -> int:
    known = constant_of(size)
    assert isinstance(known, int), "small matrices have known sizes"
    return known


@dataclass
class Eliminated:
    """A matrix after Gaussian elimination with partial pivoting, and what was done to its rows."""

    upper: Grid
    sign: Value
    block: Block
    hits: list[list[Value]] = field(default_factory=list)     # of step k: whether row k + 1, k + 2, ... was its pivot
    factors: list[list[Value]] = field(default_factory=list)  # of step k: by which its row went from those below

    def turned(self, c: Context, rhs: Grid) -> Grid:
        """Right-hand sides after the same steps."""
        rows = [list(row) for row in rhs]
        for k, (hits, factors) in enumerate(zip(self.hits, self.factors, strict=True)):
            _swap(c, rows, k, hits, 0)
            for i, factor in enumerate(factors, k + 1):
                rows[i] = [_less(c, x, factor, y) for x, y in zip(rows[i], rows[k], strict=True)]
        return rows


def eliminated(c: Context, matrix: Value, source: Value) -> Eliminated:
    """Of the buffer `matrix` of the array `source`: what a block has of it already, or made here."""
    found = c.eliminated.get(source)
    if found is None or found.block is not c.b.block:
        found = c.eliminated[source] = _eliminate(c, entries(c, matrix), t.element(matrix.type))
    return found


def _eliminate(c: Context, rows: Grid, kind: t.Type) -> Eliminated:
    b = c.b
    made = Eliminated(rows, b.const(1.0, kind), b.block)
    for k in range(len(rows)):
        hits = _pivot(c, rows, k)
        _swap(c, rows, k, hits, k)
        for hit in hits:
            made.sign = b.select(hit, multiply(c, made.sign, b.const(-1.0, kind)), made.sign)
        factors = [_factor(c, row[k], rows[k][k]) for row in rows[k + 1:]]
        for i, factor in enumerate(factors, k + 1):
            rows[i][k + 1:] = [_less(c, rows[i][j], factor, rows[k][j]) for j in range(k + 1, len(rows))]
        made.hits.append(hits)
        made.factors.append(factors)
    return made


def _factor(c: Context, x: Value, pivot: Value) -> Value:
    """x / pivot, or x / 1 where the pivot is 0: chosen behind the division, which so waits for no test."""
    if t.is_complex(x.type):  # of which x / 1 may have other signs of 0 than x
        return divide(c, x, nonzero_or_one(c, pivot))
    is_some = c.b.cmpf("une", size2(c, pivot), c.b.const(0.0, pivot.type))
    return c.b.select(is_some, divide(c, x, pivot), x)


def _pivot(c: Context, rows: Grid, k: int) -> list[Value]:
    """For each row below k whether it has the first largest entry in column k, and is to change places with row k."""
    b, found, size = c.b, list[Value](), size2(c, rows[k][k])
    for row in rows[k + 1:]:
        candidate = size2(c, row[k])
        better = b.cmpf("ogt", candidate, size)
        found = [*(b.select(better, b.const(False, t.i1), hit) for hit in found), better]
        size = b.select(better, candidate, size)
    return found


def _swap(c: Context, rows: Grid, k: int, hits: list[Value], start: int) -> None:
    """Exchange row k with the one that is hit, from column `start` on."""
    above = list(rows[k])
    for i, hit in enumerate(hits, k + 1):
        for j in range(start, len(above)):
            below = rows[i][j]
            rows[k][j] = c.b.select(hit, below, rows[k][j])
            rows[i][j] = c.b.select(hit, above[j], below)


def _less(c: Context, x: Value, factor: Value, y: Value) -> Value:
    return subtract(c, x, multiply(c, factor, y))


def substituted(c: Context, a: Grid, rhs: Grid, lower: bool, what: str) -> Grid:
    """Solve with a triangular matrix; `what` is said of a singular one."""
    n, x = len(a), [list(row) for row in rhs]
    for i in range(n) if lower else reversed(range(n)):
        size = size2(c, a[i][i])
        fail_unless(c, c.b.cmpf("une", size, c.b.const(0.0, size.type)), f"{what}: the matrix is singular")
        for column in range(len(x[i])):
            for j in range(i) if lower else reversed(range(i + 1, n)):
                x[i][column] = _less(c, x[i][column], a[i][j], x[j][column])
            x[i][column] = divide(c, x[i][column], a[i][i])
    return x


def cholesky(c: Context, a: Grid, kind: t.Type) -> Grid:
    """The lower factor; above its diagonal zeros."""
    b, zero = c.b, c.b.const(0.0, kind)
    factor = [[zero] * len(a) for _ in a]
    for i in range(len(a)):
        for j in range(i + 1):
            rest = a[i][j]
            for k in range(j):
                rest = _less(c, rest, factor[i][k], factor[j][k])
            if i == j:
                fail_unless(c, b.cmpf("ugt", rest, zero), "cholesky: the matrix is not positive definite")
                factor[i][i] = b.math("sqrt", rest)
            else:
                factor[i][j] = divide(c, rest, factor[j][j])
    return factor
