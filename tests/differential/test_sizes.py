"""Programs on sizes that overflow: `python -m tests.differential.sizes SEED COUNT` runs others."""

import sys

import pytest

from tests.differential.sizes import run


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="limits its memory as Unix does")
@pytest.mark.parametrize("seed", [11, 12])
def test_sizes_at_the_ends(seed: int) -> None:
    run(seed, count=25, timeout_s=200)
