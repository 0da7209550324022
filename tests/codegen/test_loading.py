"""Any file of an export loads: the library, an object, the archive, the manifest; without the compiler."""

from __future__ import annotations

import ctypes
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
from scancc.errors import UnsupportedError
from scancc.runtime import elf, load
from scancc.runtime.library import LibraryError

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
X = np.arange(1.0, 4.0)


def functions() -> list[Any]:
    """One with a default and keys, one with state; both call libm's or mem* functions."""
    x, a = T.vector("x"), T.scalar("a")
    y, _ = sc.scan(lambda v, s: s + v, x, T.constant(0.0))
    total = sc.shared(0.0, name="total")
    return [sc.function([x, sc.In(a, value=2.0)], {"y": y * a, "g": T.gammaln(x)}, name="sums"),
            sc.function([x], y, updates={total: total + x.sum()}, name="counted")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loading")
    sc.export(functions(), folder / "both", emit="o,a,json,h")
    return folder


@pytest.mark.parametrize("name", ["both.a", "both.json"])
def test_without_a_linker(built: Path, name: str) -> None:
    loaded = load(built / name)
    assert isinstance(loaded, dict) and list(loaded) == ["sums", "counted"]
    assert loaded["sums"](X)["y"].tolist() == [2, 6, 12]
    assert loaded["sums"](x=X, a=1.0)["y"].tolist() == [1, 3, 6]
    loaded["counted"](X)
    assert loaded["counted"](X).tolist() == [1, 3, 6] and loaded["counted"].state["total"] == 12  # type: ignore


def test_one_object_in_a_process_without_the_compiler(built: Path, tmp_path: Path) -> None:
    """Alone, away from its manifest."""
    shutil.copy(built / "sums.o", tmp_path)
    script = ("import sys; sys.modules['llvmlite'] = None\nimport scancc.runtime\n"
              f"print(scancc.runtime.load({str(tmp_path / 'sums.o')!r})([1.0, 2.0])['y'].tolist())")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[2.0, 6.0]\n", done.stderr


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_a_library_without_its_manifest(tmp_path: Path) -> None:
    sc.export(functions(), tmp_path / "both", emit="so")
    assert list(load(tmp_path / "both.so")) == ["sums", "counted"]  # type: ignore[call-overload]


def test_what_an_object_says_of_itself(built: Path) -> None:
    """The text that C gets is the manifest's, so that a caller can be written from it."""
    library = elf.load((built / "sums.o").read_bytes())
    text = ctypes.CFUNCTYPE(ctypes.c_char_p)(library.address("sums_manifest"))()
    inside, beside = json.loads(text), json.loads((built / "both.json").read_text())
    assert inside["functions"] == beside["functions"][:1]
    assert all(inside[key] == beside[key] for key in ("abi_version", "target", "versions"))
    assert "const char *sums_manifest(void);" in (built / "both.h").read_text()


def test_a_library_that_was_not_linked(built: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"both.so was not linked: no C compiler was found .* both\.a"):
        load(built / "both.so")


def test_refused(built: Path, tmp_path: Path) -> None:
    for file in built.iterdir():
        shutil.copy(file, tmp_path)
    data = bytearray((tmp_path / "both.a").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "both.a").write_bytes(data)
    for name in ("both.a", "both.json"):
        with pytest.raises(LibraryError, match="both.a is not as it was exported"):
            load(tmp_path / name)
    sc.export(functions()[0], tmp_path / "both", emit="a")
    with pytest.raises(LibraryError, match="of different builds"):
        load(tmp_path / "both.a")
    for junk in (b"", b"!<arch>\n", b"!<arch>\n" + 60 * b"9", b"\x7fELF" + bytes(200)):
        (tmp_path / "junk.o").write_bytes(junk)
        with pytest.raises(LibraryError, match="no object or archive that scancc exported"):
            load(tmp_path / "junk.o")
    with pytest.raises(FileNotFoundError, match="there is no library .*nothing.o"):
        load(tmp_path / "nothing.o")
    sc.export(functions()[0], tmp_path / "foreign", emit="o", target="riscv64-linux-gnu")
    with pytest.raises(UnsupportedError, match="is code for riscv64"):
        load(tmp_path / "foreign.o")
