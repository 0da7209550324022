"""What compiling asks of the process it runs in: a deeper stack and no collection for a while, and no lock that a
forked child would wait for.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, overload

_T = TypeVar("_T")

FRAMES = 10_000  # about half of what the usual 8 MiB of a thread's stack hold in the worst case


class Setting(Generic[_T]):
    """Something of the process that is changed while any thread is inside `changed`, then put back.

    Handlers of signals may raise anywhere inside, and a child process goes on without the other threads.
    """

    def __init__(self, read: Callable[[], _T], write: Callable[[_T], object], wanted: Callable[[_T], _T]) -> None:
        self._read, self._write, self._wanted = read, write, wanted
        self._lock = threading.RLock()
        self._users: dict[object, int] = {}  # to their threads
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_other_threads)

    @contextmanager
    def changed(self) -> Iterator[None]:
        user = object()
        try:
            self._enter(user)
            yield
        finally:
            try:
                self._leave(user)
            except BaseException:  # of a handler, perhaps before anything was done
                self._leave(user)
                raise

    def _enter(self, user: object) -> None:
        with self._lock:
            if not self._users:
                self._before = self._read()
            self._users[user] = threading.get_ident()
            self._write(self._wanted(self._before))

    def _leave(self, user: object) -> None:
        with self._lock:
            if list(self._users) == [user]:
                self._write(self._before)
            self._users.pop(user, None)

    def _forget_other_threads(self) -> None:
        self._lock = threading.RLock()
        for user, thread in list(self._users.items()):
            if thread != threading.get_ident():
                self._leave(user)


def _collect(on: bool) -> None:
    (gc.enable if on else gc.disable)()


# Room for graphs that are deeper than Python's stack: chains of hundreds of ops, as unrolled loops make them.
deep_recursion = Setting(
    sys.getrecursionlimit, sys.setrecursionlimit, lambda limit: max(limit, FRAMES)).changed

# IR is many small objects that live as long as the compilation, and looking through them again and again is a
# seventh of its time.
without_collection = Setting(gc.isenabled, _collect, lambda _: False).changed


class kept_property(Generic[_T]):
    """A property that is computed once and kept with the object.

    As functools.cached_property, but for the lock that Python 3.11 holds meanwhile, one for all objects.
    """

    def __init__(self, function: Callable[[Any], _T]) -> None:
        self._function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, owner: type) -> kept_property[_T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...

    def __get__(self, instance: object | None, owner: type) -> kept_property[_T] | _T:
        if instance is None:
            return self
        value = instance.__dict__[self._function.__name__] = self._function(instance)
        return value
