"""Random scans that look up arrays from outside: at a function of the step's number, or at an index they compute."""

from __future__ import annotations

from tests.differential.asking import Asking
from tests.differential.terms import Term

# `t` an integer of the step, `n` the length of the array, at least 1 in remainders; some are outside.
INSIDE = ("{t} % {m}", "-1 - {t} % {m}", "({t} * 3 + 1) % {m}", "({t} - 1) % {m}")
COUNTED = ("{t}", "{t}", "{t} - 1", "{n} - 1 - {t}", "-1 - {t}", "{t} - {n}", "{t} // 2", "{n} // 2", "0", "-1")
WILD = ("{t} + 1", "2 * {t}", "2 * {t} + 1", "{n} - {t}", "-2 - {t}", "{t} - 3", "{n} - 1 - 2 * {t}", "3 * {t} - 2")
RANGES = ("T.arange({n})", "T.arange({n})", "T.arange(1, {n})", "T.arange({n} - 1, -1, -1)", "T.arange({n} // 2)",
          "T.arange(0, {n}, 3)", "T.arange({n} - 1)", "T.arange(({n} + 1) // 2)", "T.arange({n})[::-1]",
          "T.arange({n})[1:]", "T.arange(3)", "T.arange(T.minimum({n}, {k}))", "T.arange({k})", "{k} - T.arange({k})")
ROW_PARTS = ("{r}.sum()", "{r}[0]", "{r}[-1]", "{r}[1:].sum()", "{r}[::-1][0]", "T.tanh({r}).sum()",
             "{r}[{t} % {r}.shape[0]]")
MASKS = ("{k} < {t}", "{k} <= {t}", "{k} > {t}", "T.eq({k}, {t})", "({k} <= {t}) & ({k} >= {t} - 2)", "{k} + 2 > {t}",
         "({k} < {t}) | ({k} > {t} + 1)", "~({k} < {t})", "{t} - {k} > 1")
MASKED = ("T.max(T.switch({m}, {x}, -1.0))", "0.1 * T.sum(T.switch({m}, {x}, 0.0))", "0.1 * T.sum({m})",
          "T.min(T.switch({m}, 0.5, {x}))", "T.cast(T.any(({m}) & ({x} > 0.3137)), 'float64')",
          "0.1 * T.max(T.switch({m}, T.arange({n}) % 7, 0))")
NEXT = ("T.tanh({h} + {a})", "0.5 * {h} + {a} * {b}", "T.sin({h} * {a}) + {b}", "0.5 * {h} - 0.1 * {a}")


