"""What travels with a library beside its code: shared variables, streams, defaults, keywords, keys of outputs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.calling import array_from_json, array_to_json
from scancc.runtime import load
from scancc.runtime.library import LibraryError

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")


def make_filter() -> Any:
    """It reads weights, goes on from a level and a stream, and counts its calls, which it does not read."""
    x, gain = T.vector("x"), T.scalar("gain")
    W, level = sc.shared(np.arange(6.0).reshape(2, 3), name="W"), sc.shared(np.zeros(3), name="level")
    last = sc.shared(0.0, name="last")
    noise = sc.RandomStream(7).normal(size=(2,))
    outputs = {"out": W.dot(x) * gain + noise, "total": level.sum()}
    return sc.function([x, sc.In(gain, value=0.5, name="factor")], outputs, name="filtered",
                       updates={level: level + x, last: x.sum()})


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert list(found) == list(wanted)
    for key, value in wanted.items():
        np.testing.assert_array_equal(found[key], value)


def test_a_loaded_function_goes_on_as_the_compiled_one_does(tmp_path: Path) -> None:
    """It asked for the values of shared variables, and gave their new ones."""
    compiled, x = make_filter(), np.ones(3)
    compiled(x)
    sc.export(compiled, tmp_path / "f")
    loaded = load(tmp_path / "f.so")
    assert not isinstance(loaded, dict)
    for arguments in ((), (2.0,)):
        same(loaded(x, *arguments), compiled(x, *arguments))
    same(loaded(x=[1, 2, 3], factor=3), compiled(x=[1, 2, 3], factor=3))
    place = np.empty(2)
    assert loaded(x, out={"out": place})["out"] is place
    np.testing.assert_array_equal(place, compiled(x)["out"])
    state = loaded.state  # type: ignore[attr-defined]
    assert state["level"].tolist() == [5, 6, 7] and state["next_last"] == 3
    again = load(tmp_path / "f.json")
    assert again(x)["total"] == 3.0  # type: ignore[operator]
    with pytest.raises(ValueError, match="agree"):
        loaded(np.ones(2))
    assert loaded.state["level"].tolist() == [5, 6, 7]  # type: ignore[attr-defined]
    for wrong, say in (({"y": 1}, "no input named 'y'"), ({}, "missing: x"), ({"x": x, "gain": 1}, "named 'gain'")):
        with pytest.raises(TypeError, match=say):
            loaded(**wrong)


def test_what_the_manifest_says(tmp_path: Path) -> None:
    sc.export(make_filter(), tmp_path / "f", emit="json")
    row = json.loads((tmp_path / "f.json").read_text())["functions"][0]
    inputs, outputs = row["inputs"], row["outputs"]
    assert [p["name"] for p in outputs][:4] == ["out", "total", "next_level", "next_last"]
    assert [p.get("key") for p in outputs][:3] == ["out", "total", None]
    assert inputs[1]["keyword"] == "factor" and array_from_json(inputs[1]["default"]) == 0.5
    level = next(n for n, p in enumerate(inputs) if p.get("state") == "level")
    assert inputs[level]["new_value"] == 2 and outputs[2]["new_value_of"] == level
    assert array_from_json(inputs[level]["initial"]).tolist() == [0, 0, 0]
    flat = row["flat"]
    assert flat["init"] == "filtered_init"
    assert {"name": "x_s0", "type": "int64_t", "role": "stride", "index": 0, "axis": 0} in flat["arguments"]
    assert [a["role"] for a in flat["query_arguments"]][-2:] == ["need_nbytes", "staging_nbytes"]


def test_state_in_c(tmp_path: Path) -> None:
    flag, z = sc.shared(True, name="flag"), sc.shared(np.array([1 + 2j, 3j]), name="z")
    empty = sc.shared(np.zeros(0), name="time")
    f = sc.function([], T.switch(flag, z, z * 2), updates={flag: ~flag, z: z + 1, empty: empty}, name="turned")
    sc.export(f, tmp_path / "turned", emit="a,h")
    (tmp_path / "main.c").write_text(
        '#include "turned.h"\n#include <stdio.h>\nint main(void) {\n'
        "  turned_state s; turned_init(&s);\n"
        '  printf("%d %g %g %g %g %d", s.flag, s.z[0], s.z[1], s.z[2], s.z[3], (int)sizeof s); return 0;\n}\n')
    subprocess.run([str(CC), "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{tmp_path}",
                    tmp_path / "main.c", tmp_path / "turned.a", "-o", tmp_path / "main"], check=True)
    said = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert said == "1 1 2 0 3 48"
    header = " ".join((tmp_path / "turned.h").read_text().split())
    assert "double time_[1];" in header and "its new value is the output next_z" in header


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("code", ["kept.c", "kept.a"])
def test_an_input_called_state_stands_beside_the_state(streaming: bool, code: str, tmp_path: Path) -> None:
    """The state has come first in NAME_run, so the input gets the `_` of a name that is taken."""
    x, level = T.vector("state"), sc.shared(np.float64(1), name="level")
    sums, _ = sc.scan(lambda x, h: x + h, x, outputs_info=T.constant(0.0) if streaming else level)
    f = sc.function([x], {"y": sums}, updates=None if streaming else {level: level + 1}, name="kept")
    sc.export(f, tmp_path / "kept", emit="c,a,h", streaming=streaming)
    (tmp_path / "main.c").write_text("""
