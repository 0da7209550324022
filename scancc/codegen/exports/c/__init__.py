"""Loop IR as readable C."""

from . import (  # noqa: F401  (register their printers)
    arithmetic,
    complex_numbers,
    control,
    memory,
    sums,
    vectors,
)
from .file import Loops, file_text
from .parts import Part, part_of
from .printer import PRINTERS

__all__ = ["PRINTERS", "Loops", "Part", "file_text", "part_of"]
