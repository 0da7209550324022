"""Templates: how an op reads, as text with holes for its operands, attributes and type.

    {lhs} + {rhs}                       an operand by the name in the op's declaration; several by commas
    {@kind}({source}, axes {@axes})     an attribute
    {type} {shape} {lanes} {element}    of the result; its open sizes are the operands `dims`
    {content}                           the type of what a new buffer holds
    {name} {operands}                   the op's name without its dialect; all its operands

A template of one operator has the operator's binding; one without a space outside brackets binds like a name;
any other is put into parentheses inside an expression.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

CALL = "{name}({operands})"  # the default form

LOOSE, NOT, COMPARISON, UNARY, TIGHT = 0, 5, 6, 10, 12
_BINDING = {"|": 2, "or": 2, "^": 3, "xor": 3, "&": 4, "and": 4, "<<": 7, ">>": 7, ">>>": 7, "+": 8, "-": 8,
            "*": 9, "/": 9, "//": 9, "@": 9, "**": 11}
_BITS = ("|", "^", "&", "<<", ">>", ">>>")  # what is around them is in parentheses
_CHAINS = ("or", "xor", "and", "+", "-", "*", "/", "//", "@")  # read from the left without parentheses

_INFIX = re.compile(r"\{\w+\} (\S+) \{\w+\}\Z")
_PREFIX = re.compile(r"(-|not )\{\w+\}\Z")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")


class Phrase(NamedTuple):
    """Text that stands for a value, and how tightly it binds."""

    text: str
    binding: int = TIGHT

    def within(self, binding: int) -> str:
        """The text, in parentheses where what is around it binds tighter."""
        return self.text if self.binding >= binding else f"({self.text})"


class Hole(NamedTuple):
    """The text before a hole, what fills it (None at the end), and how tightly that must bind."""

    before: str
    field: str | None
    binding: int


@cache
def binding_of(template: str) -> int:
    infix = _INFIX.match(template)
    if infix:
        return _BINDING.get(infix.group(1), COMPARISON)
    prefix = _PREFIX.match(template)
    if prefix:
        return UNARY if prefix.group(1) == "-" else NOT
    return LOOSE if " " in _without_brackets(template) else TIGHT


def _without_brackets(text: str) -> str:
    while _BRACKETS.search(text):
        text = _BRACKETS.sub("", text)
    return text


@cache
def holes(template: str, statement: bool) -> tuple[Hole, ...]:
    """The template in pieces; `statement`: it stands on a line of its own."""
    import string  # rarely needed, and slow to load

    parts = [(before, field) for before, field, _, _ in string.Formatter().parse(template)]
    infix = _INFIX.match(template)
    if infix:
        left, right = _sides(infix.group(1))
        return Hole("", parts[0][1], left), Hole(parts[1][0], parts[1][1], right)
    found = []
    for at, (before, field) in enumerate(parts):
        after = parts[at + 1][0] if at + 1 < len(parts) else ""
        found.append(Hole(before, field, _needed(template, before, after, statement)))
    return tuple(found)


def _sides(operator: str) -> tuple[int, int]:
    own = _BINDING.get(operator, COMPARISON)
    if operator in _BITS:
        return UNARY, UNARY
    return (own if operator in _CHAINS else own + 1), own + 1


def _needed(template: str, before: str, after: str, statement: bool) -> int:
    if after.startswith("["):
        return TIGHT
    if _PREFIX.match(template):
        return binding_of(template)
    if statement or before.endswith(("(", "[", ", ")):
        return LOOSE
    return LOOSE + 1 if " else " in template else UNARY
