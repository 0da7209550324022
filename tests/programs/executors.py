"""Ways to run a program; a test marked `every_executor` runs on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import scancc as sc

EXECUTORS = {"reference": "reference", "native": None}  # the `mode` of `function`
_mode: list[str | None] = ["reference"]


def compile(inputs: Any, outputs: Any = None, updates: Any = None, **options: Any) -> Callable[..., Any]:
    """`function` on the executor that the test runs on."""
    return sc.function(inputs, outputs, updates=updates, mode=_mode[-1], **options)


@contextmanager
def executor(name: str) -> Iterator[None]:
    """`compile` for this executor within the block."""
    _mode.append(EXECUTORS[name])
    try:
        yield
    finally:
        _mode.pop()
