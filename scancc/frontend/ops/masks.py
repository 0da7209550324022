"""Boolean masks: where one is True, as an index, and writes at one that are a choice at each element.

A mask of k dimensions in an index stands for k vectors of positions, one for each axis that it covers
(NumPy's rule), all of one length, which only running tells. A mask that is constant gives constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np

from scancc.frontend.graph.constants import as_operand, as_tensor_variable, constant_int
from scancc.frontend.graph.dims import dim, dimshuffle
from scancc.frontend.graph.variables import Apply, Constant, Op, TensorType, Variable, equal_computations
from scancc.frontend.ops.axes import flatten
from scancc.frontend.ops.control import check
from scancc.frontend.ops.joining import stack
from scancc.frontend.ops.scalars import add, eq, neq, switch
from scancc.late_dataclasses import dataclass

# ---- where a mask is True -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Nonzero(Op):
    """Where the elements of a bool tensor are True, in C order: a vector of positions for each axis."""

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (mask,) = inputs
        if mask.dtype != "bool" or mask.ndim == 0:
            raise TypeError(f"places are found in a bool tensor of one dimension or more, not in {mask.type}")
        return [TensorType("int64", (None,))] * mask.ndim

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [places.astype("int64") for places in np.nonzero(inputs[0])]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return dim(node.outputs[0], 0) if output else None


def _places(x: Variable) -> list[Variable]:
    """Where `x` is not 0, one vector of positions for each of its axes."""
    if isinstance(x, Constant):
        return [Constant(places.astype("int64")) for places in np.nonzero(x.data)]
    return Nonzero().apply(x if x.dtype == "bool" else neq(x, 0))


@overload
def nonzero(x: object, return_matrix: Literal[False] = False) -> tuple[Variable, ...]: ...
@overload
def nonzero(x: object, return_matrix: Literal[True]) -> Variable: ...
def nonzero(x: object, return_matrix: bool = False) -> tuple[Variable, ...] | Variable:
    """Where `x` is not 0, in C order: for each axis a vector of positions, or these as rows of a matrix.

    int64, of lengths that are known when it runs. ValueError for a scalar.
    """
    var = as_tensor_variable(x)
    if var.ndim == 0:
        raise ValueError(
            f"nonzero of {var}, a scalar: it has no places; use T.switch(x, a, b), or give a tensor of one "
            "dimension or more"
        )
    places = _places(var)
    return stack(places) if return_matrix else tuple(places)


def flatnonzero(x: object) -> Variable:
    """Where `x`, flattened, is not 0: a vector of positions.

    int64, of a length that is known when it runs.
    """
    return nonzero(flatten(as_tensor_variable(x)))[0]


def argwhere(x: object) -> Variable:
    """Where `x` is not 0: a row of positions for each place.

    int64 [n, x.ndim], where n is known when it runs.
    """
    return dimshuffle(nonzero(x, return_matrix=True), (1, 0))


# ---- masks in an index --------------------------------------------------------------------------------

Spread = list[tuple[Variable, Variable]]  # a mask and the first of its vectors of positions


def spread_masks(items: Sequence[object]) -> tuple[list[object], Spread]:
    """The entries of an index, with each mask replaced by its positions; and the masks."""
    spread: list[object] = []
    masks: Spread = []
    for item in items:
        mask = _as_mask(item)
        if mask is None:
            spread.append(item)
            continue
        places = _places(mask)
        spread += places
        masks.append((mask, places[0]))
    return spread, masks


def _as_mask(item: object) -> Variable | None:
    """An entry of an index as a mask, if it is one."""
    if isinstance(item, (bool, np.bool_)):
        raise _scalar_mask(item)
    listed = isinstance(item, (list, tuple)) and len(item) > 0
    if not listed and not (isinstance(item, (Variable, np.ndarray)) and item.dtype == "bool"):
        return None
    try:
        mask = as_operand(item)
    except TypeError:  # of what is no index, which is said where the index is read
        return None
    if mask.dtype == "bool" and mask.ndim == 0:
        raise _scalar_mask(item)
    return mask if mask.dtype == "bool" else None


def _scalar_mask(item: object) -> TypeError:
    return TypeError(
        f"{item} is a boolean mask of no dimensions, which picks no elements of a tensor: a mask has the lengths "
        "of the axes it picks from; choose with T.switch(cond, x, 0), or add an axis with x[None]"
    )


def check_masks(x: Variable, masks: Spread, entries: Sequence[object]) -> Variable:
    """`x`, checked to have the lengths of the masks in an index. `entries`: that of each axis."""
    for mask, first in masks:
        start = next(axis for axis, entry in enumerate(entries) if entry is first)
        for axis in range(mask.ndim):
            x = _check_length(x, start + axis, dim(mask, axis), axis)
    return x


def _check_length(x: Variable, axis: int, length: Variable, of: int) -> Variable:
    """`x`, whose axis has the `length` that a mask has along axis `of`."""
    own = dim(x, axis)
    if _same_length(own, length):
        return x
    message = (
        f"a boolean mask has length {{}} along axis {of}, and what it indexes length {{}} along axis {axis}; they "
        "must be equal"
    )
    known = constant_int(length), constant_int(own)
    if None not in known:
        raise IndexError(message.format(*known))
    checked = check(IndexError, message, x, eq(length, own), length, own)
    checked.lengths = {**(x.lengths or {}), axis: length}
    return checked


def _same_length(a: Variable, b: Variable) -> bool:
    return equal_computations([a], [b])


# ---- writes at a mask ---------------------------------------------------------------------------------


def mask_of(arrays: Sequence[Variable]) -> Variable | None:
    """The mask whose positions these index arrays are, if they are all of one mask's, in order."""
    node = arrays[0].owner
    if node is None or not isinstance(node.op, Nonzero) or len(arrays) != len(node.outputs):
        return None
    return node.inputs[0] if all(a is b for a, b in zip(arrays, node.outputs, strict=True)) else None


