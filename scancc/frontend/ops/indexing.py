"""Indexing as it is written: Python's index becomes a template and operands; writes to parts."""

from __future__ import annotations

import numpy as np

from scancc.errors import TypeMismatchError
from scancc.frontend.graph.constants import (
    as_operand,
    as_tensor_variable,
    constant_int,
    is_integer,
    is_weak,
    promote_dtypes,
)
from scancc.frontend.graph.dims import DimShuffle, dim, dims, dimshuffle, int64, normalize_axis
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.variables import Apply, Constant, Variable
from scancc.frontend.ops.axes import flatten, reshape
from scancc.frontend.ops.elementwise import align, cast, pad_axes
from scancc.frontend.ops.index_template import Entry, arity
from scancc.frontend.ops.lengths import MakeVector, addbroadcast
from scancc.frontend.ops.masks import check_masks, chosen, flatnonzero, spread_masks
from scancc.frontend.ops.scalars import clip, mod
from scancc.frontend.ops.subtensor import (
    AdvancedIncSubtensor,
    AdvancedSubtensor,
    IncSubtensor,
    Subtensor,
    name_of_write,
)


class _Index:
    """An index under construction: template and operands, and the entries with `None`, which adds an axis."""

    def __init__(self, x: Variable, index: object) -> None:
        items, masks = spread_masks(list(index) if isinstance(index, tuple) else [index])
        self.items = _expand_ellipsis(items, x)
        self.x = check_masks(x, masks, [item for item in self.items if item is not None])
        self.advanced = any(_is_array(item) for item in self.items)
        self.template: list[Entry] = []
        self.operands: list[Variable] = []
        for axis, item in enumerate(item for item in self.items if item is not None):
            self._add(item, axis)
        if self.advanced:
            self._align_arrays()

    def _add(self, item: object, axis: int) -> None:
        if isinstance(item, slice):
            entry, operands = _slice_entry(item)
            self.template.append(entry)
            self.operands += operands
            return
        position = _integer_index(item, axis)
        self.template.append("a" if self.advanced else "i")
        self.operands.append(position)

    def _align_arrays(self) -> None:
        flat = [entry for entry in self.template for _ in range(arity(entry))]
        places = [i for i, entry in enumerate(flat) if entry == "a"]
        for i, array in zip(places, align([self.operands[i] for i in places]), strict=True):
            self.operands[i] = array

    def view(self) -> Variable:
        op = AdvancedSubtensor if self.advanced else Subtensor
        picked = op(tuple(self.template))(self.x, *self.operands)
        return dimshuffle(picked, self._order(picked.ndim)) if any(item is None for item in self.items) else picked

    def _order(self, ndim: int) -> tuple[int | str, ...]:
        """For each axis of the result its axis in what is picked without the new ones, or 'x'.

        The axes of index arrays stand where the arrays do; in front, where anything stands between these.
        """
        kinds = ["x" if item is None else "s" if isinstance(item, slice) else "a" for item in self.items]
        first = _place_of_arrays([k for k in kinds if k != "x"])
        n_arrays = ndim - kinds.count("s")
        arrays = range(first, first + n_arrays)
        others = iter(a for a in range(ndim) if a not in arrays)
        rest: list[int | str] = ["x" if k == "x" else next(others) for k in kinds if k != "a"]
        place = _place_of_arrays(kinds)
        return (*rest[:place], *arrays, *rest[place:])


def _place_of_arrays(kinds: list[str]) -> int:
    """How many axes come before those of the index arrays."""
    places = [i for i, kind in enumerate(kinds) if kind == "a"]
    return places[0] if places and places[-1] - places[0] + 1 == len(places) else 0


def _expand_ellipsis(items: list[object], x: Variable) -> list[object]:
    """An entry for each axis of `x`, and None for each new axis."""
    used = sum(item is not None and item is not Ellipsis for item in items)
    if used > x.ndim:
        raise IndexError(f"{x!r} has {x.ndim} dimensions but {used} indices; drop {used - x.ndim}")
    if sum(item is Ellipsis for item in items) > 1:
        raise IndexError("an index may hold one '...' only")
    full: list[object] = [slice(None)] * (x.ndim - used)
    where = next((i for i, item in enumerate(items) if item is Ellipsis), None)
    return items + full if where is None else items[:where] + full + items[where + 1 :]


def _is_array(item: object) -> bool:
    if isinstance(item, (list, tuple)):
        return True
    return isinstance(item, (np.ndarray, Variable)) and item.ndim > 0


