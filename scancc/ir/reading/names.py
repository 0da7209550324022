"""Names of values in the reading form: the user's, or a hint from the op that makes the value, or a number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..core import Value

_UNSAFE = re.compile(r"\W+")  # letters of any alphabet stay


class Names:
    """Gives each value a name that no other has while it is in sight.

    One that is used for several texts keeps a value's name from one to the next, so that their difference
    shows what changed and nothing else.
    """

    def __init__(self) -> None:
        self._given: dict[Value, str] = {}
        self._roots: dict[Value, str] = {}
        self._in_sight: set[str] = set()
        self._next_number = 0

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Names given inside are free again after it."""
        outside = set(self._in_sight)
        yield
        self._in_sight = outside

    def is_taken(self, name: str) -> bool:
        return name in self._in_sight

    def give(self, value: Value, wanted: str | None) -> str:
        """The name of a value that comes in sight, with its %; a number where none is wanted."""
        name = self._given.get(value)
        if name is None or name in self._in_sight:
            name = self._given[value] = self._new(wanted)
        self.want(value, wanted)
        self._in_sight.add(name)
        return f"%{name}"

    def want(self, value: Value, name: str | None) -> None:
        if name is not None:
            self._roots[value] = name

    def root(self, value: Value) -> str | None:
        """The name that was wanted for a value, without what made it unique."""
        return self._roots.get(value)

    def _new(self, wanted: str | None) -> str:
        if wanted is None:
            wanted = str(self._next_number)
            self._next_number += 1
        name, suffix = wanted, 0
        while name in self._in_sight:
            suffix += 1
            name = f"{wanted}_{suffix}"
        return name


def plain(name: str | None) -> str | None:
    """The name in letters, digits and underscores; None where nothing is left of it."""
    text = _UNSAFE.sub("_", name or "").strip("_")
    return f"_{text}" if text[:1].isdigit() else text or None
