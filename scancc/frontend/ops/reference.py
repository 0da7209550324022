"""The NumPy interpreter of a graph: the oracle (`mode="reference"`).

The order of the applications is found once, when an `Evaluator` is made; a call runs them one by one.
Where a graph holds a lazy choice, values are computed on demand instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scancc.errors import MissingInputError
from scancc.frontend.graph.options import unmasked
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.variables import Apply, Constant, Run, Variable, applies, leaves
from scancc.frontend.ops.control import Check, IfElse
from scancc.late_dataclasses import dataclass


@dataclass
class _Step:
    """One application: where its inputs and outputs stand in the list of values."""

    run: Run
    node: Apply
    inputs: list[int]
    outputs: list[int]

    def __call__(self, values: list[np.ndarray | None]) -> None:
        arguments: list[np.ndarray] = [values[i] for i in self.inputs]  # type: ignore[misc]
        try:
            results = self.run(arguments)
        except Exception as error:
            _say_where(error, self.node)
            raise
        for place, var, result in zip(self.outputs, self.node.outputs, results, strict=True):
            values[place] = np.asarray(result, dtype=var.dtype)


def _say_where(error: Exception, node: Apply) -> None:
    """Note the op and the user's line, once: nested evaluations pass the error on."""
    if not getattr(error, "__notes__", None):
        inputs = ", ".join(v.name or (str(v) if isinstance(v, Constant) else str(v.type)) for v in node.inputs)
        what = "" if isinstance(node.op, Check) else f"in {node.op.name} of {inputs}, "  # a check's text says it all
        error.add_note(f"{what}written at {node.location}")


class Evaluator:
    """`outputs` as a function of the values of `inputs` (which may be any variables of the graph).

    Shared variables that are not inputs have the value they hold at the call. Results may be views of
    the given arrays or of each other; the caller copies what is to outlive them.
    """

    def __init__(self, outputs: Sequence[Variable], inputs: Sequence[Variable] = ()) -> None:
        self._places: dict[Variable, int] = {}
        self._n_inputs = len(inputs)
        for var in inputs:
            self._places[var] = len(self._places)
        if len(self._places) != len(inputs):
            raise ValueError("an input is listed twice")
        self._constants: list[tuple[int, np.ndarray]] = []
        self._shared: list[tuple[int, SharedVariable]] = []
        for leaf in leaves(outputs, stop=inputs):
            self._add_leaf(leaf)
        self._steps = [self._step(node) for node in applies(outputs, stop=inputs)]
        self._outputs = [self._places[v] for v in outputs]
        self._lazy = any(isinstance(step.node.op, IfElse) for step in self._steps)
        self._maker = {place: step for step in self._steps for place in step.outputs} if self._lazy else {}

    def _add_leaf(self, leaf: Variable) -> None:
        if leaf in self._places:
            return
        place = self._places.setdefault(leaf, len(self._places))
        if isinstance(leaf, Constant):
            self._constants.append((place, leaf.data))
        elif isinstance(leaf, SharedVariable):
            self._shared.append((place, leaf))
        else:
            raise MissingInputError(f"{leaf!r} (from {leaf.location}) is needed but not given")

    def _step(self, node: Apply) -> _Step:
        inputs = [self._places[v] for v in node.inputs]
        outputs = [self._output_place(v) for v in node.outputs]
        return _Step(node.op.executor(node), node, inputs, outputs)

    def _output_place(self, var: Variable) -> int:
        """A new place; a computed variable that is also an input keeps the given value."""
        if var in self._places:
            self._places[object()] = len(self._places)  # type: ignore[index]
            return len(self._places) - 1
        return self._places.setdefault(var, len(self._places))

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        if len(values) != self._n_inputs:
            raise TypeError(f"{len(values)} values are given for {self._n_inputs} inputs")
        held: list[np.ndarray | None] = [*values, *[None] * (len(self._places) - len(values))]
        for place, data in self._constants:
            held[place] = data
        for place, shared in self._shared:
            held[place] = shared.get_value(borrow=True)
        if self._lazy:
            self._run_on_demand(held)
        else:
            for step in self._steps:
                step(held)
        return [held[place] for place in self._outputs]  # type: ignore[misc]

    def _run_on_demand(self, held: list[np.ndarray | None]) -> None:
        stack = list(reversed(self._outputs))
        while stack:
            place = stack[-1]
            if held[place] is not None:
                stack.pop()
                continue
            step = self._maker[place]
            wanted = [i for i in self._wanted(step, held) if held[i] is None]
            if wanted:
                stack.extend(reversed(wanted))
            else:
                step(held)

    def _wanted(self, step: _Step, held: list[np.ndarray | None]) -> list[int]:
        op = step.node.op
        if not isinstance(op, IfElse):
            return step.inputs
        always = op.always(len(step.inputs))
        condition = held[step.inputs[0]]
        return [step.inputs[i] for i in (always if condition is None else op.demands(condition))]


def compile_graph(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Evaluator:
    """`outputs` as a function of a list of arrays for `inputs`."""
    return Evaluator(outputs, inputs)


def evaluate(outputs: Sequence[Variable],
             givens: Mapping[Variable, object] | None = None) -> list[np.ndarray]:
    """The values of `outputs` where the variables in `givens` have these values; fresh arrays."""
    given = dict(givens or {})
    values = [np.asarray(unmasked(f"the value of {var}", value), dtype=var.dtype) for var, value in given.items()]
    return [np.array(result) for result in Evaluator(outputs, list(given))(values)]
