"""A disk cache of object code, keyed by the hash of what it was compiled from.

One sealed file an entry: magic with version, the payload's length, the SHA-256 of key and payload, payload.
An entry is written under another name and renamed, so that readers see whole entries only, whatever other
processes do or wherever they die. It is checked before use: what is damaged, cut or foreign is set aside as
`*.bad` and counts as absent. Since its contents are executed, only the user's own files count, in a folder
that not everybody can write.

`SCANCC_CACHE_DIR` sets the folder, `SCANCC_CACHE_MB` its size (default 512; the entries unused for longest
go first), `SCANCC_CACHE=0` switches the cache off.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from scancc.config import config
from scancc.hashes import sha256

MAGIC = b"scancc\x00\x01"
MAX_BAD_FILES = 8

_HEADER = struct.Struct("<8sQ32s")
_KEY = re.compile(r"[0-9a-f]{16,128}")
_STALE_S = 3600.0  # a temporary file this old belongs to a process that died


def load(key: str) -> bytes | None:
    """The payload stored under `key`, a hexadecimal hash; None where there is no sound one."""
    cache = current()
    return cache.load(key) if cache else None


def store(key: str, payload: bytes) -> None:
    """Keep `payload` under `key`. A folder that cannot be written costs one warning, never an error."""
    cache = current()
    if cache:
        cache.store(key, payload)


def default_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "scancc"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "scancc"


class DiskCache:
    """A folder of entries, at most about `limit_nbytes` in all."""

    def __init__(self, folder: Path, limit_nbytes: int) -> None:
        self.folder = folder
        self.limit_nbytes = limit_nbytes
        self._is_off = False
        self._nbytes_until_sweep = 0

    def load(self, key: str) -> bytes | None:
        path = self._path(key)
        if self._is_off:
            return None
        try:
            data = _read_own(path, self.limit_nbytes)
        except FileNotFoundError:
            return None
        except (OSError, _Refused) as reason:
            self._switch_off(reason)
            return None
        payload = _unsealed(key, data) if data is not None else None
        if payload is None:
            self._set_aside(path)
            return None
        _touch(path)
        return payload

    def store(self, key: str, payload: bytes) -> None:
        path = self._path(key)
        if self._is_off:
            return
        try:
            self._make_folder()
            _write_whole(path, _sealed(key, payload))
            self._sweep_in_time(len(payload))
        except (OSError, _Refused) as reason:
            self._switch_off(reason)

    def sweep(self) -> None:
        """Bring the folder under its limit, and remove what dead processes left."""
        for item in os.scandir(self.folder):
            status = _status(item)
            if item.name.endswith(".tmp") and status and time.time() - status.st_mtime > _STALE_S:
                _remove(item.path)
        entries = sorted((status.st_mtime, status.st_size, path) for path, status in self._entries())
        total = sum(nbytes for _, nbytes, _ in entries)
        for _, nbytes, path in entries:
            if total <= self.limit_nbytes:
                break
            _remove(path)
            total -= nbytes

    def size(self) -> tuple[int, int]:
        """How many entries there are, and their bytes."""
        sizes = [status.st_size for _, status in self._entries()]
        return len(sizes), sum(sizes)

    def clear(self) -> int:
        """Remove all entries; how many there were. What other processes are writing stays."""
        entries = self._entries()
        for path, _ in entries:
            _remove(path)
        return len(entries)

    def _entries(self) -> list[tuple[str, os.stat_result]]:
        """Entries and what was set aside, in a folder that need not exist."""
        if not self.folder.is_dir():
            return []
        items = (item for item in os.scandir(self.folder) if item.name.endswith((".bin", ".bad")))
        return [(item.path, status) for item in items if (status := _status(item)) is not None]

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"the cache key {key!r} is no hexadecimal hash of 16 to 128 digits")
        return self.folder / f"{key}.bin"

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_safe_folder(self.folder)

    def _sweep_in_time(self, nbytes: int) -> None:
        """Sweep once a process at its first store, then whenever an eighth of the limit was added."""
        self._nbytes_until_sweep -= nbytes
        if self._nbytes_until_sweep < 0:
            self._nbytes_until_sweep = self.limit_nbytes // 8
            self.sweep()

    def _set_aside(self, path: Path) -> None:
        n_bad = sum(1 for _ in self.folder.glob("*.bad"))
        with _ignoring_the_system():  # another process may set it aside first; it is absent either way
            if n_bad < MAX_BAD_FILES:
                os.replace(path, path.with_suffix(".bad"))
            else:
                os.unlink(path)

    def _switch_off(self, reason: Exception) -> None:
        """Warn of an error of the system, which has a number; one without is of a signal's handler and goes on."""
        if isinstance(reason, OSError) and reason.errno is None:
            raise reason
        self._is_off = True
        warnings.warn(
            f"compiled code is not cached: {reason}; set SCANCC_CACHE_DIR to a folder of your own, "
            f"or SCANCC_CACHE=0 to do without",
            RuntimeWarning,
            stacklevel=4,
        )


