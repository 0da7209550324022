"""What the elementwise functions mean where neither NumPy nor an op of the IR has that meaning.

Each is elementwise on arrays of one dtype and of any shape; `elementwise.py` lists the semantics.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scancc.ir.meanings import bit_count as bits_of
from scancc.ir.meanings import power as power_of_floats

Array = Any


def power(x: Array, y: Array) -> Array:
    """C's; an integer to a negative power is 0, but for 1 and -1, whose powers are whole."""
    if x.dtype.kind == "f":
        return power_of_floats(x, y)
    if x.dtype.kind == "i":
        unit = np.abs(x) == 1
        x, y = np.where((y < 0) & ~unit, 0, x), np.where(y < 0, np.where(unit, y & 1, 1), y)
    return np.power(x, y)


def bit_count(x: Array) -> Array:
    """How many bits of |x| are 1, as NumPy 2 has it."""
    return bits_of(np.abs(x) if x.dtype.kind == "i" else x).astype(np.uint8)


def quotient(x: Array, y: Array) -> Array:
    """x / y, but 0 where x or y is 0."""
    return np.where((x == 0) | (y == 0), 0, x / np.where(y == 0, 1, y))


def masked_mul(x: Array, y: Array) -> Array:
    """x * y, but 0 where x is 0, whatever y is."""
    return np.where(x == 0, 0, x * y)


def masked_div(x: Array, y: Array) -> Array:
    """x / y, but 0 where x is 0, whatever y is."""
    return np.where(x == 0, 0, x / y)


def make_complex(x: Array, y: Array) -> Array:
    z = np.empty(np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, "complex64"))
    z.real, z.imag = x, y
    return z
