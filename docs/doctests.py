"""Examples in docstrings, `>>> ...`, as code on the site; as Markdown they would be quotations in quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(>>> .*\n?(?:.+\n?)*)", re.M)


class Doctests(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            text = obj.docstring.value
            obj.docstring.value = EXAMPLE.sub(lambda m: f"```pycon\n{m.group(1).rstrip()}\n```\n", text)
