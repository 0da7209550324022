"""C of vectors made, reduced and taken apart."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op

from .library import extremum, integer
from .printer import Expr, FunctionPrinter, prints


@prints("vector.broadcast")
def broadcast(p: FunctionPrinter, op: Op) -> None:
    scalar = p.word(op.operands[0])
    assert isinstance(op.result.type, t.VectorType)
    if len(scalar) * op.result.type.shape[0] < 80:
        p.define(op.result, f"{{{', '.join([scalar] * op.result.type.shape[0])}}}")
    else:
        p.lanes(op.result, lambda lane: scalar)


@prints("vector.step")
def step(p: FunctionPrinter, op: Op) -> None:
    assert isinstance(op.result.type, t.VectorType)
    p.define(op.result, f"{{{', '.join(map(str, range(op.result.type.shape[0])))}}}")


@prints("vector.reduction", "scan.fold_lanes")
def reduction(p: FunctionPrinter, op: Op) -> None:
    """Halves combined with halves: the same tree on every target."""
    vector, result = op.operands[0], op.result
    assert isinstance(vector.type, t.VectorType)
    kind = str(op.attrs["kind"]).removeprefix("#vector.kind<").removesuffix(">")
    left = result.type.shape[0] if isinstance(result.type, t.VectorType) else 1
    folded, source = p.fresh("fold"), p.text(vector)
    p.line(f"{p.out.type(vector.type)} {folded} = {source};")
    p.line(f"for (int half = {vector.type.shape[0] // 2}; half >= {left}; half /= 2)")
    p.line("    for (int lane = 0; lane < half; ++lane)")
    value = _combined(p, kind, vector.type.element, f"{folded}[lane]", f"{folded}[lane + half]")
    p.line(f"        {folded}[lane] = {value};")
    if left == 1 and not isinstance(result.type, t.VectorType):
        p.env[result] = Expr(f"{folded}[0]")
    else:
        p.lanes(result, lambda lane: f"{folded}[{lane}]")


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
    p.define(op.result, f"{p.word(op.operands[0])}[{op.attrs['static_position'].values[0]}]")


@prints("vector.from_elements")
def from_elements(p: FunctionPrinter, op: Op) -> None:
    texts = [p.text(v) for v in op.operands]
    p.define(op.result, f"{{{', '.join(texts)}}}")


@prints("vector.shuffle")
def shuffle(p: FunctionPrinter, op: Op) -> None:
    first, second = op.operands
    assert isinstance(first.type, t.VectorType)
    count, names = first.type.shape[0], [p.word(v) for v in op.operands]
    lanes = [f"{names[0]}[{n}]" if n < count else f"{names[1]}[{n - count}]" for n in op.attrs["mask"].values]
    p.define(op.result, f"{{{', '.join(lanes)}}}")


