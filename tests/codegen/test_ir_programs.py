"""Exports from IR text of any stage: the numbers of the program, names of the text, lines in errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import scancc as sc
import scancc.tensor as T
from scancc import pipeline, stages
from scancc.cli import main
from scancc.codegen.exports.export import export
from scancc.frontend.program.program import Program, make_program
from scancc.ir.parser import parse
from scancc.ir.printer import print_op
from scancc.ir_programs import ir_functions
from tests.programs import gradients, seed, tutorial
from tests.programs.case import Case

PROGRAMS = [*seed.PROGRAMS, *tutorial.PROGRAMS, *gradients.PROGRAMS]
STAGES = {"scan": "", "fused": "cpu-scan", "buffers": "cpu-scan,bufferize", "planned": "cpu"}


def at(stage: str, program: Program) -> str:
    """The text of a program that has been through the passes of a stage."""
    module = stages.lower(program)
    pipeline.run(module, STAGES[stage])
    return print_op(module)


def built(text: str, folder: Path) -> Callable[..., object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export(ir_functions(parse(text)), folder, "o")
    (path,) = folder.glob("*.o")
    return sc.runtime.load(path)  # type: ignore[return-value]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("program", [tutorial.recurrent_network, gradients.through_until, tutorial.value_at_position,
                                     tutorial.powers_of_two], ids=lambda p: p.__name__)
def test_from_each_stage(program: Callable[[], Case], stage: str, tmp_path: Path) -> None:
    _check(program(), stage, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.__module__.split('.')[-1]}-{p.__name__}")
def test_every_program(program: Callable[[], Case], stage: str, tmp_path: Path) -> None:
    _check(program(), stage, tmp_path)


def _check(case: Case, stage: str, folder: Path) -> None:
    """Of what goes in and out there are no shared variables in IR: their values are arguments, too."""
    program = make_program(case.inputs, case.outputs, case.updates, name="f", on_unused_input="ignore")
    values = [*case.args, *(v.get_value() for v in program.shared)]
    found = built(at(stage, program), folder)(*(np.asarray(a, v.dtype) for a, v in zip(
        values, [*(i.variable for i in program.inputs), *program.shared], strict=True)))
    listed = found if isinstance(found, list) else [found]
    expected = case.expected if isinstance(case.outputs, list) else [case.expected]
    for value, want in zip(listed, expected, strict=False):
        np.testing.assert_allclose(value, want, rtol=case.rtol, atol=1e-14)
        assert np.shape(value) == np.shape(want)


def test_the_code_is_that_of_the_program(tmp_path: Path) -> None:
    """Scan IR goes the way of the program: the same object, but for what the graph alone knows."""
    x = T.vector("x")
    h, _ = sc.scan(lambda x, h: T.tanh(x + 0.5 * h), sequences=x, outputs_info=T.constant(0.0))
    f = sc.function([x], h, name="f")
    values = np.linspace(-1, 1, 1000)
    for stage in STAGES:
        (folder := tmp_path / stage).mkdir()
        np.testing.assert_array_equal(built(at(stage, f.program), folder)(values), f(values), strict=True)


TWO = """"func.func"() ({
^bb0(%x: f64):
  %y = "arith.addf"(%x, %x) : (f64, f64) -> f64
  "func.return"(%y) : (f64) -> ()
}) {sym_name = "twice", function_type = (f64) -> f64} : () -> ()
"func.func"() ({
^bb0(%n: i16):
  %m = "arith.muli"(%n, %n) : (i16, i16) -> i16
  "func.return"(%m) : (i16) -> ()
}) {sym_name = "squared", function_type = (i16) -> i16} : () -> ()
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def build(*arguments: str, text: str = "") -> str:
    """What `scancc build` says, on a file x.mlir with this text."""
    Path("x.mlir").write_text(text)
    return CliRunner().invoke(main, ["build", *arguments]).output


def test_all_functions_or_one_of_a_file() -> None:
    assert build("x.mlir", "--emit", "h,a", "-o", "lib/two.a", text=TWO).split() == ["lib/two.a", "lib/two.h"]
    assert "lib/squared.h" in build("x.mlir:squared", "--emit", "h", "-o", "lib", text=TWO)
    assert "x.mlir has no function 'thrice'; it has twice, squared" in build("x.mlir:thrice", text=TWO)


def test_options_that_ask_for_the_graph_are_refused() -> None:
    for option in (["--gradient", "vjp"], ["--streaming"]):
        said = build("x.mlir", *option, text=TWO)
        assert "is made from the graph, which it no longer has; build FILE.py:NAME" in said


def test_options_of_builds_hold() -> None:
    said = build("x.mlir:twice", "--emit", "h,ll,json", "--prefix", "my_", "--target", "aarch64-linux-gnu",
                 "-o", "lib", text=TWO)
    assert said.split() == ["lib/my_twice.h", "lib/my_twice.ll", "lib/my_twice.json"]


@pytest.mark.parametrize(("old", "new", "said"), [
    ('"arith.muli"(%n, %n) :', '"arith.muli"(%n, %q) :', "x.mlir:8:25: "),
    ("arith.addf", "arith.addi", "x.mlir:3:8: 'arith.addi'"),
    ("f64", "vector<4xf64>", "x.mlir:1:1: 'func.func': a function takes and gives scalars, tensors and buffers"),
    ("(i16) -> i16} ", "(i16) -> i16, planned = 1 : i64} ", "x.mlir:6:1: "),
])
def test_errors_have_line_and_column(old: str, new: str, said: str) -> None:
    assert said in build("x.mlir", text=TWO.replace(old, new))


def test_passes_are_chosen() -> None:
    text = at("scan", _summed().program)
    unplanned = build("x.mlir", "--passes", "fuse,bufferize", text=text)
    assert "has no plan of its memory; run `plan-memory` before" in unplanned
    assert "total.o" in build("x.mlir", "--passes", "fuse,bufferize,plan-memory", "--emit", "o", text=text)
    assert "there is no pass 'fuze'; did you mean 'fuse'" in build("x.mlir", "--passes", "fuze", text=text)


def _summed() -> sc.Function:
    x = T.vector("x")
    return sc.function([x], x.sum(), name="total")


def test_loop_ir_is_for_a_cpu() -> None:
    assert "@total is loop IR for a CPU; build sm_90 from scan IR" in build(
        "x.mlir", "--target", "sm_90", text=at("planned", _summed().program))
    assert "total.ptx" in build("x.mlir", "--target", "sm_90", "--emit", "ptx", text=at("scan", _summed().program))


def test_passes_are_not_for_python_files() -> None:
    assert "--passes are for IR files" in build("y.py:f", "--passes", "fuse")


def test_late_checks_are_told() -> None:
    x, k = T.vector("x"), T.ivector("k")
    rows, _ = sc.scan(lambda k: x[k] * 2, sequences=k)
    f = sc.function([x, k], rows, name="picked")
    assert "writes outputs before its last check" in build("x.mlir", "--emit", "o", text=at("planned", f.program))
    assert "writes outputs" not in build("x.mlir", "--emit", "o", text=at("scan", f.program))
