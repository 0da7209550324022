"""Random scans whose states are tables, of which each step reads and writes a few elements."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.differential.terms import Axes, Term
from tests.differential.writer import Writer, cast_text


@dataclass
class Table:
    """A state in a step: the texts of its versions, the newest last, and what else writes into it may use."""

    dtype: str
    axes: Axes
    init: str
    versions: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # integers in the step
    others: list[Table] = field(default_factory=list)  # of the same type
    older: list[str] = field(default_factory=list)  # as it was two steps ago

    @property
    def type(self) -> tuple[str, Axes]:
        return self.dtype, self.axes

    @property
    def row(self) -> Axes:
        return self.axes[1:]

    @property
    def now(self) -> str:
        return self.versions[-1]

    @property
    def length(self) -> str:
        return str(self.axes[0]) if isinstance(self.axes[0], int) else f"T.maximum({self.versions[0]}.shape[0], 1)"


class Tables(Writer):
    """Adds scans of tables to the statements."""

    def tables(self) -> None:
        step, result, updates = self.name("step"), self.name("r"), self.name("u")
        tables = self.some_tables()
        sequences = self.place_sequences()
        counter = [self.input("int64", ())] if self.c.chance(4) else []
        params = [Term(self.name("i" if x.kind == "i" else "a"), x.dtype, x.axes[1:], x.bound) for x in sequences]
        older = [Term(self.name("b"), t.dtype, t.axes, 4.0) if self.c.chance(2) else None for t in tables]
        states = [Term(self.name("b"), t.dtype, t.axes, 4.0) for t in tables]
        count = [Term(self.name("k"), "int64", ()) for _ in counter]
        n_free = len(self.free_shared)
        rows = [x for pair in zip(older, states, strict=True) for x in pair if x is not None]
        with self.function(step, [*params, *rows, *count]):
            for table, old, term in zip(tables, older, states, strict=True):
                table.versions.append(term.text)
                table.older = [] if old is None else [old.text]
                table.places = [t.text for t in (params[0], *count)]
                table.others = [t for t in tables if t is not table and t.type == table.type]
            results = self.table_step(tables, count)
        if len(self.free_shared) < n_free and not self.scope.depth:
            self.updates.append(updates)
        infos = [*map(self.info, tables), *(k.text for k in counter)]
        infos += ["None"] * (len(results) - len(infos))
        backwards = "go_backwards=True, " if self.c.chance(1) else ""
        given = ", ".join(x.text for x in sequences)
        self.say(f"{result}, {updates} = sc.scan({step}, sequences=[{given}], outputs_info=[{', '.join(infos)}], "
                 f"{backwards}return_list=True)")
        self.table_results(result, tables, results)

    def info(self, table: Table) -> str:
        other = self.c.pick((table.init, f"({table.init})[::-1]"))
        return f"dict(initial=T.stack([{other}, {table.init}]), taps=[-2, -1])" if table.older else table.init

    def place_sequences(self) -> list[Term]:
        """Integers that tell where a step writes, and perhaps numbers to write."""
        places = self.need(lambda t: t.ndim == 1 and t.kind == "i", "int64", (self.c.pick(("m", "n", 4)),))
        numbers = self.some(lambda t: t.kind == "f" and t.axes[:1] == places.axes)
        return [places] if numbers is None or self.c.chance(5) else [places, numbers]

    def some_tables(self) -> list[Table]:
        """Their types and initial values; some have one initial value."""
        made: list[Table] = []
        for _ in range(self.c.pick((1, 1, 2, 2, 3))):
            if made and self.c.chance(7):
                dtype, axes = made[-1].dtype, made[-1].axes
            else:
                dtype = self.c.pick(("float64", "float64", "float32", *(() if self.smooth else ("int64", "bool"))))
                axes = self.c.pick(((6,), ("n",), (5, 2), ("n", 3), ("n", "m"), (4, 2, 2), (4, 4)))
            same = [t for t in made if t.type == (dtype, axes)]
            init = same[0].init if same and self.c.chance(3) else self.initial(dtype, axes)
            made.append(Table(dtype, axes, init))
        return made

    def initial(self, dtype: str, axes: Axes) -> str:
        """An input, a part of one, a shared variable, or something computed."""
        x = self.need(lambda t: t.dtype == dtype and t.axes == axes, dtype, axes).text
        return self.c.pick((x, x, f"T.zeros_like({x})", f"{x}[::-1]", f"T.stack([{x}, {x}])[1]",
                            x if dtype == "bool" else f"{x} + 1"))

    # ---- a step ----

    def table_step(self, tables: list[Table], count: list[Term]) -> list[Term]:
        """The lines of a step; the rows that it gives: tables first, the counter, and what else."""
        for _ in range(self.c.number(1, 5)):
            self.write_somewhere(self.c.pick(tables))
        order = self.returned(tables)
        rows = [Term(t.now, own.dtype, own.axes) for t, own in zip(order, tables, strict=True)]
        for term in count:
            moved = self.c.pick((f"{term.text} + 1", f"T.maximum({term.text} - 1, 0)",
                                 f"T.switch({self.condition_of(tables[0])}, {term.text} + 1, {term.text})"))
            rows.append(Term(moved, "int64", ()))
        for _ in range(self.c.pick((0, 1, 0, 2))):
            rows.append(self.seen(self.c.pick(tables)))
        parts = [f"[{', '.join(r.text for r in rows)}]"]
        if self.free_shared and self.scope.depth == 1 and self.c.chance(3):
            parts.append(self.shared_write(tables[0]))
        if not self.smooth and self.c.chance(1):
            parts.append(f"sc.until({tables[0].places[0]} % 7 > 5)")
        self.say(f"return {', '.join(parts)}")
        return rows

    def returned(self, tables: list[Table]) -> list[Table]:
        """Each state's next value is that of its table; some change places."""
        first, *rest = tables
        if first.others and self.c.chance(2):
            other = first.others[0]
            return [other if t is first else first if t is other else t for t in tables]
        return [first, *rest]

    def write_somewhere(self, table: Table) -> None:
        text = self.written(table, table.now if self.c.chance(8) else self.c.pick(table.versions))
        name = self.name("b")
        self.say(f"{name} = {text}")
        table.versions.append(name)
        if self.c.chance(3):
            self.scope.terms.append(Term(name, table.dtype, table.axes))

    def written(self, table: Table, old: str, depth: int = 0) -> str:
        """The text of a new version, made of the version `old`."""
        kinds = [self.element_set, self.element_set, self.swap, self.shift, self.window, self.scattered, self.sifted,
                 self.everywhere, self.column]
        if depth < 2:
            kinds += [self.chosen, self.chosen, self.branched, self.branched, self.pushed, self.twice, self.inner,
                      self.inner]
        kind = self.c.pick(kinds)
        return kind(table, old, depth)

    def place(self, table: Table) -> str:
        at = self.c.pick(table.places)
        wild = [at, "0", "-1", f"{at} % 2"]
        if self.c.chance(8):
            return self.c.pick((f"{at} % {table.length}", f"({at} + {self.c.number(1, 3)}) % {table.length}",
                                f"-1 - {at} % {table.length}"))
        return self.c.pick(wild[1:] if self.c.chance(8) else wild)

    def condition_of(self, table: Table) -> str:
        at = self.c.pick(table.places)
        plain = (f"T.eq({at} % 2, 0)", f"T.gt({at} % 3, 0)")
        if self.smooth or table.dtype == "bool" or self.c.chance(6):
            return self.c.pick(plain)
        whole = f"{self.c.pick(table.versions)}.sum()"
        element = f"{self.c.pick(table.versions)}[{self.place(table)}]" + (".sum()" if table.row else "")
        return f"T.gt({self.c.pick((element, whole))}, {'0.1317' if table.dtype[0] == 'f' else '1'})"

    def value(self, table: Table) -> str:
        """What fits a row: read from some version of a table, a number, or what the step is given."""
        known = [v for t in (table, *table.others) for v in (*t.older, *t.older, *t.versions)]
        read = f"{self.c.pick(known[::-1])}[{self.place(table)}]"
        if table.dtype == "bool":
            return self.c.pick((read, f"~{read}", "True"))
        number = {"f": "0.5", "i": "3"}[table.dtype[0]]
        given = self.some(lambda t: t.kind in "fi" and t.ndim == 0 and t.text in table.places)
        outside = cast_text(given, table.dtype) if given is not None else number
        summed = f"{self.c.pick(known)}.sum(axis=0)"
        summed = f"T.tanh({summed})" if table.dtype[0] == "f" else f"{summed} % 7"
        made = f"T.tanh({read})" if table.dtype[0] == "f" else f"({read} + 1) % 9"
        return self.c.pick((read, number, made, outside, read, summed, self.over_a_part(table, self.c.pick(known))))

    def over_a_part(self, table: Table, known: str) -> str:
        """A sum over rows whose number is not known before."""
        i, j = self.place(table), self.place(table)
        part = f"{known}[T.minimum({i}, {j}):T.maximum({i}, {j}) + 1]"
        summed = f"({part} * {part}).sum(axis=0)"
        return f"T.tanh({summed})" if table.dtype[0] == "f" else f"{summed} % 7"

    def how(self, table: Table) -> str:
        return "set" if table.dtype == "bool" or self.c.chance(6) else "inc"

    # ---- writes ----

    def element_set(self, table: Table, old: str, depth: int) -> str:
        at = self.place(table)
        if self.smooth or table.row or self.c.chance(8):
            return f"T.{self.how(table)}_subtensor({old}[{at}], {self.value(table)})"
        return f"T.set_subtensor({old}[{at}], T.switch({self.condition_of(table)}, {self.value(table)}, {old}[{at}]))"

    def swap(self, table: Table, old: str, depth: int) -> str:
        i, j = self.place(table), self.place(table)
        return f"T.set_subtensor(T.set_subtensor({old}[{i}], {old}[{j}])[{j}], {old}[{i}])"

    def sifted(self, table: Table, old: str, depth: int) -> str:
        """Two elements change places where a condition holds, as in a heap."""
        i, j, c = self.place(table), self.place(table), self.condition_of(table)
        x, y = f"{old}[{i}]", f"{old}[{j}]"
        return f"T.set_subtensor(T.set_subtensor({x}, T.switch({c}, {y}, {x}))[{j}], T.switch({c}, {x}, {y}))"

    def twice(self, table: Table, old: str, depth: int) -> str:
        return self.written(table, self.written(table, old, depth + 1), depth + 1)

    def chosen(self, table: Table, old: str, depth: int) -> str:
        return self.one_of(table, old, depth, "T.switch")

    def branched(self, table: Table, old: str, depth: int) -> str:
        return self.one_of(table, old, depth, "sc.ifelse")

    def pushed(self, table: Table, old: str, depth: int) -> str:
        """A window that moves in some steps only, or otherwise in others, and may be written."""
        how, other = self.c.pick(("sc.ifelse", "T.switch")), self.c.pick((old, old, self.window(table, old, depth)))
        sides = [self.window(table, old, depth), other]
        if self.c.chance(3):
            sides.reverse()
        moved = f"{how}({self.condition_of(table)}, {', '.join(sides)})"
        return self.written(table, moved, 2) if self.c.chance(5) else moved

    def one_of(self, table: Table, old: str, depth: int, how: str) -> str:
        new = self.written(table, old, depth + 1)
        known = [v for t in (table, *table.others) for v in t.versions]
        other = self.c.pick((old, old, old, self.c.pick(known), "another"))
        pair = [new, self.written(table, old, depth + 1) if other == "another" else other]
        if self.c.chance(4):
            pair.reverse()
        return f"{how}({self.condition_of(table)}, {pair[0]}, {pair[1]})"

    def shift(self, table: Table, old: str, depth: int) -> str:
        """A slice is written into an overlapping one."""
        at = f"{self.c.pick(table.places)} % 3"
        to, source = self.c.pick((("1:", ":-1"), (":-1", "1:"), (f"{at}:{at} + 2", f"{at} + 1:{at} + 3"),
                                  (f"{at} + 1:{at} + 3", f"{at}:{at} + 2"), ("::2", "::2"), (":2", "-2:")))
        how = "set" if table.dtype == "bool" else self.how(table)
        scaled = "0.5 * " if table.dtype[0] == "f" and self.c.chance(3) else ""
        return f"T.{how}_subtensor({old}[{to}], {scaled}{old}[{source}])"

    def window(self, table: Table, old: str, depth: int) -> str:
        """Rows go at one end, and others come at the other."""
        row = f"{self.c.pick(table.versions)}[{self.place(table)}]"
        new = f"T.shape_padleft({row})"
        if self.c.chance(3):
            moved, end = self.c.pick(((f"T.roll({old}, -1, axis=0)", "-1"), (f"T.roll({old}, 1, axis=0)", "0")))
            return f"T.set_subtensor({moved}[{end}], {self.value(table)})"
        return self.c.pick((f"T.concatenate([{old}[1:], {new}])", f"T.concatenate([{new}, {old}[:-1]])",
                            f"T.concatenate([{old}[2:], {old}[:2]])", f"T.concatenate([{old}[1:], {old}[:1]])",
                            f"T.concatenate([{old}[-1:], {old}[:-1]])", f"T.concatenate([{old}[2:], {new}, {new}])"))

    def scattered(self, table: Table, old: str, depth: int) -> str:
        i, j = self.place(table), self.place(table)
        places = f"T.stack([{i}, {j}, {i}])"
        source = f"{self.c.pick(table.versions)}[{self.c.pick((places, f'T.stack([{j}, {j}, {i}])', ':3'))}]"
        return f"T.{self.how(table)}_subtensor({old}[{places}], {source})"

    def everywhere(self, table: Table, old: str, depth: int) -> str:
        known = [v for t in (table, *table.others) for v in t.versions]
        other = self.c.pick(known)
        turned = ".T" if table.axes == (4, 4) else "[::-1]"
        if table.dtype == "bool":
            return self.c.pick((f"(~{old})", f"({old} ^ {other})"))
        if table.dtype[0] == "i":
            return self.c.pick((f"(({old} + {other}) % 11)", f"({old} * {other}{turned} % 11)"))
        return self.c.pick((f"T.tanh({old} + 0.5 * {other})", f"(0.5 * {old} + 0.25 * {other}{turned})",
                            f"(0.9 * {old} + 0.1)"))

    def column(self, table: Table, old: str, depth: int) -> str:
        if not table.row:
            return self.element_set(table, old, depth)
        known = self.c.pick(table.versions)
        return self.c.pick((f"T.set_subtensor({old}[:, 0], {known}[:, -1])",
                            f"T.set_subtensor({old}[{self.place(table)}, 0], {known}[{self.place(table)}, -1])",
                            f"T.set_subtensor({old}[:, ::-1], {known})"))

    def inner(self, table: Table, old: str, depth: int) -> str:
        """A scan in the step that begins with the table, writes it, and hands on its last state."""
        step, result = self.name("step"), self.name("r")
        place, state = Term(self.name("i"), "int64", ()), Term(self.name("q"), table.dtype, table.axes)
        within = Table(table.dtype, table.axes, old, [state.text], [place.text, *table.places],
                       [table, *table.others])
        with self.function(step, [place, state]):
            for _ in range(self.c.number(1, 2)):
                name = self.name("q")
                self.say(f"{name} = {self.written(within, within.now, depth + 2)}")
                within.versions.append(name)
            seen = self.seen(within)
            beside = self.c.chance(4)
            self.say(f"return [{within.now}, {seen.text}]" if beside else f"return [{within.now}]")
        places = self.c.pick((f"T.arange(3) + {table.places[0]}", "T.arange(2)", f"T.stack([{table.places[-1]}])"))
        infos = f"{old}, None" if beside else old
        self.say(f"{result}, _ = sc.scan({step}, sequences=[{places}], outputs_info=[{infos}], return_list=True)")
        if beside:
            self.scope.terms.append(Term(f"{result}[1][-1]", seen.dtype, seen.axes))
        return f"{result}[0][-1]"

    # ---- what else a step gives, and what is asked of the scan ----

    def seen(self, table: Table) -> Term:
        """Something read in some version of the table."""
        old = self.c.pick(table.versions)
        part = (f"{old}[:2]", (2, *table.row)) if isinstance(table.axes[0], int) else (old, table.axes)
        row = (f"{old}[{self.place(table)}]", table.row)
        text, axes = self.c.pick((row, part, (old, table.axes), row))
        return Term(text, table.dtype, axes)

    def shared_write(self, table: Table) -> str:
        s = self.free_shared.pop()
        value = {"b": "True", "f": "0.5", "i": "2", "u": "1", "c": "1.0"}[s.kind]
        new = f"T.set_subtensor({s.text}[{table.places[0]} % 2], {value})" if s.ndim else s.text
        return "{" + f"{s.text}: {new}" + "}"

    def table_results(self, result: str, tables: list[Table], rows: list[Term]) -> None:
        for number, row in enumerate(rows):
            kept = self.c.chance(3) or number >= len(tables)
            view = self.c.pick(("", "[1:]", "[-2:]", "[::-1]") if kept else ("[-1]", "[-1]", "[-1]", "[-2]"))
            axes = (self.name("len"), *row.axes) if kept else row.axes
            self.let(f"{result}[{number}]{view}", row.dtype, axes)
            if number < len(tables) and self.c.chance(2):
                self.let(f"{result}[{number}][-1]", row.dtype, row.axes)
        shared = {s.text: s for s in self.free_shared}
        for number, table in enumerate(tables):
            if table.init in shared and self.c.chance(6):
                self.free_shared.remove(shared.pop(table.init))
                self.updates.append(f"{{{table.init}: {result}[{number}][-1]}}")
