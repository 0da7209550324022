"""Components of dependence graphs, against what reachability says, and marks of steps."""

import random

import pytest

from scancc import pipeline
from scancc.ir.parser import parse_verified
from scancc.ir.reading.printer import reading_text
from scancc.passes.slicing.components import components


def reachable(needs: list[list[int]], start: int) -> set[int]:
    found: set[int] = set()
    waiting = list(needs[start])
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += needs[node]
    return found


@pytest.mark.parametrize("seed", range(40))
def test_components_are_those_of_reachability(seed: int) -> None:
    coin = random.Random(seed)
    n = coin.randrange(1, 14)
    needs = [[coin.randrange(n) for _ in range(coin.choice((0, 1, 1, 2)))] for _ in range(n)]
    found, reach = components(needs), [reachable(needs, node) for node in range(n)]
    assert sorted(node for members in found for node in members) == list(range(n))
    place = {node: at for at, members in enumerate(found) for node in members}
    for a in range(n):
        for b in range(n):
            together = a == b or b in reach[a] and a in reach[b]
            assert (place[a] == place[b]) == together
            assert b not in reach[a] or place[b] <= place[a], "what others depend on comes first"


def test_a_long_chain_needs_no_recursion() -> None:
    n = 20000
    assert len(components([[node + 1] if node + 1 < n else [0] for node in range(n)])) == 1
    assert components([[node + 1] if node + 1 < n else [] for node in range(n)])[0] == [n - 1]


def test_marks_that_a_text_has_are_brought_up_to_date() -> None:
    module = parse_verified("""
        "func.func"() ({
        ^bb0(%n: index, %b: f64):
          %last = "scan.scan"(%n, %b) ({
          ^bb0(%t: index, %s: f64):
            %0 = "arith.addf"(%s, %b) {slice = "before"} : (f64, f64) -> f64
            "scan.yield"(%0) : (f64) -> ()
          }) {depths = [1 : i64], until = false, operandSegmentSizes = array<i32: 1, 0, 1, 0, 0>,
              states = ["after"], chains = array<i64: 7>, distances = array<i64: 2>, algebra = ["none"]}
            : (index, f64) -> f64
          "func.return"(%last) : (f64) -> ()
        }) {sym_name = "f", function_type = (index, f64) -> f64} : () -> ()""")
    pipeline.run(module, "dce")
    text = reading_text(module)
    assert "cycle 0 (%s: sum, chain 3)" in text and "before" not in text
