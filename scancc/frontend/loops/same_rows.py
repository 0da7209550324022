"""Which outputs of joined scans equal outputs of scans that the user wrote.

A derivative may run several scans as one (`gradients/joined_scans.py`), in a copy of the graph. A program that has
the joined scan reads the rows of the others from it, too: so no loop runs twice, and none keeps rows for another.
Variables are known by identity: the copies that a program makes of a graph stand for themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from scancc.frontend.graph.variables import Variable, applies, rebuild

# an output of a joined scan to the one that it equals
_same: WeakKeyDictionary[Variable, Variable] = WeakKeyDictionary()


def note_same(written: Variable, joined: Variable) -> None:
    """Note that `joined` equals `written`, and is not computed from it."""
    _same[joined] = written


def with_same(values: Sequence[Variable]) -> list[Variable]:
    """`values`, which read rows of joined scans, where they have any, in place of those of the scans joined."""
    if not _same:
        return list(values)
    instead = {_same[v]: v for node in applies(values) for v in node.outputs if v in _same}
    return rebuild(values, instead) if instead else list(values)
