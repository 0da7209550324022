"""Modules that those below them ask for by role; `scancc/__init__.py` says which they are.

So no file names what rests on it, and what is rarely needed loads when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

ROLES: dict[str, str] = {}


def in_role(role: str) -> ModuleType:
    """The module that plays `role`, loaded if it is not."""
    return import_module(ROLES[role])
