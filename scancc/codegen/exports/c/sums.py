"""C of sums in blocks and of products of matrices, with the tree that compiled code has: blocks of terms, joined in
pairs, pairs of pairs and so on, as a binary counter counts."""

from __future__ import annotations

from functools import cache

from scancc.ir import types as t
from scancc.ir.core import Op
from scancc.ir.ops import int_attr, operand

from .library import CFunction
from .printer import Expr, FunctionPrinter, Mem, Pair, prints
from .types import c_type, n_parts

BLOCK = 64  # terms of a product in order
LEVELS = 40


@cache
def _join(part: t.Type) -> CFunction:
    name, kind = f"join_{part}", c_type(part)
    return CFunction(name, f"""\
/* The sum of the block of terms from `first` on joins those of the blocks before it, which lie in `sums`, `step`
   apart: the n-th is of 2**n blocks. In the last block, before `end`, it is the sum of all terms. */
static {kind} {name}({kind} sum, {kind} *sums, int64_t step, int64_t first, int64_t end, int64_t size)
{{
    int64_t number = first / size;
    const int last = number == (end - 1) / size;
    for (; number % 2 != 0 || (last && number != 0); number /= 2, sums += step)
        if (number % 2 != 0)
            sum = *sums + sum;
    if (!last)
        *sums = sum;
    return sum;
}}
""")


@cache
def _join_row(part: t.Type) -> CFunction:
    join, name, kind = _join(part), f"join_row_{part}", c_type(part)
    return CFunction(name, f"""\
/* {join.name} of each number of a row, which starts anew where more blocks follow. */
static void {name}({kind} *row, int64_t width, {kind} *sums, int64_t step, int64_t first, int64_t end, int64_t size)
{{
    const int last = first / size == (end - 1) / size;
    for (int64_t j = 0; j < width; ++j) {{
        const {kind} sum = {join.name}(row[j], sums + j, step, first, end, size);
        row[j] = last ? sum : {"-0.0f" if kind == "float" else "-0.0"};
    }}
}}
""", (join,))


def _blocks(p: FunctionPrinter, op: Op, step: str) -> str:
    """From one sum to the next, and which terms they are."""
    return f"{step}, {p.word(operand(op, 'first'))}, {p.word(operand(op, 'end'))}, {int_attr(op, 'size')}"


def _step(stack: Mem) -> str:
    """Numbers from a row of the stack to the next."""
    double = isinstance(stack.element, t.ComplexType)
    return f"2 * {stack.strides[0]}" if double else stack.strides[0]


@prints("scan.join")
def join(p: FunctionPrinter, op: Op) -> None:
    """A call where there is more than one block."""
    value, stack, end = operand(op, "value"), p.mem(operand(op, "stack")), p.word(operand(op, "end"))
    called, blocks = p.need(_join(t.part(value.type))), _blocks(p, op, _step(stack))
    texts = p.parts(value)
    p.hints.setdefault(op.result, "total")
    names, form = p.variables(op.result, p.env[value])
    p.settle()
    for (kind, name), text in zip(names, texts, strict=True):
        p.line(f"{kind}{name} = {text};")
    p.open(f"if ({end} > {int_attr(op, 'size')})")
    if isinstance(value.type, t.VectorType):
        (_, name), = names
        p.line(f"for (int lane = 0; lane < {n_parts(value.type)}; ++lane)")
        p.line(f"    {name}[lane] = {called}({name}[lane], {stack.pointer} + lane, {blocks});")
    else:
        for number, (_, name) in enumerate(names):
            p.line(f"{name} = {called}({name}, {stack.pointer}{f' + {number}' * bool(number)}, {blocks});")
    p.close()
    p.env[op.result] = form


@prints("scan.join_row")
def join_row(p: FunctionPrinter, op: Op) -> None:
    row, stack = p.mem(operand(op, "row")), p.mem(operand(op, "stack"))
    called, blocks = p.need(_join_row(t.part(row.element))), _blocks(p, op, _step(stack))
    numbers = f"2 * {row.dims[0]}" if isinstance(row.element, t.ComplexType) else row.dims[0]
    p.settle()
    p.line(f"if ({p.word(operand(op, 'end'))} > {int_attr(op, 'size')})")
    p.line(f"    {called}({row.pointer}, {numbers}, {stack.pointer}, {blocks});")


