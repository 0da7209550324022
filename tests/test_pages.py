"""Pages of the site: their own code fits the column that it is shown in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("**/*.md"))
FITS, FITS_WITHOUT_CONTENTS = 91, 119  # characters, where a window is 1280 pixels wide
_BLOCK = re.compile(r"^( *)```(\w+).*?\n(.*?)^\1```", re.M | re.S)
_INCLUDED = re.compile(r'--8<-- "([^":]+):?(\w*)"')


def lines_of(block: str) -> list[str]:
    """What a block shows: its text, or that of the file which it includes."""
    included = _INCLUDED.search(block)
    if included is None:
        return block.splitlines()
    text = (DOCS.parent / included[1]).read_text(encoding="utf-8")
    if included[2]:
        text = text.partition(f"[start:{included[2]}]")[2].partition(f"[end:{included[2]}]")[0]
    return text.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_code_fits_its_column(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    fits = FITS_WITHOUT_CONTENTS if re.match(r"---\nhide: .*toc", text) else FITS
    for indent, language, block in _BLOCK.findall(text):
        if language != "text":  # what programs print wraps
            shown = [line.removeprefix(indent) for line in lines_of(block) if "markdown-exec: hide" not in line]
            assert not [line for line in shown if len(line) > fits]
