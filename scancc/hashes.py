"""SHA-256 without OpenSSL for what is short: that loads for 3 ms, and then takes a quarter of the time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashlib import _Hash

_SHORT_NBYTES = 1 << 19
_MODULE = "_sha2" if sys.version_info >= (3, 12) else "_sha256"


def sha256(data: bytes) -> _Hash:
    """As `hashlib.sha256`, which does it where it is loaded anyway, or `data` is long."""
    if len(data) > _SHORT_NBYTES or "hashlib" in sys.modules:
        import hashlib  # loads OpenSSL

        return hashlib.sha256(data)
    found: _Hash = _small()(data)
    return found


@cache
def _small() -> Callable[[bytes], Any]:
    """Python's own, whose module has another name from version to version, and may be left out. Found once: to look
    for a module that is not there takes as long as to load one that is."""
    try:
        return import_module(_MODULE).sha256  # type: ignore[no-any-return]
    except ImportError:
        return import_module("hashlib").sha256  # type: ignore[no-any-return]
