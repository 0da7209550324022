"""Exported libraries load without the compiler, and only together with their own manifest."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scancc.artifact import ABI_VERSION
from scancc.errors import UnsupportedError
from scancc.runtime.library import LibraryError, load
from tests.runtime.kernels import AXPB, CUMSUM_UNTIL, axpb, compile_ir, cumsum_until

ROOT = Path(__file__).parents[2]
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(CC is None, reason="linking a shared library needs a C compiler")


def export(path, artifacts, texts, **changes):
    """What the exporter writes: a shared library and its manifest."""
    objects = []
    for artifact, text in zip(artifacts, texts, strict=True):
        for entry in ("run", "query"):
            text = text.replace(f"@{entry}(", f"@{artifact.name}__{entry}(")
        objects.append(path.with_name(f"{artifact.name}.o"))
        objects[-1].write_bytes(compile_ir(text))
    new = path.with_suffix(".new")
    subprocess.run([CC, "-shared", "-o", new, *objects, "-lm"], check=True)
    new.replace(path)
    manifest = {
        "abi_version": ABI_VERSION,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "functions": [
            {
                "name": a.name,
                "run": f"{a.name}__run",
                "query": f"{a.name}__query",
                "inputs": [p.to_json() for p in a.inputs],
                "outputs": [p.to_json() for p in a.outputs],
                "checks": [c.to_json() for c in a.checks],
            }
            for a in artifacts
        ],
    }
    path.with_suffix(".json").write_text(json.dumps(manifest | changes))
    return path


@pytest.fixture
def line(tmp_path):
    return export(tmp_path / "line.so", [axpb()], [AXPB])


def test_one_function(line):
    for path in (line, str(line), line.with_suffix(".json")):
        np.testing.assert_array_equal(load(path)(2.0, [1.0, 2.0], 1.0)[0], [3, 5])


def test_several_functions_and_their_checks(tmp_path):
    path = export(tmp_path / "both.so", [axpb(), cumsum_until()], [AXPB, CUMSUM_UNTIL])
    functions = load(path)
    assert list(functions) == ["axpb", "cumsum_until"]
    assert functions["cumsum_until"](np.ones((4, 2)), 1.5)[1] == 2
    with pytest.raises(ValueError, match="x has no columns, with 4 rows"):
        functions["cumsum_until"](np.ones((4, 0)), 1.5)
    with pytest.raises(TypeError, match=r"input 0 \('x'\) takes float64 of rank 2"):
        functions["cumsum_until"](np.ones(4), 1.5)


def test_a_library_exported_again_is_loaded_again(line, tmp_path):
    old = load(line)
    export(line, [axpb()], [AXPB.replace("fadd", "fsub")])
    new = load(line)
    assert old(2.0, [1.0], 1.0)[0] == 3 and new(2.0, [1.0], 1.0)[0] == 1


def test_it_loads_where_the_compiler_cannot_be_imported(line):
    script = """
import sys
sys.modules["llvmlite"] = None
from scancc.runtime import load
print(load(sys.argv[1])(2.0, [1.0, 2.0], 1.0)[0].tolist())
"""
    result = subprocess.run(
        [sys.executable, "-c", script, str(line)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr) == ("[3.0, 5.0]\n", "")


def test_a_changed_library_is_refused(line):
    data = bytearray(line.read_bytes())
    data[len(data) // 2] ^= 1
    line.write_bytes(data)
    with pytest.raises(LibraryError, match="is not the library that .* describes"):
        load(line)


def test_missing_files_are_named(line, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no library .*other\.so, and no manifest .*other\.json"):
        load(tmp_path / "other.so")
    (tmp_path / "other.so").touch()
    with pytest.raises(FileNotFoundError, match=r"there is no manifest .*other\.json"):
        load(tmp_path / "other.so")
    line.unlink()
    with pytest.raises(FileNotFoundError, match=r"the library .*line\.so of the manifest .* is not there"):
        load(line)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"abi_version": 1}, UnsupportedError, "is compiled for version 1 of the calling convention"),
        ({"abi_version": "1"}, LibraryError, "has no 'abi_version' of type int"),
        ({"file": "../line.so"}, LibraryError, "it must be beside it"),
        ({"sha256": None}, LibraryError, "has no 'sha256' of type str"),
        ({"nbytes": 1}, LibraryError, "is not the library"),
        ({"functions": {}}, LibraryError, "has no 'functions' of type list"),
        ({"functions": []}, LibraryError, "names no function"),
        ({"functions": [{"name": "f"}]}, LibraryError, "does not fit its library"),
        ({"functions": [3]}, LibraryError, "does not fit its library"),
    ],
)
def test_manifests_that_do_not_fit(tmp_path, changes, error, message):
    path = export(tmp_path / "line.so", [axpb()], [AXPB], **changes)
    with pytest.raises(error, match=message):
        load(path)


def test_a_symbol_that_is_not_there(line):
    manifest = json.loads(line.with_suffix(".json").read_text())
    manifest["functions"][0]["run"] = "elsewhere"
    line.with_suffix(".json").write_text(json.dumps(manifest))
    with pytest.raises(LibraryError, match="elsewhere"):
        load(line)


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_manifests_that_are_none(line, text):
    line.with_suffix(".json").write_text(text)
    with pytest.raises(LibraryError, match="is not"):
        load(line)


def test_what_the_system_cannot_load(tmp_path):
    path = tmp_path / "text.so"
    path.write_bytes(b"not a library")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {"abi_version": ABI_VERSION, "file": path.name, "sha256": digest, "functions": []}
    path.with_suffix(".json").write_text(json.dumps(manifest))
    with pytest.raises(LibraryError, match="the system cannot load"):
        load(path)
