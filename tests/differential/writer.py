"""Writes random programs as text. `programs()` is the Hypothesis strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.differential.program import Argument, Program
from tests.differential.terms import (
    BIG,
    BINARY,
    COMPLEX,
    DTYPES,
    REARRANGED,
    REDUCTIONS,
    UNARY,
    Axes,
    Axis,
    Form,
    Term,
    of_kind,
    promoted,
    summed_dtype,
    together,
)

E = TypeVar("E")
Draw = Callable[[st.SearchStrategy[Any]], Any]
SIZES = (3, 2, 4, 1, 5, 0, 9, 8, 6, 7, 5, 9)
LONG = (3, 17, 33, 40)


class Choices:
    """Random choices that Hypothesis can make smaller; first options are the simplest."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def pick(self, options: Sequence[E]) -> E:
        return self.draw(st.sampled_from(options))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def chance(self, n: int, of: int = 10) -> bool:
        return self.number(1, of) > of - n


    def order(self, n: int) -> list[int]:
        """0 to n - 1, often as they are."""
        return list(self.draw(st.permutations(range(n)))) if self.chance(3) else list(range(n))


@dataclass
class Scope:
    """Lines of one function, and the values that it may use."""

    lines: list[str] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    depth: int = 0
    outer: frozenset[str] = frozenset()  # texts of terms that stand outside the function


