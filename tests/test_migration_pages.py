"""Pages about other systems: their forms run as they are printed there, and give the numbers of ours beside them."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGES = Path(__file__).parents[1] / "docs" / "migration"
OURS = "scancc"
_TAB = re.compile(r'^=== "(.*?)"\n\n((?:    .*\n|\n)+)', re.M)
_CODE = re.compile(r"^ *```python.*\n(.*?)^ *```$", re.M | re.S)
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?|nan|inf")


def pairs(page: Path) -> Iterator[tuple[str, str, str]]:
    """Of each two tabs that stand side by side: our code, the other system's name, its code."""
    tabs = [(name, _CODE.search(body)) for name, body in _TAB.findall(page.read_text())]
    for (first, ours), (system, theirs) in zip(tabs[::2], tabs[1::2], strict=True):
        assert first == OURS and ours and theirs, f"{page.name}: tabs come in twos, ours first, each with a program"
        yield _flush_left(ours[1]), system, _flush_left(theirs[1])


def _flush_left(code: str) -> str:
    return re.sub(r"^    ", "", code, flags=re.M)


def numbers(code: str, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[float]:
    """What a program prints, number by number."""
    capsys.readouterr()
    exec(compile(code, "<page>", "exec"), names)
    return [float(text) for text in _NUMBER.findall(capsys.readouterr().out)]


SYSTEMS = [(page, system) for page in sorted(PAGES.glob("*.md")) for _, system, _ in list(pairs(page))[:1]]


def test_each_page_has_the_other_systems_form() -> None:
    assert {page.stem for page, _ in SYSTEMS} == {page.stem for page in PAGES.glob("*.md")} - {"index"}


@pytest.fixture(autouse=True)
def _theano_is_pytensor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theano does not install on the Pythons of today: where its programs and PyTensor's agree, that runs them."""
    with contextlib.suppress(ImportError):
        monkeypatch.setitem(sys.modules, "theano", import_module("pytensor"))
        monkeypatch.setitem(sys.modules, "theano.tensor", import_module("pytensor.tensor"))


@pytest.mark.parametrize("page, system", SYSTEMS, ids=lambda value: getattr(value, "stem", ""))
def test_the_other_form_gives_our_numbers(page: Path, system: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(system.lower(), reason=f"no {system}, nor what runs its programs; see the extra `peers`")
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for our_code, _, their_code in pairs(page):
        expected, found = numbers(our_code, ours, capsys), numbers(their_code, theirs, capsys)
        assert len(expected) == len(found), their_code
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=their_code)
