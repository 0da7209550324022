"""How many steps the blocks of a scan have, whose reverse runs them again (`checkpoints`).

For n steps, S bytes of states and R bytes that the reverse of a step keeps, blocks of B steps need n/B S + B R
bytes, which is least, 2 sqrt(n S R), for B = sqrt(n S/R). Blocks of blocks need n/B1 S + B1/B2 S + B2 R bytes, least
where the three are the same, B2 = cbrt(n S^2/R^2). All this is computed when it runs: one program is for any n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.variables import Constant, TensorType, Variable, leaves
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.reference import evaluate
from scancc.frontend.ops.scalars import add, cbrt, ceil, le, maximum, minimum, mul, sqrt, sub, switch

INT64 = TensorType("int64", ())


@dataclass(frozen=True)
class Need:
    """What a choice rests on; all but `least` are scalars, bytes float64."""

    name: str  # of the scan
    n_steps: Variable
    start_nbytes: Variable  # of what a block starts from
    row_nbytes: Variable  # of what is kept for each step of a block
    least: int  # steps that a block must have

    @property
    def reads_starts(self) -> bool:
        return not isinstance(self.start_nbytes, Constant) or bool(self.start_nbytes.data)


class AllFits(Exception):
    """All steps' rows are known to be within the budget: nothing needs to run again."""


@dataclass(frozen=True)
class Chosen:
    """The lengths of blocks, of those within them, and so on; an error where `fits` is false."""

    sizes: list[Variable]
    fits: Variable | None = None
    message: str = ""
    numbers: tuple[Variable, ...] = ()

    def guarded(self, n_blocks: Variable) -> Variable:
        """The number of blocks of the reverse, with the error: what the forward scan keeps may serve nobody."""
        return n_blocks if self.fits is None else check(MemoryError, self.message, n_blocks, self.fits, *self.numbers)


Choice = Callable[[Need], Chosen]


@dataclass(frozen=True)
class Sizes:
    """The lengths of blocks, of those within them, and so on. `choice` gives them once it is known what they need;
    until then `levels` stand for them. Inside a block there is no choice, and `most` is how many there are in it.
    So many blocks as `lanes` run again and are reversed together."""

    levels: tuple[Variable, ...]
    choice: Choice | None = None
    most: Variable | None = None
    lanes: int = 1

    @property
    def reach(self) -> Variable:
        """The steps that are reversed together."""
        return self.levels[0] if self.lanes == 1 else mul(self.levels[0], int64(self.lanes))

    def choose(self, need: Need) -> Chosen:
        return Chosen(list(self.levels)) if self.choice is None else self.choice(need)

    def n_blocks(self, n: Variable) -> Variable:
        """How many blocks n steps have; of those that are reversed together, how many times."""
        size = self.reach
        count = apply_scalar("floor_div", sub(add(n, size), int64(1)), size)
        return count if self.most is None else minimum(count, self.most)

    def within(self, hold: Callable[[Variable], Variable]) -> Sizes | None:
        """The lengths of the blocks inside a block; None if they are not reversed in blocks."""
        block, *inner = self.levels
        if not inner:
            return None
        return Sizes(tuple(map(hold, inner)), most=hold(Sizes(tuple(inner)).n_blocks(block)))


def of_steps(n: int) -> Sizes:
    """Blocks of `n` steps."""
    return Sizes(_unknown(1), lambda need: Chosen([int64(max(n, need.least))]))


def root(lanes: int = 1) -> Sizes:
    """The blocks that need least, each reversed as a whole. With `lanes` there are two copies of all their rows: side
    by side, and one behind the other."""
    copies = as_tensor_variable(float(lanes if lanes == 1 else 2 * lanes))
    return Sizes(_unknown(1), lambda need: Chosen([_single(replace(need, row_nbytes=need.row_nbytes * copies))]),
                 lanes=lanes)


