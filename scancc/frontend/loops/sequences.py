"""The sequences of a scan: which rows each step reads, and how many steps there can be.

With taps from `lo` (at most 0) to `hi` (at least 0), step t reads row `t + tap - lo`, so a sequence of n
rows serves `n - (hi - lo)` steps. Each sequence is aligned on its own. Backwards, step t reads what the
t-th step from the end would read forwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable, constant_int
from scancc.frontend.graph.dims import dim, int64
from scancc.frontend.graph.site import NUMBER, Site, described
from scancc.frontend.graph.variables import TensorType, Variable
from scancc.frontend.loops.scan_op import row_type
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.late_dataclasses import dataclass

_JAX = "JAX's scan(f, init, xs) is scan(fn, sequences=xs, outputs_info=init)"
_FARTHEST_TAP = 2**31  # beyond it lie mistakes, and sums of sizes that 64 bits do not hold


class MissingKeyError(KeyError):
    """A dict that describes a sequence lacks a key."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError's own text is a repr


@dataclass(frozen=True)
class SequenceSpec:
    """One sequence, with the taps in the order in which the step gets them."""

    position: int
    variable: Variable
    taps: tuple[int, ...]

    @property
    def lo(self) -> int:
        return min(0, *self.taps)

    @property
    def hi(self) -> int:
        return max(0, *self.taps)

    @property
    def row_type(self) -> TensorType:
        return row_type(self.variable.type)

    def label(self) -> str:
        name = "" if self.variable.name is None else f" `{self.variable.name}`"
        return f"sequence {self.position}{name}"

    def steps(self) -> Variable:
        """How many steps its rows serve."""
        rows = dim(self.variable, 0)
        if self.hi == self.lo:
            return rows
        return apply_scalar("maximum", apply_scalar("sub", rows, int64(self.hi - self.lo)), int64(0))

    def view(self, tap: int, backwards: bool) -> Variable:
        """The array whose row t is what step t reads at `tap`; at least `steps()` rows long."""
        start, left = tap - self.lo, self.hi - tap
        if backwards:
            return self.variable[slice(-1 - left if left else None, None, -1)]
        return self.variable[start:] if start else self.variable


def as_list(argument: Any) -> list[Any]:
    """None is no entry, a list or tuple its entries, anything else the one entry."""
    if argument is None:
        return []
    return list(argument) if isinstance(argument, list | tuple) else [argument]


def parse_taps(taps: Any, default: tuple[int, ...], what: str, site: Site) -> tuple[int, ...]:
    """Taps given as one integer or several; TypeError for anything that is no integer."""
    if taps is None:
        return default
    entries: list[Any] = list(taps) if isinstance(taps, list | tuple | range | np.ndarray) else [taps]
    for tap in entries:
        if isinstance(tap, bool | np.bool_) or not isinstance(tap, int | np.integer):
            raise TypeError(site.text(
                f"{what} has the tap {tap!r}, and a tap is a whole number of steps known when the scan is "
                "built",
                "write taps=[-1], taps=[-2, 0] or the like",
            ))
        if abs(int(tap)) > _FARTHEST_TAP:
            raise ValueError(site.text(f"{what} has the tap {tap}", f"a tap is at most {_FARTHEST_TAP} steps away"))
    return tuple(int(tap) for tap in entries)


def check_keys(entry: Mapping[str, Any], known: Sequence[str], what: str, site: Site) -> None:
    unknown = [key for key in entry if key not in known]
    if unknown:
        raise ValueError(site.text(
            f"{what} has the unknown key {', '.join(map(repr, unknown))}", f"the keys are {', '.join(known)}"
        ))


def parse_sequences(sequences: Any, site: Site) -> list[SequenceSpec]:
    """The argument `sequences` of scan; the caller's dicts are left as they are."""
    return [_parse_sequence(i, entry, site) for i, entry in enumerate(as_list(sequences))]


