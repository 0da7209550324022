"""What `define` hands to the code generator: one internal function as text, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class MathFunction:
    """`text` defines `@symbol`; `needs` are `declare` lines and other functions, each wanted once."""

    symbol: str
    text: str
    needs: tuple[str | MathFunction, ...]


def module_text(functions: Iterable[MathFunction]) -> str:
    """The definitions and declarations of the functions and all they need, each once."""
    texts: dict[str, None] = {}

    def visit(need: str | MathFunction) -> None:
        if isinstance(need, str):
            texts[need] = None
            return
        for inner in need.needs:
            visit(inner)
        texts[need.text] = None

    for function in functions:
        visit(function)
    return "\n".join(texts) + "\n"
