"""Random scans whose steps write windows of arrays, made element by element from windows of these and of others."""

from __future__ import annotations

from collections.abc import Callable

from tests.differential.sharing import Sharing
from tests.differential.terms import Axes, Form, Term, of_kind
from tests.differential.writer import bound_of

# Windows of equal length along an axis: of any array, and of one of 7 elements.
OF_ANY = (("[1:]", "[:-1]"), ("[2:]", "[1:-1]", "[:-2]"), ("[:]", "[::-1]"), ("[:2]", "[-2:]"), ("[::2]", "[::-2]"))
OF_SEVEN = (("[:3]", "[1:4]", "[2:5]", "[4:]"), ("[:2]", "[2:4]", "[3:5]", "[5:]"), ("[1]", "[0]", "[6]"),
            ("[::3]", "[4:]"))
# What is made of windows `p`, `q`, `r`; integers stay what 8 bits hold.
MADE = (
    Form("0.5 * ({p} + {q})", "f", "max(a, b)"), Form("{p} - 0.25 * {q}", "f", "a + b"), Form("{q}", "fi", "b"),
    Form("0.3 * ({p} + {q} + {r})", "f", "max(a, b)"), Form("T.tanh({q}) * {p}", "f", "a"), Form("-{p}", "fi", "a"),
    Form("T.maximum({p}, {q})", "fi", "max(a, b)", smooth=False), Form("({p} + {q}) % 11", "i"),
    Form("({p} * {q} + {r}) % 7", "i"), Form("T.switch({p} > {r}, {q}, {p})", "fi", "max(a, b)", smooth=False),
)
SHAPES: tuple[Axes, ...] = (("n",), (7,), (7,), ("n", 3), (7, "n"), ("n", "n"))


class Windows(Sharing):
    """Adds scans that write windows to a program."""

    def windows(self) -> None:
        self.scan_of_arrays(self.c.pick(SHAPES), self.array_of_windows)

    def scan_of_arrays(self, axes: Axes, made: Callable[[list[Term], list[Term]], Term]) -> None:
        """A scan whose step makes arrays of its states and others, one after the other."""
        step, result = self.name("step"), self.name("r")
        dtype = self.c.pick(("float64", "float32", *(() if self.smooth else ("int64", "float64"))))
        inits = self.starts(dtype, axes)[:self.c.number(1, 3)]
        fixed = [self.input(dtype, axes)]
        time = Term(self.name("t"), "int64", ())
        states = [Term(self.name("h"), dtype, axes) for _ in inits]
        with self.function(step, [time, *states]):
            pool = [*fixed, *states]
            for _ in range(self.c.number(1, 5)):
                pool.append(made(pool, states))
            beside = self.beside(pool)
            rows = [self.held(self.late(pool)) for _ in states]
            stop = f", sc.until({self.met(self.c.pick(pool), time)})" if self.c.chance(1) else ""
            self.say(f"return [{', '.join([*rows, *(b.text for b in beside)])}]{stop}")
        infos = ", ".join([*(x.text for x in inits), *("None" for _ in beside)])
        self.say(f"{result}, _ = sc.scan({step}, sequences=[T.arange({self.c.pick((3, 2, 1))})], "
                 f"outputs_info=[{infos}], return_list=True)")
        for number, row in enumerate([*states, *beside]):
            view = self.c.pick(("[-1]", "[-1]", "", "[::-1]"))
            seen = row.axes if view == "[-1]" else (self.new_length(), *row.axes)
            self.asked.append(self.let(f"{result}[{number}]{view}", row.dtype, seen, row.bound).text)

    def array_of_windows(self, pool: list[Term], states: list[Term]) -> Term:
        """An array of which a window is written."""
        whole = self.late(pool) if self.c.chance(7) else self.c.pick(states)
        cuts = [self.cut(size) for size in whole.axes[:self.c.pick((1, 1, whole.ndim))]]
        a, b = (whole if self.c.chance(6) else self.late(pool) for _ in range(2))
        form = self.c.pick(of_kind(MADE, whole.kind, self.smooth))
        p, q, r = (f"{x.text}{self.bracket(cuts)}" for x in (a, b, whole))
        value = form.text.format(p=p, q=q, r=r)
        how, bound = self.c.pick(("set", "inc")), bound_of(form, max(a.bound, whole.bound), b.bound)
        text = f"T.{how}_subtensor({whole.text}{self.bracket(cuts)}, {value})"
        if whole.kind == "i":
            return self.let(f"{text} % 11", whole.dtype, whole.axes, 11.0) if how == "inc" else self.let(
                text, whole.dtype, whole.axes, 11.0)
        return self.let(text, whole.dtype, whole.axes, bound + (whole.bound if how == "inc" else 0.0))

    def cut(self, size: object) -> tuple[str, ...]:
        return self.c.pick(OF_ANY + (OF_SEVEN if size == 7 else ()))

    def bracket(self, cuts: list[tuple[str, ...]]) -> str:
        """One window of equal ones, as `[1:, :-1]`."""
        return f"[{', '.join(self.c.pick(cut)[1:-1] for cut in cuts)}]"
