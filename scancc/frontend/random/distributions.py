"""What a distribution is made of: fresh bits of a stream, counted, and values from them.

Element i of a draw takes the block at counter + i, so that the bits do not depend on how elements are
split among lanes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable, constant_int, is_discrete, is_integer
from scancc.frontend.graph.dims import dims
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Constant, Variable
from scancc.frontend.loops.scan import scan_held
from scancc.frontend.loops.step_result import until
from scancc.frontend.ops import scalars as e
from scancc.frontend.ops.axes import flatten, reshape
from scancc.frontend.ops.elementwise import Elemwise, cast
from scancc.frontend.ops.held import held
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.joining import join
from scancc.frontend.ops.lengths import as_count
from scancc.frontend.ops.making import arange
from scancc.frontend.ops.ordering import argsort, cumsum
from scancc.frontend.ops.reduction import max as max_
from scancc.frontend.ops.reduction import sum as sum_
from scancc.frontend.random.scalars import call

Lengths = Sequence[Any]
_DIGITS = {"float32": 24, "float16": 11}  # of the numbers below 1 that have a dtype's spacing there
_SUM_TOLERANCE = 1e-4  # chances that a softmax in single precision gives sum to 1 within it
_N_TRIES = 12  # of a rejection method; each is accepted with probability above 0.95


class Source:
    """Random bits of one draw call: fresh blocks of Philox from the state `rng`, counted."""

    def __init__(self, rng: Variable, dtype: str = "float64") -> None:
        self.rng, self.dtype = rng, dtype
        self.used: Any = 0  # blocks taken so far

    def blocks(self, size: Lengths) -> tuple[Variable, Variable]:
        """Two 64-bit numbers an element, of shape `size`."""
        total: Any = 1
        for length in size:
            total = total * cast(as_tensor_variable(length), "int64")
        start = self.rng[1] + cast(as_tensor_variable(self.used), "uint64")
        counter = start + cast(arange(total), "uint64") if size else start
        zero = Constant(np.zeros((), np.uint64))
        pair = [call(name, self.rng[0], zero, counter) for name in ("philox_low", "philox_high")]
        self.used = self.used + total
        low, high = (reshape(bits, size, ndim=len(size)) if len(size) != 1 and size else bits for bits in pair)
        return low, high

    def bits(self, size: Lengths) -> Variable:
        return self.blocks(size)[0]

    def unit(self, size: Lengths, dtype: str = "float64") -> Variable:
        """0 <= u < 1, also where it becomes a `dtype`."""
        bits, digits = self.bits(size), _DIGITS.get(dtype)
        if digits is not None:
            bits = e.bitwise_and(bits, Constant(np.asarray(2**64 - 2 ** (64 - digits), np.uint64)))
        return call("random_unit", bits)

    def exponential(self, size: Lengths) -> Variable:
        return call("random_exponential", self.bits(size))

    def next_state(self) -> Variable:
        moved = self.rng[1] + cast(as_tensor_variable(self.used), "uint64")
        return set_subtensor(self.rng[1], moved)


def lengths_of(size: Any, parameters: Sequence[Variable], ndim: int | None) -> list[Any]:
    """The lengths of a draw: those asked for, or those to which the parameters broadcast."""
    together = functools.reduce(e.add, (cast(v, "float64") for v in parameters)) if parameters else None
    if size is None:
        lengths: list[Any] = [] if together is None else list(dims(together))
    else:
        lengths = [as_count(n, "size") for n in _entries(size, ndim)]
        if together is not None:
            _check_room(lengths, together.type.shape)
    if ndim is not None and len(lengths) != whole("ndim", ndim):
        raise ValueError(f"ndim is {ndim} where the size, or that of the parameters, has {len(lengths)} dimension(s)")
    return lengths


def _entries(size: Any, ndim: int | None) -> list[Any]:
    if isinstance(size, Variable) and size.ndim == 1:
        known = size.type.shape[0] if ndim is None else whole("ndim", ndim, at_least=0)
        if known is None:
            raise ValueError(f"size is the vector {size!r} of unknown length; give ndim= as the number of dimensions")
        return [size[i] for i in range(known)]
    return list(size) if isinstance(size, list | tuple) or (isinstance(size, np.ndarray) and size.ndim) else [size]


def _check_room(lengths: Lengths, parameters: tuple[int | None, ...]) -> None:
    """Numbers that are drawn once are not spread over parameters of several lengths."""
    known = [constant_int(n) for n in lengths]
    ends = zip(reversed(known), reversed(parameters), strict=False)
    if len(parameters) > len(lengths) or any(
            length != 1 and (n == 1 or None not in (n, length) and n != length) for n, length in ends):
        raise ValueError(f"size is {tuple(lengths)} where the parameters have the shape {parameters}; the size "
                         "holds their axes, and may have more in front")


# ---- parameters ----


def _is(functions: Sequence[str], x: Variable) -> bool:
    """Whether one of these elementwise functions made `x`, which is then known to be in range (or NaN)."""
    return x.owner is not None and isinstance(x.owner.op, Elemwise) and x.owner.op.fn in functions


def chance(p: Variable, what: str) -> Variable:
    if _is(("sigmoid",), p):
        return p
    return held(p, e.logical_and(e.ge(p, 0), e.le(p, 1)), f"{what}: a probability is below 0, above 1 or NaN")


def not_negative(x: Variable, what: str) -> Variable:
    if _is(("abs", "exp", "exp2", "sigmoid", "softplus", "sqr", "sqrt"), x):
        return x
    return held(x, e.logical_not(e.lt(x, 0)), f"{what} must be 0 or more")


def positive(x: Variable, what: str) -> Variable:
    return held(x, e.gt(x, 0), f"{what} must be greater than 0")


def chances(p: Variable, what: str, sum_is_one: bool = True) -> Variable:
    """Chances of categories, along the last axis."""
    if p.ndim == 0:
        raise ValueError(f"{what}: the chances are one number, {p!r}; give a vector, one for each category")
    p = held(p, e.ge(p, 0), f"{what}: a chance is negative or NaN")
    if not sum_is_one:
        return p
    total = sum_(cast(p, "float64"), axis=p.ndim - 1)
    return held(p, e.le(e.abs_(total - 1.0), _SUM_TOLERANCE), f"{what}: the chances do not sum to 1")


def trials(n: Variable, what: str) -> Variable:
    """A number of trials: whole and not negative."""
    if not is_discrete(n.dtype):
        raise TypeError(f"{what} is {n!r} of dtype {n.dtype}; give whole numbers")
    return held(n, e.ge(n, 0), f"{what} must be 0 or more")


def fitting(x: Variable, dtype: str, what: str) -> Variable:
    """Whole numbers that a narrower dtype holds."""
    if not is_integer(dtype) or np.can_cast(x.dtype, dtype):
        return x
    limits = np.iinfo(dtype)
    holds = e.logical_and(e.ge(x, int(limits.min)), e.le(x, int(limits.max)))
    return held(x, holds, f"{what}: a draw is beyond the range of dtype {dtype}")


def at_most(x: Variable, limit: Variable, message: str) -> Variable:
    return held(x, e.le(x, limit), message)


# ---- values ----


def integers(s: Source, lengths: Lengths, first: Variable, end: Variable) -> Variable:
    """first + floor(u * range); a value's chance is off by at most range / 2**53."""
    end = held(end, e.gt(end, first), "integers: high must be greater than low")
    span = end - first
    place = cast(e.floor(s.unit(lengths) * cast(span, "float64")), "int64")
    return first + e.minimum(place, span - 1)


