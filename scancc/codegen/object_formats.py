"""The symbols of an object in each format that LLVM writes: ELF, Mach-O, COFF and WebAssembly.

Names are C's: Mach-O's have an underscore before them, which is taken off. The bytes come from LLVM, so they are
well formed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MACHO_MAGIC = b"\xcf\xfa\xed\xfe"
_COFF_MACHINES = (b"\x64\x86", b"\x64\xaa")  # x86-64, aarch64


class Symbol(NamedTuple):
    """`is_global`: other objects see it; `is_weak`: it may be missing, or another may take its place."""

    name: str
    is_defined: bool
    is_global: bool
    is_weak: bool


def symbols(code: bytes) -> list[Symbol]:
    """All named symbols of an object; none of anything else."""
    found: Iterable[Symbol] = ()
    if code[:4] == b"\x7fELF":
        found = _elf(code)
    elif code[:4] == MACHO_MAGIC:
        found = _macho(code)
    elif code[:4] == b"\0asm":
        found = _wasm(code)
    elif code[:2] in _COFF_MACHINES:
        found = _coff(code)
    return [symbol for symbol in found if symbol.name]


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


# Where the table of sections stands and what rows of it and of symbols are: ELF-64, then ELF-32.
_ELF_KINDS = {2: ("<Q", 40, 58, "<IIQQQQIIQQ", "<IBBHQQ"), 1: ("<I", 32, 46, "<IIIIIIIIII", "<IIIBBH")}
_SHT_SYMTAB, _STB_WEAK = 2, 2


def _elf(code: bytes) -> Iterator[Symbol]:
    is_64 = code[4] == 2
    offset_type, offset_at, counts_at, section_type, symbol_type = _ELF_KINDS[code[4]]
    (offset,) = struct.unpack_from(offset_type, code, offset_at)
    nbytes, count = struct.unpack_from("<HH", code, counts_at)
    sections = [struct.unpack_from(section_type, code, offset + n * nbytes) for n in range(count)]
    for section in sections:
        if section[1] != _SHT_SYMTAB:
            continue
        names = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], struct.calcsize(symbol_type)):
            fields = struct.unpack_from(symbol_type, code, at)
            info, index = (fields[1], fields[3]) if is_64 else (fields[3], fields[5])
            yield Symbol(_text(code, names + fields[0]), index != 0, info >> 4 != 0, info >> 4 == _STB_WEAK)


_LC_SYMTAB, _N_TYPE, _N_EXT, _N_WEAK = 2, 0x0E, 0x01, 0xC0


def _macho(code: bytes) -> Iterator[Symbol]:
    at = 32
    for _ in range(struct.unpack_from("<I", code, 16)[0]):
        command, nbytes, offset, count, names = struct.unpack_from("<IIIII", code, at)
        at += nbytes
        if command != _LC_SYMTAB:
            continue
        for n in range(count):
            name, kind, _, flags = struct.unpack_from("<IBBH", code, offset + 16 * n)
            text = _text(code, names + name).removeprefix("_")
            yield Symbol(text, kind & _N_TYPE != 0, kind & _N_EXT != 0, flags & _N_WEAK != 0)


_CLASS_EXTERNAL, _CLASS_WEAK = 2, 105


def _coff(code: bytes) -> Iterator[Symbol]:
    offset, count = struct.unpack_from("<II", code, 8)
    names, n = offset + 18 * count, 0
    while n < count:
        raw, _, section, _, kind, n_more = struct.unpack_from("<8sIhHBB", code, offset + 18 * n)
        n += 1 + n_more
        long, at = struct.unpack("<II", raw)
        name = raw.rstrip(b"\0").decode() if long else _text(code, names + at)
        is_weak = kind == _CLASS_WEAK
        yield Symbol(name, section != 0 or is_weak, kind in (_CLASS_EXTERNAL, _CLASS_WEAK), is_weak)


class _Bytes:
    """A reader of WebAssembly's numbers and names."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self) -> int:
        """An unsigned LEB128."""
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def part(self) -> bytes:
        nbytes = self.number()
        self.at += nbytes
        return self.data[self.at - nbytes : self.at]


_IMPORTS, _FUNCTION, _DATA, _SECTION, _SYMBOL_TABLE = 2, 0, 1, 3, 8
_UNDEFINED, _EXPLICIT = 0x10, 0x40


def _wasm(code: bytes) -> Iterator[Symbol]:
    reader, imported = _Bytes(code), list[str]()
    reader.at = 8
    while reader.at < len(code):
        kind, body = reader.number(), _Bytes(reader.part())
        if kind == _IMPORTS:
            imported = list(_imported_functions(body))
        elif kind == 0 and body.part() == b"linking":
            body.number()  # the version
            while body.at < len(body.data):
                kind, part = body.number(), _Bytes(body.part())
                if kind == _SYMBOL_TABLE:
                    yield from _wasm_table(part, imported)


def _imported_functions(body: _Bytes) -> Iterator[str]:
    for _ in range(body.number()):
        body.part()
        name, kind = body.part().decode(), body.number()
        if kind == _FUNCTION:
            body.number()
            yield name
        elif kind == 3:  # a global: its type, and whether it changes
            body.at += 2
        else:  # a table has a type before its limits
            body.at += kind == 1
            flags = body.number()
            body.number()
            if flags & 1:
                body.number()


def _wasm_table(body: _Bytes, imported: list[str]) -> Iterator[Symbol]:
    for _ in range(body.number()):
        kind, flags = body.number(), body.number()
        is_defined, name = not flags & _UNDEFINED, ""
        if kind == _DATA:
            name = body.part().decode()
            for _ in range(3 if is_defined else 0):
                body.number()
        else:
            index = body.number()
            if kind != _SECTION and (is_defined or flags & _EXPLICIT):
                name = body.part().decode()
            elif kind == _FUNCTION:
                name = imported[index]
        if kind in (_FUNCTION, _DATA):
            yield Symbol(name, is_defined, flags & 3 != 2, flags & 3 == 1)
