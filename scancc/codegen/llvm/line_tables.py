"""LLVM IR whose instructions know the user's lines, so that assembly and debuggers do.

    %v7 = fmul double %v5, %v6                      %v7 = fmul double %v5, %v6, !dbg !12
                                                    !12 = !DILocation(line: 9, column: 1, scope: !3)

The instructions are the same ones; what several lines made, LLVM may put under the first of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from ...ir.core import Location, Op, functions
from .emitter import FunctionEmitter, ModuleText, Registers

_LABEL_OR_END = re.compile(r"^\S*:$|^\s*(\]|i\d+ -?\d+, label .*)$")
_HEAD = re.compile(r"^define .*\{$", re.MULTILINE)


def print_with_lines(module: Op, fma: bool, interruptible: bool, registers: Registers) -> str:
    """The text of `print_module`, with a line table."""
    table = LineTable()
    return table.printed(module, fma, interruptible, registers) + table.text()


class _LocatedEmitter(FunctionEmitter):
    """Prints a function whose instructions have places."""

    outlines = False  # a function of several nests would have the lines of the first

    def __init__(self, func: Op, out: ModuleText, table: LineTable) -> None:
        super().__init__(func, out)
        self.table = table
        self.scope = table.function(self.name, next((op.location for op in func.walk() if op.location), None))

    def run(self) -> str:
        return _HEAD.sub(lambda head: f"{head[0][:-1]}!dbg !{self.scope} {{", super().run(), count=1)

    def op(self, op: Op) -> None:
        first = len(self.lines)
        super().op(op)
        place = self.table.place(op.location, self.scope)
        self.lines[first:] = [self._placed(line, place) for line in self.lines[first:]]

    @staticmethod
    def _placed(line: str, place: int) -> str:
        """An instruction with its place, unless it has one."""
        known = "!dbg" in line or "\n" in line or line.endswith("[") or _LABEL_OR_END.match(line)
        return line if known else f"{line}, !dbg !{place}"


class LineTable:
    """The metadata of a module that one or more modules of ours are printed into. `named`: how it names files."""

    def __init__(self, named: Callable[[str], str] = str) -> None:
        self.named = named
        self.nodes: list[str] = ["!{i32 2, !\"Debug Info Version\", i32 3}"]
        self.files: dict[str, int] = {}
        self.places: dict[tuple[Location | None, int], int] = {}
        self.unit: int | None = None
        self.type = self._add(f"!DISubroutineType(types: !{self._add('!{}')})")

    def printed(self, module: Op, fma: bool, interruptible: bool, registers: Registers) -> str:
        """The text of `print_module`, whose places are in the table."""
        out = ModuleText(fma, interruptible, registers=registers)
        for func in functions(module):
            out.functions.append(_LocatedEmitter(func, out, self).run())
        return out.text()

    def _add(self, text: str) -> int:
        self.nodes.append(text)
        return len(self.nodes) - 1

    def file(self, path: str) -> int:
        if path not in self.files:
            folder, name = os.path.split(self.named(path) if path else "unknown")
            self.files[path] = self._add(f"!DIFile(filename: {_quoted(name)}, directory: {_quoted(folder)})")
        return self.files[path]

    def function(self, name: str, location: Location | None) -> int:
        """The number of a function's scope."""
        path, line, _ = location or ("", 0, 0)
        if self.unit is None:  # named after the first function's file
            self.unit = self._add(f'distinct !DICompileUnit(language: DW_LANG_C99, file: !{self.file(path)}, '
                                  'producer: "scancc", isOptimized: true, runtimeVersion: 0, '
                                  "emissionKind: LineTablesOnly)")
        return self._add(f"distinct !DISubprogram(name: {_quoted(name)}, scope: !{self.file(path)}, "
                         f"file: !{self.file(path)}, line: {line}, type: !{self.type}, unit: !{self.unit}, "
                         "spFlags: DISPFlagDefinition)")

    def place(self, location: Location | None, scope: int) -> int:
        """The number of a place in a function; what has none is at line 0."""
        key = location, scope
        if key not in self.places:
            path, line, column = location or ("", 0, 0)
            block = self._add(f"!DILexicalBlockFile(scope: !{scope}, file: !{self.file(path)}, discriminator: 0)")
            self.places[key] = self._add(f"!DILocation(line: {line}, column: {column}, scope: !{block})")
        return self.places[key]

    def text(self) -> str:
        nodes = "".join(f"!{n} = {text}\n" for n, text in enumerate(self.nodes))
        return f"!llvm.module.flags = !{{!0}}\n!llvm.dbg.cu = !{{!{self.unit}}}\n{nodes}"


def _quoted(text: str) -> str:
    return '"' + "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "".join(
        f"\\{byte:02X}" for byte in c.encode("utf-8", "surrogateescape")) for c in text) + '"'
