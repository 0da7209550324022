"""The runtime's own functions in C's manner, written as LLVM IR: a C compiler may be missing."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import TYPE_CHECKING

from scancc.hashes import sha256
from scancc.later import loaded_later
from scancc.runtime import images
from scancc.runtime.cache import load as load_cached
from scancc.runtime.cache import store as store_cached

if TYPE_CHECKING:
    from scancc.runtime import elf
else:
    elf = loaded_later("scancc.runtime.elf")


def key(name: str) -> str:
    """Under what the linked code of the file `name` of this folder stands in the disk cache."""
    path = _path(name)
    status = os.stat(path)
    parts = (path, status.st_size, status.st_mtime_ns, platform.machine(), images.PAGE_BYTES)
    return sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


def load(name: str, compile_ir: Callable[[str], bytes]) -> images.Library:
    """The file `name`, as compiled with `compile_ir` (text to an object, for every processor of this kind), or from
    the disk cache, so that a library loads without LLVM; an ImportError says that there is no compiler."""
    stored = load_cached(key(name))
    if stored:
        try:
            return images.load(stored)
        except images.ElfError:  # damaged, or of another format
            pass
    (code,) = elf.linked([compile_ir(_text(name))])
    library = images.load(code)
    store_cached(key(name), code)
    return library


def _text(name: str) -> str:
    with open(_path(name), encoding="utf-8") as file:
        return file.read()


def _path(name: str) -> str:
    return os.path.join(os.path.dirname(__file__), name)
