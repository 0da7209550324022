"""Functions of C that an exported entry is made of."""

from __future__ import annotations

from collections.abc import Sequence

from ..entry import Entry
from .lines import wrapped


def function(head: str, arguments: Sequence[str], body: Sequence[str], static: bool = False) -> str:
    """A definition, after its declaration where others may call it."""
    taken = wrapped(head, arguments or ["void"])
    declared = [] if static else [f"{taken};"]
    return "\n".join([*declared, taken, "{", *(f"    {line}" if line else "" for line in body), "}", ""])


def _numbered(entry: Entry, name: str) -> str:
    """The second symbol of an entry, with the interface's number, which the header asks for."""
    return (f"#if defined(__GNUC__) && defined(__ELF__)\nextern __typeof__({name}) {name}_numbered "
            f'__asm__("{name}.{entry.interface}") __attribute__((alias("{name}")));\n#endif\n')


def public(entry: Entry, name: str, result: str, arguments: Sequence[str], body: Sequence[str]) -> str:
    return function(f"{result} {name}(", arguments, body) + _numbered(entry, name)


def local(entry: Entry, word: str) -> str:
    """A name that no argument has."""
    taken = {a.name for a in (*entry.arguments, *entry.query_arguments, *entry.fields)}
    while word in taken:
        word += "_"
    return word
