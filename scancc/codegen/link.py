"""Shared libraries, through the C compiler of the system: the one step that needs a tool besides Python."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .c_names import ExportError
from .target import Target, host_arch

LINK_TIMEOUT_S = 120


class NoCompilerError(ExportError):
    """No C compiler was found that links for the target."""


def c_compiler(target: Target) -> list[str]:
    """The command that links for a target: $CC, else the first of cc, gcc and clang that is there."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    own = target.arch == host_arch() and "linux" in target.triple
    names = ("cc", "gcc", "clang") if own else (f"{target.arch}-linux-gnu-gcc",)
    for name in names:
        if path := shutil.which(name):
            return [path]
    raise NoCompilerError(
        f"no shared library was linked: no C compiler for {target.arch} was found "
        f"(looked for {', '.join(names)}). Install one or set CC; everything else is complete, "
        "and the archive links as it is"
    )


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
