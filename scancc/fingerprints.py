"""What compiled code depends on beside its program, told without loading LLVM: for keys of the disk cache."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import numpy

_PACKAGES = ("scancc", "scancc.passes", "llvmlite")
_SOURCES = (".py", ".ll", ".so", ".dylib", ".dll")


@cache
def compiler() -> str:
    """A hash of the names, sizes and times of the compiler's files and LLVM's."""
    seen: set[tuple[int, int]] = set()
    files = sorted(found for name in _PACKAGES for folder in _folders(name) for found in _files(folder, seen))
    return hashlib.sha256(repr((sys.version, numpy.__version__, files)).encode()).hexdigest()


@cache
def machine() -> str:
    """The processor with what it and the system offer; where no file tells, LLVM is asked."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            told = [line for line in _first_processor(file) if line.partition(":")[0].strip() not in _CHANGING]
    except OSError:
        from .target import host  # loads LLVM

        told = [str(host())]
    return "\n".join((platform.machine(), sys.platform, *told))


_CHANGING = frozenset({"processor", "cpu MHz", "bogomips", "BogoMIPS", "core id", "physical id", "apicid",
                       "initial apicid", "siblings", "cpu cores"})


def _first_processor(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if not line.strip():
            return
        yield line.strip()


def _folders(package: str) -> list[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _files(folder: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    """Path, size and time of each source file and library below `folder`. `seen`: folders to pass over, as one that
    is a link is in two places."""
    place = os.stat(folder)
    if (place.st_dev, place.st_ino) in seen:
        return
    seen.add((place.st_dev, place.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SOURCES):
                status = entry.stat()
                yield entry.path, status.st_size, status.st_mtime_ns
            elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                yield from _files(entry.path, seen)
