"""The states of a scan: what `outputs_info` says of each output, and whether the step agrees with it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scancc.config import config
from scancc.frontend.graph.constants import as_tensor_variable, constant
from scancc.frontend.graph.dims import dim, int64
from scancc.frontend.graph.site import NUMBER, Site, described
from scancc.frontend.graph.variables import Constant, TensorType, Variable
from scancc.frontend.loops.scan_op import row_type
from scancc.frontend.loops.sequences import as_list, check_keys, parse_taps
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.lengths import addbroadcast
from scancc.late_dataclasses import dataclass

Number = int | float | complex


@dataclass(frozen=True)
class StateSpec:
    """One output: recurrent if it has an initial value.

    `number`: the initial value is this Python number, whose dtype is the step's.
    """

    position: int
    initial: Variable | None = None
    taps: tuple[int, ...] = ()
    number: Number | None = None

    @property
    def depth(self) -> int:
        return -min(self.taps)

    @property
    def row_type(self) -> TensorType:
        assert self.initial is not None
        return self.initial.type if self.depth == 1 else row_type(self.initial.type)

    @property
    def recurrent(self) -> bool:
        return self.initial is not None

    def with_dtype(self, dtype: str) -> StateSpec:
        """The state with its Python number in `dtype`."""
        return replace(self, initial=constant(self.number, dtype=dtype))

    def widened(self) -> StateSpec:
        """The state with its whole number in int64."""
        assert isinstance(self.initial, Constant)
        return replace(self, initial=constant(self.initial.data, self.initial.name, dtype="int64"))

    def label(self) -> str:
        named = self.initial is not None and self.initial.name is not None
        return f"state {self.position}" + (f" with the initial value `{self.initial}`" if named else "")


def parse_states(outputs_info: Any, site: Site) -> list[StateSpec]:
    """The argument `outputs_info` of scan; the caller's dicts are left as they are."""
    return [_parse_state(i, entry, site) for i, entry in enumerate(as_list(outputs_info))]


def _parse_state(position: int, entry: Any, site: Site) -> StateSpec:
    what = f"outputs_info {position}"
    taps: Any = None
    if isinstance(entry, Mapping):
        if "return_steps" in entry:
            raise ValueError(site.text(
                f"{what} has the key `return_steps`, which has been deprecated",
                "slice the result instead: result[-1], result[-k:]; rows that nothing uses are not kept",
            ))
        check_keys(entry, ("initial", "taps", "inplace"), what, site)
        taps = _state_taps(position, entry, site)
        entry = entry.get("initial")
    if entry is None:
        return StateSpec(position)
    parsed = parse_taps(taps, (-1,), what, site)
    _check_taps(parsed, what, site)
    is_number = isinstance(entry, int | float | complex) and not isinstance(entry, bool | np.generic)
    if is_number and parsed == (-1,):
        return StateSpec(position, site.told(what, constant, entry), parsed, number=entry)
    return _check_rows(StateSpec(position, site.told(what, as_tensor_variable, entry), parsed), site)


def _state_taps(position: int, entry: Mapping[str, Any], site: Site) -> Any:
    taps = entry.get("taps")
    if entry.get("initial") is None and taps is not None and taps != []:
        raise ValueError(site.text(
            f"outputs_info {position} has taps {taps!r} but no initial value: if you are using slices of an "
            "output you need to provide an initial state for it",
            "write dict(initial=rows, taps=[...]), with one initial row for each step that the longest tap "
            "reaches back",
        ))
    if entry.get("initial") is not None and "taps" in entry and taps is None:
        warnings.warn(
            f"outputs_info {position} has an initial value and taps=None: it is read at tap -1, and the step "
            "gets it as an argument; leave the initial value out for an output without recurrence",
            stacklevel=5,
        )
    return taps


def _check_taps(taps: tuple[int, ...], what: str, site: Site) -> None:
    if not taps:
        raise ValueError(site.text(
            f"{what} has an initial value but an empty list of taps",
            "leave `taps` out for the previous row (-1)",
        ))
    if max(taps) >= 0:
        raise ValueError(site.text(
            f"{what} has the tap {max(taps)}. All the tap values must be smaller than 0",
            "a step can only read rows that earlier steps gave: -1 is the previous one",
        ))
    if len(set(taps)) != len(taps):
        raise ValueError(site.text(
            f"{what} has the taps {list(taps)}. All the taps must be different in `outputs_info`",
            "name each tap once; the step may use its argument as often as it likes",
        ))


