"""Compiling on from a dump of any stage gives the same code, and the same table of checks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scancc import pipeline
from scancc.codegen import cpu, llvm
from scancc.codegen import target as targets
from scancc.frontend.program.program import make_program
from scancc.ir.core import Op
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
