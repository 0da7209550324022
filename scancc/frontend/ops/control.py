"""Ops about running rather than computing: run-time checks, lazy choice, stops for gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar, overload

import numpy as np

from scancc.errors import TypeMismatchError
from scancc.frontend.graph.constants import as_operand, result_dtype
from scancc.frontend.graph.dims import SameShape, dim, same_scalar
from scancc.frontend.graph.options import name_of
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.values_asked import warn_of_python_truth
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable, ancestors, rebuild
from scancc.frontend.ops.elementwise import cast
from scancc.late_dataclasses import dataclass
from scancc.printed import show

T = TypeVar("T")


@dataclass(frozen=True)
class Check(SameShape, Op):
    """`value` as it is, but `error` where `condition` is false: inputs (value, condition, *numbers).

    `message` is a format string for the numbers. A check is done before any output is written.
    """

    error: type[Exception]
    message: str

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        value, condition, *numbers = inputs
        if condition.ndim != 0 or any(n.ndim != 0 for n in numbers):
            raise TypeError("a check takes a scalar condition and scalar numbers for its message")
        return [value.type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        value, condition, *numbers = inputs
        if not condition:
            raise self.error(self.message.format(*(n.item() for n in numbers)))
        return [value]


def check(error: type[Exception], message: str, value: Variable, condition: object,
          *numbers: object) -> Variable:
    """`value`; raises `error` at run time where `condition` is false, with the numbers in its message."""
    test = cast(condition, "bool")
    checked = Check(error, message)(value, test, *(_number(n) for n in numbers))
    checked.name = value.name
    return checked


def unchecked(lengths: Sequence[Variable]) -> list[Variable]:
    """Lengths without the checks they carry, for where what is checked is not computed."""
    checked = {v: v.owner.inputs[0] for v in ancestors(lengths)
               if v.owner is not None and isinstance(v.owner.op, Check)}
    for _ in checked:  # a value may hold further checks
        lengths = rebuild(lengths, checked)
    return list(lengths)


def _number(value: object) -> Variable:
    var = as_operand(value)
    return cast(var, var.dtype)


@dataclass(frozen=True)
class Detach(SameShape, Op):
    """Its input; gradients do not pass."""

    is_cheap = True

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [inputs[0]]

    def is_total(self, node: Apply) -> bool:
        return True


def detach(x: object) -> Variable:
    """`x`, which counts as a constant for gradients."""
    return Detach()(cast(as_operand(x), as_operand(x).dtype))


@dataclass(frozen=True)
class Draw(Op):
    """A stream's next state and a value drawn at random, its first two inputs, as they are.

    By the other inputs, parameters of the distribution, the value has no derivative: whole numbers move
    in jumps, and what a rejection method gives is not smooth in its parameters, so that a derivative of
    0 would be wrong for the distribution.
    """

    distribution: str

    is_cheap = True

    @property
    def name(self) -> str:
        return self.distribution

    def infer(self, *inputs: Variable) -> list[TensorType]:
        return [StreamType(), inputs[1].type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(inputs[:2])

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return dim(node.inputs[output], axis)

    def is_total(self, node: Apply) -> bool:
        return True


@dataclass(frozen=True)
class GradientFilter(SameShape, Op):
    """Its input; the gradient passes through the filter `kind` ('zero', 'clip', 'scale') with `limits`."""

    kind: str
    limits: tuple[float, ...] = ()

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [inputs[0]]

    def is_total(self, node: Apply) -> bool:
        return True


@dataclass(frozen=True)
class Show(SameShape, Op):
    """Its input, printed: by the NumPy interpreter each time it is computed, by native code when a call is done."""

    text: str
    attributes: tuple[str, ...]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        show(self.text, self.attributes, inputs[0])
        return [inputs[0]]

    def is_total(self, node: Apply) -> bool:
        return True


class IfElseInputs(NamedTuple, Generic[T]):
    """What a choice reads: the condition, the values to choose from, and what is computed in any case."""

    condition: T
    then: list[T]
    otherwise: list[T]
    held: list[T]


@dataclass(frozen=True)
class IfElse(Op):
    """`n` values if the condition is not 0, else `n` others: inputs (condition, *then, *otherwise, *held).

    Only the chosen side is computed, as far as nothing else needs the other one. What is held is computed
    in any case.
    """

    n: int

    def inputs_of(self, flat: Sequence[T]) -> IfElseInputs[T]:
        """The inputs of an application, in their groups."""
        condition, *values = flat
        return IfElseInputs(condition, values[:self.n], values[self.n:2 * self.n], values[2 * self.n:])

    def infer(self, *inputs: Variable) -> list[TensorType]:
        condition, then, otherwise, _ = self.inputs_of(inputs)
        if condition.ndim != 0:
            raise TypeError(f"ifelse takes a scalar condition, not {condition!r}")
        return [_either(a, b) for a, b in zip(then, otherwise, strict=True)]

    def always(self, n_inputs: int) -> list[int]:
        """The positions of the inputs that are needed whatever the condition is."""
        condition, _, _, held = self.inputs_of(range(n_inputs))
        return [condition, *held]

    def demands(self, condition: object) -> list[int]:
        """The positions of the inputs that are needed once the condition is known."""
        _, then, otherwise, _ = self.inputs_of(range(1 + 2 * self.n))
        return then if condition else otherwise

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [inputs[i] for i in self.demands(inputs[0])]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        """The length that both sides have by the way they are written."""
        inputs = self.inputs_of(node.inputs)
        then, otherwise = (dim(side[output], axis) for side in (inputs.then, inputs.otherwise))
        return then if same_scalar(then, otherwise) else None

    def is_total(self, node: Apply) -> bool:
        return True


def _either(a: Variable, b: Variable) -> TensorType:
    if a.dtype != b.dtype or a.ndim != b.ndim:
        raise TypeMismatchError(
            f"ifelse: the values to choose from are {a!r} and {b!r}; "
            "both must have the same dtype and number of dimensions"
        )
    shape = tuple(m if m == n else None for m, n in zip(a.type.shape, b.type.shape, strict=True))
    return TensorType(a.dtype, shape)


@overload
def ifelse(  # type: ignore[overload-overlap]
    condition: object, then_branch: Sequence[Any], else_branch: Sequence[Any], name: str | None = None,
) -> list[Variable]: ...
@overload
def ifelse(condition: object, then_branch: object, else_branch: object, name: str | None = None) -> Variable: ...
def ifelse(condition: object, then_branch: object, else_branch: object,
           name: str | None = None) -> Variable | list[Variable]:
    """`then_branch` where `condition` is not 0, else `else_branch`: single values or lists of values.

    Unlike `T.switch`, the condition is a scalar and the branch not chosen is not computed.
    """
    warn_of_python_truth("ifelse", condition)
    test = as_operand(condition)
    if test.ndim:
        raise TypeError(f"ifelse takes a scalar condition, not {test!r}; reduce it by T.any or T.all, or "
                        "choose for each element: T.switch(condition, a, b)")
    several = isinstance(then_branch, (list, tuple))
    then = list(then_branch) if isinstance(then_branch, (list, tuple)) else [then_branch]
    otherwise = list(else_branch) if isinstance(else_branch, (list, tuple)) else [else_branch]
    if len(then) != len(otherwise):
        raise ValueError(f"ifelse: {len(then)} values in one branch and {len(otherwise)} in the other")
    pairs = [_meeting(a, b) for a, b in zip(then, otherwise, strict=True)]
    values = [a for a, _ in pairs] + [b for _, b in pairs]
    outputs = IfElse(len(pairs)).apply(cast(test, "bool"), *values)
    for output in outputs:
        output.name = name_of("an ifelse", name)
    return outputs if several else outputs[0]


setattr(ifelse, "ifelse", ifelse)  # noqa: B010 - `theano.ifelse.ifelse`: it was a module


def _meeting(a: object, b: object) -> tuple[Variable, Variable]:
    if any(callable(side) and not isinstance(side, Variable) for side in (a, b)):
        raise TypeError("ifelse: a branch is a Python function; give the variable that it gives, which is computed "
                        "only where the branch is chosen")
    x, y = as_operand(a), as_operand(b)
    dtype = result_dtype([x, y])
    return cast(x, dtype), cast(y, dtype)
