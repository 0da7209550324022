"""What a random program knows of its values, and the elementwise expressions it may make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Axis = int | str  # a length known when the program is built, or the name of one that is not
Axes = tuple[Axis, ...]
BIG = 64.0  # floats that may be larger are brought back to [-1, 1]
DTYPES = ("float64", "float64", "float32", "float64", "int64", "int32", "bool", "complex128", "float32", "int8",
          "uint8")
COMPLEX = ("complex128", "complex64", "float64", "complex128")  # of programs of complex numbers


@dataclass(frozen=True)
class Term:
    """A value: Python text, dtype, axes, and how large a float may be."""

    text: str
    dtype: str
    axes: Axes
    bound: float = 4.0

    @property
    def kind(self) -> str:
        """'b', 'i', 'u', 'f' or 'c'."""
        return np.dtype(self.dtype).kind

    @property
    def ndim(self) -> int:
        return len(self.axes)


def together(first: Axes, second: Axes) -> Axes | None:
    """The axes of an elementwise result; None where the operands do not fit."""
    rank = max(len(first), len(second))
    padded = [(1,) * (rank - len(axes)) + axes for axes in (first, second)]
    result: list[Axis] = []
    for a, b in zip(*padded, strict=True):
        if a != b and a != 1 and b != 1:
            return None
        result.append(b if a == 1 else a)
    return tuple(result)


@dataclass(frozen=True)
class Form:
    """A pattern of text, the kinds of its operands, and what it makes of their bounds.

    `gives`: a dtype, or empty for the promoted one. `smooth`: differentiable, rounding aside.
    """

    text: str
    kinds: str
    bound: str = "1"
    gives: str = ""
    smooth: bool = True


# Discontinuous functions of floats compare with a number that no exact arithmetic meets, so that a last
# bit cannot decide; denominators stay away from 0.
UNARY: Sequence[Form] = (
    Form("T.tanh({a})", "f"), Form("-{a}", "fci", "a"), Form("0.5 * {a}", "fc", "0.5 * a"),
    Form("T.sigmoid({a})", "f"), Form("T.sin({a})", "f"), Form("T.cos({a})", "f"),
    Form("T.exp(T.minimum({a}, 2.0))", "f", "8", smooth=False), Form("T.log1p(T.sqr({a}))", "f", "10"),
    Form("T.sqrt(T.sqr({a}) + 0.5)", "f", "a + 1"), Form("T.softplus({a})", "f", "a + 1"),
    Form("abs({a})", "fi", "a", smooth=False), Form("T.sqr({a})", "fi", "a * a"),
    Form("T.maximum({a}, 0)", "f", "a", smooth=False), Form("T.clip({a}, -0.7, 1.1)", "f", "2", smooth=False),
    Form("T.conj({a})", "c", "a"), Form("{a} / (1.5 + abs({a}))", "c", smooth=False), Form("~{a}", "bi"),
    Form("{a} % 7", "i"), Form("{a} // 3", "iu"), Form("{a} + 1", "iufc", "a + 1"), Form("{a} * 3", "iu"),
    Form("1.0 - {a}", "fc", "a + 1"), Form("{a} ** 2", "fi", "a * a"), Form("{a} / (1.5 + T.sqr({a}))", "f"),
    Form("T.gt({a}, 0.3137)", "f", gives="bool", smooth=False), Form("{a} > 2", "iu", gives="bool"),
    Form("T.eq({a}, 1)", "iub", gives="bool"), Form("T.isnan({a})", "f", gives="bool", smooth=False),
    Form("T.floor(3.0 * {a} + 0.1317)", "f", "3 * a + 2", smooth=False), Form("T.erf({a})", "f"),
    Form("T.expm1(-T.sqr({a}))", "f"), Form("T.arctan({a})", "f", "2"),
    Form("T.cast(T.real({a}), 'float64')", "c", "a", "float64"),
    Form("T.cast(T.imag({a}), 'float64')", "c", "a", "float64"),
    Form("T.cast(abs({a}), 'float64')", "c", "2 * a", "float64", smooth=False),
    Form("{a} / (1.5 + T.conj({a}) * {a})", "c"), Form("T.exp({a} / (1.0 + abs({a})))", "c", "3", smooth=False),
)
BINARY: Sequence[Form] = (
    Form("{a} + {b}", "fciu", "a + b"), Form("{a} - {b}", "fciu", "a + b"), Form("{a} * {b}", "fciu", "a * b"),
    Form("0.5 * {a} + 0.25 * {b}", "fc", "0.5 * a + 0.25 * b"), Form("{a} + 0.3 * ({b} - {a})", "fc", "max(a, b)"),
    Form("{a} * 0.9 + {b} * 0.1", "fc", "max(a, b)"), Form("T.maximum({a}, {b})", "fiu", "max(a, b)", smooth=False),
    Form("{a} & {b}", "biu"), Form("T.minimum({a}, {b})", "fiu", "max(a, b)", smooth=False),
    Form("{a} | {b}", "biu"), Form("{a} / (1.5 + T.sqr({b}))", "f", "a"), Form("{a} ^ {b}", "biu"),
    Form("{a} + {b}", "b"), Form("T.lt({a}, {b})", "iub", gives="bool"),
    Form("T.eq({a}, {b})", "iub", gives="bool"), Form("{a} % (1 + abs({b}) % 5)", "i"),
    Form("{a} // (1 + abs({b}) % 5)", "i"), Form("T.gt({a} - {b}, 0.1371)", "f", gives="bool", smooth=False),
    Form("T.arctan2({a}, 1.5 + T.sqr({b}))", "f", "2"), Form("{a} * T.tanh({b})", "f", "a"),
)
# What keeps the axes of an array of at least one, and reads other elements than the one it makes. {n} is the
# length of axis 0, {p} a permutation of its places.
REARRANGED: Sequence[Form] = (
    Form("{a}[{p}]", "fciub", "a"), Form("T.take({a}, {p}, axis=0)", "fciub", "a"),
    Form("T.roll({a}, 1)", "fciub", "a"), Form("T.flip({a}, 0)", "fciub", "a"),
    Form("T.set_subtensor({a}[{p}], {a})", "fciub", "a"),
    Form("T.inc_subtensor({a}[{p}], {a})", "fciu", "2 * a"),
    Form("T.set_subtensor({a}[::-1], {a})", "fciub", "a"),
    Form("T.inc_subtensor({a}[{p} // 2], {a})", "fciu", "3 * a"),
    Form("T.sort({a}, axis=0)", "fiu", "a", smooth=False),
    Form("T.argsort({a}, axis=0)", "fiu", gives="int64", smooth=False),
    Form("T.slinalg.solve(T.cast(3.0 * T.eye({n}) + 0.2 * T.tri({n}), {a}.dtype), {a})", "f", "a"),
    Form("T.slinalg.solve_triangular(T.cast(T.eye({n}) + 0.2 * T.tri({n}), {a}.dtype), {a}, lower=True)", "f",
         "a"),
    Form("T.dot(T.cast(0.3 * T.tri({n}), {a}.dtype), {a})", "fc", "3 * a"),
    Form("T.cumsum({a}, axis=0)", "fc", "10 * a"),
    Form("T.special.softmax({a}, axis=0)", "f"), Form("T.cumprod(0.5 * {a}, axis=0)", "f", "1000"),
)
REDUCTIONS: Sequence[Form] = (
    Form("T.var({a}{sep}{at})", "f", "a * a"), Form("T.argmax({a}{sep}{at})", "fiu", gives="int64", smooth=False),
    Form("T.logsumexp({a}{sep}{at})", "f", "a + 3"),
    Form("{a}.sum({at})", "fciu", "10 * a"), Form("{a}.mean({at})", "fc", "a"),
    Form("{a}.max({at})", "fiu", "a", smooth=False), Form("{a}.min({at})", "fiu", "a", smooth=False),
    Form("T.all({a}{sep}{at})", "b", gives="bool"), Form("T.any({a}{sep}{at})", "b", gives="bool"),
    Form("(0.5 * {a}).prod({at})", "fc", "1000"), Form("{a}.sum({at})", "b"),
)


def of_kind(forms: Sequence[Form], kind: str, smooth: bool) -> list[Form]:
    return [f for f in forms if kind in f.kinds and (f.smooth or not smooth)]


def summed_dtype(dtype: str) -> str:
    """What a sum of `dtype` is in."""
    return str(np.sum(np.zeros(1, dtype)).dtype)


def promoted(first: str, second: str) -> str:
    return str(np.result_type(first, second))
