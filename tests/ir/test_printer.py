"""Printing: names, notes, and that other readers of MLIR take every dump."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from functools import cache
from pathlib import Path

import pytest

from scancc import pipeline
from scancc.frontend.program.program import make_program
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, module
from scancc.ir.parser import parse, parse_verified
from scancc.ir.printer import print_op
from scancc.stages import lower
from tests.passes.cases import read_cases
from tests.programs import seed


def function(block: Block) -> Op:
    signature = t.FunctionType(tuple(a.type for a in block.args), ())
    return Op("func.func", attrs={"sym_name": "f", "function_type": signature}, regions=[Region([block])])


# ---- our own text ----


def test_names_are_the_users_made_unique() -> None:
    block = Block([t.f64])
    block.args[0].name = "h[t-1]"
    b = Builder(block)
    for name in ("h[t-1]", None, "x", "x", "2nd"):
        b.op("math.exp", [block.args[0]], [t.f64]).name = name
    b.make("func.return")
    assert print_op(function(block)) == textwrap.dedent('''\
        "func.func"() ({
        ^bb0(%h_t_1: f64):
          %h_t_1_1 = "math.exp"(%h_t_1) : (f64) -> f64
          %0 = "math.exp"(%h_t_1) : (f64) -> f64
          %x = "math.exp"(%h_t_1) : (f64) -> f64
          %x_1 = "math.exp"(%h_t_1) : (f64) -> f64
          %_2nd = "math.exp"(%h_t_1) : (f64) -> f64
          "func.return"() : () -> ()
        }) {sym_name = "f", function_type = (f64) -> ()} : () -> ()
        ''')


def test_names_end_with_their_region() -> None:
    text = '''"func.func"() ({
^bb0(%c: i1):
  "scf.if"(%c) ({
    %x = "arith.constant"() {value = 1.0 : f64} : () -> f64
    "scf.yield"() : () -> ()
  }, {
    %x = "arith.constant"() {value = 2.0 : f64} : () -> f64
    "scf.yield"() : () -> ()
  }) : (i1) -> ()
  %x = "arith.constant"() {value = 3.0 : f64} : () -> f64
  "func.return"() : () -> ()
}) {sym_name = "f", function_type = (i1) -> ()} : () -> ()
'''
    assert print_op(parse(text).body.ops[0]) == text


def test_locations_are_aliases_once_each() -> None:
    block = Block()
    b = Builder(block, location=("a.py", 1, 2))
    b.const(1.0, t.f64)
    b.const(2.0, t.f64)
    b.location = None
    b.make("func.return")
    lines = print_op(module([function(block)])).splitlines()
    assert lines[0] == '#loc1 = loc("a.py":1:2)'
    assert [line.endswith("loc(#loc1)") for line in lines[3:6]] == [True, True, False]
    assert "loc" not in print_op(module([function(block)]), locations=False)


def test_notes_stand_under_their_op() -> None:
    block = Block()
    op = Builder(block).make("func.return")
    text = print_op(function(block), notes={op: "look here"})
    assert '  "func.return"() : () -> ()\n  // ^ look here\n' in text


# ---- other readers ----


@cache
def dumps() -> list[str]:
    """The cases of the passes, and the first programs at every stage down to loop IR."""
    texts = [text for case in read_cases() for text in (case.source, case.expected) if text]
    for make in (seed.power_of_a_matrix, seed.polynomial, seed.sum_by_scan, seed.tanh_of_each_row):
        case = make()
        top = lower(make_program(case.inputs, case.outputs, case.updates))
        texts.append(print_op(top))
        pipeline.run(top, "cpu", on_pass=lambda done, ir: texts.append(print_op(ir)))
    return texts


def test_every_dump_reads_back() -> None:
    for text in dumps():
        if text.startswith("#loc"):
            assert print_op(parse(text)) == text


@cache
def mlir_opt() -> str:
    """mlir-opt's path, of a version whose ops have the attributes that ours have."""
    for name in ("mlir-opt", *(f"mlir-opt-{n}" for n in range(30, 18, -1))):
        if path := shutil.which(name):
            said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            if int(re.search(r"version (\d+)", said)[1]) >= 19:  # type: ignore[index]
                return path
    pytest.skip("mlir-opt 19 or later is not installed")


def test_mlir_opt_accepts_every_dump() -> None:
    whole = "\n// -----\n".join(dumps())
    done = subprocess.run([mlir_opt(), "--allow-unregistered-dialect", "--split-input-file", "-o", "/dev/null"],
                          input=whole, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[:2000]


def test_mlir_opt_prints_what_we_read() -> None:
    path = mlir_opt()
    for text in dumps()[-3:]:
        done = subprocess.run([path, "--allow-unregistered-dialect", "--mlir-print-op-generic",
                               "--mlir-print-debuginfo"], input=text,
                              capture_output=True, text=True, timeout=60, check=True)
        assert essence(parse_verified(done.stdout)) == essence(parse(text))


def essence(top: Op) -> str:
    """A module's text without names and the order of attributes, which other printers change; an op without a
    location has one afterwards, its place in the text."""
    for op in top.walk():
        op.attrs = dict(sorted(op.attrs.items()))
        if op.location is not None and op.location[0] == "<stdin>":
            op.location = None
        for value in [*op.results, *(arg for region in op.regions for block in region.blocks for arg in block.args)]:
            value.name = None
    return print_op(top)


@pytest.mark.parametrize("stage", ["scan", "loop"])
def test_reads_what_mlir_opt_printed(stage: str) -> None:
    """The files hold what mlir-opt 19 wrote with --mlir-print-op-generic --mlir-print-debuginfo."""
    folder = Path(__file__).parent / "printed"
    ours, theirs = ((folder / f"{stage}{who}.mlir").read_text(encoding="utf-8") for who in ("", "_by_mlir_opt"))
    assert print_op(parse(ours)) == ours
    assert essence(parse_verified(theirs)) == essence(parse(ours))


def test_xdsl_prints_what_we_read() -> None:
    pytest.importorskip("xdsl", reason="xdsl is not installed")
    from io import StringIO

    from xdsl.context import Context
    from xdsl.dialects.builtin import Builtin
    from xdsl.parser import Parser
    from xdsl.printer import Printer

    for text in dumps()[-3:]:
        context, stream = Context(allow_unregistered=True), StringIO()
        context.load_dialect(Builtin)
        top = Parser(context, text).parse_module()
        Printer(stream, print_generic_format=True, print_debuginfo=True).print_op(top)
        assert essence(parse_verified(stream.getvalue())) == essence(parse(text))


@pytest.mark.long
def test_xdsl_accepts_every_dump() -> None:
    pytest.importorskip("xdsl", reason="xdsl is not installed")
    from xdsl.context import Context
    from xdsl.dialects.builtin import Builtin
    from xdsl.parser import Parser

    for text in dumps():
        context = Context(allow_unregistered=True)
        context.load_dialect(Builtin)
        Parser(context, text).parse_module().verify()
