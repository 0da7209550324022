"""`Print` in an exported function: a callback of the caller's gets the values when a call is done.

    typedef struct NAME_print { void (*print)(void *user, const NAME_printed *value); void *user; } NAME_print;
    void NAME_set_print(const NAME_print *how);

There are two codes: as the function is without its `Print`s, and one whose values are more outputs, which lie in the
workspace. NAME__query and NAME__run choose: the query finds who prints and leaves that in the first info slot, for
the run. So every other entry, and who loads the library, calls them as ever. The library itself prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.artifact import N_INFO_SLOTS, Param
from scancc.printed import Printed, Prints, values_of

from ..target import Target
from .entry import Entry, Names, scalar_of
from .flat import Copies, Function
from .signature import Compiled
from .together import joined, with_suffix

_QUIET, _PRINTING = ".quiet", ".printing"  # what stands behind the symbols of the two codes
_STRUCT = "{ ptr, ptr, ptr, ptr, i64, ptr, ptr, i64, ptr, ptr }"
_MEMBERS = (
    ("const char *text;", "what Print was given"),
    ("const char *name;", "of the value; empty where it has none"),
    ("const char *attributes;", "what Print asks for, blanks between"),
    ("const char *dtype;", "as the manifest names it"),
    ("int64_t rank;", ""),
    ("const int64_t *dims;", ""),
    ("const void *data;", "row-major"),
    ("int64_t depth;", "how many scans are around the value"),
    ("const int64_t *steps;", "the step of each, the outermost first"),
    ("const char *const *scans;", "their names"),
)


def printing_text(entry: Entry, compiled: Compiled, text: str, printing_text: str) -> str:
    """LLVM IR of NAME__query and NAME__run, above the texts of the code without and of that with printed values."""
    assert compiled.printing is not None, "the function prints"
    more = More(entry, compiled.outputs, compiled.printing.outputs, compiled.prints)
    return joined([with_suffix(text, _QUIET), with_suffix(printing_text, _PRINTING),
                   _Query(more).text(compiled.target), _Run(more).text()])


def print_setter_text(entry: Entry, target: Target) -> str:
    """LLVM IR of NAME_set_print; nothing where nothing is printed."""
    if not entry.prints:
        return ""
    how, order = _access(target, "release")
    return (f"{_who(entry)} = internal global ptr null\n"
            f"define void @{Names(entry.name).set_print}(ptr %how) nounwind {{\n"
            f"  store {how} ptr %how, ptr {_who(entry)}{order}, align 8\n  ret void\n}}\n")


def header_lines(entry: Entry) -> tuple[list[str], list[str]]:
    """For the header: what is said of it, and its declarations."""
    if not entry.prints:
        return [], []
    names = Names(entry.name)
    said = [f"Who gets what Print shows in {entry.name}.",
            "  A call that ends with status 0 then calls print(user, value) for each value in the order of "
            "computation, in the thread of the call; data is to be read before print returns.",
            f"  {names.set_print} is for all calls whose query comes later, which read the struct: it must stay. "
            "NULL, as at first: nothing is printed, and nothing is spent on it. The values of all steps lie in the "
            "workspace, of which queries then ask for more."]
    return said, [
        f"typedef struct {names.printed} {{",
        *(f"    {member:<28} {f'/* {what} */' if what else ''}".rstrip() for member, what in _MEMBERS),
        f"}} {names.printed};",
        f"typedef struct {names.print} {{", f"    void (*print)(void *user, const {names.printed} *value);",
        "    void *user;", f"}} {names.print};", f"void {names.set_print}(const {names.print} *how);"]


def _access(target: Target, order: str) -> tuple[str, str]:
    """The words for an access to the variable; a processor without atomic ones has one core."""
    return ("volatile", "") if target.arch.startswith("thumbv6") else ("atomic", f" {order}")


def _who(entry: Entry) -> str:
    """The variable that says who prints."""
    return f"@{entry.name}__print"


class More:
    """Where things lie in the slots of the function, and in those of the code with more outputs."""

    def __init__(self, entry: Entry, own: Sequence[Param], outputs: Sequence[Param],
                 prints: Sequence[Prints]) -> None:
        self.entry, self.own, self.outputs, self.prints = entry, own, outputs, prints
        self.printed = sorted(value.output for value, _ in values_of(prints))
        self.n_input_slots = sum(p.n_slots for p in entry.inputs)

    def first(self, outputs: Sequence[Param], index: int) -> int:
        """The first slot of an output."""
        return self.n_input_slots + sum(p.n_slots for p in outputs[:index])

    def pairs(self) -> list[tuple[Param, int, int]]:
        """For each of the function's own outputs its first slot, and that in the code with more."""
        theirs = [n for n in range(len(self.outputs)) if n not in self.printed]
        return [(param, self.first(self.own, n), self.first(self.outputs, m))
                for n, (param, m) in enumerate(zip(self.own, theirs, strict=True))]


