"""Objects for machines other than this one: what they are, that they link with nothing else, that they run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.c_names import ExportError
from scancc.codegen.exports import symbols
from scancc.codegen.exports.export import export
from scancc.codegen.exports.link import NoCompilerError, c_compiler
from scancc.codegen.target import host_arch, parse

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def power() -> Any:
    A, k = T.vector("A"), T.iscalar("k")
    powers, updates = sc.scan(lambda prior, A: prior * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    return sc.function([A, k], powers[-1], updates=updates, name="power")


def run(*command: str | Path) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("text", "head", "archive"),
    [
        ("apple-m1", "cffaedfe 0c000001", b"__.SYMDEF"),
        ("x86_64-apple-darwin", "cffaedfe 07000001", b"__.SYMDEF"),
        ("x86_64-pc-windows-msvc", "6486", b"/ "),
        ("x86_64-w64-mingw32", "6486", b"/ "),
        ("aarch64-windows", "64aa", b"/ "),
        ("wasm32", "0061736d 01000000", b"/ "),
        ("riscv64-linux-gnu", "7f454c46 02", b"/ "),
        ("x86_64-unknown-freebsd", "7f454c46 02", b"/ "),
    ],
)
def test_formats(power: Any, text: str, head: str, archive: bytes, tmp_path: Path) -> None:
    """Each system's own; the symbols are read from it, and the archive has them."""
    export(power, tmp_path, target=text, emit="o,a,h,json")
    code = (tmp_path / "power.o").read_bytes()
    assert code.startswith(bytes.fromhex(head))
    public = {"power", "power_query", "power_error", "power_supported", "power__run", "power__query"}
    assert public <= set(symbols.defined(code))
    assert all(symbols.is_allowed(s, parse(text).triple) for s in symbols.undefined(code))
    data = (tmp_path / "power.a").read_bytes()
    assert archive in data[:80] and data.count(b"power_query\0") >= 2
    assert json.loads((tmp_path / "power.json").read_text())["target"]["triple"] == parse(text).triple


@pytest.mark.parametrize("text", ["x86_64-linux-gnu", "aarch64-apple-darwin", "x86_64-windows", "riscv64-linux-gnu",
                                  "wasm32"])
def test_foreign_symbols_are_seen_in_every_format(text: str) -> None:
    from scancc.codegen import cpu

    code = cpu.compile_object("declare i32 @getpid()\ndeclare double @exp(double)\n@here = global i32 1\n"
                              "define double @f(double %x) {\n  %p = call i32 @getpid()\n  store i32 %p, ptr @here\n"
                              "  %y = call double @exp(double %x)\n  ret double %y\n}\n", parse(text))
    assert set(symbols.undefined(code)) - {"_fltused", "_GLOBAL_OFFSET_TABLE_"} >= {"getpid", "exp"}
    assert {"f", "here"} <= set(symbols.defined(code))
    with pytest.raises(ExportError, match="the code of f for this target calls getpid,"):
        symbols.check_symbols(code, "f", parse(text))


def test_riscv64_has_what_its_systems_have(power: Any, tmp_path: Path) -> None:
    """LLVM's riscv64 multiplies by calls of a library, and passes floats in integers' registers."""
    export(power, tmp_path, target="riscv64-linux-gnu", emit="o,s")
    assert (tmp_path / "power.o").read_bytes()[48] == 0x5  # compressed code; the ABI of double floats
    assert "fmul.d" in (tmp_path / "power.s").read_text()
    assert parse("riscv64-linux-gnu:sifive-u74").features == ""


def test_float16_is_named_where_it_lacks(tmp_path: Path) -> None:
    h = T.vector("h", dtype="float16")
    halves = sc.function([h], h * h, name="halves")
    with pytest.raises(ExportError, match="halves computes with float16, which riscv64"):
        export(halves, tmp_path, target="riscv64-linux-gnu", emit="o")
    assert export(halves, tmp_path, target="aarch64-linux-gnu", emit="o").files


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int64"])
@pytest.mark.parametrize("text", ["wasm32", "wasm32:generic:+simd128", "cortex-m4", "arm-linux-gnueabihf",
                                  "riscv64-linux-gnu", "apple-m1", "x86_64-windows"])
def test_products_of_every_shape(text: str, dtype: str, tmp_path: Path) -> None:
    """Registers may hold two numbers, one, or less than one."""
    a, b, v = T.matrix("a", dtype=dtype), T.matrix("b", dtype=dtype), T.vector("v", dtype=dtype)
    outputs = [a @ b, a @ b.T, a.T @ b, a @ v, v @ a, a @ v[:, None], T.outer(v, v)]
    assert export(sc.function([a, b, v], outputs, name="products"), tmp_path, target=text, emit="o").files


