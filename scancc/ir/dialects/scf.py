"""scf: structured loops and branches."""

from __future__ import annotations

from ..core import Op
from ..ops import PURE, TERMINATOR, Dialect
from ..parts import Loop
from ..types import i1

scf = Dialect("scf")


def _check_for(op: Op) -> str | None:
    loop = Loop(op)
    n_carried = len(loop.init)
    if len(op.body.args) != 1 + n_carried or len(op.results) != n_carried:
        return "the body must have a counter and one argument for each carried value"
    if len(loop.next) != n_carried:
        return "the body must yield each carried value"
    if not all(value.type == arg.type == final.type == new.type for value, arg, new, final in loop.carries):
        return "a carried value must keep its type"
    return None


def _check_if(op: Op) -> str | None:
    if op.operands[0].type != i1:
        return "the condition must be i1"
    types = [v.type for v in op.results]
    for region in op.regions:
        if [v.type for v in region.blocks[0].terminator.operands] != types:
            return "both regions must yield the types of the results"
    return None


scf.define("for", "lower upper step init*", results="*", traits=(PURE,), regions=1, verify=_check_for,
           doc="for counter = lower; counter < upper; counter += step")
scf.define("while", "init*", results="*", traits=(PURE,), regions=2,
           doc="the first region ends in scf.condition; while true, the second runs with its values")
scf.define("condition", "condition values*", results="0", traits=(TERMINATOR,), doc="goes on if true")
scf.define("if", "condition", results="*", traits=(PURE,), regions=2, verify=_check_if,
           doc="one of two regions")
scf.define("yield", "values*", results="0", traits=(TERMINATOR,), doc="the values of a region")
