"""What `Print` shows: where its values lie among a program's outputs, and the line that Python prints of each.

A call is done first; then its values are printed in the order of computation, those of a scan's steps step by step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scancc.late_dataclasses import dataclass

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Printed:
    """A value that is printed: output `output` has it, with an axis for the steps of each scan around it.

    `text` and `attributes`: what `Print` was given; `name`: the value's, empty where it has none.
    """

    output: int
    text: str
    attributes: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True)
class PrintedSteps:
    """What is printed of each step of a scan, in order."""

    scan: str
    inside: tuple[Prints, ...]

    @property
    def first(self) -> Printed:
        """A value that is printed in each step, so that its rows tell the number of steps."""
        first = self.inside[0]
        return first if isinstance(first, Printed) else first.first


Prints: TypeAlias = "Printed | PrintedSteps"


def values_of(prints: Sequence[Prints], scans: tuple[str, ...] = ()) -> Iterator[tuple[Printed, tuple[str, ...]]]:
    """Every printed value, with the names of the scans around it, the outermost one first."""
    for one in prints:
        if isinstance(one, Printed):
            yield one, scans
        else:
            yield from values_of(one.inside, (*scans, one.scan))


_SILENT = ContextVar("silent", default=False)


@contextmanager
def silence() -> Iterator[None]:
    """In the block, calls show nothing: they are made to be measured."""
    before = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(before)


def show(text: str, attributes: Sequence[str], value: npt.NDArray[np.generic] | np.generic, where: str = "") -> None:
    """Print what was asked for of a value."""
    if _SILENT.get():
        return
    for name in attributes:
        found = getattr(value, name)
        print(text, name, "=", found() if callable(found) else found, *([f"({where})"] if where else []))


def where_of(scans: Sequence[str], steps: Sequence[int]) -> str:
    """In which step of each scan, the innermost one first."""
    return ", ".join(f"in step {step} of {scan}" for scan, step in zip(reversed(scans), reversed(steps), strict=True))
