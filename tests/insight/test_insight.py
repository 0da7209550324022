"""What a function tells of itself: IR after passes, their changes, cost, time, files and the log."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import scancc as sc
import scancc.tensor as T
from scancc import progress
from scancc.cli import main


def decay(name: str = "decay", **options: Any) -> sc.Function:
    x, a = T.vector("x"), T.scalar("a")
    h, _ = sc.scan(lambda x_t, h: a * h + T.exp(x_t), x, T.constant(0.0))
    return sc.function([x, a], h, name=name, **options)


def test_the_ir_after_a_pass_is_that_of_the_history() -> None:
    f = decay()
    last = f.passes.named("fuse")[-1]
    assert f.ir(after="fuse") == last.text and f.ir("loop", after="cse") != last.text
    assert f.ir("scan") == f.dump("scan") and f.ir("loop", "generic") == f.dump("loop", form="generic")
    assert "|" in f.ir(after="fuse", locations=True) and f.asm() == f.dump("asm")
    with pytest.raises(ValueError, match="no pass 'fus' ran .did you mean 'fuse'"):
        f.diff("fus")


def test_a_diff_has_what_a_pass_changed_and_only_that() -> None:
    f = decay()
    changed = [done for done in f.passes if done.diff]
    assert "bufferize" in [done.name for done in changed] and "fma(" in f.diff("contract")
    assert f.diff("fuse-scans") == ""
    for done in changed:
        assert done.changed and done.n_lines != (0, 0)
    assert str(f.passes).count("\n") == len(f.passes) and f.passes[:3][-1].number == 3


def test_remarks_are_a_list_that_is_asked_for_parts() -> None:
    remarks = decay().remarks
    assert remarks and remarks() == remarks
    assert remarks(done=True) and all(r.done for r in remarks(done=True))
    assert {r.pass_name for r in remarks("vectorize")} <= {"vectorize"}
    line = remarks(line=20)
    assert all(r.location and r.location[1] == 20 for r in line)
    assert len(str(remarks).splitlines()) == len(remarks)


# ---- cost ----


def test_the_cost_of_a_recurrence() -> None:
    cost = decay().cost(np.zeros(100), 0.5)
    assert cost.values is not None
    numbers = {what: formula.at(cost.values) for what, formula in cost._rows().items()}
    assert numbers["flops"] == 200 and numbers["calls"] == 100 and numbers["moved"] == 8 * (100 + 1 + 100)
    assert cost.intensity == (200 + 20 * 100) / numbers["moved"]
    assert decay().cost(x_n0=100).flops == cost.flops


def test_the_cost_of_products_choices_and_nests() -> None:
    a, b, k = T.matrix("a"), T.matrix("b"), T.iscalar("k")
    product = sc.function([a, b], T.dot(a, b)).cost(np.ones((2, 3)), np.ones((3, 5)))
    assert product.values is not None and product.flops.at(product.values) == 2 * 2 * 3 * 5
    inner = lambda h: sc.scan(lambda v: v * 2.0, outputs_info=h, n_steps=3)[0][-1]  # noqa: E731
    h, _ = sc.scan(inner, outputs_info=T.constant(1.0), n_steps=k)
    nested = sc.function([k], h[-1]).cost(7)
    assert nested.values is not None and nested.flops.at(nested.values) == 21
    with pytest.raises(ValueError, match="no value is given for a_n1"):
        sc.function([a, b], T.dot(a, b)).cost(a_n0=2, b_n1=3)
    either = sc.function([k, a], sc.ifelse(k > 0, a + 1.0, (a + 1.0) * (a - 1.0))).cost(1, np.ones((4, 5)))
    assert either.values is not None and either.flops.at(either.values) == 60


# ---- time ----


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_calls_are_timed_where_that_is_asked_for(mode: str) -> None:
    f = decay(profile=True, mode=mode)
    plain = decay(mode=mode)
    for _ in range(3):
        np.testing.assert_array_equal(f([1.0, 2.0], a=0.5), plain([1.0, 2.0], 0.5))
    timing = f.timing()
    assert timing.n_calls == 3 and timing.calls is not None and min(timing.calls.values()) >= 0
    assert (timing.calls["code"] > 0) == (mode == "native")
    assert "3 calls in" in str(timing) and "pass profile=True" in str(plain.timing())
    assert len(timing.compile) == (mode == "native") and isinstance(f.copy(), type(f))
    out = np.empty(2)
    assert f([1.0, 2.0], 0.5, out=out) is out


def test_what_compiling_took_is_told_by_phases(monkeypatch: pytest.MonkeyPatch,
                                               caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("SCANCC_CACHE", "0")
    with caplog.at_level(logging.INFO, "scancc.compile"):
        f = decay("told")
    (times,) = f.timing().compile
    assert {"lowering", "passes", "LLVM IR", "object code", "loading"} <= set(times)
    assert [r.getMessage().split(":")[0] for r in caplog.records] == ["told"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_hears_of_long_compilations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANCC_CACHE", "0")
    monkeypatch.setattr(sys, "stderr", Terminal())
    decay()
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    decay("slow")
    text = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "compiling slow" in text and "pass bufferize" in text and text.endswith(progress.CLEAR)


# ---- files ----


def test_numbered_files_of_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decay("filed")  # now the cache has it
    monkeypatch.setenv("SCANCC_DUMP", str(tmp_path))
    f = decay("filed")
    decay("filed")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["filed", "filed-2"]
    names = {p.name for p in (tmp_path / "filed").iterdir()}
    changed = {f"{done.number:02}-{done.name}.{kind}" for done in f.passes if done.diff for kind in ("ir", "diff")}
    assert names == {"00-lowered.ir", f"{len(f.passes) + 1}-llvm.ll"} | changed
    last = max(name for name in names if name.endswith(".ir"))
    assert (tmp_path / "filed" / last).read_text() == f.passes[-1].text


# ---- scancc opt ----


@pytest.fixture
def ir(tmp_path: Path) -> str:
    path = tmp_path / "decay.mlir"
    path.write_text(decay().ir("scan", "generic", query=True))
    return str(path)


def opt(*arguments: str) -> Result:
    done = CliRunner().invoke(main, ["opt", *arguments])
    assert done.exit_code == 0, done.output
    return done


def test_opt_shows_some_ops_or_one_function(ir: str) -> None:
    whole, scan = (opt(ir, "--form", "reading", *more).stdout for more in ((), ("--op", "scan.scan")))
    assert scan in whole and "= scan %" in scan.splitlines()[0] and scan.splitlines()[-1] == "  }"
    generic = opt(ir, "--op", "scan.scan").stdout.splitlines()
    assert '"scan.scan"(' in generic[0] and generic[-1].lstrip().startswith("})") and "func" not in "".join(generic)
    sizes = opt(ir, "--passes", "cpu-loop", "--function", "decay__query", "--form", "reading").stdout
    assert sizes.startswith("func decay__query(") and "\nfunc" not in sizes


def test_opt_says_what_passes_changed_and_why(ir: str) -> None:
    done = opt(ir, "--passes", "cpu-loop", "--diff", "--op", "scf.for", "--remarks")
    assert "// ---- after bufferize" in done.stdout and "+" in done.stdout and "func" not in done.stdout
    assert "(no change" not in done.stdout  # passes that changed other ops alone
    assert "vectorize: scf.for: " in done.stderr and "linalg.generic" not in done.stderr
