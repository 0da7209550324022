"""The report: one file that needs no network, small, and drawn by a browser without errors."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import scancc as sc
import scancc.tensor as T
from scancc import memory
from scancc.cli import main
from scancc.insight import report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

x, w, h0 = T.matrix("x"), T.matrix("w"), T.vector("h0")


def step(x_t: Any, h: Any) -> Any:
    new = T.tanh(T.dot(w, h) + x_t)
    return new * 0.5


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    h, _ = sc.scan(step, x, h0, name="rnn")
    f = sc.function([x, w, h0], h.sum(), name="</script>loss")
    path = tmp_path_factory.mktemp("report") / "loss.html"
    f.report(path, np.ones((50, 8)), np.eye(8), np.zeros(8))
    return path


def facts_of(page: Path) -> dict[str, Any]:
    return _facts(page.read_text())


def _facts(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_one_small_file_that_asks_for_nothing(page: Path) -> None:
    text = page.read_text()
    assert len(text) < 500_000 and text.count("</script>") == 2
    assert not re.search(r'(src|href)="(?!data:)|@import|url\(|fetch\(|XMLHttp', text)


def test_memory_is_planned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = []
    for name in ("memory_plan", "memory_plan_for"):
        read = getattr(memory, name)
        monkeypatch.setattr(memory, name, lambda *parts, read=read: plans.append(parts) or read(*parts))
    f = sc.function([x], T.tanh(x).sum(axis=0), name="f")
    f.report(tmp_path / "f.html", np.ones((3, 4)))
    assert len(plans) == 1


def test_what_it_has(page: Path) -> None:
    facts = facts_of(page)
    assert facts["name"] == "</script>loss" and facts["passes"][0]["name"] == "as lowered"
    (source,) = facts["sources"]
    lines = {facts["places"][n][1] for _, n in facts["asm"] if n >= 0}
    assert source["name"].endswith("test_report.py") and lines >= {step.__code__.co_firstlineno + 1}
    text = [facts["texts"][n] for n, _ in facts["passes"][-1]["lines"] or facts["passes"][-2]["lines"]]
    assert not text or text[0].startswith("func")
    assert facts["memory"]["buffers"] and facts["roofline"]["time"] > 0 and "scan 'rnn'" in facts["cards"]
    for before, after in zip(facts["passes"], facts["passes"][1:], strict=False):
        if before["lines"] and after["lines"]:  # edits lead from one text to the next
            made, at = [], 0
            for i1, i2, j1, j2 in after["edits"]:
                made += before["lines"][at:i1] + after["lines"][j1:j2]
                at = i2
            assert [n for n, _ in made + before["lines"][at:]] == [n for n, _ in after["lines"]]


def test_what_is_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    f = sc.function([x], x.sum(axis=0), name="sums")
    whole = _facts(report.html(f))
    monkeypatch.setattr(report, "MOST_BYTES", 12_000)
    facts = _facts(report.html(f))
    numbers = {n for lines in (*(p["lines"] for p in facts["passes"]), facts["asm"]) for n, _ in lines}
    assert facts["dropped"] > 0 and numbers == set(range(len(facts["texts"]))) and len(numbers) < len(whole["texts"])
    for before, after in zip(whole["passes"], facts["passes"], strict=True):
        texts = ([facts["texts"][n] for n, _ in after["lines"]], [whole["texts"][n] for n, _ in before["lines"]])
        assert texts[0] in ([], texts[1])
    monkeypatch.setattr(report, "MOST_BYTES", 4_000)
    assert len(report.html(f)) < 40_000  # whatever the program


def test_the_command_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "power.html"
    done = CliRunner().invoke(main, ["report", "examples/power.py:power", "[1, 2]", "5", "-o", str(path)])
    assert done.exit_code == 0 and path.stat().st_size > 20_000


VISIT = """<script>
const seen = { errors: [] };
window.addEventListener("error", (e) => seen.errors.push(e.message));
for (const name of Object.keys(tabs)) { select(name); seen[name] = panel.textContent.length; }
select("IR");
seen.first = document.getElementById("pass").textContent;
const slider = document.querySelector("#panel input[type=range]");
slider.value = slider.max; slider.dispatchEvent(new Event("input"));
seen.last = document.getElementById("pass").textContent;
seen.changed = document.querySelectorAll("#ir .come, #ir .gone").length;
const line = document.querySelector("#source .has");
line.dispatchEvent(new Event("mouseenter"));
seen.lit = document.querySelectorAll("#panel .lit").length;
line.click();
seen.pinned = document.querySelectorAll("#source .pinned").length;
document.body.append(Object.assign(document.createElement("pre"), { id: "seen", textContent: JSON.stringify(seen) }));
</script></body>"""


VISIT_ALL = """<script>
const seen = { errors: [] };
try {
  for (const name of Object.keys(tabs)) { select(name); seen[name] = panel.textContent.length; }
  select("IR");
  for (let n = 0; n < shown.length; n++) { state.pass = n; draw(); }
} catch (e) { seen.errors.push(e.stack); }
document.body.append(Object.assign(document.createElement("pre"), { id: "seen", textContent: JSON.stringify(seen) }));
</script></body>"""


def visit(text: str, script: str, folder: Path) -> dict[str, Any]:
    """What a script in the page has seen in a browser."""
    assert CHROMIUM is not None
    visited = folder / "visited.html"
    visited.write_text(text.replace("</body>", script))
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
         "--dump-dom", visited.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout)
    assert found is not None, done.stderr[-2000:]
    return dict(json.loads(found[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
@pytest.mark.parametrize("most", [480_000, 40_000, 4_000])
def test_a_browser_draws_every_pass(most: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the first to the last position of the slider, with texts left out, too."""
    h, _ = sc.scan(step, x, h0, name="rnn")
    monkeypatch.setattr(report, "MOST_BYTES", most)
    seen = visit(report.html(sc.function([x, w, h0], h.sum())), VISIT_ALL, tmp_path)
    assert seen["errors"] == [] and len(seen) == 8, seen


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_a_browser_draws_it(page: Path, tmp_path: Path) -> None:
    seen = visit(page.read_text(), VISIT, tmp_path)
    tabs = ("IR", "Assembly", "Passes", "Remarks", "Memory", "Scans", "Roofline")
    assert seen["errors"] == [] and all(seen[name] > 60 for name in tabs), seen
    assert seen["first"] != seen["last"] and seen["changed"] > 0 and seen["lit"] > 0 and seen["pinned"] == 1


def test_a_report_measures_without_printing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    x = T.vector("x")
    h, _ = sc.scan(lambda x, h: sc.printing.Print("seen")(h + x), sequences=x, outputs_info=T.constant(0.0))
    sums = sc.function([x], h, name="sums")
    sums.report(tmp_path / "sums.html", np.ones(3))
    assert capsys.readouterr().out == ""
    sums(np.ones(3))
    assert capsys.readouterr().out.count("seen") == 3
