"""What a derivative computes as the forward step did is the forward value.

    K = P inv(S); d det(S) = det(S) inv(S)        the reverse reads the rows of inv(S), and inverts nothing

Conservative: only what is more than arithmetic (`Op.is_cheap`); whether its rows are kept, or it is computed again
after all, is decided as for any forward value.
Cost: linear in both graphs.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.graph.numbering import ValueNumbers
from scancc.frontend.graph.variables import Variable, applies, rebuild


def with_forward_values(values: Sequence[Variable], forward: Sequence[Variable]) -> list[Variable]:
    """`values` of a derivative that read those of `forward`, what a step computes, instead of computing them anew."""
    made = [v for node in applies(values, stop=forward) if not node.op.is_cheap for v in node.outputs]
    if not made:
        return list(values)
    numbers, known = ValueNumbers(), dict[int, Variable]()
    for var in forward:
        known.setdefault(numbers.of(var), var)
    same = {var: known[numbers.of(var)] for var in made if numbers.of(var) in known}
    return rebuild(values, same)