#include <stdio.h>
#include "kept.h"
int main(void)
{
    const double state_[2] = {1, 2};
    double y[2];
    kept_state state;
    kept_init(&state);
    for (int n = 0; n < 2; ++n)
        if (kept_run(&state, state_, 2, 1, y, 1, NULL, 0) != 0)
            return 1;
    printf("%g %g", y[0], y[1]);
    return 0;
}
""")
    subprocess.run([str(CC), "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{tmp_path}",
                    tmp_path / "main.c", tmp_path / code, "-lm", "-o", tmp_path / "main"], check=True)
    said = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert said == ("4 6" if streaming else "3 5")
    header = (tmp_path / "kept.h").read_text()
    assert "kept_state *state, const double *state_," in header


def test_frozen_weights_are_part_of_the_code(tmp_path: Path) -> None:
    compiled, x = make_filter(), np.array([1.0, 2.0, 3.0])
    sc.export(compiled, tmp_path / "f", freeze=True)
    names = [p["name"] for p in json.loads((tmp_path / "f.json").read_text())["functions"][0]["inputs"]]
    assert "W" not in names and "level" in names
    loaded = load(tmp_path / "f.so")
    same(loaded(x), compiled(x))  # type: ignore[operator]
    same(loaded(x), compiled(x))  # type: ignore[operator]


@pytest.mark.parametrize("value", [np.float16([1, np.nan]), np.arange(6, dtype=">i4").reshape(2, 3), np.array(True),
                                   np.complex64([[1j]]), np.zeros((0, 2))])
def test_arrays_in_a_manifest_keep_their_bits(value: np.ndarray) -> None:
    found = array_from_json(json.loads(json.dumps(array_to_json(value))))
    assert found.dtype == value.dtype.newbyteorder("=") and found.shape == value.shape
    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize(("field", "wrong"), [
    ("initial", {"dtype": "object", "shape": [], "data": ""}), ("gives", "all"),
    ("initial", {"dtype": "float64", "shape": [9], "data": ""}),
])
def test_damaged_manifests(field: str, wrong: Any, tmp_path: Path) -> None:
    sc.export(make_filter(), tmp_path / "f")
    manifest = json.loads((tmp_path / "f.json").read_text())
    row = manifest["functions"][0]
    (row if field == "gives" else next(p for p in row["inputs"] if "initial" in p))[field] = wrong
    (tmp_path / "f.json").write_text(json.dumps(manifest))
    with pytest.raises(LibraryError, match="does not fit its library"):
        load(tmp_path / "f.so")


def test_a_strict_input_stays_strict(tmp_path: Path) -> None:
    x, y = T.vector("x"), T.vector("y")
    sc.export(sc.function([sc.In(x, strict=True), y], x + y, name="f"), tmp_path, emit="so,json")
    f: Any = sc.runtime.load(tmp_path / "f.so")
    assert f(np.ones(2), [1, 2]).tolist() == f(x=np.ones(2), y=[1, 2]).tolist() == [2, 3]
    for given in ([1.0, 2.0], np.ones(2, np.float32), np.arange(2)):
        with pytest.raises(TypeError, match="input 0 \\('x'\\) is strict and takes arrays of float64 only"):
            f(given, np.ones(2))
        with pytest.raises(TypeError, match="is strict"):
            f(x=given, y=np.ones(2))


@pytest.mark.parametrize("dtype", ["float32", "int32", "float64"])
@pytest.mark.parametrize("allowed", [True, False])
def test_a_loaded_function_converts_with_loss_where_the_compiled_one_does(allowed: bool, dtype: str,
                                                                          tmp_path: Path) -> None:
    x = T.tensor("x", dtype=dtype, shape=(None,))
    f = sc.function([sc.In(x, allow_downcast=allowed)], x + 0, name="f")
    sc.export(f, tmp_path / "f", emit="o,json")
    loaded: Any = sc.runtime.load(tmp_path / "f.o")
    given = ([0.1, 2.5], np.array([0.1, 1e300]), np.array([1, 2**40]), [1, 2], np.float32([0.5, np.nan]), [2**40],
             np.array([1 + 2j]), np.ma.masked_array([1.0, 2.0], [True, False]), "ab", [])
    for value in given:
        assert outcome(loaded, value) == outcome(f, value), value


def outcome(function: Any, value: Any) -> Any:
    """The result with its bits, or the kind of error."""
    try:
        found = function(value)
    except (TypeError, ValueError, OverflowError) as error:
        return type(error)
    return found.dtype.name, found.tobytes()


def learning() -> list[Any]:
    """A function that changes weights, and one that reads them."""
    x, w, n = T.vector("x"), sc.shared(np.ones(3), name="w"), sc.shared(0.0, name="n")
    return [sc.function([x], (x * w).sum() + n, name="predict"),
            sc.function([x], w, updates={w: w - 0.5 * x, n: n + 1}, name="learn")]


@pytest.mark.parametrize("kind", ["a", "json", "so", "module"])
def test_functions_of_a_library_share_variables(kind: str, tmp_path: Path) -> None:
    """Each had a value of its own."""
    compiled = learning()
    sc.export(compiled, tmp_path / "model", python=kind == "module")
    rows = [f["inputs"] for f in json.loads((tmp_path / "model.json").read_text())["functions"]]
    assert [{p["state"]: p["shared"] for p in row if "state" in p} for row in rows] == [{"w": 0, "n": 1}] * 2
    if kind == "module":
        lines = "model.predict(x), model.learn(x), model.predict(x), model.learn.state['n']"
        code = f"import numpy as np, model; x = np.arange(3.0); print({lines})"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout == "3.0 [1. 1. 1.] 1.5 1.0\n", done.stderr
        return
    loaded = sc.runtime.load(tmp_path / f"model.{kind}")
    assert isinstance(loaded, dict)
    for n in range(3):
        x = np.arange(3.0) + n
        for f in compiled:
            np.testing.assert_array_equal(loaded[f.name](x), f(x))
    other = sc.runtime.load(tmp_path / f"model.{kind}")
    assert isinstance(other, dict) and other["predict"](np.ones(3)) == 3.0  # each load has its own
