"""Functions of a few ops, made and run by the interpreter: for tests of what an op means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, module
from scancc.ir.interpreter import run_function
from scancc.ir.parser import parse, parse_type


def run(args: str, body: str, *values: Any, **options: Any) -> list[np.ndarray]:
    """Run the function with block arguments `args` and ops `body`, as text."""
    text = f'''"func.func"() ({{
^bb0({args}):
{body}
}}) {{sym_name = "f", function_type = "unused"}} : () -> ()'''
    return run_function(parse(text), "f", values, **options)


def one_op(name: str, operands: Sequence[Any], result: t.Type,
           attrs: dict[str, Any] | None = None) -> np.ndarray:
    """The answer of a function of one op; an operand is an array or a value and its type."""
    typed = [(v, t.TensorType((None,) * v.ndim, t.scalar(str(v.dtype)))) if isinstance(v, np.ndarray) else v
             for v in operands]
    block = Block(type for _, type in typed)
    b = Builder(block)
    b.make("func.return", [b.op(name, block.args, [result], attrs)])
    func = Op("func.func", attrs={"sym_name": "f"}, regions=[Region([block])])
    (answer,) = run_function(module([func]), "f", [value for value, _ in typed])
    return answer


def ty(text: str) -> t.Type:
    """The type written as `text`."""
    return parse_type(text)


def axes(*values: int) -> t.DenseArray:
    return t.DenseArray(t.i64, values)


def number(value: int) -> t.IntAttr:
    return t.IntAttr(value, t.i64)
