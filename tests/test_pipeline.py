"""The driver: pipelines as text, options, reports, dumps, and what a failing pass leaves."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from scancc import pass_lists, pipeline
from scancc.codegen.target import host
from scancc.config import change_flags
from scancc.errors import InternalError, ParseError, UnsupportedError
from scancc.ir.core import Op
from scancc.ir.parser import parse
from scancc.ir.printer import print_op
from scancc.ir.remarks import collect, remark
from scancc.stages import passes_for

TEXT = '''"func.func"() ({
^bb0(%x: f64):
  %a = "math.exp"(%x) : (f64) -> f64 loc("step.py":3:9)
  %b = "math.exp"(%x) : (f64) -> f64
  %c = "arith.addf"(%a, %b) : (f64, f64) -> f64
  "func.return"(%c) : (f64) -> ()
}) {sym_name = "f", function_type = (f64) -> f64} : () -> ()
'''


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> dict[str, pipeline.Pass]:
    """A registry of its own, to which a test adds passes."""
    known: dict[str, pipeline.Pass] = {}
    original = pipeline.find_pass
    monkeypatch.setattr(pipeline, "find_pass", lambda name: known.get(name) or original(name))
    return known


def add(passes: dict[str, pipeline.Pass], function: object, **options: type) -> None:
    name = function.__name__.replace("_", "-")  # type: ignore[attr-defined]
    passes[name] = pipeline.Pass(name, function)  # type: ignore[arg-type]
    assert passes[name].options == options


# ---- text ----


def test_options_are_typed_and_print_as_they_were_read(passes: dict[str, pipeline.Pass]) -> None:
    def tile(module: Op, tile_size: int = 8, outer: bool = False, kind: str = "") -> None: ...
    add(passes, tile, tile_size=int, outer=bool, kind=str)
    steps = pipeline.parse_pipeline(" cse , tile{tile-size=16 outer kind=row},tile{tile-size=2,outer=false}")
    assert [step.options for step in steps] == [
        {}, {"tile_size": 16, "outer": True, "kind": "row"}, {"tile_size": 2, "outer": False}]
    text = ",".join(map(str, steps))
    assert text == "cse,tile{tile-size=16 outer=true kind=row},tile{tile-size=2 outer=false}"
    assert pipeline.parse_pipeline(text) == steps


def test_passes_are_left_out_by_name() -> None:
    assert pipeline.without(["cse", "bufferize{in-rows=false}", "unroll", "cse"], "cse") == [
        "bufferize{in-rows=false}", "unroll"]
    assert pipeline.without(["cse", "unroll"], "") == ["cse", "unroll"]
    with pytest.raises(ParseError, match="config.leave_out names 'bufferize'"):
        pipeline.without(["cse"], "unroll,bufferize")
    with pytest.raises(ParseError, match="did you mean 'unroll'"):
        pipeline.without(["cse"], "unrol")


def test_the_switch_reaches_the_compiler() -> None:
    with change_flags(leave_out="unroll, vectorize"):
        left = [step.name for step in pipeline.parse_pipeline(passes_for(host()))]
    assert "licm" in left and "unroll" not in left and "vectorize" not in left


def test_named_pipelines_and_lists() -> None:
    named = pipeline.parse_pipeline("cpu-scan")
    assert [step.name for step in named] == list(pass_lists.CPU_SCAN)
    assert pipeline.parse_pipeline(["cse", "dce,cse"]) == pipeline.parse_pipeline("cse,dce,cse")
    assert pipeline.parse_pipeline("") == []


@pytest.mark.parametrize(("text", "message"), [
    ("canonicalise", "there is no pass 'canonicalise'; did you mean 'canonicalize'"),
    ("cse{depth=2}", "the pass 'cse' has no option 'depth'; it has none"),
    ("vectorize{bit=2}", "the pass 'vectorize' has no option 'bit'; did you mean 'bits'; its options are"),
    ("vectorize{bits=many}", "option 'bits' of the pass 'vectorize' is 'many'; its type is int"),
    ("cse dce", "cannot be read from 'cse dce' on"),
    ("cse,{}", "cannot be read from '{}' on"),
])
def test_errors_of_pipeline_text(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=re.escape(message)):
        pipeline.parse_pipeline(text)


def test_every_pass_has_typed_options() -> None:
    for name in pipeline.pass_names():
        found = pipeline.find_pass(name)
        assert all(kind in (int, float, bool, str) for kind in found.options.values()), name


def test_every_pass_of_a_pipeline_exists() -> None:
    for name in pass_lists.PIPELINES:
        assert pipeline.parse_pipeline(name)


# ---- running ----


def test_report_says_what_changed() -> None:
    report = pipeline.run(parse(TEXT), "cse,cse,dce", track_changes=True)
    assert [(r.step.name, r.changed) for r in report.runs] == [("cse", True), ("cse", False), ("dce", False)]
    assert all(run.time_s >= 0 for run in report.runs) and report.verify_time_s > 0
    assert re.search(r"ms  changed cse\n.*ms  same    cse\n.*\(verifier\)", str(report), re.DOTALL)


def test_changes_are_not_looked_for_unless_asked() -> None:
    assert [run.changed for run in pipeline.run(parse(TEXT), "cse").runs] == [None]


def test_remarks_go_to_the_pass_that_made_them(passes: dict[str, pipeline.Pass]) -> None:
    def speak(module: Op) -> None:
        exp = module.body.ops[0].body.ops[0]
        remark("speak", exp, False, "too dear", "use exp2")
        remark("speak", exp.parent.terminator, True, "kept")  # type: ignore[union-attr]
    add(passes, speak)
    report = pipeline.run(parse(TEXT), "dce,speak")
    assert [len(run.remarks) for run in report.runs] == [0, 2]
    assert list(map(str, report.remarks)) == [
        "step.py:3:9: speak: math.exp %a: no: too dear (hint: use exp2)", "speak: func.return: yes: kept"]


def test_remarks_without_a_collector_go_nowhere() -> None:
    op = parse(TEXT)
    remark("x", op, True, "nobody hears")
    with collect() as outer:
        with collect() as inner:
            remark("x", op, True, "inner")
        remark("x", op, True, "outer")
    assert ([r.reason for r in inner], [r.reason for r in outer]) == (["inner"], ["outer"])


# ---- failing ----


def reproducer(error: InternalError) -> Path:
    return Path(re.search(r"are in (.*)$", str(error))[1])  # type: ignore[index]


def test_a_crash_leaves_ir_and_command(passes: dict[str, pipeline.Pass], tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(module: Op, hard: bool = False) -> None:
        module.body.ops[0].body.ops.clear()
        raise ZeroDivisionError("oh")
    add(passes, crash, hard=bool)
    monkeypatch.setenv("SCANCC_REPRODUCER_DIR", str(tmp_path / "new"))
    with pytest.raises(InternalError, match="the pass 'crash' failed. ZeroDivisionError: oh") as caught:
        pipeline.run(parse(TEXT), "cse,crash{hard=true},dce")
    path = reproducer(caught.value)
    assert path.parent == tmp_path / "new"
    command, *rest = path.read_text().splitlines(True)
    assert command == f"// scancc opt {path} --passes 'crash{{hard=true}}'\n"
    expected = parse(TEXT)
    pipeline.run(expected, "cse")
    assert "".join(rest) == print_op(expected)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_broken_ir_is_named_after_its_pass(passes: dict[str, pipeline.Pass], tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    def swap(module: Op) -> None:
        ops = module.body.ops[0].body.ops
        ops[0], ops[2] = ops[2], ops[0]
    add(passes, swap)
    def later(module: Op) -> None: ...
    add(passes, later)
    monkeypatch.setenv("SCANCC_REPRODUCER_DIR", str(tmp_path))
    with pytest.raises(InternalError) as caught:
        pipeline.run(parse(TEXT), "dce,swap,later")
    assert "the IR after the pass 'swap' breaks a rule" in str(caught.value)
    assert "// ^ error: operand 0 (%a) is used before it is defined" in str(caught.value)
    assert reproducer(caught.value).exists()
    pipeline.run(parse(TEXT), "swap", verify=False)  # nobody looks


def test_a_folder_that_cannot_be_written_does_not_hide_the_failure(
        passes: dict[str, pipeline.Pass], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(module: Op) -> None:
        raise ValueError("oh")
    add(passes, crash)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SCANCC_REPRODUCER_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(InternalError, match=r"ValueError: oh[\s\S]*no file \(cannot write to"):
        pipeline.run(parse(TEXT), "crash")


def test_the_users_mistake_passes_through(passes: dict[str, pipeline.Pass], tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: Op) -> None:
        raise UnsupportedError("not on this target")
    add(passes, refuse)
    monkeypatch.setenv("SCANCC_REPRODUCER_DIR", str(tmp_path))
    with pytest.raises(UnsupportedError, match="^not on this target$"):
        pipeline.run(parse(TEXT), "refuse")
    assert list(tmp_path.iterdir()) == []


class Late(Exception):
    pass


@pytest.mark.parametrize("error", [Late("enough"), TimeoutError("enough"), ValueError("enough")])
def test_what_a_signals_handler_raises_passes_through(
        error: Exception, passes: dict[str, pipeline.Pass], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(module: Op) -> None:
        signal.raise_signal(signal.SIGALRM)
    add(passes, slow)
    monkeypatch.setenv("SCANCC_REPRODUCER_DIR", str(tmp_path))
    def handler(*_: object) -> None:
        raise error
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(type(error), match="^enough$"):
            pipeline.run(parse(TEXT), "slow")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert list(tmp_path.iterdir()) == []
