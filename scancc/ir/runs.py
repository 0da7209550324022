"""Loops that fill a run of memory with zeros, or copy one, once a call: the machine has functions for it.

    for %i in 0..%n parallel { %buffer[%row, %i] = 0.0 }
    for %i in 0..%n parallel { %buffer[%i] = %other[%i] }

A gradient has many, as where its sums begin: with vectors, and what they leave over, they were a sixth of the lines
of Lorenz's gradient. In loops a call would cost more than a few elements do; loops of known length are written out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .builder import constant_of
from .core import Op, Value
from .ops import group, operand, whole
from .parts import Loop
from .types import MemRefType


class Run(NamedTuple):
    """What a loop does with neighbours: stores what it loads, or zeros."""

    load: Op | None
    store: Op


def run_of(loop: Op) -> Run | None:
    """What such a loop does; None of any other."""
    parts, ops = Loop(loop), [op for op in loop.body.ops[:-1] if op.name != "arith.constant"]
    if loop.results or constant_of(parts.step) != 1 or constant_of(parts.upper) is not None:
        return None
    if [op.name for op in ops] == ["memref.store"]:
        found = Run(None, ops[0]) if _is_zero(operand(ops[0], "value")) else None
    elif [op.name for op in ops] == ["memref.load", "memref.store"] and "parallel" in loop.attrs:
        found = Run(ops[0], ops[1]) if operand(ops[1], "value") is ops[0].result else None
    else:
        return None
    return found if all(_goes_along(op, parts) for op in ops) and _runs_once(loop) else None


def _is_zero(value: Value) -> bool:
    known = constant_of(value)
    return known is not None and known == 0 and math.copysign(1, known) > 0


def _goes_along(access: Op, parts: Loop) -> bool:
    """Whether neighbours are read, or written."""
    type, indices = whole(access).type, group(access, "indices")
    assert isinstance(type, MemRefType)
    if not indices or indices[-1] is not parts.counter or type.strides is not None and type.strides[-1] != 1:
        return False
    return all(index.block is not parts.op.body for index in indices[:-1])


def _runs_once(loop: Op) -> bool:
    around = loop.parent_op()
    while around is not None and around.name == "scf.if":
        around = around.parent_op()
    return around is not None and around.name == "func.func"
