"""The functions of a user's file, for the commands: `FILE.py:NAME`."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scancc.compile import Function, compiling_later


def load_function(spec: str) -> Any:
    """The function NAME of FILE.py, for 'FILE.py:NAME', compiled when it is called or exported, and no other one."""
    path, colon, name = spec.rpartition(":")
    if not colon or not path:
        raise click.UsageError(f"'{spec}' does not name a function; write FILE.py:NAME")
    module = _load_module(path)
    found = getattr(module, name, None)
    if not isinstance(found, Function):
        functions = sorted(n for n, v in vars(module).items() if isinstance(v, Function))
        there = f"it has {', '.join(functions)}" if functions else "it makes no function with sc.function(...)"
        what = f"is a {type(found).__name__}, not a compiled function" if hasattr(module, name) else "is not there"
        raise click.ClickException(f"'{name}' of {path} {what}; {there}")
    if found.name is not None:
        return found
    with compiling_later():
        return found.copy(name=name)


def _load_module(path: str) -> Any:
    file = Path(path)
    module_spec = importlib.util.spec_from_file_location(file.stem, file)
    if not file.is_file() or module_spec is None or module_spec.loader is None:
        raise click.ClickException(f"there is no Python file '{path}'; write FILE.py:NAME")
    module = importlib.util.module_from_spec(module_spec)
    sys.path.insert(0, str(file.parent))
    try:
        with _errors_of(path), compiling_later():
            module_spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
    return module


@contextmanager
def _errors_of(path: str) -> Iterator[None]:
    """Errors of a user's file, with the line of that file where they came up."""
    try:
        yield
    except SyntaxError as error:
        raise click.ClickException(f"{error.filename}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == os.path.abspath(path)]
        where = f"{path}:{own[-1].lineno}" if own else path
        raise click.ClickException(f"{where}: {type(error).__name__}: {error}") from error