@prints("scan.running")
def running(p: FunctionPrinter, op: Op) -> None:
    """Of a sum in order, which goes on from the number itself."""
    p.env[op.result] = p.env[operand(op, "value")]
    value = operand(op, "value")
    if isinstance(p.env[value], Expr):
        p.env[op.result] = Expr(p.word(value))
    else:
        assert isinstance(p.env[value], Pair)


# ---- products ----


@cache
def _matmul(part: t.Type, fused: bool) -> CFunction:
    kind, zero = c_type(part), "0.0f" if part == t.f32 else "0.0"
    name, fma = f"matmul_{'fused_' * fused}{part}", "fmaf" if part == t.f32 else "fma"
    term = f"{fma}(factor, y[j * b_next], sums[j])" if fused else "sums[j] + factor * y[j * b_next]"
    return CFunction(name, f"""\
/* The m rows and n columns of c = a b, a of k columns: 64 terms in order from 0, such sums in pairs, pairs of pairs
   and so on. A row of c is contiguous; a steps `a_row` from row to row, `a_next` from term to term, and b `b_row`
   from term to term, `b_next` from column to column. */
static void {name}({kind} *c, int64_t c_row, const {kind} *a, int64_t a_row, int64_t a_next, const {kind} *b,
    int64_t b_row, int64_t b_next, int64_t m, int64_t n, int64_t k)
{{
    enum {{ WIDTH = 32, BLOCK = {BLOCK}, LEVELS = {LEVELS} }};
    {kind} stack[LEVELS][WIDTH];
    for (int64_t i = 0; i < m; ++i)
        for (int64_t from = 0; from < n; from += WIDTH) {{
            const int64_t width = n - from < WIDTH ? n - from : WIDTH;
            {kind} sums[WIDTH];
            for (int64_t first = 0; first < k || first == 0; first += BLOCK) {{
                const int last = first + BLOCK >= k;
                for (int64_t j = 0; j < width; ++j)
                    sums[j] = {zero};
                for (int64_t t = first; t < k && t < first + BLOCK; ++t) {{
                    const {kind} factor = a[i * a_row + t * a_next], *y = b + t * b_row + from * b_next;
                    for (int64_t j = 0; j < width; ++j)
                        sums[j] = {term};
                }}
                int level = 0;
                for (int64_t number = first / BLOCK; number % 2 != 0 || (last && number != 0); number /= 2, ++level)
                    if (number % 2 != 0)
                        for (int64_t j = 0; j < width; ++j)
                            sums[j] = stack[level][j] + sums[j];
                memcpy(stack[level], sums, sizeof sums);
            }}
            for (int64_t j = 0; j < width; ++j)
                c[i * c_row + from + j] = sums[j];
        }}
}}
""")


@prints("scan.matmul")
def matmul(p: FunctionPrinter, op: Op) -> None:
    lhs, rhs, out = (p.mem(operand(op, name)) for name in ("lhs", "rhs", "out"))
    called = p.need(_matmul(t.part(rhs.element), bool(op.attrs["fused"])))
    left = lhs.strides[::-1] if op.attrs["transposed"] else lhs.strides
    a_row, a_next = ("0", left[0]) if len(lhs.dims) == 1 else left
    rows, c_row = ("1", "0") if len(lhs.dims) == 1 else (out.dims[0], out.strides[0])
    (n_terms, columns), (b_row, b_next) = (
        axes[::-1] if "by_columns" in op.attrs else axes for axes in (rhs.dims, rhs.strides))
    p.settle()
    p.line(f"{called}({out.pointer}, {c_row}, {lhs.pointer}, {a_row}, {a_next}, {rhs.pointer}, {b_row}, {b_next}, "
           f"{rows}, {columns}, {n_terms});")
