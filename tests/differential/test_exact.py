"""Random arithmetic with `fast_math=False`: native code gives the reference's bits, on the numbers at which
rewritings go wrong (docs/floating_point.md)."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

FLOATS = ("float64", "float32", "float16")
INTEGERS = ("int64", "int32", "int8", "uint8", "uint32")
N_ROWS, N_OPS = 24, 9

FLOAT_OPS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    # + 0.0: which of two zeros NumPy takes depends on its version and the processor.
    "minimum": lambda x, y: T.minimum(x, y) + 0.0, "maximum": lambda x, y: T.maximum(x, y) + 0.0,
    "switch": lambda x, y: T.switch(x < y, x, y), "neg": lambda x, y: -x, "abs": lambda x, y: abs(x),
    "sqrt": lambda x, y: T.sqrt(x), "sqr": lambda x, y: x * x,
    "floor": lambda x, y: T.floor(x), "ceil": lambda x, y: T.ceil(x), "trunc": lambda x, y: T.trunc(x),
    "round": lambda x, y: T.round(x), "less": lambda x, y: (x <= y).astype(x.dtype), "inv": lambda x, y: 1 / x,
    "equal": lambda x, y: T.eq(x, y).astype(x.dtype), "isnan": lambda x, y: T.switch(T.isnan(x), y, x),
    "same": lambda x, y: x - x, "none": lambda x, y: x * 0.0, "plus zero": lambda x, y: x + 0.0,
    "minus zero": lambda x, y: x - 0.0, "halved": lambda x, y: x / 2.0, "third": lambda x, y: x / 3.0,
    "from zero": lambda x, y: 0.0 - x, "twice": lambda x, y: 2.0 * x, "two products": lambda x, y: x * y - y * x,
    "fused": lambda x, y: x * y + x, "power": lambda x, y: x**2, "self division": lambda x, y: x / x,
    "clip": lambda x, y: T.clip(x, -1.5, 2.5), "sign": lambda x, y: T.sgn(x),
}  # fmt: skip
INTEGER_OPS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "floor_div": operator.floordiv,
    "mod": operator.mod, "and": operator.and_, "or": operator.or_, "xor": operator.xor, "minimum": T.minimum,
    "maximum": T.maximum, "neg": lambda x, y: -x, "abs": lambda x, y: abs(x),
    "switch": lambda x, y: T.switch(x < y, y, x), "left": lambda x, y: x << (y & 7),
    "right": lambda x, y: x >> (y & 7), "invert": lambda x, y: ~x,
    "equal": lambda x, y: T.eq(x, y).astype(x.dtype), "same": lambda x, y: x - x, "none": lambda x, y: x * 0,
}  # fmt: skip


def special(dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Numbers at which rules for floats, or for integers, go wrong, and ordinary ones."""
    if np.dtype(dtype).kind == "f":
        info = np.finfo(dtype)
        edges = [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, info.max, -info.max, info.tiny, info.tiny / 4,
                 -info.tiny / 4, 0.1, 0.3, 1 / 3, 0.5, -2.5, 1 + info.eps, 300.01, 2147483648.0, -129.0]
        with np.errstate(over="ignore"):
            values = np.concatenate([edges, rng.standard_normal(11)]).astype(dtype)
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        values = np.array([low, low + 1, high, 0, 1, 2, 3, 7, high // 2, 0 if low == 0 else -1], dtype)
    return values[rng.integers(0, len(values), N_ROWS)]


class Writer:
    """Grows a random expression by choosing an op and its operands again and again."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)

    def step(self, *values: Any) -> list[Any]:
        """The next float and the next integer state, from rows and states."""
        pool = list(values)
        for _ in range(N_OPS):
            pool.append(self._applied(pool))
        return [self._last(pool, v.dtype) for v in values[-2:]]

    def _applied(self, pool: list[Any]) -> Any:
        x = self.choose.choice(pool)
        if self.choose.random() < 0.2:
            return x.astype(self.choose.choice(FLOATS + INTEGERS))
        ops = FLOAT_OPS if x.dtype in FLOATS else INTEGER_OPS
        y = self.choose.choice([v for v in pool if v.dtype == x.dtype])
        made = ops[self.choose.choice(sorted(ops))](x, y)
        return made if made.dtype == x.dtype else made.astype(x.dtype)

    def _last(self, pool: list[Any], dtype: str) -> Any:
        return next((v for v in reversed(pool) if v.dtype == dtype), pool[-1].astype(dtype))


def same(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where bits are equal, or both are NaN."""
    bits = f"u{first.itemsize}"
    equal = first.view(bits) == second.view(bits)
    return equal | (np.isnan(first) & np.isnan(second)) if first.dtype.kind == "f" else equal


def program(seed: int) -> tuple[list[Any], list[Any], list[np.ndarray]]:
    """Inputs, outputs and arguments: a scan, and the same expression on whole vectors."""
    rng = np.random.default_rng(seed)
    dtypes = [str(rng.choice(FLOATS)), str(rng.choice(INTEGERS))]
    rows = [T.vector(f"x{i}", dtype=dtype) for i, dtype in enumerate(2 * dtypes)]
    starts = [T.scalar(f"s{i}", dtype=dtype) for i, dtype in enumerate(dtypes)]
    steps, _ = sc.scan(lambda *v: Writer(seed).step(*v), rows, starts)
    arguments = [special(v.dtype, rng) for v in rows] + [special(v.dtype, rng)[0] for v in starts]
    return [*rows, *starts], [*steps, *Writer(seed).step(*rows)], arguments


def check(seed: int, cpu: str) -> None:
    inputs, outputs, arguments = program(seed)
    with np.errstate(all="ignore"):
        wanted = sc.function(inputs, outputs, mode="reference", on_unused_input="ignore")(*arguments)
    with sc.change_flags(cpu=cpu):
        found = sc.function(inputs, outputs, fast_math=False, on_unused_input="ignore")(*arguments)
    for want, got in zip(wanted, found, strict=True):
        assert got.dtype == want.dtype
        assert np.all(same(got, want)), (got[~same(got, want)], want[~same(got, want)])


@pytest.mark.long
@pytest.mark.parametrize("cpu", [*levels(), "native"])
@pytest.mark.parametrize("seed", range(15))
def test_native_code_gives_the_bits_of_the_reference(seed: int, cpu: str) -> None:
    check(seed, cpu)
