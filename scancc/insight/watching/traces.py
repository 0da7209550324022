"""The values of chosen steps by name: they are more outputs of a program made for the question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import Constant, Variable
from scancc.frontend.ops.control import Check
from scancc.frontend.program.probes import Inside, probed
from scancc.frontend.program.program import Program
from scancc.insight.watching.calls import split
from scancc.late_dataclasses import dataclass
from scancc.versions import Native


@dataclass(frozen=True)
class ScanTrace(Mapping[str, np.ndarray]):
    """Every value of a scan's steps by name, row t for the t-th of the steps that were asked for: what a step is
    given and all that it computes, in order. A scan in the step has its values under `inner`."""

    title: str
    first: int  # the number of the first step
    rows: Mapping[str, np.ndarray]
    inner: tuple[ScanTrace, ...] = ()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.rows:
            raise KeyError(f"{self.title} has no value {name!r}; it has {', '.join(map(repr, self.rows))}")
        return self.rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines = [self.title]
        for t in range(len(next(iter(self.rows.values()), ()))):
            lines.append(f"  step {self.first + t}")
            lines += [f"    {name} = {brief(rows[t])}" for name, rows in self.rows.items()]
        return "\n".join([*lines, *map(str, self.inner)])


class Trace(tuple[ScanTrace, ...]):
    """The values of steps, a `ScanTrace` for each scan; a name is looked up in all of them."""

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        found = [scan[key] for scan in self if key in scan.rows]
        if len(found) != 1:
            names = ", ".join(repr(n) for scan in self for n in scan)
            raise KeyError(f"{len(found) or 'no'} scans have a value {key!r}; ask one of them, trace[0][{key!r}] "
                           f"(the names are {names})")
        return found[0]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))


def brief(value: np.ndarray) -> str:
    text = np.array2string(value, threshold=8, edgeitems=3, separator=", ") if value.ndim else str(value)
    return re.sub(r"\s+", " ", text)


def traced(program: Program, arrays: Sequence[np.ndarray], steps: slice) -> Trace:
    """The values of the outermost scans' `steps` in a call with these arrays."""
    if not isinstance(steps, slice) or not all(isinstance(n, int | None) for n in (steps.start, steps.stop)):
        raise TypeError(f"trace: steps is {steps!r}; give slice(a, b), the steps from a on and before b")
    if steps.step not in (None, 1) or not all(n is None or n >= 0 for n in (steps.start, steps.stop)):
        raise ValueError(f"trace: steps is {steps}; give slice(a, b) with a and b of at least 0")
    invariant = {v for scan in program.scans for v in scan.body.consts}
    seen = probed(program, lambda value: value not in invariant and _is_value(value), steps)
    _, rows = split(seen, len(program.outputs), Native(seen.program, False), arrays, None)
    return Trace(_trace(one, rows, steps.start or 0, "") for one in seen.seen if isinstance(one, Inside))


def _is_value(value: Variable) -> bool:
    """Whether it is a number or an array of a program, not a size, a constant, a check or a stream's state."""
    if isinstance(value, Constant) or isinstance(value.type, StreamType):
        return False
    if value.owner is not None and isinstance(value.owner.op, Check):
        return False  # of a value that is shown
    return value.ndim > 0 or value.dtype != "int64" or value.name is not None


def _trace(inside: Inside, rows: Mapping[int, np.ndarray], first: int, words: str) -> ScanTrace:
    title = f"{inside.scan.name} at {inside.node.location}{words}"
    values: dict[str, np.ndarray] = {}
    for one in inside.seen:
        if not isinstance(one, Inside):
            values[_new_name(called(one.of), values)] = rows[one.output]
    inner = [_trace(one, rows, 0, f", in each step of {inside.scan.name}") for one in inside.seen
             if isinstance(one, Inside)]
    return ScanTrace(title, first, values, tuple(inner))


def called(value: Variable) -> str:
    """The user's name, else what makes it and the line."""
    if value.name is not None or value.owner is None:
        return value.name or "an unnamed value"
    line = "" if value.owner.location is None else f", line {value.owner.location.line}"
    return f"{value.owner.op.name}{line}"


def _new_name(name: str, taken: Mapping[str, Any]) -> str:
    """`name`, with a number where others have it."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name} ({number})", number + 1
    return found
