"""Static libraries: the `ar` format of System V with its symbol table, for Mach-O that of BSD, written directly.

No `ar` is needed, and the same members always give the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..object_formats import MACHO_MAGIC
from .symbols import defined

_MAGIC = b"!<arch>\n"


def archive(members: Sequence[tuple[str, bytes]]) -> bytes:
    """An archive of named objects; the first members are the symbol table and, if needed, long names."""
    if all(code[:4] == MACHO_MAGIC for _, code in members):
        return _bsd_archive(members)
    long_names, short = _names([name for name, _ in members])
    symbols = [(symbol, n) for n, (_, code) in enumerate(members) for symbol in defined(code)]
    table_nbytes = 4 + 4 * len(symbols) + sum(len(s) + 1 for s, _ in symbols)
    offset = len(_MAGIC) + 60 + _even(table_nbytes)
    if long_names:
        offset += 60 + _even(len(long_names))
    offsets = []
    for _, code in members:
        offsets.append(offset)
        offset += 60 + _even(len(code))
    table = struct.pack(f">I{len(symbols)}I", len(symbols), *(offsets[n] for _, n in symbols))
    table += b"".join(s.encode() + b"\0" for s, _ in symbols)
    parts = [_MAGIC, _member("/", table)]
    if long_names:
        parts.append(_member("//", long_names))
    parts += [_member(short[n], code) for n, (_, code) in enumerate(members)]
    return b"".join(parts)


def _bsd_archive(members: Sequence[tuple[str, bytes]]) -> bytes:
    """As Apple's linker reads it: names stand before the data, which starts at multiples of 8; so does the table."""
    parts = [_bsd_member(name, b"\n", code) for name, code in members]
    exported = [[f"_{symbol}".encode() + b"\0" for symbol in defined(code)] for _, code in members]
    names = b"".join(name for group in exported for name in group)
    names += bytes(-len(names) % 8)
    count = sum(map(len, exported))
    nbytes = len(_bsd_member("__.SYMDEF", b" ", bytes(8 + 8 * count) + names))
    table, at, offset = struct.pack("<I", 8 * count), 0, len(_MAGIC) + nbytes
    for group, part in zip(exported, parts, strict=True):
        for name in group:
            table += struct.pack("<II", at, offset)
            at += len(name)
        offset += len(part)
    table += struct.pack("<I", len(names)) + names
    return b"".join([_MAGIC, _bsd_member("__.SYMDEF", b" ", table), *parts])


def _bsd_member(name: str, padding: bytes, data: bytes) -> bytes:
    text = name.encode() + bytes(-(60 + len(_MAGIC) + len(name.encode())) % 8 or 8)
    body = text + data + padding * (-len(data) % 8)
    return f"#1/{len(text):<13}{0:<12}{0:<6}{0:<6}{'644':<8}{len(body):<10}`\n".encode() + body


def _names(names: Sequence[str]) -> tuple[bytes, list[str]]:
    """The table of names over 15 bytes, and what each member's header says."""
    table, short = b"", []
    for name in names:
        if len(name.encode()) <= 15:
            short.append(name + "/")
        else:
            short.append(f"/{len(table)}")
            table += name.encode() + b"/\n"
    return table, short


def _member(name: str, data: bytes) -> bytes:
    """A header (no time, owner 0, mode 644) and its data, padded to an even length."""
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'644':<8}{len(data):<10}`\n".encode()
    return header + data + b"\n" * (len(data) % 2)


def _even(nbytes: int) -> int:
    return nbytes + nbytes % 2
