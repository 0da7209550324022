"""Where a scan or a function stands in the user's program, for the texts of its errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from scancc.frontend.graph.variables import Location, Variable
from scancc.late_dataclasses import dataclass

NUMBER = "\0"


@dataclass(frozen=True)
class Site:
    """The call that an error is about."""

    label: str | None  # the name the user gave it
    location: Location | None
    what: str = "scan"

    def text(self, fact: str, remedy: str) -> str:
        """An error's text: where, what is wrong under which rule, and what to change."""
        return f"{self}: {fact}.\n  {remedy}."

    def __str__(self) -> str:
        label = "" if self.label is None else f" {self.label!r}"
        place = "" if self.location is None else f" ({self.location})"
        return f"{self.what}{label}{place}"

    def warn(self, fact: str, remedy: str) -> None:
        """Warn of what is not wrong and yet hardly meant, at the user's line."""
        place = Location("scancc", 0) if self.location is None else self.location
        warnings.warn_explicit(self.text(fact, remedy), UserWarning, place.file, place.line)

    def told(self, what: str, convert: Callable[[object], Variable], value: object) -> Variable:
        """`convert(value)`; where the value is no tensor, the error says that it is `what`."""
        try:
            return convert(value)
        except (TypeError, OverflowError) as error:
            raise type(error)(f"{self}: {what}: {error}") from None

    def template(self, fact: str, remedy: str) -> str:
        """As `text`, a format string to be filled with run-time numbers where `NUMBER` stands."""
        return self.text(fact, remedy).replace("{", "{{").replace("}", "}}").replace(NUMBER, "{}")


def refitted(value: Variable, dtype: str, ndim: int) -> str:
    """What to do with a value that has not this dtype and number of dimensions."""
    cast = [] if value.dtype == dtype else [f"cast it: T.cast(value, {dtype!r})"]
    shape = [] if value.ndim == ndim else [f"index, reduce or reshape it to {ndim} dimension(s)"]
    return " and ".join([*shape, *cast])


def described(var: Variable, name: str | None = None) -> str:
    """A variable in an error's text: its name, or this one, if there is one, its type, and the line it comes from."""
    name = var.name if name is None else name
    place = [] if var.location is None else [f"from {var.location}"]
    if name is not None:
        return f"`{name}` ({', '.join([str(var.type), *place])})"
    return " ".join([f"a value of {var.type}", *place])