def _integer_index(item: object, axis: int) -> Variable:
    if isinstance(item, (list, tuple)) and not len(item):
        return Constant(np.zeros(0, "int64"))
    try:
        position = as_operand(item)
    except TypeError:
        raise TypeError(f"{item!r} is no index; give integers, slices, integer arrays, None or ...") from None
    if not is_integer(position.dtype):
        raise TypeError(f"axis {axis} is indexed with {item!r} of {position.dtype}; an index is an integer: "
                        "T.cast(i, 'int64') cuts a float, T.iround(i) rounds it")
    return cast(position, "int64")


def _slice_entry(item: slice) -> tuple[Entry, list[Variable]]:
    """A slice as template entry and operands; bounds that change nothing are left out."""
    start, stop, step = (_bound(b) for b in (item.start, item.stop, item.step))
    if step is not None and constant_int(step) == 1:
        step = None
    if start is not None and constant_int(start) == 0 and (step is None or (constant_int(step) or 0) > 0):
        start = None
    given = [b for b in (start, stop, step) if b is not None]
    return ("s", start is not None, stop is not None, step is not None), given


def _bound(value: object) -> Variable | None:
    if value is None or (isinstance(value, Constant) and value.name == "None"):
        return None
    position = as_operand(value)
    if position.ndim != 0 or not is_integer(position.dtype):
        raise TypeError(f"the bound {value!r} of a slice is {position.type}, not an integer scalar or None")
    return cast(position, "int64")


def getitem(x: Variable, index: object) -> Variable:
    """`x[index]`; entries of a shape come back as they are."""
    if x.owner is not None and isinstance(x.owner.op, MakeVector) and x.owner.op.extents:
        known = _entry_of_shape(x.owner.inputs, index)
        if known is not None:
            return known
    return _Index(x, index).view()


def _entry_of_shape(lengths: list[Variable], index: object) -> Variable | None:
    position = constant_int(index)
    if position is not None:
        if not -len(lengths) <= position < len(lengths):
            raise IndexError(f"a shape of {len(lengths)} lengths has no entry {position}")
        return lengths[position]
    if not isinstance(index, slice):
        return None
    bounds = [index.start, index.stop, index.step]
    if any(b is not None and constant_int(b) is None for b in bounds):
        return None
    part = lengths[slice(*(None if b is None else constant_int(b) for b in bounds))]
    return MakeVector(extents=True)(*part) if part else Constant(np.zeros(0, "int64"))


def set_subtensor(x: Variable, y: object, inplace: bool = False,
                  tolerate_inplace_aliasing: bool = False) -> Variable:
    """The tensor that `x` is a part of (`x = a[index]`), with that part replaced by `y`; of several values for one
    place the last counts. The flags change no number: what can be written in place is.

    The shape and dtype of `a`. TypeError for an `x` that is no part, and for a `y` that would lose precision;
    ValueError where `y` does not fit.
    """
    _check_hints(inplace, tolerate_inplace_aliasing)
    return _write(x, y, True)


def inc_subtensor(x: Variable, y: object, inplace: bool = False, tolerate_inplace_aliasing: bool = False,
                  set_instead_of_inc: bool = False, ignore_duplicates: bool = False) -> Variable:
    """The tensor that `x` is a part of (`x = a[index]`), with `y` added to that part, once for each time that a
    place is named; with `ignore_duplicates` once, as NumPy's `a[index] += y`. `inplace` and
    `tolerate_inplace_aliasing` change no number: what can be written in place is.

    The shape and dtype of `a`. TypeError for an `x` that is no part, and for a `y` that would lose precision;
    ValueError where `y` does not fit.
    """
    _check_hints(inplace, tolerate_inplace_aliasing)
    if flag("ignore_duplicates", ignore_duplicates):
        return _write(x, y if set_instead_of_inc else x + as_operand(y), True)
    return _write(x, y, flag("set_instead_of_inc", set_instead_of_inc))


def _check_hints(inplace: object, tolerate_inplace_aliasing: object) -> None:
    flag("inplace", inplace)
    flag("tolerate_inplace_aliasing", tolerate_inplace_aliasing)


def _write(part: Variable, y: object, set_: bool) -> Variable:
    node = part.owner if isinstance(part, Variable) else None
    value = as_operand(y)
    if node is not None and isinstance(node.op, DimShuffle):
        return _write_through(node, part, value, set_)
    if node is None or not isinstance(node.op, (Subtensor, AdvancedSubtensor)):
        raise TypeError(
            f"{name_of_write(set_)}: the first argument is {part!r}, which is not an indexed part; "
            f"write T.{name_of_write(set_)}(x[i], y), where x is the tensor to change"
        )
    base, *operands = node.inputs
    value = _fitted(_cast_value(base, value, set_), part, set_)
    choice = chosen(node, value, set_) if isinstance(node.op, AdvancedSubtensor) else None
    if choice is not None:
        return choice
    op = IncSubtensor if isinstance(node.op, Subtensor) else AdvancedIncSubtensor
    return op(node.op.template, set_)(base, value, *operands)


