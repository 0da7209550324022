"""What is in the files of an export: the objects of an archive, and what each says of its function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scancc.seals import MANIFEST_START

_ARCHIVE, _HEADER_BYTES = b"!<arch>\n", 60


def members(data: bytes) -> list[bytes]:
    """The objects of an archive in the `ar` format; an object is its own. Nothing where an archive is damaged."""
    if not data.startswith(_ARCHIVE):
        return [data]
    found, at = [], len(_ARCHIVE)
    while at + _HEADER_BYTES <= len(data):
        size = data[at + 48 : at + 58].strip()
        start = at + _HEADER_BYTES
        if not size.isdigit() or start + int(size) > len(data):
            return []
        found.append(data[start : start + int(size)])
        at = start + int(size) + int(size) % 2
    return [member for member in found if member.startswith(b"\x7fELF")]


def manifests(data: bytes) -> list[Mapping[str, Any]]:
    """What the objects in a file, of whatever format, say of their functions."""
    found: list[Mapping[str, Any]] = []
    at = data.find(MANIFEST_START)
    while at >= 0:
        end = data.find(b"\0", at)
        try:
            table = json.loads(data[at : end if end >= 0 else len(data)])
        except ValueError:
            table = None
        if isinstance(table, dict):
            found.append(table)
        at = data.find(MANIFEST_START, at + len(MANIFEST_START))
    return found
