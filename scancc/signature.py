"""What native code takes and gives: names, dtypes and shapes, told by the program alone."""

from __future__ import annotations

import re
from typing import Any

from scancc.artifact import Param
from scancc.codegen.c_names import c_identifier
from scancc.frontend.program.program import Program

LONGEST_NAME = 200  # of a parameter or function; LLVM cuts names at 1024 characters, which may make two the same


def symbol_of(program: Program) -> str:
    """The program's name as a C identifier."""
    given = program.name or "function"
    name = re.sub(r"\W", "_", given, flags=re.ASCII)[:LONGEST_NAME]
    is_made = name != given and re.match("__|_[A-Z]", name)  # what compilers keep to themselves
    return f"f_{name}" if name[0].isdigit() or is_made else name


def signature(program: Program) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
    """Names, dtypes and shapes of what native code takes and gives."""
    taken: set[str] = set()
    inputs = [*(i.variable for i in program.inputs), *program.shared]
    return (tuple(_param(v, v.name or f"in{n}", taken) for n, v in enumerate(inputs)),
            tuple(_param(v, name, taken) for v, name in zip(program.results, program.result_names, strict=True)))


def _param(variable: Any, given: str, taken: set[str]) -> Param:
    return Param(unique_name(given, taken), variable.dtype, variable.type.shape)


def unique_name(given: str, taken: set[str]) -> str:
    """A name in C that is not among those `taken`, which it joins."""
    name = c_identifier(given[:LONGEST_NAME])
    while name in taken:
        name = f"{name}_"
    taken.add(name)
    return name