def successes(s: Source, lengths: Lengths, trials: Variable, chance: Variable) -> Variable:
    """How many of n trials succeed, for each element; where there are several n, the most of them are drawn."""
    won = e.lt(s.unit([most(trials), *lengths]), chance)
    return sum_(cast(_of_first(won, trials), "int64"), axis=0)


def counts(s: Source, lengths: Lengths, trials: Variable, chances: Variable) -> Variable:
    """How often each category is drawn in n trials, for each element, along a last axis."""
    picks = category(s, [most(trials), *lengths], chances)
    names = arange(chances.shape[chances.ndim - 1])
    drawn = e.eq(picks.dimshuffle(*range(picks.ndim), "x"), names)
    per_row = trials.dimshuffle(*range(trials.ndim), "x") if trials.ndim else trials
    return sum_(cast(_of_first(drawn, per_row), "int64"), axis=0)


def most(counts: Variable) -> Variable:
    """The largest of some counts; 0 of none."""
    if not counts.ndim:
        return counts
    return max_(join(0, Constant(np.zeros(1, counts.dtype)), flatten(counts)))


def _of_first(tried: Variable, trials: Variable) -> Variable:
    """`tried`, of which along axis 0 the first n count: false beyond them."""
    if not trials.ndim:
        return tried
    numbers = arange(tried.shape[0]).dimshuffle(0, *["x"] * (tried.ndim - 1))
    return e.logical_and(tried, e.lt(numbers, trials))


