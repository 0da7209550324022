"""No file imports what rests on it: at its top, in a function, or by a name that `import_module` takes.

Imports for the type checker alone are aside, and so is a package's own `__init__`, which loads before its files.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def files() -> dict[str, Path]:
    """By module name, the house's files; `scancc/passes` and `scancc/runtime` are links, and not followed."""
    found = {}
    for folder, prefix in (("scancc", "scancc"), ("passes", "scancc.passes"), ("runtime", "scancc.runtime")):
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join((prefix, *parts)).removesuffix(".__init__")] = path
    return found


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from nodes(node)


def imported(source: str, package: str, modules: Mapping[str, object]) -> set[str]:
    """The modules that a file of `package` asks for. A name that is filled in may be any that fits."""
    found: set[str] = set()
    tree = ast.parse(source)
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: -node.level + 1 or None]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            found |= {full if (full := f"{module}.{alias.name}") in modules else module for alias in node.names}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            found |= {name for name in modules for text in node.args
                      if isinstance(text, ast.JoinedStr) and re.fullmatch(pattern(text, package), name)}
        elif "import_module" in source and isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.partition(":")[0])
    return found & modules.keys()


def pattern(text: ast.JoinedStr, package: str) -> str:
    """The names that an f-string may be."""
    def known(part: ast.expr) -> str:
        if isinstance(part, ast.Constant):
            return re.escape(part.value)
        return re.escape(package) if "__package__" in ast.unparse(part) else r"\w+"

    return "".join(map(known, text.values))


def circle(sources: Mapping[str, tuple[str, str]]) -> list[str]:
    """A circle of modules, by each one's source and package, or nothing."""
    graph = {name: imported(source, package, sources) - {name} for name, (source, package) in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_circle_of_files() -> None:
    sources = {name: (path.read_text(), name if path.stem == "__init__" else name.rpartition(".")[0])
               for name, path in files().items()}
    found = circle(sources)
    assert not found, f"each imports the next: {' <- '.join(found)}; move what two of them need below both"


@pytest.mark.parametrize("upper", [
    "from scancc.a import f", "from .a import f", "from . import a", "import scancc.a",
    "def g():\n    from . import a", "import_module('scancc.a')",
    "_LATER = {'f': 'scancc.a:f'}\nimport_module(_LATER['f'])",
    "import_module(f'scancc.{name}')", "import_module(f'{__package__}.{name}')",
])  # fmt: skip
def test_a_circle_is_found_however_it_is_written(upper: str) -> None:
    assert sorted(set(circle({"scancc.a": ("from scancc import b", "scancc"), "scancc.b": (upper, "scancc")}))) == [
        "scancc.a", "scancc.b"]
    assert not circle({"scancc.a": ("", "scancc"), "scancc.b": (upper, "scancc")})


def test_an_import_for_the_type_checker_is_no_circle() -> None:
    upper = "if TYPE_CHECKING:\n    from scancc import a"
    assert not circle({"scancc.a": ("from scancc import b", "scancc"), "scancc.b": (upper, "scancc")})
