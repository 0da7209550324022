"""The older systems' module tree, as far as programs use it: `gof`, `sandbox`, `typed_list`, `_asarray`.

The names lead to what lives elsewhere; nothing here has a meaning of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from scancc import errors
from scancc.frontend import random
from scancc.frontend.graph.variables import Variable, ancestors, dtype_name, leaves

__all__ = ["ancestors", "asarray", "gof", "sandbox", "typed_list"]


def asarray(value: Any, dtype: Any, order: Any = None) -> np.ndarray:
    """`numpy.asarray`, with `dtype` required; 'floatX' is the configured one."""
    return np.asarray(value, dtype=dtype_name(dtype), order=order)


def inputs(variables: Iterable[Variable], blockers: Iterable[Variable] | None = None) -> list[Variable]:
    """Everything that `variables` are computed from and that is not computed itself, constants included."""
    return leaves(variables, stop=tuple(blockers or ()))


class _TypedLists:
    """Lists of tensors are not part of scancc; asking for them says what to use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise errors.UnsupportedError(
            f"typed_list.{name}: scancc has no lists of tensors of different lengths. "
            "Pass one padded array with a vector of lengths, or concatenate and pass the offsets"
        )


gof = SimpleNamespace(
    fg=SimpleNamespace(MissingInputError=errors.MissingInputError),
    graph=SimpleNamespace(Variable=Variable, inputs=inputs),
    MissingInputError=errors.MissingInputError,
    Variable=Variable,
)
sandbox = SimpleNamespace(rng_mrg=random)
typed_list = _TypedLists()
