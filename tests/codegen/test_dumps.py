"""Compiling on from a dump of any stage gives the same code, and the same table of checks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scancc import pipeline
from scancc.codegen import cpu, llvm
from scancc.codegen import target as targets
from scancc.frontend.program.program import make_program
from scancc.ir.core import Op
from scancc.ir.interpreter import run_program
from scancc.ir.parser import parse_verified
from scancc.ir.printer import print_op
from scancc.stages import lower, number_checks, passes_for
from tests.programs import masks, seed, tutorial
from tests.programs.case import Case

PROGRAMS = [seed.power_of_a_matrix, seed.polynomial, tutorial.norms_of_rows,
            masks.picks_in_a_nested_scan_that_stops]


def compiled(module: Op) -> tuple[str, object]:
    """LLVM IR and the checks of a module after all passes."""
    checks = number_checks(module)
    return llvm.emit_module(module, targets.target_of(None).has_fma), checks


@pytest.mark.long
@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_every_stage_compiles_on_to_the_same_code(make: Callable[[], Case]) -> None:
    case, target = make(), targets.target_of(None)
    module = lower(make_program(case.inputs, case.outputs, case.updates))
    passes = passes_for(target).split(",")
    texts = [print_op(module)]
    pipeline.run(module, passes, on_pass=lambda done, ir: texts.append(print_op(ir)))
    expected = compiled(module)
    for number, text in enumerate(texts):
        dumped = parse_verified(text)
        pipeline.run(dumped, passes[number:])
        assert compiled(dumped) == expected, f"from before {passes[number:number + 1]}"


def test_the_object_is_the_same() -> None:
    case, target = seed.power_of_a_matrix(), targets.target_of(None)
    module = lower(make_program(case.inputs, case.outputs, case.updates))
    dumped = parse_verified(print_op(module))
    for top in (module, dumped):
        pipeline.run(top, passes_for(target))
    first, second = (cpu.compile_object(compiled(top)[0], target) for top in (module, dumped))
    assert first == second


CONSTANT_VECTORS = '''"func.func"() <{function_type = (memref<4xf64>, memref<4xf64>) -> (), sym_name = "f"}> ({
^bb0(%x: memref<4xf64>, %y: memref<4xf64>):
  %0 = "arith.constant"() <{value = 0 : index}> : () -> index
  %w = "arith.constant"() <{value = dense<[1.0, 2.0, 3.0, 4.0]> : vector<4xf64>}> : () -> vector<4xf64>
  %yes = "arith.constant"() <{value = dense<true> : vector<4xi1>}> : () -> vector<4xi1>
  %1 = "vector.load"(%x, %0) <{nontemporal = false}> : (memref<4xf64>, index) -> vector<4xf64>
  %2 = "arith.mulf"(%1, %w) <{fastmath = #arith.fastmath<none>}> : (vector<4xf64>, vector<4xf64>) -> vector<4xf64>
  %3 = "arith.select"(%yes, %2, %1) : (vector<4xi1>, vector<4xf64>, vector<4xf64>) -> vector<4xf64>
  "vector.store"(%3, %y, %0) <{nontemporal = false}> : (vector<4xf64>, memref<4xf64>, index) -> ()
  "func.return"() : () -> ()
}) {n_inputs = 1 : i64} : () -> ()'''


def test_constant_vectors_of_other_writers_compile() -> None:
    top = parse_verified(CONSTANT_VECTORS)
    (found,) = run_program(top, "f", [np.array([1.0, 2.0, 3.0, 4.0])])
    assert found.tolist() == [1.0, 4.0, 9.0, 16.0]
    pipeline.run(top, "plan-memory")
    text, _ = compiled(top)
    assert ", <double 0x3FF0000000000000, double 0x4000000000000000, " in text
    assert cpu.compile_object(text, targets.target_of(None))
