"""The cheapest set of edges that cuts a sink off a source.

Source: Dinic 1970; Ford and Fulkerson 1956 for why it is the largest flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SOURCE, SINK = 0, 1


class Network:
    """Edges with capacities between numbered nodes; an edge and its reverse stand side by side."""

    def __init__(self, n_nodes: int) -> None:
        self._edges: list[list[int]] = [[] for _ in range(n_nodes)]  # of each node
        self._ends: list[int] = []
        self._left: list[int] = []  # capacity that no flow takes

    def edge(self, start: int, end: int, capacity: int) -> None:
        for at, to, left in ((start, end, capacity), (end, start, 0)):
            self._edges[at].append(len(self._ends))
            self._ends.append(to)
            self._left.append(left)

    def beyond_cut(self) -> set[int]:
        """The nodes on the sink's side of a cheapest cut, of several the one nearest to the sink."""
        while (depths := self._depths())[SINK] >= 0:
            untried = [iter(edges) for edges in self._edges]
            while (path := self._path(depths, untried)):
                flow = min(self._left[e] for e in path)
                for e in path:
                    self._left[e] -= flow
                    self._left[e ^ 1] += flow
        return self._reaching_sink()

    def _depths(self) -> list[int]:
        """How many edges with capacity left lead from the source to each node; -1 for none."""
        depths = [-1] * len(self._edges)
        depths[SOURCE], reached = 0, [SOURCE]
        for node in reached:
            for e in self._edges[node]:
                if self._left[e] and depths[self._ends[e]] < 0:
                    depths[self._ends[e]] = depths[node] + 1
                    reached.append(self._ends[e])
        return depths

    def _path(self, depths: list[int], untried: Sequence[Iterator[int]]) -> list[int]:
        """Edges from source to sink, each one deeper; what leads nowhere is not tried again."""
        path: list[int] = []
        node = SOURCE
        while node != SINK:
            e = next((e for e in untried[node] if self._left[e] and depths[self._ends[e]] == depths[node] + 1), None)
            if e is not None:
                path.append(e)
                node = self._ends[e]
            elif path:
                depths[node] = -1
                node = self._ends[path.pop() ^ 1]
            else:
                return []
        return path

    def _reaching_sink(self) -> set[int]:
        found, pending = {SINK}, [SINK]
        while pending:
            for e in self._edges[pending.pop()]:
                if self._left[e ^ 1] and self._ends[e] not in found:
                    found.add(self._ends[e])
                    pending.append(self._ends[e])
        return found
