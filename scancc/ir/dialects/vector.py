"""vector: SIMD values of a fixed number of lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..constraints import all_of, indexed, one_element
from ..core import Op
from ..ops import LITERAL, PLACED, PURE, READS, WRITES, Dialect
from ..reading.phrases import Phrase
from ..rules.vector import (
    adjacent,
    check_extract,
    check_from_elements,
    check_reduction,
    check_shuffle,
    check_step,
    check_truths,
)
from ..types import VectorType

if TYPE_CHECKING:
    from ..reading.reader import Reader

vector = Dialect("vector")


def _read_reduction(op: Op, r: Reader) -> Phrase:
    down_to = ", lanes {lanes}" if isinstance(op.result.type, VectorType) else ""
    return r.fill(op, f"reduce_{{@kind}}({{value}}{down_to})")


vector.define("load", "source:buffer indices*:index", traits=(READS, PLACED), gives="vector",
              verify=all_of(indexed(0), one_element(0), adjacent(0)),
              reading="{source}[{indices}..+{lanes}]", hint="{source}_{indices}",
              doc="adjacent elements along the last axis")
vector.define("store", "value:vector dest:buffer indices*:index", results="0", traits=(WRITES, PLACED),
              written="dest", verify=all_of(indexed(1), one_element(0, 1), adjacent(1)),
              reading="{dest}[{indices}..+{lanes}] = {value}", doc="writes adjacent elements along the last axis")
vector.define("broadcast", "value:number", traits=(PURE, LITERAL), gives="vector", verify=one_element(0),
              reading="{type}({value})", doc="one scalar in all lanes")
vector.define("step", traits=(PURE, LITERAL), gives="vector", verify=check_step, reading="step({lanes})",
              doc="0, 1, 2, ... as indices")
vector.define("reduction", "value:vector", traits=(PURE,), attrs=("kind:combining",), gives="number",
              verify=all_of(one_element(0), check_reduction), reading=_read_reduction,
              doc="halves combined with halves, down to a scalar")
vector.define("extract", "value:vector", traits=(PURE,), attrs=("static_position:ints",), gives="number",
              verify=all_of(one_element(0), check_extract), reading="{value}[{@static_position}]",
              doc="one lane")
vector.define("from_elements", "elements*:number", traits=(PURE,), gives="vector",
              verify=all_of(one_element(0), check_from_elements), reading="{type}({elements})",
              doc="a number for each lane")
vector.define("shuffle", "v1:vector v2:vector", traits=(PURE,), attrs=("mask:ints",), gives="vector",
              verify=all_of(one_element(0, 1), check_shuffle), reading="shuffle({v1}, {v2}, {@mask})",
              doc="lane i is the lane mask[i] of v1, or of v2 where lanes are counted on from those of v1")

scan = Dialect("scan")
scan.define("first_lane", "value:vector", traits=(PURE,), gives="index",
            verify=check_truths, reading="first_lane({value})",
            doc="the first lane that is true; the number of lanes where none is")
scan.define("fold_lanes", "value:vector", traits=(PURE,), attrs=("kind:combining",), gives="vector",
            verify=all_of(one_element(0), check_reduction), reading=_read_reduction,
            doc="halves combined with halves, down to the lanes of the result")
