"""vector: SIMD values of a fixed number of lanes."""

from __future__ import annotations

from ..ops import PLACED, PURE, READS, WRITES, Dialect

vector = Dialect("vector")

vector.define("load", "source indices*", traits=(READS, PLACED), doc="adjacent elements along the last axis")
vector.define("store", "value dest indices*", results="0", traits=(WRITES, PLACED), written="dest",
              doc="writes adjacent elements along the last axis")
vector.define("broadcast", "value", traits=(PURE,), doc="one scalar in all lanes")
vector.define("step", traits=(PURE,), doc="0, 1, 2, ... as indices")
vector.define("reduction", "value", traits=(PURE,), attrs=("kind",),
              doc="halves combined with halves, down to the lanes of the result or to a scalar")
vector.define("extract", "value", traits=(PURE,), attrs=("static_position",), doc="one lane")
