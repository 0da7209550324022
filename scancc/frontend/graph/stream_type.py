"""The state of a stream of random numbers, and the variables that hold one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from scancc.frontend.graph.variables import Apply, Location, TensorType, Variable
from scancc.later import in_role


class StreamType(TensorType):
    """A key and a counter, as two 64-bit numbers.

    As a state of `scan` it has no trace: only the last one is kept.
    """

    def __init__(self) -> None:
        super().__init__("uint64", (2,))

    def variable(self, owner: Apply | None = None, index: int = 0, name: str | None = None,
                 location: Location | None = None) -> Variable:
        return StateVariable(self, owner, index, name, location)


class Draws:
    """Has each distribution as a method that draws from this state: `next_state, x = rng.normal(0, 1)`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Callable[..., tuple[Variable, Variable]]:
        # The distributions stand on all operators, and load with the first draw.
        if name.startswith("_") or name not in (random := in_role("draws")).DISTRIBUTIONS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        draw: Any = getattr(random, name)
        return partial(draw, rng=self, return_next_rng=True)


class StateVariable(Draws, Variable):
    """A symbolic state: an input, a draw's next state, or the state inside a step."""

    __slots__ = ()
