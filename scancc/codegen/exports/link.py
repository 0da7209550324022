"""Shared libraries, through the C compiler of the system: the one step that needs a tool besides Python."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..c_names import ExportError
from ..target import Target, TargetError, host, parse

LINK_TIMEOUT_S = 120


class NoCompilerError(ExportError):
    """No C compiler was found that links for the target."""


def c_compiler(target: Target) -> list[str]:
    """The command that links for a target: $CC where it is for the target, else the first that is there of those
    that are called after it."""
    given = shlex.split(os.environ.get("CC", ""))
    own = _is_own(target)
    if given and (own or _links_for(given, target)):
        return given
    system, environment = target.system
    name = f"{'arm' if target.is_arm32 else target.arch}-{system}-{environment or 'gnu'}-gcc"
    names = () if system != "linux" else ("cc", "gcc", "clang") if own else (name,)
    for name in names:
        if path := shutil.which(name):
            return [path]
    looked = f"looked for {', '.join(names)}" if names else "scancc knows no name of one"
    raise NoCompilerError(
        f"no shared library was linked: no C compiler for {target.triple} was found ({looked}). Install one or set "
        "CC to one; everything else is complete, and the archive links as it is"
    )


def _is_own(target: Target) -> bool:
    """Whether programs of this machine link with the target's objects."""
    here = host()
    return (target.arch, target.system) == (here.arch, here.system) and "linux" in target.triple


def _links_for(command: Sequence[str], target: Target) -> bool:
    """Whether a compiler says that it makes programs of this kind; one that says nothing does not."""
    try:
        done = subprocess.run([*command, "-dumpmachine"], capture_output=True, text=True, timeout=LINK_TIMEOUT_S,
                              check=False)
        found = parse(done.stdout.strip())
    except (OSError, subprocess.TimeoutExpired, TargetError):
        return False
    return (found.arch, found.system) == (target.arch, target.system) and target.writes_elf


def shared_library(members: Sequence[tuple[str, bytes]], soname: str, target: Target) -> bytes:
    """A shared library of objects; NoCompilerError or ExportError where none can be made."""
    command = c_compiler(target)
    with tempfile.TemporaryDirectory(prefix="scancc-link-") as folder:
        objects = []
        for name, code in members:
            path = Path(folder, name)
            path.write_bytes(code)
            objects.append(str(path))
        output = Path(folder, "library.so")
        flags = ["-shared", "-o", str(output), "-Wl,-z,now", "-Wl,-z,noexecstack"]
        flags += ["-Xlinker", "-soname", "-Xlinker", soname]  # a name may hold a comma
        _run([*command, *flags, *objects, "-lm"])
        return output.read_bytes()


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LINK_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise NoCompilerError(
            f"no shared library was linked: the C compiler {command[0]!r} (from CC) is not there"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"the C compiler {command[0]!r} could not run: {error}") from None
    if done.returncode != 0:
        raise ExportError(f"{shlex.join(command)} failed:\n{done.stderr.strip() or done.stdout.strip()}")