class _Refused(Exception):
    """The folder is not safe to take code from."""


def current() -> DiskCache | None:
    """The cache that the switches name; None where it is off, or there is no home folder."""
    return _opened(config.cache_dir, config.cache_mb) if config.cache else None


@lru_cache(maxsize=8)
def _opened(folder: str, megabytes: float) -> DiskCache | None:
    try:
        return DiskCache(Path(folder).expanduser() if folder else default_folder(), int(megabytes * 2**20))
    except RuntimeError:  # no home folder
        return None


# --- sealing ------------------------------------------------------------------------------------------


def _digest(key: str, payload: bytes) -> bytes:
    return sha256(key.encode() + b"\0" + payload).digest()


def _sealed(key: str, payload: bytes) -> bytes:
    return _HEADER.pack(MAGIC, len(payload), _digest(key, payload)) + payload


def _unsealed(key: str, data: bytes) -> bytes | None:
    if len(data) < _HEADER.size:
        return None
    magic, nbytes, digest = _HEADER.unpack_from(data)
    payload = data[_HEADER.size :]
    if magic != MAGIC or nbytes != len(payload) or digest != _digest(key, payload):
        return None
    return payload


# --- files --------------------------------------------------------------------------------------------


def _read_own(path: Path, limit_nbytes: int) -> bytes | None:
    """The contents of a regular file of this user's; None for anything else under that name."""
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link
            return None
        raise
    try:
        _require_safe_folder(path.parent)
        status = os.fstat(descriptor)
        is_own = stat.S_ISREG(status.st_mode) and _is_mine(status) and status.st_size <= limit_nbytes
        return _read_all(descriptor, status.st_size) if is_own else None
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, nbytes: int) -> bytes:
    chunks = []
    while nbytes > 0 and (chunk := os.read(descriptor, nbytes)):
        chunks.append(chunk)
        nbytes -= len(chunk)
    return b"".join(chunks)


def _require_safe_folder(folder: Path) -> None:
    status = os.stat(folder)
    if not _is_mine(status) or (os.name == "posix" and status.st_mode & stat.S_IWOTH):
        raise _Refused(f"others than this user may write {folder}")


def _is_mine(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _write_whole(path: Path, data: bytes) -> None:
    """Write under a name of our own, then rename: under `path` stands a whole entry or none."""
    temporary = path.with_name(f".{path.stem[:16]}.{os.getpid()}.{os.urandom(6).hex()}.tmp")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:  # an interrupt, too
        _remove(str(temporary))
        raise


def _touch(path: Path) -> None:
    with _ignoring_the_system():  # where it fails, only the order of eviction suffers
        os.utime(path)


@contextmanager
def _ignoring_the_system() -> Iterator[None]:
    """For errors of files, which do not matter here; those of a signal's handler do."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise


def _remove(path: str) -> None:
    with _ignoring_the_system():
        os.unlink(path)


def _status(item: os.DirEntry[str]) -> os.stat_result | None:
    status = None
    with _ignoring_the_system():
        status = item.stat(follow_symlinks=False)
    return status
