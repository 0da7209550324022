"""A program as a function of JAX arrays, with its gradient, also within `jit`: a callback of native code.

    call       jax.pure_callback of the program, of the shapes that its graph tells from those of the arguments
    gradient   a custom_vjp: Lop(outputs, inputs, gradients of outputs), compiled at the first gradient
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from scancc.bridges.pullbacks import Pullback
from scancc.compile import Function
from scancc.compile import function as compiled
from scancc.errors import UnsupportedError
from scancc.frontend.graph.variables import Variable

__all__ = ["function"]


def __dir__() -> list[str]:
    return __all__


def function(inputs: Sequence[Variable], outputs: Variable | Sequence[Variable], name: str | None = None,
             **options: Any) -> Callable[..., Any]:
    """A function of arrays that gives arrays, one or a list as `outputs` are; `options` are those of `sc.function`.

    It may stand in `jax.jit`, `jax.grad` and (row by row) `jax.vmap`. UnsupportedError where a length of a result
    depends on values, as by `until` or by a number of steps that is an input; where the program is of 64 bits and
    JAX is not.

    >>> import jax
    >>> from scancc.bridges import jax as bridge
    >>> jax.config.update("jax_enable_x64", True)
    >>> x = T.dvector("x")
    >>> squares = bridge.function([x], T.sum(x**2))
    >>> jax.jit(jax.grad(squares))(np.array([1., 2.])).tolist()
    [2.0, 4.0]
    """
    bridge = _Bridge(inputs, outputs, name, options)

    call: Any = jax.custom_vjp(lambda *arrays: bridge.call(arrays))
    call.defvjp(lambda *arrays: (bridge.call(arrays), arrays), bridge.pull_back)
    return call  # type: ignore[no-any-return]


class _Bridge(Pullback):
    """A program with its gradient, and the code of its shapes."""

    def __init__(self, inputs: Sequence[Variable], outputs: Any, name: str | None, options: dict[str, Any]) -> None:
        super().__init__(inputs, outputs, name, options)
        shapes = [v.shape for v in self.outputs]
        self.shapes = compiled(self.inputs, shapes, mode="reference", on_unused_input="ignore")

    def call(self, arrays: Sequence[Any]) -> Any:
        results = jax.pure_callback(_given(self.forward), self._results(arrays), *arrays, vmap_method="sequential")
        return list(results) if self.several else results[0]

    def pull_back(self, arrays: Sequence[Any], gradients: Any) -> tuple[Any, ...]:
        """The gradients of inputs; those of integers have JAX's type for nothing."""
        given = gradients if self.several else [gradients]
        weights = [g for g, there in zip(given, self.weighed, strict=True) if there]
        types = [jax.ShapeDtypeStruct(np.shape(a), v.dtype)
                 for a, v, there in zip(arrays, self.inputs, self.moved, strict=True) if there]
        found = iter(jax.pure_callback(_given(self.backward), types, *arrays, *weights, vmap_method="sequential"))
        return tuple(next(found) if there else np.zeros(np.shape(a), jax.dtypes.float0)
                     for a, there in zip(arrays, self.moved, strict=True))

    def _results(self, arrays: Sequence[Any]) -> list[Any]:
        """Shapes and dtypes of the results, told from the shapes of the arguments alone."""
        wide = [v for v in self.outputs if v.dtype in ("float64", "int64", "uint64", "complex128")]
        if wide and not jax.config.jax_enable_x64:
            raise UnsupportedError(f"the program gives {wide[0].type}, and JAX is of 32 bits: make it of float32, or "
                                   "set jax.config.update('jax_enable_x64', True)")
        first, second = (self.shapes(*(np.full(np.shape(a), number, v.dtype)
                                       for a, v in zip(arrays, self.inputs, strict=True))) for number in (0, 1))
        if any(a.tolist() != b.tolist() for a, b in zip(first, second, strict=True)):
            raise UnsupportedError("a length of a result depends on values of the arguments, and JAX asks for it "
                                   "before they are there; make the number of steps a constant, and give no until")
        return [jax.ShapeDtypeStruct(tuple(shape.tolist()), v.dtype)
                for shape, v in zip(first, self.outputs, strict=True)]


def _given(f: Function) -> Callable[..., Any]:
    """What JAX calls back: arrays that are its own afterwards."""
    return lambda *arrays: [np.asarray(v) for v in f(*arrays)]
