"""Prints IR in MLIR's generic form, which mlir-opt and xDSL read.

Value names are the user's where they have one, made unique by a suffix; the rest are numbered.
Locations are aliases before the module (`#loc1 = loc("file":3:1)`). `print(parse(text)) == text`
holds for text that this printer wrote.
"""

from __future__ import annotations

import re
from typing import Any

from . import types as t
from .core import Block, Location, Op, Region, Value

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\udc80-\udcff]")  # also bytes that are no UTF-8
_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


def print_op(op: Op, locations: bool = True, notes: dict[Op, str] | None = None) -> str:
    """The text of `op` (a module, a function, anything), ending in a newline.

    `notes` are printed as comments under their ops: this is how the verifier shows an error.
    """
    return _Printer(locations, notes or {}).run(op)


def attribute_text(value: Any) -> str:
    """MLIR's text of one attribute."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + _escape(value) + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(attribute_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + _dict_text(value) + "}"
    return str(value)


def _escape(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return _CONTROL.sub(lambda m: f"\\{ord(m.group()) & 0xFF:02X}", text)


def _dict_text(attrs: dict[str, Any]) -> str:
    return ", ".join(_entry(key, value) for key, value in attrs.items())


def _entry(key: str, value: Any) -> str:
    key = key if _PLAIN_NAME.match(key) else f'"{_escape(key)}"'
    return key if value is None else f"{key} = {attribute_text(value)}"


class _Printer:
    def __init__(self, locations: bool, notes: dict[Op, str]) -> None:
        self.locations = locations
        self.notes = notes
        self.lines: list[str] = []
        self.names: dict[Value, str] = {}
        self.taken: dict[str, None] = {}  # in the order in which they were defined
        self.counter = 0
        self.aliases: dict[Location, str] = {}

    def run(self, op: Op) -> str:
        self.op(op, "")
        header = [f'#{alias} = loc("{_escape(file)}":{line}:{column})'
                  for (file, line, column), alias in self.aliases.items()]
        return "\n".join(header + self.lines) + "\n"

    def op(self, op: Op, indent: str) -> None:
        results = ", ".join(self.define(v) for v in op.results)
        operands = ", ".join(self.name(v) for v in op.operands)
        head = f"{indent}{results + ' = ' if results else ''}\"{op.name}\"({operands})"
        if op.regions:
            self.lines.append(head + " ({")
            for i, region in enumerate(op.regions):
                if i:
                    self.lines.append(f"{indent}}}, {{")
                self.region(region, indent + "  ")
            head = f"{indent}}})"
        attrs = f" {{{_dict_text(op.attrs)}}}" if op.attrs else ""
        types = t.FunctionType(tuple(v.type for v in op.operands), tuple(v.type for v in op.results))
        self.lines.append(f"{head}{attrs} : {types}{self.location(op)}")
        if op in self.notes:
            self.lines.append(f"{indent}// ^ {self.notes[op]}")

    def region(self, region: Region, indent: str) -> None:
        for i, block in enumerate(region.blocks):
            self.block(block, i, indent)

    def block(self, block: Block, number: int, indent: str) -> None:
        outer, n_taken = self.counter, len(self.taken)
        if block.args or number:
            args = ", ".join(f"{self.define(a)}: {a.type}" for a in block.args)
            self.lines.append(f"{indent[:-2]}^bb{number}({args}):")
        for op in block.ops:
            self.op(op, indent)
        self.counter = outer
        while len(self.taken) > n_taken:  # names end with their region
            self.taken.popitem()

    def location(self, op: Op) -> str:
        if not self.locations or op.location is None:
            return ""
        alias = self.aliases.setdefault(op.location, f"loc{len(self.aliases) + 1}")
        return f" loc(#{alias})"

    def define(self, value: Value) -> str:
        name = _UNSAFE.sub("_", value.name).strip("_") if value.name else ""
        if not name or name[0].isdigit():
            name = f"_{name}" if name else str(self.counter)
            self.counter += name.isdigit()
        unique, suffix = name, 0
        while unique in self.taken:
            suffix += 1
            unique = f"{name}_{suffix}"
        self.taken[unique] = None
        self.names[value] = f"%{unique}"
        return self.names[value]

    def name(self, value: Value) -> str:
        return self.names.get(value) or "%<undefined>"
