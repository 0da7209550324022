"""Random programs through the public API: native code against the reference.

3,650 programs in all; `python -m tests.differential.campaign` runs as many others as one likes.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import scancc.tensor as T
from scancc.codegen.target import levels
from tests.differential.campaign import Campaign
from tests.differential.scans import KINDS
from tests.differential.shifts import Shifts
from tests.differential.terms import COMPLEX, DTYPES, Term
from tests.differential.writer import cast_text

CHUNK = 50  # programs a test, so that workers share them
LOTS = {  # options: how many programs
    "values": ({}, 2000),
    "passes": ({"passes": True}, 100),
    "gradients": ({"gradients": 1}, 150),
    "gradients and differences": ({"gradients": 1, "smooth": True}, 200),
    "passes left out": ({"without": "random"}, 200),
    "gradients, passes left out": ({"without": "random", "gradients": 1}, 100),
    "gradients in blocks of 2": ({"gradients": 1, "checkpoints": 2}, 50),
    "gradients in blocks": ({"gradients": 1, "checkpoints": "sqrt"}, 50),
    "gradients in few bytes": ({"gradients": 1, "max_bytes": 300}, 50),
    "gradients of lookups": ({"gradients": 1, "scans": "lookups"}, 50),
    "states that share": ({"scans": "sharing"}, 150),
    "states that share, passes": ({"scans": "sharing", "passes": True}, 50),
    "states that share, gradients": ({"scans": "sharing", "gradients": 1}, 50),
    "windows": ({"scans": "windows"}, 100),
    "windows, passes": ({"scans": "windows", "passes": True}, 50),
    "windows, gradients": ({"scans": "windows", "gradients": 1}, 50),
    "shifts": ({"scans": "shifts"}, 100),
    "shifts, passes": ({"scans": "shifts", "passes": True}, 50),
    "shifts, gradients": ({"scans": "shifts", "gradients": 1}, 50),
    "on a GPU": ({"gpu": True}, 100),
    "windows on a GPU, gradients": ({"gpu": True, "scans": "windows", "gradients": 1}, 50),
    "shifts on a GPU, gradients": ({"gpu": True, "scans": "shifts", "gradients": 1}, 50),
    "second derivatives": ({"gradients": 2, "smooth": True}, 50),
}
QUICK = [("values", 0)]  # what `make quick` runs of it
CHUNKS = [pytest.param(options, seed, id=f"{lot}-{seed}", marks=[] if (lot, seed) in QUICK else [pytest.mark.long])
          for lot, (options, count) in LOTS.items() for seed in range(count // CHUNK)]


@pytest.mark.parametrize("options, seed", CHUNKS)
def test_random_programs(options: dict[str, Any], seed: int) -> None:
    cpus = ["native", *levels()]  # so that no machine alone finds what another one's code does
    campaign = Campaign(seed=1000 + seed, count=CHUNK, every_kind=True, cpu=cpus[seed % len(cpus)], **options)
    campaign.run()
    assert not campaign.failures, campaign.report()
    assert campaign.done > CHUNK // 3, "most programs are refused"


@pytest.mark.parametrize("target", sorted({*DTYPES, *COMPLEX}))
def test_a_cast_of_the_writer_has_the_dtype_asked_for(target: str) -> None:
    """A part of a complex64 is a float32, which once became the new value of a float64."""
    for dtype in {*DTYPES, *COMPLEX}:
        x = T.vector("x", dtype=dtype)
        assert eval(cast_text(Term("x", dtype, (3,)), target), {"T": T, "x": x}).dtype == target


def test_no_part_of_the_writer_hides_another() -> None:
    """A method of one name in two parts would leave one unwritten; the kinds themselves are declared above."""
    known: dict[str, type] = {}
    for part in reversed(Shifts.__mro__):
        for name, value in vars(part).items():
            if inspect.isfunction(value) and not name.startswith("__"):
                assert name not in known or name in KINDS, f"{name} of {known[name].__name__} and {part.__name__}"
                known[name] = part