def _check_rows(spec: StateSpec, site: Site) -> StateSpec:
    """The initial rows are as many as the longest tap reaches back, where that is known."""
    assert spec.initial is not None
    if spec.depth == 1:
        return spec
    want = f"taps {list(spec.taps)} read up to {spec.depth} steps back, so it needs {spec.depth} initial rows"
    if spec.initial.ndim == 0:
        raise IndexError(site.text(
            f"state {spec.position} starts from a scalar, {described(spec.initial)}, but {want}",
            "stack the initial rows along a new leading axis, oldest first",
        ))
    have = spec.initial.type.shape[0]
    if have is not None and have < spec.depth:
        raise ValueError(site.text(
            f"{spec.label()} starts from {have} rows, but {want}", "give more initial rows, oldest first"
        ))
    return spec


def initial_rows(spec: StateSpec, site: Site) -> Variable:
    """What the loop starts from: one row, or the first `depth` rows of the initial value."""
    assert spec.initial is not None
    rows = spec.initial
    if spec.depth == 1 or rows.type.shape[0] == spec.depth:
        return rows
    if rows.type.shape[0] is None:
        have = dim(rows, 0)
        message = site.template(
            f"{spec.label()} starts from {NUMBER} rows, but taps {list(spec.taps)} read up to {spec.depth} "
            "steps back",
            "give more initial rows, oldest first",
        )
        rows = check(ValueError, message, rows, apply_scalar("ge", have, int64(spec.depth)), have)
    return rows[: spec.depth]


def fit_to_state(spec: StateSpec, argument: str | None, result: Variable, site: Site) -> Variable:
    """The step's result, which can stand where the state stood: same dtype, rank and lengths.

    Where the state has length 1 and the length of the result is unknown, it is checked to be 1 when it
    runs. `argument`: the name under which the step knows the state.
    """
    _check_state(spec, argument, result, site)
    for axis, have in enumerate(spec.row_type.shape):
        if have == 1 and result.type.shape[axis] is None:
            result = _one_long(result, axis, _state_words(spec, argument), site)
    return result


def _state_words(spec: StateSpec, argument: str | None) -> str:
    return f"state {spec.position}" + ("" if argument is None else f" (`{argument}` in the step)")


def _one_long(result: Variable, axis: int, state: str, site: Site) -> Variable:
    """`result` with an axis that is checked to have length 1."""
    length = dim(result, axis)
    message = site.template(
        f"{state} starts with length 1 along axis {axis} of a row, but the step gives length {NUMBER}",
        "a state keeps its shape over all steps; start from a value of the result's shape (T.alloc, T.zeros_like)",
    )
    return addbroadcast(check(ValueError, message, result, apply_scalar("eq", length, int64(1)), length), axis)


def _check_state(spec: StateSpec, argument: str | None, result: Variable, site: Site) -> None:
    assert spec.initial is not None
    row, state = spec.row_type, _state_words(spec, argument)
    pair = f"{state} starts from {described(spec.initial)}, but the step gives {described(result)}"
    if row.dtype != result.dtype:
        raise ValueError(site.text(
            f"{pair}: the initial value has dtype {row.dtype} and the result dtype {result.dtype}",
            f"start from {result.dtype}, as T.cast(initial, {result.dtype!r}), or return "
            f"T.cast(result, {row.dtype!r})",
        ))
    if row.ndim != result.ndim:
        raise ValueError(site.text(
            f"{pair}: a row of the initial value has {row.ndim} dimension(s) and the result {result.ndim}",
            _rank_remedy(spec),
        ))
    for axis, (have, got) in enumerate(zip(row.shape, result.type.shape, strict=True)):
        if None not in (have, got) and have != got:
            raise (TypeError if 1 in (have, got) else ValueError)(site.text(
                f"{pair}: axis {axis} of a row has length {have} in the initial value and length {got} "
                "in the result, and a state keeps its shape over all steps",
                "start from a value of the result's shape (T.alloc, T.zeros_like)",
            ))


def _rank_remedy(spec: StateSpec) -> str:
    if spec.depth == 1:
        return "start from a value of the shape that one step gives"
    return f"with taps {list(spec.taps)} the initial value is {spec.depth} rows stacked along a leading axis"


# ---- Python numbers as initial values -------------------------------------------------------------


def probe_dtype(number: Number) -> str:
    """The dtype that decides least about what a step makes of it."""
    return {int: "bool", float: "float16"}.get(type(number), "complex64")


def default_dtype(number: Number) -> str:
    """The dtype of a number where the step does not say another."""
    if isinstance(number, int):
        return "int64"
    if isinstance(number, float):
        return str(config.floatX)
    return "complex64" if config.floatX == "float32" else "complex128"


def holds(dtype: str, number: Number) -> bool:
    """Whether `number` can be a value of `dtype` without loss (but for a float's rounding)."""
    kind = np.dtype(dtype).kind
    if kind == "c" or (kind == "f" and isinstance(number, int | float)):
        return not np.isfinite(number) or abs(number) <= float(np.finfo(dtype).max)
    if kind == "b" or isinstance(number, complex) or number != number or number in (np.inf, -np.inf):
        return False
    return int(number) == number and np.iinfo(dtype).min <= number <= np.iinfo(dtype).max
