"""The hook that asks a commit for its area and for a short subject."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[2] / ".ci" / "hooks" / "commit-msg"


def said_of(subject: str, folder: Path) -> str:
    message = folder / "message"
    message.write_text(f"{subject}\n\nA body, for those who read git blame, may have lines of any length.\n")
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("the hook is a bash script")
    done = subprocess.run([bash, str(HOOK), str(message)], capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(done.stderr)
    return done.stderr


@pytest.mark.parametrize("subject", ["passes: fuse takes sums", "ir, passes: a trait of views", "Merge branch 'x'"])
def test_a_subject_with_its_area_passes(subject: str, tmp_path: Path) -> None:
    assert said_of(subject, tmp_path) == ""


@pytest.mark.parametrize(("subject", "fact"), [
    ("fuse takes sums", "does not start with its area; write 'area: what changes'"),
    ("Passes: fuse takes sums", "does not start with its area"),
    ("passes: " + "a" * 65, "has 73 characters"),
    ("passes: wip", "is of work that is not done"),
    ("wip", "is of work that is not done"),
])
def test_another_is_refused(subject: str, fact: str, tmp_path: Path) -> None:
    assert fact in said_of(subject, tmp_path)
