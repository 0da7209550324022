"""Functions in C that printed code calls; a file has those that it needs, each after what it needs itself.

Integers wrap modulo 2**width, as the IR's do and C's unsigned ones. A float of 16 bits is a `float` that holds one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from scancc.artifact import MOST_ELEMENTS
from scancc.ir import types as t
from scancc.late_dataclasses import dataclass

from .types import c_type, suffix, width


@dataclass(frozen=True)
class CFunction:
    """`text` defines the static function `name`, which calls `needs`."""

    name: str
    text: str
    needs: tuple[CFunction, ...] = ()


def in_order(functions: Iterable[CFunction]) -> dict[str, CFunction]:
    """The functions and all that they need, by name, each after what it calls."""
    found: dict[str, CFunction] = {}
    for function in functions:
        if function.name not in found:
            found |= {name: f for name, f in in_order(function.needs).items() if name not in found}
            found[function.name] = function
    return found


# ---- integers ----

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "udiv": "/", "urem": "%"}
_BINARY = {
    "floordiv": "return a / b - (a % b != 0 && (a < 0) != (b < 0));",
    "shl": "return ({T})(({U})a << (b & {bits}));",
    "shr": "return ({T})(a >> (b & {bits}));",
    "ushr": "return ({T})(({U})a >> (b & {bits}));",
    "max": "return a > b ? a : b;",
    "min": "return a < b ? a : b;",
    "umax": "return ({U})a > ({U})b ? a : b;",
    "umin": "return ({U})a < ({U})b ? a : b;",
    "ipow": "{U} base = ({U})a, left = ({U})b, power = 1;\n"
            "    for (; left != 0; left >>= 1) {{\n"
            "        if (left & 1)\n            power = ({U})(1u * power * base);\n"
            "        base = ({U})(1u * base * base);\n    }}\n    return ({T})power;",
}


@cache
def integer(word: str, kind: t.Type) -> CFunction:
    """A function of two integers of a type."""
    body = f"return ({{T}})({{U}})(1u * ({{U}})a {_SIGNS[word]} ({{U}})b);" if word in _SIGNS else _BINARY[word]
    name, type = f"{word}_{suffix(kind)}", c_type(kind)
    body = body.format(T=type, U=f"u{type}", bits=width(kind) - 1)
    return CFunction(name, f"static inline {type} {name}({type} a, {type} b)\n{{\n    {body}\n}}\n")


@cache
def absolute(kind: t.Type) -> CFunction:
    name, type = f"abs_{suffix(kind)}", c_type(kind)
    return CFunction(name, f"static inline {type} {name}({type} a)\n{{\n"
                           f"    return a < 0 ? ({type})(u{type})(0u - (u{type})a) : a;\n}}\n")


@cache
def bit_count(kind: t.Type) -> CFunction:
    name, type = f"bits_{suffix(kind)}", c_type(kind)
    return CFunction(name, f"static inline {type} {name}({type} a)\n{{\n    int n = 0;\n"
                           f"    for (u{type} left = (u{type})a; left; left &= (u{type})(left - 1))\n        ++n;\n"
                           f"    return ({type})n;\n}}\n")


# ---- floats ----

_TO_HALF = CFunction("to_half", """\
/* The bits of the float16 that is nearest to x, ties to even. */
static inline uint16_t to_half(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
    const double size = fabs(x);
    if (size != size)
        return (uint16_t)(sign | 0x7e00);
    if (size >= 65520.0)
        return (uint16_t)(sign | 0x7c00);
    if (size < 0x1p-14)
        return (uint16_t)(sign | (uint16_t)rint(size * 0x1p24));
    const int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    return (uint16_t)(sign | (((exponent + 15) << 10) + (int)rint(ldexp(size, 10 - exponent)) - 1024));
}
""")
_FROM_HALF = CFunction("from_half", """\
static inline float from_half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float size = exponent == 31 ? (fraction ? (float)NAN : (float)INFINITY)
        : exponent == 0 ? ldexpf((float)fraction, -24) : ldexpf((float)(fraction + 1024), exponent - 25);
    return bits >> 15 ? -size : size;
}
""")
TO_HALF, FROM_HALF = _TO_HALF, _FROM_HALF
HALF = CFunction("half", """\
/* x, rounded to float16. */
static inline float half(double x)
{
    return from_half(to_half(x));
}
""", (_TO_HALF, _FROM_HALF))


@cache
def extremum(word: str, kind: t.Type) -> CFunction:
    """`max` or `min`; NaN if either is, of 0.0 and -0.0 the second."""
    name, type, sign = f"{word}_{suffix(kind)}", c_type(kind), ">" if word == "max" else "<"
    return CFunction(name, f"static inline {type} {name}({type} a, {type} b)\n{{\n"
                           f"    return a != a || a {sign} b ? a : b;\n}}\n")


@cache
def to_integer(source: t.FloatType, target: t.Type, signed: bool) -> CFunction:
    """Toward zero, to the nearest integer that there is; 0 of NaN."""
    bits, type, kind = width(target), c_type(target), c_type(source)
    name = f"{suffix(target) if signed else f'u{bits}'}_of_{suffix(source)}"
    low, above = (-float(2 ** (bits - 1)), float(2 ** (bits - 1))) if signed else (0.0, float(2**bits))
    end = "f" if kind == "float" else ""
    most, least = (f"INT{bits}_MAX", f"INT{bits}_MIN") if signed else (f"({type})UINT{bits}_MAX", "0")
    through = "" if signed else f"(u{type})"
    return CFunction(name, f"static inline {type} {name}({kind} x)\n{{\n"
                           f"    return x >= {above!r}{end} ? {most} : x > {low!r}{end} ? ({type}){through}x"
                           f" : x <= {low!r}{end} ? {least} : 0;\n}}\n")


@cache
def bits_as(source: str, target: str) -> CFunction:
    """The same bits as another type."""
    name = f"{target.removesuffix('_t')}_of_bits_of_{source.removesuffix('_t')}"
    return CFunction(name, f"static inline {target} {name}({source} x)\n{{\n    {target} y;\n"
                           "    memcpy(&y, &x, sizeof y);\n    return y;\n}\n")


# ---- memory ----

COPY = CFunction("copy", """\
static inline void copy(void *to, const void *from, int64_t nbytes)
{
    if (nbytes > 0)
        memcpy(to, from, (size_t)nbytes);
}
""")
MOVE = CFunction("move", """\
/* The places may overlap. */
static inline void move(void *to, const void *from, int64_t nbytes)
{
    if (nbytes > 0)
        memmove(to, from, (size_t)nbytes);
}
""")
CAN_EXIST = CFunction("can_exist", f"""\
/* Whether an array may have these sizes; in doubles, which cannot wrap. */
static inline int can_exist(int rank, const int64_t *n)
{{
    double elements = 1.0;
    for (int axis = 0; axis < rank; ++axis) {{
        if (n[axis] < 0)
            return 0;
        elements *= n[axis] == 0 ? 1.0 : (double)n[axis];
    }}
    return elements <= {float(MOST_ELEMENTS)!r};
}}
""")
