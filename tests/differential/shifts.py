"""Random scans whose steps are made element by element of arrays that are rolled, shifted, or joined of others."""

from __future__ import annotations

from tests.differential.terms import Axes, Term, of_kind
from tests.differential.windows import MADE, Windows
from tests.differential.writer import bound_of

# Arrays as long as `x` along an axis `d`, whatever its length `n`: parts of it and of others in another order.
SHIFTED = (
    "{x}", "T.roll({x}, {k}, axis={d})", "T.roll({x}, {k}, axis={d})",
    "T.roll(T.roll({x}, {k}, axis={d}), 1, axis=0)",
    "T.concatenate([{x}<1:>, {y}<:1>], axis={d})", "T.concatenate([{y}<:1>, {x}<1:>], axis={d})",
    "T.concatenate([{x}<-1:>, {x}<:-1>], axis={d})", "T.concatenate([T.zeros_like({y}<:2>), {x}<:-2>], axis={d})",
    "T.concatenate([{y}<:1>, {x}<1:><:-1>, {x}<1:><-1:>], axis={d})",
    "T.concatenate([{x}<{n} // 2:>, {y}<:{n} // 2>], axis={d})", "T.concatenate([(-{x})<1:>, {y}<:1>], axis={d})",
    "T.concatenate([T.full_like({y}<:1>, 3), {x}<:-1>], axis={d})",
    "T.concatenate([{x}<2:>, {y}<:2>], axis={d})<::-1>", "T.concatenate([{x}, {y}], axis={d})<1:><:{n}>",
    "T.concatenate([{x}, {x}, {y}], axis={d})<{n} // 2:><:{n}>",
    "T.set_subtensor(T.zeros_like({y})<1:>, {x}<:-1>)", "T.set_subtensor(T.zeros_like({y})<1:><:-1>, {x}<2:>)",
    "T.set_subtensor(T.set_subtensor(T.zeros_like({x})<:1>, {y}<:1>)<1:><1:>, {x}<:-2>)",
    "T.set_subtensor({y}<1:>, {x}<:-1>)", "T.set_subtensor({y}<1:><:-1>, {x}<2:>)",
)
SHAPES: tuple[Axes, ...] = (("n",), ("n",), (40,), ("n", "n"), ("n", 3), (3, "n"), (6, 7), ("n", 20))


class Shifts(Windows):
    """Adds scans that shift arrays to a program."""

    def shifts(self) -> None:
        self.scan_of_arrays(self.c.pick(SHAPES), self.array_of_shifts)

    def array_of_shifts(self, pool: list[Term], states: list[Term]) -> Term:
        """An array made of three, each shifted."""
        a, b, c = (self.c.pick(states) if self.c.chance(5) else self.late(pool) for _ in range(3))
        form = self.c.pick(of_kind(MADE, a.kind, self.smooth))
        p, q, r = (self.shifted(x, pool) for x in (a, b, c))
        text, bound = form.text.format(p=p, q=q, r=r), bound_of(form, max(a.bound, c.bound), b.bound)
        return self.let(f"({text}) % 11" if a.kind == "i" else text, a.dtype, a.axes,
                        11.0 if a.kind == "i" else bound)

    def shifted(self, x: Term, pool: list[Term]) -> str:
        axis = self.c.number(0, x.ndim - 1)
        text = self.c.pick(SHIFTED).replace("<", "[" + ":, " * axis).replace(">", "]")
        return text.format(x=x.text, y=self.c.pick(pool).text, k=self.c.pick((1, -1, 2, -3, 5)), d=axis,
                           n=f"{x.text}.shape[{axis}]")
