"""Links an ELF relocatable object (x86-64, aarch64) to an image (`images.py`), without a system linker.

Sections get their places, external symbols their entries in a table, through which call stubs go, and relocations are
applied as if the image began at address 0; the few that hold addresses are noted for when it is loaded. Every offset
and size in the file is checked before use, so that a damaged object raises `ElfError`.

Source: System V ABI (ELF-64), its x86-64 supplement, and the ELF ABI for the Arm 64-bit architecture.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Collection, Sequence
from dataclasses import field
from typing import NamedTuple, TypeVar

from scancc.late_dataclasses import dataclass
from scancc.later import in_role
from scancc.runtime.images import (
    ALLOWED_SYMBOLS,
    MAX_IMAGE_BYTES,
    PAGE_BYTES,
    ElfError,
    Image,
    Library,
    loads_here,
    placed,
)
from scancc.runtime.relocations import MACHINES, Machine

_T = TypeVar("_T")

_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELA = struct.Struct("<QQq")

_ET_REL = 1
_SHT_PROGBITS, _SHT_SYMTAB, _SHT_RELA, _SHT_NOBITS, _SHT_REL = 1, 2, 4, 8, 9
_SHF_WRITE, _SHF_ALLOC, _SHF_EXECINSTR, _SHF_TLS = 1, 2, 4, 0x400
_SHN_UNDEF, _SHN_LORESERVE, _SHN_ABS = 0, 0xFF00, 0xFFF1
_STB_LOCAL = 0


@dataclass(eq=False)
class _Section:
    """A row of the table of sections, and where it is loaded."""

    name: str
    kind: int
    flags: int
    file_offset: int
    nbytes: int
    link: int
    info: int
    align_bytes: int
    entry_bytes: int
    offset: int = -1  # in the image; -1: not loaded


class _Symbol(NamedTuple):
    name: str
    section: int
    value: int
    is_local: bool


class _Relocation(NamedTuple):
    """Write the address of `symbol` plus `addend` at `offset` in `section`, in the way that `kind` says."""

    section: _Section
    offset: int
    kind: int
    symbol: _Symbol
    addend: int


@dataclass(eq=False)
class _Part:
    """Sections under one protection, and where the next goes."""

    end: int = 0
    sections: list[_Section] = field(default_factory=list)

    def add(self, section: _Section) -> None:
        section.offset = self.reserve(section.nbytes, section.align_bytes)
        self.sections.append(section)

    def reserve(self, nbytes: int, align_bytes: int) -> int:
        start = _round_up(self.end, align_bytes)
        self.end = start + nbytes
        if self.end > MAX_IMAGE_BYTES:
            raise ElfError(f"the object takes more than {MAX_IMAGE_BYTES} bytes of memory; it is damaged")
        return start

    def move(self, start: int) -> int:
        """Count offsets from the start of the region; where the next part begins."""
        for section in self.sections:
            section.offset += start
        self.end = _round_up(start + self.end, PAGE_BYTES)
        return self.end


def load(code: bytes, libraries: tuple[Library, ...] = ()) -> Library:
    """Load an object for this machine, which may call `libraries`; ElfError where that cannot be done.

    Where objects are none of ELF's, or for a processor that is not known here, the compiler's own linker loads them.
    """
    if not loads_here():
        return _by_the_compiler(code, libraries)
    return placed(image_of(code, [name for library in libraries for name in library.symbols]), libraries)


def image_of(code: bytes, known: Collection[str] = ()) -> Image:
    """The image of an object for this machine, which may call the functions `known` of its libraries."""
    try:
        return _Linker(code, MACHINES[platform.machine()], known).link()
    except (struct.error, OverflowError) as error:
        raise ElfError(f"the object code is cut or damaged ({error}); compile it again") from error


def linked(codes: Sequence[bytes]) -> list[bytes]:
    """Images in place of objects, each of which may call those before it; the objects where LLVM loads them."""
    if not loads_here():
        return list(codes)
    known: list[str] = []
    images = []
    for code in codes:
        images.append(image_of(code, known))
        known += images[-1].symbols
    return [image.to_bytes() for image in images]


def _by_the_compiler(code: bytes, libraries: tuple[Library, ...]) -> Library:
    try:
        loader = in_role("loader of other systems")
    except ImportError as error:
        raise ElfError(f"on {platform.system()} ({platform.machine()}) code is loaded by llvmlite, which is not "
                       f"there ({error}); without it code runs on Linux, on {' and '.join(MACHINES)}") from None
    return loader.load(code, libraries)  # type: ignore[no-any-return]


class _Linker:
    def __init__(self, code: bytes, machine: Machine, known: Collection[str]) -> None:
        self.code = code
        self.machine = machine
        self.known = known
        self.sections = _read_sections(code, machine)
        self.symbols = _read_symbols(code, self.sections)
        self.stub_of: dict[str, int] = {}
        self.table_of: dict[str, int] = {}
        self.own: list[int] = []
        self.outside: list[tuple[int, str]] = []

    def link(self) -> Image:
        relocations = self._read_relocations()
        ends = self._lay_out(relocations)
        self.memory = bytearray(ends[2])
        self._copy_sections()
        self._fill_tables()
        for relocation in relocations:
            self._relocate(relocation)
        last = max((*self.own, *(at for at, _ in self.outside)), default=-8)
        n_bytes = max(len(self.memory.rstrip(b"\0")), last + 8)
        return Image(ends, bytes(self.memory[:n_bytes]), tuple(self.own), tuple(self.outside), self._exported())

    def _read_relocations(self) -> list[_Relocation]:
        found = []
        for section in self.sections:
            if section.kind not in (_SHT_RELA, _SHT_REL):
                continue
            target = _at(self.sections, section.info, "section")
            if not _is_loaded(target):
                continue
            if section.kind == _SHT_REL or target.kind == _SHT_NOBITS:
                raise ElfError(f"relocations of section {target.name!r} are not of the form with addends")
            for offset, info, addend in _entries(self.code, section, _RELA):
                symbol = _at(self.symbols, info >> 32, "symbol")
                if info & 0xFFFFFFFF:  # 0 is a relocation that does nothing
                    found.append(_Relocation(target, offset, info & 0xFFFFFFFF, symbol, addend))
        return found

    def _lay_out(self, relocations: list[_Relocation]) -> tuple[int, int, int]:
        """Give each section, call stub and table entry its place; the ends of the three parts."""
        code, const, data = _Part(), _Part(), _Part()
        for section in filter(_is_loaded, self.sections):
            is_code, is_data = section.flags & _SHF_EXECINSTR, section.flags & _SHF_WRITE
            if is_code and is_data:
                raise ElfError(f"section {section.name!r} is writable and executable; no code is loaded so")
            (code if is_code else data if is_data else const).add(section)
        self._place_tables(relocations, code, const)
        start = 0
        for part in (code, const, data):
            start = part.move(start)
        for name in self.table_of:
            self.table_of[name] += code.end
        return code.end, const.end, data.end

    def _place_tables(
        self, relocations: list[_Relocation], code: _Part, const: _Part
    ) -> None:
        for relocation in relocations:
            symbol, rule = relocation.symbol, self.machine.rules.get(relocation.kind)
            outside = symbol.section == _SHN_UNDEF
            if outside and symbol.name not in ALLOWED_SYMBOLS and symbol.name not in self.known:
                raise ElfError(
                    f"the object calls {symbol.name!r}; emitted code may call libm and mem* functions, and those of "
                    "its libraries, only"
                )
            if not outside and not (rule and rule.through_table):
                continue
            key = _key(symbol)
            if key not in self.table_of:
                self.table_of[key] = const.reserve(8, 8)
            if outside and key not in self.stub_of:
                self.stub_of[key] = code.reserve(self.machine.stub_nbytes, 16)

    def _copy_sections(self) -> None:
        for section in self.sections:
            if section.offset >= 0 and section.kind != _SHT_NOBITS and section.nbytes:
                content = _slice(self.code, section.file_offset, section.nbytes, section.name)
                self.memory[section.offset : section.offset + section.nbytes] = content

    def _fill_tables(self) -> None:
        symbols = {_key(s): s for s in self.symbols if _key(s) in self.table_of}
        for key, offset in self.table_of.items():
            symbol = symbols[key]
            if symbol.section == _SHN_UNDEF:
                self.outside.append((offset, symbol.name))
            else:
                struct.pack_into("<Q", self.memory, offset, self._address(symbol))
                self.own += [offset] * (symbol.section != _SHN_ABS)
        for key, offset in self.stub_of.items():
            stub = self.machine.stub(offset, self.table_of[key])
            self.memory[offset : offset + len(stub)] = stub

    def _address(self, symbol: _Symbol) -> int:
        """Where a symbol is in the image; a symbol outside is its call stub."""
        if symbol.section == _SHN_UNDEF:
            return self.stub_of[_key(symbol)]
        if symbol.section == _SHN_ABS:
            return symbol.value
        section = _at(self.sections, symbol.section, "section")
        if section.offset < 0 or symbol.value > section.nbytes:
            raise ElfError(f"the symbol {symbol.name!r} lies outside the loaded sections")
        return section.offset + symbol.value

    def _relocate(self, r: _Relocation) -> None:
        rule = self.machine.rules.get(r.kind)
        if rule is None:
            raise ElfError(f"no rule for relocation {r.kind} of {r.symbol.name!r}; the code must be PIC")
        if r.offset + rule.nbytes > r.section.nbytes:
            raise ElfError(f"a relocation lies outside section {r.section.name!r}; the object is damaged")
        at = r.section.offset + r.offset
        target = self.table_of[_key(r.symbol)] if rule.through_table else self._address(r.symbol)
        is_fixed = r.symbol.section == _SHN_ABS and not rule.through_table  # however far from the image
        try:
            if rule.is_address != is_fixed and (is_fixed or rule.nbytes < 8):
                raise OverflowError
            rule.apply(self.memory, at, at, target + r.addend)
        except (OverflowError, struct.error):
            raise ElfError(f"relocation {r.kind} of {r.symbol.name!r} cannot reach its target") from None
        if rule.is_address and not is_fixed:
            self.own.append(at)

    def _exported(self) -> dict[str, int]:
        return {
            s.name: self._address(s)
            for s in self.symbols
            if not s.is_local and s.name and _SHN_UNDEF < s.section < _SHN_LORESERVE
        }


# --- reading the file ---------------------------------------------------------------------------------


def _read_sections(code: bytes, machine: Machine) -> list[_Section]:
    ident, kind, number, *_, offset, _, _, _, _, entry_bytes, count, names_at = _ELF_HEADER.unpack_from(code)
    if ident[:4] != b"\x7fELF" or ident[4:6] != b"\x02\x01" or kind != _ET_REL:
        raise ElfError("the code is no 64-bit little-endian ELF relocatable object")
    if number != machine.number:
        raise ElfError(f"the object is for ELF machine {number}; this one is {machine.number}")
    if entry_bytes != _SECTION_HEADER.size:
        raise ElfError("the object's section headers have a strange size; it is damaged")
    rows = [_SECTION_HEADER.unpack_from(code, offset + i * entry_bytes) for i in range(count)]
    sections = [_Section("", r[1], r[2], r[4], r[5], r[6], r[7], r[8], r[9]) for r in rows]
    names = _at(sections, names_at, "section")
    for section, row in zip(sections, rows, strict=True):
        section.name = _text(code, names, row[0])
        if section.align_bytes & (section.align_bytes - 1) or section.align_bytes > PAGE_BYTES:
            raise ElfError(f"section {section.name!r} asks to be aligned to {section.align_bytes} bytes")
        if section.flags & _SHF_TLS:
            raise ElfError(f"section {section.name!r} is thread-local; emitted code has no such state")
    return sections


def _read_symbols(code: bytes, sections: list[_Section]) -> list[_Symbol]:
    tables = [s for s in sections if s.kind == _SHT_SYMTAB]
    if len(tables) != 1:
        raise ElfError(f"the object has {len(tables)} symbol tables; it must have one")
    strings = _at(sections, tables[0].link, "section")
    symbols = []
    for name, info, _, section, value, _ in _entries(code, tables[0], _SYMBOL):
        if section >= _SHN_LORESERVE and section != _SHN_ABS:
            raise ElfError(f"symbol {_text(code, strings, name)!r} is in the special section {section:#x}")
        symbols.append(_Symbol(_text(code, strings, name), section, value, info >> 4 == _STB_LOCAL))
    return symbols


def _is_loaded(section: _Section) -> bool:
    # Unwind tables are for exceptions and debuggers; nothing here throws.
    return bool(section.flags & _SHF_ALLOC) and section.name != ".eh_frame"


def _entries(code: bytes, section: _Section, layout: struct.Struct) -> list[tuple[int, ...]]:
    if section.entry_bytes != layout.size or section.nbytes % layout.size:
        raise ElfError(f"the table {section.name!r} has entries of a strange size; the object is damaged")
    return list(layout.iter_unpack(_slice(code, section.file_offset, section.nbytes, section.name)))


def _slice(code: bytes, offset: int, nbytes: int, name: str) -> bytes:
    if offset + nbytes > len(code):
        raise ElfError(f"section {name!r} reaches beyond the end of the object; it is cut or damaged")
    return code[offset : offset + nbytes]


def _text(code: bytes, strings: _Section, offset: int) -> str:
    start, stop = strings.file_offset + offset, strings.file_offset + strings.nbytes
    end = code.find(b"\0", start, stop)
    if end < 0:
        raise ElfError("a name lies outside its string table; the object is damaged")
    return code[start:end].decode("utf-8", "replace")


def _at(items: list[_T], index: int, what: str) -> _T:
    if index >= len(items):
        raise ElfError(f"the object names {what} {index} of {len(items)}; it is damaged")
    return items[index]


def _key(symbol: _Symbol) -> str:
    if symbol.section == _SHN_UNDEF:
        return symbol.name
    return f"{symbol.section}+{symbol.value}"


def _round_up(value: int, align_bytes: int) -> int:
    return -(-value // align_bytes) * align_bytes if align_bytes > 1 else value
