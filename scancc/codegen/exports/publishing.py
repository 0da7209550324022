"""The files of a set, put where they belong as one: whole, and a build that was ended leaves nothing that is half.

All are written into a folder NAME.partial beside their places and reach the disk there; then each is renamed, the
manifest, which names the others by their hashes, last. A process of its own does that, so that who ends the build
does not end it between two renames. Where that one is ended, too, `load` refuses the set, and a C program with a
header of another interface does not link (`Entry.interface`). The next build takes away what an ended one left.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .install import Link

_SHELL = "/bin/sh"


def publish(folder: Path, name: str, files: Mapping[str, bytes | Link]) -> tuple[Path, ...]:
    """Write the files of the set `name`, by the names that they have in the folder, in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{name}.partial"
    with _alone(folder):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir()
            for file, data in files.items():
                _write(partial / file, data)
            for file in files:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
            _rename_together(partial, list(files))
            for file in files:
                if os.path.lexists(partial / file):  # no shell, or it could not: the system says why
                    os.replace(partial / file, folder / file)
            for part in {(folder / file).parent for file in files}:
                _reach_disk(part)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return tuple(folder / file for file in files)


def _rename_together(partial: Path, files: Sequence[str]) -> None:
    """Rename files of a folder into the one around it, in another process, which holds the lock of this one."""
    if not os.path.exists(_SHELL) or any((partial.parent / file).is_dir() for file in files):
        return
    moves = [f"mv -f -- {' '.join(map(shlex.quote, group))} {shlex.quote(os.path.join('..', parent))}"
             for parent, group in itertools.groupby(files, os.path.dirname)]
    script = " && ".join(["exec 2>/dev/null", f"cd {shlex.quote(os.path.abspath(partial))}", *moves])
    with contextlib.suppress(OSError):
        child = os.posix_spawn(_SHELL, ["sh", "-c", script], {"PATH": "/bin:/usr/bin"}, setpgroup=0)
        os.waitpid(child, 0)


def _write(path: Path, data: bytes | Link) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, Link):
        path.symlink_to(data.to)
        return
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o755 if ".so" in path.suffixes else 0o644)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other build writes into the folder."""
    if sys.platform == "win32":  # nothing keeps builds apart there
        yield
        return
    import fcntl  # not on every system

    handle = os.open(folder, os.O_RDONLY)
    os.set_inheritable(handle, True)  # the lock is held until those who rename have ended
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _reach_disk(folder: Path) -> None:
    """The names in a folder, where the system can be asked for it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
