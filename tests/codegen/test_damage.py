"""Files of an export that were changed: damaged ones are refused before their code runs; `strip` may be used."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc import seals
from scancc.errors import ScanccError
from scancc.runtime.library import LibraryError, load

CC = shutil.which("cc")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")


def model() -> Any:
    """A state of the function's own, and a default."""
    x, gain = T.vector("x"), T.scalar("gain")
    level = sc.shared(2.0, name="level")
    h, _ = sc.scan(lambda x_t, h: T.tanh(h + gain * x_t), sequences=x, outputs_info=level)
    return sc.function([x, sc.In(gain, value=0.5)], h, updates=[(level, h[-1])], name="model")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    sc.export(model(), folder, emit=["o", "a", "h", "json", *["so"] * (CC is not None)])
    return folder


def copied(built: Path, folder: Path, *kinds: str) -> None:
    for kind in kinds:
        shutil.copy(built / f"model.{kind}", folder)


def right(path: Path) -> bool:
    found: Any = load(path)
    return bool(np.array_equal(found([1.0, -2.0]), model()([1.0, -2.0])))


@pytest.mark.parametrize("kind", [pytest.param("so", marks=needs_cc), "o", "a"])
def test_damage_is_found_without_a_manifest_beside(built: Path, kind: str, tmp_path: Path) -> None:
    """Wherever it is: what the file says of itself counts."""
    path, rng = tmp_path / f"model.{kind}", random.Random(kind)
    copied(built, tmp_path, kind)
    assert right(path)
    data = path.read_bytes()
    for _ in range(60):
        at = rng.randrange(len(data))
        flipped = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
        path.unlink()  # the system has mapped what was loaded from there
        path.write_bytes(rng.choice([data[:at], flipped]))
        with contextlib.suppress(ScanccError, FileNotFoundError):
            assert right(path)  # what no code and no loader reads


@needs_cc
@pytest.mark.parametrize("find", ["initial", "default"])
def test_a_manifest_of_other_values_is_refused(built: Path, find: str, tmp_path: Path) -> None:
    copied(built, tmp_path, "so", "json")
    manifest = json.loads((tmp_path / "model.json").read_text())
    row = next(p for p in manifest["functions"][0]["inputs"] if find in p)
    row[find]["data"] = row[find]["data"].replace("A", "B", 1)
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    for name in ("model.so", "model.json"):
        with pytest.raises(LibraryError, match="does not fit its library"):
            load(tmp_path / name)


@needs_cc
@pytest.mark.skipif(shutil.which("strip") is None, reason="no strip on this machine")
@pytest.mark.parametrize("kinds", [("so",), ("so", "json"), ("so", "a", "o", "h", "json")])
def test_a_stripped_library_is_what_it_was(built: Path, kinds: tuple[str, ...], tmp_path: Path) -> None:
    copied(built, tmp_path, *kinds)
    for kind in {*kinds} & {"so", "a"}:
        subprocess.run(["strip", *["-g"] * (kind == "a"), tmp_path / f"model.{kind}"], check=True)
    assert (tmp_path / "model.so").stat().st_size < (built / "model.so").stat().st_size
    assert right(tmp_path / "model.so")


@pytest.mark.skipif(shutil.which("strip") is None, reason="no strip on this machine")
@pytest.mark.parametrize("kind", ["a", "o"])
def test_a_stripped_object_is_refused_with_what_serves(built: Path, kind: str, tmp_path: Path) -> None:
    copied(built, tmp_path, kind)
    subprocess.run(["strip", "-g", tmp_path / f"model.{kind}"], check=True)
    with pytest.raises(LibraryError, match=r"as strip changes an object.*load the \.so, which may be stripped"):
        load(tmp_path / f"model.{kind}")


@needs_cc
def test_a_library_of_another_build_is_refused(built: Path, tmp_path: Path) -> None:
    """One of the same signature."""
    copied(built, tmp_path, "json")
    x, gain = T.vector("x"), T.scalar("gain")
    sc.export(sc.function([x, gain], x * gain, name="model"), tmp_path / "model", emit="so")
    with pytest.raises(LibraryError, match="is not the library that"):
        load(tmp_path / "model.so")


@needs_cc
def test_a_library_that_others_link_is_taken(built: Path, tmp_path: Path) -> None:
    subprocess.run([str(CC), "-shared", "-o", tmp_path / "own.so", built / "model.o", "-lm"], check=True)
    assert seals.seals((tmp_path / "own.so").read_bytes(), seals.LIBRARY) == ["0" * 64]
    assert right(tmp_path / "own.so")


@pytest.mark.parametrize("target", ["apple-m1", "x86_64-windows", "wasm32", "cortex-m4", "riscv64-linux-gnu"])
def test_objects_of_each_format_know_their_hash(target: str, tmp_path: Path) -> None:
    (made,) = sc.export(model(), tmp_path, emit="o", target=target).files
    data = made.read_bytes()
    assert seals.is_whole(data, seals.OBJECT) and seals.seals(data, seals.OBJECT) != ["0" * 64]
    assert not seals.is_whole(data[:-1], seals.OBJECT)
