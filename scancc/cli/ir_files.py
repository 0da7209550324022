"""IR text that commands read."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from scancc.ir.core import Op
from scancc.ir.parser import BrokenRules, read_module

_READING = re.compile(r"(?:[^|\n]*\| |//.*\n|\s)*func \w")  # after a margin, or titles


def read_ir(file: str, rules: BrokenRules | None = None) -> Op:
    """The module in a file, or in what comes in (`-`), which keeps the verifier's rules and those given."""
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    source = "<stdin>" if file == "-" else file
    if _READING.match(data.decode(errors="replace")):
        raise click.ClickException(f"{source} is IR for people, which is not read back; "
                                   "write it with `scancc dump --form generic`")
    return read_module(data, source, rules)
