"""The graph: variables, the ops applied to them, and walks over both.

A graph is a DAG: an `Apply` holds an `Op`, its input variables and its output variables; a
`Variable` knows the `Apply` it comes from (`owner`) or none, when it is an input, a constant or a
shared variable. Ops are immutable and compare by their parameters (`__props__`), so that equal
applications can be merged.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

_PACKAGE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@dataclass(frozen=True)
class Location:
    """A place in the user's program."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def user_location() -> Location | None:
    """The innermost line on the stack that is not scancc's own."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE_DIR):
            return Location(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


@dataclass(frozen=True)
class TensorType:
    """dtype (a NumPy name) and shape; a dimension is an int where known, None where not.

    A dimension known to be 1 may broadcast; an unknown one never does.
    """

    dtype: str
    shape: tuple[int | None, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        return tuple(n == 1 for n in self.shape)

    def __call__(self, name: str | None = None) -> Variable:
        return Variable(self, name=name)

    def __str__(self) -> str:
        dims = ", ".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.dtype}[{dims}]"


_ids = itertools.count()


class Variable:
    """A symbolic tensor. `frontend.operators` adds the arithmetic and indexing operators."""

    __slots__ = ("type", "owner", "index", "name", "location", "id", "__weakref__")

    def __init__(
        self, type: TensorType, owner: Apply | None = None, index: int = 0, name: str | None = None,
        location: Location | None = None,
    ) -> None:
        self.type = type
        self.owner = owner
        self.index = index
        self.name = name
        self.location = location or user_location()
        self.id = next(_ids)  # order of creation: stable for sorting and printing

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        return self.type.broadcastable

    def __repr__(self) -> str:
        return self.name or f"<{type(self).__name__} {self.type}>"

    def __bool__(self) -> bool:
        raise TypeError(
            f"the symbolic variable {self!r} has no truth value before it is computed; use "
            "T.switch(cond, a, b) to choose between values, and T.and_/T.or_/& and | for logic"
        )


class Constant(Variable):
    """A value known when the graph is built. `weak`: a Python number, which takes the dtype of what
    it meets."""

    __slots__ = ("data", "weak")

    def __init__(self, data: np.ndarray, name: str | None = None, weak: bool = False) -> None:
        super().__init__(TensorType(str(data.dtype), tuple(data.shape)), name=name)
        self.data = data
        self.weak = weak

    def __repr__(self) -> str:
        return self.name or str(self.data.tolist() if self.data.size < 8 else self.type)


class Op:
    """What an `Apply` does. Subclasses are frozen dataclasses of their parameters.

    `perform` is the NumPy meaning (the oracle); lowering lives in `frontend/lower.py` and
    derivatives in `frontend/gradient.py`, each registered per op class.
    """

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    def infer(self, *inputs: Variable) -> list[TensorType]:
        """The types of the outputs; raises a user error where the inputs do not fit."""
        raise NotImplementedError(f"{type(self).__name__}.infer")

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        raise NotImplementedError(f"{type(self).__name__}.perform")

    def apply(self, *inputs: Variable) -> list[Variable]:
        """The outputs of this op on `inputs`."""
        return Apply(self, inputs, self.infer(*inputs)).outputs

    def __call__(self, *inputs: Variable) -> Variable:
        """The one output of this op on `inputs`."""
        (output,) = self.apply(*inputs)
        return output


class Apply:
    """One application of an op."""

    __slots__ = ("op", "inputs", "outputs", "location")

    def __init__(self, op: Op, inputs: Sequence[Variable], types: Sequence[TensorType],
                 location: Location | None = None) -> None:
        self.op = op
        self.inputs = list(inputs)
        self.location = location or user_location()
        self.outputs = [Variable(t, self, i, location=self.location) for i, t in enumerate(types)]


def ancestors(outputs: Iterable[Variable], stop: Iterable[Variable] = ()) -> Iterator[Variable]:
    """Every variable that `outputs` depend on, inputs before their users; nothing beyond `stop`."""
    blocked = set(stop)
    seen: set[Variable] = set()
    stack: list[tuple[Variable, bool]] = [(v, False) for v in reversed(list(outputs))]
    while stack:
        var, expanded = stack.pop()
        if expanded:
            yield var
            continue
        if var in seen:
            continue
        seen.add(var)
        stack.append((var, True))
        if var.owner is not None and var not in blocked:
            stack.extend((v, False) for v in reversed(var.owner.inputs) if v not in seen)


def applies(outputs: Iterable[Variable], stop: Iterable[Variable] = ()) -> list[Apply]:
    """The applications that compute `outputs`, in an order that can be run."""
    blocked = set(stop)
    order: dict[Apply, None] = {}
    for var in ancestors(outputs, blocked):
        if var.owner is not None and var not in blocked:
            order.setdefault(var.owner)
    return list(order)


def leaves(outputs: Iterable[Variable], stop: Iterable[Variable] = ()) -> list[Variable]:
    """Inputs, shared variables and constants that `outputs` rest on."""
    blocked = set(stop)
    return [v for v in ancestors(outputs, blocked) if v.owner is None or v in blocked]


def rebuild(outputs: Sequence[Variable], replace: dict[Variable, Variable]) -> list[Variable]:
    """Copies of `outputs` in which each key of `replace` stands as its value.

    Parts that do not depend on a key are shared with the original, not copied.
    """
    memo: dict[Variable, Variable] = dict(replace)
    for var in ancestors(outputs, stop=replace):
        if var in memo:
            continue
        node = var.owner
        if node is None or all(memo[v] is v for v in node.inputs):
            memo[var] = var
            continue
        inputs = [memo[v] for v in node.inputs]
        copy = Apply(node.op, inputs, node.op.infer(*inputs), node.location)
        for old, new in zip(node.outputs, copy.outputs, strict=True):
            new.name = old.name
            memo.setdefault(old, new)
    return [memo[v] for v in outputs]
