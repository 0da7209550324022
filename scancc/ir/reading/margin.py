"""Where the lines of a text come from: the user's files in a margin, with the lines of these files themselves."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence

from ..core import Location
from .printer import Line
from .text import near

NO_PLACE = ""


def with_margin(lines: Sequence[Line]) -> list[str]:
    """The lines, each after the place in a user's file that it comes from, where that is another one than before.
    What stands there is shown once, above."""
    places = [_place(line.location) for line in lines]
    width = max(map(len, places), default=0)
    return [f"{margin:{width}} | {text}".rstrip() for margin, text in _rows(lines, places)]


def _rows(lines: Sequence[Line], places: Sequence[str]) -> Iterator[tuple[str, str]]:
    shown, last = {NO_PLACE}, NO_PLACE
    for line, place in zip(lines, places, strict=True):
        if place not in shown and line.location is not None:
            shown.add(place)
            indent = line.text[:len(line.text) - len(line.text.lstrip())]
            source = linecache.getline(line.location[0], line.location[1]).strip()
            yield from [("", f"{indent}// {source}")] * bool(source)
        yield place if place != last else "", line.text
        last = place


def _place(location: Location | None) -> str:
    return NO_PLACE if location is None else f"{near(location[0])}:{location[1]}"
