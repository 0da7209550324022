"""Cycles from one step to the next, by llvm-mca where it is installed: a loop takes no longer than its chain.

Steps are chosen whose loops have no moves between registers, of which the model of Zen 3 loses the dependences.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

NAMES = ["llvm-mca", *(f"llvm-mca-{n}" for n in range(22, 13, -1))]
MCA = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(MCA is None or "x86-64-v3" not in levels(), reason="needs llvm-mca and x86-64-v3")
STEPS = 1000
SPARE = 0.3  # of a cycle: what the model takes for filling and draining


def chain(step: Callable[..., Any], **options: Any) -> float:
    """Cycles a step of a scan over a vector, whose loop runs one step a round."""
    x, a, b, c = T.dvector("x"), T.dscalar("a"), T.dscalar("b"), T.dscalar("c")
    rows, _ = sc.scan(step, x, T.constant(0.0), non_sequences=[a, b, c])
    with sc.change_flags(cpu="x86-64-v3"):
        f = sc.function([x, a, b, c], rows, on_unused_input="ignore", **options)
    return max(map(cycles, loops(f.asm())))


def loops(assembly: str) -> list[str]:
    """The straight loops over doubles, one at a time."""
    found = re.findall(r"^(\.LBB\w+):\n((?:\t(?!j).*\n)+)\tj\w+\t\1$", assembly, re.MULTILINE)
    return [body for _, body in found if re.search(r"\tv(add|sub|mul|f\w+)sd\t", body) and "%ymm" not in body]


def cycles(body: str) -> float:
    assert MCA is not None
    done = subprocess.run([MCA, "-mcpu=znver3", f"-iterations={STEPS}"], input=body, capture_output=True, text=True,
                          check=True)
    total = re.search(r"^Total Cycles:\s+(\d+)$", done.stdout, re.MULTILINE)
    assert total is not None
    return int(total[1]) / STEPS


# the step, what is allowed, and the cycles of its chain (an addition 3, a product 3, a multiply-add 4)
CHAINS: dict[str, tuple[Callable[..., Any], str | None, int]] = {
    "a sum": (lambda v, s, a, b, c: s + v, None, 3),
    "affine": (lambda v, s, a, b, c: a * s + b * v, None, 4),
    "a product is taken away": (lambda v, s, a, b, c: v - a * s, None, 4),
    "a difference of two products": (lambda v, s, a, b, c: b * v - a * s, None, 6),
    "the same, joined": (lambda v, s, a, b, c: b * v - a * s, "contract", 4),
    "a square": (lambda v, s, a, b, c: s * s - a, None, 4),
    "a variance": (lambda v, s, a, b, c: c + a * v * v + b * s, None, 4),
    "a variance, the state first": (lambda v, s, a, b, c: b * s + a * v * v + c, None, 7),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_loop_takes_no_longer_than_its_chain(name: str) -> None:
    step, allowed, least = CHAINS[name]
    found = chain(step, fast_math=allowed)
    assert least - SPARE <= found <= least + SPARE, f"{found} cycles a step"
