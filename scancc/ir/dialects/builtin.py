"""builtin, func and cf: modules, functions and their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core import Op, Value
from ..ops import ISOLATED, TERMINATOR, Dialect, Parts
from ..reading.text import type_text
from ..rules.builtin import check_func, check_module

if TYPE_CHECKING:
    from ..reading.reader import Reader

builtin = Dialect("builtin")
builtin.define("module", results="0", traits=(ISOLATED,), regions=1, verify=check_module,
               reading=lambda op, r: ["module ", op.body], doc="holds functions")

func = Dialect("func")


def _sizes(arg: Value, r: Reader) -> list[str] | None:
    """The sizes of an argument, which all that measure it are read as; `?` where nobody asks."""
    shape = getattr(arg.type, "shape", None)
    if shape is None:
        return None
    asked: dict[int, list[Value]] = {}
    for user in arg.uses:
        if user.name in ("tensor.dim", "memref.dim"):
            asked.setdefault(int(r.number(user.operands[1]) or 0), []).append(user.result)
    names = [_name_size(asked[axis], arg, axis, r) if axis in asked else None for axis in range(len(shape))]
    r.remember_sizes(arg, names)
    return ["?" if n is name is None else str(n or name) for n, name in zip(shape, names, strict=True)]


def _name_size(sizes: list[Value], arg: Value, axis: int, r: Reader) -> str:
    """One name for values that are all the same size: `%A_n0`, if nobody gave it another."""
    first = next((size for size in sizes if size.name), sizes[0])
    r.suggest(first, arg, f"n{axis}")
    name = r.define(first)
    for size in sizes:
        r.bind(size, name)
    return name


def _read_func(op: Op, r: Reader) -> Parts:
    """The sizes of its arguments have their names in the types: `%A: f64[%A_n0]`."""
    r.mention("function_type")
    arguments = r.packed([f"{r.define(arg)}: {type_text(arg.type, _sizes(arg, r))}" for arg in op.body.args])
    results = [type_text(type) for type in op.attrs["function_type"].results]
    given = f" -> {results[0] if len(results) == 1 else '(' + ', '.join(results) + ')'}" if results else ""
    return [f"func {r.attribute(op, 'sym_name')}({arguments}){given} ", op.body]


def _read_return(op: Op, r: Reader) -> str:
    return f"return {r.uses(op.operands)}" if op.operands else ""


func.define("func", results="0", traits=(ISOLATED,), attrs=("sym_name:name", "function_type:signature"), regions=1,
            marks=("n_inputs:count", "n_bounds:count", "planned:int", "control_nbytes:count", "status:count",
                   "return_slots:ints", "gpu.kernel:int", "fast_math:fast_math"),
            parents=("builtin.module",), ends=("func.return",), verify=check_func, reading=_read_func,
            doc="a function; its block's arguments are its parameters")
func.define("return", "values*", results="0", traits=(TERMINATOR,), parents=("func.func",), reading=_read_return,
            doc="ends a function")
