"""vector: SIMD values of a fixed number of lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core import Op
from ..ops import LITERAL, PLACED, PURE, READS, WRITES, Dialect
from ..reading.phrases import Phrase
from ..types import VectorType

if TYPE_CHECKING:
    from ..reading.reader import Reader

vector = Dialect("vector")


def _read_reduction(op: Op, r: Reader) -> Phrase:
    down_to = ", lanes {lanes}" if isinstance(op.result.type, VectorType) else ""
    return r.fill(op, f"reduce_{{@kind}}({{value}}{down_to})")


vector.define("load", "source indices*", traits=(READS, PLACED),
              reading="{source}[{indices}..+{lanes}]", hint="{source}_{indices}",
              doc="adjacent elements along the last axis")
vector.define("store", "value dest indices*", results="0", traits=(WRITES, PLACED), written="dest",
              reading="{dest}[{indices}..+{lanes}] = {value}", doc="writes adjacent elements along the last axis")
vector.define("broadcast", "value", traits=(PURE, LITERAL), reading="{type}({value})", doc="one scalar in all lanes")
vector.define("step", traits=(PURE, LITERAL), reading="step({lanes})", doc="0, 1, 2, ... as indices")
vector.define("reduction", "value", traits=(PURE,), attrs=("kind",), reading=_read_reduction,
              doc="halves combined with halves, down to the lanes of the result or to a scalar")
vector.define("extract", "value", traits=(PURE,), attrs=("static_position",), reading="{value}[{@static_position}]",
              doc="one lane")
