"""Colours for IR and differences of it on a terminal."""

from __future__ import annotations

import os
import re
import sys

import click

_KEYWORDS = ("func return yield rows until scan each over carry ys for in by while go on do if else check with into "
             "at splat empty alloc alloca view of copy to output is launch not and or xor as depth last").split()
_TOKENS = re.compile("|".join([
    r"(?P<comment>//.*)", r'(?P<string>"(?:[^"\\]|\\.)*")', r"(?P<name>%\w+)",
    rf"(?P<word>(?<![\w.%])(?:{'|'.join(_KEYWORDS)})(?!\w))"]))
_STYLES = {"comment": {"dim": True}, "string": {"fg": "green"}, "name": {"fg": "cyan"}, "word": {"bold": True}}
_CHANGES = {"+": {"fg": "green"}, "-": {"fg": "red"}, "@": {"dim": True}}


def wanted() -> bool:
    """Whether the standard output is a terminal, on which nobody asked for none (NO_COLOR)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def show(text: str) -> None:
    """Print IR, on a terminal in colours."""
    click.echo(coloured(text) if wanted() else text, nl=False)


def coloured(text: str) -> str:
    """A dump with names, words and texts in colours; lines of a difference in one each."""
    return "".join(map(_line, text.splitlines(keepends=True)))


def _line(line: str) -> str:
    change = _CHANGES.get(line[:1])
    if change is not None:
        return click.style(line.rstrip("\n"), **change) + "\n"  # type: ignore[arg-type]
    return _TOKENS.sub(lambda m: click.style(m.group(), **_STYLES[m.lastgroup or ""]), line)  # type: ignore[arg-type]
