"""Installed libraries, as a packager builds, finds, moves and links them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.c_names import ExportError
from scancc.runtime import load
from scancc.runtime.library import LibraryError
from tests.codegen.killed import export_killed
from tests.codegen.test_export import STRICT, make_power

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")

MAIN = r"""
#include <powers.h>
#include <stdio.h>
int main(void) {
    double a[2] = {2, 3}, r[2];
    int32_t status = power(a, 2, 1, 3, r, 1, NULL, 0);
    printf("%d %g %g\n", (int)status, r[0], r[1]);
    return 0;
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.10)
project(user C)
find_package(powers 1.2 REQUIRED)
find_package(powers 1.2.0)
foreach(kind powers static shared)
  add_executable(with_${kind} main.c)
  target_link_libraries(with_${kind} PRIVATE powers::${kind})
endforeach()
find_package(powers 2.0 QUIET)
if(powers_FOUND)
  message(FATAL_ERROR "version 1 is not version 2")
endif()
"""


def run(*command: object, **environment: str) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moved after the build, as a package is from where it was staged."""
    stage = tmp_path_factory.mktemp("stage")
    done = sc.export(make_power(), stage / "usr", install="powers-1.2.3")
    assert {path.relative_to(stage / "usr").as_posix() for path in done.files} == {
        "include/powers.h", "lib/libpowers.a", "lib/libpowers.so", "lib/libpowers.so.1", "lib/libpowers.so.1.2.3",
        "lib/libpowers.json", "lib/pkgconfig/powers.pc", "lib/cmake/powers/powersConfig.cmake",
        "lib/cmake/powers/powersConfigVersion.cmake"}
    assert sorted(p.name for p in (stage / "usr").iterdir()) == ["include", "lib"]
    (stage / "usr").rename(stage / "moved here")
    return stage / "moved here"


def test_links_and_soname(prefix: Path) -> None:
    library = prefix / "lib" / "libpowers.so"
    assert os.readlink(library) == "libpowers.so.1" and os.readlink(f"{library}.1") == "libpowers.so.1.2.3"
    assert os.access(library, os.X_OK)
    if readelf := shutil.which("readelf"):
        assert "soname: [libpowers.so.1]" in run(readelf, "-d", library)


@pytest.mark.parametrize("name", ["libpowers.so", "libpowers.so.1", "libpowers.so.1.2.3", "libpowers.a",
                                  "libpowers.json"])
def test_loaded_in_python(prefix: Path, name: str) -> None:
    power = load(prefix / "lib" / name)
    assert power(np.array([2.0, 3.0]), 3).tolist() == [8.0, 27.0]  # type: ignore[operator]


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="no pkg-config on this machine")
@pytest.mark.parametrize("static", [False, True])
def test_pkg_config(prefix: Path, static: bool, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(MAIN)
    path = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    assert run("pkg-config", "--modversion", "powers", **path) == "1.2.3\n"
    flags = run("sh", "-c", f"pkg-config --cflags --libs {'--static' if static else ''} powers", **path).strip()
    more = "-static" if static else f"-Wl,-rpath,'{prefix / 'lib'}'"
    run("sh", "-c", f"{CC} {' '.join(STRICT)} main.c {flags} {more} -o main".replace("main.c", str(
        tmp_path / "main.c")).replace("-o main", f"-o {tmp_path / 'main'}"))
    assert run(tmp_path / "main") == "0 8 27\n"


@pytest.mark.skipif(shutil.which("cmake") is None, reason="no CMake on this machine")
def test_cmake(prefix: Path, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(MAIN)
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    for kind in ("powers", "static", "shared"):
        assert run(tmp_path / "build" / f"with_{kind}") == "0 8 27\n"


def test_another_version_beside_the_first(tmp_path: Path) -> None:
    """Old programs go on with theirs; what is linked next gets the new one."""
    x = T.vector("x")
    for version in ("1.0", "2", "2.1.1"):
        sc.export(sc.function([x], x * float(version[0]), name="f"), tmp_path, install=version)
    lib = tmp_path / "lib"
    assert sorted(p.name for p in lib.glob("libf.so*")) == [
        "libf.so", "libf.so.1", "libf.so.1.0", "libf.so.2", "libf.so.2.1.1"]
    assert [load(lib / f"libf.so.{n}")([1.0]).tolist() for n in (1, 2)] == [[1.0], [2.0]]  # type: ignore[operator]
    assert load(lib / "libf.so")([1.0]).tolist() == [2.0]  # type: ignore[operator]


def test_only_the_archive(tmp_path: Path) -> None:
    sc.export(make_power(), tmp_path, install="1", emit="a,h", target="aarch64-linux-gnu")
    config = (tmp_path / "lib/cmake/power/powerConfig.cmake").read_text()
    assert "power::static" in config and "SHARED" not in config
    assert not list((tmp_path / "lib").glob("*.so*"))


@pytest.mark.parametrize(
    ("install", "more", "says"),
    [
        ("next", {}, "install is 'next'; give the version"),
        ("a b-1.0", {}, "install is 'a b-1.0'"),
        ("1.2-rc1", {}, "install is '1.2-rc1'"),
        (1.2, {}, "install is 1.2; give the version"),
        ("1.0", {"emit": "h"}, "leaves nothing to install"),
        ("1.0", {"emit": "s"}, "'s' is no kind of file for"),
    ],
)
def test_refused(install: Any, more: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=says):
        sc.export(make_power(), tmp_path, install=install, **more)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n_renamed", [0, 1, 2, 3, 4, 7, 8])
def test_an_installation_that_was_killed(n_renamed: int, tmp_path: Path) -> None:
    """What is there is the old library or the new one, or is refused as a mixture; the next build mends it."""
    x = T.vector("x")
    before = sc.function([x], x * 2, name="f")
    sc.export(before, tmp_path, install="1.0")
    export_killed(tmp_path, n_renamed,
                  lambda: sc.export(sc.function([x], x * 3, name="f"), tmp_path, install="1.1"))
    wanted = {0: [2.0], 4: [3.0], 7: [3.0], 8: [3.0]}.get(n_renamed)
    try:
        assert load(tmp_path / "lib" / "libf.so")([1.0]).tolist() == wanted  # type: ignore[operator]
    except LibraryError as error:
        assert "of different builds" in str(error) and wanted is None
    (tmp_path / "main.c").write_text('#include "f.h"\nint main(void) { double x[] = {1}, r[1] = {0};\n'
                                     "  return f(x, 1, 1, r, 1, 0, 0) || (r[0] != 2 && r[0] != 3); }\n")
    lib = tmp_path / "lib"
    run(CC, f"-I{tmp_path / 'include'}", tmp_path / "main.c", f"-L{lib}", "-lf", f"-Wl,-rpath,{lib}", "-o",
        tmp_path / "main")
    run(tmp_path / "main")
    sc.export(before, tmp_path, install="1.2")
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["include", "lib"]
    assert load(lib / "libf.so")([1.0]).tolist() == [2.0]  # type: ignore[operator]
