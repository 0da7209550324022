"""Test values: with `config.compute_test_value` on, an op runs on its inputs' when it is applied.

A mistake in shapes then shows in the line that makes it. `x.tag.test_value = array` gives an input one;
constants and shared variables have their own, a scan's step sees the first rows, and what rests on a
variable without one has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from scancc.config import config
from scancc.frontend.graph.options import unmasked
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.variables import Apply, Constant, Variable, watchers

_tags: WeakKeyDictionary[Variable, SimpleNamespace] = WeakKeyDictionary()


def tag(x: Variable) -> SimpleNamespace:
    """Attributes of the user's own; of them, `test_value` is read."""
    return _tags.setdefault(x, SimpleNamespace())


def value_of(x: Variable) -> Any:
    """The test value of `x`, or None."""
    if isinstance(x, Constant):
        return x.data
    if isinstance(x, SharedVariable):
        return x.get_value(borrow=True)
    return getattr(_tags.get(x), "test_value", None)


def run_test_values(node: Apply) -> None:
    """Give the outputs of an application their test values."""
    if config.compute_test_value == "off":
        return
    values = [value_of(v) for v in node.inputs]
    if any(v is None for v in values):
        return
    arrays = [np.asarray(unmasked("a test value", v), x.dtype) for v, x in zip(values, node.inputs, strict=True)]
    for output, value in zip(node.outputs, node.op.executor(node)(arrays), strict=True):
        tag(output).test_value = value


def pass_rows(outer: Variable, places: Sequence[int | None], rows: Sequence[Variable]) -> None:
    """Give the variables of a step the rows of the test value of `outer` at `places` (None: all of it)."""
    value = value_of(outer) if config.compute_test_value != "off" else None
    if value is None:
        return
    for place, row in zip(places, rows, strict=True):
        if place is None or place < len(value):
            tag(row).test_value = value if place is None else value[place]


watchers.append(run_test_values)
