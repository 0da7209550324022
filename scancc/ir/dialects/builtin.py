"""builtin, func and cf: modules, functions and their ends."""

from __future__ import annotations

from ..core import Op
from ..ops import ISOLATED, TERMINATOR, Dialect

builtin = Dialect("builtin")
builtin.define("module", results="0", traits=(ISOLATED,), regions=1, doc="holds functions")

func = Dialect("func")


def _check_func(op: Op) -> str | None:
    signature = op.attrs["function_type"]
    if tuple(a.type for a in op.body.args) != signature.inputs:
        return "the block's arguments must have the types of function_type"
    last = op.body.terminator
    if last.name != "func.return" or tuple(v.type for v in last.operands) != signature.results:
        return "func.return must give values of the result types of function_type"
    return None


func.define("func", results="0", traits=(ISOLATED,), attrs=("sym_name", "function_type"), regions=1,
            verify=_check_func, doc="a function; its block's arguments are its parameters")
func.define("return", "values*", results="0", traits=(TERMINATOR,), doc="ends a function")