def within_budget(max_bytes: int, share: str) -> Sizes:
    """Blocks, or blocks of blocks where those need too much. `share`: what `max_bytes` is, for the error."""
    return Sizes(_unknown(2), lambda need: _one_or_two(need, max_bytes, share))


def _unknown(n: int) -> tuple[Variable, ...]:
    return tuple(INT64("block_size") for _ in range(n))


def nbytes(arrays: Iterable[Variable], axes: int = 0) -> Variable:
    """The bytes of arrays, float64; without the first axes: of one row of each."""
    total = as_tensor_variable(0.0)
    for x in arrays:
        size = as_tensor_variable(float(np.dtype(x.dtype).itemsize))
        for length in dims(x)[axes:]:
            size = size * cast(length, "float64")
        total = total + size
    return total


# ---- one level ----------------------------------------------------------------------------------------


def _single(need: Need) -> Variable:
    n = cast(need.n_steps, "float64")
    return _whole(sqrt(n * need.start_nbytes / _some(need.row_nbytes) if need.reads_starts else n), need)


def _some(size: Variable) -> Variable:
    return maximum(size, as_tensor_variable(1.0))


def _whole(steps: Variable, need: Need) -> Variable:
    """A number of steps, rounded up: no more than there are, and no fewer than a block must have."""
    return maximum(minimum(cast(ceil(steps), "int64"), need.n_steps), int64(need.least))


# ---- a budget -----------------------------------------------------------------------------------------


def _one_or_two(need: Need, max_bytes: int, share: str) -> Chosen:
    """Lengths of blocks and of those within them, which are the blocks themselves where that is in the budget."""
    if _value_of(cast(need.n_steps, "float64") * need.row_nbytes) <= max_bytes:
        raise AllFits
    half = as_tensor_variable(max_bytes / 2.0)
    single = _single(need) if need.reads_starts else _whole(half / _some(need.row_nbytes), need)
    one = [single, single]
    two = _double(need) if need.reads_starts else one
    needs = [_nbytes_of(need, sizes) for sizes in (one, two)]
    is_enough = le(needs[0], as_tensor_variable(float(max_bytes)))
    least = minimum(*needs)
    sizes = [a if a is b else switch(is_enough, a, b) for a, b in zip(one, two, strict=True)]
    return _checked(sizes, need, least, max_bytes, share)


def _double(need: Need) -> list[Variable]:
    ratio = need.start_nbytes / _some(need.row_nbytes)
    inner = _whole(cbrt(cast(need.n_steps, "float64") * ratio * ratio), need)
    outer = _whole(cast(inner, "float64") ** 2 / ratio, need)
    return [maximum(outer, inner), inner]


def _nbytes_of(need: Need, sizes: Sequence[Variable]) -> Variable:
    """The bytes that blocks of these lengths keep."""
    outer, inner = (cast(size, "float64") for size in sizes)
    n, two = cast(need.n_steps, "float64"), as_tensor_variable(2.0)
    levels = (ceil(n / outer) + ceil(outer / inner) + two) * need.start_nbytes
    return levels + inner * need.row_nbytes


def _checked(sizes: list[Variable], need: Need, least: Variable, max_bytes: int, share: str) -> Chosen:
    """An error where the least that is needed is more than `max_bytes`, now if that is known."""
    fact = f"the gradient of {need.name} over {{}} steps keeps {{}} bytes at least, and may keep {max_bytes}"
    message = f"{fact}\n  {share}; give more, or make the state smaller"
    numbers = need.n_steps, cast(ceil(least), "int64")
    if (known := _value_of(least)) < np.inf:
        if known > max_bytes:
            raise MemoryError(message.format(*map(int, evaluate(numbers))))
        return Chosen(sizes)
    return Chosen(sizes, le(least, as_tensor_variable(float(max_bytes))), message, numbers)


def _value_of(size: Variable) -> float:
    """A size that is known when the graph is built; else infinity."""
    is_known = all(isinstance(v, Constant) for v in leaves([size]))
    return float(evaluate([size])[0]) if is_known else np.inf
