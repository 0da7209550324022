"""What an import brings along, and what is no file or function here; the import rule itself is import-linter's."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scancc as sc

ROOT = Path(__file__).parents[1]


def loaded_after(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import scancc", "import scancc, scancc.tensor", "import scancc.runtime"])
def test_import_is_light(statement: str) -> None:
    """No LLVM, no command line, no GPU code and no driver before something is compiled or asked for."""
    heavy = ("llvmlite", "click", "scancc.cli", "scancc.codegen.exports.export", "scancc.codegen.nvptx", "cuda",
             "scancc.runtime.cuda", "scancc.ir.interpreter", "scancc.ir.parser", "multiprocessing")
    loaded = loaded_after(statement)
    assert not [m for m in loaded if m in heavy or m.startswith(tuple(f"{h}." for h in heavy))]


def test_help_of_the_command_loads_no_compiler() -> None:
    loaded = loaded_after("from scancc.cli import main; main(['--help'], standalone_mode=False)")
    assert "scancc.cli" in loaded and not {"numpy", "scancc.compile", "scancc.cli.run"} & loaded


def test_names_that_load_later_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(sc.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.asname or alias.name for node in imports for alias in node.names}
    assert seen == set(sc._LATER) == set(sc.__all__) - {"change_flags", "config"}


def test_runtime_works_where_the_compiler_cannot_be_imported() -> None:
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in ("llvmlite", "click"))
    assert "scancc.runtime.library" in loaded_after(f"{blocked}import scancc.runtime; scancc.runtime.load")


@pytest.mark.parametrize("folder", ["scancc", "passes", "runtime"])
def test_no_pickle_and_no_catch_all_files(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert path.stem not in ("utils", "helpers", "common", "misc"), path
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "marshal", "shelve", "dill"} & set(names), path


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Every function of the compiler and how many lines it has, the examples of its docstring aside."""
    for folder in ("scancc", "passes", "runtime"):  # the links in scancc/ are not followed
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert node.end_lineno is not None
                    n_examples = (ast.get_docstring(node) or "").partition(">>>")[2].count("\n")
                    yield path, node, node.end_lineno - node.lineno + 1 - n_examples


def test_functions_are_short() -> None:
    """50 lines of code at most but for tables, of few statements, and 8 on average; the linter counts branches."""
    lengths = []
    for path, node, n_lines in functions():
        is_table = sum(isinstance(inner, ast.stmt) for inner in ast.walk(node)) < n_lines / 10
        n_code = n_lines - (ast.get_docstring(node) or "").partition(">>>")[0].count("\n")
        assert n_code <= 50 or is_table, f"{path}:{node.lineno}: {node.name} has {n_lines} lines; cut it into parts"
        lengths.append(n_lines)
    mean = sum(lengths) / len(lengths)
    assert mean <= 8, f"functions have {mean:.2f} lines on average; find those that grew and cut them into parts"


def test_any_stands_for_no_builder_and_no_value() -> None:
    """A file outside ir/ that imports `Builder` or `Value` names no `Any`: the types of the IR say what is meant."""
    for folder in ("scancc", "passes", "runtime"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            makes_ir = "/ir/" not in path.as_posix() and re.search(r"import [^\n]*\b(Builder|Value)\b", text)
            named = re.search(r"\bAny\b" if makes_ir else r"\((b|builder): Any\b", text)
            assert named is None, f"{path} names Any; say Builder, Value, Attributes, object or the like"


def counts_parts(node: ast.AST) -> bool:
    """Whether an op's operands are taken by the number of their group, or as a stretch by counting, or the sizes of
    groups are touched. Of a match of a pattern, write m[1]."""
    if isinstance(node, ast.Constant):
        return node.value == "operandSegmentSizes"
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Slice) and bool(
            re.search(r"\.(operands|results)$|(body|block)\.args$", ast.unparse(node.value)))
    return (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "group"
            and bool(node.args))


def test_parts_of_ops_are_read_by_name_outside_the_ir() -> None:
    """By `group`, `operand` and the views of ir/parts.py and ir/slices.py."""
    files = [path for folder in ("scancc", "passes") for path in (ROOT / folder).rglob("*.py")
             if ROOT / "scancc" / "ir" not in path.parents]
    found = [f"{path.relative_to(ROOT)}: {ast.unparse(node)}" for path in files
             for node in ast.walk(ast.parse(path.read_text())) if counts_parts(node)]
    assert not found, "\n".join(found)
