"""Object code of a module: symbols, optimisation, faults of the printer."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest

import scancc as sc
from scancc.codegen import cpu
from scancc.codegen.binding import binding
from scancc.codegen.target import host, parse
from scancc.errors import InternalError, UnsupportedError
from tests.programs import users

INLINED = """
define internal double @twice(double %x) alwaysinline {
  %y = fadd double %x, %x
  ret double %y
}
define i32 @f(ptr noalias %p, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i1, %loop ]
  %q = getelementptr double, ptr %p, i64 %i
  %x = load double, ptr %q
  %y = call double @twice(double %x)
  store double %y, ptr %q
  %i1 = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %i1, %n
  br i1 %more, label %loop, label %done
done:
  ret i32 0
}
"""


@pytest.mark.parametrize("opt_level", [0, 1, 2, 3])
def test_every_level_gives_an_elf_object(opt_level: int) -> None:
    code = cpu.compile_object(INLINED, parse("x86-64-v3"), opt_level)
    assert code[:4] == b"\x7fELF"
    assert code[16:18] == b"\x01\x00"  # ET_REL


@pytest.mark.parametrize("opt_level", [1, 2])
def test_inlined_and_not_vectorised(opt_level: int) -> None:
    text = cpu.optimised_text(INLINED, parse("x86-64-v3"), opt_level)
    assert "@twice" not in text
    assert "x double>" not in text
    assert "x double>" in cpu.optimised_text(INLINED, parse("x86-64-v3"), 3)


def test_the_same_text_gives_the_same_bytes() -> None:
    assert cpu.compile_object(INLINED, host()) == cpu.compile_object(INLINED, host())


def test_assembly_of_the_target() -> None:
    assert "fadd" in cpu.assembly(INLINED, parse("aarch64"))


@pytest.mark.parametrize(
    "text",
    ["define i32 @f() {\n  ret double 0.0\n}\n", "define i32 @f( {", "define i32 @f() {\n  ret i32 %x\n}\n"],
)
def test_refused_text_is_kept_for_a_report(text: str) -> None:
    with pytest.raises(InternalError, match="fault of scancc") as error:
        cpu.compile_object(text, host())
    found = re.search(r"kept in (\S+\.ll)", str(error.value))
    assert found is not None
    path = Path(found.group(1))
    assert path.read_text() == text
    path.unlink()


def test_no_object_for_a_gpu() -> None:
    with pytest.raises(UnsupportedError, match="PTX text"):
        cpu.compile_object("", parse("sm_80"))


def test_code_runs(tmp_path: Path) -> None:
    """Linked by LLVM's own JIT here: the runtime's loader has its own tests."""
    llvm = binding()
    machine = llvm.Target.from_triple(host().triple).create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(cpu.compile_object(INLINED, host())))
    engine.finalize_object()
    values = (ctypes.c_double * 3)(1.0, 2.5, -3.0)
    call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64)(engine.get_function_address("f"))
    assert call(ctypes.addressof(values), 3) == 0
    assert list(values) == [2.0, 5.0, -6.0]


def test_a_long_query_is_an_object_of_its_own() -> None:
    model = users.build(users.kalman)
    f = sc.function(model.inputs, model.outputs)
    f.prepare()
    parts = f.compiled.parts
    assert "__query(" in parts.queries and "__query(" not in parts.main
    assert f.compiled.artifact().query_code
    assert np.allclose(f(*model.args)[0], model.twin(*model.args)[0])
    with pytest.raises(ValueError, match="the last axis of the first factor has length 4"):
        f(model.args[0], np.ones((3, 4)), *model.args[2:])
    assert "__query(" in f.export_form().llvm_text
