"""Assertions under the older systems' name `T.opt`."""

from __future__ import annotations

from scancc.frontend.graph.variables import Variable
from scancc.late_dataclasses import dataclass
from scancc.tensor.composed import assert_ as _assert

__all__ = ["Assert", "assert_"]


@dataclass(frozen=True)
class Assert:
    """`Assert(text)(value, *conditions)`: the value, with AssertionError where a condition is false."""

    msg: str = "an assertion is false"

    def __call__(self, value: object, *conditions: object) -> Variable:
        return _assert(value, *conditions, msg=self.msg)


assert_ = Assert()
