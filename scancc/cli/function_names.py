"""How a shell completes FILE.py:NAME: what a user's files bind, read without running them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

# Attributes of a function, and of scancc, that give a function.
_MAKERS = {"function", "copy", "in_mode", "vmap"}
# What is bound in these is not bound in the module.
_OWN_NAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IR_FUNCTION = re.compile(r'sym_name = "([^"]+)"|^func(?:\.func)? @?([\w.$-]+)', re.M)


def functions_in(*suffixes: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """What completes an argument FILE.py:NAME; `suffixes` are of other kinds of files that it may name."""
    kinds = (".py", *suffixes)

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        path, colon, beginning = incomplete.rpartition(":")
        if colon and Path(path).suffix in kinds:
            names = _names(Path(path).expanduser()) or _called_for(Path(path).expanduser())
            return [CompletionItem(f"{path}:{name}") for name in names if name.startswith(beginning)]
        return [CompletionItem(incomplete, type="dir"), *map(CompletionItem, _in_folder(incomplete, kinds))]

    return complete


def _in_folder(incomplete: str, kinds: Sequence[str]) -> Iterator[str]:
    """The functions of each file that begins so, and files whose functions need not be named."""
    folder, slash, beginning = incomplete.rpartition("/")
    for file in sorted(Path(folder + slash).expanduser().glob("*")):
        if file.name.startswith(beginning) and file.suffix in kinds and file.is_file():
            path = f"{folder}{slash}{file.name}"
            yield from (f"{path}:{name}" for name in _names(file))
            yield from [] if file.suffix == ".py" else [path]


def _names(file: Path) -> list[str]:
    """What a file surely has: names bound to a call of `function`, or the functions of IR text."""
    if file.suffix == ".mlir":
        found = (a or b for a, b in _IR_FUNCTION.findall(_text(file)))
        return [name for name in found if not name.endswith("__query")]
    return [name for name, called in _calls(file) if called in _MAKERS]


def _called_for(file: Path) -> list[str]:
    """What a file may have: names bound to any call, such as one of a function that the user wrote."""
    return [name for name, _ in _calls(file)]


def _calls(file: Path) -> list[tuple[str, str]]:
    """Names that a file of Python binds to calls, and the last name of what is called."""
    try:
        body = ast.parse(_text(file)).body if file.suffix == ".py" else []
    except (ValueError, SyntaxError):
        return []
    pairs = (pair for target, value in _bindings(body) for pair in _pairs(target, value))
    return list({name: called for name, value in pairs if (called := _called(value))}.items())


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _bindings(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The assignments of a module, those under `if`, `for`, `with` and `try` too."""
    for statement in body:
        if isinstance(statement, ast.Assign):
            yield from ((target, statement.value) for target in statement.targets)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            yield statement.target, statement.value
        elif not isinstance(statement, _OWN_NAMES) and not _of_script(statement):
            for block in ("body", "orelse", "finalbody"):
                yield from _bindings(getattr(statement, block, []))


def _of_script(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__"`, which commands do not run."""
    return isinstance(statement, ast.If) and "__main__" in ast.unparse(statement.test)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, its)


def _called(value: ast.expr) -> str:
    """The last name of what is called; '' for what is no call."""
    if not isinstance(value, ast.Call):
        return ""
    function = value.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
