"""Outputs of scans that are what others are, made together with more.

A derivative may run scans as one (`gradients/joined_scans.py`), beside those that the user wrote. A program that has
the one reads their rows of it, too, so that no loop runs twice, and none keeps rows for another. It is by identity
that they are known: copies that a program makes of a graph stand for themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from scancc.frontend.graph.variables import Variable, applies, rebuild

_same: WeakKeyDictionary[Variable, Variable] = WeakKeyDictionary()  # outputs of joined scans to what they are


def note_same(written: Variable, joined: Variable) -> None:
    """Note that `joined` has the elements of `written`, and does not rest on it."""
    _same[joined] = written


def with_same(values: Sequence[Variable]) -> list[Variable]:
    """`values`, which read of joined scans that are there what these make."""
    if not _same:
        return list(values)
    instead = {_same[v]: v for node in applies(values) for v in node.outputs if v in _same}
    return rebuild(values, instead) if instead else list(values)