class _Packed(Function):
    """Writes a function of the slots `%slots.0`, which may call the code with more outputs on slots `%more.0`."""

    def __init__(self, more: More) -> None:
        super().__init__(more.entry, Copies(more.entry.name))
        self.more = more
        self.workspace, self.more_workspace = more.first(more.own, len(more.own)), more.first(
            more.outputs, len(more.outputs))
        self.n_more = self.more_workspace + 2 + N_INFO_SLOTS
        self.allocas.append(f"  %more.0 = alloca [{self.n_more} x i64], align 16")

    def more_slot(self, index: int) -> str:
        return self.emit(f"getelementptr i64, ptr %more.0, i64 {index}", "slot")

    def take(self, index: int) -> str:
        """A slot of the code with more outputs."""
        return self.emit(f"load i64, ptr {self.more_slot(index)}")

    def give(self, index: int, value: str, type: str = "i64") -> None:
        self.do(f"store {type} {value}, ptr {self.more_slot(index)}")

    def quietly(self, quiet: str, symbol: str, after_success: Callable[[], None] = lambda: None) -> None:
        """Where nobody prints: what the code without more outputs does."""
        go_on = self.when(quiet)
        status = self.emit(f"call i32 @{symbol}{_QUIET}(ptr %slots.0)", "status")
        done = self.when(self.emit(f"icmp eq i32 {status}, 0"))
        after_success()
        self.close(done)
        self.do(f"ret i32 {status}")
        self.label(go_on)

    def call_more(self, symbol: str) -> None:
        """Call an entry of the code with more outputs; a check that fails ends this function too."""
        status = self.emit(f"call i32 @{symbol}{_PRINTING}(ptr %more.0)", "status")
        go_on = self.when(self.emit(f"icmp ne i32 {status}, 0"))
        for n in range(N_INFO_SLOTS):
            self.put(self.workspace + 2 + n, self.take(self.more_workspace + 2 + n))
        self.do(f"ret i32 {status}")
        self.label(go_on)

    def ask(self) -> None:
        """The sizes of all outputs, and of the workspace."""
        for n in range(self.n_more):
            self.give(n, self.get(n) if n < self.more.n_input_slots else "0")
        self.call_more(self.names.query)

    def dims(self, output: int) -> list[str]:
        first = self.more.first(self.more.outputs, output)
        return [self.take(first + 1 + axis) for axis in range(self.more.outputs[output].rank)]

    def nbytes(self, output: int) -> str:
        """What a printed value takes of the workspace."""
        count = str(scalar_of(self.more.outputs[output]).nbytes)
        for dim in self.dims(output):
            count = self.emit(f"mul i64 {count}, {dim}")
        return self.rounded(count)

    def own_sizes(self) -> None:
        """Tell the caller the sizes of its outputs."""
        for param, mine, theirs in self.more.pairs():
            for axis in range(param.rank):
                self.put(mine + 1 + axis, self.take(theirs + 1 + axis))

    def finished(self, name: str) -> str:
        body = "\n".join([*self.allocas, *self.lines])
        return f"define i32 @{name}(ptr %slots.0) nounwind {{\nentry.0:\n{body}\n}}\n"


class _Query(_Packed):
    """Writes NAME__query."""

    def text(self, target: Target) -> str:
        access, order = _access(target, "acquire")
        how = self.emit(f"load {access} ptr, ptr {_who(self.entry)}{order}, align 8", "how")
        self.quietly(self.emit(f"icmp eq ptr {how}, null"), self.names.query,
                     lambda: self.put(self.workspace + 2, "0"))
        self.ask()
        self.own_sizes()
        need = self.rounded(self.take(self.more_workspace + 1))
        self.put(self.workspace + 1, self.total([need, *map(self.nbytes, self.more.printed)]))
        self.put(self.workspace + 2, self.emit(f"ptrtoint ptr {how} to i64"))
        self.do("ret i32 0")
        return self.finished(self.names.query)


