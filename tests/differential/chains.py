"""Random chains of scans of one length: each reads rows of those before it, or stands beside them."""

from __future__ import annotations

from dataclasses import replace

from tests.differential.scans import Scans
from tests.differential.terms import Term

# What may stand between two scans: `r` a term of the length of all, `x` another; all keep floats small.
BETWEEN = ("{r}", "{r}", "{r} * 2", "T.exp(-T.sqr({r}))", "{r} + {x}", "T.tanh({x}) * {r}", "T.sigmoid({r})",
           "T.concatenate([{r}[:1] * 0, {r}])[:{r}.shape[0]]", "T.concatenate([{r}[:1] * 0, {r}[:-1]])",
           "T.concatenate([{x}[:1], {r}])[:{r}.shape[0]]", "T.concatenate([T.zeros_like({r}[:0]), {r}])",
           "T.concatenate([0 * T.stack([{r}.sum(0), {r}.sum(0)]), {r}])[:{r}.shape[0]]", "{r}[::-1]",
           "{r}[::-1][::-1]", "T.concatenate([{r}, {x}])[:{r}.shape[0]]", "T.sin({r})[::-1]", "{r} - {r}.mean()")
OF_MATRICES = ("{r}[:, ::2][:, :1] + {r}", "{r}.T.T", "{r} * {r}[:, :1]", "{r}[:, ::-1]",
               "{r} + T.arange({r}.shape[0])[:, None] % 3 * 0.5", "{r}.dimshuffle(0, 'x', 1)[:, 0]",
               "T.dot({r}, T.cast(0.1 + 0.3 * T.eye({r}.shape[1]), {r}.dtype))")
CHOOSING = ("T.switch({r} > 0, {r}, {x})", "T.maximum({r}, {x})", "T.clip({r}, -1, 0.5)")
STEPS = ("({a} - 1) ** 2 + T.minimum(T.minimum({a}, {h}), 0.25)", "T.maximum(T.maximum({h}, {a}), 0.1) + {a}",
         "T.tanh({a} + 0.5 * {h})", "0.5 * {h} + {a}", "0.5 * {h} - 0.25 * {a} * {h}", "T.cos({a}) * {h} * 0.5")
MAPS = ("T.sin({a}) * 2", "{a} * {a} * 0.1", "T.tanh({a})")
TAPS = ("[0]", "[0]", "[0]", "[0]", "[0]", "[0]", "[-1]", "[0, -1]", "[-2, 0]")
ASKED = ("{r}", "{r}.sum(axis=0)", "{r}[-1:]")
STOPS = ("{a}.sum() > 0.8", "{h}.sum() > 0.5", "{h}.sum() < -0.2", "({h} * {a}).sum() > 0.6")


class Chains(Scans):
    """Adds chains to the scans of a program."""

    def several(self) -> None:
        """Two to four scans over a sequence of floats and what the ones before gave."""
        x = self.need(lambda t: t.dtype in ("float64", "float32") and 0 < t.ndim < 3 and t.axes[0] != 1, "float64",
                      self.c.pick((("n",), ("n", 3), ("n", "m"))))
        rows = [self.let(f"T.sin({x.text})", x.dtype, x.axes, 1.0)]
        for _ in range(self.c.number(2, 4)):
            rows.append(self.link(rows))
        for made in rows[-self.c.number(1, 2):]:
            self.ask(made.text)
        if not self.smooth and self.c.chance(3):
            self.twins(self.c.pick(rows))

    def ask(self, rows: str) -> None:
        self.asked.append(self.name("asked"))
        self.say(f"{self.asked[-1]} = {self.c.pick(ASKED).format(r=rows)}")

    def twins(self, x: Term) -> None:
        """Two scans that stop by one condition, mostly of equal states."""
        first, stop = self.c.pick(STEPS), self.c.pick(STOPS)
        for _ in range(2):
            step, result, a, h, g = (self.name(letter) for letter in ("step", "r", "a", "h", "g"))
            own = self.c.pick(STEPS) if self.c.chance(6) else first
            made = (f"T.cast({form.format(a=a, h=state)}, {x.dtype!r})" for form, state in (
                (own, h), (self.c.pick(STEPS), g)))
            self.say(f"{step} = lambda {a}, {h}, {g}: ([{', '.join(made)}], "
                     f"sc.until(T.cast({stop.format(a=a, h=h)}, 'bool')))")
            self.say(f"{result} = sc.scan({step}, {x.text}, [T.zeros_like({x.text}.sum(axis=0))] * 2, "
                     "return_updates=False)")
            self.ask(f"{result}[1]")

    def link(self, rows: list[Term]) -> Term:
        """One more scan; with taps that shorten it, its rows are not read by others."""
        first, other = self.c.pick(rows[::-1]), self.c.pick(rows)
        forms = [*BETWEEN, *(OF_MATRICES if first.ndim > 1 else ()), *(() if self.smooth else CHOOSING)]
        between = self.let(self.c.pick(forms).format(r=first.text, x=other.text), first.dtype, first.axes)
        step, result, a, h = (self.name(letter) for letter in ("step", "r", "a", "h"))
        is_map, taps = self.c.chance(2), self.c.pick(TAPS)
        n_taps = taps.count(",") + 1
        row = f"({' + '.join(f'{a}{i}' for i in range(n_taps))})"
        params = [*(f"{a}{i}" for i in range(n_taps)), *([] if is_map else [h])]
        text = self.c.pick(MAPS if is_map else STEPS).format(a=row, h=h)
        self.say(f"{step} = lambda {', '.join(params)}: T.cast({text}, {first.dtype!r})")
        start = "" if is_map else f", outputs_info={first.text}.sum(axis=0) * 0" if self.c.chance(3) else (
            f", outputs_info=T.zeros_like({rows[0].text}.sum(axis=0))")
        back = ", go_backwards=True" if self.c.chance(2) else ""
        self.say(f"{result} = sc.scan({step}, sequences=dict(input={between.text}, taps={taps}){start}{back}, "
                 "return_updates=False)")
        if taps != "[0]":
            self.scope.terms.append(Term(result, first.dtype, (self.new_length(), *first.axes[1:])))
            return first
        made = replace(first, text=result, bound=8.0)
        if self.c.chance(6):
            self.scope.terms.append(made)
        return made
