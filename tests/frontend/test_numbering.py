"""Values by number: what is computed alike has one."""

from __future__ import annotations

import numpy as np

import scancc.tensor as T
from scancc.frontend.graph.constants import constant
from scancc.frontend.graph.numbering import ValueNumbers
from scancc.frontend.graph.variables import Variable


def test_what_is_computed_alike_has_one_number() -> None:
    x, y = T.vector("x"), T.vector("y")
    numbers = ValueNumbers()
    assert numbers.of(T.tanh(x * 2.0) + y) == numbers.of(T.tanh(x * 2.0) + y)
    others = [T.tanh(x * 2.0) + x, T.tanh(x * 3.0) + y, T.exp(x * 2.0) + y, y + T.tanh(x * 2.0), x, y]
    found = [numbers.of(v) for v in (T.tanh(x * 2.0) + y, *others)]
    assert len(set(found)) == len(found)


def test_constants_have_one_number_where_their_bits_are_the_same() -> None:
    numbers = ValueNumbers()
    zero, minus, nan = (numbers.of(constant(np.array(v))) for v in (0.0, -0.0, np.nan))
    assert len({zero, minus, nan}) == 3
    assert nan == numbers.of(constant(np.array(np.nan)))


def test_long_chains_are_walked_without_recursion() -> None:
    def chain(x: Variable) -> Variable:
        for _ in range(5000):
            x = x * x
        return x
    x, numbers = T.scalar("x"), ValueNumbers()
    assert numbers.of(chain(x)) == numbers.of(chain(x))
