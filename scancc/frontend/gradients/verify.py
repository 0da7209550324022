"""`verify_grad`: a gradient against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scancc.frontend.gradients.backward import grad
from scancc.frontend.graph.constants import is_discrete
from scancc.frontend.graph.options import unmasked, whole
from scancc.frontend.graph.variables import TensorType, Variable
from scancc.frontend.ops.reduction import sum as sum_
from scancc.frontend.ops.reference import Evaluator
from scancc.late_dataclasses import dataclass

_STEP = {"float16": 1e-1, "float32": 3e-4, "float64": 1e-7}
_TOLERANCE = {"float16": 5e-2, "float32": 1e-2, "float64": 1e-4}


@dataclass(frozen=True)
class Difference:
    """Where a gradient is farthest from the finite difference."""

    argument: int
    position: tuple[int, ...]
    found: float
    expected: float
    absolute: float
    relative: float


class GradientError(Exception):
    """A gradient that finite differences do not confirm."""

    def __init__(self, worst: Difference, abs_tol: float, rel_tol: float) -> None:
        super().__init__(
            f"the gradient of argument {worst.argument} at {worst.position} is {worst.found!r}, and finite "
            f"differences give {worst.expected!r}: off by {worst.absolute:.3g} ({worst.relative:.3g} relative), "
            f"where {abs_tol:g} or {rel_tol:g} relative is allowed. Check the function's derivative, or move "
            "the point away from a kink"
        )
        self.worst = worst


def verify_grad(
    fun: Callable[..., Any], pt: Sequence[Any], n_tests: int = 2, rng: Any = None, eps: float | None = None,
    out_type: str | None = None, abs_tol: float | None = None, rel_tol: float | None = None,
    mode: Any = None, cast_to_output_type: bool = False, no_debug_ref: bool = True,
) -> None:
    """Check the gradient of `fun` at the arrays `pt` in `n_tests` random directions of its output.

    `fun` takes symbolic variables and returns one. `GradientError` where a gradient is off by more than
    `abs_tol` and by more than `rel_tol` of its size. `mode` has no effect: the check runs in NumPy.

    >>> sc.verify_grad(lambda x: T.sum(T.exp(x)), [np.array([0.1, 0.2])])
    """
    if not isinstance(pt, list | tuple):
        raise TypeError(f"verify_grad: pt is {pt!r}; give a list of arrays, one for each argument of the function")
    whole("verify_grad: n_tests", n_tests, at_least=1)
    if eps is not None and not eps > 0:
        raise ValueError(f"verify_grad: eps is {eps}; a step of finite differences is above 0")
    points = [np.array(unmasked("verify_grad: a point", p)) for p in pt]
    for p in points:
        if p.dtype.name not in _STEP:
            raise TypeError(
                f"verify_grad: a point has dtype {p.dtype}; finite differences need floats, so close over the "
                "integers that the function takes"
            )
    narrowest = max((p.dtype.name for p in points), key=lambda name: _STEP[name])
    checker = _Checker(
        fun, points, _STEP[narrowest] if eps is None else eps,
        *(_TOLERANCE[narrowest] if tolerance is None else tolerance for tolerance in (abs_tol, rel_tol)),
    )
    generator = rng or np.random.default_rng(12345)
    if not hasattr(generator, "uniform"):
        raise TypeError(f"verify_grad: rng is {rng!r}; give a generator of NumPy, np.random.default_rng(seed)")
    for _ in range(n_tests):
        checker.check(generator)


verify_grad.E_grad = GradientError  # type: ignore[attr-defined]


class _Checker:
    """The cost `sum(weights * fun(...))` and its gradients, ready to run."""

    def __init__(
        self, fun: Callable[..., Any], points: list[np.ndarray], eps: float, abs_tol: float, rel_tol: float
    ) -> None:
        self.points, self.eps, self.abs_tol, self.rel_tol = points, eps, abs_tol, rel_tol
        variables = [
            TensorType(p.dtype.name, tuple(1 if n == 1 else None for n in p.shape))(f"input {i}")
            for i, p in enumerate(points)
        ]
        output = fun(*variables)
        if not isinstance(output, Variable) or is_discrete(output.dtype):
            raise TypeError(
                f"verify_grad: the function returned {output!r}; it returns one symbolic variable of floats"
            )
        weights = output.type("weights")
        cost = sum_(weights * output)
        self.output = Evaluator([output], variables)
        self.cost = Evaluator([cost], [*variables, weights])
        gradients = grad(cost, variables, disconnected_inputs="ignore")
        self.gradients = Evaluator(gradients, [*variables, weights])

    def check(self, rng: Any) -> None:
        (value,) = self.output(self.points)
        weights = np.asarray(rng.uniform(0.5, 1.5, size=value.shape) if value.shape else rng.uniform(0.5, 1.5))
        weights = weights.astype(value.dtype)
        found = self.gradients([*self.points, weights])
        expected = [self._difference(i, weights) for i in range(len(self.points))]
        worst = max(
            (d for i, pair in enumerate(zip(found, expected, strict=True)) for d in _differences(i, *pair)),
            key=lambda d: min(d.absolute / self.abs_tol, d.relative / self.rel_tol), default=None,
        )
        # `not <=`: NaN is a difference
        if worst is not None and not min(worst.absolute / self.abs_tol, worst.relative / self.rel_tol) <= 1:
            raise GradientError(worst, self.abs_tol, self.rel_tol)

    def _difference(self, i: int, weights: np.ndarray) -> np.ndarray:
        """The derivative by argument i, each element moved both ways."""
        point = self.points[i]
        result = np.empty(point.shape)
        for position in np.ndindex(point.shape):
            ends = [self._moved(i, position, step, weights) for step in (self.eps, -self.eps)]
            result[position] = (ends[0] - ends[1]) / (2 * self.eps)
        return result

    def _moved(self, i: int, position: tuple[int, ...], step: float, weights: np.ndarray) -> float:
        points = list(self.points)
        points[i] = points[i].copy()
        points[i][position] += step
        return float(self.cost([*points, weights])[0])


def _differences(argument: int, found: np.ndarray, expected: np.ndarray) -> list[Difference]:
    result = []
    for position in np.ndindex(found.shape):
        a, b = float(found[position]), float(expected[position])
        absolute = abs(a - b) if a == a and b == b else float("inf")
        size = max(abs(a), abs(b), 1e-8)
        relative = absolute / size if absolute < float("inf") else absolute
        result.append(Difference(argument, position, a, b, absolute, relative))
    return result
