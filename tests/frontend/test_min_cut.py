"""The cheapest cut of a small network, against all of them."""

from __future__ import annotations

import random
from itertools import product

import pytest

from scancc.frontend.gradients.min_cut import SINK, SOURCE, Network


@pytest.mark.parametrize("seed", range(20))
def test_no_cut_is_cheaper(seed: int) -> None:
    pick = random.Random(seed)
    n_nodes = pick.randint(2, 7)
    edges = [(pick.randrange(n_nodes), pick.randrange(n_nodes), pick.randint(0, 5)) for _ in range(3 * n_nodes)]
    network = Network(n_nodes)
    for start, end, capacity in edges:
        network.edge(start, end, capacity)

    def cost(beyond: set[int]) -> int:
        return sum(capacity for start, end, capacity in edges if start not in beyond and end in beyond)

    sides = [{SINK} | {n for n, there in enumerate(chosen, 2) if there}
             for chosen in product((False, True), repeat=n_nodes - 2)]
    found = network.beyond_cut()
    least = min(map(cost, sides))
    assert SINK in found and SOURCE not in found and cost(found) == least
    assert all(found <= side for side in sides if cost(side) == least)  # the nearest to the sink
