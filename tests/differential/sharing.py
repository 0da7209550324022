"""Random scans of several states of one shape, whose next values share what stands behind a lookup, a sort, a
product or a scan, and may change places."""

from __future__ import annotations

from tests.differential.lookups import Lookups
from tests.differential.terms import Axes, Form, Term, of_kind
from tests.differential.writer import bound_of

# What is not computed element by element beside what reads it. `a`, `b`: arrays of one type; `n`: their length, `p`:
# places in them; `t`: their dtype. Integers are brought back to what 8 bits hold, and places of a largest element
# are found among rounded ones, so that no last bit decides.
BARRIERS = (
    Form("{a}[{p}]", "fi", "a"), Form("T.cumsum({a}, axis=0)", "f", "10 * a"),
    Form("T.cast(T.cumsum({a}, axis=0) % 11, {t!r})", "i"), Form("T.sort({a}, axis=0)", "fi", "a", smooth=False),
    Form("T.roll({a}, 1, axis=0)", "fi", "a"), Form("{a}[::-1]", "fi", "a"),
    Form("{a} - {b}.mean(axis=0)", "f", "a + b"), Form("T.set_subtensor({a}[::-1], {b})", "fi", "b"),
    Form("T.concatenate([{a}[1:], {b}[:1]])", "fi", "max(a, b)"), Form("T.special.softmax({a}, axis=0)", "f"),
    Form("T.concatenate([{b}[-1:], {a}[:-1]])", "fi", "max(a, b)"),
    Form("T.concatenate([{a}, {b}])[::2]", "fi", "max(a, b)"), Form("{a} * T.tanh({b}.sum(axis=0))", "f", "a"),
    Form("T.dot(T.cast(0.2 * T.tri({n}), {t!r}), {a})", "f", "4 * a"),
    Form("T.cast(T.dot(T.cast(T.tri({n}), {t!r}), {a}) % 11, {t!r})", "i"),
    Form("T.cast(({a} + {b}.sum(axis=0)) % 11, {t!r})", "i"),
    Form("T.set_subtensor({a}[1:], {b}[:-1])", "fi", "max(a, b)"),
    Form("T.inc_subtensor({a}[::2], 0.5 * {b}[::2])", "f", "a + b"),
    Form("T.set_subtensor({a}[{p}], {b})", "fi", "max(a, b)"),
    Form("T.set_subtensor({a}[:1], {b}[-1:])", "fi", "max(a, b)"),
    Form("sc.scan(lambda v, h: 0.5 * h + v, sequences=[{a}], outputs_info=[{b}.sum(axis=0)])[0]", "f", "10 * b"),
    Form("sc.scan(lambda v, w: v - w, sequences=[{a}, {b}[::-1]])[0]", "f", "a + b"),
    Form("sc.scan(lambda v, h: T.cast((h + v) % 11, {t!r}), sequences=[{a}], outputs_info=[{b}[0]])[0]", "i"),
    Form("T.cast(T.eq({k}, T.argmax(T.floor(4.0 * {a} + 0.1317), axis=0)), {t!r}) * {b}", "f", "b", smooth=False),
    Form("T.cast(T.eq({k}, T.argmax({a}, axis=0)), {t!r}) * {b}", "i", "b"),
)
OF_SQUARES = (
    Form("{a}.T", "fi", "a"), Form("T.dot({a}, {b})", "f", "9 * a * b"), Form("{a}[:, ::-1]", "fi", "a"),
    Form("T.dot({a}.T, {b})", "f", "9 * a * b"), Form("T.cast(T.dot({a}, {b}) % 11, {t!r})", "i"),
)
TOGETHER = (
    Form("0.5 * ({a} + {b})", "f", "max(a, b)"), Form("{a} * T.tanh({b})", "f", "a"),
    Form("{a} - 0.1 * {b}", "f", "a + b"), Form("T.cast(({a} + {b}) % 11, {t!r})", "i"),
    Form("T.cast(({a} * {b} + 1) % 7, {t!r})", "i"), Form("T.maximum({a}, {b})", "fi", "max(a, b)", smooth=False),
)
# The next values of all states: `a` a value that they share, `b` what is behind it, `h` the state of number `i`.
ALIKE = (
    Form("T.switch(T.gt({b}, 0.1317), {a} * (0.5 + {i}), {h} - 0.1 * {i})", "f", "5 * a", smooth=False),
    Form("0.5 * {a} + 0.1 * {i} * {b} - 0.25 * {h}", "f", "a + b"), Form("{h} + T.tanh({b}) * {a}", "f", "4 + a"),
    Form("T.switch(T.gt({b}, 2), {a}, {h} + {i}) % 11", "i"), Form("({a} * {i} + {b} - {h}) % 11", "i"),
    Form("T.switch({met}, {a} + {i} * {b}, {h})", "fi", "a + 3 * b"), Form("{a} + {i} * {b}", "fi", "a + 3 * b"),
    Form("T.set_subtensor({a}[{i}:], ({b} - {h})[{i}:])", "fi", "a + b"),
)
SHAPES: tuple[Axes, ...] = (("n",), ("n",), (7,), ("n", 3), ("n", "n"))


