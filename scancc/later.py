"""Modules that those below them ask for by role; `scancc/__init__.py` says which they are.

So no file names what rests on it, and what is rarely needed loads when it is first asked for. So does what only a
first compilation needs (`loaded_later`).
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from importlib import import_module
from types import ModuleType
from typing import Any

from scancc.process import without_collection

ROLES: dict[str, str] = {}


def in_role(role: str) -> ModuleType:
    """The module that plays `role`, loaded if it is not."""
    return import_module(ROLES[role])


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        with nullcontext() if self.__name__ in sys.modules else without_collection():  # nothing of it is garbage
            return getattr(import_module(self.__name__), name)


def loaded_later(name: str) -> ModuleType:
    """Stands for a module of the compiler, which loads when something of it is asked for: it takes longer to load
    than code from the disk cache takes to find."""
    return _Later(name)
