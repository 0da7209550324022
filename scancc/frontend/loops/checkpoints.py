"""A scan that keeps every N-th row, for gradients in less memory: an outer scan over blocks of steps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scancc.errors import UnsupportedError
from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.site import NUMBER, Site
from scancc.frontend.graph.variables import Variable, user_location
from scancc.frontend.loops.scan import scan
from scancc.frontend.loops.sequences import SequenceSpec, as_list, parse_sequences, scan_length, step_count
from scancc.frontend.loops.states import StateSpec, parse_states
from scancc.frontend.loops.step_result import until
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.joining import join
from scancc.frontend.ops.making import alloc, arange


def scan_checkpoints(
    fn: Callable[..., Any], sequences: Any = None, outputs_info: Any = None, non_sequences: Any = None,
    name: str | None = "checkpointscan_fn", n_steps: Any = None, save_every_N: int = 10, padding: bool = True,
    return_updates: bool = True,
) -> Any:
    """As `scan`, but of each output only rows N-1, 2N-1, ... and the last are kept.

    Its gradient holds the kept rows and those of one block of N steps at a time. States have tap -1
    only. `padding=False`: the number of steps is a multiple of N, and sequences are not copied.
    Returns `(outputs, updates)`, or with `return_updates=False` the outputs of a step without updates.

    >>> doubled, _ = sc.scan_checkpoints(lambda v: 2 * v, outputs_info=T.constant(1.),
    ...                                  n_steps=6, save_every_N=2)
    >>> sc.function([], doubled)()
    array([ 4., 16., 64.])
    """
    site = Site(name, user_location())
    block = _block_size(save_every_N, site)
    specs, states = parse_sequences(sequences, site), parse_states(outputs_info, site)
    _check_no_taps(specs, outputs_info, site)
    length = scan_length(specs, step_count(n_steps, site), site)
    if not flag("scan_checkpoints: padding", padding):
        length = _whole_blocks(length, block, site)
    n_blocks = apply_scalar("floor_div", apply_scalar("add", length, int64(block - 1)), int64(block))
    blocks = [_in_blocks(spec.variable, length, n_blocks, block, padding) for spec in specs]
    step = _block_step(_without_until(fn, site), states, len(specs), length, block, name)
    initials = [s.initial if s.number is None else s.number for s in states]
    rows = [arange(n_blocks), *blocks]
    return scan(step, rows, initials, non_sequences, n_steps=n_blocks, name=_named(name, "outer"),
                return_updates=return_updates)


def _without_until(fn: Callable[..., Any], site: Site) -> Callable[..., Any]:
    @functools.wraps(fn)
    def step(*args: Variable) -> Any:
        returned = fn(*args)
        if any(isinstance(part, until) for part in as_list(returned)):
            raise UnsupportedError(site.text(
                "scan_checkpoints does not work with until", "use scan, or T.switch to keep the state as it is"
            ))
        return returned

    return step


def _block_step(
    fn: Callable[..., Any], states: Sequence[StateSpec], n_sequences: int, length: Variable, block: int,
    name: str | None,
) -> Callable[..., Any]:
    """The outer step: all steps of one block, of which it returns the last rows."""
    n_rows = 1 + n_sequences
    n_states = sum(s.recurrent for s in states)

    def step(index: Variable, *args: Variable) -> Any:
        rows, previous = args[:n_rows - 1], iter(args[n_rows - 1:n_rows - 1 + n_states])
        infos = [next(previous) if s.recurrent else None for s in states]
        done = apply_scalar("mul", index, int64(block))
        left = apply_scalar("minimum", apply_scalar("sub", length, done), int64(block))
        outputs, updates = scan(
            fn, list(rows), infos, list(args[n_rows - 1 + n_states:]), n_steps=left,
            name=_named(name, "inner"), return_list=True,
        )
        return [output[-1] for output in outputs or []], updates

    return step


def _block_size(save_every_N: Any, site: Site) -> int:
    if isinstance(save_every_N, bool) or not hasattr(save_every_N, "__index__") or int(save_every_N) < 1:
        raise ValueError(site.text(
            f"save_every_N is {save_every_N!r}",
            "give how many steps lie between two rows that are kept, 1 or more",
        ))
    return int(save_every_N)


def _check_no_taps(specs: Sequence[SequenceSpec], outputs_info: Any, site: Site) -> None:
    taps = any(spec.taps != (0,) for spec in specs)
    if taps or any(isinstance(entry, Mapping) and "taps" in entry for entry in as_list(outputs_info)):
        raise RuntimeError(site.text(
            "scan_checkpoints does not work with taps",
            "use scan, or carry the older rows as states of their own",
        ))


def _whole_blocks(length: Variable, block: int, site: Site) -> Variable:
    fact = f"{NUMBER} steps are no multiple of save_every_N={block}"
    message = site.template(fact, "leave out padding=False")
    rest = apply_scalar("mod", length, int64(block))
    return check(ValueError, message, length, apply_scalar("eq", rest, int64(0)), length)


def _in_blocks(
    sequence: Variable, length: Variable, n_blocks: Variable, block: int, padding: bool
) -> Variable:
    """The rows that are read, [n_blocks, block, *row]; the last block is filled up with zeros."""
    rows, row_shape = sequence[:length], dims(sequence)[1:]
    if padding:
        total = apply_scalar("mul", n_blocks, int64(block))
        missing = apply_scalar("sub", total, length)
        zero = as_tensor_variable(0).astype(sequence.dtype)
        rows = join(0, rows, alloc(zero, missing, *row_shape))
    return reshape(rows, [n_blocks, int64(block), *row_shape])


def _named(name: str | None, part: str) -> str | None:
    return None if name is None else f"{name}_{part}"
