"""An export that is killed: between two of its files where it renames them itself, or while another process does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from scancc.codegen.exports import publishing


def export_killed(folder: Path, n_renamed: int, export: Callable[[], object]) -> None:
    """Run `export`, which exports to `folder`, in a child until so many files have their names."""
    rename, done = os.replace, [0]

    def replace(a: str, b: str) -> None:
        done[0] += str(b).startswith(f"{folder}/")  # not what the disk cache writes
        if done[0] > n_renamed:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(a, b)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", replace)
        patch.setattr(publishing, "_SHELL", "/no/shell")
        _killed(export)


def export_killed_meanwhile(export: Callable[[], object]) -> None:
    """Run `export` in a child until another process begins to rename its files."""
    wait = os.waitpid
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "waitpid", lambda *given: os.kill(os.getpid(), signal.SIGKILL))
        _killed(export, wait)


def _killed(export: Callable[[], object], wait: Callable[[int, int], tuple[int, int]] = os.waitpid) -> None:
    """A fork, as starting Python and loading the compiler anew takes longer than the export."""
    child = os.fork()
    if child == 0:
        try:
            export()
        finally:
            os._exit(1)  # it was to be killed
    _, status = wait(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
