"""A program as a function of torch tensors, with its gradient: what autograd calls is native code.

    forward    outputs of the program, over the tensors' own memory
    backward   Lop(outputs, inputs, gradients of outputs), compiled at the first backward pass
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from scancc.bridges.pullbacks import Pullback
from scancc.frontend.graph.variables import Variable

__all__ = ["function"]


def __dir__() -> list[str]:
    return __all__


def function(inputs: Sequence[Variable], outputs: Variable | Sequence[Variable], name: str | None = None,
             **options: Any) -> Callable[..., Any]:
    """A function of tensors on the CPU that gives tensors, and a gradient for each input of floats.

    `outputs`: one, or a list for a tuple of tensors; `options` are those of `sc.function`. A second derivative is a
    program's own (`sc.grad` of `sc.grad`): torch does not differentiate the gradient again.

    >>> import torch
    >>> from scancc.bridges import torch as bridge
    >>> x = T.dvector("x")
    >>> squares = bridge.function([x], T.sum(x**2))
    >>> tensor = torch.tensor([1., 2.], dtype=torch.float64, requires_grad=True)
    >>> squares(tensor).backward()
    >>> tensor.grad
    tensor([2., 4.], dtype=torch.float64)
    """
    bridge = Pullback(inputs, outputs, name, options)

    def call(*tensors: Any) -> Any:
        results = _Call.apply(bridge, *tensors)
        return results if bridge.several else results[0]

    call.__name__ = call.__qualname__ = name or "function"
    return call


class _Call(torch.autograd.Function):
    """One call, as autograd keeps it."""

    @staticmethod
    def forward(ctx: Any, bridge: Pullback, *tensors: Any) -> Any:
        ctx.bridge = bridge
        ctx.save_for_backward(*(t for t in tensors if isinstance(t, torch.Tensor)))
        ctx.values = [None if isinstance(t, torch.Tensor) else t for t in tensors]
        results = tuple(map(torch.from_numpy, bridge.forward(*(_detached(t) for t in tensors))))
        ctx.mark_non_differentiable(*(r for r, there in zip(results, bridge.weighed, strict=True) if not there))
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        bridge, saved = ctx.bridge, iter(ctx.saved_tensors)
        values = [next(saved).detach() if v is None else v for v in ctx.values]
        weights = [g.contiguous() for g, there in zip(gradients, bridge.weighed, strict=True) if there]
        found = iter(bridge.backward(*values, *weights))
        return None, *(torch.from_numpy(next(found)) if there else None for there in bridge.moved)


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value