class Lookups(Asking):
    """Adds scans that look something up to a program."""

    def lookups(self) -> None:
        step, result, t = self.name("step"), self.name("r"), Term(self.name("t"), "int64", ())
        arrays = [self.array() for _ in range(self.c.pick((1, 2, 1)))]
        steps = self.range_of(arrays[0])
        start, h = self.start(arrays), self.name("h")
        counter = [Term(self.name("i"), "int64", ())] if self.c.chance(3) else []
        state = Term(h, "float64", start.axes)
        with self.function(step, [t, state, *counter]):
            places = [t.text, *(i.text for i in counter)]
            new = self.new_row(arrays, places, state)
            stop = f", sc.until(T.eq({t.text} % 5, 4))" if self.c.chance(2) else ""
            self.say(f"return [{', '.join([new, *(f'{i.text} + 1' for i in counter)])}]{stop}")
        infos = ", ".join([start.text, *(self.c.pick(("T.constant(0)", "T.constant(1)")) for _ in counter)])
        back = ", go_backwards=True" if self.c.chance(1) else ""
        self.say(f"{result}, _ = sc.scan({step}, sequences=[{steps}], outputs_info=[{infos}]{back}, "
                 "return_list=True)")
        view = self.c.pick(("", "[-1]", "[-1]", ".sum(axis=0)", "[::-1]"))
        axes = state.axes if view in ("[-1]", ".sum(axis=0)") else (self.new_length(), *state.axes)
        self.asked.append(self.let(f"{result}[0]{view}", "float64", axes, 40.0).text)

    def array(self) -> Term:
        """A vector or matrix of float64, an input or what the program has computed."""
        fits = self.some(lambda t: t.dtype == "float64" and t.ndim in (1, 2) and t.axes[0] != 1)
        return fits if fits is not None and self.c.chance(5) else self.input(
            "float64", self.c.pick((("n",), ("n",), (7,), ("n", 3), ("n", "m"), ("m",))))

    def range_of(self, array: Term) -> str:
        """Integers to count by, or any."""
        if self.c.chance(3):
            found = self.some(lambda t: t.dtype == "int64" and t.ndim == 1)
            return found.text if found is not None else self.input("int64", ("n",)).text
        text = self.c.pick(RANGES)
        return text.format(n=f"{array.text}.shape[0]", k=self.count().text if "{k}" in text else "")

    def start(self, arrays: list[Term]) -> Term:
        """The initial state: a number, or something like a row."""
        rows = [x for x in arrays if x.ndim == 2]
        if rows and self.c.chance(5):
            return Term(f"T.zeros_like({rows[0].text}.sum(axis=0))", "float64", rows[0].axes[1:])
        return Term("T.constant(0.1)", "float64", ())

    # ---- a step ----

    def new_row(self, arrays: list[Term], places: list[str], state: Term, depth: int = 0) -> str:
        """The state's next value, perhaps in a branch, or by a scan in the step."""
        form, kind = self.c.pick(NEXT), self.c.number(1, 10)
        a, b = (self.read(self.c.pick(arrays), places, state) for _ in range(2))
        text = form.format(h=state.text, a=a, b=b)
        if kind > 8 and depth < 2:
            other = self.new_row(arrays, places, state, depth + 1)
            how = self.c.pick(("sc.ifelse", "T.switch"))
            return f"{how}(T.gt({places[0]} % 3, 0), {text}, {other})"
        if kind > 6 and depth < 2:
            return self.inner_scan(arrays, places, state, depth)
        return text

    def inner_scan(self, arrays: list[Term], places: list[str], state: Term, depth: int) -> str:
        step, result = self.name("step"), self.name("r")
        u, g = Term(self.name("u"), "int64", ()), Term(self.name("g"), "float64", state.axes)
        with self.function(step, [u, g]):
            new = self.new_row(arrays, [u.text, f"({places[0]} + {u.text})", *places], g, depth + 1)
            self.say(f"return [{new}]")
        n = f"{self.c.pick(arrays).text}.shape[0]"
        steps = self.c.pick(("T.arange(2)", f"T.arange({n})", f"T.arange(abs({places[0]}) % 4 + 1)", "T.arange(3)"))
        self.say(f"{result}, _ = sc.scan({step}, sequences=[{steps}], outputs_info=[{state.text}], return_list=True)")
        return f"{result}[0][-1]"

    def read(self, array: Term, places: list[str], state: Term) -> str:
        """Something of an array that fits the state."""
        if array.ndim == 1 and self.c.chance(2):
            return self.masked(array, places)
        row = f"{array.text}[{self.position_in(array, places)}]"
        if array.ndim == 1 or state.axes == array.axes[1:]:
            return row
        if self.c.chance(2):
            column = f"{self.c.pick((places[0], '0', '-1'))} % T.maximum({array.text}.shape[1], 1)"
            return f"{array.text}[:, {column}].sum()"
        return self.c.pick(ROW_PARTS).format(r=row, t=self.c.pick(places))

    def masked(self, array: Term, places: list[str]) -> str:
        """What a vector has up to a place, behind it, or there; nothing where it has no elements."""
        n = f"{array.text}.shape[0]"
        mask = self.c.pick(MASKS).format(k=f"T.arange({n})", t=self.c.pick(places))
        found = self.c.pick(MASKED).format(m=mask, x=array.text, n=n)
        return f"sc.ifelse(T.gt({n}, 0), {found}, 0.0)" if found.startswith(("T.m", "0.1 * T.m")) else found

    def position_in(self, array: Term, places: list[str]) -> str:
        n = f"{array.text}.shape[0]"
        forms = self.c.pick((INSIDE, COUNTED, COUNTED, COUNTED, WILD))
        return self.c.pick(forms).format(t=self.c.pick(places), n=n, m=f"T.maximum({n}, 1)")
