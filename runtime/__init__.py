"""Loads and runs compiled code. It never imports the compiler, so it works where LLVM is not installed.

`load(path)` opens what `scancc.export` or `scancc build` wrote; a `Shipped` function goes to other processes.
"""

from __future__ import annotations

from scancc.runtime.library import load
from scancc.runtime.shipped import Shipped

__all__ = ["Shipped", "load"]


def __dir__() -> list[str]:
    return __all__
