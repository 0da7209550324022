"""Compiled code is found by the graph, or by the IR as lowered: before any pass, and without LLVM."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc import cached, fingerprints, stages
from scancc.codegen import cpu
from scancc.config import change_flags
from scancc.frontend.program.keys import graph_key
from scancc.frontend.program.program import Program, make_program
from tests.programs import seed, users
from tests.test_circles import ROOT, files, imported

SCRIPT = """
import json, sys
import numpy as np
import scancc as sc, scancc.tensor as T
x, w = T.vector("x"), sc.shared(float(sys.argv[1]), "w")
ys, _ = sc.scan(lambda v, y: w * y + T.exp(v), sequences=x, outputs_info=T.constant(0.0))
cost = (ys ** 2).sum()
f = sc.function([x], [ys, sc.grad(cost, x)], updates={w: w + 1.0})
results = [a.tolist() for a in f(np.array([0.5, 1.0, -1.0]))]
compiler = "llvmlite", "scancc.stages", "scancc.pipeline", "scancc.passes", "scancc.insight.explain"
others = "numpy.ma", "numpy.random", "hashlib", "html", "scancc.runtime.threads", "scancc.signature"
loaded = any(name in sys.modules for name in (*compiler, *others))
print(json.dumps([results, float(w.get_value()), loaded]))
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCANCC_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("SCANCC_CACHE", "1")
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of programs that passes were run on."""
    names: list[str] = []
    original = stages._compiled

    def counting(program: Program, *rest: Any, **named: Any) -> stages.Compiled:
        names.append(program.name or "")
        return original(program, *rest, **named)

    monkeypatch.setattr(stages, "_compiled", counting)
    return names


def in_new_process(value: float) -> tuple[list[list[float]], float, bool]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(value)], capture_output=True, text=True, check=True,
                          env=os.environ)
    results, held, loaded = json.loads(done.stdout)
    return results, held, loaded


def test_another_process_needs_no_compiler() -> None:
    first, held, loaded = in_new_process(0.5)
    assert loaded and held == 1.5
    assert in_new_process(0.5) == (first, 1.5, False)


def test_what_shared_variables_hold_is_no_part_of_the_code() -> None:
    in_new_process(0.5)
    found, held, loaded = in_new_process(0.25)
    assert not loaded and held == 1.25
    assert found[0][1] == pytest.approx(0.25 * np.exp(0.5) + np.exp(1.0))


def power(base: float = 2.0, name: str | None = None, dtype: str = "float64", axis: int = 0) -> Program:
    x = T.matrix("x", dtype=dtype)
    ys, _ = sc.scan(lambda v, y: y * base + v.astype(dtype), sequences=x, outputs_info=T.zeros_like(x[0]))
    return make_program([x], [ys.sum(axis=axis)], name=name)


def test_programs_made_again_are_found_by_their_graphs() -> None:
    first, second = (graph_key(power()) for _ in range(2))
    assert first == second is not None


@pytest.mark.parametrize("change", [
    {"base": 3.0}, {"name": "other"}, {"dtype": "float32"}, {"axis": 1}, {"axis": -1}], ids=str)
def test_what_is_not_the_same_has_another_key(change: dict[str, object]) -> None:
    this, other = (graph_key(power(**changed)) for changed in ({}, change))  # type: ignore[arg-type]
    assert this != other


def test_fast_math_and_inputs_have_keys_of_their_own() -> None:
    x, y = T.vector("x"), T.vector("y")
    keys = [graph_key(program) for program in (
        make_program([x, y], [x - y]), make_program([y, x], [x - y]), make_program([x, y], [y - x]),
        make_program([x, y], [x - y], fast_math=True), make_program([x, y], {"a": x - y}))]
    assert None not in keys and len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["\ud800", "\0", "f\n", "größe"], ids=ascii)
def test_any_name_is_part_of_a_key(name: str, compiled: list[str]) -> None:
    for _ in range(2):
        assert doubled(name)(np.zeros(2)).tolist() == [0.0, 0.0]
    assert compiled == [name]


def test_a_class_of_the_users_has_no_key() -> None:
    class Name(str):
        pass

    assert graph_key(replace(power(), name=Name("f"))) is None


@pytest.mark.parametrize("make", [*seed.PROGRAMS, *users.MODELS], ids=lambda make: make.__name__)
def test_every_program_has_a_key(make: Callable[[], object]) -> None:
    if make in users.MODELS:
        model = users.build(make)
        program = make_program(model.inputs, [model.cost, *model.gradients()] if model.wrt else model.outputs,
                               None if model.wrt else model.updates)
    else:
        case = make()
        program = make_program(case.inputs, case.outputs, case.updates)  # type: ignore[attr-defined]
    assert graph_key(program) is not None


def doubled(name: str) -> sc.Function:
    x = T.vector("x")
    return sc.function([x], T.tanh(2 * x), name=name)


def test_the_passes_run_once(compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        assert doubled("f")(np.ones(2)).tolist() == pytest.approx([np.tanh(2)] * 2)
    monkeypatch.setattr(cached, "graph_key", lambda program: None)  # then the IR finds it
    doubled("f")
    assert compiled == ["f"]


@pytest.mark.parametrize("setting", [{"leave_out": "unroll"}, {"cpu": "generic"}, {"fast_math": "strict"}], ids=str)
def test_switches_have_code_of_their_own(setting: dict[str, object], compiled: list[str]) -> None:
    doubled("f")
    with change_flags(**setting):
        doubled("f")
        doubled("f")
    assert compiled == ["f", "f"]


@pytest.mark.parametrize("what", ["compiler", "machine"])
def test_another_compiler_or_machine_compiles_again(
        what: str, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    doubled("f")
    monkeypatch.setattr(fingerprints, what, lambda: "another")
    doubled("f")
    assert compiled == ["f", "f"]


def test_damaged_entries_are_compiled_again(compiled: list[str], own_cache: Path) -> None:
    doubled("f")
    for path in own_cache.glob("*.bin"):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # it may end in any byte
    assert doubled("f")(np.ones(1)).tolist() == pytest.approx([np.tanh(2)])
    assert compiled == ["f", "f"]


def test_what_programs_share_is_compiled_once(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    texts: list[str] = []
    original = cpu.compile_object
    monkeypatch.setattr(cpu, "compile_object", lambda text, *rest: texts.append(text) or original(text, *rest))
    x, y = T.matrix("x"), T.matrix("y")
    given = np.arange(12.0).reshape(3, 4), np.ones((4, 5))
    for n, result in enumerate([T.dot(x, y), T.tanh(T.dot(x, y)), T.dot(T.dot(x, y), y.T)]):
        stages._library.cache_clear()  # as another process
        np.testing.assert_allclose(sc.function([x, y], result)(*given),
                                   sc.function([x, y], result, mode="reference")(*given))
        kernels = 1 + (n == 2)  # the product with `y.T` is another one
        assert len(texts) == len(set(texts)) and sum("define i1 @scancc.matmul" in t for t in texts) == kernels, n
    with change_flags(cache=False):
        before = len(texts)
        for result in (T.dot(x, y) + 1.0, T.dot(x, y) + 2.0):
            sc.function([x, y], result)
    assert len(texts) == before + 2  # each module; the product is still there from before


def test_what_was_found_says_what_was_done_when_it_is_asked(compiled: list[str]) -> None:
    doubled("f")
    found = doubled("f")
    assert compiled == ["f"]
    assert found.compiled.name == "f" and found.remarks == doubled("f").remarks
    assert "tanh" in found.dump()


def test_what_was_left_out_stays_so_when_it_is_asked_later(compiled: list[str]) -> None:
    with sc.config.change_flags(leave_out="slice"):
        doubled("f")
        found = doubled("f")
    assert compiled == ["f"]
    assert "slice" not in [run.step.name for run in found.compiled.report.runs]


def test_the_stamp_tells_of_each_change_of_a_source(tmp_path: Path) -> None:
    inner = tmp_path / "passes" / "inner"
    inner.mkdir(parents=True)
    (inner / "one.py").write_text("x = 1\n")
    (tmp_path / "notes.txt").write_text("none of its business\n")
    seen = [fingerprints._files([str(tmp_path)])]
    assert fingerprints._files([str(tmp_path)]) == seen[0]

    def written_in_place() -> None:
        before = (inner / "one.py").stat()
        (inner / "one.py").write_text("x = 2\n")
        os.utime(inner / "one.py", ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    for change in (written_in_place, lambda: (inner / "one.py").write_text("x = 23\n"),
                   lambda: (inner / "two.ll").write_text(""), lambda: (inner / "one.py").rename(inner / "three.py"),
                   lambda: (inner / "three.py").rename(tmp_path / "three.py"), lambda: (inner / "two.ll").unlink()):
        change()
        seen.append(fingerprints._files([str(tmp_path)]))
    assert len(set(seen)) == len(seen)


def test_the_stamp_has_each_file_on_which_code_may_rest() -> None:
    known = files()
    passes = [name for name in known if re.fullmatch(r"scancc\.passes\.\w+", name)]
    reached, pending = set(), ["scancc.stages", *passes]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            source, is_package = known[name].read_text(), known[name].name == "__init__.py"
            found = imported(source, name if is_package else name.rpartition(".")[0], known)
            later = {text for text in re.findall(r'"(scancc\.[\w.]+)"', source) if "loaded_later" in source}
            pending += found | later & known.keys()
    assert len(reached) > 400
    assert not [name for name in reached if fingerprints._ASIDE & {*known[name].relative_to(ROOT).parent.parts}]
