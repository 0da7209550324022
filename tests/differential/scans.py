"""Random scans: sequences with taps, states with taps, stops, updates, and slices of what they give."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.differential.program import Argument
from tests.differential.tables import Tables
from tests.differential.terms import Axes, Axis, Term, together

VIEWS = ("[-1]", "", "[-2:]", "[-1:]", "[::2]", "[::-1]", "[0]", "[1:]", "[:-1]", "[1]", ".sum(axis=0)", "[-3]",
         "[2:]", "[-2::-1]", "[:2]")

KINDS = {"": ("scan", "scan", "lanes", "several", "tables", "readers", "lookups"), "tables": ("tables",),
         "several": ("several",), "readers": ("readers",),
         "lookups": ("lookups",), "sharing": ("sharing",), "windows": ("windows",),
         "shifts": ("shifts",)}


@dataclass
class State:
    """A recurrent output: its initial value's text, taps, and the row it keeps."""

    info: str
    taps: list[int]
    dtype: str
    axes: Axes
    bound: float
    params: list[Term] = field(default_factory=list)


class Scans(Tables):
    """Adds scans to the statements."""

    kind = ""  # of the scans; empty: of all kinds

    def program(self) -> None:
        for _ in range(self.c.number(1, 3)):
            self.input(self.dtype(), self.axes())
        if not self.smooth and self.c.chance(3):
            self.add_shared()
        for _ in range(self.c.number(0, 3)):
            self.statement()
        for _ in range(self.c.pick((1, 2, 1, 2, 3))):
            getattr(self, self.c.pick(KINDS[self.kind]))()
            for _ in range(self.c.number(0, 3)):
                self.statement()
        self.finish()

    def add_shared(self) -> None:
        dtype = self.dtype()
        axes = self.c.pick(((), (3,), (2, 3), (6,), (5, 2)))
        made = Term(self.name("s"), dtype, axes, 2.0)
        self.shared.append(Argument(made.text, dtype, axes))
        self.scope.terms.append(made)
        self.free_shared.append(made)

    def finish(self) -> None:
        own = [t for t in self.scope.terms if not t.text.startswith(("x", "s"))]
        own = own or [self.need(lambda t: True)]
        chosen = dict.fromkeys(self.asked)
        if not chosen or self.c.chance(5):
            chosen.setdefault(own[-1].text)
            for _ in range(self.c.number(0, 3)):
                chosen.setdefault(self.c.pick(own[::-1]).text)
        updates = [f"**{u}" for u in self.updates]
        for s in self.free_shared:
            if self.c.chance(5):
                source = self.some() or s
                updates.append(f"{s.text}: {self.fit(source, s.dtype, s.axes, s.text, 2.0)}")
        self.say(f"return [{', '.join(chosen)}], {{{', '.join(updates)}}}")

    def several(self) -> None:
        """Scans of one length (`chains.py`)."""
        raise NotImplementedError

    def readers(self) -> None:
        """A scan whose rows have readers only (`asking.py`)."""
        raise NotImplementedError

    def lookups(self) -> None:
        """A scan that reads arrays at positions that it computes (`lookups.py`)."""
        raise NotImplementedError

    def sharing(self) -> None:
        """A scan of states that share what they are made of (`sharing.py`)."""
        raise NotImplementedError

    def windows(self) -> None:
        """A scan that writes windows of arrays (`windows.py`)."""
        raise NotImplementedError

    def shifts(self) -> None:
        """A scan that rolls, shifts and joins arrays (`shifts.py`)."""
        raise NotImplementedError

    # ---- one scan ----

    def scan(self) -> None:
        step, result, updates = self.name("step"), self.name("r"), self.name("u")
        backwards = self.c.chance(2)
        sequences, params, lengths = self.sequences()
        states = [self.state() for _ in range(self.c.pick((1, 1, 2, 0, 3) if sequences else (1, 1, 2, 3)))]
        n_steps, length = self.steps(lengths)
        n_free = len(self.free_shared)
        with self.function(step, [*params, *(p for s in states for p in s.params)]):
            rows, infos, stops = self.step_body(states)
        if len(self.free_shared) < n_free and not self.scope.depth:
            self.updates.append(updates)
        if stops or length is None:
            length = self.new_length()
        text = [step]
        text += [f"sequences=[{', '.join(sequences)}]"] if sequences else []
        text += [f"outputs_info=[{', '.join(infos)}]"] + n_steps + (["go_backwards=True"] if backwards else [])
        self.say(f"{result}, {updates} = sc.scan({', '.join(text)}, return_list=True)")
        self.results(result, rows, length)

    def lanes(self) -> None:
        """A scan of array states whose elements never mix, of which the last rows are read."""
        step, result = self.name("step"), self.name("r")
        first = self.need(lambda t: t.ndim > 0, self.c.pick(("float64", "float32", "int64")), ("n",))
        inits = [first] + [self.need(lambda t: t.axes == first.axes, self.dtype(), first.axes)
                           for _ in range(self.c.number(0, 2))]
        states = [State(t.text, [-1], t.dtype, t.axes, max(t.bound, 1.0)) for t in inits]
        for s in states:
            s.params = [Term(self.name("h"), s.dtype, s.axes, s.bound)]
        times = self.some(lambda t: t.ndim == 1 and t.axes[0] != 1) if self.c.chance(5) else None
        params = [] if times is None else [Term(self.name("a"), times.dtype, (), times.bound)]
        with self.function(step, [*params, *(s.params[0] for s in states)]):
            texts = [self.fit(self.recurrence(s), s.dtype, s.axes, s.params[0].text, s.bound) for s in states]
            self.say(f"return [{', '.join(texts)}]")
        steps = f"sequences=[{times.text}]" if times is not None else f"n_steps={self.count().text}"
        infos = ", ".join(s.info for s in states)
        self.say(f"{result}, _ = sc.scan({step}, {steps}, outputs_info=[{infos}], return_list=True)")
        view = self.c.pick(("[-1]", "[-1]", "[-2:]", "[-1:]"))
        for i, s in enumerate(states):
            axes = s.axes if view == "[-1]" else (self.new_length(), *s.axes)
            self.let(f"{result}[{i}]{view}", s.dtype, axes, s.bound)

    def sequences(self) -> tuple[list[str], list[Term], list[tuple[Axis, int]]]:
        """Texts, the step's parameters, and each one's length and how many rows its taps take off."""
        texts, params, lengths = [], [], []
        for _ in range(self.c.pick((1, 2, 0, 1, 3))):
            x = self.some(lambda t: t.ndim > 0 and t.axes[0] != 1)
            if x is None:
                known: tuple[Axis, ...] = ("n", "m", 4)
                x = self.input(self.dtype(), (self.c.pick(known), *self.axes()[:2]))
            taps = self.c.pick(([0], [0], [0, -1], [-2], [1, 0], [0, -3], [2, -1], [0, 0]))
            if taps == [0]:
                texts.append(f"T.arange({x.text}.shape[0])" if self.c.chance(1) else x.text)
            else:
                texts.append(f"dict(input={x.text}, taps={taps})")
            if texts[-1].startswith("T.ar"):
                params.append(Term(self.name("i"), "int64", ()))
            else:
                params += [Term(self.name("a"), x.dtype, x.axes[1:], x.bound) for _ in taps]
            lengths.append((x.axes[0], max(0, *taps) - min(0, *taps)))
        return texts, params, lengths

    def steps(self, lengths: list[tuple[Axis, int]]) -> tuple[list[str], Axis | None]:
        """The argument n_steps, and the number of steps where it is known by name."""
        if lengths and self.c.chance(7):
            plain = {length for length, off in lengths if not off}
            return [], (plain.pop() if len(plain) == 1 and all(not off for _, off in lengths) else None)
        if self.c.chance(5):
            return [f"n_steps={self.c.pick((3, 1, 2, 0, 5, 9))}"], None
        return [f"n_steps={self.count().text}"], None

    def state(self) -> State:
        taps = self.c.pick(([-1], [-1], [-1], [-1, -2], [-2], [-1, -3], [-9, -1], [-12], [-3, -1, -2], [-4]))
        depth = -min(taps)
        bound = 4.0
        if depth == 1:
            init = self.need(lambda t: True)
            info = init.text if self.c.chance(7) else f"dict(initial={init.text}, taps=[-1])"
            dtype, axes, bound = init.dtype, init.axes, init.bound
        elif depth <= 4 and self.c.chance(4):
            row = self.need(lambda t: True)
            dtype, axes, bound = row.dtype, row.axes, row.bound
            info = f"dict(initial=T.stack([{', '.join([row.text] * depth)}]), taps={taps})"
        else:
            dtype, axes = self.dtype(), self.axes()[:2]
            init = self.input(dtype, (depth, *axes))
            info = f"dict(initial={init.text}, taps={taps})"
        made = State(info, taps, dtype, axes, max(bound, 1.0))
        made.params = [Term(self.name("h"), dtype, axes, made.bound) for _ in taps]
        return made

    def step_body(self, states: list[State]) -> tuple[list[Term], list[str], bool]:
        """The function's lines; the rows that it gives, the outputs_info, whether it stops."""
        for _ in range(self.c.number(0, 5)):
            self.statement()
        if self.scope.depth < 2 and self.c.chance(2):
            self.scan()
        rows, infos = [], []
        for s in states:
            text = self.fit(self.new_value(s), s.dtype, s.axes, s.params[0].text, s.bound)
            rows.append(Term(text, s.dtype, s.axes, s.bound))
            infos.append(s.info)
        for _ in range(self.c.pick((0, 1, 0, 2) if states else (1, 1, 2))):
            y = self.some() or self.input("float64", ("n",))
            rows.append(y)
            infos.append("None")
        texts = [r.text for r in rows]
        order = self.keep_states_in_order(self.c.order(len(rows)), len(states))
        rows, infos, texts = [rows[i] for i in order], [infos[i] for i in order], [texts[i] for i in order]
        parts = [f"[{', '.join(texts)}]", *self.step_updates()]
        stops = not self.smooth and self.c.chance(2)
        if stops:
            parts.append(f"sc.until({self.condition()})")
        self.say(f"return {', '.join(parts)}")
        return rows, infos, stops

    def keep_states_in_order(self, order: list[int], n_states: int) -> list[int]:
        """Parameters of states stand in the order of the outputs."""
        states = iter(range(n_states))
        return [next(states) if i < n_states else i for i in order]

    def new_value(self, state: State) -> Term:
        if self.c.chance(6):
            return self.recurrence(state)
        good = self.some(lambda t: t.axes == state.axes and t.dtype == state.dtype and self.is_inner(t))
        if good is not None and self.c.chance(8):
            return good
        return self.some(self.is_inner) or self.some() or state.params[0]

    def recurrence(self, state: State) -> Term:
        """Elementwise of the state's own past and of what fits it: what lanes and short chains are made of."""
        made = self.c.pick(state.params)
        for _ in range(self.c.number(1, 3)):
            other = self.some(lambda t: t.dtype == state.dtype and together(t.axes, state.axes) == state.axes)
            if other is None or self.c.chance(2):
                made = self.apply_unary(made) or made
            else:
                made = self.apply_binary(made, other) or made
        return made

    def is_inner(self, term: Term) -> bool:
        return term.text not in self.scope.outer

    def step_updates(self) -> list[str]:
        if self.scope.depth > 1 or not self.free_shared or not self.c.chance(5):
            return []
        s = self.free_shared.pop()
        source = self.some() or s
        return ["{" + f"{s.text}: {self.fit(source, s.dtype, s.axes, s.text, 2.0)}" + "}"]

    def condition(self) -> str:
        t = self.need(lambda t: t.kind in "biuf", "float64", ())
        if t.kind == "b":
            return f"T.any({t.text})" if t.ndim else t.text
        one = f"{t.text}.sum()" if t.ndim else t.text
        return f"{one} > {self.c.pick((1, 0, 3)) + (0.1317 if t.kind == 'f' else 0)}"

    def results(self, result: str, rows: list[Term], length: Axis) -> None:
        """Views of what the scan gives; some outputs are not looked at."""
        for i, row in enumerate(rows):
            for _ in range(self.c.pick((1, 1, 0, 2))):
                view = self.c.pick(VIEWS)
                if view.startswith(".sum") and row.kind not in "fc":
                    view = "[-1]"
                axes = {"": (length, *row.axes), "[::-1]": (length, *row.axes)}.get(view)
                if axes is None:
                    axes = (self.new_length(), *row.axes) if ":" in view else row.axes
                self.let(f"{result}[{i}]{view}", row.dtype, axes, row.bound * (10 if "sum" in view else 1))
