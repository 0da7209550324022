"""Access to LLVM: by one thread at a time, which no handler of a signal disturbs, and by none during a fork.

llvmlite's objects share LLVM's global context, and llvmlite has a lock of its own, which an exception in the
wrong place leaves held.
"""

from __future__ import annotations

import _thread
import atexit
import functools
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Generic, ParamSpec, TypeVar

from scancc.late_dataclasses import dataclass

_P = ParamSpec("_P")
_T = TypeVar("_T")

_lock = threading.RLock()


def exclusive(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let one thread at a time do `work`: a thread of its own where the caller's is the main one.

    Handlers of signals run in the main thread. What they raise comes out at once, and the other thread ends
    what it began.
    """
    @functools.wraps(work)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with _lock:
            return work(*args, **kwargs)

    @functools.wraps(work)
    def undisturbed(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if threading.get_ident() != threading.main_thread().ident:
            return alone(*args, **kwargs)
        answer = _Answer(lambda: alone(*args, **kwargs))
        try:
            _thread.start_new_thread(answer.find, ())  # one moment; threading's `start` can be left half done
        except RuntimeError:  # there is no room for a thread, or Python is ending
            answer.find()
        return answer.given()

    return undisturbed


@dataclass
class _Failure:
    error: BaseException


class _Answer(Generic[_T]):
    """What a function gives or raises, from one thread to another."""

    def __init__(self, function: Callable[[], _T]) -> None:
        self._function = function
        self._found: SimpleQueue[_T | _Failure] = SimpleQueue()

    def find(self) -> None:
        try:
            self._found.put(self._function())
        except BaseException as error:
            self._found.put(_Failure(error))

    def given(self) -> _T:
        found = self._found.get()
        if isinstance(found, _Failure):
            raise found.error
        return found


# ---- the ends of the process ----


@atexit.register
def _wait() -> None:
    """For what an exception left to the other thread."""
    with _lock:
        pass


def _before_fork() -> None:
    """Wait until LLVM is idle: a child has what another thread left half done, and not the thread."""
    ffi = sys.modules.get("llvmlite.binding.ffi")
    own = getattr(ffi and ffi.lib, "_lock", None)  # taken for each call, and where an object is let go
    for lock in [_lock] if own is None else [_lock, own]:
        lock.__enter__()
        _held.append(lock)


def _after_fork() -> None:
    while _held:
        _held.pop().__exit__(None, None, None)


_held: list[AbstractContextManager[object]] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
