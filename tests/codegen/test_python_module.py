"""Libraries that Python imports, in processes that have no scancc; they are the same libraries for C."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.c_names import ExportError
from scancc.runtime import load
from tests.codegen.test_export import STRICT, make_layer, make_power, make_until

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(CC is None or sys.platform != "linux", reason="no C compiler on this machine")


def run(folder: Path, script: str) -> list[str]:
    """The lines that a script prints, which imports from the folder and cannot import scancc."""
    head = "import sys; sys.modules['scancc'] = None; sys.path.insert(0, '.')\nimport numpy as np\n"
    done = subprocess.run([sys.executable, "-c", head + script], capture_output=True, text=True, timeout=120,
                          cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def counter() -> Any:
    total, x = sc.shared(np.zeros(2), name="total", shape=(2,)), T.vector("x")
    return sc.function([x, sc.In(T.scalar("gain"), value=2.0)], {"before": total + 0, "x": x}, name="counter",
                       updates=[(total, total + x)], on_unused_input="ignore")


def test_imported_without_scancc(tmp_path: Path) -> None:
    sc.export([make_power(), make_layer(), make_until()], tmp_path / "model", python=True, emit="so")
    x, W = np.arange(3.0), np.linspace(-1, 1, 6).reshape(3, 2)
    y, total = make_layer()(x, W, np.zeros(2))
    found = run(tmp_path, """
import model
print(model.__all__, model.power)
print(model.power([1, 2, 3], 3).tolist(), model.power(A=np.ones(2), k=np.int8(2)).tolist())
x, W = np.arange(3.0), np.asfortranarray(np.linspace(-1, 1, 6).reshape(3, 2))
y, total = model.layer(x, W, b=np.zeros(2))
print(y.tolist(), total)
print(model.powers_of_2(45.0).tolist())
for call in (lambda: model.layer(x, np.ones((4, 2)), np.zeros(2)), lambda: model.power([1.], -1),
             lambda: model.power([1.], 2.5), lambda: model.power([1.]), lambda: model.power([[1.]], 2),
             lambda: model.power(np.array([1j]), 2), lambda: model.power([1.], 2, k=2), lambda: model.power(None, 1)):
    try:
        print("gave", call())
    except Exception as error:
        print(type(error).__name__, str(error)[:160].splitlines()[0])
""")
    assert found[0] == "['power', 'layer', 'powers_of_2'] <function power(A, k) by scancc>"
    assert found[1] == "[1.0, 8.0, 27.0] [1.0, 1.0]"
    assert found[2] == f"{y.tolist()} {total}"
    assert found[3] == "[2.0, 4.0, 8.0, 16.0, 32.0, 64.0]"
    assert [line.split()[0] for line in found[4:]] == ["ValueError", "IndexError", *["TypeError"] * 6]
    assert "must agree" in found[4]


def picked() -> Any:
    x, at = T.vector("x"), T.lvector("at")
    rows, _ = sc.scan(lambda i, total, x: total + x[i], sequences=at, outputs_info=T.constant(0.0), non_sequences=x,
                      name="picks")
    return sc.function([x, at], rows, name="picked")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
def test_an_error_has_the_line_and_the_step(tmp_path: Path) -> None:
    sc.export(picked(), tmp_path / "model", python=True, emit="so")
    with pytest.raises(IndexError) as raised:
        picked()([1.0, 2.0], [1, 0, 5])
    found = run(tmp_path, """
import model
try:
    model.picked([1., 2.], [1, 0, 5])
except IndexError as error:
    print(error)
    print(*error.__notes__, sep="\\n")
""")
    place, step = raised.value.__notes__
    assert [found[0], found[1].split("/")[-1], found[2]] == [str(raised.value), place.split("/")[-1], step]


def test_state_defaults_and_guesses(tmp_path: Path) -> None:
    n, steps = T.lscalar("n"), T.lscalar("steps")
    sums, _ = sc.scan(lambda s: T.sort(T.arange(s) * 7 % 5).sum() % 11 + 3, outputs_info=n, n_steps=steps)
    guessed = sc.function([n, steps], sums, name="guessed")
    sc.export([counter(), guessed], tmp_path / "kept", python=True, emit="so")
    found = run(tmp_path, """
import kept
for _ in range(3):
    print(kept.counter([1., 2.])["before"].tolist())
print(kept.counter.state["total"].tolist(), kept.guessed(40, 6).tolist(), kept.guessed(10**5, 3).tolist())
""")
    assert found[:3] == ["[0.0, 0.0]", "[1.0, 2.0]", "[2.0, 4.0]"]
    assert found[3] == f"[3.0, 6.0] {guessed(40, 6).tolist()} {guessed(10**5, 3).tolist()}"


def test_it_is_still_a_library_for_c_and_for_scancc(tmp_path: Path) -> None:
    """Nothing of Python's is asked for when a program links with it, or runs."""
    sc.export(make_power(), tmp_path / "powers", python=True, debug=True)
    for name in ("powers.so", "powers.o", "powers.a"):
        assert load(tmp_path / name)([2.0], 5).tolist() == [32.0]  # type: ignore[operator]
    (tmp_path / "main.c").write_text('#include "powers.h"\nint main(void) { double a[] = {2}, r[1];\n'
                                     "  return power(a, 1, 1, 3, r, 1, 0, 0) || r[0] != 8; }\n")
    for library in ("powers.a", "powers.so"):
        done = subprocess.run([str(CC), *STRICT, f"-I{tmp_path}", tmp_path / "main.c", tmp_path / library, "-lm",
                               f"-Wl,-rpath,{tmp_path}", "-o", tmp_path / "main"], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr
        assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


@pytest.mark.parametrize(("name", "target", "says"), [
    ("a-b", None, "'a-b' is no name of a module"), ("m", "apple-m1", "systems with ELF"),
    ("m", "cortex-m4", "systems with ELF"), ("m", "sm_90", "python=True is for code that a CPU runs")])
def test_refused(name: str, target: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=says):
        sc.export(make_power(), tmp_path / name, python=True, target=target)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["python", "debug"])
@pytest.mark.parametrize("emit", ["h", "c,json"])
def test_what_speaks_of_machine_code_asks_for_some(option: str, emit: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=f"{option}=True is for machine code, .* give emit so, too"):
        sc.export(make_power(), tmp_path / "m", emit=emit, **{option: True})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
