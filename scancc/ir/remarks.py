"""What passes say about what they did and did not do, and why.

    with collect() as remarks:
        fuse(module)
    print(*remarks, sep="\\n")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from scancc.late_dataclasses import dataclass

from .core import Location, Op


@dataclass(frozen=True)
class Remark:
    """One decision of a pass. `value` is the name of the op's first result; `hint` says what the
    user can change; `part` is the part of fast_math by which numbers change, where they do. `rows`: what a scan keeps
    whole, or, where `done`, keeps no more (`EVERY`: nothing is left that it keeps)."""

    pass_name: str
    op: str
    value: str | None
    location: Location | None
    done: bool
    reason: str
    hint: str = ""
    part: str = ""
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = "{}:{}:{}: ".format(*self.location) if self.location else ""
        value = f" %{self.value}" if self.value else ""
        answer = "yes" if self.done else "no"
        hint = f" (hint: {self.hint})" if self.hint else ""
        return f"{place}{self.pass_name}: {self.op}{value}: {answer}: {self.reason}{hint}"


_active: ContextVar[list[Remark] | None] = ContextVar("scancc_remarks", default=None)


EVERY = "every row"


def standing(remarks: Iterable[Remark]) -> list[Remark]:
    """The remarks that still hold: of what a pass says is kept, the last word of a later one counts."""
    found: list[Remark] = []
    for each in remarks:
        gone = [old for old in found if old.location == each.location and _is_settled(old, each)] if each.rows else []
        for name in dict.fromkeys(old.rows for old in gone):  # the last of each: scans may share a line
            found.remove([old for old in gone if old.rows == name][-1])
        found.append(each)
    return found


def _is_settled(old: Remark, later: Remark) -> bool:
    kept = bool(old.rows) and not old.done
    return kept and bool(later.rows) and (EVERY in later.rows or set(old.rows) <= set(later.rows))


def remark(pass_name: str, op: Op, done: bool, reason: str, hint: str = "", part: str = "",
           rows: tuple[str, ...] = ()) -> None:
    """Note a decision about `op`; costs nothing where nobody collects."""
    into = _active.get()
    if into is not None:
        value = op.results[0].name if op.results else None
        into.append(Remark(pass_name, op.name, value, op.location, done, reason, hint, part, rows))


@contextmanager
def collect() -> Iterator[list[Remark]]:
    """The list to which remarks go inside the `with` block."""
    found: list[Remark] = []
    token = _active.set(found)
    try:
        yield found
    finally:
        _active.reset(token)