class Writer:
    """One program under way."""

    def __init__(self, choices: Choices, smooth: bool) -> None:
        self.c, self.smooth = choices, smooth
        self.dtypes = ("float64", "float64", "float32") if smooth else COMPLEX if choices.chance(1, 6) else DTYPES
        self.inputs: list[Argument] = []
        self.shared: list[Argument] = []
        self.free_shared: list[Term] = []  # those that no scan updates yet
        self.updates: list[str] = []
        self.asked: list[str] = []  # names that the program returns whatever it picks
        self.scope = Scope()
        self.n_names = 0
        self.lengths: list[str] = ["n", "m"]  # sizes that calls choose

    # ---- names and lines ----

    def name(self, letter: str = "v") -> str:
        self.n_names += 1
        return f"{letter}{self.n_names}"

    def say(self, line: str) -> None:
        self.scope.lines.append("    " * (self.scope.depth + 1) + line)

    def let(self, text: str, dtype: str, axes: Axes, bound: float = 4.0, letter: str = "v") -> Term:
        """A line that names an expression; a float that may be large is brought back."""
        if bound > BIG and dtype[0] in "fc":
            text, bound = (f"T.tanh({text})" if dtype[0] == "f" else f"({text}) / (1.5 + abs({text}))"), 1.0
        made = Term(self.name(letter), dtype, axes, bound)
        self.say(f"{made.text} = {text}")
        self.scope.terms.append(made)
        return made

    @contextmanager
    def function(self, name: str, params: Sequence[Term]) -> Iterator[Scope]:
        """Lines inside go to a new function that sees all that stands before it."""
        outer = self.scope
        self.say(f"def {name}({', '.join(p.text for p in params)}):")
        seen = frozenset(t.text for t in outer.terms)
        self.scope = Scope(outer.lines, [*outer.terms, *params], outer.depth + 1, seen)
        yield self.scope
        self.scope = outer

    # ---- choosing terms ----

    def some(self, where: Callable[[Term], bool] = lambda t: True) -> Term | None:
        """A term, more likely a late one."""
        fitting = [t for t in self.scope.terms if where(t)]
        if not fitting:
            return None
        recent = fitting[-5:] if self.c.chance(7) else fitting
        return self.c.pick(recent[::-1])

    def need(self, where: Callable[[Term], bool], dtype: str | None = None, axes: Axes | None = None) -> Term:
        """A term that fits, else a new input."""
        found = self.some(where)
        if found is not None:
            return found
        return self.input(dtype or self.dtype(), self.axes() if axes is None else axes)

    def dtype(self) -> str:
        return self.c.pick(self.dtypes)

    def axes(self, least: int = 0) -> Axes:
        rank = self.c.pick([r for r in (1, 0, 2, 1, 3) if r >= least])
        lengths: tuple[Axis, ...] = ("n", "m", "n", 1, 3, "m")
        return tuple(self.c.pick(lengths) for _ in range(rank))

    def input(self, dtype: str, axes: Axes) -> Term:
        made = Term(self.name("x"), dtype, axes, 2.0)
        self.inputs.append(Argument(made.text, dtype, axes))
        self.scope.terms.insert(0, made)
        return made

    def count(self) -> Term:
        """An integer input from 0 to 9."""
        made = Term(self.name("k"), "int64", ())
        self.inputs.append(Argument(made.text, "int64", (), count=True))
        return made

    # ---- statements ----

    def statement(self) -> None:
        kinds = [self.unary, self.binary, self.binary, self.reduction, self.indexing, self.writing, self.shaping,
                 self.joining, self.product, self.choice, self.casting, self.counting, self.rearranging, self.masking]
        self.c.pick(kinds)()

    def unary(self) -> None:
        self.apply_unary(self.need(lambda t: True))

    def apply_unary(self, x: Term) -> Term | None:
        forms = of_kind(UNARY, x.kind, self.smooth)
        if not forms:
            return None
        f = self.c.pick(forms)
        return self.let(f.text.format(a=x.text), f.gives or x.dtype, x.axes, bound_of(f, x.bound))

    def binary(self) -> None:
        x = self.need(lambda t: True)
        y = self.need(lambda t: together(t.axes, x.axes) is not None and (t.kind == "b") == (x.kind == "b"),
                      x.dtype, x.axes)
        self.apply_binary(x, y)

    def apply_binary(self, x: Term, y: Term) -> Term | None:
        if (x.kind == "b") != (y.kind == "b"):
            return None
        if self.c.chance(2):
            x, y = y, x
        axes = together(x.axes, y.axes)
        assert axes is not None
        x, y = self.of_one_kind(x, y)
        dtype = promoted(x.dtype, y.dtype)
        forms = of_kind(BINARY, dtype[0] if dtype[0] != "u" else "u", self.smooth)
        if not forms or (dtype[0] == "f" and x.kind in "iu" and y.kind in "iu"):
            return None
        f = self.c.pick(forms)
        return self.let(f.text.format(a=x.text, b=y.text), f.gives or dtype, axes, bound_of(f, x.bound, y.bound))

    def of_one_kind(self, x: Term, y: Term) -> tuple[Term, Term]:
        """Integers beside floats are made small; bools beside numbers count."""
        def small(i: Term) -> Term:
            exact = i.dtype in ("int64", "uint64", "int32", "uint32")  # a function of them is of float64
            return Term(f"({i.text} % 5)" if exact else f"T.cast({i.text} % 5, 'float32')",
                        i.dtype if exact else "float32", i.axes, 5.0)
        return small(x) if x.kind in "iu" and y.kind in "fc" else x, (
            small(y) if y.kind in "iu" and x.kind in "fc" else y)

    def casting(self) -> None:
        x = self.need(lambda t: True)
        target = self.dtype()
        self.let(cast_text(x, target), target, x.axes, max(x.bound, 20.0) if x.kind in "iu" else x.bound)

    def choice(self) -> None:
        x = self.need(lambda t: True)
        y = self.need(lambda t: t.dtype == x.dtype and together(t.axes, x.axes) is not None)
        axes = together(x.axes, y.axes)
        condition = self.some(lambda t: t.kind == "b" and axes is not None and together(t.axes, axes) is not None)
        if self.c.chance(3) and (number := self.some(lambda t: t.ndim == 0 and t.kind in "iu")) is not None:
            condition = Term(f"T.gt({number.text} % 3, 0)", "bool", ())
        if condition is None or axes is None or x.dtype != y.dtype:
            return
        whole = together(condition.axes, axes)
        assert whole is not None
        if not condition.ndim and x.axes == y.axes:  # lazily, and perhaps without a copy
            self.let(f"sc.ifelse({condition.text}, {x.text}, {y.text})", x.dtype, axes, max(x.bound, y.bound))
            return
        self.let(f"T.switch({condition.text}, {x.text}, {y.text})", x.dtype, whole, max(x.bound, y.bound))

    def reduction(self) -> None:
        x = self.need(lambda t: t.ndim > 0, axes=("n",))
        forms = of_kind(REDUCTIONS, x.kind, self.smooth)
        if not forms or not x.ndim:
            return
        f = self.c.pick(forms)
        axis = self.c.pick([None, *range(x.ndim), -1])
        keep = axis is not None and self.c.chance(3)
        at = "" if axis is None else f"axis={axis}" + (", keepdims=True" if keep else "")
        kept = () if axis is None else tuple(
            (1 if i == axis % x.ndim else n) for i, n in enumerate(x.axes) if keep or i != axis % x.ndim)
        dtype = f.gives or (summed_dtype(x.dtype) if ".sum" in f.text else x.dtype)
        self.let(f.text.format(a=x.text, at=at, sep=", " if at else ""), dtype, kept, bound_of(f, x.bound))

    def indexing(self) -> None:
        x = self.need(lambda t: t.ndim > 0, axes=("n", "m"))
        text, axes = self.c.pick([self.element, self.part, self.second_axis, self.rows_at])(x)
        self.let(x.text + text, x.dtype, axes, x.bound)

    def element(self, x: Term) -> tuple[str, Axes]:
        return f"[{self.position()}]", x.axes[1:]

    def position(self) -> str:
        at = self.some(lambda t: t.ndim == 0 and t.kind == "i")
        if at is not None and self.c.chance(4):
            return f"{at.text} % 2"
        return self.c.pick(("0", "-1", "1", "-2"))

    def part(self, x: Term) -> tuple[str, Axes]:
        text = self.c.pick(("[::-1]", "[1:]", "[:-1]", "[::2]", "[-2:]", "[:2]", "[1::2]", "[::-2]"))
        return text, ((x.axes[0] if text == "[::-1]" else self.new_length()), *x.axes[1:])

    def new_length(self) -> str:
        return self.name("len")

    def second_axis(self, x: Term) -> tuple[str, Axes]:
        if x.ndim < 2:
            return self.element(x)
        if self.c.chance(5):
            return f"[:, {self.position()}]", (x.axes[0], *x.axes[2:])
        return "[:, ::-1]", x.axes

    def rows_at(self, x: Term) -> tuple[str, Axes]:
        index = self.some(lambda t: t.ndim == 1 and t.kind == "i")
        if index is None:
            return self.part(x)
        return f"[{index.text} % 2]", (index.axes[0], *x.axes[1:])

    def writing(self) -> None:
        x = self.need(lambda t: t.ndim > 0, axes=("n",))
        where = self.c.pick(("[0]", "[-1]", "[1:]", "[::2]", f"[{self.position()}]", "[:-1]", "[::-1]"))
        row = x.axes[1:] if ":" not in where else ()
        fits = [t for t in self.scope.terms if t.dtype == x.dtype and (t.axes == row or t.ndim == 0)]
        if ":" in where and self.c.chance(5):
            value, bound = f"{x.text}{where} * 2" if x.kind != "b" else f"~{x.text}{where}", 2 * x.bound
        elif fits:
            found = self.c.pick(fits[::-1])
            value, bound = found.text, found.bound
        else:
            return
        how = "set" if x.kind == "b" or self.c.chance(6) else "inc"
        self.let(f"T.{how}_subtensor({x.text}{where}, {value})", x.dtype, x.axes, x.bound + bound)

    def rearranging(self) -> None:
        x = self.need(lambda t: t.ndim > 0, axes=("n",))
        forms = [f for f in of_kind(REARRANGED, x.kind, self.smooth) if x.ndim < 3 or "slinalg" not in f.text]
        f = self.c.pick(forms)
        n = f"{x.text}.shape[0]"
        places = self.c.pick((f"T.arange({n})[::-1]", f"(T.arange({n}) + 1) % T.maximum({n}, 1)", f"T.arange({n})"))
        self.let(f.text.format(a=x.text, n=n, p=f"({places})"), f.gives or x.dtype, x.axes, bound_of(f, x.bound))

    def masking(self) -> None:
        x = self.need(lambda t: t.ndim > 0, axes=("n",))
        mask, rank = self.mask(x)
        picked = Term(f"{x.text}[{mask}]", x.dtype, (self.new_length(), *x.axes[rank:]), x.bound)
        self.c.pick([self.sum_at, self.set_at, self.set_at, self.picked, self.places_of])(x, mask, picked)

    def mask(self, x: Term) -> tuple[str, int]:
        """A mask of leading axes of `x`, and how many."""
        rank = self.c.number(1, x.ndim)
        known = self.some(lambda t: t.kind == "b" and t.axes == x.axes[:rank])
        if known is not None:
            return known.text, rank
        if x.kind in "fiu" and not self.smooth and self.c.chance(6):
            return f"T.gt({x.text}, {0.3137 if x.kind == 'f' else 1})", x.ndim
        return f"T.eq(T.arange({x.text}.shape[0]) % {self.c.number(1, 3)}, {self.c.number(0, 1)})", 1

    def sum_at(self, x: Term, mask: str, picked: Term) -> None:
        self.let(f"{picked.text}.sum(axis=0)", summed_dtype(x.dtype), picked.axes[1:], 10 * x.bound)

    def picked(self, x: Term, mask: str, picked: Term) -> None:
        self.let(picked.text, x.dtype, picked.axes, x.bound)

    def places_of(self, x: Term, mask: str, picked: Term) -> None:
        if self.c.chance(5):
            self.let(f"{picked.text}.shape[0]", "int64", ())
        else:
            self.let(f"T.nonzero({mask})[0]", "int64", picked.axes[:1])

    def set_at(self, x: Term, mask: str, picked: Term) -> None:
        """A value that fills the part, the same part of another array, or one value for each place."""
        other = self.some(lambda t: t.dtype == x.dtype and (t.ndim == 0 or t.axes == x.axes or t.axes == x.axes[1:]))
        if other is None or self.c.chance(3):
            value, bound = f"{picked.text}[::-1]", x.bound
        else:
            value, bound = f"{other.text}[{mask}]" if other.axes == x.axes else other.text, other.bound
        how = "set" if x.kind == "b" or self.c.chance(6) else "inc"
        self.let(f"T.{how}_subtensor({picked.text}, {value})", x.dtype, x.axes, x.bound + bound)

    def shaping(self) -> None:
        x = self.need(lambda t: t.ndim > 0, axes=("n", "m"))
        if 1 in x.axes and self.c.chance(5):
            kept = [i for i in range(x.ndim) if i != x.axes.index(1)]
            self.let(f"{x.text}.dimshuffle({kept})", x.dtype, tuple(x.axes[i] for i in kept), x.bound)
            return
        if x.ndim == 1:
            text, axes = self.c.pick([
                (".dimshuffle(0, 'x')", (x.axes[0], 1)), (".dimshuffle('x', 0)", (1, x.axes[0])),
                (".reshape((1, -1))", None), (".cumsum()", x.axes)])
        elif x.ndim == 2:
            text, axes = self.c.pick([
                (".T", x.axes[::-1]), (".flatten()", (self.new_length(),)), (".dimshuffle(1, 0)", x.axes[::-1]),
                (".dimshuffle(0, 'x', 1)", (x.axes[0], 1, x.axes[1])), (".cumsum(axis=1)", x.axes)])
        else:
            order = self.c.pick([(2, 0, 1), (1, 0, 2), (0, 2, 1)])
            text, axes = f".transpose({', '.join(map(str, order))})", tuple(x.axes[i] for i in order)
        if axes is None or ("cumsum" in text and x.kind not in "f"):
            return
        self.let(x.text + text, x.dtype, axes, x.bound * (10 if "cumsum" in text else 1))

    def joining(self) -> None:
        x = self.need(lambda t: t.ndim < 3)
        y = self.need(lambda t: t.dtype == x.dtype and t.axes == x.axes)
        if (y.dtype, y.axes) != (x.dtype, x.axes):
            return
        if x.ndim and self.c.chance(5):
            text, axes = f"T.concatenate([{x.text}, {y.text}])", (self.new_length(), *x.axes[1:])
        else:
            text, axes = f"T.stack([{x.text}, {y.text}])", (2, *x.axes)
        self.let(text, x.dtype, axes, max(x.bound, y.bound))

    def product(self) -> None:
        x = self.need(lambda t: t.ndim in (1, 2) and t.kind in "fci", "float64", ("n", "m"))
        y = self.some(lambda t: t.ndim in (1, 2) and t.kind == x.kind and t.axes[-min(t.ndim, 2)] == x.axes[-1])
        if y is None or x.kind not in "fci":
            return
        axes = x.axes[:-1] + (y.axes[1:] if y.ndim == 2 else ())
        self.let(f"T.dot({x.text}, {y.text})", promoted(x.dtype, y.dtype), axes, 10 * x.bound * y.bound)

    def counting(self) -> None:
        x = self.need(lambda t: t.ndim > 0, axes=("n",))
        if self.c.chance(5):
            self.let(f"T.arange({x.text}.shape[0])", "int64", (x.axes[0],))
        elif self.c.chance(5):
            self.let(f"{x.text}.shape[{self.c.number(0, x.ndim - 1)}]", "int64", ())
        else:
            kind = self.c.pick(("zeros_like", "ones_like"))
            self.let(f"T.{kind}({x.text})", x.dtype, x.axes, 1.0)

    # ---- fitting ----

    def fit(self, source: Term, dtype: str, axes: Axes, like: str, bound: float) -> str:
        """Text of dtype and axes asked for, made of `source`; `like` has these axes."""
        text = cast_text(source, dtype)
        if source.axes != axes:
            small = source.text if not source.ndim else _collapsed(source)
            plain = Term(small, source.dtype if source.kind != "b" else "bool", (), source.bound)
            fill = cast_text(plain, dtype)
            everywhere = f"T.switch(T.eq(T.zeros_like({like}), 0), {fill}, {like})"
            text = fill if not axes else f"{fill} + 0.1 * {like}" if self.smooth else everywhere
        if max(source.bound, 20.0 if source.kind in "iu" else 0) <= bound and source.axes == axes:
            return text
        if dtype[0] == "f":
            return f"T.tanh({text})"
        return f"({text}) / (1.5 + abs({text}))" if dtype[0] == "c" else text


