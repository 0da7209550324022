"""Linked code in memory: an image is what `elf.py` makes of an object, but for where it is loaded.

An image has three page-aligned parts: code with its call stubs, read-only data with the table of external addresses,
and writable data. Pages are writable while the image is copied, then become executable or read-only: none is ever
writable and executable. All of an image but a few addresses is the same wherever it lies, so that the disk cache
keeps images: placing one takes a fifth of what linking its object takes.

External symbols come from a list of `libm` and `mem*` names, or from libraries that the caller gives; emitted code
calls nothing else. Every offset and size is checked before use, so that damaged bytes raise `ElfError`.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from scancc.errors import ScanccError
from scancc.late_dataclasses import dataclass
from scancc.later import loaded_later

if TYPE_CHECKING:
    from scancc.runtime import elf
else:
    elf = loaded_later("scancc.runtime.elf")

PAGE_BYTES: int = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
MAX_IMAGE_BYTES = 1 << 28

_MAGIC = b"scancc image 1\n"
_LENGTH, _WORD = struct.Struct("<Q"), struct.Struct("<Q")
MACHINES = ("x86_64", "aarch64")

_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE, _ANONYMOUS = 2, 0x20 if sys.platform == "linux" else 0x1000

_LIBM_TEXT = """
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 exp10 expm1 fabs fdim
floor fma fmax fmin fmod frexp hypot ldexp lgamma log log10 log1p log2 logb lrint lround llrint llround modf
nearbyint nextafter pow remainder rint round roundeven scalbn sin sincos sinh sqrt tan tanh tgamma trunc
"""
_LIBM = frozenset(_LIBM_TEXT.split())
ALLOWED_SYMBOLS = _LIBM | {name + "f" for name in _LIBM} | {"memcpy", "memmove", "memset", "memcmp"} | {
    "getauxval", "getenv",  # by which code asks what the processor has, and which variant is wanted
    "PyModuleDef_Init", "PyModule_GetDict", "Py_CompileString", "PyEval_EvalCode", "Py_DecRef"}  # a module of Python


class ElfError(ScanccError):
    """Object code that cannot be loaded here; the text says what was found and what is accepted."""


@dataclass(frozen=True)
class Image:
    """`ends` of code, constants and data; the bytes of `content`, which zeros follow; where it holds its `own`
    addresses, counted from its start, and those of symbols `outside`; the `symbols` that it defines."""

    ends: tuple[int, int, int]
    content: bytes
    own: tuple[int, ...]
    outside: tuple[tuple[int, str], ...]
    symbols: dict[str, int]

    def to_bytes(self) -> bytes:
        header = json.dumps([self.ends, self.own, self.outside, self.symbols]).encode()
        return _MAGIC + _LENGTH.pack(len(header)) + header + self.content

    @classmethod
    def from_bytes(cls, data: bytes) -> Image:
        """The image that `to_bytes` wrote; ElfError where `data` is none that can be placed."""
        start = len(_MAGIC) + _LENGTH.size
        try:
            (n_header,) = _LENGTH.unpack_from(data, len(_MAGIC))
            ends, own, outside, symbols = json.loads(data[start : start + n_header])
            image = cls(tuple(ends), data[start + n_header :], tuple(own), tuple(map(tuple, outside)), symbols)
            sound = image._is_sound()
        except (ValueError, TypeError, AttributeError, struct.error) as error:
            raise ElfError(f"the linked code is cut or damaged ({error}); compile it again") from None
        if not sound:
            raise ElfError("the linked code is damaged, or for pages of another size; compile it again")
        return image

    def _is_sound(self) -> bool:
        bounds, n_words = (0, *self.ends, MAX_IMAGE_BYTES), len(self.content) - _WORD.size
        return (
            all(low <= high and not high % PAGE_BYTES for low, high in zip(bounds, bounds[1:], strict=False))
            and len(self.content) <= self.ends[2]
            and all(0 <= at <= n_words for at in (*self.own, *(at for at, _ in self.outside)))
            and all(0 <= at <= self.ends[2] for at in self.symbols.values())
        )


class Library:
    """Loaded code, and the `libraries` that it calls. Its memory lives as long as this object does."""

    def __init__(self, nbytes: int, symbols: dict[str, int], libraries: tuple[Library, ...]) -> None:
        self.libraries = libraries
        self._symbols = symbols
        self._nbytes = nbytes
        self._base = _reserved(nbytes)
        self._release = _of_c("munmap")

    def __del__(self) -> None:
        if hasattr(self, "_release"):
            self._release(self._base, self._nbytes)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._symbols)

    @property
    def base(self) -> int:
        return self._base

    def address(self, symbol: str) -> int:
        if symbol not in self._symbols:
            raise ElfError(f"the object defines no symbol {symbol!r}; it defines {', '.join(self._symbols)}")
        return self._base + self._symbols[symbol]


def loads_here() -> bool:
    """Whether what is compiled for this machine is linked and placed by the runtime."""
    return sys.platform not in ("darwin", "win32") and platform.machine() in MACHINES


def load(code: bytes, libraries: tuple[Library, ...] = ()) -> Library:
    """Load an image or an object for this machine, which may call `libraries`; ElfError where that cannot be done."""
    return placed(Image.from_bytes(code), libraries) if code.startswith(_MAGIC) else elf.load(code, libraries)


def placed(image: Image, libraries: tuple[Library, ...] = ()) -> Library:
    """Load an image."""
    code_end, const_end, end = image.ends
    offered = {name: library.address(name) for library in libraries for name in library.symbols}
    library = Library(max(end, PAGE_BYTES), image.symbols, libraries)
    content = bytearray(image.content)
    for at in image.own:
        _WORD.pack_into(content, at, _WORD.unpack_from(content, at)[0] + library.base & 2**64 - 1)
    for at, name in image.outside:
        _WORD.pack_into(content, at, offered[name] if name in offered else external(name))
    ctypes.memmove(library.base, bytes(content), len(content))
    _protect(library.base, code_end, _READ | _EXECUTE)
    _protect(library.base + code_end, const_end - code_end, _READ)
    return library


# --- the process around the code ----------------------------------------------------------------------


def function_of_c(name: str) -> int:
    """The address of a function of the C library that emitted code itself may not call."""
    return ctypes.cast(getattr(_process(), name), ctypes.c_void_p).value or 0


@cache
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def external(name: str) -> int:
    """The address of an allowed function of the C library."""
    if name not in ALLOWED_SYMBOLS:
        raise ElfError(f"the object calls {name!r}; emitted code may call libm and mem* functions, and those of its "
                       "libraries, only")
    for library in _c_libraries():
        try:
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
        except AttributeError:
            continue
    raise ElfError(f"this system's C library has no {name!r}, which the object calls")


@cache
def _c_libraries() -> tuple[ctypes.CDLL, ...]:
    libraries = []
    for name in ("libm.so.6", "libc.so.6", None):  # None: the process itself, where libm is part of libc
        try:
            libraries.append(ctypes.CDLL(name))
        except OSError:
            continue
    return tuple(libraries)


_ARGUMENTS: dict[str, list[Any]] = {
    "mmap": [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long],
    "mprotect": [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int], "munmap": [ctypes.c_void_p, ctypes.c_size_t]}


@cache
def _of_c(name: str) -> Any:
    """A function for memory; the module `mmap` loads for as long as an image takes."""
    function = _process()[name]
    function.argtypes = _ARGUMENTS[name]
    function.restype = ctypes.c_void_p if name == "mmap" else ctypes.c_int
    return function


def _reserved(nbytes: int) -> int:
    base = _of_c("mmap")(None, nbytes, _READ | _WRITE, _PRIVATE | _ANONYMOUS, -1, 0)
    if base in (None, ctypes.c_void_p(-1).value):
        raise MemoryError(f"the system has no {nbytes} bytes for code (errno {ctypes.get_errno()})")
    return int(base)


def _protect(address: int, nbytes: int, protection: int) -> None:
    # On aarch64 the kernel brings the instruction cache up to date when a page first becomes executable.
    if nbytes and _of_c("mprotect")(address, nbytes, protection) != 0:
        raise ElfError(f"the system refused to protect memory for code (errno {ctypes.get_errno()})")
