"""One object in ELF of several, as `ld -r` makes it, without a linker.

    f.o: f, calls matmul      matmul.o: matmul, calls tile      tile.o: tile   ->   f.o: f; matmul, tile: local

So what is long and the same in all modules is compiled once a machine, and each object is still whole. The sections
stand one behind the other, the symbols in one table, in which each reference has the definition of another object.
What the objects behind the first one define is local, so that artefacts with different versions of it link into one
program. The bytes come from LLVM, for one target, so they are well formed and alike.

Source: System V ABI, ELF-64, little-endian, relocations with addends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")

_SHT_NULL, _SHT_SYMTAB, _SHT_STRTAB, _SHT_RELA, _SHT_NOBITS, _SHT_LLVM_ADDRSIG = 0, 2, 3, 4, 8, 0x6FFF4C03
_LEFT_OUT = (_SHT_NULL, _SHT_SYMTAB, _SHT_STRTAB, _SHT_LLVM_ADDRSIG)  # made anew, or advice to a linker
_SHF_ALLOC = 2
_SHN_UNDEF, _SHN_LORESERVE = 0, 0xFF00


class _Section(NamedTuple):
    name: bytes
    kind: int
    flags: int
    address: int
    offset: int
    nbytes: int
    link: int
    info: int
    align: int
    entry_nbytes: int
    data: bytes


class _Symbol(NamedTuple):
    name: bytes
    info: int
    other: int
    section: int  # in the object made, where it is one of its sections
    value: int
    nbytes: int

    @property
    def is_local(self) -> bool:
        return self.info >> 4 == 0


_NO_SYMBOL = _Symbol(b"", 0, 0, 0, 0, 0)  # the first of each table


def linked(objects: Sequence[bytes]) -> bytes:
    """The objects as one; the first one's symbols are its own."""
    if len(objects) == 1:
        return objects[0]
    tables = [_sections(code) for code in objects]
    kept = [[n for n, s in enumerate(table) if _is_kept(s, table is tables[0])] for table in tables]
    places: list[dict[int, int]] = []  # of each object, from the number of a section to its number here
    for numbers in kept:
        first = 1 + sum(map(len, places))
        places.append({n: first + at for at, n in enumerate(numbers)})
    symbols, indices = _joined([[_placed(s, where) for s in _symbols(table)]
                                for table, where in zip(tables, places, strict=True)])
    n_symtab = 1 + sum(map(len, places))
    made = [_moved(table[n], where, index, n_symtab) for table, numbers, where, index in
            zip(tables, kept, places, indices, strict=True) for n in numbers]
    return _written(objects[0], made, symbols)


def _sections(code: bytes) -> list[_Section]:
    header = _HEADER.unpack_from(code)
    rows = [_SECTION.unpack_from(code, header[6] + n * header[11]) for n in range(header[12])]
    names = rows[header[13]][4]
    return [_Section._make((_text(code, names + row[0]), *row[1:], _contents(code, row))) for row in rows]


def _contents(code: bytes, row: Sequence[int]) -> bytes:
    return b"" if row[1] in (_SHT_NULL, _SHT_NOBITS) else code[row[4] : row[4] + row[5]]


def _is_kept(section: _Section, is_first: bool) -> bool:
    """What is not loaded, as the attributes of a processor, is said once."""
    return section.kind not in _LEFT_OUT and (
        is_first or section.kind == _SHT_RELA or bool(section.flags & _SHF_ALLOC))


def _text(code: bytes, start: int) -> bytes:
    return code[start : code.index(b"\0", start)]


def _symbols(sections: Sequence[_Section]) -> Iterator[_Symbol]:
    for table in (s for s in sections if s.kind == _SHT_SYMTAB):
        for name, *fields in _SYMBOL.iter_unpack(table.data):
            yield _Symbol(_text(sections[table.link].data, name), *fields)


