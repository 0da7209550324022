"""Whether this machine runs the code of a library: told before any of it is called, which would end the process."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from scancc.errors import UnsupportedError

_OTHER_NAMES = {"amd64": "x86_64", "arm64": "aarch64", "armv7l": "armv7"}


def check_machine(target: Mapping[str, Any], path: object) -> None:
    """Refuse code for another kind of processor than this one."""
    kind, here = str(target.get("triple", "")).partition("-")[0], platform.machine().lower()
    here = _OTHER_NAMES.get(here, here)
    if kind not in ("", here):
        raise UnsupportedError(f"{path} is code for {kind}, and this machine is {here}; export it for this one "
                               f"(target={here + '-linux-gnu'!r})")


def check_features(address: int, required: Sequence[Any], path: object) -> None:
    """Refuse code for features that this processor lacks: bits of what the function at `address` gives, in order."""
    missing = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)()
    if missing:
        numbers = [n for n in range(64) if missing >> n & 1]
        names = ", ".join(str(required[n]) if n < len(required) else f"number {n}" for n in numbers)
        raise UnsupportedError(f"{path} is compiled for features that this processor lacks: {names}; export it for "
                               "this machine (target='native'), or for all of its kind (target='x86-64', 'aarch64')")
