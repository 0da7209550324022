"""Scans under the names of what they are mostly used for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scancc.frontend.tracing import scan

Function = Callable[..., Any]


def map(
    fn: Function, sequences: Any, non_sequences: Any = None, truncate_gradient: int = -1,
    go_backwards: bool = False, mode: Any = None, name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """`fn` of each row: a scan without states. Returns `(outputs, updates)`."""
    return scan(
        fn, sequences, [], non_sequences, truncate_gradient=truncate_gradient, go_backwards=go_backwards,
        mode=mode, name=name, return_updates=return_updates, fast_math=fast_math,
    )


def reduce(
    fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = None, go_backwards: bool = False,
    mode: Any = None, name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """The last value of each output of a scan. `fn` gets the row first, then the accumulator."""
    found = scan(
        fn, sequences, outputs_info, non_sequences, go_backwards=go_backwards, mode=mode, name=name,
        return_updates=return_updates, fast_math=fast_math,
    )
    outputs, updates = found if return_updates else (found, None)
    if isinstance(outputs, list):
        last: Any = [output[-1] for output in outputs]
    else:
        last = None if outputs is None else outputs[-1]
    return (last, updates) if return_updates else last


def foldl(
    fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None,
    name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """`reduce` from the first row to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences, False, mode, name, return_updates, fast_math)


def foldr(
    fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None,
    name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """`reduce` from the last row to the first; `fn` still gets the row first, then the accumulator."""
    return reduce(fn, sequences, outputs_info, non_sequences, True, mode, name, return_updates, fast_math)
