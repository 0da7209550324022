"""SHA-256 without OpenSSL for what is short: that loads for 3 ms, and then takes a quarter of the time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashlib import _Hash

_SHORT_NBYTES = 1 << 19


def sha256(data: bytes) -> _Hash:
    """As `hashlib.sha256`, which does it where it is loaded anyway, or `data` is long."""
    if len(data) > _SHORT_NBYTES or "hashlib" in sys.modules:
        import hashlib  # loads OpenSSL

        return hashlib.sha256(data)
    found: _Hash = _small()(data)
    return found


def _small() -> Callable[[bytes], Any]:
    """Python's own, whose module has another name from version to version, and may be left out."""
    for module in ("_sha2", "_sha256"):
        try:
            return import_module(module).sha256  # type: ignore[no-any-return]
        except ImportError:
            pass
    return import_module("hashlib").sha256  # type: ignore[no-any-return]
