"""Targets by name: what is accepted, what is refused and how, and that nothing ends the process."""

from __future__ import annotations

import pytest

from scancc.codegen import cpu
from scancc.codegen.cpu_names import CPU_NAMES
from scancc.codegen.target import Target, TargetError, host, parse

SQUARE = "define double @square(double %x) {\n  %y = fmul double %x, %x\n  ret double %y\n}\n"


@pytest.mark.parametrize(
    ("text", "triple", "cpu_name"),
    [
        ("x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3"),
        ("x86_64-linux-gnu:znver4", "x86_64-unknown-linux-gnu", "znver4"),
        ("x86_64-pc-linux-musl", "x86_64-pc-linux-musl", "generic"),
        ("aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "generic"),
        ("arm64", "aarch64-unknown-linux-gnu", "generic"),
        ("neoverse-n1", "aarch64-unknown-linux-gnu", "neoverse-n1"),
        ("sifive-u74", "riscv64-unknown-linux-gnu", "sifive-u74"),
        ("wasm32", "wasm32-unknown-unknown", "generic"),
        ("apple-m1", "aarch64-apple-macosx11.0.0", "apple-m1"),
        ("x86_64-apple-darwin23.1", "x86_64-apple-macosx11.0.0", "generic"),
        ("x86_64-w64-mingw32", "x86_64-pc-windows-gnu", "generic"),
        ("aarch64-windows", "aarch64-unknown-windows-msvc", "generic"),
        ("riscv64-linux-gnu", "riscv64-unknown-linux-gnu", "generic-rv64"),
        ("aarch64-none-elf:cortex-a72", "aarch64-unknown-none-elf", "cortex-a72"),
    ],
)
def test_names_and_triples(text: str, triple: str, cpu_name: str) -> None:
    target = parse(text)
    assert (target.triple, target.cpu, target.kind) == (triple, cpu_name, "cpu")
    assert len(cpu.compile_object(SQUARE, target)) > 100


def test_native_is_the_host() -> None:
    assert parse("native") is host()
    assert cpu.compile_object(SQUARE, host())[:4] == b"\x7fELF" or "linux" not in host().triple


@pytest.mark.parametrize(
    ("text", "say"),
    [
        ("x86-64-v9", "did you mean x86-64-v"),
        ("zenver4", "did you mean znver4"),
        ("x86_64-linux-gnu:znver44", "did you mean znver4"),
        ("x86_64-linux-gnu:i386", "no processor 'i386'"),
        ("i686-linux-gnu", "there is no target"),
        ("x86_64-linx-gnu", "did you mean linux"),
        ("x86_64-linux-gnu-more", "the word 'more'"),
        ("sm_91", "did you mean sm_9"),
        ("x86-64-v3:avx2", "does not start with + or -"),
        ("x86-64-v3:+nonsense", "cannot compile for x86-64-v3 with the features"),
        ("x86-64:-sse2", "cannot compile"),
        ("a:b:c:d", "more than three parts"),
        ("-mcpu=help", "there is no target"),
        ("help", "there is no target"),
        ("\x00", "there is no target"),
        ("x86_64-linux-gnu:a b", "no processor"),
    ],
)
def test_refused(text: str, say: str) -> None:
    with pytest.raises(TargetError, match=say.replace("+", r"\+")):
        parse(text)


def test_explicit_features() -> None:
    target = parse("x86-64-v3:-fma")
    assert not target.has_fma
    assert parse("x86-64-v3").has_fma
    assert parse("x86-64-v3:+avx512f").vector_bytes == 64


@pytest.mark.parametrize(
    ("text", "nbytes"), [("x86-64", 16), ("haswell", 32), ("znver4", 64), ("knl", 32), ("neoverse-n1", 16)]
)
def test_vector_width(text: str, nbytes: int) -> None:
    assert parse(text).vector_bytes == nbytes


def test_fma_and_width_are_what_llvm_has() -> None:
    """Where a processor is said to have fused multiply-add and wide vectors, its code uses them."""
    said = [parse(f"x86_64-linux-gnu:{name}") for name in sorted(CPU_NAMES["x86_64"])]
    for target in (t for t in said if t.has_fma):
        text = _fma_assembly(target, target.vector_bytes // 8)
        assert text.count("vfmadd") == 1, target
        assert {32: "%ymm0", 64: "%zmm0"}[target.vector_bytes] in text, target
    assert not any(t.vector_bytes > 16 and not t.has_fma for t in said)


def _fma_assembly(target: Target, lanes: int) -> str:
    v = f"<{lanes} x double>"
    fma = f"{v} @llvm.fma.v{lanes}f64({v} %x, {v} %x, {v} %x)"
    declare = f"declare {fma.replace(' %x', '')}\n"
    return cpu.assembly(declare + f"define {v} @f({v} %x) {{\n  %y = call {fma}\n  ret {v} %y\n}}\n", target)


def test_gpu_targets_ask_for_the_lowest_ptx() -> None:
    target = parse("sm_90")
    assert target == Target("nvptx64-nvidia-cuda", "sm_90", "+ptx78", "ptx", "sm_90")
    kernel = "define ptx_kernel void @k(ptr %p) {\n  store double 1.0, ptr %p\n  ret void\n}\n"
    ptx = cpu.assembly(kernel, target)
    assert ".version 7.8" in ptx and ".target sm_90" in ptx
