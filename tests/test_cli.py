"""The command line: what it prints, what it refuses and how, exit codes, pipes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner, Result

import scancc as sc
from scancc import colours
from scancc.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]
POWER = f"{ROOT}/examples/power.py:power"
HAS_CC = any(map(shutil.which, ("cc", "gcc", "clang")))


def scancc(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


def output(*arguments: str, stdin: str | None = None) -> str:
    result = scancc(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_has_an_example_and_begins_with_its_sentence(command: str) -> None:
    text = output(command, "--help")
    assert "Example" in text and f"scancc {command}" in text
    assert COMMANDS[command] in " ".join(text.split())


def test_each_file_of_commands_is_one_or_serves_them() -> None:
    files = {path.stem for path in (ROOT / "scancc" / "cli").glob("*.py")}
    assert files == {*COMMANDS, "__init__", "arguments", "function_names", "ir_files", "options"}


def test_version_and_short_help() -> None:
    assert output("--version").startswith("scancc, version 0.")
    assert "build" in output("-h")


def test_run() -> None:
    assert output("run", POWER, "[1, 2, 3]", "4") == "[ 1. 16. 81.]\n"
    assert output("run", POWER, "k=2", "A=[3.0]") == "[9.]\n"
    assert output("run", POWER, "[1, 2, 3]", "4", "--mode", "reference") == "[ 1. 16. 81.]\n"


def test_numbers_that_are_no_literals() -> None:
    assert output("run", POWER, "[nan, -inf, 1]", "2") == "[nan inf  1.]\n"
    assert "no Python literal" in _error("run", POWER, "[x]", "2")


def test_a_file_to_build(tmp_path: Path) -> None:
    """A folder of its name was made."""
    wanted = tmp_path / "lib" / "libpower.o"
    assert output("build", POWER, "-o", str(wanted)) == f"{wanted}\n" and wanted.is_file()
    output("build", POWER, "-o", str(wanted), "--emit", "h,ll")
    assert sorted(p.name for p in wanted.parent.iterdir()) == ["libpower.h", "libpower.ll", "libpower.o"]


def test_no_blocks_to_time() -> None:
    assert "0 is not in the range" in _error("bench", POWER, "[1.0]", "2", "-n", "0", code=2)


def test_run_with_an_npy_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([2.0, 10.0]))
    assert output("run", POWER, str(tmp_path / "a.npy"), "3") == "[   8. 1000.]\n"


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "allow_pickle=False" in _error("run", POWER, str(tmp_path / "a.npy"), "3")


@pytest.mark.parametrize("stage", ["scan", "loop"])
def test_a_dump_runs_and_goes_on(stage: str, tmp_path: Path) -> None:
    text = output("dump", POWER, "--stage", stage, "--form", "generic")
    path = tmp_path / "power.mlir"
    path.write_text(text)
    assert output("run", str(path), "[1, 2, 3]", "4") == "[ 1. 16. 81.]\n"
    assert output("run", f"{path}:power", "[1, 2, 3]", "4") == "[ 1. 16. 81.]\n"
    assert output("opt", str(path)) == text
    if stage == "scan":
        loops = output("opt", "-", "--passes", "cpu-loop", stdin=text)
        path.write_text(loops)
        assert "scf.for" in loops
        assert output("run", str(path), "[1, 2, 3]", "4") == "[ 1. 16. 81.]\n"


@pytest.mark.parametrize(
    ("stage", "has"), [("graph", "k"), ("scan", "= scan %t < "), ("loop", "for %t in 0.."), ("llvm", "@power__run("),
                       ("asm", "power__run:")],
)
def test_stages(stage: str, has: str) -> None:
    assert has in output("dump", POWER, "--stage", stage)


@pytest.mark.parametrize("form", ["reading", "generic"])
def test_dump_after_passes(form: str) -> None:
    every = output("dump", POWER, "--after-each-pass", "--form", form)
    changed = output("dump", POWER, "--only-changed", "--form", form)
    assert every.count("// ----") > changed.count("// ----") > 1
    assert "power.py" in output("dump", POWER, "--locations", "--form", form)


@pytest.mark.parametrize("option", ["--after-each-pass", "--only-changed", "--full", "--locations", "--query",
                                    "--form=generic"])
@pytest.mark.parametrize("stage", ["graph", "llvm", "asm"])
def test_a_stage_without_ir_refuses_what_is_said_of_ir(stage: str, option: str) -> None:
    assert f"the stage '{stage}' has no IR" in _error("dump", POWER, "--stage", stage, option)


def test_functions_that_compute_sizes_are_shown_when_asked_for() -> None:
    assert "func power__query" not in output("dump", POWER, "--stage", "loop")
    assert "func power__query" in output("dump", POWER, "--stage", "loop", "--query")


def test_the_form_for_people_is_not_read_back(tmp_path: Path) -> None:
    path = tmp_path / "power.mlir"
    for options in ([], ["--locations"], ["--after-each-pass"]):
        path.write_text(output("dump", POWER, *options))
        assert "dump --form generic" in _error("opt", str(path))


def test_opt_shows_the_form_for_people() -> None:
    text = output("dump", POWER, "--form", "generic")
    assert output("opt", "-", "--form", "reading", stdin=text) == output("dump", POWER)


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033" not in output("dump", POWER)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colours.wanted()
    monkeypatch.delenv("NO_COLOR")
    assert colours.wanted()
    assert click.unstyle(colours.coloured("+ a\n%x = f(%y)\n")) == "+ a\n%x = f(%y)\n"
    assert colours.coloured("func f {\n").startswith("\033[1mfunc")


def test_dump_for_other_targets() -> None:
    assert "fmul" in output("dump", POWER, "--stage", "asm", "--target", "aarch64-linux-gnu")


@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_opt_goes_on_for_the_target(target: str) -> None:
    generic = ("--form", "generic", "--query", "--target", target)
    scan, loop = (output("dump", POWER, "--stage", stage, *generic) for stage in ("scan", "loop"))
    assert output("opt", "-", "--passes", "cpu-loop", "--target", target, stdin=scan) == loop


def test_opt_refuses_damaged_text_with_its_line() -> None:
    text = output("dump", POWER, "--form", "generic").replace('"arith.mulf"', '"arith.muli"')
    line = next(n for n, line in enumerate(text.splitlines(), 1) if '"arith.muli"' in line)
    said = _error("opt", "-", "--passes", "cpu", stdin=text)
    assert f"<stdin>:{line}:" in said and "'arith.muli': the result is f64; it must be an integer" in said


def test_opt_times_passes() -> None:
    text = output("dump", POWER, "--form", "generic")
    result = scancc("opt", "-", "--passes", "canonicalize,cse", "--timing", stdin=text)
    assert "canonicalize" in result.stderr and "ms" in result.stderr


def test_build(tmp_path: Path) -> None:
    lines = output("build", POWER, "--emit", "o,h,json", "-o", str(tmp_path / "new"), "--prefix", "x_").splitlines()
    assert [Path(line).name for line in lines] == ["x_power.o", "x_power.h", "x_power.json"]
    assert all(Path(line).is_file() for line in lines)


def test_build_for_a_gpu(tmp_path: Path) -> None:
    output("build", POWER, "--target", "sm_90", "--emit", "ptx", "-o", str(tmp_path))
    assert ".target sm_90" in (tmp_path / "power.ptx").read_text()


def test_build_without_a_c_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the shared library is there; it is an error only where it was asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    result = scancc("build", POWER, "-o", str(tmp_path / "all"))
    assert result.exit_code == 0
    assert result.stderr.startswith("note: no shared library was linked: no C compiler")
    assert (tmp_path / "all" / "power.a").is_file()
    result = scancc("build", POWER, "--emit", "a,so", "-o", str(tmp_path / "some"))
    assert result.exit_code == 1 and "not made: so" in result.stderr
    assert (tmp_path / "some" / "power.a").is_file()


def test_bench() -> None:
    text = output("bench", POWER, "[1.5, 2.5]", "8", "-n", "1")
    assert "native" in text and "NumPy reference" in text and "median" in text


def _error(*arguments: str, code: int = 1, stdin: str | None = None) -> str:
    result = scancc(*arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        (("run", f"{ROOT}/examples/power.py:powr"), "'powr' of"),
        (("run", f"{ROOT}/examples/power.py:powr"), "it has power"),
        (("run", f"{ROOT}/examples/power.py:T"), "is a module, not a compiled function"),
        (("run", "none.py:f"), "there is no Python file 'none.py'"),
        (("run", "none.mlir"), "none.mlir: No such file"),
        (("run", POWER, "[1, 2"), "is no Python literal"),
        (("run", POWER, "[1, 2]"), "missing argument 1 `k`"),
        (("run", POWER, "[1, 2]", "-4"), "n_steps is -4"),
        (("run", POWER, "[[1, 2]]", "4"), "A"),
        (("dump", POWER, "--target", "zenver4"), "did you mean znver4"),
        (("build", POWER, "--emit", "exe"), "'exe' is no kind of file for a CPU"),
        (("build", POWER, "--prefix", "2-"), "no name in C"),
        (("opt", f"{ROOT}/README.md"), "README.md:1:1: expected"),
    ],
)
def test_errors_are_one_paragraph(arguments: tuple[str, ...], say: str) -> None:
    text = _error(*arguments)
    assert text.startswith("Error: ") and say in text
    assert "\n\n" not in text


@pytest.mark.parametrize(
    "arguments", [("run", "file.py"), ("dump",), ("dump", POWER, "--stage", "x"), ("build",), ("nothing",)]
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert "Usage" in _error(*arguments, code=2)


@pytest.mark.parametrize(("name", "value", "say"), [
    ("SCANCC_CACHE", "maybe", "'maybe'; it takes True or False"), ("SCANCC_CACHE_MB", "x", "'x'; it takes a float"),
    ("SCANCC_FLOATX", "float16", "'float16'; it takes 'float64' or 'float32'"),
    ("SCANCC_FAST_MATH", "quick", "quick")])
@pytest.mark.parametrize("command", [("info",), ("dump", POWER)])
def test_wrong_switches_in_the_environment_are_wrong_usage(name: str, value: str, say: str,
                                                           command: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", "scancc", *command], capture_output=True, text=True, check=False,
                          env={**os.environ, name: value})
    assert done.returncode == 2 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: the environment variable {name} ") and say in line


def test_unknown_names_name_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "p.mlir"
    path.write_text(output("dump", POWER, "--form", "generic"))
    said = _error("opt", str(path), "--function", "pow")
    assert "there is no function 'pow'; did you mean 'power'; there are power" in said
    assert "there is no op 'scan.scn'; did you mean 'scan.scan'" in _error("opt", str(path), "--op", "scan.scn")
    assert "there is no dialect 'scam'; did you mean 'scan'" in _error("opt", "--irdl", "scam", code=2)
    assert "there is no pass 'fusee'" in _error("opt", str(path), "--passes", "fusee")
    assert "its functions are power" in _error("run", f"{path}:pow")
    assert "and 1 were given" in _error("run", str(path), "[1.0]")


@pytest.mark.parametrize(
    ("text", "say"),
    [("x = 1\ny = 1 / 0\n", "bad.py:2: ZeroDivisionError"), ("x = (\n", "bad.py:1: '(' was never closed"),
     ("import nothing_like_it\n", "bad.py:1: ModuleNotFoundError")],
)
def test_errors_in_the_users_file(tmp_path: Path, text: str, say: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    assert say in _error("run", f"{path}:f")


def test_traceback_on_request() -> None:
    result = scancc("--traceback", "dump", POWER, "--target", "zenver4")
    assert type(result.exception).__name__ == "TargetError"


def test_a_closed_pipe_is_no_error() -> None:
    command = [sys.executable, "-m", "scancc", "dump", POWER, "--stage", "asm"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait(timeout=60)


def test_demo(tmp_path: Path) -> None:
    text = output("demo", "-o", str(tmp_path))
    sums = [float(line.split("sum ")[1].split()[0]) for line in text.splitlines() if " sum " in line]
    assert len(sums) == 2 + 2 * HAS_CC
    np.testing.assert_allclose(sums, sums[-1], rtol=1e-9)
    assert (tmp_path / "power.h").is_file()
    assert "dead-outputs" in text and "for %t in 0.." in text
    assert len(text.splitlines()) <= 40


@pytest.mark.long
def test_demo_without_a_c_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    text = output("demo", "-o", str(tmp_path))
    assert "the C benchmark is left out" in text and "NumPy" in text


def test_info() -> None:
    rows = dict(line.split(maxsplit=1) for line in output("info").splitlines())
    assert rows["scancc"].startswith(sc.__version__) and f"numpy {np.__version__}" in rows["packages"]
    assert "vectors of" in rows["processor"] and rows["cache"]


def test_cache(tmp_path: Path) -> None:
    entry, other = tmp_path / f"{'0' * 16}.bin", tmp_path / "notes.txt"
    entry.write_bytes(b"1234")
    other.write_text("a user's")
    with sc.change_flags(cache=True, cache_dir=str(tmp_path)):
        assert output("cache", "size").startswith(f"{tmp_path}: 1 entry, 0.0 of ")
        assert output("cache", "clear") == f"removed 1 entry from {tmp_path}\n"
        assert not entry.exists() and other.exists()
        assert output("cache", "size").startswith(f"{tmp_path}: 0 entries")
    with sc.change_flags(cache=True, cache_dir=str(tmp_path / "none")):
        assert "0 entries" in output("cache", "size") and "0 entries" in output("cache", "clear")
    with sc.change_flags(cache=False):
        assert output("cache", "size") == "off (SCANCC_CACHE=0)\n" and "there is no cache" in _error("cache", "clear")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the printed lines call gives the commands, the options and the values that fit."""
    assert "_SCANCC_COMPLETE" in output("completion", shell)
    complete = get_completion_class(shell)
    assert complete is not None
    found = complete(main, {}, "scancc", "_SCANCC_COMPLETE")
    assert [item.value for item in found.get_completions([], "du")] == ["dump"]
    assert "--after-each-pass" in [item.value for item in found.get_completions(["dump"], "--")]
    assert [item.value for item in found.get_completions(["dump", "--stage"], "l")] == ["loop", "llvm"]


