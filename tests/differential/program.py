"""A program as Python text, with the sizes at which it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import scancc as sc
import scancc.tensor as T

Shape = tuple["int | str", ...]  # a text names a size


@dataclass(frozen=True)
class Argument:
    """How an input or shared variable is made: values of `dtype`; a count is drawn from 0 to 9."""

    name: str
    dtype: str
    shape: Shape
    count: bool = False

    def value(self, sizes: Mapping[str, int], seed: int) -> np.ndarray:
        """Random numbers that depend on the name, the sizes and `seed` only."""
        shape = tuple(n if isinstance(n, int) else sizes[n] for n in self.shape)
        if self.count or self.name in sizes:
            return np.asarray(sizes[self.name], self.dtype)
        rng = np.random.default_rng([seed, *map(ord, self.name)])
        return random_array(rng, self.dtype, shape)


def random_array(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(shape) < 0.6)
    if kind in "iu":
        return np.asarray(rng.integers(-9 if kind == "i" else 0, 10, shape), dtype)
    if kind == "c":
        return np.asarray(rng.uniform(-2, 2, shape) + 1j * rng.uniform(-2, 2, shape), dtype)
    return np.asarray(rng.uniform(-2, 2, shape), dtype)


class Mismatch(AssertionError):
    """Two roads of one program that do not agree."""


class _Checkpointing:
    """The package, whose scans have checkpoints."""

    def __init__(self, checkpoints: int | str) -> None:
        self.scan = partial(sc.scan, checkpoints=checkpoints)

    def __getattr__(self, name: str) -> Any:
        return getattr(sc, name)


@dataclass
class Built:
    """What the text makes when it is run."""

    inputs: list[Any]
    outputs: list[Any]
    updates: Any
    shared: list[Any]


@dataclass
class Program:
    """`text` defines `program(*inputs, *shared)`, which gives outputs and updates."""

    text: str
    inputs: list[Argument]
    shared: list[Argument] = field(default_factory=list)
    calls: list[dict[str, int]] = field(default_factory=list)
    seed: int = 0
    smooth: bool = False  # no rounding, no choice by comparison: differentiable
    gradients: int = 0  # the derivatives of this order are compared, not the outputs

    def build(self, checkpoints: int | str | None = None) -> Built:
        """The graph, anew; all its scans with these checkpoints."""
        scope: dict[str, Any] = {"np": np, "sc": sc if checkpoints is None else _Checkpointing(checkpoints), "T": T}
        exec(compile(self.text, "<random program>", "exec"), scope)
        inputs = [_variable(a) for a in self.inputs]
        first = self.calls[0]
        shared = [sc.shared(a.value(first, self.seed), name=a.name) for a in self.shared]
        outputs, updates = scope["program"](*inputs, *shared)
        return Built(inputs, outputs, updates, shared)

    def arguments(self, sizes: Mapping[str, int]) -> list[np.ndarray]:
        return [a.value(sizes, self.seed) for a in self.inputs]

    def __str__(self) -> str:
        """A file that repeats it."""
        return _REPRO.format(text=self.text, inputs=_listing(self.inputs), shared=_listing(self.shared),
                             calls=self.calls, seed=self.seed, smooth=self.smooth, gradients=self.gradients)


def _variable(argument: Argument) -> Any:
    shape = tuple(n if isinstance(n, int) else None for n in argument.shape)
    return T.TensorType(argument.dtype, shape)(argument.name)


def _listing(arguments: list[Argument]) -> str:
    return "[" + "".join(f"\n    {a!r}," for a in arguments) + ("\n]" if arguments else "]")


_REPRO = '''\
from tests.differential.compare import check
from tests.differential.program import Argument, Program

TEXT = """
{text}"""
INPUTS = {inputs}
SHARED = {shared}
CALLS = {calls}

check(Program(TEXT, INPUTS, SHARED, CALLS, seed={seed}, smooth={smooth}, gradients={gradients}))
'''
