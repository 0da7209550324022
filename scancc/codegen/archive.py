"""Static libraries: the System V `ar` format with its symbol table, written directly.

No `ar` is needed, and the same members always give the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .symbols import defined

_MAGIC = b"!<arch>\n"


def archive(members: Sequence[tuple[str, bytes]]) -> bytes:
    """An archive of named objects; the first members are the symbol table and, if needed, long names."""
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
