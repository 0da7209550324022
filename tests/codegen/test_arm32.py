"""32-bit ARM: Linux's, and Cortex-M without any system; emulated, the numbers are those of x86-64 to the bit."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.exports import symbols
from scancc.codegen.target import TargetError, host_arch, parse
from tests.codegen.test_export import STRICT, make_power

MAIN = r"""
#include "model.h"
#include <stdio.h>

static double x[20], W[16], h[20], rest[4];
static float powers[4];
static char room[1 << 13];

static void show(const void *data, int n)
{
    for (int i = 0; i < n; i++)
        printf("%02x", ((const unsigned char *)data)[i]);
    printf("\n");
}

int main(void)
{
    model_arguments a = {0};
    char text[200];
    for (int i = 0; i < 20; i++)
        x[i] = i / 20.0 - 0.3;
    for (int i = 0; i < 16; i++)
        W[i] = i / 16.0 - 0.5;
    a.x = x; a.x_n0 = 5; a.x_n1 = 4; a.W = W; a.W_n0 = 4; a.W_n1 = 4; a.k = 40;
    a.h = h; a.rest = rest; a.powers = powers; a.workspace = room;
    int32_t status = model_call_query(&a);
    if (status == 0 && a.workspace_nbytes <= (int64_t)sizeof room)
        status = model_call(&a);
    printf("%d %d\n", (int)status, (int)a.h_n0);
    show(h, sizeof h);
    show(rest, sizeof rest);
    show(powers, sizeof powers);
    a.k = -3;
    model_error(model_call_query(&a), a.values, text, sizeof text);
    printf("%s\n", text);
    return 0;
}
"""

START = """
extern void _start(void);
extern char top_of_stack[];
static void reset(void)
{
#if defined(__ARM_FP)
    *(volatile unsigned *)0xE000ED88 |= 0xFu << 20; /* the floating-point unit is off at first */
    __asm__ volatile("dsb; isb");
#endif
    _start();
}
__attribute__((section(".vectors"), used)) void *const vectors[16] = {top_of_stack, (void *)reset};
"""

SCRIPT = """
MEMORY { code (rx) : ORIGIN = CODE, LENGTH = 256K  data (rw) : ORIGIN = DATA, LENGTH = 128K }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.init) *(.fini) KEEP(*(.init_array*)) } > code
  .ARM.exidx : { *(.ARM.exidx*) } > code
  .data : { *(.data*) } > data
  .bss : { __bss_start__ = .; *(.bss*) *(COMMON) __bss_end__ = .; } > data
  end = .; __end__ = .; top_of_stack = ORIGIN(data) + LENGTH(data);
}
"""


def model() -> Any:
    """Doubles and singles, a product, subnormal numbers, sorting, a check."""
    x, W, k = T.matrix("x"), T.matrix("W"), T.iscalar("k")
    h, _ = sc.scan(lambda x_t, h, W: T.tanh(x_t + T.dot(h, W)), sequences=x, outputs_info=T.zeros(4),
                   non_sequences=W)
    p, _ = sc.scan(lambda p, f: p * f, outputs_info=T.ones(4, dtype="float32"), n_steps=k,
                   non_sequences=T.constant(np.float32([0.11, 0.1, 0.5, 0.9])))
    rest = T.sort(T.exp(h).sum(axis=0)) + T.dot(W.T, W).sum(axis=0)
    return sc.function([x, W, k], {"h": h, "rest": rest, "powers": p[-1]}, name="model")


def run(*command: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder: Path, target: str, compiler: str, *flags: object) -> Path:
    sc.export(model(), folder / "model", target=target, emit="a,h")
    (folder / "main.c").write_text(MAIN)
    program = folder / "main"
    run(compiler, "-std=c99", *STRICT, f"-I{folder}", folder / "main.c", *flags, folder / "model.a", "-lm", "-o",
        program)
    return program


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the least of x86-64 gives; subnormal numbers are among it."""
    if shutil.which("gcc") is None or host_arch() != "x86_64":
        pytest.skip("no C compiler for x86-64 on this machine")
    found = run(built(tmp_path_factory.mktemp("x86"), "x86-64", "gcc"))
    powers = np.frombuffer(bytes.fromhex(found.splitlines()[3]), np.float32)
    assert 0 < powers[1] < np.finfo(np.float32).tiny and found.splitlines()[4].endswith("n_steps is -3.")
    return found