class _Run(_Packed):
    """Writes NAME__run."""

    def text(self) -> str:
        asked = self.get(self.workspace + 2)
        self.quietly(self.emit(f"icmp eq i64 {asked}, 0"), self.names.run)
        self.how = self.emit(f"inttoptr i64 {asked} to ptr", "how")
        self.ask()
        self._place()
        self.call_more(self.names.run)
        self.own_sizes()
        self._print()
        self.do("ret i32 0")
        return self.finished(self.names.run) + "\n".join(self.constants.values())

    def _place(self) -> None:
        """Give the code the caller's outputs, and the rest of the workspace for what is printed."""
        base = self.emit(f"load ptr, ptr {self.slot(self.workspace)}, align 8", "base")
        used = self.rounded(self.take(self.more_workspace + 1))
        self.give(self.more_workspace, base, "ptr")
        for param, mine, theirs in self.more.pairs():
            for n in range(param.n_slots):
                self.give(theirs + n, self.get(mine + n))
        for output in self.more.printed:
            self.give(self.more.first(self.more.outputs, output),
                      self.emit(f"getelementptr i8, ptr {base}, i64 {used}", "rows"), "ptr")
            used = self.add(used, self.nbytes(output))

    # ---- after the run ----

    def _print(self) -> None:
        self.constants: dict[object, str] = {}
        depth = max(len(scans) for _, scans in values_of(self.more.prints))
        self.allocas += [f"  %steps.0 = alloca [{max(depth, 1)} x i64], align 8",
                         f"  %value.0 = alloca {_STRUCT}, align 8"]
        self.print_at = self.emit(f"load ptr, ptr {self.how}", "print")
        user = self.emit(f"getelementptr {{ ptr, ptr }}, ptr {self.how}, i32 0, i32 1")
        self.user = self.emit(f"load ptr, ptr {user}", "user")
        self._all(self.more.prints, ())

    def _all(self, prints: Sequence[Prints], scans: tuple[str, ...]) -> None:
        for one in prints:
            if isinstance(one, Printed):
                self._one(one, scans)
                continue
            n_steps = self.dims(one.first.output)[len(scans)]
            step = self.emit(f"getelementptr i64, ptr %steps.0, i64 {len(scans)}", "step")
            head, body, end = (self.fresh(word) for word in ("head", "body", "end"))
            self.do(f"store i64 0, ptr {step}")
            self.do(f"br label %{head}")
            self.label(head)
            more = self.emit(f"icmp slt i64 {self.emit(f'load i64, ptr {step}')}, {n_steps}")
            self.do(f"br i1 {more}, label %{body}, label %{end}")
            self.label(body)
            self._all(one.inside, (*scans, one.scan))
            self.do(f"store i64 {self.add(self.emit(f'load i64, ptr {step}'), '1')}, ptr {step}")
            self.do(f"br label %{head}")
            self.label(end)

    def _one(self, value: Printed, scans: tuple[str, ...]) -> None:
        """Call the caller's function with the value of the steps that the loops are at."""
        param, depth = self.more.outputs[value.output], len(scans)
        first = self.more.first(self.more.outputs, value.output)
        values = (f"ptr {self._text(value.text)}", f"ptr {self._text(value.name)}",
                  f"ptr {self._text(' '.join(value.attributes))}", f"ptr {self._text(param.dtype)}",
                  f"i64 {param.rank - depth}", f"ptr {self.more_slot(first + 1 + depth)}",
                  f"ptr {self._data(value.output, depth)}", f"i64 {depth}", "ptr %steps.0",
                  f"ptr {self._texts(scans)}")
        for n, member in enumerate(values):
            self.do(f"store {member}, ptr {self.emit(f'getelementptr {_STRUCT}, ptr %value.0, i32 0, i32 {n}')}")
        self.do(f"call void {self.print_at}(ptr {self.user}, ptr %value.0)")

    def _data(self, output: int, depth: int) -> str:
        """Where the value of these steps lies."""
        dims, place = self.dims(output), "0"
        for axis, dim in enumerate(dims):
            place = self.emit(f"mul i64 {place}, {dim}")
            if axis < depth:
                step = self.emit(f"getelementptr i64, ptr %steps.0, i64 {axis}")
                place = self.add(place, self.emit(f"load i64, ptr {step}"))
        rows = self.emit(f"load ptr, ptr {self.more_slot(self.more.first(self.more.outputs, output))}, align 8")
        offset = self.emit(f"mul i64 {place}, {scalar_of(self.more.outputs[output]).nbytes}")
        return self.emit(f"getelementptr i8, ptr {rows}, i64 {offset}", "data")

    def _text(self, text: str) -> str:
        """A text for C."""
        data = text.encode() + b"\0"
        escaped = "".join(f"\\{byte:02X}" for byte in data)
        return self._constant(text, f'[{len(data)} x i8] c"{escaped}", align 1')

    def _texts(self, texts: tuple[str, ...]) -> str:
        listed = ", ".join(f"ptr {self._text(text)}" for text in texts)
        return self._constant(texts, f"[{len(texts)} x ptr] [{listed}], align 8") if texts else "null"

    def _constant(self, key: object, value: str) -> str:
        """A constant of the module, said once."""
        name = f"@{self.entry.name}__print_{len(self.constants)}"
        said = self.constants.setdefault(key, f"{name} = private unnamed_addr constant {value}")
        return said.partition(" ")[0]
