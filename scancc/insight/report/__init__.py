"""A report on one compiled function in one HTML file that needs nothing beside it, not even a network.

The page is `page.html` with `page.css` and `page.js` put in, and what `facts.py` gathers as JSON, which the browser
draws.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from scancc.insight.report.facts import gathered

if TYPE_CHECKING:
    from scancc.insight.function import Insight

MOST_BYTES = 480_000


def html(function: Insight, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> str:
    """The page of a function; with arguments as for a call, with numbers and a measured call."""
    facts, dropped = gathered(function, args, kwargs or {}), 0
    while len(data := _data(facts)) > MOST_BYTES and _drop_largest(facts):
        dropped += 1
        facts["dropped"] = dropped
    page = _file("page.html")
    for mark, text in (("/*css*/", _file("page.css")), ("/*js*/", _file("page.js")), ("/*data*/", data)):
        page = page.replace(mark, text, 1)
    return page


def _file(name: str) -> str:
    return files("scancc.insight.report").joinpath(name).read_text("utf-8")


def _data(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, separators=(",", ":")).replace("</", "<\\/")


def _drop_largest(facts: dict[str, Any]) -> bool:
    """Leave out the text of the pass, or of the assembly, that takes most; whether there was one."""
    shown = [one for one in facts["passes"][1:-1] if one["lines"]]
    largest = max(shown, key=lambda one: len(one["lines"]), default=None)
    if largest is not None:
        largest["lines"] = []
    elif facts["asm"]:
        facts["asm"] = []
    else:
        return False
    return True
