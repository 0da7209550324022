"""What a command compiles, and what it says of its arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from scancc import stages
from scancc.config import change_flags
from tests.test_cli import POWER, _error, output


def test_a_file_is_compiled_as_far_as_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every function of the file was compiled for Python, and the one that was named for C as well."""
    path = tmp_path / "two.py"
    path.write_text("import scancc as sc, scancc.tensor as T\nx = T.vector('x')\n"
                    "f = sc.function([x], x * 2)\ng = sc.function([x], x * 3, name='g')\nassert g([1.0])[0] == 3.0\n")
    made: list[tuple[str | None, bool]] = []
    compiled = stages._compiled
    monkeypatch.setattr(stages, "_compiled", lambda program, module, target, export: (
        made.append((program.name, export)), compiled(program, module, target, export))[1])
    with change_flags(cache=False):
        output("build", f"{path}:f", "--emit", "o", "-o", str(tmp_path))
        assert made == [("g", False), ("f", True)]
        assert output("run", f"{path}:f", "[4.0]") == "[8.]\n"


def test_a_wrong_argument_is_no_line_of_a_library() -> None:
    said = _error("run", POWER, "[1, 2]", "2.5")
    assert said.startswith("Error: argument 1 `k`: a float could lose precision as int32.")
