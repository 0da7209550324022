"""Arguments that are no tensors: switches, whole numbers and words, checked where a user gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from scancc.foreign import is_masked

Word = TypeVar("Word")


def flag(what: str, value: object) -> bool:
    """A switch: True or False, which 1 and 0 stand for too."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, int | np.integer) and value in (0, 1)):
        return bool(value)
    kind = "" if isinstance(value, str | int | float) else f", of type {type(value).__name__}"
    raise TypeError(f"{what} is {value!r}{kind}; give True or False")


def flag_or_none(what: str, value: object) -> bool | None:
    """A switch, or None where it is left open."""
    return None if value is None else flag(what, value)


def whole(what: str, value: object, at_least: int | None = None) -> int:
    """A whole number that is known when the graph is built."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{what} is {value!r}; give a whole number, known when the graph is built")
    if at_least is not None and value < at_least:
        raise ValueError(f"{what} is {value}; it is {at_least} or more")
    return int(value)


def one_of(what: str, value: Word, choices: Sequence[Word]) -> Word:
    """One of a few words."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError(f"{what} is {value!r}; give {' or '.join(map(repr, choices))}")
    return value


def name_of(what: str, name: object) -> str | None:
    """A variable's name: a string, or None."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"the name of {what} is {name!r}; give a string")
    return name


def unmasked(what: str, value: object) -> object:
    """A value that is no masked array and holds none: scancc has no masks, and would compute with what they hide."""
    try:
        masked = _has_mask(value)
    except RecursionError:
        raise TypeError(f"{what} is a list without end, which holds itself; give numbers or an array") from None
    if masked:
        raise TypeError(
            f"{what} is a masked array, and there are no masks here: what is masked would be computed with. Pass "
            "value.filled(0) and the mask, ~numpy.ma.getmaskarray(value), as an array of its own"
        )
    return value


def _has_mask(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_mask(v) for v in value)
    return is_masked(value)
