"""Loads and runs compiled code. It never imports the compiler, so it works where LLVM is not installed.

`load(path)` opens what `scancc.export` or `scancc build` wrote; a `Shipped` function goes to other processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scancc.runtime.library import load
    from scancc.runtime.shipped import Shipped

__all__ = ["Shipped", "load"]


def __getattr__(name: str) -> Any:
    """What loads files, which a function that was compiled in this process does not need."""
    if name == "load":
        from scancc.runtime.library import load
        return load
    if name == "Shipped":
        from scancc.runtime.shipped import Shipped
        return Shipped
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