def _collapsed(x: Term) -> str:
    """A scalar of the same dtype from a tensor."""
    if x.kind == "b":
        return f"T.any({x.text})"
    if x.kind in "iu":
        return f"T.cast({x.text}.sum(), '{x.dtype}')"
    return f"{x.text}.sum()"


def cast_text(x: Term, target: str) -> str:
    """`x` as `target`; only numbers that fit are cast to integers, and without fractions near a half."""
    if x.dtype == target:
        return x.text
    if x.kind == "c" and target[0] != "c":
        part = "float32" if x.dtype == "complex64" else "float64"
        return cast_text(Term(f"T.real({x.text})", part, x.axes, x.bound), target)
    if x.kind == "f" and target == "bool":
        return f"T.gt({x.text}, 0.1317)"
    if x.kind == "f" and target[0] in "iu":
        low = 0.0 if target[0] == "u" else -40.0
        number = f"T.switch(T.isnan({x.text}), 0.0, {x.text})"  # what an integer makes of NaN is the machine's choice
        return f"T.cast(T.floor(T.clip(3.0 * {number}, {low}, 40.0) + 0.1317), '{target}')"
    if x.kind in "iu" and target[0] in "fc":
        return f"T.cast({x.text} % 17, '{target}')"
    if x.kind == "f" and target[0] == "c":
        return f"T.cast({x.text}, '{target}')"
    return f"T.cast({x.text}, '{target}')"


def bound_of(form: Form, a: float, b: float = 0.0) -> float:
    return float(eval(form.bound, {"a": a, "b": b, "max": max}))


@st.composite
def programs(draw: Draw, smooth: bool = False, gradients: int = 0, n_calls: int = 2, kind: str = "") -> Program:
    """A program of a few statements and one to three scans, with sizes to call it at."""
    from tests.differential.shifts import Shifts

    choices = Choices(draw)
    writer = Shifts(choices, smooth)
    writer.kind = kind
    writer.program()
    calls = [_sizes(choices, writer) for _ in range(n_calls)]
    text = f"def program({', '.join(a.name for a in [*writer.inputs, *writer.shared])}):\n" + "\n".join(
        writer.scope.lines) + "\n"
    return Program(text, writer.inputs, writer.shared, calls, choices.number(0, 3), smooth, gradients)


def _sizes(choices: Choices, writer: Writer) -> dict[str, int]:
    sizes = {name: choices.pick(SIZES) for name in writer.lengths}
    if choices.chance(2):
        sizes["n"] = choices.pick(LONG)
    return sizes | {a.name: choices.number(0, 9) for a in writer.inputs if a.count}
