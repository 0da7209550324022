"""The gradient of a Cholesky factor: its columns in reverse order, each of which adds to the gradients of what it was
computed from (I. Murray, arXiv:1602.07527, section 4.1). Twice the work of the factor itself.

    for %j in reverse 0..%n {                        // %l: the factor, %g: the gradient by it, later by the matrix
      %scale = 1 / %l[%j, %j]                        // of a root, which is never so small that this overflows
      for %i in %j + 1..%n { &%g[%i, %j] *= %scale, then &%g[%j, %j] -= %l[%i, %j] * %g[%i, %j] }
      %rest = %g[%j, %j] * %scale
      for %k in 0..%j {
        &%g[%j, %k] -= %rest * %l[%j, %k]
        for %i in %j + 1..%n {
          &%g[%j, %k] -= %g[%i, %j] * %l[%i, %k]
          &%g[%i, %k] -= %g[%i, %j] * %l[%j, %k]
        }
      }
      &%g[%j, %j] = %rest / 2
    }

Of a few numbers it is written out, with nothing in memory between.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from . import small_solvers as small
from .arithmetic import divide, multiply, subtract
from .context import Context, converts
from .loops import PARALLEL_LOOP
from .nests import materialise
from .row_blocks import NARROW, WIDE, Element, RowBlocks, block_of, is_short, row_blocks

MOST_WRITTEN_OUT = 8 * 8 * 8  # n*n*n, of which a third multiply


@converts("scan.cholesky_gradient", at_target=True)
def cholesky_gradient(c: Context, op: Op) -> None:
    factor, gradient = (materialise(c, v) for v in op.operands)
    target = c.target(op.result, c.sizes(factor))
    if small.is_small(c, factor, most=MOST_WRITTEN_OUT):
        small.put(c, _written_out(c, small.entries(c, factor), small.entries(c, gradient)), target)
    else:
        _in_loops(c, factor, gradient, target)
    c.set(op.result, target)


def _written_out(c: Context, factor: small.Grid, g: small.Grid) -> small.Grid:
    kind, n = factor[0][0].type, len(factor)
    half, one, zero = (c.b.const(number, kind) for number in (0.5, 1.0, 0.0))
    for j in reversed(range(n)):
        scale = divide(c, one, factor[j][j])
        for i in range(j + 1, n):
            g[i][j] = multiply(c, g[i][j], scale)
            g[j][j] = _less(c, g[j][j], factor[i][j], g[i][j])
        rest = multiply(c, g[j][j], scale)
        for k in range(j):
            g[j][k] = _less(c, g[j][k], rest, factor[j][k])
            for i in range(j + 1, n):
                g[j][k] = _less(c, g[j][k], g[i][j], factor[i][k])
                g[i][k] = _less(c, g[i][k], g[i][j], factor[j][k])
        g[j][j:] = [multiply(c, half, rest), *(zero for _ in range(j + 1, n))]
    return g


def _less(c: Context, x: Value, factor: Value, y: Value) -> Value:
    return subtract(c, x, multiply(c, factor, y))


def _in_loops(c: Context, factor: Value, gradient: Value, target: Value) -> None:
    """The rows of the gradient, and behind them those of the factor. Each column that is finished goes into `target`:
    what blocks do to columns from there on is nothing that is read."""
    b, n, kind = c.b, c.sizes(factor)[0], t.element(factor.type)
    zero, half, one = (b.const(number, kind) for number in (0.0, 0.5, 1.0))
    work = row_blocks(c, kind, b.addi(n, n), n, n, block_of(kind, NARROW if is_short(n) else WIDE))
    with c.loop(n) as i, c.loop(n, PARALLEL_LOOP) as j:
        c.store(c.load(gradient, [i, j]), work.buffer, [i, j])
        c.store(c.load(factor, [i, j]), work.buffer, [b.addi(n, i), j])
        c.store(zero, target, [i, j])
    with c.loop(n) as finished:
        j = b.subi(b.subi(n, b.index(1)), finished)
        scale, below = divide(c, one, c.load(factor, [j, j])), b.addi(j, b.index(1))
        with c.carrying_loop(n, [c.load(work.buffer, [j, j])], start=below) as (i, (left,), finish):
            x = multiply(c, c.load(work.buffer, [i, j]), scale)
            c.store(x, target, [i, j])
            finish([_less(c, left, c.load(factor, [i, j]), x)])
        rest = multiply(c, c.results[0], scale)
        c.store(multiply(c, half, rest), target, [j, j])
        _give(c, work, target, j, rest)


def _give(c: Context, work: RowBlocks, target: Value, j: Value, rest: Value) -> None:
    """What column `j`, which is finished, was made of: of row `j` and those below, the columns before."""
    b, n = c.b, c.sizes(target)[0]

    def block(at: Element) -> None:
        own = c.load(*at(b.addi(n, j)))
        first = _less(c, c.load(*at(j)), rest, own)
        with c.carrying_loop(n, [first], start=b.addi(j, b.index(1))) as (i, (left,), finish):
            x = c.load(target, [i, j])
            c.store(_less(c, c.load(*at(i)), x, own), *at(i))
            finish([_less(c, left, x, c.load(*at(b.addi(n, i))))])
        c.store(c.results[0], *at(j))
    work.in_blocks(c, b.index(0), block, j)
