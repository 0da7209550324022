"""How many steps the blocks of a scan have, whose reverse runs them again, and how many starts it keeps.

For n steps, S bytes of states and R bytes that the reverse of a step keeps, blocks of B steps with all their starts
need n/B S + B R bytes, which is least, 2 sqrt(n S R), for B = sqrt(n S/R): the steps run twice. Where that is too
much, s starts at a time (`slots`) do for C(s + r, s) B steps that run r + 1 times; S and R bytes share the room as r
and 1. All this is computed when it runs: one program is for any n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field, replace
from itertools import count
from math import comb

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.variables import Constant, TensorType, Variable, leaves
from scancc.frontend.loops.scan_op import Body
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.reference import evaluate
from scancc.frontend.ops.scalars import add, ceil, floor, le, maximum, minimum, mul, sqrt, sub, switch
from scancc.late_dataclasses import dataclass

INT64 = TensorType("int64", ())
TYPICAL_STEPS = 2**20  # of a scan that nobody knows the end of; more have fewer starts, each for more of them
TYPICAL_NBYTES = 2**24  # that such a scan may take for them: with large states fewer steps are typical
LEAST_STEPS = 64  # that are typical
LEAST_SLOTS = 2
SPARE = 2  # rows behind the slots (`slots`)
TIMES = 2, 3, 5, 8, 13  # that blocks may run again, of which the least that is enough is taken


@dataclass(frozen=True)
class Need:
    """What a choice rests on; all but `least` and `is_open` are scalars, bytes float64."""

    name: str  # of the scan
    all_steps: Variable
    start_nbytes: Variable  # of what a block starts from
    row_nbytes: Variable  # of what is kept for each step of a block
    least: int  # steps that a block must have
    is_open: bool = False  # whether nobody knows how many steps there are, but that they are no more than these

    @property
    def n_steps(self) -> Variable:
        """The steps that blocks are for."""
        if not self.is_open:
            return self.all_steps
        room, most = (as_tensor_variable(float(n)) for n in ((TYPICAL_NBYTES // 2)**2, TYPICAL_STEPS))
        typical = minimum(room / (_some(self.start_nbytes) * _some(self.row_nbytes)), most)
        return minimum(self.all_steps, maximum(cast(typical, "int64"), int64(LEAST_STEPS)))

    @property
    def slot_nbytes(self) -> Variable:
        return self.start_nbytes + float(np.dtype("int64").itemsize)

    @property
    def reads_starts(self) -> bool:
        return not isinstance(self.start_nbytes, Constant) or bool(self.start_nbytes.data)


def may_run_on(body: Body, length: Variable) -> bool:
    """Whether a scan of at most `length` steps may stop, after so many that not each block has room for a start."""
    return body.stop is not None and not value_of(length) <= TYPICAL_STEPS


@dataclass(frozen=True)
class Chosen:
    """The length of blocks, and how many starts are kept at a time (None: all); an error where `fits` is false."""

    size: Variable
    n_slots: Variable | None = None
    fits: Variable | None = None
    message: str = ""
    numbers: tuple[Variable, ...] = ()

    def guarded(self, n_blocks: Variable) -> Variable:
        """The number of blocks of the reverse, with the error: what the forward scan keeps may serve nobody."""
        return n_blocks if self.fits is None else check(MemoryError, self.message, n_blocks, self.fits, *self.numbers)


Choice = Callable[[Need], Chosen]


@dataclass(frozen=True)
class Sizes:
    """The length of blocks: `choice` gives it once it is known what they need, until then `size` stands for it.
    So many blocks as `lanes` run again and are reversed together."""

    choice: Choice
    lanes: int = 1
    size: Variable = field(default_factory=lambda: INT64("block_size"))

    @property
    def reach(self) -> Variable:
        """The steps that are reversed together."""
        return self.size if self.lanes == 1 else mul(self.size, int64(self.lanes))

    def n_blocks(self, n: Variable) -> Variable:
        """How many blocks n steps have; of those that are reversed together, how many times."""
        return _n_blocks(n, self.reach)


def _n_blocks(n: Variable, size: Variable) -> Variable:
    return apply_scalar("floor_div", sub(add(n, size), int64(1)), size)


def in_words(need: Need, chosen: Chosen) -> str:
    """What runs again, and how often."""
    known = value_of(chosen.size)
    blocks = "blocks of steps" if known == np.inf else f"blocks of {int(known)} steps"
    if chosen.n_slots is None or not need.reads_starts:
        return f"{blocks} run again, once, from states that are kept for each"
    n_slots = value_of(chosen.n_slots)
    few = "few states" if n_slots == np.inf else f"{int(n_slots)} states"
    return f"{blocks} run again from {few} that are kept at a time{_at_most(need, known, n_slots)}"


def _at_most(need: Need, size: float, n_slots: float) -> str:
    """How often blocks run again; nothing where the number of steps is not known."""
    n = value_of(need.all_steps)
    if np.inf in (n, size, n_slots):
        return ""
    times = next(r for r in count(1) if comb(int(n_slots) + r, r) * size >= n)
    return f", {times} {'time' if times == 1 else 'times'} at most"


def of_steps(n: int) -> Sizes:
    """Blocks of `n` steps."""
    return Sizes(lambda need: Chosen(int64(max(n, need.least))))


def root(lanes: int = 1) -> Sizes:
    """The blocks that need least, each reversed as a whole. With `lanes` there are two copies of all their rows: side
    by side, and one behind the other."""
    copies = as_tensor_variable(float(lanes if lanes == 1 else 2 * lanes))
    return Sizes(lambda need: _least(replace(need, row_nbytes=need.row_nbytes * copies)), lanes)


def within_budget(share: Variable, told: str) -> Sizes:
    """Blocks with all their starts, or, where those need more bytes than `share`, with few. `told`: what this is, for
    the error."""
    return Sizes(lambda need: _in_budget(need, share, told))


def kept(need: Need, chosen: Chosen) -> float:
    """The bytes that such blocks keep, where these are known; else infinity."""
    n_starts = _most_slots(need, chosen.size) if chosen.n_slots is None else chosen.n_slots
    return value_of(_nbytes_of(need, chosen.size, n_starts if need.reads_starts else int64(0)))


def nbytes(arrays: Iterable[Variable]) -> Variable:
    """The bytes of arrays, float64."""
    total = as_tensor_variable(0.0)
    for x in arrays:
        size = as_tensor_variable(float(np.dtype(x.dtype).itemsize))
        for length in dims(x):
            size = size * cast(length, "float64")
        total = total + size
    return total


# ---- all starts ---------------------------------------------------------------------------------------


def _least(need: Need) -> Chosen:
    size = _single(need)
    return Chosen(size, _most_slots(need, size) if need.is_open else None)


def _single(need: Need) -> Variable:
    n = cast(need.n_steps, "float64")
    return _whole(sqrt(n * need.start_nbytes / _some(need.row_nbytes)) if need.reads_starts else n, need)


def _some(size: Variable) -> Variable:
    return maximum(size, as_tensor_variable(1.0))


def _whole(steps: Variable, need: Need) -> Variable:
    """A number of steps, rounded up: no more than there are, and no fewer than a block must have."""
    return maximum(minimum(cast(ceil(steps), "int64"), need.n_steps), int64(need.least))


def _most_slots(need: Need, size: Variable) -> Variable:
    """As many slots as there are blocks."""
    return maximum(_n_blocks(need.n_steps, size), int64(LEAST_SLOTS))


# ---- a budget -----------------------------------------------------------------------------------------


def _in_budget(need: Need, share: Variable, told: str) -> Chosen:
    """Blocks with all their starts where the budget allows it, else with few, as few times as it allows."""
    if not need.reads_starts:
        size = _whole(share / 2.0 / _some(need.row_nbytes), need)
        return _checked(Chosen(size), need, _nbytes_of(need, size, int64(0)), share, told)
    single = _single(need)
    chosen = Chosen(single, _most_slots(need, single))
    with_all = _nbytes_of(need, single, _n_slots_of(chosen))
    if not need.is_open and value_of(with_all) <= value_of(share) < np.inf:
        return Chosen(single)
    ways = [(le(with_all, share), chosen), *(_few(need, share, times) for times in TIMES)]
    chosen = ways.pop()[1]
    for is_enough, way in reversed(ways):
        chosen = Chosen(switch(is_enough, way.size, chosen.size),
                        switch(is_enough, _n_slots_of(way), _n_slots_of(chosen)))
    least = _nbytes_of(need, int64(need.least), int64(LEAST_SLOTS))
    return _checked(chosen, need, least, share, told)


def _few(need: Need, budget: Variable, times: int) -> tuple[Variable, Chosen]:
    """Blocks that run again so many times at most, within a budget; whether these are enough for all steps."""
    rows, slot = _some(need.row_nbytes), need.slot_nbytes
    room = minimum(budget / float(times + 1), sub(budget, _nbytes_of(need, int64(0), int64(LEAST_SLOTS))))
    size = minimum(maximum(cast(floor(room / rows), "int64"), int64(need.least)), need.n_steps)
    left = cast(floor(sub(budget, cast(size, "float64") * rows) / slot), "int64")
    n_slots = maximum(minimum(sub(left, int64(SPARE)), _most_slots(need, size)), int64(LEAST_SLOTS))
    reach = cast(size, "float64")
    for i in range(1, times + 1):
        reach = reach * (cast(n_slots, "float64") + float(i)) / float(i)
    return le(cast(need.n_steps, "float64"), reach), Chosen(size, n_slots)


def _n_slots_of(chosen: Chosen) -> Variable:
    assert chosen.n_slots is not None
    return chosen.n_slots


def _nbytes_of(need: Need, size: Variable, n_slots: Variable) -> Variable:
    """The bytes that blocks of `size` steps keep, with so many starts."""
    starts = cast(add(n_slots, int64(SPARE)), "float64") * need.slot_nbytes
    return starts + cast(size, "float64") * need.row_nbytes


def _checked(chosen: Chosen, need: Need, least: Variable, share: Variable, told: str) -> Chosen:
    """An error where the least that is needed is more than `share`, now if that is known."""
    fact = f"the gradient of {need.name} keeps {{}} bytes at least, and may keep {{}}"
    message = f"{fact}\n  {told}; give more, or make the state smaller"
    known, given = value_of(least), value_of(share)
    if known < np.inf and given < np.inf:
        if known > given:
            raise MemoryError(message.format(int(known), int(given)))
        return chosen
    numbers = cast(ceil(least), "int64"), cast(share, "int64")
    return replace(chosen, fits=le(least, share), message=message, numbers=numbers)


def value_of(size: Variable) -> float:
    """A size that is known when the graph is built; else infinity."""
    is_known = all(isinstance(v, Constant) for v in leaves([size]))
    return float(evaluate([size])[0]) if is_known else np.inf
