"""Random streams: counter-based draws whose state is an explicit value.

`RandomStream(seed)` makes draws; `shared_randomstreams.RandomStreams` and `MRG_RandomStreams` are its
older names. The distributions are also functions here, `normal(0, 1, rng=state)`, and methods of a state
that the caller looks after: `next_state, x = shared_rng(seed=7).normal(0, 1)`. docs/random.md has the
algorithms and what is promised of their bits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from scancc.frontend.random.streams import (
    DISTRIBUTIONS,
    RandomStream,
    RandomStreams,
    RandomVariable,
    draw_once,
    rng,
    shared_rng,
)
from scancc.other_names import missing_from

MRG_RandomStreams = RandomStreams

__all__ = ["MRG_RandomStreams", "RandomStream", "RandomStreams", "RandomVariable", "rng", "shared_rng",
           *DISTRIBUTIONS]


def __dir__() -> list[str]:
    return __all__


_missing = missing_from("module 'scancc.tensor.random'", "T.random.", __dir__, {})


def __getattr__(name: str) -> Any:
    if name in DISTRIBUTIONS:
        return partial(draw_once, name)
    return _missing(name)
