"""A program with its gradient, as the bridges to systems of automatic differentiation call it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from scancc.compile import Function
from scancc.compile import function as compiled
from scancc.frontend.gradients import Lop
from scancc.frontend.graph.constants import as_tensor_variable, kind
from scancc.frontend.graph.variables import Variable


class Pullback:
    """A program, its code (`forward`), and that of its gradient once it is asked for.

    `several`: the outputs were given as a list. `moved`, `weighed`: which inputs and outputs are floats, and so have
    gradients.
    """

    def __init__(self, inputs: Sequence[Variable], outputs: Any, name: str | None, options: dict[str, Any]) -> None:
        self.several = isinstance(outputs, list | tuple)
        self.inputs = list(inputs)
        self.outputs = [as_tensor_variable(v) for v in (outputs if self.several else [outputs])]
        self.options = options
        self.forward = compiled(self.inputs, self.outputs, name=name, **options)
        self.moved = [kind(v.dtype) == "f" for v in self.inputs]
        self.weighed = [kind(v.dtype) == "f" for v in self.outputs]

    @cached_property
    def backward(self) -> Function:
        """Of the inputs and a gradient for each output of floats: the gradients of inputs of floats."""
        outputs = [v for v, there in zip(self.outputs, self.weighed, strict=True) if there]
        wrt = [v for v, there in zip(self.inputs, self.moved, strict=True) if there]
        weights = [v.type() for v in outputs]
        gradients = Lop(outputs, wrt, weights, disconnected_inputs="ignore")
        return compiled([*self.inputs, *weights], list(gradients), on_unused_input="ignore", **self.options)
