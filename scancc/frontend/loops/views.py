"""Scans under the names of what they are mostly used for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypedDict, Unpack, overload

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import dim
from scancc.frontend.graph.variables import Variable
from scancc.frontend.loops.scan import Several, scan
from scancc.frontend.loops.scan_result import ScanResult
from scancc.frontend.loops.updates import OrderedUpdates
from scancc.frontend.ops.scalars import neq

Function = Callable[..., Any]
One: TypeAlias = tuple[Variable, OrderedUpdates]
Many: TypeAlias = tuple[list[Variable], OrderedUpdates]


class OfFolds(TypedDict, total=False):
    """What these take by keyword and does not change what they return."""

    mode: Any
    name: str | None
    fast_math: Any


class OfReductions(OfFolds, total=False):
    """Those of `reduce`."""

    go_backwards: bool


class OfMaps(OfReductions, total=False):
    """Those of `map`."""

    truncate_gradient: int


@overload
def map(fn: Callable[..., Variable], sequences: Any, non_sequences: Any = ...,
        **options: Unpack[OfMaps]) -> One: ...
@overload
def map(fn: Callable[..., Several], sequences: Any, non_sequences: Any = ...,
        **options: Unpack[OfMaps]) -> Many: ...
@overload
def map(fn: Function, sequences: Any, non_sequences: Any = ..., truncate_gradient: int = ...,
        go_backwards: bool = ..., mode: Any = ..., name: str | None = ..., return_updates: bool = ...,
        fast_math: Any = ...) -> Any: ...
def map(
    fn: Function, sequences: Any, non_sequences: Any = None, truncate_gradient: int = -1,
    go_backwards: bool = False, mode: Any = None, name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """`fn` of each row of `sequences`, [n, ...] each: a scan without states.

    Returns `(outputs, updates)`: each output is [n, *shape of what `fn` gives]; n is that of the shortest sequence.
    Options and errors are those of `scan`.

    >>> x = T.vector("x")
    >>> squares, _ = sc.map(lambda v: v * v, x)
    >>> sc.function([x], squares)([1., 2., 3.])
    array([1., 4., 9.])
    """
    return scan(
        fn, sequences, [], non_sequences, truncate_gradient=truncate_gradient, go_backwards=go_backwards,
        mode=mode, name=name, return_updates=return_updates, fast_math=fast_math,
    )


@overload
def reduce(fn: Callable[..., Variable], sequences: Any, outputs_info: Any, non_sequences: Any = ...,
           **options: Unpack[OfReductions]) -> One: ...
@overload
def reduce(fn: Callable[..., Several], sequences: Any, outputs_info: Any, non_sequences: Any = ...,
           **options: Unpack[OfReductions]) -> Many: ...
@overload
def reduce(fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = ..., go_backwards: bool = ...,
           mode: Any = ..., name: str | None = ..., return_updates: bool = ..., fast_math: Any = ...) -> Any: ...
def reduce(
    fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = None, go_backwards: bool = False,
    mode: Any = None, name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """The last value of each output of a scan. `fn` gets the row first, then the accumulator.

    Returns `(outputs, updates)`: each output has the shape of its entry in `outputs_info`. IndexError where there is
    no row, when it runs; other options and errors are those of `scan`.

    >>> x = T.vector("x")
    >>> total, _ = sc.reduce(lambda v, so_far: so_far + v, x, 0.)
    >>> sc.function([x], total)([1., 2., 3.])
    array(6.)
    """
    found = scan(
        fn, sequences, outputs_info, non_sequences, go_backwards=go_backwards, mode=mode, name=name,
        return_updates=return_updates, fast_math=fast_math,
    )
    outputs, updates = found if return_updates else (found, None)
    if isinstance(outputs, list):
        last: Any = [output[-1] for output in outputs]
    else:
        last = None if outputs is None else outputs[-1]
    return ScanResult((last, updates)) if return_updates else last


@overload
def foldl(fn: Callable[..., Variable], sequences: Any, outputs_info: Any, non_sequences: Any = ...,
          **options: Unpack[OfFolds]) -> One: ...
@overload
def foldl(fn: Callable[..., Several], sequences: Any, outputs_info: Any, non_sequences: Any = ...,
          **options: Unpack[OfFolds]) -> Many: ...
@overload
def foldl(fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = ..., mode: Any = ...,
          name: str | None = ..., return_updates: bool = ..., fast_math: Any = ...) -> Any: ...
def foldl(
    fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None,
    name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """`reduce` from the first row to the last.

    >>> x = T.vector("x")
    >>> number, _ = sc.foldl(lambda digit, so_far: 10 * so_far + digit, x, 0.)
    >>> sc.function([x], number)([1., 2., 3.])
    array(123.)
    """
    return reduce(fn, sequences, outputs_info, non_sequences, False, mode, name, return_updates, fast_math)


@overload
def foldr(fn: Callable[..., Variable], sequences: Any, outputs_info: Any, non_sequences: Any = ...,
          **options: Unpack[OfFolds]) -> One: ...
@overload
def foldr(fn: Callable[..., Several], sequences: Any, outputs_info: Any, non_sequences: Any = ...,
          **options: Unpack[OfFolds]) -> Many: ...
@overload
def foldr(fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = ..., mode: Any = ...,
          name: str | None = ..., return_updates: bool = ..., fast_math: Any = ...) -> Any: ...
def foldr(
    fn: Function, sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None,
    name: str | None = None, return_updates: bool = True,
    fast_math: Any = None,
) -> Any:
    """`reduce` from the last row to the first; `fn` still gets the row first, then the accumulator.

    >>> x = T.vector("x")
    >>> number, _ = sc.foldr(lambda digit, so_far: 10 * so_far + digit, x, 0.)
    >>> sc.function([x], number)([1., 2., 3.])
    array(321.)
    """
    return reduce(fn, sequences, outputs_info, non_sequences, True, mode, name, return_updates, fast_math)


def filter(
    fn: Function, sequences: Any, non_sequences: Any = None, go_backwards: bool = False, mode: Any = None,
    name: str | None = None, fast_math: Any = None,
) -> Any:
    """The rows of each sequence for which `fn` gives what is not 0, in the order in which they are read.

    `fn` gives one scalar for all sequences or one for each. Of several sequences a list; lengths are known only
    when it runs.

    >>> x = T.vector("x")
    >>> kept = sc.filter(lambda v: v > 1, x)
    >>> sc.function([x], kept)([1., 2., 3.])
    array([2., 3.])
    """
    given = list(sequences) if isinstance(sequences, (list, tuple)) else [sequences]
    if any(isinstance(s, dict) for s in given):
        raise TypeError("filter: a sequence is a dict, but rows are picked from tensors; give the tensors themselves")
    masks = scan(fn, sequences, [], non_sequences, go_backwards=go_backwards, mode=mode, name=name, return_list=True,
                 return_updates=False, fast_math=fast_math) or []
    if len(masks) not in (1, len(given)):
        raise ValueError(f"filter: fn gives {len(masks)} values for {len(given)} sequences; give one for all, or "
                         "one for each")
    if len(masks) == 1:
        masks = masks * len(given)
    picked = [_passing(as_tensor_variable(s), mask, go_backwards) for s, mask in zip(given, masks, strict=True)]
    return picked if len(picked) > 1 else picked[0]


def _passing(x: Variable, mask: Variable, backwards: bool) -> Variable:
    """The rows of `x`, as far as there were steps, where `mask` is not 0."""
    rows = x[::-1] if backwards else x
    return rows[:dim(mask, 0)][mask if mask.dtype == "bool" else neq(mask, 0)]
