"""The entry of code that makes some outputs of a function, by the struct of the whole function's short call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from scancc.late_dataclasses import dataclass
from scancc.process import kept_property

from ..entry import Argument, Entry

_OF_OUTPUTS = ("out", "size", "out_strides")


@dataclass(frozen=True)
class Part(Entry):
    """`members`: those of the struct that it uses, with its own numbers of outputs; `left_out`: of the others' names.

    Its name is one of functions of the file alone, `whole` that of the function that it is a part of.
    """

    whole: str = ""
    members: tuple[Argument, ...] = ()
    left_out: tuple[str, ...] = ()

    @kept_property
    def fields(self) -> tuple[Argument, ...]:
        return self.members

    @kept_property
    def arguments(self) -> tuple[Argument, ...]:
        """It is called by the struct alone."""
        return self.members


def part_of(whole: Entry, entry: Entry, kept: Sequence[int]) -> Part:
    """`entry`, which makes the outputs `kept` of `whole`."""
    own = {f.name: getattr(entry, f.name) for f in fields(Entry)}
    left_out = [n for n in range(len(whole.outputs)) if n not in kept]
    members, without = [], []
    for member in whole.fields:
        if member.role not in _OF_OUTPUTS:
            members.append(member)
        elif member.index in kept:
            members.append(replace(member, index=kept.index(member.index)))
        elif member.role == "out":
            without.append(member.name)
    own["name"] = f"{whole.name}_without_{'_'.join(map(str, left_out))}"
    return Part(**own, whole=whole.name, members=tuple(members), left_out=tuple(without))
