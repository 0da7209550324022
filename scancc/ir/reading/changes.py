"""What differs between two texts of a module."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

CONTEXT = 2  # lines around a change


def changes(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines that go and come, with those around them; all lines after, if they are no more."""
    difference = list(difflib.unified_diff(before, after, n=CONTEXT, lineterm=""))[2:]  # without names of files
    n_changed = sum(line.startswith(("-", "+")) for line in difference)
    return difference if n_changed < len(after) else list(after)
