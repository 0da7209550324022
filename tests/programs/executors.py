"""Ways to run a program; a test that takes one runs on all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scancc.frontend.program import Evaluation, make_program


def reference(inputs: Any, outputs: Any = None, updates: Any = None, **options: Any) -> Callable[..., Any]:
    """The NumPy interpreter of the graph."""
    return Evaluation(make_program(inputs, outputs, updates, **options))


EXECUTORS: dict[str, Callable[..., Callable[..., Any]]] = {"reference": reference}