def _placed(symbol: _Symbol, where: dict[int, int]) -> _Symbol:
    if not _SHN_UNDEF < symbol.section < _SHN_LORESERVE:
        return symbol
    if symbol.section not in where:  # what marks a section that is left out
        return _NO_SYMBOL
    return symbol._replace(section=where[symbol.section])


def _joined(objects: Sequence[Sequence[_Symbol]]) -> tuple[list[_Symbol], list[list[int]]]:
    """All symbols, local ones first, and for each object the index here of each of its symbols."""
    hidden = {s.name for symbols in objects[1:] for s in symbols if not s.is_local and s.section != _SHN_UNDEF}
    found = [_NO_SYMBOL]
    known: dict[bytes, int] = {}  # by name, of what objects see of each other
    indices = [[0] * len(symbols) for symbols in objects]
    rows = [(n, at, s) for n, symbols in enumerate(objects) for at, s in enumerate(symbols) if s != _NO_SYMBOL]

    def add(n: int, at: int, symbol: _Symbol) -> None:
        indices[n][at] = len(found)
        found.append(symbol)

    for n, at, s in rows:
        if s.is_local:
            add(n, at, s)
        elif s.name in hidden and s.section != _SHN_UNDEF:
            known[s.name] = len(found)
            add(n, at, s._replace(info=s.info & 0xF))
    outer = sorted((r for r in rows if not r[2].is_local and r[2].name not in hidden),
                   key=lambda r: r[2].section == _SHN_UNDEF)  # definitions first
    for n, at, s in outer:
        if s.name not in known:
            known[s.name] = len(found)
            add(n, at, s)
    for n, at, s in rows:
        if not s.is_local:
            indices[n][at] = known[s.name]
    return found, indices


def _moved(section: _Section, where: dict[int, int], index: Sequence[int], symtab: int) -> _Section:
    """A section with the numbers that things have here."""
    if section.kind != _SHT_RELA:
        return section._replace(link=where.get(section.link, 0))
    rows = ((place, index[info >> 32] << 32 | info & 0xFFFFFFFF, more)
            for place, info, more in _RELOCATION.iter_unpack(section.data))
    data = b"".join(_RELOCATION.pack(*row) for row in rows)
    return section._replace(link=symtab, info=where[section.info], data=data)


def _written(like: bytes, sections: Sequence[_Section], symbols: Sequence[_Symbol]) -> bytes:
    names = _Names()
    n_local = next((n for n, s in enumerate(symbols) if n and not s.is_local), len(symbols))
    table = b"".join(_SYMBOL.pack(names.place(s.name), *s[1:]) for s in symbols)
    n_sections = len(sections)
    rows = [_Section(b"", _SHT_NULL, 0, 0, 0, 0, 0, 0, 0, 0, b""), *sections,
            _Section(b".symtab", _SHT_SYMTAB, 0, 0, 0, len(table), n_sections + 2, n_local, 8, _SYMBOL.size, table)]
    places = [names.place(s.name) for s in rows] + [names.place(b".strtab")]
    rows.append(_Section(b".strtab", _SHT_STRTAB, 0, 0, 0, len(names.text), 0, 0, 1, 0, bytes(names.text)))
    body, heads = bytearray(_HEADER.size), []
    for place, row in zip(places, rows, strict=True):
        body += bytes(-len(body) % max(row.align, 1))
        offset = len(body) if row.kind != _SHT_NULL else 0
        heads.append(_SECTION.pack(place, row.kind, row.flags, row.address, offset, *row[5:10]))
        body += row.data
    body += bytes(-len(body) % 8)
    header = list(_HEADER.unpack_from(like))
    header[6], header[12], header[13] = len(body), len(rows), len(rows) - 1
    body[: _HEADER.size] = _HEADER.pack(*header)
    return bytes(body) + b"".join(heads)


class _Names:
    """A table of texts, each once."""

    def __init__(self) -> None:
        self.text = bytearray(b"\0")
        self.places: dict[bytes, int] = {b"": 0}

    def place(self, name: bytes) -> int:
        if name not in self.places:
            self.places[name] = len(self.text)
            self.text += name + b"\0"
        return self.places[name]