@pytest.mark.parametrize("target", ["arm-linux-gnueabihf", "cortex-a7"])
def test_on_linux(target: str, expected: str, tmp_path: Path) -> None:
    if not (shutil.which("arm-linux-gnueabihf-gcc") and shutil.which("qemu-arm")):
        pytest.skip("no compiler and emulator for 32-bit ARM on this machine")
    assert run("qemu-arm", built(tmp_path, target, "arm-linux-gnueabihf-gcc", "-static")) == expected


BOARDS = [
    ("cortex-m0", "mps2-an385", 0, 0x20000000, ()),
    ("cortex-m3", "mps2-an385", 0, 0x20000000, ()),
    ("cortex-m4", "mps2-an386", 0, 0x20000000, ("-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16")),
    ("thumbv7em-none-eabihf:cortex-m7", "mps2-an500", 0, 0x20000000, ("-mfloat-abi=hard", "-mfpu=fpv5-d16")),
    ("cortex-m33", "mps2-an505", 0x10000000, 0x38000000, ("-mfloat-abi=softfp", "-mfpu=fpv5-sp-d16")),
]


@pytest.mark.parametrize(("target", "board", "code", "data", "flags"), BOARDS, ids=[b[0] for b in BOARDS])
def test_without_a_system(target: str, board: str, code: int, data: int, flags: Any, expected: str,
                          tmp_path: Path) -> None:
    if not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")):
        pytest.skip("no compiler and emulator for Cortex-M on this machine")
    (tmp_path / "start.c").write_text(START)
    (tmp_path / "board.ld").write_text(SCRIPT.replace("CODE", hex(code)).replace("DATA", hex(data)))
    cpu = target.rpartition(":")[2]
    program = built(tmp_path, target, "arm-none-eabi-gcc", f"-mcpu={cpu}", "-mthumb", *flags, "--specs=rdimon.specs",
                    "-T", tmp_path / "board.ld", "-Wno-pedantic", tmp_path / "start.c")
    found = run("timeout", "60", "qemu-system-arm", "-M", board, "-nographic", "-semihosting-config",
                "enable=on,target=native", "-kernel", program)
    assert found == expected


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4", "thumbv7em-none-eabihf:cortex-m7", "cortex-a9"])
def test_what_it_calls(target: str, tmp_path: Path) -> None:
    """Functions that every compiler for ARM brings along, and no C library."""
    sc.export(make_power(), tmp_path, target=target, emit="o")
    code = (tmp_path / "power.o").read_bytes()
    assert code[4] == 1 and code[18] == 40  # 32 bits; EM_ARM
    assert all(re.fullmatch(r"__aeabi_\w+", name) for name in symbols.undefined(code))
    if target == "cortex-m4" and shutil.which("arm-none-eabi-gcc"):
        (tmp_path / "main.c").write_text("int power(void);\nvoid start(void) { power(); }\n")
        run("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=softfp", "-ffreestanding", "-nostdlib",
            "-Wl,-estart", tmp_path / "main.c", tmp_path / "power.o", "-lgcc", "-o", tmp_path / "main")


@pytest.mark.parametrize(
    ("text", "triple", "cpu"),
    [
        ("arm", "armv7-unknown-linux-gnueabihf", "generic"),
        ("armv7l-linux-gnueabihf:cortex-a15", "armv7-unknown-linux-gnueabihf", "cortex-a15"),
        ("cortex-m0plus", "thumbv6m-unknown-none-eabi", "cortex-m0plus"),
        ("thumbv8m.main-none-eabihf", "thumbv8m.main-unknown-none-eabihf", "generic"),
    ],
)
def test_names(text: str, triple: str, cpu: str) -> None:
    target = parse(text)
    assert (target.triple, target.cpu, target.is_32_bit, target.has_fma) == (triple, cpu, True, False)
    assert "-neon" in target.features or "thumb" in triple


def test_a_processor_of_another_profile_is_refused() -> None:
    with pytest.raises(TargetError, match="no processor 'cortex-m9'|there is no target 'cortex-m9'"):
        parse("cortex-m9")
