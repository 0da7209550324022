"""What each of these files gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import scancc as sc


@dataclass
class Program:
    """`function(*arguments)` is `expected`, an array or a list of them."""

    function: sc.Function
    arguments: list[Any]
    expected: Any
