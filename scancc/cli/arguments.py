"""Arguments of a call, as commands take them: Python literals and .npy files."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import click
import numpy as np


def arguments_of(texts: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    """What is given by position, and by keyword, in `ARG` and `KEY=ARG`."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if equals and key.isidentifier():
            kwargs[key] = _value(value)
        else:
            args.append(_value(text))
    return args, kwargs


class _Numbers(ast.NodeTransformer):
    """Puts the floats in the place of the names nan and inf, which are no literals of Python's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.copy_location(ast.Constant(float(node.id)), node) if node.id in ("nan", "inf") else node


def _value(text: str) -> Any:
    if text.endswith(".npy"):
        return np.load(text, allow_pickle=False)
    try:
        return ast.literal_eval(_Numbers().visit(ast.parse(text.strip(), mode="eval")))
    except (ValueError, SyntaxError):
        raise click.ClickException(f"the argument '{text}' is no Python literal and no .npy file; write 2.5, "
                                   "'[1, 2, 3]' or data.npy") from None
