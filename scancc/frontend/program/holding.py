"""The values of several shared variables as one: read at one moment, updated at one moment, by one call at a time.

A moment is one call of a function written in C: other threads, and handlers of signals, run before or after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import compress, repeat
from operator import itemgetter, methodcaller, setitem
from typing import Any, TypeVar

import numpy as np

from scancc.frontend.graph.shared import SharedVariable

_T = TypeVar("_T")

_acquire, _release, _value_of = methodcaller("acquire"), methodcaller("release"), itemgetter(0)


class Holding:
    """The shared variables that a program reads, and those that it updates.

    Calls of programs that update have each of both for themselves, so that they give what they would give
    one after the other; programs that only read wait for nobody.
    """

    def __init__(self, read: Sequence[SharedVariable], updated: Sequence[SharedVariable]) -> None:
        self._read = [v.container.storage for v in read]
        self._updated = [v.container.storage for v in updated]
        self._fixed = [(i, v) for i, v in enumerate(updated) if any(n is not None for n in v.type.shape)]
        containers = {v.container.number: v.container for v in (*read, *updated)} if updated else {}
        self._locks = [containers[number].lock for number in sorted(containers)]

    def values(self) -> list[np.ndarray]:
        return list(map(_value_of, self._read))

    def update(self, values: Sequence[np.ndarray]) -> None:
        """Give all updated variables their values (arrays of their dtype and rank, row-major), or none."""
        for i, variable in self._fixed:
            variable.check_lengths(values[i])
        deque(map(setitem, self._updated, repeat(0), values), 0)

    def alone(self, call: Callable[..., _T], args: Sequence[Any], kwargs: Mapping[str, Any]) -> _T:
        """`call` while no other thread's call updates these variables.

        Locks are taken in one order by all, and given back in one moment, whatever a handler raises.
        """
        taken: list[bool] = []
        back = map(_release, compress(self._locks, taken))
        try:
            taken.extend(map(_acquire, self._locks))
            return call(*args, **kwargs)
        finally:
            deque(back, 0)
