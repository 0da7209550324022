"""The ops of indexing: views and picks (`x[i]`, `x[a:b]`, `x[rows]`) and their set and increment forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from scancc.frontend.graph.dims import SameShape, dim, int64
from scancc.frontend.graph.variables import Apply, Op, Run, TensorType, Variable
from scancc.frontend.ops.elementwise import broadcast_shape, check_lengths
from scancc.frontend.ops.index_template import (
    Template,
    arity,
    extent_of_slice,
    length_of_entry,
    length_of_slice,
    numpy_index,
    pieces,
    slice_parts,
    surely_fits,
)
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Subtensor(Op):
    """Inputs (x, *operands): integers drop their axis, slices are NumPy's."""

    template: Template

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, *operands = inputs
        lengths = (
            length_of_entry(entry, values, n, axis)
            for axis, ((entry, values), n) in enumerate(
                zip(pieces(self.template, operands), x.type.shape, strict=True)
            )
        )
        kept = (n for entry, n in zip(self.template, lengths, strict=True) if entry != "i")
        return [TensorType(x.dtype, tuple(kept))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, *operands = inputs
        return [np.asarray(x[numpy_index(self.template, operands)])]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        x, *operands = node.inputs
        parts = pieces(self.template, operands)
        kept = [a for a, entry in enumerate(self.template) if entry != "i"]
        entry, values = parts[kept[axis]]
        assert not isinstance(entry, str)
        return extent_of_slice(dim(x, kept[axis]), *slice_parts(entry, values))

    def length(self, node: Apply, axis: int) -> Variable | None:
        """The length of an axis by formulas, longer ones than those of `extent` too; None for steps other than 1."""
        x, *operands = node.inputs
        kept = [a for a, entry in enumerate(self.template) if entry != "i"]
        entry, values = pieces(self.template, operands)[kept[axis]]
        assert not isinstance(entry, str)
        start, stop, step = slice_parts(entry, values)
        return length_of_slice(dim(x, kept[axis]), start, stop) if step is None else None

    def is_total(self, node: Apply) -> bool:
        """True for slices whose step is known, and for places known to be there."""
        x, *operands = node.inputs
        entries = zip(pieces(self.template, operands), x.type.shape, strict=True)
        return all(surely_fits(entry, values, length) for (entry, values), length in entries)


@dataclass(frozen=True)
class AdvancedSubtensor(Op):
    """Inputs (x, *operands): integer arrays, which broadcast together, and slices.

    The arrays' axes stand where the first array stood if the arrays are neighbours, else in front.
    """

    template: Template

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, *operands = inputs
        parts = pieces(self.template, operands)
        arrays = [values[0] for entry, values in parts if entry == "a"]
        picked = broadcast_shape("index arrays", arrays)
        kept = [
            length_of_entry(entry, values, n, axis)
            for axis, ((entry, values), n) in enumerate(zip(parts, x.type.shape, strict=True))
            if entry != "a"
        ]
        place = self.place
        return [TensorType(x.dtype, (*kept[:place], *picked, *kept[place:]))]

    @property
    def place(self) -> int:
        """How many sliced axes come before the arrays' axes in the result."""
        positions = [a for a, entry in enumerate(self.template) if entry == "a"]
        neighbours = positions[-1] - positions[0] == len(positions) - 1
        return positions[0] if neighbours else 0

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, *operands = inputs
        return [np.asarray(x[numpy_index(self.template, operands)])]

    def executor(self, node: Apply) -> Run:
        check = _array_check(self.template, node.inputs[1:])

        def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            check(inputs[1:])
            return self.perform(inputs)

        return run

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        x, *operands = node.inputs
        parts = pieces(self.template, operands)
        arrays = [values[0] for entry, values in parts if entry == "a"]
        inner = axis - self.place
        if not 0 <= inner < arrays[0].ndim:
            kept = [a for a, entry in enumerate(self.template) if entry != "a"]
            place = kept[axis if inner < 0 else axis - arrays[0].ndim]
            entry, values = parts[place]
            assert not isinstance(entry, str)
            return extent_of_slice(dim(x, place), *slice_parts(entry, values))
        stretched = [v for v in arrays if v.type.shape[inner] != 1]
        return dim(stretched[0], inner) if stretched else int64(1)


def _array_check(template: Template, operands: Sequence[Variable]) -> Callable[[Sequence[np.ndarray]], None]:
    """Index arrays stretch only where their length is known to be 1."""
    flat = [entry for entry in template for _ in range(arity(entry))]
    places = [i for i, entry in enumerate(flat) if entry == "a"]
    stretches = [operands[i].broadcastable for i in places]
    return lambda values: check_lengths("index arrays", [values[i] for i in places], stretches)


def _check_value(what: str, view: TensorType, y: Variable) -> None:
    for axis, (want, have) in enumerate(zip(view.shape, y.type.shape, strict=True)):
        if want is not None and have is not None and have not in (1, want):
            raise ValueError(
                f"{what}: the value {y!r} does not fit the part of shape {view}: axis {axis}"
            )


@dataclass(frozen=True)
class _Write(SameShape, Op):
    """Inputs (x, y, *operands): `x` with `y` put (`set`) or added at the places that `part` of the template reads."""

    part: ClassVar[type[Subtensor | AdvancedSubtensor]]
    template: Template
    set: bool

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, y, *operands = inputs
        (view,) = self.part(self.template).infer(x, *operands)
        _check_value(name_of_write(self.set), view, y)
        return [x.type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, y, *operands = inputs
        result = x.copy()
        index = numpy_index(self.template, operands)
        if self.set:
            result[index] = y
        else:
            self.add_at(result, index, y)
        return [result]

    @staticmethod
    def add_at(result: np.ndarray, index: Any, y: np.ndarray) -> None:
        """Add `y` to the places of `result` at `index`."""
        raise NotImplementedError


@dataclass(frozen=True)
class IncSubtensor(_Write):
    """A write at `Subtensor(template)`."""

    part = Subtensor

    @staticmethod
    def add_at(result: np.ndarray, index: Any, y: np.ndarray) -> None:
        result[index] += y

    def executor(self, node: Apply) -> Run:
        stretches = node.inputs[1].broadcastable

        def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            x, y, *operands = inputs
            _check_fills(self.set, x[numpy_index(self.template, operands)].shape, y, stretches)
            return self.perform(inputs)

        return run


@dataclass(frozen=True)
class AdvancedIncSubtensor(_Write):
    """A write at `AdvancedSubtensor(template)`.

    A place named twice keeps the last value set, and takes both increments.
    """

    part = AdvancedSubtensor

    @staticmethod
    def add_at(result: np.ndarray, index: Any, y: np.ndarray) -> None:
        np.add.at(result, index, y)

    def executor(self, node: Apply) -> Run:
        check = _array_check(self.template, node.inputs[2:])
        stretches = node.inputs[1].broadcastable

        def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            x, y, *operands = inputs
            check(operands)
            _check_fills(self.set, x[numpy_index(self.template, operands)].shape, y, stretches)
            return self.perform(inputs)

        return run


def name_of_write(set_: bool) -> str:
    return "set_subtensor" if set_ else "inc_subtensor"


def _check_fills(set_: bool, want: tuple[int, ...], y: np.ndarray, stretches: tuple[bool, ...]) -> None:
    for axis, (n, have, stretch) in enumerate(zip(want, y.shape, stretches, strict=True)):
        if have != n and not stretch:
            raise ValueError(
                f"{name_of_write(set_)}: a value of shape {y.shape} does not fill a part of shape {want} (axis "
                f"{axis}); lengths must be equal, or known to be 1 when the function is built"
            )
