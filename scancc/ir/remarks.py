"""What passes say about what they did and did not do, and why.

    with collect() as remarks:
        fuse(module)
    print(*remarks, sep="\\n")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from .core import Location, Op


@dataclass(frozen=True)
class Remark:
    """One decision of a pass. `value` is the name of the op's first result; `hint` says what the
    user can change; `part` is the part of fast_math by which numbers change, where they do."""

    pass_name: str
    op: str
    value: str | None
    location: Location | None
    done: bool
    reason: str
    hint: str = ""
    part: str = ""

    def __str__(self) -> str:
        place = "{}:{}:{}: ".format(*self.location) if self.location else ""
        value = f" %{self.value}" if self.value else ""
        answer = "yes" if self.done else "no"
        hint = f" (hint: {self.hint})" if self.hint else ""
        return f"{place}{self.pass_name}: {self.op}{value}: {answer}: {self.reason}{hint}"


_active: ContextVar[list[Remark] | None] = ContextVar("scancc_remarks", default=None)


def remark(pass_name: str, op: Op, done: bool, reason: str, hint: str = "", part: str = "") -> None:
    """Note a decision about `op`; costs nothing where nobody collects."""
    into = _active.get()
    if into is not None:
        value = op.results[0].name if op.results else None
        into.append(Remark(pass_name, op.name, value, op.location, done, reason, hint, part))


@contextmanager
def collect() -> Iterator[list[Remark]]:
    """The list to which remarks go inside the `with` block."""
    found: list[Remark] = []
    token = _active.set(found)
    try:
        yield found
    finally:
        _active.reset(token)
