"""LLVM IR with the user's lines: the same instructions, which LLVM takes."""

from __future__ import annotations

import re

import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import cpu, llvm
from scancc.codegen import target as targets
from scancc.codegen.llvm.line_tables import print_with_lines
from tests.programs.tutorial import PROGRAMS


@pytest.mark.parametrize("number", range(0, len(PROGRAMS), 9))
def test_only_places_are_added(number: int) -> None:
    case = PROGRAMS[number]()
    f = sc.function(case.inputs, case.outputs, updates=case.updates, on_unused_input="ignore")
    target = targets.local()
    registers = llvm.Registers(target.vector_bytes, target.n_vectors)
    text = print_with_lines(f.compiled.module, target.has_fma, True, registers)
    plain = llvm.print_module(f.compiled.module, target.has_fma, True, registers).text()
    code = text[:text.index("!llvm.module.flags")]
    without = re.sub(r",? ?!dbg !\d+( {)?", lambda found: " {" if found[1] else "", code)
    assert re.sub(r" +{", " {", without) == re.sub(r" +{", " {", plain)
    cpu.assembly(text, target)


def test_assembly_knows_lines() -> None:
    x = T.vector("x")
    y = T.exp(x)
    line = y.owner.location.line
    f = sc.function([x], y)
    target = targets.local()
    text = print_with_lines(f.compiled.module, target.has_fma, True, llvm.Registers())
    assert re.search(rf"\.loc\s+\d+ {line} 1", cpu.assembly(text, target))
