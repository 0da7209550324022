"""Exported files: C and C++ compilers accept them, they link, they load, and they are whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import cpu
from scancc.codegen.c_names import ExportError
from scancc.codegen.exports import symbols
from scancc.codegen.exports.archive import archive
from scancc.codegen.exports.export import ASKED_FOR, CPU_KINDS, export
from scancc.codegen.exports.paths import path_map_of
from scancc.codegen.exports.signature import entry_of
from scancc.codegen.target import host, host_arch
from scancc.ir.parser import parse
from scancc.ir.printer import print_op
from scancc.runtime import load
from scancc.runtime.library import LibraryError
from scancc.user_files import load_function
from tests.codegen.killed import export_killed, export_killed_meanwhile

ROOT = Path(__file__).parents[2]
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
USUAL = [kind for kind in CPU_KINDS if kind not in ASKED_FOR]
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")


def make_power() -> Any:
    A, k = T.vector("A"), T.iscalar("k")
    powers, updates = sc.scan(
        lambda prior, A: prior * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k
    )
    return sc.function([A, k], powers[-1], updates=updates, name="power")


def make_layer() -> Any:
    x, W, b = T.vector("x"), T.matrix("W"), T.vector("b")
    return sc.function([x, W, b], [T.tanh(x.dot(W) + b), x.sum()], name="layer")


def make_until() -> Any:
    x = T.dscalar("x")
    values, _ = sc.scan(
        lambda p: (p * 2, sc.until(p * 2 > x)), outputs_info=T.constant(1.0), n_steps=1000
    )
    return sc.function([x], values, name="powers_of_2")


@pytest.fixture(scope="module")
def power() -> Any:
    return make_power()


@pytest.fixture(scope="module")
def built(power: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    done = export(power, folder)
    assert [p.suffix.lstrip(".") for p in done.files] == [k for k in USUAL if CC or k != "so"]
    return folder


def run(*command: str | Path) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")


@needs_cc
def test_example_in_c(built: Path, tmp_path: Path) -> None:
    program = tmp_path / "power_c"
    source = ROOT / "examples" / "power.c"
    run(CC or "", "-std=c99", *STRICT, "-Wconversion", f"-I{built}", source, built / "power.a", "-o", program)
    lines = run(program).splitlines()
    assert lines[:4] == ["1 ** 3 = 1", "2 ** 3 = 8", "3 ** 3 = 27", "4 ** 3 = 64"]
    assert lines[4].startswith("k = -1: ") and "steps" in lines[4]


@needs_cc
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler on this machine")
def test_header_in_cpp(built: Path, tmp_path: Path) -> None:
    source = tmp_path / "main.cpp"
    source.write_text(
        '#include "power.h"\n#include "power.h"\n#include <vector>\nint main() {\n'
        "  std::vector<double> a{2, 3}, r(2);\n"
        "  if (power(a.data(), 2, 1, 5, r.data(), 1, nullptr, 0) != 0) return 1;\n"
        "  return r[0] == 32 && r[1] == 243 && POWER_ABI_VERSION == 2 ? 0 : 2;\n}\n"
    )
    run("g++", "-std=c++11", *STRICT, f"-I{built}", source, built / "power.o", "-o", tmp_path / "main")
    run(tmp_path / "main")


@needs_cc
@pytest.mark.skipif(shutil.which("nm") is None, reason="no binutils on this machine")
def test_archive_as_the_system_reads_it(built: Path) -> None:
    index = run("nm", "--print-armap", built / "power.a").split("\n\n")[0].split("Archive index:\n")[1]
    assert "power in power.o" in index and "power__run in power.o" in index
    assert run("ar", "t", built / "power.a").split() == ["power.o"]


def test_archive_of_members_with_long_names_and_odd_sizes() -> None:
    data = archive([("a.o", b"xyz"), ("a_name_of_many_letters.o", b"12")])
    assert data.startswith(b"!<arch>\n/ ")
    assert b"a_name_of_many_letters.o/\n" in data
    assert len(data) % 2 == 0
    assert data.endswith(b"xyz\n" + data[-62:]) and data.endswith(b"12")


def test_nothing_undefined_but_libm_and_mem(built: Path) -> None:
    code = (built / "power.o").read_bytes()
    named = {"power", "power_query", "power_error", "power_supported", "power__run", "power__query", "power__missing",
             "power_call", "power_call_query", "power_manifest"}
    found = {name for name in symbols.defined(code) if not re.search(r"\.[0-9a-f]{8}$", name)}
    assert found - {"power__cpuid", "power__xgetbv"} == named
    assert all(symbols.is_allowed(s) for s in symbols.undefined(code))


def test_foreign_symbols_are_refused() -> None:
    text = "declare i32 @getpid()\ndefine i32 @f() {\n  %x = call i32 @getpid()\n  ret i32 %x\n}\n"
    with pytest.raises(ExportError, match="calls getpid"):
        symbols.check_symbols(cpu.compile_object(text, host()), "f", host())
    assert not symbols.is_allowed("expm2") and symbols.is_allowed("expm1f")


@needs_cc
def test_library_loads_without_the_compiler(built: Path) -> None:
    """In a process where llvmlite cannot be imported."""
    script = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "import numpy as np, scancc.runtime\n"
        f"f = scancc.runtime.load({str(built / 'power.so')!r})\n"
        "print(f(np.array([1.0, 2.0, 3.0]), 3).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT, check=True
    )
    assert done.stdout == "[1.0, 8.0, 27.0]\n"


@needs_cc
def test_several_functions_in_one_library(tmp_path: Path) -> None:
    done = export([make_power(), make_layer(), make_until()], tmp_path / "all", prefix="my_")
    assert {p.name for p in done.files} >= {"all.a", "all.so", "all.h", "all.json", "my_layer.o", "my_power.ll"}
    functions = load(tmp_path / "all.so")
    assert isinstance(functions, dict)
    assert set(functions) == {"my_power", "my_layer", "my_powers_of_2"}
    x, W = np.arange(3.0), np.ones((3, 2))
    y, total = functions["my_layer"](x, W, np.zeros(2))
    np.testing.assert_allclose(y, np.tanh(x @ W), rtol=1e-14)
    assert total == 3.0
    assert functions["my_powers_of_2"](45.0).tolist() == [2, 4, 8, 16, 32, 64]
    with pytest.raises(ValueError, match="must agree") as caught:
        functions["my_layer"](x, np.ones((4, 2)), np.zeros(2))
    place = caught.value.__notes__[0].removeprefix("written at ")
    assert place.startswith("tests/codegen/test_export.py:")  # from the outermost package on
    assert f"must agree ({Path(place).name})" in (tmp_path / "all.h").read_text().replace("\n *     ", " ")


@needs_cc
def test_rows_of_a_loop_that_ends_early_in_c(tmp_path: Path) -> None:
    export(make_until(), tmp_path / "powers_of_2", emit="a,h")
    (tmp_path / "main.c").write_text(
        '#include "powers_of_2.h"\n#include <stdio.h>\nint main(void) {\n'
        "  static double r[1000]; static char w[1 << 16]; int64_t n = 0, most = 0, need = 0;\n"
        "  if (powers_of_2_query(45, &most, &need, 0) || most != 1000 || need > (int64_t)sizeof w) return 1;\n"
        "  if (powers_of_2(45, r, 1, &n, w, need)) return 2;\n"
        '  printf("%d %g %g\\n", (int)n, r[0], r[n - 1]); return 0;\n}\n'
    )
    if entry_of(make_until().export_form()).outputs[0].shape == (1000,):
        pytest.skip("the query gives no size where it is known")
    files = (tmp_path / "main.c", tmp_path / "powers_of_2.a")
    run(CC or "", *STRICT, f"-I{tmp_path}", *files, "-o", tmp_path / "main")
    assert run(tmp_path / "main") == "6 2 64\n"


@needs_cc
def test_a_guessed_bound_in_c(tmp_path: Path) -> None:
    """Each step sorts as many numbers as its state says: only running the loop tells how many that are."""
    n, steps = T.lscalar("n"), T.lscalar("steps")
    sums, _ = sc.scan(lambda s: T.sort(T.arange(s) * 7 % 5).sum() % 11 + 3, outputs_info=n, n_steps=steps)
    function = sc.function([n, steps], sums, name="sums")
    export(function, tmp_path / "sums", emit="a,h,so,json")
    (tmp_path / "main.c").write_text(
        '#include "sums.h"\n#include <stdio.h>\n#include <string.h>\nint main(void) {\n'
        "  int64_t r[6], rows, need, bound = -7; static char w[1 << 12]; int32_t status; int calls = 0;\n"
        "  for (;; bound = bound < 1 ? 1 : 2 * bound) {\n"
        "    if (sums_query(40, 6, bound, &rows, &need, 0) || rows != 6 || need > (int64_t)sizeof w) return 1;\n"
        "    calls++;\n"
        "    if (!(status = sums(40, 6, bound, r, 1, w, need))) break;\n"
        "    char text[200]; sums_error(status, 0, text, sizeof text);\n"
        '    if (status < 0 || !strstr(text, "bound_0 is too small")) return 2;\n'
        "  }\n"
        '  printf("%d %d:", calls, (int)bound); for (int i = 0; i < 6; i++) printf(" %d", (int)r[i]); return 0;\n}\n'
    )
    run(CC or "", *STRICT, f"-I{tmp_path}", tmp_path / "main.c", tmp_path / "sums.a", "-o", tmp_path / "main")
    assert run(tmp_path / "main") == "8 64: 6 13 7 4 10 12"
    assert load(tmp_path / "sums.so")(40, 6).tolist() == function(40, 6).tolist() == [6, 13, 7, 4, 10, 12]
    assert "starts again" in (tmp_path / "sums.h").read_text()


def test_equal_dimensions_are_passed_once() -> None:
    entry = entry_of(make_layer().export_form())
    names = [a.name for a in entry.arguments]
    assert names[:9] == ["x", "x_n0", "x_s0", "W", "W_n1", "W_s0", "W_s1", "b", "b_s0"]
    assert entry.output_dims[0] == ("W_n1",)
    assert not any(entry.early)


def test_early_outputs_are_found() -> None:
    assert entry_of(make_until().export_form()).early == ((0,),)


def test_only_what_was_asked_for(power: Any, tmp_path: Path) -> None:
    export(power, tmp_path / "p.so", emit=["h", ".ll"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.h", "p.ll"]


def test_llvm_text_is_the_whole_module(built: Path) -> None:
    text = (built / "power.ll").read_text()
    assert cpu.compile_object(text, host())
    assert "@power(" in text and "@power__run(" in text
    assert "power:" in (built / "power.s").read_text()


def test_other_target(power: Any, tmp_path: Path) -> None:
    done = export(power, tmp_path, target="aarch64-linux-gnu", emit=("o", "a", "h", "json", "s"))
    assert len(done.files) == 5
    assert (tmp_path / "power.o").read_bytes()[18] == 183  # EM_AARCH64
    manifest = json.loads((tmp_path / "power.json").read_text())
    assert manifest["target"]["triple"] == "aarch64-unknown-linux-gnu" and "file" not in manifest


def test_without_a_c_compiler(power: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.warns(UserWarning, match="no C compiler") as warned:
        done = export(power, tmp_path / "out" / "p")
    assert warned[0].filename == __file__
    assert done.missing == ("so",)
    assert {p.name for p in done.files} == {f"p.{kind}" for kind in USUAL if kind != "so"}


def test_a_failing_c_compiler_is_quoted(power: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{sys.executable} -c 'raise SystemExit(\"no such flag\")'")
    with pytest.raises(ExportError, match="no such flag"):
        export(power, tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        ({"emit": "o,exe"}, "'exe' is no kind of file"),
        ({"emit": "ptx"}, "'ptx' is no kind"),
        ({"prefix": "a-"}, "no name in C"),
        ({"prefix": "2"}, "no name in C"),
        ({"prefix": 2}, "prefix is 2; give the text"),
        ({"emit": []}, "nothing would be written"),
        ({"emit": 5}, "emit is 5; give kinds of files"),
        ({"target": "z80"}, "there is no target 'z80'"),
        ({"target": "x86-64-v99"}, "there is no target 'x86-64-v99'.*did you mean x86-64"),
        ({"target": "sm_1"}, "there is no GPU target 'sm_1'"),
        ({"target": 90}, "target is 90; give a text"),
    ],
)
def test_refused(power: Any, tmp_path: Path, arguments: dict[str, Any], say: str) -> None:
    with pytest.raises((ValueError, TypeError), match=say):
        export(power, tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_names_that_collide(power: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="two functions are named 'power'"):
        export([power, make_power()], tmp_path)
    with pytest.raises(ExportError, match="cannot be exported"):
        export(len, tmp_path)
    with pytest.raises(ExportError, match="nothing to export"):
        export([], tmp_path)
    x = T.dscalar("x")
    with pytest.raises(ExportError, match="of the C language or its library"):
        export(sc.function([x], x * 2, name="exp"), tmp_path)


@needs_cc
def test_names_beyond_ascii_and_odd_library_names(tmp_path: Path) -> None:
    x = T.dvector("größe")
    function = sc.function([x], x * 2, name="größe")
    assert function([1.0]).tolist() == [2.0]
    export(function, tmp_path / "2, größen")
    assert load(tmp_path / "2, größen.so")(np.ones(2)).tolist() == [2.0, 2.0]
    source = tmp_path / "main.c"
    source.write_text('#include "2, größen.h"\nint main(void) { return gr__e_error(0, 0, 0, 0) != 8; }\n')
    run(CC or "", *STRICT, source, tmp_path / "2, größen.a", "-o", tmp_path / "main")
    run(tmp_path / "main")


def test_files_appear_whole(power: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.h").write_text("old")
    (tmp_path / "p.partial").mkdir()
    (tmp_path / "p.partial" / "p.a").write_text("what a build that was killed left")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="disk full"):
        export(power, tmp_path / "p", emit="h")
    assert [p.name for p in tmp_path.iterdir()] == ["p.h"]
    assert (tmp_path / "p.h").read_text() == "old"


def test_names_longer_than_those_of_llvm(tmp_path: Path) -> None:
    u, w = T.vector("x" * 1500), T.matrix("x" * 1500)
    export([sc.function([w, u], w * u, name="k")], tmp_path / "long", emit="so,json")
    product = load(tmp_path / "long.so")
    np.testing.assert_array_equal(product(np.ones((2, 3)), np.arange(3.0)), [[0, 1, 2]] * 2)


NAMES = ("2", "9 lives", "-1", "a b", "été", "变量", "٣", "", "%x", "@f", "a\"b", "new\nline", "nul\0", "{0}",
         "/*", "//", "for", "class", "func", "scf.for", "memref", "i64", "loc", "workspace", "bound_0", "x" * 3000,
         "\ud800")


@needs_cc
@pytest.mark.parametrize("name", NAMES)
def test_any_name_compiles_prints_and_exports(name: str, tmp_path: Path) -> None:
    x, twin, w = T.vector(name), T.scalar(name), sc.shared(1.0, name=name)
    rows, _ = sc.scan(lambda row, state: row + state + w, sequences=x, outputs_info=twin, name=name)
    function = sc.function([x, twin], {name: rows}, updates=[(w, w + 1)], name=f"{name}_")
    np.testing.assert_array_equal(function([1.0], 2.0)[name], [4.0])
    for stage in ("scan", "loop"):
        text = function.dump(stage, locations=True, form="generic")
        assert print_op(parse(text)) == text
        assert function.dump(stage, locations=True).encode()  # for people: can be printed too
    header, = export(function, tmp_path / "it", emit="h").files
    run(CC, "-Werror", "-fsyntax-only", "-x", "c", header)


@needs_cc
@pytest.mark.skipif(host_arch() != "x86_64", reason="code for x86-64 runs here")
def test_float16_needs_nothing_of_a_processor_without_it(tmp_path: Path) -> None:
    """LLVM calls a library to convert halves on x86-64 before v3; both objects bring the functions along."""
    h = T.vector("h", dtype="float16")
    functions = [sc.function([h], h * h, name=name) for name in ("f", "g")]
    export(functions, tmp_path / "halves", emit="o,so,json", target="x86-64")
    assert not any("hf" in name for path in tmp_path.glob("*.o") for name in symbols.undefined(path.read_bytes()))
    loaded = load(tmp_path / "halves.so")
    np.testing.assert_array_equal(loaded["g"](np.float16([1, 2, 3])), [1, 4, 9])  # type: ignore[index]


SOURCE = """
import scancc as sc, scancc.tensor as T
k, x, y = T.iscalar("k"), T.vector("x"), T.vector()
r, _ = sc.scan(lambda p, x: p * x, outputs_info=y, non_sequences=x, n_steps=k)
powers = sc.function([x, y, k], r[-1], name="powers")
"""


def test_the_same_source_in_another_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    """Messages held the absolute path of the source."""
    built = []
    for folder in (tmp_path / "first", tmp_path / "second of them"):
        folder.mkdir()
        (folder / "model.py").write_text(SOURCE)
        function = load_function(f"{folder / 'model.py'}:powers")
        files = export(function, folder / "out" / "it", emit="o,a,h,json,ll,s").files
        built.append({path.name: path.read_bytes() for path in files})
        export(function, folder / "mapped", emit="h", path_map={str(tmp_path): "/src", str(folder): "/here"})
        assert "(/here/model.py:4)" in (folder / "mapped.h").read_text()
    assert built[0] == built[1]
    assert not any(str(tmp_path).encode() in data for data in built[0].values())
    assert b"scan (model.py:4)" in built[0]["it.json"]


def test_path_maps_that_are_none(power: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="path_map is 'x'; give a dict"):
        export(power, tmp_path, path_map="x")  # type: ignore[arg-type]
    for wrong in ("src", "=src"):
        with pytest.raises(ExportError, match="is not of the form OLD=NEW"):
            path_map_of([wrong])
    assert path_map_of(["/a=b=c", "/d="]) == {"/a": "b=c", "/d": ""}


@needs_cc
@pytest.mark.skipif(sys.platform != "linux", reason="ELF symbols with the interface's number")
@pytest.mark.parametrize("n_renamed", [0, 3, 6])
def test_a_build_that_was_killed(n_renamed: int, tmp_path: Path) -> None:
    """Its header went with the archive of the build before, and was loaded with its library."""
    x, y = T.vector("x"), T.vector("y")
    before = sc.function([x], x * 2, name="f")
    header = export(before, tmp_path, emit="h").files[0].read_bytes()
    export(before, tmp_path)
    export_killed(tmp_path, n_renamed, lambda: export(sc.function([x, y], x * y, name="f"), tmp_path))
    source = tmp_path / "main.c"
    source.write_text('#include "f.h"\nint main(void) { double x[] = {3}, r[1];\n'
                      "  return f(x, 1, 1, r, 1, 0, 0) || r[0] != 6; }\n")
    (tmp_path / "f.h").write_bytes(header)
    linked = subprocess.run([str(CC), f"-I{tmp_path}", source, tmp_path / "f.a", "-o", tmp_path / "main"],
                            capture_output=True, text=True, check=False)
    if n_renamed == 0:
        run(tmp_path / "main")
        assert load(tmp_path / "f.so")([3.0]).tolist() == [6.0]
    else:
        assert "undefined reference to" in linked.stderr
        with pytest.raises(LibraryError, match="is not the library|of different builds"):
            load(tmp_path / "f.so")
    export(before, tmp_path)
    assert not (tmp_path / "f.partial").exists() and load(tmp_path / "f.so")([3.0]).tolist() == [6.0]


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="no shell on this machine")
def test_a_build_that_was_killed_while_its_files_get_their_names(tmp_path: Path) -> None:
    """The set is the new one, once who renames its files has ended, for whom the next build waits."""
    x, folder, kinds = T.vector("x"), tmp_path / "a b's", "o,a,h,json"  # no linker, for which a process waits, too
    folder.mkdir()
    export(sc.function([x], x * 2, name="f"), folder, emit=kinds)
    export_killed_meanwhile(lambda: export(sc.function([x], x * 3, name="f"), folder, emit=kinds))
    export(sc.function([x], x * 2, name="other"), folder, emit="h")
    assert load(folder / "f.json")([3.0]).tolist() == [9.0]
    export(sc.function([x], x * 4, name="f"), folder, emit=kinds)
    assert not (folder / "f.partial").exists() and load(folder / "f.json")([3.0]).tolist() == [12.0]
