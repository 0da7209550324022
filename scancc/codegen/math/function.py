"""What `define` hands to the code generator: one internal function as text, and what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field

from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class MathFunction:
    """`text` defines `@symbol`; `needs` are `declare` lines and other functions, each wanted once.

    `is_shared`: it is long, called and the same in all modules, so that a machine compiles it once (`Closure`).
    """

    symbol: str
    text: str
    needs: tuple[str | MathFunction, ...]
    is_shared: bool = False

    @property
    def public_text(self) -> str:
        """It as a function that other modules may call."""
        return self.text.replace("define internal ", "define ", 1)

    @property
    def declaration(self) -> str:
        head = re.search(r"^define internal ([^{]*) {", self.text, re.MULTILINE)
        assert head is not None, f"{self.symbol} is a function"
        return "declare " + " ".join(head[1].split())


@dataclass
class Closure:
    """Functions with all that they need, each once; `apart`: without the shared ones, which are declared."""

    apart: bool = False
    defined: dict[str, MathFunction] = field(default_factory=dict)
    shared: dict[str, MathFunction] = field(default_factory=dict)
    declares: dict[str, None] = field(default_factory=dict)

    def add(self, need: str | MathFunction) -> None:
        if isinstance(need, str):
            self.declares.setdefault(need)
        elif self.apart and need.is_shared:
            self.shared.setdefault(need.symbol, need)
            self.declares.setdefault(need.declaration)
        elif need.symbol not in self.defined:
            self.define(need)

    def define(self, function: MathFunction) -> None:
        self.defined[function.symbol] = function
        for need in function.needs:
            self.add(need)


def module_text(functions: Iterable[MathFunction]) -> str:
    """The definitions and declarations of the functions and all they need, each once."""
    closure = Closure()
    for function in functions:
        closure.add(function)
    return "\n".join([*(f.text for f in closure.defined.values()), *closure.declares]) + "\n"


def shared_modules(functions: Iterable[MathFunction]) -> dict[str, str]:
    """A module for each of the shared functions and those that they call, which come first."""
    found: dict[str, str] = {}
    for function in functions:
        closure = Closure(apart=True)
        closure.define(function)
        found |= shared_modules(f for f in closure.shared.values() if f.symbol not in found)
        others = [f.text for f in closure.defined.values() if f is not function]
        found[function.symbol] = "\n".join([function.public_text, *others, *closure.declares]) + "\n"
    return found
