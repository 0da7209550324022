"""Symbolic inputs of dtype `config.floatX` or one that is given: `vector`, `matrices`, `tensor(shape=)`.

Names with a dtype in them (`dvector`) are in `prefixed.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.config import config
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import DTYPES, TensorType, Variable, dtype_name

Shape = tuple[int | None, ...]

SHAPES: dict[str, Shape] = {
    "scalar": (), "vector": (None,), "row": (1, None), "col": (None, 1), "matrix": (None, None),
    "tensor3": (None,) * 3, "tensor4": (None,) * 4, "tensor5": (None,) * 5,
}


def _constructor(noun: str, lengths: Shape) -> Callable[..., Variable]:
    def make(name: str | None = None, dtype: object = None,
             shape: Sequence[int | None] | None = None) -> Variable:
        shape = None if shape is None else TensorType("bool", shape).shape
        if shape is not None and len(shape) != len(lengths):
            raise ValueError(f"a {noun} has {len(lengths)} dimensions, not those of the shape {tuple(shape)}")
        if shape is not None and any(want == 1 != have for want, have in zip(lengths, shape, strict=True)):
            raise ValueError(f"a {noun} is of shape {lengths}, where None is any length, not of {tuple(shape)}")
        found = config.floatX if dtype is None else dtype_name(dtype)
        return TensorType(found, lengths if shape is None else tuple(shape))(name)

    make.__name__ = make.__qualname__ = noun
    make.__doc__ = (f"A symbolic {noun} of `dtype` (config.floatX); `shape` says lengths known beforehand.\n\n"
                    f"Its axes are {list(lengths)}, None for any length. ValueError for a `shape` that does not fit.")
    return make


def _several(make: Callable[..., Variable]) -> Callable[..., list[Variable]]:
    def make_several(*names: str | int | None, dtype: object = None) -> list[Variable]:
        counted = len(names) == 1 and isinstance(names[0], int)
        wanted = [None] * whole("the number of inputs", names[0], at_least=1) if counted else names
        return [make(name) if dtype is None else make(name, dtype) for name in wanted]

    make_several.__doc__ = "One symbolic input for each name, or as many without names as the number given."
    return make_several


scalar, vector, row, col, matrix, tensor3, tensor4, tensor5 = (_constructor(*item) for item in SHAPES.items())
scalars, vectors, rows, cols, matrices, tensor3s, tensor4s, tensor5s = (
    _several(make) for make in (scalar, vector, row, col, matrix, tensor3, tensor4, tensor5)
)

def types_of(dtype: str) -> list[TensorType]:
    """Of every shape that has a name, the type of this dtype, in the order of `SHAPES`."""
    return [TensorType(dtype, lengths) for lengths in SHAPES.values()]


def several_of(dtype: str) -> list[Callable[..., list[Variable]]]:
    """What makes several inputs of each of `types_of`."""
    return [_several(make) for make in types_of(dtype)]


def tensor(*older: object, name: str | None = None, dtype: object = None,
           shape: Sequence[int | None] | None = None,
           broadcastable: Sequence[bool] | None = None) -> Variable:
    """A symbolic input of any dtype and shape; a length that is not known beforehand is None.

    `tensor("x", dtype=, shape=)` and the older `tensor(dtype, broadcastable)` both work.
    """
    for value in older:
        if isinstance(value, str) and value not in DTYPES and value != "floatX" and name is None:
            name = value
        elif isinstance(value, (tuple, list)):
            broadcastable = value
        elif dtype is None:
            dtype = value
        else:
            name = str(value)
    lengths = shape if shape is not None else broadcastable
    if lengths is None:
        raise TypeError("tensor needs shape=, a tuple with a length or None for each dimension")
    return TensorType(dtype or "floatX", lengths)(name)
