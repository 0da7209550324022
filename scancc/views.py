"""How IR is shown, and what passes change in it: as text, as the steps of a history, and as numbered files."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import TextIO, overload

from scancc.ir.core import Op, functions
from scancc.ir.printer import print_op
from scancc.ir.reading.changes import changes
from scancc.ir.reading.margin import with_margin
from scancc.ir.reading.names import Names
from scancc.ir.reading.printer import Line, read
from scancc.ir.remarks import Remark
from scancc.late_dataclasses import dataclass
from scancc.pipeline import PassRun, Step


@dataclass(frozen=True)
class View:
    """How IR is shown: in the form for people or the generic one that tools read.

    `query`: with the functions that compute sizes. `full`: all of the IR after each pass, not what changed.
    `function`, `op`: the function and the ops of that name alone.
    """

    form: str = "reading"
    locations: bool = False
    query: bool = False
    full: bool = False
    function: str = ""
    op: str = ""
    names: Names = field(default_factory=Names)  # kept from one text to the next

    def read(self, module: Op) -> list[Line]:
        """The lines, in the reading form with their places in the user's files."""
        parts = [f for f in functions(module) if f.attrs["sym_name"] == self.function] if self.function else [module]
        return [line for part in parts for line in self._read(part) if line.picked or not self.op]

    def _read(self, part: Op) -> list[Line]:
        if self.form == "generic":
            return list(_picked(print_op(part, self.locations).splitlines(), self.op))
        return read(part, self.names, self.query, self.op)

    def shown(self, lines: Sequence[Line]) -> list[str]:
        """Lines that `read` gave as text, with a margin where `locations` asks for one."""
        if self.locations and self.form != "generic":
            return with_margin(lines)
        return [line.text for line in lines]

    def lines(self, module: Op) -> list[str]:
        return self.shown(self.read(module))

    def text(self, module: Op) -> str:
        return _joined(self.lines(module))


def _picked(lines: Sequence[str], name: str) -> Iterator[Line]:
    """Lines of the generic form; marked from one that begins an op of that name to the one that ends it."""
    end = ""  # of an op that is open, the indentation and what its last line begins with
    first = re.compile(rf'\s*(%\S+( *, *%\S+)* = )?"{re.escape(name)}"\(')
    for line in lines:
        begins = not end and bool(name) and first.match(line) is not None
        yield Line(line, picked=begins or bool(end))
        if begins and line.endswith("({"):
            end = f"{line[:len(line) - len(line.lstrip())]}}})"
        elif end and line.startswith(end):
            end = ""


class PassDump:
    """An `on_pass` that writes what each pass did, or with `only_changed` each that changed something."""

    def __init__(self, stream: TextIO, view: View, before: Op, only_changed: bool = False) -> None:
        self.stream, self.view, self.only_changed = stream, view, only_changed
        self.lines = view.lines(before)

    def __call__(self, done: PassRun, module: Op) -> None:
        before, self.lines = self.lines, self.view.lines(module)
        if not done.changed and self.only_changed:
            return
        news = self._news(before) if done.changed else []
        if self.only_changed and before == self.lines and (self.view.op or self.view.function):
            return  # it changed something else
        state = "" if news else " (no change to what is read)" if done.changed else " (no change)"
        self._write(f"after {done.step}{state}", news)

    def start(self) -> None:
        """Write the module before any pass."""
        self._write("as lowered", self.lines)

    def _news(self, before: list[str]) -> list[str]:
        whole = self.view.full or self.view.form == "generic"
        return self.lines if whole else changes(before, self.lines)

    def _write(self, title: str, lines: list[str]) -> None:
        self.stream.write(_joined([f"// ---- {title} ----", *lines, ""]))


# ---- histories ----


