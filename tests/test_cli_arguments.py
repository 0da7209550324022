"""What a command compiles, and what it says of its arguments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from scancc import stages
from scancc.config import change_flags
from tests.test_cli import POWER, _error, output

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def test_a_file_is_compiled_as_far_as_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every function of the file was compiled for Python, and the one that was named for C as well."""
    path = tmp_path / "two.py"
    path.write_text("import scancc as sc, scancc.tensor as T\nx = T.vector('x')\n"
                    "f = sc.function([x], x * 2)\ng = sc.function([x], x * 3, name='g')\nassert g([1.0])[0] == 3.0\n")
    made: list[tuple[str | None, bool]] = []
    compiled = stages._compiled
    monkeypatch.setattr(stages, "_compiled", lambda program, module, target, export, *rest: (
        made.append((program.name, export)), compiled(program, module, target, export, *rest))[1])
    with change_flags(cache=False):
        output("build", f"{path}:f", "--emit", "o", "-o", str(tmp_path))
        assert made == [("g", False), ("f", True)]
        assert output("run", f"{path}:f", "[4.0]") == "[8.]\n"


def test_a_wrong_argument_is_no_line_of_a_library() -> None:
    said = _error("run", POWER, "[1, 2]", "2.5")
    assert said.startswith("Error: argument 1 `k`: a float could lose precision as int32.")


def test_bench_makes_inputs_of_lengths(tmp_path: Path) -> None:
    """The call in C is timed, of a file's function and of every kind of artefact."""
    np.save(tmp_path / "A.npy", np.ones(50))
    output("build", POWER, "--emit", "o,a,so,json" if CC else "o,a,json", "-o", str(tmp_path))
    for what in (POWER, *(str(tmp_path / f"power.{kind}") for kind in ("o", "a", "json", *(["so"] if CC else [])))):
        for arguments in (("--dims", "A_n0=5e1,k=3"), ("--dims", "n=50,k=3"), (str(tmp_path / "A.npy"), "3"),
                          (f"A={tmp_path / 'A.npy'}", "k=3")):
            found = json.loads(output("bench", what, *arguments, "-n", "2", "--json", "--no-reference"))
            assert found["function"] == "power" and found["shapes"] == [[50], []]
            times = found["seconds"]["native"]
            assert 0 < times["min"] <= times["median"] <= times["max"] and times["blocks"] == 2
            assert set(times) >= {"mean", "stdev", "calls_per_block"}


@pytest.mark.parametrize(
    ("arguments", "say"),
    [((POWER,), "nothing says how long A_n0 is; give --dims A_n0=1000"),
     ((POWER, "--dims", "n=4,m=4"), "names m, which is no length and no number of power; there are A_n0, k"),
     ((POWER, "--dims", "n=1e30"), "no room here for A of shape"),
     ((POWER, "--dims", "n=3,k=1e12"), "k=1000000000000, which int32 has no place for"),
     ((POWER, "--dims", "n=2.5"), "has 'n=2.5'"), ((POWER, "--dims", "n"), "has 'n'; write NAME=N"),
     ((POWER, "[1.0]"), "the input k is not given"),
     ((POWER, "[1.0]", "2.5"), "the input k takes int32 of rank 0; given float64"),
     ((POWER, "[1.0]", "-2"), "n_steps is -2"), ((POWER, "[1.0]", "2", "3"), "takes 2 inputs; given 3"),
     ((POWER, "[1.0]", "x=2"), "has no input x")],
)
def test_bench_names_what_is_wrong(arguments: tuple[str, ...], say: str) -> None:
    assert say in _error("bench", *arguments)
