"""Loads and runs compiled code. It never imports the compiler, so it works where LLVM is not installed.

`load(path)` opens what `scancc.export` or `scancc build` wrote.
"""

from __future__ import annotations

from scancc.runtime.library import load

__all__ = ["load"]
