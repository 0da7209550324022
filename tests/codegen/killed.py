"""An export that is killed: between two of its files where it renames them itself, or while another process does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
import scancc as sc, scancc.tensor as T
done, real = [0], os.replace
def replace(a, b):
    done[0] += str(b).startswith(sys.argv[1])  # not what the disk cache writes
    if done[0] > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    real(a, b)
os.replace = replace
from scancc.codegen.exports import publishing
publishing._SHELL = "/no/shell"
x, y = T.vector("x"), T.vector("y")
"""
KILLED_MEANWHILE = """
import os, signal, sys
import scancc as sc, scancc.tensor as T
os.waitpid = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
x, y = T.vector("x"), T.vector("y")
"""


def export_killed(folder: Path, n_renamed: int, export: str) -> None:
    """Run the line `export`, which exports to sys.argv[1], until so many files have their names."""
    command = [sys.executable, "-c", KILLED + export, f"{folder}/", str(n_renamed)]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode == -9


def export_killed_meanwhile(folder: Path, export: str) -> None:
    """Run the line `export` until another process begins to rename its files."""
    done = subprocess.run([sys.executable, "-c", KILLED_MEANWHILE + export, f"{folder}/"], cwd=ROOT, check=False)
    assert done.returncode == -9