def _parse_sequence(position: int, entry: Any, site: Site) -> SequenceSpec:
    what = f"sequence {position}"
    taps: Any = None
    if isinstance(entry, Mapping):
        check_keys(entry, ("input", "taps"), what, site)
        if "input" not in entry:
            raise MissingKeyError(site.text(
                f"{what} is a dict without the key `input`", "write dict(input=x, taps=[...])"
            ))
        entry, taps = entry["input"], entry.get("taps")
    variable = _sequence_variable(what, entry, site)
    parsed = parse_taps(taps, (0,), what, site)
    if not parsed:
        raise ValueError(site.text(
            f"{what} has an empty list of taps", "leave `taps` out to read row t in step t"
        ))
    return SequenceSpec(position, variable, parsed)


def _sequence_variable(what: str, entry: Any, site: Site) -> Variable:
    if isinstance(entry, int | float | complex) and not isinstance(entry, np.generic):
        raise TypeError(site.text(
            f"{what} is the number {entry!r}; `sequences` is one tensor or a list of sequences, each of which "
            "is iterated over its rows",
            f"for one sequence of numbers, write sequences=np.array([...]); n_steps=n runs n steps; {_JAX}",
        ))
    variable = site.told(what, as_tensor_variable, entry)
    if variable.ndim == 0:
        raise IndexError(site.text(
            f"{what}, {described(variable)}, is a scalar, and a scan goes over the leading axis of its sequences",
            f"pass it in `non_sequences` if every step is to get the whole of it; {_JAX}",
        ))
    return variable


def step_count(n_steps: Any, site: Site) -> Variable | None:
    """The argument `n_steps` as an int64 scalar; None where it is not given."""
    if n_steps is None:
        return None
    rule = "n_steps is how many steps to run: give an int, or a symbolic integer scalar"
    if isinstance(n_steps, bool | np.bool_ | str) or (
        isinstance(n_steps, float | complex) and not isinstance(n_steps, np.generic)
    ):
        raise TypeError(site.text(f"n_steps is {n_steps!r}, of type {type(n_steps).__name__}", rule))
    count = site.told("n_steps", as_tensor_variable, n_steps)
    if count.ndim != 0:
        raise ValueError(site.text(
            f"n_steps is {described(count)} and could not be cast to have 0 dimensions", rule
        ))
    if count.dtype == "bool":
        raise TypeError(site.text(f"n_steps is {described(count)}", rule))
    if np.dtype(count.dtype).kind not in "iu":
        raise ValueError(site.text(f"n_steps must be an int. dtype provided is {count.dtype}", rule))
    value = constant_int(count)
    if value is not None and value < 0:
        raise ValueError(site.text(
            f"n_steps is {value}", "a scan runs 0 or more steps; to go from the end, pass go_backwards=True"
        ))
    return cast(count, "int64")


def scan_length(specs: Sequence[SequenceSpec], n_steps: Variable | None, site: Site) -> Variable:
    """How many steps to run: `n_steps`, for which every sequence must be long enough, else the shortest."""
    available = [spec.steps() for spec in specs]
    if n_steps is None:
        if not specs:
            raise ValueError(site.text(
                "No information about the number of steps: there is neither a sequence nor n_steps",
                "pass n_steps=, also where until(...) may end the scan earlier",
            ))
        return reduce(lambda a, b: a if a is b else apply_scalar("minimum", a, b), available)
    length = _not_negative(n_steps, site)
    for spec, steps in zip(specs, available, strict=True):
        length = _long_enough(spec, steps, n_steps, length, site)
    return length


def _not_negative(n_steps: Variable, site: Site) -> Variable:
    if constant_int(n_steps) is not None:
        return n_steps
    message = site.template(f"n_steps is {NUMBER}", "a scan runs 0 or more steps")
    return check(IndexError, message, n_steps, apply_scalar("ge", n_steps, int64(0)), n_steps)


def _long_enough(
    spec: SequenceSpec, steps: Variable, wanted: Variable, length: Variable, site: Site
) -> Variable:
    taps = "" if spec.taps == (0,) else f" with taps {list(spec.taps)}"
    fact = f"{spec.label()}{taps} has rows for {NUMBER} steps, but n_steps is {NUMBER}"
    message = site.template(
        fact, "give a longer sequence or fewer steps; without n_steps the shortest sequence counts"
    )
    have, want = constant_int(steps), constant_int(wanted)
    if have is None or want is None:
        return check(ValueError, message, length, apply_scalar("ge", steps, wanted), steps, wanted)
    if have < want:
        raise ValueError(message.format(have, want))
    return length