def category(s: Source, lengths: Lengths, chances: Variable) -> Variable:
    """How many of the running sums of the chances, but the last, are at most u."""
    u = s.unit(lengths)
    sums = cumsum(cast(chances, "float64"), axis=chances.ndim - 1)
    inner = sums[(slice(None),) * (chances.ndim - 1) + (slice(None, -1),)]
    passed = e.ge(u.dimshuffle(*range(u.ndim), "x"), inner)
    return sum_(cast(passed, "int64"), axis=passed.ndim - 1)


def order(s: Source, lengths: Lengths, chances: Variable | None = None) -> Variable:
    """Places along the last of `lengths` in random order, without repeats.

    With `chances` (at least 0, along the last axis) the next one is always drawn in proportion to those
    that are left: by waiting times (Efraimidis and Spirakis, 2006).
    """
    if chances is None:
        return argsort(s.bits(lengths), axis=-1)
    return argsort(s.exponential(lengths) / cast(chances, "float64"), axis=-1)


def gamma(s: Source, lengths: Lengths, shape: Variable) -> Variable:
    """A gamma number of scale 1: tries until all are accepted; below shape 1 by u**(1/shape)."""
    return call("gamma_boost", *_tried(s, lengths, shape), shape)


def beta(s: Source, lengths: Lengths, first: Variable, second: Variable) -> Variable:
    """x / (x + y) for gamma numbers x and y, by their logarithms: for small shapes both may be too small to hold."""
    logs = [call("log_gamma_boost", *_tried(s, lengths, shape), shape) for shape in (first, second)]
    return call("share", *logs)


def _tried(s: Source, lengths: Lengths, shape: Variable) -> tuple[Variable, Variable]:
    """Gamma numbers of the shape, or of shape + 1 where it is below 1, and exponential ones to bring these down."""
    lifted = e.switch(e.lt(shape, 1.0), shape + 1.0, shape)
    normals, waits = s.blocks([_N_TRIES, *lengths])
    start = cast(s.bits(lengths) * 0, "float64") - 1.0

    def attempt(normal_bits: Variable, wait_bits: Variable, value: Variable) -> Any:
        made = call("gamma_attempt", call("random_normal", normal_bits), call("random_exponential", wait_bits),
                    lifted)
        value = e.switch(e.lt(value, 0.0), made, value)
        missing = e.lt(value, 0.0)
        left = cast(missing, "int64") if missing.ndim == 0 else sum_(missing)
        return value, until(e.eq(left, 0))

    (values,) = scan_held(attempt, [normals, waits], start)
    return values[-1], s.exponential(lengths)


def poisson(s: Source, lengths: Lengths, mean: Variable) -> Variable:
    """Arrivals counted until time `mean`; takes about max(mean) steps."""
    mean = held(mean, e.logical_and(e.ge(mean, 0), e.lt(mean, 2.0**53)), "poisson: lam must be 0 or more, and finite")
    largest = mean if mean.ndim == 0 else max_(join(0, cast([0], mean.dtype), flatten(mean)))
    steps = cast(e.ceil(largest + 12.0 * e.sqrt(largest) + 40.0), "int64")
    gaps = s.bits([steps, *lengths])
    zero = cast(s.bits(lengths) * 0, "float64")

    def arrive(bits: Variable, time: Variable, count: Variable) -> Any:
        time = time + call("random_exponential", bits)
        before = e.le(time, mean)
        waiting = cast(before, "int64")
        left = waiting if waiting.ndim == 0 else sum_(waiting)
        return [time, count + waiting], until(e.eq(left, 0))

    _, counts = scan_held(arrive, gaps, [zero, cast(zero, "int64")])
    return counts[-1]
