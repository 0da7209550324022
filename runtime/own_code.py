"""The runtime's own functions in C's manner, written as LLVM IR: a C compiler may be missing."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

from scancc.hashes import sha256
from scancc.runtime import elf
from scancc.runtime.cache import load as load_cached
from scancc.runtime.cache import store as store_cached


def key(name: str) -> str:
    """Under what the object of the file `name` of this folder stands in the disk cache."""
    text = _text(name)
    return sha256(f"{name}\0{platform.machine()}\0{text}".encode()).hexdigest()


def load(name: str, compile_ir: Callable[[str], bytes]) -> elf.Library:
    """The file `name`, as compiled with `compile_ir` (text to an object, for every processor of this kind), or from
    the disk cache, so that a library loads without LLVM; an ImportError says that there is no compiler."""
    stored = load_cached(key(name))
    if stored:
        try:
            return elf.load(stored)
        except elf.ElfError:  # damaged, or of another format
            pass
    code = compile_ir(_text(name))
    library = elf.load(code)
    store_cached(key(name), code)
    return library


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text()
