"""What compiled code depends on beside its program, told without loading LLVM: for keys of the disk cache."""

from __future__ import annotations

import os
import platform
import struct
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy

from scancc.hashes import sha256
from scancc.later import loaded_later
from scancc.runtime.images import PAGE_BYTES

if TYPE_CHECKING:
    from scancc.codegen import target as targets
else:
    targets = loaded_later("scancc.codegen.target")

_PACKAGES = ("scancc", "scancc.passes", "llvmlite")
# Folders that nothing rests on between a graph and its code: `tests/test_artifact_cache.py` asks the imports.
_ASIDE = frozenset({"__pycache__", "bridges", "c", "cli", "glue", "gradients", "insight", "names", "random", "tensor",
                    "tests", "upstream"})
_SOURCES = (".py", ".ll", ".so", ".dylib", ".dll")


@cache
def compiler() -> str:
    """A hash of the names, sizes and times of files of the compiler and of LLVM: who changes one gets code of it."""
    folders: list[str] = []
    for found in (place for name in _PACKAGES for place in _places(name)):
        if not found.startswith(tuple(f"{folder}{os.sep}" for folder in folders)):
            folders.append(found)
    return sha256(f"{sys.version}\0{numpy.__version__}\0".encode() + _files(folders)).hexdigest()


@cache
def machine() -> str:
    """The processor with what it and the system offer; where no file tells, LLVM is asked. With the size of pages, to
    which linked code is aligned."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            told = [line for line in _first_processor(file) if line.partition(":")[0].strip() not in _CHANGING]
    except OSError:
        told = [str(targets.host())]
    return "\n".join((platform.machine(), sys.platform, f"pages of {PAGE_BYTES}", *told))


_CHANGING = frozenset({"processor", "cpu MHz", "bogomips", "BogoMIPS", "core id", "physical id", "apicid",
                       "initial apicid", "siblings", "cpu cores"})


def _first_processor(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if not line.strip():
            return
        yield line.strip()


def _places(package: str) -> list[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _files(folders: list[str]) -> bytes:
    """Name, size and time of each source file and library in these folders and below that code may rest on: some 500,
    in a sixth of what a first function takes whose code the disk cache has."""
    names, numbers, pending = list[str](), list[int](), list(folders)
    while pending:
        folder = pending.pop()
        names.append(folder)
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=attrgetter("name")):
                name = entry.name
                if name.endswith(_SOURCES):
                    status = os.stat(entry.path)  # in 0.8 of the time that entry.stat() takes
                    names.append(name)
                    numbers += status.st_size, status.st_mtime_ns
                elif "." not in name and name not in _ASIDE and entry.is_dir():
                    pending.append(entry.path)
    return "\0".join(names).encode("utf-8", "surrogateescape") + struct.pack(f"<{len(numbers)}q", *numbers)