@dataclass(frozen=True)
class PassText:
    """One pass of a history: its place in the pipeline, from 1, how long it took, what it said, and the IR before and
    after it in lines. `changed`: whether it changed the IR, be it only what the lines do not show."""

    number: int
    step: Step
    time_s: float
    changed: bool
    remarks: tuple[Remark, ...]
    before: tuple[Line, ...]
    after: tuple[Line, ...]

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def text(self) -> str:
        """The IR after the pass."""
        return _joined([line.text for line in self.after])

    @property
    def diff(self) -> str:
        """The lines that go and come, with those around them; nothing where none does."""
        old, new = ([line.text for line in lines] for lines in (self.before, self.after))
        return "" if old == new else _joined(changes(old, new))

    @property
    def n_lines(self) -> tuple[int, int]:
        """How many lines go, and how many come."""
        old, new = (Counter(line.text for line in lines) for lines in (self.before, self.after))
        return (old - new).total(), (new - old).total()

    def __str__(self) -> str:
        gone, come = self.n_lines
        lines = f"-{gone} +{come} lines" if gone or come else "marks only" if self.changed else ""
        return f"{self.number:3}  {self.name:24} {1e3 * self.time_s:9.3f} ms  {lines}".rstrip()


class History(Sequence[PassText]):
    """What each pass of a pipeline did to a program, in order; prints as a table."""

    def __init__(self, lowered: Sequence[Line], passes: Sequence[PassText] = ()) -> None:
        self.lowered, self._passes = tuple(lowered), list(passes)

    @overload
    def __getitem__(self, index: int) -> PassText: ...

    @overload
    def __getitem__(self, index: slice) -> History: ...

    def __getitem__(self, index: int | slice) -> PassText | History:
        if isinstance(index, slice):
            return History(self.lowered, self._passes[index])
        return self._passes[index]

    def __len__(self) -> int:
        return len(self._passes)

    def named(self, name: str) -> list[PassText]:
        """The runs of a pass, which may stand in the pipeline more than once; ValueError where it does not."""
        found = [done for done in self if done.name == name]
        if not found:
            known = sorted({done.name for done in self})
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean '{near[0]}'?)" if near else ""
            raise ValueError(f"no pass '{name}' ran{meant}; the passes are {', '.join(known)}")
        return found

    def diff(self, name: str) -> str:
        """What a pass changed, each time that it ran and changed something."""
        return "\n".join(f"// ---- {done.number}: {done.step} ----\n{done.diff}"
                         for done in self.named(name) if done.diff)

    def write(self, folder: Path) -> None:
        """The IR as lowered and after each pass that changed it, and these changes, as numbered files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "00-lowered.ir").write_text(_joined([line.text for line in self.lowered]), "utf-8")
        for done in self:
            if done.diff:
                stem = f"{done.number:02}-{done.name}"
                (folder / f"{stem}.ir").write_text(done.text, "utf-8")
                (folder / f"{stem}.diff").write_text(done.diff, "utf-8")

    def __str__(self) -> str:
        return _joined([str(done) for done in self])


class Recorder:
    """An `on_pass` that keeps a history."""

    def __init__(self, view: View, before: Op) -> None:
        self.view, self._lines = view, tuple(view.read(before))
        self.history = History(self._lines)

    def __call__(self, done: PassRun, module: Op) -> None:
        before = self._lines
        if done.changed:
            self._lines = tuple(self.view.read(module))
        self.history._passes.append(PassText(
            len(self.history) + 1, done.step, done.time_s, bool(done.changed), tuple(done.remarks), before,
            self._lines))


class Files:
    """A folder for one compilation's numbered files inside `folder`: the function's name, with a number where the
    process has compiled others of that name. What an earlier process left there goes."""

    _names: Counter[tuple[str, str]] = Counter()

    def __init__(self, folder: str, name: str) -> None:
        self._names[folder, name] += 1
        count = self._names[folder, name]
        self.path = Path(folder) / (name if count == 1 else f"{name}-{count}")
        for old in self._old():
            old.unlink()

    def _old(self) -> Iterator[Path]:
        there = list(self.path.iterdir()) if self.path.is_dir() else []
        return (path for path in there if re.fullmatch(r"\d\d+-[\w-]+\.(ir|diff|ll)", path.name))

    def write(self, history: History, llvm_text: str) -> None:
        history.write(self.path)
        (self.path / f"{len(history) + 1:02}-llvm.ll").write_text(llvm_text, "utf-8")


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
