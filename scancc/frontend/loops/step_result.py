"""What a step may return: outputs, updates of shared variables, a condition to stop, in that order.

| returned                                                     | meaning                     |
|--------------------------------------------------------------|-----------------------------|
| `a`, `[a, b]`, `(a,)`, a tuple of variables                  | outputs                     |
| a dict, or a list of (shared, value) pairs                   | updates only                |
| `[]`                                                         | nothing                     |
| `(outputs, updates)`, `(outputs, until)`, `(updates, until)`,| in exactly this order       |
| `(outputs, updates, until)`                                  |                             |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Variable, user_location
from scancc.frontend.loops.updates import update_pairs
from scancc.late_dataclasses import dataclass

_ORDER = (
    "a step returns outputs, (outputs, updates), (outputs, until(...)), (outputs, updates, until(...)) or "
    "(updates, until(...)), in this order"
)


class ConditionRankError(AssertionError, ValueError):
    """A stop condition is not one truth value."""


class until:  # the name users know
    """Stop the scan after the step in which `condition` is nonzero; that step's outputs are kept.

    >>> doubled, _ = sc.scan(lambda v: (2 * v, sc.until(2 * v > 10)), outputs_info=1.,
    ...                      n_steps=100)
    >>> sc.function([], doubled)()
    array([ 2.,  4.,  8., 16.])
    """

    def __init__(self, condition: Any) -> None:
        site = Site(None, user_location(), "until")
        if isinstance(condition, bool | np.bool_):
            raise TypeError(site.text(
                f"the condition is {condition}, a Python truth value, fixed when the step is traced",
                "give a symbolic condition such as x > limit",
            ))
        self.condition = site.told("the condition", as_tensor_variable, condition)
        if self.condition.ndim != 0:
            raise ConditionRankError(site.text(
                f"a scan stops by one truth value a step, and the condition is {described(self.condition)}",
                "reduce it, for example with T.all(...) or T.any(...)",
            ))


@dataclass
class StepResult:
    """A step's return value, sorted by kind."""

    outputs: list[Variable] = field(default_factory=list)
    updates: dict[SharedVariable, Variable] = field(default_factory=dict)
    stop: Variable | None = None


def parse_step_result(returned: Any, site: Site) -> StepResult:
    """Sort what the step returned; errors say how to order it."""
    _check_made_of_variables(returned, site)
    if _is_outputs(returned):
        return StepResult(_as_list(returned))
    if _is_updates(returned):
        return StepResult(updates=_updates(returned, site))
    if isinstance(returned, list | tuple):
        result = _parse_parts(list(returned), site)
        if result is not None:
            return result
    raise ValueError(site.text(f"the step returned {_shape_of(returned)}, which has no meaning", _ORDER))


def _parse_parts(parts: list[Any], site: Site) -> StepResult | None:
    match parts:
        case [outputs, until() as stop] if _is_outputs(outputs):
            return StepResult(_as_list(outputs), stop=stop.condition)
        case [outputs, updates] if _is_outputs(outputs) and _is_updates(updates):
            return StepResult(_as_list(outputs), _updates(updates, site))
        case [updates, until() as stop] if _is_updates(updates):
            return StepResult(updates=_updates(updates, site), stop=stop.condition)
        case [outputs, updates, until() as stop] if _is_outputs(outputs) and _is_updates(updates):
            return StepResult(_as_list(outputs), _updates(updates, site), stop.condition)
        case [updates, outputs] if _is_updates(updates) and _is_outputs(outputs):
            raise ValueError(site.text("the step returned its updates before its outputs", _ORDER))
    return None


def _is_outputs(part: Any) -> bool:
    return isinstance(part, Variable) or (
        isinstance(part, list | tuple) and all(isinstance(v, Variable) for v in part)
    )


def _is_updates(part: Any) -> bool:
    return isinstance(part, Mapping) or (
        isinstance(part, list | tuple) and all(isinstance(v, list | tuple) and len(v) == 2 for v in part)
    )


def _as_list(part: Any) -> list[Variable]:
    return [part] if isinstance(part, Variable) else list(part)


def _updates(part: Any, site: Site) -> dict[SharedVariable, Variable]:
    targets = list(part) if isinstance(part, Mapping) else [pair[0] for pair in part]
    strangers = [target for target in targets if not isinstance(target, SharedVariable)]
    if strangers and not isinstance(part, Mapping):
        raise TypeError(site.text(
            f"the step returned a list of pairs, which is read as updates, but {strangers[0]} is not a "
            "shared variable", "to return outputs, put them in one flat list: return [a, b, c, d]",
        ))
    if strangers:
        raise TypeError(site.text(
            f"the step's updates change {strangers[0]}, which is not a shared variable",
            "an update's target is made by sc.shared(...); return other values as outputs",
        ))
    return dict(update_pairs(part, site))


def _check_made_of_variables(returned: Any, site: Site) -> None:
    keys = (key for part in _parts(returned) if isinstance(part, Mapping) for key in part)
    named = next((key for key in keys if not isinstance(key, Variable)), None)
    if named is not None:
        raise ValueError(site.text(
            f"the step returned a dict with the key {named!r}; a dict is of updates, shared variable to new value",
            "return outputs as one variable or a list, in the order of outputs_info",
        ))
    stranger = _first_stranger(returned)
    if stranger is not _NOTHING:
        raise ValueError(site.text(
            f"the step returned {stranger!r}, of type {type(stranger).__name__}; a step may only return "
            "symbolic variables, in lists, tuples and dicts of shared variables, and until(...)",
            "wrap a number or an array: T.constant(...); a step that returns nothing returns []",
        ))


def _parts(returned: Any) -> list[Any]:
    return list(returned) if isinstance(returned, list | tuple) else [returned]


_NOTHING = object()


def _first_stranger(part: Any) -> Any:
    """The first thing in `part` that a step may not return, or `_NOTHING`."""
    if isinstance(part, Variable | until):
        return _NOTHING
    if isinstance(part, Mapping):
        part = list(part.items())
    if not isinstance(part, list | tuple):
        return part
    return next((s for item in part if (s := _first_stranger(item)) is not _NOTHING), _NOTHING)


def _shape_of(returned: Any) -> str:
    """A returned value's form, in a few words."""
    if isinstance(returned, until):
        return "until"
    if isinstance(returned, Variable):
        return "a variable"
    if isinstance(returned, Mapping):
        return "a dict"
    inner = ", ".join(_shape_of(item) for item in returned)
    return f"[{inner}]" if isinstance(returned, list) else f"({inner})"
