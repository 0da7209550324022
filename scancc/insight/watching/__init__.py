"""Native code that is watched: prints, values of chosen steps, and where a value stops being finite.

What is watched becomes more outputs of the program, or checks in it (`probes.py`, `guards.py`), which are compiled as
any others are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scancc.frontend.program.program import Program
from scancc.later import loaded_later
from scancc.modes import Mode, NanGuardMode
from scancc.versions import Versions

if TYPE_CHECKING:
    from scancc.insight.watching import finite, prints
else:
    finite, prints = (loaded_later(f"scancc.insight.watching.{name}") for name in ("finite", "prints"))


def versions_for(program: Program, mode: Mode, plain: bool, later: bool = False) -> Versions:
    """The native codes of a program: with prints or checks where it or the mode has such."""
    if isinstance(mode, NanGuardMode):
        return finite.Guarding(program, mode, later)
    return prints.Printing(program, later) if program.prints else Versions(program, plain, later)
