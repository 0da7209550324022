"""The hashes that a file of an export has of itself, in the manifests inside it: by them damage is found, and builds.

    {"scancc": "manifest", "object_sha256": "(64 digits)", "library_sha256": "(64 digits)", ...

An object has its own as the first one, of all its bytes with 0s in that place. A shared library that was linked for
the export has its own as the second, and as the first those that its objects had; of it counts what the system
loads, so that `strip` may take the rest away. 0s stand where nobody said: what C became, and libraries that others
linked, are taken as they are.
"""

from __future__ import annotations

import re
import struct

from scancc.hashes import sha256

MANIFEST_START = b'{"scancc": "manifest", '  # of the text in an object, whatever file it is in
OBJECT, LIBRARY = 1, 2  # which of the two
_NOBODY = b"0" * 64
UNSEALED = b'"object_sha256": "' + _NOBODY + b'", "library_sha256": "' + _NOBODY + b'", '
_SEALS = re.compile(UNSEALED.replace(_NOBODY, b"([0-9a-f]{64})"))
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_PT_LOAD = 1


def sealed(data: bytes, which: int) -> bytes:
    """The file with its hash in each of its manifests."""
    return _with(data, which, _digest(data, which))


def seals(data: bytes, which: int) -> list[str]:
    """The hashes that the manifests in a file, or an archive, have."""
    return [found[which].decode() for found in _SEALS.finditer(data)]


def is_whole(data: bytes, which: int) -> bool:
    """Whether a file is as it was sealed, or nobody sealed it."""
    found = {match[which] for match in _SEALS.finditer(data)}
    if data.count(MANIFEST_START) != len(seals(data, which)):
        return False
    try:
        return found <= {_NOBODY} or found == {_digest(data, which)}
    except struct.error:
        return False


def _digest(data: bytes, which: int) -> bytes:
    blank = _with(data, which, _NOBODY)
    return sha256(blank if which == OBJECT else _loaded(blank)).hexdigest().encode()


def _with(data: bytes, which: int, digest: bytes) -> bytes:
    changed = bytearray(data)
    for found in _SEALS.finditer(data):
        changed[slice(*found.span(which))] = digest
    return bytes(changed)


def _loaded(data: bytes) -> bytes:
    """What is loaded of a library in ELF of 64 bits, without what its head says of the rest; all of another one."""
    if data[:5] != b"\x7fELF\x02":
        return data
    (at,), (nbytes, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    rows = [_PROGRAM_HEADER.unpack_from(data, at + n * nbytes) for n in range(count)]
    data = data[:40] + bytes(8) + data[48:58] + bytes(6) + data[64:]  # where its sections are, and how many
    return b"".join(data[row[2] : row[2] + row[5]] for row in rows if row[0] == _PT_LOAD)
