"""`NanGuardMode`: native code that fails where a value stops being finite, and says which, where and of what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from scancc.errors import NotFinite
from scancc.frontend.graph.constants import is_discrete
from scancc.frontend.graph.variables import Constant, Variable
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.program.guards import NAN, guarded
from scancc.frontend.program.probes import Inside, Seen, probed
from scancc.frontend.program.program import Program
from scancc.insight.watching.calls import Watched, split
from scancc.insight.watching.traces import brief, called
from scancc.modes import NanGuardMode
from scancc.runtime.outputs import Given
from scancc.versions import Native

_MOVES_STEPS = "fuse-scans,peel,fuse-consumers,fuse-producers,tile,lanes"  # passes after which another step is first


class Guarding(Watched):
    """Codes that fail where a value stops being finite, and say which, where and of what."""

    def __init__(self, program: Program, mode: NanGuardMode, later: bool = False) -> None:
        self.original, self.mode = program, mode
        leave_out = ",".join(filter(None, [program.leave_out, _MOVES_STEPS]))
        made = guarded(program, mode.nan_is_error, mode.inf_is_error)
        self.values = made.values
        super().__init__(replace(made.program, leave_out=leave_out), False, later)

    def run(self, native: Native, values: Sequence[np.ndarray], out: Given | None) -> list[np.ndarray]:
        self._check_given(values)
        try:
            return native.kernel(*values, out=out)
        except NotFinite as error:
            raise self._told(error, values) from None

    def _check_given(self, values: Sequence[np.ndarray]) -> None:
        """NotFinite where an input or a shared variable is not finite."""
        program = self.original
        for variable, value in zip([*(i.variable for i in program.inputs), *program.shared], values, strict=True):
            if not is_discrete(variable.dtype) and (place := self._first(value)) is not None:
                raise NotFinite(f"{variable} is given as {value[place]}{_at(place)}")

    def _first(self, value: np.ndarray) -> tuple[int, ...] | None:
        """Where the first element is that is an error."""
        bad = np.zeros(value.shape, bool)
        if self.mode.nan_is_error:
            bad |= np.isnan(value)
        if self.mode.inf_is_error:
            bad |= np.isinf(value)
        return tuple(int(n) for n in np.argwhere(bad)[0]) if bad.any() else None

    def _told(self, error: NotFinite, values: Sequence[np.ndarray]) -> NotFinite:
        """The error with its value by name, its line, its steps and its operands."""
        kind, number, *more = error.info
        value, around = self.values[number]
        node, steps = value.owner, more[:len(around)]
        assert node is not None, "a checked value is made by an op"
        named = f"{value.name!r}, made by {node.op.name}," if value.name else node.op.name
        text = f"{named}{_state_of(value, around)} becomes {'NaN' if kind == NAN else 'infinite'}"
        operands = _seen_at(self.original, value, around, steps[::-1], values)
        told = NotFinite("\n".join([text, *(f"  {line}" for line in self._operands(value, operands))]))
        told.info = error.info
        told.add_note(f"written at {node.location}")
        for scan, step in zip(around[::-1], steps, strict=False):
            told.add_note(f"in step {step} of {scan.name}")
        return told

    def _operands(self, value: Variable, seen: Mapping[Variable, np.ndarray]) -> list[str]:
        """What the value was made of, at the place of its first element that is not finite."""
        assert value.owner is not None
        place = self._first(seen[value]) if value in seen else None
        lines = [] if place is None else [f"{called(value)} is {seen[value][place]}{_at(place)}"]
        for operand in dict.fromkeys(value.owner.inputs):
            array = operand.data if isinstance(operand, Constant) else seen.get(operand)
            if array is not None:
                lines.append(f"{called(operand)} is {_part(np.asarray(array), place)}")
        return lines


def _state_of(value: Variable, around: Sequence[Scan]) -> str:
    """That the value is the next one of a state, where it is."""
    for scan in around[-1:]:
        for carry in scan.body.carry:
            name = next((v.name for _, v in carry.taps if v.name), None)
            if carry.next is value and name and name != value.name:
                return f"{',' * (not value.name)} the next value of the state {name!r},"
    return ""


def _at(place: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, place))}]" if place else ""


def _part(array: np.ndarray, place: tuple[int, ...] | None) -> str:
    """The element that stands over `place`, where the array is as large; else the array in short."""
    if not place or array.ndim != len(place) or any(n not in (1, m + 1) and n <= m for n, m in zip(
            array.shape, place, strict=True)):
        return brief(array)
    where = tuple(0 if n == 1 else m for n, m in zip(array.shape, place, strict=True))
    return f"{array[where]}{_at(where)}"


def _seen_at(program: Program, value: Variable, around: Sequence[Scan], steps: Sequence[int],
             arrays: Sequence[np.ndarray]) -> dict[Variable, np.ndarray]:
    """The value and its operands in the steps of the scans around it; nothing where they cannot be seen."""
    assert value.owner is not None
    if len(steps) < len(around):
        return {}
    wanted = {value, *value.owner.inputs}
    first = slice(steps[0], steps[0] + 1) if steps else None
    seen = probed(program, lambda v: v in wanted and not isinstance(v, Constant), first)
    try:
        _, rows = split(seen, len(program.outputs), Native(seen.program, False), arrays, None)
    except Exception:  # of what comes later in the program, of which nothing is known here
        return {}
    at = (0, *steps[1:])[:len(around)]
    return dict(_found(seen.seen, rows, around, at))


def _found(seen: Sequence[Seen], rows: Mapping[int, np.ndarray], around: Sequence[Scan],
           at: tuple[int, ...]) -> Iterator[tuple[Variable, np.ndarray]]:
    for one in seen:
        if not isinstance(one, Inside):
            yield one.of, rows[one.output][at]
        elif one.scan in around:
            yield from _found(one.seen, rows, around, at)
