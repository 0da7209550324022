"""Random streams: counter-based draws whose state is an explicit value.

`RandomStream(seed)` makes draws; `shared_randomstreams.RandomStreams` and `MRG_RandomStreams` are its
older names. docs/random.md has the algorithms and what is promised of their bits.
"""

from __future__ import annotations

from scancc.frontend.random.streams import RandomStream, RandomVariable

RandomStreams = MRG_RandomStreams = RandomStream

__all__ = ["MRG_RandomStreams", "RandomStream", "RandomStreams", "RandomVariable"]
