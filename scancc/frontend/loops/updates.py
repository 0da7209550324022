"""Updates: what a shared variable becomes after a call, or after a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import Variable, leaves, rebuild, user_location
from scancc.frontend.loops.scan_result import NotATensor, ScanResult, check_unpacked, refuse_as_tensor
from scancc.frontend.loops.stream_moves import Moves


class OrderedUpdates(NotATensor, dict[SharedVariable, Variable]):
    """Shared variable to new value, in order of insertion; two can be added where they do not collide."""

    what = "updates"
    fact = "they are a dict, shared variable to new value, not a tensor"
    remedy = ("of outputs, updates = sc.scan(...) the outputs come first; updates go to "
              "function(..., updates=updates)")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def __setitem__(self, key: SharedVariable, value: Variable) -> None:
        if not isinstance(key, SharedVariable):
            raise TypeError(Site(None, user_location(), "updates").text(
                f"{key!r} is not a shared variable", "an update's target is made with sc.shared(...)"
            ))
        super().__setitem__(key, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __missing__(self, key: object) -> Any:
        raise KeyError(self._text() if isinstance(key, int) else key)

    def __add__(self, other: Mapping[SharedVariable, Variable]) -> OrderedUpdates:
        if not isinstance(other, Mapping):
            self.refuse()
        result = OrderedUpdates(self)
        for key, value in other.items():
            if key in self and self[key] is not value:
                raise KeyError("Collision", key, f"{key} has two different updates; keep one of them")
            result[key] = value
        return result

    def __radd__(self, other: Mapping[SharedVariable, Variable]) -> OrderedUpdates:
        if not isinstance(other, Mapping):
            self.refuse()
        return OrderedUpdates(other) + self


refuse_as_tensor(OrderedUpdates)


def update_pairs(updates: Mapping[Any, Any] | Iterable[Any] | None, site: Site) -> list[tuple[Any, Any]]:
    """`updates` as pairs, from a dict or a list of pairs; two rules for one variable are an error."""
    if updates is None:
        return []
    if isinstance(updates, ScanResult):
        check_unpacked(updates)
    if not isinstance(updates, Iterable) or isinstance(updates, Variable | str):
        raise TypeError(site.text(
            f"updates is {updates!r}", "give a dict or a list of pairs (shared variable, new value)"
        ))
    items = list(updates.items()) if isinstance(updates, Mapping) else list(updates)
    pairs = [_pair(item, site) for item in items]
    seen: set[int] = set()
    for key, _ in pairs:
        if id(key) in seen:
            raise ValueError(site.text(
                f"{key} has two updates", "all updates happen at once, so keep one rule for each variable"
            ))
        seen.add(id(key))
    return pairs


def _pair(item: Any, site: Site) -> tuple[Any, Any]:
    if not isinstance(item, list | tuple) or len(item) != 2:
        raise ValueError(site.text(
            f"{item!r} is no update", "updates are a dict or a list of pairs (shared variable, new value)"
        ))
    return item[0], item[1]


def with_default_updates(
    roots: Iterable[Variable], updates: Mapping[SharedVariable, Variable], stop: Iterable[Variable] = (),
    replace: Mapping[Variable, Variable] | None = None,
) -> dict[SharedVariable, Variable]:
    """`updates`, and those of every shared variable in the graph that brings its own, with `replace` put in place.

    A rule given that is the variable's own says no more than that it brings one.
    """
    roots, stop, replace = list(roots), list(stop), dict(replace or {})
    given = [shared for shared, value in updates.items() if value is not shared.default_update]
    result = dict(zip(given, rebuild([updates[shared] for shared in given], replace), strict=True))
    while True:
        graph = [*roots, *result.values()]
        found = {v for v in leaves(graph, stop) if isinstance(v, SharedVariable) and v.default_update is not None}
        fresh = [v for v in (*found, *updates) if v not in result]
        if not fresh:
            return result
        result.update((v, default_update(v, graph, stop, replace)) for v in fresh)


def default_update(shared: SharedVariable, graph: Sequence[Variable], stop: Sequence[Variable],
                   replace: Mapping[Variable, Variable]) -> Variable:
    """What `shared` becomes where no rule is given: by its own rule; a stream the state after all its draws."""
    assert shared.default_update is not None
    (rule,) = rebuild([shared.default_update], dict(replace))
    if not isinstance(shared.type, StreamType):
        return rule
    moves = Moves(graph, stop)
    if not any(move.by_scan for move in moves.of(shared)):
        moves = Moves([*graph, rule], stop)
    last = moves.last(shared)
    return rule if last is None else last


def warn_of_forks(graph: Sequence[Variable], stop: Sequence[Variable], site: Site) -> None:
    """Say where what is drawn twice from one state of a stream looks like fresh numbers."""
    moves = Moves(graph, stop)
    for leaf in leaves(graph, stop):
        if isinstance(leaf, SharedVariable) and leaf.default_update is not None:
            moves.warn_of_forks(leaf, site)
