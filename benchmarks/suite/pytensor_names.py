"""PyTensor under the names that scancc shares with it, so that both run one text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np


class Names:
    """`scan`, `until`, `function`, `grad` of PyTensor, called as scancc's are."""

    def __init__(self, pytensor: Any) -> None:
        from pytensor.scan.utils import until

        self.pytensor, self.until = pytensor, until
        self.function, self.grad, self.gradient = pytensor.function, pytensor.grad, pytensor.gradient

    def scan(self, *args: Any, **kwargs: Any) -> Any:
        """Outputs and no updates: PyTensor is about to drop the second."""
        return self.pytensor.scan(*args, return_updates=False, **kwargs), {}

    def map(self, *args: Any, **kwargs: Any) -> Any:
        return self.pytensor.map(*args, return_updates=False, **kwargs), {}


class TensorNames:
    """`pytensor.tensor`, whose constants of Python floats are of floatX, as scancc's are."""

    def __init__(self, pytensor: Any) -> None:
        self.pytensor = pytensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pytensor.tensor, name)

    @property
    def nlinalg(self) -> Any:
        linalg = self.pytensor.tensor.linalg
        return SimpleNamespace(matrix_inverse=linalg.inv, det=linalg.det)

    def constant(self, value: Any) -> Any:
        if isinstance(value, float):
            value = np.asarray(value, self.pytensor.config.floatX)
        return self.pytensor.tensor.constant(value)