def completed(*words: str) -> list[str]:
    complete = get_completion_class("bash")
    assert complete is not None
    found = complete(main, {}, "scancc", "_SCANCC_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found if item.type == "plain"]


def test_functions_complete_without_running_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.py").write_text("""\
raise SystemExit("this file is not to be run")
a, (b, c) = sc.function([x], y), (1, function([x], z))
if fast:
    d: sc.Function = a.copy(name="d")
else:
    with flags():
        e = f = sc.function([x], z)
x = T.vector("x")
if __name__ == "__main__":
    g = sc.function([x], z)
def h():
    i = sc.function([x], z)
""")
    (tmp_path / "own.py").write_text("power = compiled(step)\nn = 3\n")
    (tmp_path / "broken.py").write_text("f = sc.function(")
    monkeypatch.chdir(tmp_path)
    for command in ("run", "explain", "dump", "plan", "bench", "report", "build"):
        assert completed(command, "model.py:") == [f"model.py:{name}" for name in "acdef"], command
    assert completed("explain", "m") == [f"model.py:{name}" for name in "acdef"]
    assert completed("explain", f"{tmp_path}/model.py:e") == [f"{tmp_path}/model.py:e"]
    assert completed("explain", "own.py:") == ["own.py:power"], "a function that the user's own function makes"
    assert completed("explain", "broken.py:") == completed("explain", "none.py:") == []
    (tmp_path / "p.mlir").write_text(output("dump", POWER, "--form", "generic"))
    (tmp_path / "q.mlir").write_text(output("dump", POWER))
    assert completed("run", "p.mlir:") == ["p.mlir:power"] and completed("build", "q") == ["q.mlir:power", "q.mlir"]


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes_behind_a_colon(tmp_path: Path) -> None:
    """Bash takes FILE.py:NAME for three words, and puts what is found in place of the last."""
    (tmp_path / "model.py").write_text("fit = sc.function([x], y)\nfilter = sc.function([x], z)\n")
    (tmp_path / "folder").mkdir()
    script = output("completion", "bash") + """
scancc() { "$PYTHON" -m scancc "$@"; }
compopt() { echo "$@"; }
for COMP_LINE in "$@"; do
    COMP_POINT=${#COMP_LINE} COMP_WORDBREAKS=$' :'
    _scancc_completion scancc
    echo "${COMPREPLY[@]}"
done
"""
    lines = ("scancc expl", "scancc run mo", "scancc run model.py:fit", "scancc run fo", "scancc dump model.py:fit ")
    found = subprocess.run(["bash", "--norc", "-c", script, "bash", *lines], cwd=tmp_path, text=True,
                           env={**os.environ, "PYTHON": sys.executable}, capture_output=True)
    assert found.stderr == ""
    replies = ["explain", "model.py:fit model.py:filter", "fit", "-o nospace", "folder/", ""]
    assert found.stdout.splitlines() == replies


def test_explain() -> None:
    text = output("explain", POWER)
    assert text.startswith("power: 1 scan; workspace ") and "  limit " in text
