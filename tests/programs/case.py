"""A program with example arguments and the values it must give, on every executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Case:
    """`inputs`, `outputs` and `updates` are what `function` takes; `args` one call and `expected` its result.

    `more`: further calls, in order, as (args, expected). `shared`: what each shared variable holds after
    all calls.
    """

    inputs: list[Any]
    outputs: Any
    updates: Any = None
    args: list[Any] = field(default_factory=list)
    expected: Any = None
    more: list[tuple[list[Any], Any]] = field(default_factory=list)
    shared: list[tuple[Any, Any]] = field(default_factory=list)
    rtol: float = 1e-12

    def check(self, compile: Callable[..., Callable[..., Any]]) -> None:
        """Run all calls of the program that `compile(inputs, outputs, updates)` makes; compare."""
        call = compile(self.inputs, self.outputs, self.updates)
        for args, expected in [(self.args, self.expected), *self.more]:
            self._compare(call(*args), expected)
        for variable, value in self.shared:
            np.testing.assert_allclose(variable.get_value(), value, rtol=self.rtol)

    def _compare(self, results: Any, expected: Any) -> None:
        if not isinstance(self.outputs, list):
            results, expected = [results], [expected]
        assert len(results) == len(expected)
        for result, value in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, value, rtol=self.rtol, atol=1e-14)
            assert np.shape(result) == np.shape(value)
