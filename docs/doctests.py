"""Docstrings as Markdown for the site: examples, `>>> ...`, are code, and parameters a list."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(>>> .*\n?(?:.+\n?)*)", re.M)
# `name: what it is`, each from the beginning of a line, whose further lines are indented.
PARAMETERS = re.compile(r"^(?:[a-z]\w*(?:, \w+)*: .*\n?(?: {4}.*\n?)*)+$", re.M)
PARAMETER = re.compile(r"^([a-z]\w*(?:, \w+)*): ", re.M)


class Doctests(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            paragraphs = obj.docstring.value.split("\n\n")
            text = "\n\n".join(_listed(p) if PARAMETERS.fullmatch(p) else p for p in paragraphs)
            obj.docstring.value = EXAMPLE.sub(lambda m: f"```pycon\n{m.group(1).rstrip()}\n```\n", text)


def _listed(paragraph: str) -> str:
    def item(match: re.Match[str]) -> str:
        names = ", ".join(f"`{name}`" for name in match[1].split(", "))
        return f"* {names}: "

    return PARAMETER.sub(item, paragraph)