class Sharing(Lookups):
    """Adds scans of states that share what they are made of to a program."""

    def sharing(self) -> None:
        step, result = self.name("step"), self.name("r")
        dtypes = ("float64", "float32", *(() if self.smooth else ("int64", "float64", "int32")))
        dtype, axes = self.c.pick(dtypes), self.c.pick(SHAPES)
        inits = self.starts(dtype, axes)
        places = self.input("int64", axes[:1]).text
        self.places = (f"({places} % T.maximum({places}.shape[0], 1))", f"T.arange({places}.shape[0])[::-1]")
        time = Term(self.name("t"), "int64", ())
        given = [Term(self.name("a"), dtype, axes)] if self.c.chance(2) else []
        states = [Term(self.name("h"), dtype, axes) for _ in inits]
        with self.function(step, [time, *given, *states]):
            beside = self.sharing_step(states, given, time)
        steps = f"T.arange({self.c.pick((3, 5, 1, 2))})" if not given else (
            f"T.arange(3), T.stack([{inits[0].text}, {inits[-1].text}, {inits[1].text}])")
        infos = ", ".join([*(x.text for x in inits), *("None" for _ in beside)])
        self.say(f"{result}, _ = sc.scan({step}, sequences=[{steps}], outputs_info=[{infos}], return_list=True)")
        for number, row in enumerate([*states, *beside]):
            view = self.c.pick(("[-1]", "[-1]", "", "[-2:]", "[::-1]"))
            seen = row.axes if view == "[-1]" else (self.new_length(), *row.axes)
            self.asked.append(self.let(f"{result}[{number}]{view}", row.dtype, seen, row.bound).text)

    def starts(self, dtype: str, axes: Axes) -> list[Term]:
        """Two to four initial values, some the same or parts of one."""
        first = self.input(dtype, axes)
        made = [first]
        for _ in range(self.c.number(1, 3)):
            text = self.c.pick(("", "{x}", "T.zeros_like({x})", "{x}[::-1]", "T.stack([{x}, {x}])[1]"))
            made.append(Term(text.format(x=first.text), dtype, axes) if text else self.input(dtype, axes))
        return made

    # ---- a step ----

    def sharing_step(self, states: list[Term], given: list[Term], time: Term) -> list[Term]:
        """The lines of a step; what it gives beside its states."""
        pool = [*given, *states]
        for _ in range(self.c.number(1, 6)):
            pool += self.shared_line(pool, time)
        beside = self.beside(pool)
        rows = self.alike(states, pool, time) if self.c.chance(5) else [self.next_of(h, pool) for h in states]
        stop = f", sc.until({self.met(self.c.pick(pool), time)})" if self.c.chance(2) else ""
        self.say(f"return [{', '.join([*rows, *(b.text for b in beside)])}]{stop}")
        return beside

    def shared_line(self, pool: list[Term], time: Term) -> list[Term]:
        """One or two new values of the states' type."""
        kinds = [self.behind, self.behind, self.behind, self.combined, self.combined, self.either, self.exchanged]
        return self.c.pick([*kinds, self.inner_states] if self.scope.depth < 2 else kinds)(pool, time)

    def formed(self, forms: tuple[Form, ...], pool: list[Term]) -> Term:
        a, b = self.late(pool), self.c.pick(pool)
        f = self.c.pick(of_kind(forms, a.kind, self.smooth))
        n = f"{a.text}.shape[0]"
        column = f"T.arange({n})" + "[:, None]" * (a.ndim - 1)
        text = f.text.format(a=a.text, b=b.text, n=n, p=self.c.pick(self.places), t=a.dtype, k=column)
        return self.let(text, a.dtype, a.axes, bound_of(f, a.bound, b.bound))

    def late(self, pool: list[Term]) -> Term:
        return self.c.pick(pool[-2:][::-1]) if self.c.chance(6) else self.c.pick(pool)

    def behind(self, pool: list[Term], time: Term) -> list[Term]:
        return [self.formed(BARRIERS + (OF_SQUARES if pool[0].axes == ("n", "n") else ()), pool)]

    def combined(self, pool: list[Term], time: Term) -> list[Term]:
        return [self.formed(TOGETHER, pool)]

    def met(self, x: Term, time: Term) -> str:
        """A condition of a step: of its number, or of an array."""
        plain = (f"T.eq({time.text} % 2, 1)", f"T.gt({time.text}, 1)")
        if self.smooth or self.c.chance(5):
            return self.c.pick(plain)
        return f"T.gt({x.text}.sum(), {'0.1317' if x.kind == 'f' else '7'})"

    def either(self, pool: list[Term], time: Term) -> list[Term]:
        """One of two, as a whole or element by element."""
        a, b, c = (self.late(pool) for _ in range(3))
        how = self.c.pick(("T.switch", "sc.ifelse", "each"))
        met = self.met(c, time)
        if how == "each":
            how, met = "T.switch", met if self.smooth else f"T.gt({c.text}, {'0.1317' if c.kind == 'f' else '2'})"
        return [self.let(f"{how}({met}, {a.text}, {b.text})", a.dtype, a.axes, max(a.bound, b.bound))]

    def exchanged(self, pool: list[Term], time: Term) -> list[Term]:
        """Two that change places where a condition holds."""
        a, b, met = self.late(pool), self.c.pick(pool), self.met(self.late(pool), time)
        bound = max(a.bound, b.bound)
        if self.c.chance(5):
            both = self.let(f"sc.ifelse({met}, [{a.text}, {b.text}], [{b.text}, {a.text}])", a.dtype, (), bound).text
            self.scope.terms.pop()
            return [self.let(f"{both}[{i}]", a.dtype, a.axes, bound) for i in range(2)]
        return [self.let(f"T.switch({met}, {x.text}, {y.text})", a.dtype, a.axes, bound) for x, y in ((a, b), (b, a))]

    def inner_states(self, pool: list[Term], time: Term) -> list[Term]:
        """The last rows of a scan in the step over two states, that reads what stands outside it."""
        step, result, u = self.name("step"), self.name("r"), Term(self.name("u"), "int64", ())
        starts = [self.late(pool), self.c.pick(pool)]
        states = [Term(self.name("g"), s.dtype, s.axes) for s in starts]
        within = [*(self.c.pick(pool) for _ in range(2)), *states]
        with self.function(step, [u, *states]):
            for _ in range(self.c.number(1, 3)):
                within += self.shared_line(within, u)
            self.say(f"return [{', '.join(self.next_of(s, within) for s in states)}]")
        self.say(f"{result}, _ = sc.scan({step}, sequences=[T.arange({self.c.pick((2, 3, 1))})], "
                 f"outputs_info=[{', '.join(self.held(s) for s in starts)}], return_list=True)")
        return [self.let(f"{result}[{i}][-1]", s.dtype, s.axes, s.bound) for i, s in enumerate(states)]

    def held(self, x: Term) -> str:
        return self.fit(x, x.dtype, x.axes, x.text, 4.0)

    def next_of(self, state: Term, pool: list[Term]) -> str:
        """A state's next value: one of those made, or a few operations more."""
        made = self.formed(TOGETHER, [*pool, state]) if self.c.chance(6) else self.late(pool)
        return self.held(made)

    def alike(self, states: list[Term], pool: list[Term], time: Term) -> list[str]:
        """The next values of all states, by one form or by several, from one value and what is behind it."""
        shared = self.all_of(states) if self.c.chance(5) else self.late(pool)
        [behind] = self.behind([shared], time)
        forms, met = of_kind(ALIKE, shared.kind, self.smooth), self.met(behind, time)
        form, rows = self.c.pick(forms), []
        for number, h in enumerate(states):
            text = form.text.format(a=shared.text, b=behind.text, h=h.text, i=number, met=met)
            text = text if h.kind == "f" else f"T.cast({text}, {h.dtype!r})"
            rows.append(self.held(Term(text, h.dtype, h.axes, bound_of(form, shared.bound, behind.bound))))
            form = self.c.pick(forms) if self.c.chance(2) else form
        return rows

    def all_of(self, states: list[Term]) -> Term:
        """One value made of all states."""
        text, first = f"({' + '.join(h.text for h in states)})", states[0]
        return self.let(f"{text} / 2" if first.kind == "f" else f"{text} % 11", first.dtype, first.axes, 8.0)

    def beside(self, pool: list[Term]) -> list[Term]:
        """What the step gives beside its states."""
        made = []
        for _ in range(self.c.pick((0, 1, 0, 2))):
            x = self.c.pick(pool)
            text = self.c.pick((x.text, f"{x.text}.sum(axis=0)"))
            dtype = x.dtype if text == x.text or x.kind == "f" else "int64"
            made.append(Term(text, dtype, x.axes if text == x.text else x.axes[1:], 10 * x.bound))
        return made
