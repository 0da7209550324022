"""Pages of the site: their own code fits the column that it is shown in."""

from __future__ import annotations

import re
from importlib import import_module
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


@pytest.mark.parametrize("name", sorted(re.findall(r"^::: (\S+)", "".join(
    page.read_text(encoding="utf-8") for page in PAGES if page.parent.name == "reference"), re.M)))
def test_a_page_of_reference_names_what_has_a_docstring_of_its_own(name: str) -> None:
    """A module that stands at the same path for older programs (`scancc.scan`) would be shown in its place."""
    with pytest.raises(ModuleNotFoundError):
        import_module(name)
    place, _, last = name.rpartition(".")
    assert len(getattr(import_module(place), last).__doc__) > 40