@pytest.mark.parametrize("text", ["x86_64-unknown-freebsd", "x86_64-none-elf", "x86_64-linux-musl", "apple-m1",
                                  "x86_64-windows", "wasm32"])
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on this machine")
@pytest.mark.parametrize("chosen", ["", "cc"])
def test_the_hosts_compiler_links_no_foreign_objects(text: str, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", chosen)
    if text == "x86_64-linux-musl" and shutil.which("x86_64-linux-musl-gcc"):
        pytest.skip("a compiler for musl is there")
    with pytest.raises(NoCompilerError, match="no C compiler for"):
        c_compiler(parse(text))


@pytest.mark.parametrize("arch", ["aarch64", "riscv64"])
def test_it_runs_emulated(power: Any, arch: str, tmp_path: Path) -> None:
    """The example in C, linked with the archive."""
    compiler, emulator = shutil.which(f"{arch}-linux-gnu-gcc"), shutil.which(f"qemu-{arch}")
    if compiler is None or emulator is None or arch == host_arch():
        pytest.skip(f"no compiler and emulator for {arch} on this machine")
    export(power, tmp_path, target=f"{arch}-linux-gnu", emit="a,h")
    run(compiler, "-static", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{tmp_path}",
        ROOT / "examples" / "power.c", tmp_path / "power.a", "-lm", "-o", tmp_path / "power")
    assert run(emulator, tmp_path / "power").splitlines()[:2] == ["1 ** 3 = 1", "2 ** 3 = 8"]


PRODUCTS = r"""
#include <stdio.h>
#include <stdlib.h>
#include "products.h"
static REAL *numbers(int64_t n, int64_t seed) {
    REAL *x = malloc((n + 1) * sizeof(REAL));
    for (int64_t i = 0; i < n; i++) x[i] = (REAL)((i * 7 + seed) % 5 - 2);
    return x;
}
int main(void) {
    static const int64_t sizes[][3] = {SIZES};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
        REAL *a = numbers(m * k, 1), *b = numbers(k * n, 2), *c = numbers(n * k, 3);
        REAL *ab = numbers(m * n, 0), *ac = numbers(m * n, 0);
        products_arguments call = {.a = a, .a_n0 = m, .a_n1 = k, .b = b, .b_n1 = n, .c = c, .c_n0 = n,
                                   .result0 = ab, .result1 = ac};
        if (products_call_query(&call)) return 2;
        call.workspace = malloc(call.workspace_nbytes + 1);
        if (products_call(&call)) return 3;
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double x = 0, y = 0;  /* whole numbers, exact in any order */
                for (int64_t t = 0; t < k; t++) x += a[i * k + t] * b[t * n + j], y += a[i * k + t] * c[j * k + t];
                if (ab[i * n + j] != x || ac[i * n + j] != y) return printf("%d %d %d\n", (int)m, (int)k, (int)n), 1;
            }
    }
    puts("right");
    return 0;
}
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.skipif(not (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")),
                    reason="no compiler and emulator for aarch64 on this machine")
def test_products_run_emulated(dtype: str, tmp_path: Path) -> None:
    """Each way of making one: a row, few rows, few columns, columns along memory and those that meet, packed ones."""
    a, b, c = (T.matrix(name, dtype=dtype) for name in "abc")
    products = sc.function([a, b, c], [a @ b, a @ c.T], name="products")
    export(products, tmp_path, target="aarch64-linux-gnu", emit="a,h")
    sizes = [(1, 70, 40), (3, 0, 2), (2, 512, 21), (4, 256, 9), (50, 512, 3), (40, 70, 1), (9, 65, 2), (7, 66, 3),
             (20, 130, 11), (70, 1030, 19)]
    text = PRODUCTS.replace("SIZES", ", ".join(f"{{{m}, {k}, {n}}}" for m, k, n in sizes))
    (tmp_path / "main.c").write_text(text.replace("REAL", "float" if dtype == "float32" else "double"))
    run("aarch64-linux-gnu-gcc", "-static", "-O1", f"-I{tmp_path}", tmp_path / "main.c", tmp_path / "products.a",
        "-lm", "-o", tmp_path / "main")
    assert run("qemu-aarch64", tmp_path / "main") == "right\n"


WASM_LD = next(filter(None, map(shutil.which, ("wasm-ld", *(f"wasm-ld-{n}" for n in range(30, 13, -1))))), None)
WASM = """
const module = new WebAssembly.Module(require('fs').readFileSync(process.argv[1]));
const e = new WebAssembly.Instance(module, {}).exports, at = e.__heap_base.value;
new Float64Array(e.memory.buffer, at, 3).set([1, 2, 3]);
const status = e.power(at, 3n, 1n, 4, at + 64, 1n, at + 128, 4096n);
console.log(status, new Float64Array(e.memory.buffer, at + 64, 3).join(' '), e.power(at, -1n, 1n, 4, at, 1n, 0, 0n));
"""


@pytest.mark.parametrize("text", ["wasm32", "wasm32:generic:+simd128"])
@pytest.mark.skipif(not (shutil.which("node") and WASM_LD), reason="no node or wasm-ld here")
def test_wasm_in_node(power: Any, text: str, tmp_path: Path) -> None:
    """It imports nothing."""
    export(power, tmp_path, target=text, emit="o")
    run(WASM_LD, "--no-entry", "--export-all", tmp_path / "power.o", "-o", tmp_path / "power.wasm")
    assert run("node", "-e", WASM, tmp_path / "power.wasm") == "0 1 16 81 -2\n"
