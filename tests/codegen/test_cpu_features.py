"""What code for a target needs of a processor, and libraries that say whether this one has it."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import cpu, target
from scancc.codegen.cpu_features import FEATURES, check_text, required
from scancc.codegen.target import Target
from scancc.errors import UnsupportedError
from scancc.flat_bench import entry_of_file
from scancc.runtime import elf, load

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
X86 = FEATURES["x86_64"]
on_x86 = pytest.mark.skipif(target.host_arch() != "x86_64", reason="runs code for x86-64")


def lacking() -> str:
    """A feature that this machine does not have."""
    return next(name for name in X86 if name not in required(target.host()))


def doubled() -> Any:
    x = T.vector("x")
    return sc.function([x], x * 2, name="doubled")


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_levels_need_what_the_abi_says(level: str, capfd: pytest.CaptureFixture[str]) -> None:
    levels = list(target._LEVELS)
    said = {name for lower in levels[:levels.index(level) + 1] for name in target._LEVELS[lower]}
    assert set(required(target.parse(level))) == said & X86.keys()
    assert capfd.readouterr().err == ""  # LLVM knows every name of the table


@pytest.mark.parametrize("text", ["x86-64", "aarch64-linux-gnu", "riscv64-linux-gnu", "wasm32", "sm_90"])
def test_the_least_processors_need_nothing(text: str) -> None:
    assert required(target.parse(text)) == ()


def test_features_given_one_by_one(capfd: pytest.CaptureFixture[str]) -> None:
    found = required(Target("x86_64-unknown-linux-gnu", "x86-64", "+avx"))
    assert {"sse4.2", "avx"} <= set(found) and "avx2" not in found
    assert "avx512f" not in required(Target("x86_64-unknown-linux-gnu", "znver4", "-avx512f"))
    assert required(Target("aarch64-unknown-linux-gnu", "cortex-a72", "+sve")) == ("fullfp16", "sve")
    assert "dotprod" in required(Target("aarch64-unknown-linux-gnu", "neoverse-n1"))
    assert capfd.readouterr().err == ""


@on_x86
def test_every_bit_of_the_table_is_what_llvm_says_of_this_machine() -> None:
    base = Target(target.host().triple, "x86-64")
    code = elf.load(cpu.compile_object(check_text("f", list(X86), base), base))
    missing = ctypes.CFUNCTYPE(ctypes.c_uint64)(code.address("f__missing"))()
    there = {word[1:] for word in target.host().features.split(",") if word[0] == "+"}
    said = {word[1:] for word in target.host().features.split(",")}
    found = {name for n, name in enumerate(X86) if not missing >> n & 1}
    assert found & said == there & X86.keys()
    assert ctypes.CFUNCTYPE(ctypes.c_int32)(code.address("f_supported"))() == 0


@on_x86
@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_code_that_this_processor_lacks_something_for_is_refused_and_c_may_ask(tmp_path: Path) -> None:
    """It ended the process."""
    sc.export(doubled(), tmp_path / "f", target=Target(target.host().triple, "x86-64", f"+{lacking()}"))
    with pytest.raises(UnsupportedError, match=rf"f\.so is compiled for features .* lacks: .*\b{lacking()}"):
        load(tmp_path / "f.so")
    with pytest.raises(UnsupportedError, match=rf"f\.so is compiled for features .* lacks: .*\b{lacking()}"):
        entry_of_file(str(tmp_path / "f.json"))
    sc.export(doubled(), tmp_path / "base", target="x86-64")
    for name in ("f", "base"):
        (tmp_path / "main.c").write_text(
            f'#include "{name}.h"\n#include <stdio.h>\nint main(void) {{ printf("%d", doubled_supported()); }}\n')
        subprocess.run([str(CC), f"-I{tmp_path}", tmp_path / "main.c", tmp_path / f"{name}.a", "-o", tmp_path / name],
                       check=True)
        assert subprocess.run([tmp_path / name], capture_output=True, text=True, check=True).stdout == (
            "0" if name == "f" else "1")
    assert lacking() in (tmp_path / "f.h").read_text()
    np.testing.assert_array_equal(load(tmp_path / "base.so")([1.0]), [2.0])


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_a_manifest_of_another_machine_or_without_the_names(tmp_path: Path) -> None:
    sc.export(doubled(), tmp_path / "f")
    manifest = json.loads((tmp_path / "f.json").read_text())
    for triple, say in (("sparc64-linux-gnu", "is code for sparc64, and this machine is"), (None, None)):
        manifest["target"] = {"triple": triple} if triple else {}
        (tmp_path / "f.json").write_text(json.dumps(manifest))
        if say is None:
            np.testing.assert_array_equal(load(tmp_path / "f.so")([1.0]), [2.0])
            continue
        with pytest.raises(UnsupportedError, match=say):
            load(tmp_path / "f.so")
