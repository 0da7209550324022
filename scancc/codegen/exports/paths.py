"""Names of the user's files as artefacts have them: the same wherever the source lies, and no one's home folder.

A file is named from the folder on that Python imports it from: `model.py`, or `package/part/model.py` where the
folders are packages. A map says otherwise for what begins with its keys, as a compiler's -ffile-prefix-map does; the
last one that fits counts.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from scancc.artifact import Check

from ..c_names import ExportError

_LINE_OF_A_FILE = r"(?<![\w.])(?:/|[A-Za-z]:\\)[^\s:'\"]+(?=:\d+)"


class Paths:
    """How files are named in texts. `files`: those that may stand in them."""

    def __init__(self, files: Iterable[str], path_map: Mapping[str, str] | None = None) -> None:
        self._map = dict(path_map or {})
        known = sorted(filter(os.path.isabs, files), key=len, reverse=True)
        self._found = re.compile("|".join([*map(re.escape, known), _LINE_OF_A_FILE]))

    def name(self, file: str) -> str:
        """How a file is named."""
        for old, new in reversed(self._map.items()):
            if file.startswith(old):
                return new + file[len(old):]
        return _from_package(file)

    def text(self, text: str) -> str:
        """A text with its files' names; a path that ends in a line's number is one."""
        return self._found.sub(lambda found: self.name(found[0]), text)

    def check(self, check: Check) -> Check:
        text = self.text
        return replace(check, message=text(check.message), place=text(check.place), step=text(check.step))

    def within(self, data: Any) -> Any:
        """What JSON holds, with all its texts."""
        if isinstance(data, dict):
            return {key: self.within(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.within(value) for value in data]
        return self.text(data) if isinstance(data, str) else data


@functools.cache
def _from_package(file: str) -> str:
    folder, name = os.path.split(file)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = f"{package}/{name}"
    return name


def path_map_of(texts: Iterable[str]) -> dict[str, str]:
    """The map that the command line gives as OLD=NEW."""
    pairs = [text.partition("=") for text in texts]
    for old, equals, new in pairs:
        if not old or not equals:
            raise ExportError(f"the path map {old + equals + new!r} is not of the form OLD=NEW")
    return {old: new for old, _, new in pairs}
