"""builtin, func and cf: modules, functions and their ends."""

from __future__ import annotations

from ..ops import ISOLATED, TERMINATOR, Dialect

builtin = Dialect("builtin")
builtin.define("module", results="0", traits=(ISOLATED,), regions=1, doc="holds functions")

func = Dialect("func")
func.define("func", results="0", traits=(ISOLATED,), attrs=("sym_name", "function_type"), regions=1,
            doc="a function; its block's arguments are its parameters")
func.define("return", "values*", results="0", traits=(TERMINATOR,), doc="ends a function")
