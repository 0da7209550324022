"""The threads that share the loops of compiled functions: `threads.ll` has the pool, `config.num_threads` its size.

Code that may share its loops has a variable that says who runs their chunks (codegen/llvm/chunks.py); `lend` points
it to the pool. The pool starts threads when a loop first has chunks for them, and keeps them. They run no Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable

from scancc.artifact import PARALLEL_FOR_SYMBOL
from scancc.config import on_change
from scancc.runtime import images, interrupts, own_code

_FUNCTIONS = """
pthread_create pthread_detach pthread_sigmask sigfillset pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock
pthread_cond_init pthread_cond_wait pthread_cond_timedwait pthread_cond_signal pthread_cond_broadcast clock_gettime
"""


class _ParallelFor(ctypes.Structure):
    _fields_ = [("run", ctypes.c_void_p), ("user", ctypes.c_void_p)]


_pool: images.Library | None = None
_how = _ParallelFor()
_building = threading.RLock()  # a signal's handler may compile, too


def build(compile_ir: Callable[[str], bytes]) -> None:
    """Make the pool, once a process, after `fastcall.build`, which has what asks for signals.

    There is none where there is no compiler and no cached code.
    """
    global _pool
    with _building:
        if _pool is None and sys.platform != "win32" and platform.machine() in images.MACHINES:
            with contextlib.suppress(ImportError):
                _pool = _loaded(own_code.load("threads.ll", compile_ir))


def _loaded(library: images.Library) -> images.Library:
    import signal  # slow to load for one number, and most processes share no loops

    for name in _FUNCTIONS.split():
        ctypes.c_void_p.from_address(library.address("host." + name)).value = images.function_of_c(name)
    ctypes.c_int64.from_address(library.address("host.sig_setmask")).value = signal.SIG_SETMASK
    for kept in (library, _how):  # threads and code use them until the process ends
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
    _how.run = library.address("scancc_parallel_for")
    ctypes.c_void_p.from_address(library.address("host.poll")).value = interrupts.poll_address()
    _reset(library)
    number = ctypes.c_int64.from_address(library.address("scancc_threads"))
    on_change("num_threads", lambda value: setattr(number, "value", value))
    return library


def _reset(library: images.Library) -> None:
    ctypes.CFUNCTYPE(None)(library.address("scancc_reset"))()


def lend(library: images.Library) -> None:
    """Let loaded code that can share loops use the pool."""
    ctypes.c_void_p.from_address(library.address(PARALLEL_FOR_SYMBOL)).value = pool_address()


def pool_address() -> int | None:
    """Of the two words that say how to run chunks; None where there is no pool."""
    return None if _pool is None else ctypes.addressof(_how)


def n_started() -> int:
    """How many threads the pool has, beside those that call."""
    return 0 if _pool is None else ctypes.c_int64.from_address(_pool.address("scancc_started")).value


def _forget_threads() -> None:
    """In a child process the threads of its parent are not there."""
    global _building
    _building = threading.RLock()
    if _pool is not None:
        _reset(_pool)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
