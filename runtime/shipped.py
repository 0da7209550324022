"""A compiled function for other processes: its object and a hash of it, two plain fields that any protocol carries.

What arrives is bytes until it is called. Then they are checked, once in a process: that they are the bytes that were
sent, of this interface, for this machine and its processor's features. Where the code was compiled does not matter,
and no compiler is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field
from typing import Any

from scancc.hashes import sha256
from scancc.late_dataclasses import dataclass
from scancc.runtime.library import LibraryError, load_object

_loaded: dict[str, Callable[..., Any]] = {}  # by the hash of the bytes that were checked
_lock = threading.Lock()


@dataclass(frozen=True)
class Shipped:
    """A function to send to other processes, and to call there; `f.shipped()` makes one.

    It pickles as text and bytes. The bytes are native code: call only what comes from where you trust. The hash finds
    damage, not intent.

    >>> x = T.vector("x")
    >>> total = sc.function([x], x.sum(), name="total").shipped()
    >>> total
    <scancc function total to ship, 9 kB>
    >>> total([1., 2.])
    array(3.)
    """

    name: str
    data: bytes = field(repr=False)
    sha256: str = field(repr=False)

    @classmethod
    def of(cls, name: str, data: bytes) -> Shipped:
        return cls(name, data, sha256(data).hexdigest())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return (_loaded.get(self.sha256) or self.load())(*args, **kwargs)

    def load(self) -> Callable[..., Any]:
        """The function, as this process has it; LibraryError where the bytes are not what was sent."""
        with _lock:
            if self.sha256 not in _loaded:
                if sha256(self.data).hexdigest() != self.sha256:
                    raise LibraryError(f"what arrived of {self.name} is not what was sent (changed or cut); "
                                       "send it again")
                _loaded[self.sha256] = load_object(self.data, self.name)
            return _loaded[self.sha256]

    def __repr__(self) -> str:
        return f"<scancc function {self.name} to ship, {len(self.data) / 1000:.0f} kB>"