def chosen(part: Apply, value: Variable, set_: bool) -> Variable | None:
    """The tensor that a part picked by a mask is of, with `value` set or added there, as a choice at each element.

    None where the elements must be found: the value has one for each True, or lengths may not fit.
    """
    where = _mask_and_axis(part)
    if where is None:
        return None
    mask, axis = where
    base = part.inputs[0]
    full = _full_value(part, value, mask, axis)
    if full is None or not _fits(full, base):
        return None
    there = dimshuffle(mask, (*range(mask.ndim), *("x",) * (base.ndim - axis - mask.ndim)))
    return switch(there, full if set_ else add(base, full), base)


def _mask_and_axis(part: Apply) -> tuple[Variable, int] | None:
    """The mask that alone picks a part, and the first axis that it covers."""
    base, *operands = part.inputs
    template = part.op.template  # type: ignore[attr-defined]
    if len(operands) != template.count("a") or any(e != "a" and any(e[1:]) for e in template):
        return None
    mask, axis = mask_of(operands), template.index("a")
    if mask is None or not all(_same_length(dim(mask, i), dim(base, axis + i)) for i in range(mask.ndim)):
        return None
    stretched = any(base.type.shape[axis + i] == 1 != n for i, n in enumerate(mask.type.shape))
    return None if stretched else (mask, axis)


def _full_value(part: Apply, value: Variable, mask: Variable, axis: int) -> Variable | None:
    """A tensor that holds, where the mask is True, what the value holds for the part."""
    if value.type.shape[axis] == 1:
        return dimshuffle(value, (*range(axis), *("x",) * mask.ndim, *range(axis + 1, value.ndim)))
    node = value.owner
    if node is None or node.op != part.op:
        return None
    found = _mask_and_axis(node)
    return node.inputs[0] if found is not None and equal_computations([mask], [found[0]]) else None


def _fits(value: Variable, base: Variable) -> bool:
    """Whether a value of the rank of `base` surely has its lengths, or stretches to them."""
    return all(n == 1 or _same_length(dim(value, axis), dim(base, axis)) for axis, n in enumerate(value.type.shape))
