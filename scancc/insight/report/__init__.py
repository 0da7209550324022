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
    facts = gathered(function, args, kwargs or {})
    while (excess := len(data := _data(facts)) - MOST_BYTES) > 0 and (n_dropped := _drop(facts, excess)):
        facts["dropped"] += n_dropped
    page = _file("page.html")
    for mark, text in (("/*css*/", _file("page.css")), ("/*js*/", _file("page.js")), ("/*data*/", data)):
        page = page.replace(mark, text, 1)
    return page


def _file(name: str) -> str:
    return files("scancc.insight.report").joinpath(name).read_text("utf-8")


def _data(facts: Any) -> str:
    return json.dumps(facts, separators=(",", ":")).replace("</", "<\\/")


def _drop(facts: dict[str, Any], excess: int) -> int:
    """Leave out what takes most, and more while that is surely less than `excess`; how many parts.

    The page of a large function leaves out dozens: measuring it for each took a fifth of the report's time.
    """
    freed, n_dropped = 0, 0
    while freed < excess and (largest := _largest(facts)):
        holder, key = largest
        shown = holder[key]
        texts = {text for text, _ in shown} if key in ("lines", "asm") else ()
        freed += len(_data(shown)) + sum(len(_data(facts["texts"][text])) + 1 for text in texts)  # others may have it
        holder[key] = type(shown)()
        n_dropped += 1
    _forget_texts(facts)
    return n_dropped


def _largest(facts: dict[str, Any]) -> tuple[dict[str, Any], str] | None:
    """What takes most: of texts between passes the longest one, then the assembly, then the first and the last text,
    then remarks and cards."""
    first, *between, last = facts["passes"]
    longest = max(between, key=_n_lines, default=first)
    for holder, key in ((longest, "lines"), (facts, "asm"), (first, "lines"), (last, "lines"), (facts, "remarks"),
                        (facts, "cards")):
        if holder[key]:
            return holder, key
    return None


def _n_lines(one: Mapping[str, Any]) -> int:
    return len(one["lines"])


def _forget_texts(facts: dict[str, Any]) -> None:
    """Leave out texts that no line has; the others get new numbers."""
    shown = [line for lines in (*(one["lines"] for one in facts["passes"]), facts["asm"]) for line in lines]
    numbers = {old: new for new, old in enumerate(dict.fromkeys(text for text, _ in shown))}
    facts["texts"] = [facts["texts"][old] for old in numbers]
    for line in shown:
        line[0] = numbers[line[0]]
