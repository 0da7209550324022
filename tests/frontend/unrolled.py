"""`scan` without a loop: the same step written out, step after step. The oracle for derivatives of scans."""

from __future__ import annotations

import scancc.tensor as T
from scancc.frontend.gradients import grad


def as_list(value):
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def unrolled(fn, sequences=None, outputs_info=None, non_sequences=None, n_steps=None, go_backwards=False):
    """As `scan` (whose result it gives as (outputs, None)), for a Python int of steps."""
    sequences = [s if isinstance(s, dict) else {"input": s} for s in as_list(sequences)]
    states = [s if isinstance(s, dict) else {"initial": s} for s in as_list(outputs_info)]
    rows = [_initial(s) for s in states]
    outputs = []
    for t in range(n_steps):
        args = [_read(s, t, go_backwards) for s in sequences]
        args += [[r[tap] for tap in s.get("taps", [-1])] for s, r in zip(states, rows, strict=False) if r is not None]
        new = as_list(fn(*[v for group in args for v in group], *as_list(non_sequences)))
        rows = rows or [None] * len(new)
        for row, history in zip(new, rows, strict=True):
            if history is not None:
                history.append(row)
        outputs.append(new)
    stacked = [T.stack(list(column)) for column in zip(*outputs, strict=True)]
    return (stacked if len(stacked) > 1 else stacked[0]), None


def gradients(case, loop, variables, order):
    """The gradients of a weighted sum of the result; for order 2, of a weighted sum of these."""
    found = [case(loop, *variables)]
    for _ in range(order):
        cost = sum((T.cos(1 + T.arange(f.size).reshape(f.shape, ndim=f.ndim)) * f).sum() for f in found)
        found = grad(cost, list(variables), disconnected_inputs="ignore")
    return found


def _initial(state):
    if state["initial"] is None:
        return None
    taps = state.get("taps", [-1])
    depth = -min(taps)
    return [state["initial"]] if depth == 1 else [state["initial"][i] for i in range(depth)]


def _read(sequence, t, go_backwards):
    taps = sequence.get("taps", [0])
    low, high = min(0, *taps, 0), max(0, *taps, 0)
    x = sequence["input"]
    if go_backwards:
        return [x[x.shape[0] - 1 - high + k - t] for k in taps]
    return [x[t + k - low] for k in taps]
