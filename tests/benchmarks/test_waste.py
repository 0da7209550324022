"""What is counted of loop IR."""

import scancc as sc
import scancc.tensor as T
from benchmarks import waste


def test_copies_fills_and_passes_are_told_apart() -> None:
    """An array that is filled and then written in part, and a state that is copied once and not in each step."""
    x, u = T.vector("x"), T.vector("u")
    part = T.set_subtensor(T.zeros_like(x)[1:], T.exp(x[1:]))
    found = waste.counted(sc.function([x], part).program)
    assert {kind: found[kind, False] for kind in waste.KINDS} == {"arrays": 0, "copies": 0, "fills": 1, "passes": 1}
    last, _ = sc.reduce(lambda i, u: T.set_subtensor(u[i], u[i + 1] * 2), T.arange(3), u)
    found = waste.counted(sc.function([u], last).program)
    assert found["copies", False] and not found["copies", True]