def _write_through(node: Apply, part: Variable, value: Variable, set_: bool) -> Variable:
    """A part with axes permuted or added: the value goes the way back."""
    assert isinstance(node.op, DimShuffle)
    order, source = node.op.order, node.inputs[0]
    value = _fitted(value, part, set_)
    value = addbroadcast(value, *(i for i, a in enumerate(order) if a == "x"))
    back: list[int | str] = [order.index(a) if a in order else "x" for a in range(source.ndim)]
    return _write(source, dimshuffle(value, tuple(back)), set_)


def _cast_value(base: Variable, value: Variable, set_: bool) -> Variable:
    if is_weak(value):
        _check_weak(base, value, set_)
        return cast(value, base.dtype)
    if promote_dtypes(base.dtype, value.dtype) != base.dtype:
        raise TypeMismatchError(
            f"{name_of_write(set_)}: the value {value!r} is {value.dtype}, the tensor {base!r} {base.dtype}, which "
            f"cannot hold it; cast the value (T.cast(value, {base.dtype!r})) or the tensor"
        )
    return cast(value, base.dtype)


def _check_weak(base: Variable, value: Variable, set_: bool) -> None:
    order = "biufc"
    have, given = (order.index(np.dtype(v.dtype).kind) for v in (base, value))
    if max(have, 2) < given or (have == 0 and given > 0):
        raise TypeMismatchError(
            f"{name_of_write(set_)}: the value {value!r} does not fit the tensor {base}, which is {base.dtype}; "
            f"cast the tensor (x.astype({value.dtype!r})) or the value"
        )


def _fitted(value: Variable, part: Variable, set_: bool) -> Variable:
    if value.ndim > part.ndim:
        raise ValueError(
            f"{name_of_write(set_)}: the value {value!r} has more dimensions than its place {part.type}"
        )
    return pad_axes(value, part.ndim) if value.ndim < part.ndim else value


def take(x: object, indices: object, axis: int | None = None, mode: str = "raise") -> Variable:
    """Elements along `axis` (of the flattened tensor): `mode` 'raise', 'wrap' or 'clip' for those outside.

    The shape of `indices` in the place of `axis`. IndexError, when it runs, for a place that is not there
    (`raise`); ValueError for another `mode`.
    """
    var = as_tensor_variable(x)
    places = as_operand(indices)
    if places.dtype == "bool":
        raise TypeError(f"take: {indices!r} is a boolean mask, not positions; write x[mask], or "
                        "T.compress(mask, x, axis)")
    if axis is None:
        var, axis = flatten(var), 0
    position = normalize_axis(axis, var.ndim, "take")
    if mode == "wrap":
        places = mod(cast(places, "int64"), dim(var, position))
    elif mode == "clip":
        places = clip(cast(places, "int64"), int64(0), dim(var, position) - 1)
    elif mode != "raise":
        raise ValueError(f"take: mode {mode!r} is none of 'raise', 'wrap' and 'clip'")
    if places.ndim <= 1:
        return getitem(var, (slice(None),) * position + (places,))
    picked = getitem(var, (slice(None),) * position + (flatten(places),))
    lengths = dims(var)
    return reshape(picked, [*lengths[:position], *dims(places), *lengths[position + 1 :]])


def compress(condition: object, x: object, axis: int | None = None) -> Variable:
    """Where the vector `condition` is not 0, along `axis` (of the flattened tensor); it may be shorter than that.

    The length of `axis` is known when it runs. IndexError, when it runs, where `condition` is longer than that.
    """
    where = as_tensor_variable(condition)
    if where.ndim != 1:
        raise ValueError(f"compress: the condition has {where.ndim} dimensions, not one; write x[mask] for a mask of "
                         "the shape of x")
    if axis is not None:
        axis = normalize_axis(axis, as_tensor_variable(x).ndim, "compress")
    return take(x, flatnonzero(where), axis)


def extract(condition: object, x: object) -> Variable:
    """The elements of `x`, flattened, where `condition`, flattened, is not 0.

    A vector, in the dtype of `x`, whose length is known when it runs.
    """
    return take(x, flatnonzero(condition))


def nonzero_values(x: object) -> Variable:
    """The elements of `x` that are not 0, flattened.

    A vector, in the dtype of `x`, whose length is known when it runs.
    """
    return extract(x, x)
