"""Random readers of a scan's rows, where nothing else needs the rows themselves."""

from __future__ import annotations

from tests.differential.chains import Chains
from tests.differential.terms import Term

# `r` the rows, of n steps; `x` another array of as many; all keep floats small.
BEFORE = ("{r}", "{r}", "{r}", "{r} * {r}", "T.sin({r})", "{r} * {x}", "{r} - 0.5", "T.exp(-T.sqr({r}))",
          "{r} * T.cast(T.arange({r}.shape[0]) % 3, {r}.dtype)", "1 - {r}", "{r} - {r}.mean(axis=0)",
          "T.cumsum({r}, axis=0) * 0.1")
OF_ROWS = ("{r}[:, 0]", "{r}[:, ::2]", "{r}[:, -1]", "{r}.sum(axis=1)", "{r}[:, :2]", "{r} * {r}[:, :1]",
           "T.dot({r}, T.cast(0.1 + 0.3 * T.eye({r}.shape[1]), {r}.dtype))")
CHOOSING = ("T.maximum({r}, 0)", "T.abs({r})", "T.switch({r} > 0.2, {r}, {x})")
ENDS = ("{r}.sum(axis=0)", "{r}.mean(axis=0)", "{r}[1]", "{r}[0]", "{r}[-2]", "{r}[-3:]", "{r}[::2]", "{r}[1::3]",
        "{r}[:3]", "{r}[2:5]", "{r}[:-1]", "{r}[::-1]", "{r}[::-2]", "{r}[{k}]", "{r}[{k}:]", "{r}[:{k}]",
        "{r}[{k}::2]", "{r}[-{k}:]", "{r}.T", "{r}[::-1].T", "{r}", "T.sqrt(1 + T.sqr({r}).sum(axis=0))",
        "{r}.shape[0]", "{r}[{k}] - {r}[-1]", "{r}[{k}:].sum(axis=0)", "{r}[1:-1].sum(axis=0)",
        "T.cumsum({r}, axis=0)[-1]", "T.cumsum({r}, axis=0)")
ONLY_VALUES = ("{r}.max(axis=0)", "{r}.min(axis=0)", "T.argmax({r}, axis=0)", "T.argmin({r}, axis=0)",
               "T.logsumexp({r}, axis=0)", "T.any({r} > 0.3, axis=0)", "T.all({r} > -0.9, axis=0)",
               "({r} > 0).sum(axis=0)", "{r}.max()")
# Parts of the rows, of other numbers of them, and what reduces these.
PARTS = ("{r}[::2]", "{r}[1::3]", "{r}[{k}:]", "{r}[{k}::2]", "{r}[:{k}]", "{r}[1:-1]", "{r}[::-1]", "{r}[::-2]",
         "({r}[1:] - {r}[:-1])", "{r}[2:] * {r}[:-2]", "T.sqr({r}[::2])", "{r}[::-1] * T.cos({x})",
         "T.exp({r}[1::2])", "({r}[2:] - 2 * {r}[1:-1] + {r}[:-2])", "{r}[3:] * {r}[1:-2]",
         "({r} - T.concatenate([T.zeros_like({r}[:1]), {r}[:-1]]))",
         "{r} * T.concatenate([T.ones_like({r}[:3]), {r}])[:-3]", "(T.concatenate([{x}[:2], {r}[:-2]]) - {r})",
         "({r} - {r}.mean(axis=0))[2:] * ({r} - {r}.mean(axis=0))[:-2]", *(
             f"(lambda r: r[:r.shape[0] // {k} * {k}].reshape((-1, {k}, *r.shape[1:])))({{r}}){end}"
             for k, end in ((3, ".mean(axis=1)"), (2, ".sum(axis=0)"), (3, "[:, 0]"), (2, ".prod(axis=1)"))))
MASKED = ("T.switch({r} > 0.1, {r}, 0)", "{r} * ({r} > -0.1)", "{r}[{r} > 0.1]")
REDUCING = ("({r}).sum(axis=0)", "({r}).mean()", "T.sqr({r}).sum()", "(0.5 + 0.1 * {r}).prod(axis=0)")
CHOOSING_ONE = ("({r}).max(axis=0)", "T.any({r} > 0.3, axis=0)", "({r} > 0).sum(axis=0)", "({r}).min()",
                "T.argmax({r}, axis=0)")
STEPS = ("T.tanh({a} + 0.5 * {h})", "0.5 * {h} + {a}", "T.cos({a}) * {h} * 0.5 + 0.1")


class Asking(Chains):
    """Adds scans of which something is asked to a program."""

    def readers(self) -> None:
        """A scan, and one to three readers of its rows."""
        x = self.need(lambda t: t.dtype in ("float64", "float32") and 0 < t.ndim < 3 and t.axes[0] != 1, "float64",
                      self.c.pick((("n",), ("n",), ("n", 3), ("n", "m"))))
        rows = self.rows_of(x)
        k = self.count().text if self.c.chance(5) else "2"
        for _ in range(self.c.pick((1, 1, 2, 3))):
            self.reader(rows, x, k)

    def rows_of(self, x: Term) -> str:
        """The name of the rows of a scan over `x`, that only readers see."""
        step, result, a, h = (self.name(letter) for letter in ("step", "r", "a", "h"))
        form, is_map = self.c.pick(STEPS), self.c.chance(2)
        row = f"T.cast({form.format(a=a, h=a if is_map else h)}, {x.dtype!r})"
        limit = self.c.pick((0.9, 0.5, 2.0, -0.3))
        stops = not self.smooth and not is_map and self.c.chance(3)
        stop = f", sc.until(T.cast({h}.sum() > {limit}, 'bool'))" if stops else ""
        self.say(f"{step} = lambda {a if is_map else f'{a}, {h}'}: ({row}{stop})")
        start = "" if is_map else f", outputs_info=T.zeros_like({x.text}.sum(axis=0))"
        back = ", go_backwards=True" if self.c.chance(2) else ""
        self.say(f"{result} = sc.scan({step}, T.sin({x.text}){start}{back}, return_updates=False)")
        return result

    def reader(self, rows: str, x: Term, k: str) -> None:
        text = rows
        for _ in range(self.c.number(0, 2)):
            forms = [*BEFORE, *(OF_ROWS if x.ndim > 1 else ()), *(() if self.smooth else CHOOSING)]
            text = f"({self.c.pick(forms).format(r=text, x=f'T.cos({x.text})')})"
            if "[:, 0]" in text or "[:, -1]" in text or "axis=1" in text:
                break
        if self.c.chance(3):
            part = self.c.pick([*PARTS, *(() if self.smooth else MASKED)]).format(r=text, k=k, x=x.text)
            ends = [*REDUCING, *(() if self.smooth else CHOOSING_ONE)]
            self.asked.append(self.name("q"))
            self.say(f"{self.asked[-1]} = {self.c.pick(ends).format(r=part)}")
            return
        end = self.c.pick([*ENDS, *(() if self.smooth else ONLY_VALUES)]).format(r=text, k=k)
        self.asked.append(self.name("q"))
        self.say(f"{self.asked[-1]} = {end}")
