"""Strongly connected components of a graph, those that others depend on first."""

from __future__ import annotations

from collections.abc import Sequence


def components(needs: Sequence[Sequence[int]]) -> list[list[int]]:
    """The components of a graph in which node i depends on `needs[i]`; each after all that it depends on.

    Linear, and without recursion, which a long step would exhaust. Source: Tarjan, Depth-first search and linear
    graph algorithms (1972).
    """
    search = _Search(needs)
    for node in range(len(needs)):
        if search.low[node] is None:
            search.run(node)
    return search.found


class _Search:
    """One search: the number of each node, the least that it reaches, and the nodes without a component yet."""

    def __init__(self, needs: Sequence[Sequence[int]]) -> None:
        self.needs = needs
        self.low: list[int | None] = [None] * len(needs)
        self.number = [-1] * len(needs)
        self.done = [False] * len(needs)
        self.count = 0
        self.open: list[int] = []
        self.found: list[list[int]] = []

    def run(self, start: int) -> None:
        path = [(start, iter(self.needs[start]))]
        self._enter(start)
        while path:
            node, rest = path[-1]
            following = next((n for n in rest if not self._seen(node, n)), None)
            if following is not None:
                self._enter(following)
                path.append((following, iter(self.needs[following])))
                continue
            path.pop()
            if path:
                self._reaches(path[-1][0], self.low[node])
            self._leave(node)

    def _enter(self, node: int) -> None:
        self.low[node] = self.number[node] = self.count
        self.count += 1
        self.open.append(node)

    def _seen(self, node: int, other: int) -> bool:
        """Whether the search has been at `other`, which `node` depends on."""
        if self.low[other] is None:
            return False
        if not self.done[other]:
            self._reaches(node, self.number[other])
        return True

    def _reaches(self, node: int, number: int | None) -> None:
        low = self.low[node]
        assert low is not None and number is not None
        self.low[node] = min(low, number)

    def _leave(self, node: int) -> None:
        """Close the component that `node` is the first of."""
        if self.low[node] != self.number[node]:
            return
        members: list[int] = []
        while not members or members[-1] != node:
            members.append(self.open.pop())
            self.done[members[-1]] = True
        self.found.append(members)
