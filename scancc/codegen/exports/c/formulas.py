"""Elementary functions as C: the formulas of `codegen/math`, operation by operation, so that their bits are those of
compiled code.

Integers are unsigned, since the formulas' wrap; a name that is used once is replaced by what it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from scancc.codegen.math import MathFunction, row_of
from scancc.codegen.math.builder import FORMATS, Body, Kind, Value
from scancc.codegen.math.reduction import REDUCER, TABLE, TWO_OVER_PI_WORDS, reduce_large
from scancc.late_dataclasses import dataclass

from .library import CFunction, bits_as
from .lines import is_closed, without_unused
from .types import float_text

_TYPES: dict[str, str] = {"f32": "float", "f64": "double", "i32": "uint32_t", "i64": "uint64_t", "i1": "int"}
_SIGNED = {"i32": "int32_t", "i64": "int64_t"}
_SIGNS = {"fadd": "+", "fsub": "-", "fmul": "*", "fdiv": "/", "add": "+", "sub": "-", "mul": "*", "and": "&",
          "or": "|", "xor": "^", "shl": "<<", "lshr": ">>"}
_COMPARED = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_LONGEST = 100  # of a line


@dataclass
class _Definition:
    kind: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"const {self.kind} {self.name} = {self.text};"


class _Branch(NamedTuple):
    """One that is open: where its `if` stands, and what was written before it."""

    at: int
    written: dict[str, Value]


class CBody(Body):
    """The statements of one function of numbers."""

    def __init__(self, fma: bool) -> None:
        super().__init__(1, fma)
        self.statements: list[_Definition | str] = []
        self.functions: dict[str, CFunction] = {}
        self.branches: list[_Branch] = []

    def need(self, function: CFunction) -> str:
        self.functions[function.name] = function
        return function.name

    def fresh(self) -> str:
        return super().fresh().removeprefix("%")

    def constant(self, kind: Kind, number: float | int) -> Value:
        if kind in FORMATS:
            text = float_text(float(number), 32 if kind == "f32" else 64)
        elif kind == "i1":
            text = str(int(number))
        else:
            bits = int(kind[1:])
            text = _integer(int(number) % (1 << bits), bits)
        return Value(self, kind, text if text[0] != "-" else f"({text})")

    def emit(self, kind: Kind, operation: str) -> Value:
        known = self._written.get(operation)
        if known is None:
            known = self._written[operation] = Value(self, kind, self.fresh())
            self.statements.append(_Definition(_TYPES[kind], known.name, operation))
        return known

    def binary(self, opcode: str, a: Value, b: Value) -> Value:
        if opcode == "ashr":
            return self.emit(a.kind, f"({_TYPES[a.kind]})(({_SIGNED[a.kind]}){a.name} >> {b.name})")
        if (a.kind, opcode) == ("i1", "xor"):
            return self.emit("i1", f"!{a.name}" if b.name == "1" else f"{a.name} != {b.name}")
        return self.emit(a.kind, f"{a.name} {_SIGNS[opcode]} {b.name}")

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        if predicate == "uno":
            return self.emit("i1", f"isunordered({a.name}, {b.name})")
        signed = a.kind not in FORMATS and predicate[0] == "s"
        cast = f"({_SIGNED[a.kind]})" if signed else ""
        return self.emit("i1", f"{cast}{a.name} {_COMPARED[predicate[-2:]]} {cast}{b.name}")

    def negate(self, x: Value) -> Value:
        return self.emit(x.kind, f"-{x.name}")

    def convert(self, opcode: str, x: Value, kind: Kind) -> Value:
        if opcode == "bitcast":
            return self.emit(kind, f"{self.need(bits_as(_TYPES[x.kind], _TYPES[kind]))}({x.name})")
        signed = f"({_SIGNED[x.kind]})" if opcode == "sitofp" else ""
        return self.emit(kind, f"({_TYPES[kind]}){signed}{x.name}")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        return self.emit(a.kind, f"{condition.name} ? {a.name} : {b.name}")

    def intrinsic(self, name: str, kind: Kind, *operands: Value) -> Value:
        called = name if kind == "f64" else f"{name}f"
        return self.emit(kind, f"{called}({', '.join(v.name for v in operands)})")

    def word(self, table: str, index: Value) -> Value:
        return self.emit("i64", f"{self.need(_TABLE)}[{index.name}]")

    def room(self, kinds: Sequence[Kind]) -> list[str]:
        """Variables for what `call_through` gives."""
        names = ["", *(self.fresh() for _ in kinds[1:])]
        self.statements[:0] = [f"{_TYPES[kind]} {name};" for kind, name in zip(kinds[1:], names[1:], strict=True)]
        return names

    def call_through(self, function: MathFunction, x: Value, room: Sequence[str],
                     kinds: Sequence[Kind]) -> list[Value]:
        assert function.symbol == REDUCER, "the only function that formulas call"
        name = self.need(_reducer(self.has_fma))
        self.statements.append(f"{name}({', '.join([x.name, *(f'&{place}' for place in room[1:])])});")
        return [Value(self, kind, place) for kind, place in zip(kinds[1:], room[1:], strict=True)]

    def branch_if_any(self, condition: Value) -> None:
        self.branches.append(_Branch(len(self.statements), dict(self._written)))
        self.statements.append(f"if ({condition.name}) {{")

    def join(self, inside: list[Value], outside: list[Value]) -> list[Value]:
        branch = self.branches.pop()
        self._written = branch.written
        merged = [Value(self, taken.kind, self.fresh()) for taken in inside]
        self.statements += [f"{m.name} = {taken.name};" for m, taken in zip(merged, inside, strict=True)]
        self.statements.append("}")
        self.statements[branch.at:branch.at] = [f"{_TYPES[m.kind]} {m.name} = {other.name};"
                                                for m, other in zip(merged, outside, strict=True)]
        return merged

    def text(self, result: str) -> str:
        """The statements, and the last one."""
        lines, depth = [], 1
        for statement in _inlined(without_unused([*self.statements, *result.splitlines()])):
            depth -= statement == "}"
            lines.append("    " * depth + statement)
            depth += statement.endswith("{")
        return "\n".join(lines)


def _integer(value: int, bits: int) -> str:
    text = hex(value) if value > 4096 else str(value)
    return f"UINT64_C({text})" if bits == 64 and value >= 1 << 31 else f"{text}u"


def _inlined(statements: Sequence[_Definition | str]) -> list[str]:
    """Statements without the definitions of names that are used once and whose line stays short."""
    texts = [s if isinstance(s, str) else s.text for s in statements]
    users: dict[str, list[int]] = {}
    for at, text in enumerate(texts):
        for name in re.findall(r"\bv\d+\b", text):
            users.setdefault(name, []).append(at)
    gone = set()
    for at, statement in enumerate(statements):
        used = users.get(statement.name, []) if isinstance(statement, _Definition) else []
        if isinstance(statement, _Definition) and len(used) == 1 and used[0] > at:
            joined = _put(texts[used[0]], statement.name, texts[at])
            if len(joined) <= _LONGEST:
                texts[used[0]] = joined
                for name in re.findall(r"\bv\d+\b", texts[at]):
                    users[name] = [used[0] if user == at else user for user in users[name]]
                gone.add(at)
    return [text if isinstance(s, str) else str(replace(s, text=text))
            for at, (s, text) in enumerate(zip(statements, texts, strict=True)) if at not in gone]


def _put(text: str, name: str, expression: str) -> str:
    """`text` with an expression for a name that it has once."""
    at = re.search(rf"\b{name}\b", text)
    assert at is not None, f"{name} stands in {text}"
    before, after = text[:at.start()].rstrip(), text[at.end():].lstrip()
    apart = before[-1:] in ("(", ",", "[", "") or re.fullmatch(r"return|\*?\w+ =", before) is not None
    if not (is_closed(expression) or apart and after[:1] in (")", ",", ";", "]", "")):
        expression = f"({expression})"
    return text[:at.start()] + expression + text[at.end():]


_TABLE = CFunction(TABLE.rpartition(".")[2], "/* Bits of 2/pi after the point, behind 64 zeros. */\n" + (
    f"static const uint64_t two_over_pi[{len(TWO_OVER_PI_WORDS)}] = {{\n" + "".join(
        f"    UINT64_C(0x{word:016x}),\n" for word in TWO_OVER_PI_WORDS) + "};\n"))


@cache
def _reducer(fma: bool) -> CFunction:
    body = CBody(fma)
    reduced = reduce_large(Value(body, "f64", "x"))
    end = "\n".join(f"*{name} = {value.name};" for name, value in zip(("r", "r_lo", "n"), reduced, strict=True))
    text = ("/* x = n * pi/2 + r + r_lo for large x, by the right bits of 2/pi (Payne and Hanek, 1983). */\n"
            "static void reduce_angle(double x, double *r, double *r_lo, uint64_t *n)\n"
            f"{{\n{body.text(end)}\n}}\n")
    return CFunction("reduce_angle", text, tuple(body.functions.values()))


@cache
def elementary(fn: str, dtype: str, fma: bool, exponent: float | None = None) -> CFunction:
    """The function of numbers that computes `fn`."""
    row, body = row_of(fn, exponent), CBody(fma)
    names = ["x", "y"][: row.n_arguments]
    result = row.formula(dtype)(*(Value(body, dtype, name) for name in names))  # type: ignore[arg-type]
    name, type, what = f"{fn}_{dtype}", _TYPES[result.kind], row.op.partition(".")[2]
    if exponent is not None:
        name = f"{fn}_{exponent:g}_{dtype}".replace("-", "m").replace(".", "_")
        what = f"x to the power {exponent:g}"
    taken = ", ".join(f"{type} {arg}" for arg in names)
    text = (f"/* {what}, with an error below {row.error_ulp(dtype)} units in the last place. */\n"
            f"static {type} {name}({taken})\n{{\n{body.text(f'return {result.name};')}\n}}\n")
    return CFunction(name, text, tuple(body.functions.values()))
