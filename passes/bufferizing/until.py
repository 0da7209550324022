"""Loops that end early."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.core import Attributes, Block, Op, Region, Value

from .context import Context

Step = Callable[[Value, list[Value]], tuple[Value, list[Value]]]


def until_loop(c: Context, length: Value, carried: Sequence[Value], step: Step,
               attrs: Attributes | None = None) -> Op:
    """while t < length and it goes on; `step` gives whether it does, and what is carried on.

    The results: how many steps ran, whether it would go on, what was carried.
    """
    b = c.b
    init = [b.index(0), b.const(1, t.i1), *carried]
    types = [v.type for v in init]
    test, body = Block(types), Block(types)
    for block in (test, body):
        c.same_sizes(init, block.args)
    with b.at(test):
        more = b.cmpi("slt", test.args[0], length)
        b.make("scf.condition", [b.condition("andi", more, test.args[1]), *test.args])
    with b.at(body), c.runs(length):
        count, _, *values = body.args
        count.name = "t"
        goes_on, onward = step(count, values)
        b.make("scf.yield", [b.addi(count, b.index(1)), goes_on, *onward])
    made = b.make("scf.while", init, types, attrs, [Region([test]), Region([body])])
    c.same_sizes(init, made.results)
    return made
