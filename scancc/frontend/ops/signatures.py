"""What an elementwise function is, the dtypes it is computed in, and the table of all, which `scalars` fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from scancc.frontend.graph.constants import is_discrete, kind, promote_dtypes
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops.scalar_lowering import Lower
from scancc.late_dataclasses import dataclass

Gradients = list[Variable | None]
Derivative = Callable[[Sequence[Variable], Variable, Variable], Gradients]
Lowering = dict[str, str | Lower]


@dataclass(frozen=True)
class Signature:
    """The dtype each operand is computed in, and the dtype of the result."""

    compute: tuple[str, ...]
    out: str


SignatureOf = Callable[[tuple[str, ...]], Signature]


@dataclass(frozen=True)
class DtypeRule:
    """The signature for operands of given dtypes.

    `gives`: the dtype of the result, in words; `floats`: integers and bools become floats first (`apply_scalar` makes
    them `floatX`); `truths`: how many operands, from the first, count as true where they are not 0; None is all.
    """

    signature: SignatureOf
    gives: str
    floats: bool = False
    truths: int | None = 0

    def __call__(self, dtypes: tuple[str, ...]) -> Signature:
        return self.signature(dtypes)


@dataclass(frozen=True)
class ScalarFn:
    """An elementwise function.

    `derivative(inputs, output, gradient)` gives the gradient for each input, None where there is none;
    `lower` maps the kind of the compute dtype ('f', 'i', 'u', 'b', 'c') to an IR op's name or to
    `lower(builder, *operands, dtype)`, `dtype` that of the result.

    `approximated`: code computes it to within an error (docs/math.md), for half precision in single, as NumPy does.
    `is_slow`: it takes longer than reading its result from memory, as all that is approximated does. `is_finite`:
    whether it is for finite operands, the overflow of large sums and products aside, or for which applications.
    """

    name: str
    n_in: int
    dtype_rule: DtypeRule
    numpy: Callable[..., Any]
    lower: Lowering
    derivative: Derivative | None
    doc: str
    approximated: bool = False
    is_slow: bool = False
    is_finite: bool | Callable[[Apply], bool] = True


SCALARS: dict[str, ScalarFn] = {}


def told(entry: ScalarFn) -> str:
    """What `help` says of a function: what it computes, what it takes, shape and dtype of the result, errors."""
    rule, one = entry.dtype_rule, entry.n_in == 1
    shape = "the shape of `x`" if one else "the operands' shapes, broadcast"
    dtype = "in its dtype" if one and rule.gives == _PROMOTED else rule.gives
    error = ", to within the error in docs/math.md" if entry.approximated else ""
    is_choosy = rule.truths is not None and len(entry.lower) < len(_KIND_WORDS)
    errors = ["TypeError for operands of other kinds"] * is_choosy
    errors += ["ValueError where lengths do not agree"] * (not one)
    takes = f"Takes {_taken(entry)}; gives {shape}, {dtype}{error}."
    return " ".join([f"Elementwise: {entry.doc}.\n\n{takes}", *([f"{', '.join(errors)}."] if errors else [])])


def _taken(entry: ScalarFn) -> str:
    if entry.dtype_rule.truths is None:
        return "any numbers, of which those count as true that are not 0"
    if len(entry.lower) == len(_KIND_WORDS):
        return "numbers of any kind"
    *others, last = (_KIND_WORDS[k] for k in entry.lower)
    taken = f"{', '.join(others)} or {last}" if others else last
    return taken + " (integers and bools become `config.floatX`)" * entry.dtype_rule.floats


@lru_cache(maxsize=4096)
def signature(fn: str, dtypes: tuple[str, ...]) -> Signature:
    """What `fn` computes in and gives for operands of `dtypes`; TypeError where it is not defined."""
    entry = SCALARS[fn]
    if len(dtypes) != entry.n_in:
        raise TypeError(f"{fn} takes {entry.n_in} operands, not {len(dtypes)}")
    found = entry.dtype_rule(dtypes)
    if kind(found.compute[-1]) not in entry.lower:
        allowed = ", ".join(_KIND_WORDS[k] for k in entry.lower)
        raise TypeError(f"{fn} is not defined for {' and '.join(dtypes)}: it takes {allowed}; cast first")
    return found


_KIND_WORDS = {
    "f": "floats", "i": "signed integers", "u": "unsigned integers", "b": "bools", "c": "complex numbers",
}

# ---- dtype rules ----------------------------------------------------------------------------------

_PROMOTED = "in the promoted dtype"


def dtype_rule(gives: str, floats: bool = False, truths: int | None = 0) -> Callable[[SignatureOf], DtypeRule]:
    """Make a function of dtypes a rule."""
    return lambda signature: DtypeRule(signature, gives, floats, truths)


@dtype_rule(_PROMOTED)
def same(dtypes: tuple[str, ...]) -> Signature:
    """Computed in, and giving, the promoted dtype."""
    dtype = promote_dtypes(*dtypes)
    return Signature((dtype,) * len(dtypes), dtype)


@dtype_rule(_PROMOTED, floats=True)
def floating(dtypes: tuple[str, ...]) -> Signature:
    """As `same`, but integers and bools become floats first (`apply_scalar` has made them `floatX`)."""
    dtype = promote_dtypes(*dtypes)
    dtype = promote_dtypes(dtype, "float64") if is_discrete(dtype) else dtype
    return Signature((dtype,) * len(dtypes), dtype)


@dtype_rule("as bools")
def compared(dtypes: tuple[str, ...]) -> Signature:
    """Computed in the promoted dtype, giving bool."""
    return Signature(same(dtypes).compute, "bool")


@dtype_rule("as uint8")
def counted(dtypes: tuple[str, ...]) -> Signature:
    """Computed in the dtype, giving a number of bits."""
    return Signature(same(dtypes).compute, "uint8")


@dtype_rule("as bools", floats=True)
def tested(dtypes: tuple[str, ...]) -> Signature:
    """Computed in a float dtype, giving bool."""
    return Signature(floating(dtypes).compute, "bool")


@dtype_rule("as bools", truths=None)
def logical(dtypes: tuple[str, ...]) -> Signature:
    """Operands count as true where they are not 0."""
    return Signature(("bool",) * len(dtypes), "bool")


@dtype_rule("in the promoted dtype of the values", truths=1)
def chosen(dtypes: tuple[str, ...]) -> Signature:
    """A condition, then values in their promoted dtype."""
    dtype = promote_dtypes(*dtypes[1:])
    return Signature(("bool", dtype, dtype), dtype)


@dtype_rule("in the dtype of `x`, of complex numbers in that of their parts")
def magnitude(dtypes: tuple[str, ...]) -> Signature:
    """As `same`, but a complex number gives its real dtype."""
    return Signature(dtypes, real_dtype(dtypes[0]))


@dtype_rule("as complex numbers of their precision", floats=True)
def paired(dtypes: tuple[str, ...]) -> Signature:
    """Two real dtypes give the complex one of their precision."""
    found = floating(dtypes)
    return Signature(found.compute, promote_dtypes(found.out, "complex64"))


def real_dtype(dtype: str) -> str:
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
