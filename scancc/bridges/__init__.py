"""Compiled functions where other libraries call them: `sc.bridges.torch` loads torch when it is first asked for.

| `native` | an address that C, Numba and ctypes call |
| `scipy`  | `scipy.LowLevelCallable` |
| `torch`  | a function of tensors with its gradient, for autograd |
| `jax`    | a function of arrays with its gradient, within `jit` |
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scancc.bridges import jax, native, scipy, torch

__all__ = ["jax", "native", "scipy", "torch"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'scancc.bridges' has no attribute {name!r}; it has {', '.join(__all__)}")
    return import_module(f"scancc.bridges.{name}")
