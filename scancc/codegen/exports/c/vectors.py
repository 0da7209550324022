"""C of vectors made, reduced and taken apart."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from .complex_numbers import product
from .library import extremum, integer
from .printer import Expr, FunctionPrinter, Pair, prints
from .types import c_type, n_parts


@prints("vector.broadcast")
def broadcast(p: FunctionPrinter, op: Op) -> None:
    assert isinstance(op.result.type, t.VectorType)
    number, n = numbers(p, op.operands[0]), op.result.type.shape[0]
    if len(number) * n < 80 or t.is_complex(op.result.type):
        p.define(op.result, f"{{{', '.join([number] * n)}}}")
    else:
        p.lanes(op.result, lambda lane: number)


def numbers(p: FunctionPrinter, value: Value) -> str:
    """A number as the entries of a vector; a complex one is two."""
    return ", ".join(p.parts(value)) if t.is_complex(value.type) else p.word(value)


@prints("vector.step")
def step(p: FunctionPrinter, op: Op) -> None:
    assert isinstance(op.result.type, t.VectorType)
    p.define(op.result, f"{{{', '.join(map(str, range(op.result.type.shape[0])))}}}")


@prints("scan.first_lane")
def first_lane(p: FunctionPrinter, op: Op) -> None:
    vector = op.operands[0]
    assert isinstance(vector.type, t.VectorType)
    name, truths = p.fresh("first"), p.word(vector)
    p.line(f"int64_t {name} = 0;")
    p.line(f"while ({name} < {vector.type.shape[0]} && !{truths}[{name}]) ++{name};")
    p.env[op.result] = Expr(name)


@prints("vector.reduction", "scan.fold_lanes")
def reduction(p: FunctionPrinter, op: Op) -> None:
    """Halves combined with halves: the same tree on every target."""
    vector, result = op.operands[0], op.result
    assert isinstance(vector.type, t.VectorType)
    each = n_parts(vector.type) // vector.type.shape[0]
    kind = str(op.attrs["kind"]).removeprefix("#vector.kind<").removesuffix(">")
    left = n_parts(result.type) if isinstance(result.type, t.VectorType) else each
    folded, source = p.fresh("fold"), p.text(vector)
    p.line(f"{p.out.type(vector.type)} {folded} = {source};")
    p.line(f"for (int half = {n_parts(vector.type) // 2}; half >= {left}; half /= 2)")
    if each == 2 and kind == "mul":
        _halves_multiplied(p, folded, vector.type)
    else:
        p.line("    for (int lane = 0; lane < half; ++lane)")
        value = _combined(p, kind, t.part(vector.type), f"{folded}[lane]", f"{folded}[lane + half]")
        p.line(f"        {folded}[lane] = {value};")
    if not isinstance(result.type, t.VectorType):
        p.env[result] = Pair(Expr(f"{folded}[0]"), Expr(f"{folded}[1]")) if each == 2 else Expr(f"{folded}[0]")
    elif each == 2:
        p.define(result, f"{{{', '.join(f'{folded}[{n}]' for n in range(left))}}}")
    else:
        p.lanes(result, lambda lane: f"{folded}[{lane}]")


def _halves_multiplied(p: FunctionPrinter, folded: str, type: t.Type) -> None:
    """The first of `half` parts of complex numbers, which take turns, times those behind them."""
    x, y = (Pair(Expr(f"{folded}[{at}]"), Expr(f"{folded}[{at} + 1]")) for at in ("lane", "lane + half"))
    re, im = product(x, y)
    p.open("    for (int lane = 0; lane < half; lane += 2)")
    p.line(f"    const {c_type(t.part(type))} re = {re}, im = {im};")
    p.line(f"    {folded}[lane] = re;")
    p.line(f"    {folded}[lane + 1] = im;")
    p.close()


_INTEGERS = {"maxsi": "max", "minsi": "min", "maxui": "umax", "minui": "umin"}
_BITS = {"and": "&", "or": "|", "xor": "^"}
_TRUTHS = {"add": "!=", "mul": "&&", "and": "&&", "or": "||", "xor": "!=", "maxui": "||", "minui": "&&",
           "maxsi": "||", "minsi": "&&"}


def _combined(p: FunctionPrinter, kind: str, element: t.Type, a: str, b: str) -> str:
    if isinstance(element, t.FloatType):
        if kind in ("add", "mul"):
            return p.rounded(element, f"{a} {'+' if kind == 'add' else '*'} {b}")
        return f"{p.need(extremum(kind[:3], t.f32 if element == t.f16 else element))}({a}, {b})"
    if element == t.i1:
        return f"{a} {_TRUTHS[kind]} {b}"
    if kind in _BITS:
        return f"{a} {_BITS[kind]} {b}"
    return f"{p.need(integer(_INTEGERS.get(kind, kind), element))}({a}, {b})"


@prints("vector.extract")
def extract(p: FunctionPrinter, op: Op) -> None:
    word, lane = p.word(op.operands[0]), op.attrs["static_position"].values[0]
    if t.is_complex(op.result.type):
        p.env[op.result] = Pair(Expr(f"{word}[{2 * lane}]"), Expr(f"{word}[{2 * lane + 1}]"))
    else:
        p.define(op.result, f"{word}[{lane}]")


@prints("vector.from_elements")
def from_elements(p: FunctionPrinter, op: Op) -> None:
    texts = [numbers(p, v) if t.is_complex(v.type) else p.text(v) for v in op.operands]
    p.define(op.result, f"{{{', '.join(texts)}}}")


@prints("vector.shuffle")
def shuffle(p: FunctionPrinter, op: Op) -> None:
    first, second = op.operands
    assert isinstance(first.type, t.VectorType)
    count, names = first.type.shape[0], [p.word(v) for v in op.operands]
    each = n_parts(first.type) // count
    places = [each * n + part for n in op.attrs["mask"].values for part in range(each)]
    lanes = [f"{names[0]}[{n}]" if n < each * count else f"{names[1]}[{n - each * count}]" for n in places]
    p.define(op.result, f"{{{', '.join(lanes)}}}")


