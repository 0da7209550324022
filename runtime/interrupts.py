"""Handlers of signals run while native code does: long loops ask for it, and end where one raises."""

from __future__ import annotations

import ctypes
from typing import NoReturn

from scancc.artifact import POLL_SYMBOL
from scancc.runtime.images import Library

_poll = 0
_raised = 0

_restore = ctypes.PYFUNCTYPE(None, *[ctypes.c_void_p] * 3)(("PyErr_Restore", ctypes.pythonapi))


def install(poll: int, raised: int) -> None:
    """The function that asks, and where it keeps the exception of a handler: type, value, traceback."""
    global _poll, _raised
    _poll, _raised = poll, raised


def poll_address() -> int:
    """The function that asks; 0 where there is none."""
    return _poll


def let_ask(library: object) -> None:
    """Tell loaded code whom to ask, if it does."""
    if not isinstance(library, Library):
        return
    for part in (library, *library.libraries):
        if POLL_SYMBOL in part.symbols:
            ctypes.c_void_p.from_address(part.address(POLL_SYMBOL)).value = _poll


def raise_again() -> NoReturn:
    """Raise what a handler raised while native code ran."""
    kept = (ctypes.c_void_p * 3).from_address(_raised)
    parts = tuple(kept)
    kept[:] = [None] * 3
    _restore(*parts)
    raise AssertionError("no handler raised")
