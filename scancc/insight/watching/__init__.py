"""Native code that is watched: prints, values of chosen steps, and where a value stops being finite.

What is watched becomes more outputs of the program, or checks in it (`probes.py`, `guards.py`), which are compiled as
any others are.
"""

from __future__ import annotations

from scancc.frontend.program.program import Program
from scancc.insight.watching.finite import Guarding
from scancc.insight.watching.prints import Printing, with_prints
from scancc.insight.watching.traces import Trace, traced
from scancc.modes import Mode, NanGuardMode
from scancc.versions import Versions

__all__ = ["Guarding", "Printing", "Trace", "traced", "versions_for", "with_prints"]


def versions_for(program: Program, mode: Mode, plain: bool, later: bool = False) -> Versions:
    """The native codes of a program: with prints or checks where it or the mode has such."""
    if isinstance(mode, NanGuardMode):
        return Guarding(program, mode, later)
    return Printing(program, later) if program.prints else Versions(program, plain, later)
