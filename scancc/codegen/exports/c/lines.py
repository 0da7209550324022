"""Lines and expressions of C as text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from typing import TypeVar

Line = TypeVar("Line")  # what `str` makes a line of

_SETS = re.compile(r"\s*(?:(?:const )?(?!return )\w+ \*?(\w+)(?:\[\d+\])?(?: = [^;]*)?|(\w+) = [^;]*);")


_ARRAY = re.compile(r"\s*\w+ (\w+)\[\d+\](?: = \{0\})?;")
_ELEMENT = re.compile(r"\s*(\w+)\[[^=;]*\] = [^;]*;")


def without_unused(lines: Sequence[Line]) -> list[Line]:
    """The lines without those that only set a name, or an array that is declared in them, that nothing reads."""
    kept = list(lines)
    arrays = {match[1] for line in kept if (match := _ARRAY.fullmatch(str(line)))}
    while True:
        names = [_name_set(str(line), arrays) for line in kept]
        reads = Counter(name for line in kept for name in set(re.findall(r"\b[A-Za-z_]\w*", str(line))))
        sets = Counter(names)
        fewer = [line for line, name in zip(kept, names, strict=True) if not name or reads[name] != sets[name]]
        if len(fewer) == len(kept):
            return kept
        kept = fewer


def _name_set(line: str, arrays: Set[str]) -> str | None:
    """The name that a line does nothing but set."""
    if match := _SETS.fullmatch(line):
        return match[1] or match[2]
    match = _ELEMENT.fullmatch(line)
    return match[1] if match and match[1] in arrays else None


def wrapped(head: str, arguments: Sequence[str]) -> str:
    """A call or a head, broken between arguments."""
    lines, indent = [head], " " * (len(head) - len(head.lstrip()) + 4)
    for number, argument in enumerate(arguments):
        end = ")" if number == len(arguments) - 1 else ","
        if len(lines[-1]) + len(argument) > 98:
            lines[-1] = lines[-1].rstrip()
            lines.append(indent)
        lines[-1] += f"{argument}{end} "
    return "\n".join(line.rstrip() for line in lines) + ("" if arguments else ")")

def is_closed(text: str) -> bool:
    """Whether an expression is one word, call or element, which needs no parentheses beside an operator."""
    word = re.match(r"[\w.]+", text)
    rest = text[word.end():] if word else ""
    if word is None or not rest:
        return word is not None
    depth, opening = 0, rest[0] in "(["
    for at, letter in enumerate(rest):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0:
            return opening and at == len(rest) - 1
    return False


def bare(text: str) -> str:
    """An operand without the parentheses around it."""
    return text[1:-1] if text[0] == "(" and is_closed(f"f{text}") else text
