"""Streams of random numbers with the names of the older systems, over Philox4x32-10.

Each draw call has a stream of its own: a shared variable of two 64-bit numbers, a key and a counter, with
a default update that moves the counter past what was drawn. The k-th call of a `RandomStream` takes
Philox(seed, k) as its key; element i of a draw takes the block at counter + i, so that the bits do not
depend on how elements are split among lanes. Inside `scan` the state is an explicit carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scancc.config import config
from scancc.errors import UnsupportedError
from scancc.frontend import elementwise as e
from scancc.frontend.constants import as_tensor_variable
from scancc.frontend.control import draw
from scancc.frontend.graph import Constant, TensorType, Variable
from scancc.frontend.indexing import set_subtensor
from scancc.frontend.random import formulas
from scancc.frontend.random.scalars import call
from scancc.frontend.reduction import argsort, cumsum
from scancc.frontend.reduction import max as max_
from scancc.frontend.reduction import sum as sum_
from scancc.frontend.scan_module import until
from scancc.frontend.shaping import arange, reshape
from scancc.frontend.shared import Container, SharedVariable
from scancc.frontend.tracing import scan

Size = Any
_N_TRIES = 12       # of a rejection method; each is accepted with probability above 0.95
_STATE = TensorType("uint64", (2,))


class RandomVariable(Variable):
    """A draw. `rng` is the shared variable with its state, `update` the pair (rng, next state)."""

    __slots__ = ("rng", "update")

    def __init__(self, value: Variable, rng: SharedVariable, update: tuple[SharedVariable, Variable]) -> None:
        super().__init__(value.type, value.owner, value.index, value.name, value.location)
        self.rng = rng
        self.update = update


class _Source:
    """Random bits of one draw call: fresh blocks of Philox, counted."""

    def __init__(self, rng: SharedVariable) -> None:
        self.rng = rng
        self.used: Any = 0  # blocks taken so far

    def blocks(self, size: Sequence[Any]) -> tuple[Variable, Variable]:
        """Two 64-bit numbers an element, of shape `size`."""
        total: Any = 1
        for length in size:
            total = total * e.cast(as_tensor_variable(length), "int64")
        start = self.rng[1] + e.cast(as_tensor_variable(self.used), "uint64")
        counter = start + e.cast(arange(total), "uint64") if size else start
        zero = Constant(np.zeros((), np.uint64))
        pair = [call(name, self.rng[0], zero, counter) for name in ("philox_low", "philox_high")]
        self.used = self.used + total
        low, high = (reshape(bits, size, ndim=len(size)) if len(size) != 1 and size else bits for bits in pair)
        return low, high

    def bits(self, size: Sequence[Any]) -> Variable:
        return self.blocks(size)[0]

    def next_state(self) -> Variable:
        moved = self.rng[1] + e.cast(as_tensor_variable(self.used), "uint64")
        return set_subtensor(self.rng[1], moved)


def _key(seed: int, number: int) -> np.ndarray:
    """The first state of draw call `number`."""
    low, _ = formulas.philox(formulas.NumpyArithmetic(), np.uint64(seed % 2**64), np.uint64(2**63), np.uint64(number))
    return np.array([low, 0], np.uint64)


def _lengths(size: Size, parameters: Sequence[Variable], ndim: int | None) -> list[Any]:
    """The lengths of a draw: those asked for, or those to which the parameters broadcast."""
    if size is None:
        widest = max(parameters, key=lambda v: v.ndim, default=None)
        return [] if widest is None else [widest.shape[i] for i in range(widest.ndim)]
    if isinstance(size, Variable) and size.ndim == 1:
        known = size.type.shape[0] if ndim is None else ndim
        if known is None:
            raise ValueError(f"size is the vector {size!r} of unknown length; give ndim= as the number of dimensions")
        return [size[i] for i in range(known)]
    if isinstance(size, Variable | int | np.integer):
        return [size]
    return list(size)


class RandomStream:
    """Makes random variables; every draw call continues its own stream from call to call.

    seed: an integer; the same seed gives the same numbers. `state_updates` holds the pairs (state,
    next state) of all draws so far, which are also default updates.
    """

    def __init__(self, seed: int | None = None, **unused: Any) -> None:
        self.default_instance_seed = int(np.random.SeedSequence().entropy) if seed is None else int(seed)  # type: ignore[arg-type]
        self.state_updates: list[tuple[SharedVariable, Variable]] = []

    def updates(self) -> list[tuple[SharedVariable, Variable]]:
        return list(self.state_updates)

    def seed(self, seed: int | None = None) -> None:
        """Start all streams again, as a new `RandomStream(seed)` would have them."""
        seed = self.default_instance_seed if seed is None else int(seed)
        for number, (rng, _) in enumerate(self.state_updates):
            rng.set_value(_key(seed, number))

    def _draw(self, make: Callable[[_Source], Variable], dtype: str | None = None, distribution: str = "",
              parameters: Sequence[Variable] = ()) -> RandomVariable:
        """A new stream and what `make` draws from it; by `parameters` the value has no derivative."""
        number = len(self.state_updates)
        rng = SharedVariable(_STATE, Container(_key(self.default_instance_seed, number)), name=f"rng{number}")
        source = _Source(rng)
        value = make(source)
        value = value if dtype is None else e.cast(value, dtype)
        value = draw(distribution, value, *parameters)
        assert value.owner is not None
        update = (rng, source.next_state())
        rng.default_update = update[1]
        self.state_updates.append(update)
        variable = RandomVariable(value, rng, update)
        value.owner.outputs[value.index] = variable
        return variable

    # ---- numbers ----

    def uniform(self, size: Size = None, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None,
                dtype: str | None = None, **unused: Any) -> RandomVariable:
        """low <= x < high, 53 random bits."""
        a, b = (as_tensor_variable(v) for v in (low, high))
        return self._draw(lambda s: call(
            "exact_affine", call("random_unit", s.bits(_lengths(size, [a, b], ndim))), b - a, a),
            dtype or config.floatX)

    def normal(self, size: Size = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None,
               dtype: str | None = None, loc: Any = None, scale: Any = None, **unused: Any) -> RandomVariable:
        """Normal with mean `avg` (or loc) and standard deviation `std` (or scale), by quantile."""
        mean, spread = (as_tensor_variable(v) for v in (avg if loc is None else loc, std if scale is None else scale))
        return self._draw(lambda s: call(
            "exact_affine", call("random_normal", s.bits(_lengths(size, [mean, spread], ndim))), spread, mean),
            dtype or config.floatX)

    def truncated_normal(self, size: Size = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None,
                         dtype: str | None = None, **unused: Any) -> RandomVariable:
        """Normal, within two standard deviations of the mean."""
        mean, spread = (as_tensor_variable(v) for v in (avg, std))
        inside = 0.9544997361036416  # the probability of |z| < 2

        def make(s: _Source) -> Variable:
            u = call("random_unit", s.bits(_lengths(size, [mean, spread], ndim)))
            p = call("exact_affine", u, inside, (1 - inside) / 2)
            return call("exact_affine", call("normal_quantile", p), spread, mean)
        return self._draw(make, dtype or config.floatX)

    def exponential(self, size: Size = None, scale: Any = 1.0, ndim: int | None = None, dtype: str | None = None,
                    ) -> RandomVariable:
        """Exponential with mean `scale`."""
        mean = as_tensor_variable(scale)
        return self._draw(lambda s: call(
            "exact_affine", call("random_exponential", s.bits(_lengths(size, [mean], ndim))), mean, 0.0),
            dtype or config.floatX)

    # ---- counts and choices ----

    def bernoulli(self, size: Size = None, p: Any = 0.5, ndim: int | None = None, dtype: str = "int64",
                  ) -> RandomVariable:
        """1 with probability p, else 0."""
        return self.binomial(size, 1, p, ndim, dtype)

    def binomial(self, size: Size = None, n: Any = 1, p: Any = 0.5, ndim: int | None = None, dtype: str = "int64",
                 prob: Any = None, **unused: Any) -> RandomVariable:
        """How many of n trials succeed with probability p; n is a scalar. Costs n blocks an element."""
        trials, chance = as_tensor_variable(n), as_tensor_variable(p if prob is None else prob)
        if trials.ndim != 0:
            raise UnsupportedError("binomial takes a scalar n; draw once for each n")

        def make(s: _Source) -> Variable:
            lengths = _lengths(size, [chance], ndim)
            if isinstance(trials, Constant) and int(trials.data) == 1:
                return e.cast(e.lt(call("random_unit", s.bits(lengths)), chance), "int64")
            hits = e.lt(call("random_unit", s.bits([trials, *lengths])), chance)
            return sum_(e.cast(hits, "int64"), axis=0)
        return self._draw(make, dtype, "binomial", [trials, chance])

    def random_integers(self, size: Size = None, low: Any = 0, high: Any = 1, ndim: int | None = None,
                        dtype: str = "int64", **unused: Any) -> RandomVariable:
        """Integers from low to high, both included."""
        first, last = (e.cast(as_tensor_variable(v), "int64") for v in (low, high))
        return self._draw(lambda s: _integers(s, _lengths(size, [first, last], ndim), first, last + 1), dtype,
                          "random_integers", [first, last])

    def integers(self, low: Any, high: Any = None, size: Size = None, ndim: int | None = None,
                 dtype: str = "int64") -> RandomVariable:
        """Integers from low (0 where high is not given) up to, without, high."""
        start, stop = (0, low) if high is None else (low, high)
        first, end = (e.cast(as_tensor_variable(v), "int64") for v in (start, stop))
        return self._draw(lambda s: _integers(s, _lengths(size, [first, end], ndim), first, end), dtype,
                          "integers", [first, end])

    def categorical(self, p: Any, size: Size = None, ndim: int | None = None, dtype: str = "int64") -> RandomVariable:
        """Index i with probability p[..., i], for each row of p (which sum to 1)."""
        chances = as_tensor_variable(p)
        rows = [chances.shape[i] for i in range(chances.ndim - 1)]
        lengths = _lengths(size, [], ndim) if size is not None else rows
        return self._draw(lambda s: _category(s, lengths, chances), dtype, "categorical", [chances])

    def multinomial(self, size: Size = None, n: Any = 1, pvals: Any = (0.5, 0.5), ndim: int | None = None,
                    dtype: str = "int64", **unused: Any) -> RandomVariable:
        """How often each category is drawn in n trials, along a last axis. Costs n blocks a row."""
        chances = as_tensor_variable(np.asarray(pvals, config.floatX) if isinstance(pvals, (list, tuple)) else pvals)
        rows = [chances.shape[i] for i in range(chances.ndim - 1)]
        lengths = _lengths(size, [], ndim) if size is not None else rows

        def make(s: _Source) -> Variable:
            picks = _category(s, [n, *lengths], chances)
            names = arange(chances.shape[chances.ndim - 1])
            return sum_(e.cast(e.eq(picks.dimshuffle(*range(picks.ndim), "x"), names), "int64"), axis=0)
        return self._draw(make, dtype, "multinomial", [chances])

    def choice(self, size: Size = 1, a: Any = 2, replace: bool = True, p: Any = None, ndim: int | None = None,
               dtype: str | None = None, **unused: Any) -> RandomVariable:
        """Elements of `a`, or of 0 to a - 1, with equal chances or with chances p."""
        values = as_tensor_variable(a)
        n = values if values.ndim == 0 else values.shape[0]

        def make(s: _Source) -> Variable:
            lengths = _lengths(size, [], ndim)
            if p is not None and not replace:
                raise UnsupportedError("choice without replacement takes equal chances; leave p out")
            if p is not None:
                places = _category(s, lengths, as_tensor_variable(p))
            elif replace:
                zero = Constant(np.zeros((), np.int64))
                places = _integers(s, lengths, zero, e.cast(n, "int64"))
            else:
                order = argsort(s.bits([n]))
                total: Any = 1
                for length in lengths:
                    total = total * length
                places = reshape(order[:total], lengths, ndim=len(lengths))
            return places if values.ndim == 0 else values[places]
        return self._draw(make, dtype, "choice", [] if p is None else [as_tensor_variable(p)])

    def permutation(self, size: Size = None, n: Any = 1, ndim: int | None = None, dtype: str = "int64",
                    ) -> RandomVariable:
        """Permutations of 0 to n - 1 along a last axis, by sorting random keys."""
        return self._draw(lambda s: argsort(s.bits([*_lengths(size, [], ndim), n]), axis=-1), dtype)

    def shuffle_row_elements(self, input: Any) -> RandomVariable:
        """`input` with the elements of each row in random order."""
        matrix = as_tensor_variable(input)

        def make(s: _Source) -> Variable:
            places = argsort(s.bits([matrix.shape[0], matrix.shape[1]]), axis=1)
            return matrix[arange(matrix.shape[0]).dimshuffle(0, "x"), places]
        return self._draw(make)

    # ---- by rejection and by counting ----

    def gamma(self, size: Size = None, shape: Any = 1.0, scale: Any = 1.0, ndim: int | None = None,
              dtype: str | None = None) -> RandomVariable:
        """Gamma with this shape and scale (Marsaglia and Tsang, 2000)."""
        k, theta = (as_tensor_variable(v) for v in (shape, scale))
        return self._draw(lambda s: draw("gamma", _gamma(s, _lengths(size, [k, theta], ndim), k), k) * theta,
                          dtype or config.floatX)

    def beta(self, size: Size = None, alpha: Any = 1.0, beta: Any = 1.0, ndim: int | None = None,
             dtype: str | None = None) -> RandomVariable:
        """Beta, as the ratio of two gamma numbers."""
        a, b = (as_tensor_variable(v) for v in (alpha, beta))

        def make(s: _Source) -> Variable:
            lengths = _lengths(size, [a, b], ndim)
            x, y = _gamma(s, lengths, a), _gamma(s, lengths, b)
            return x / (x + y)
        return self._draw(make, dtype or config.floatX, "beta", [a, b])

    def poisson(self, size: Size = None, lam: Any = 1.0, ndim: int | None = None, dtype: str = "int64",
                ) -> RandomVariable:
        """Poisson with mean `lam`: arrivals counted until time lam; takes about max(lam) steps."""
        mean = as_tensor_variable(lam)
        return self._draw(lambda s: _poisson(s, _lengths(size, [mean], ndim), mean), dtype, "poisson", [mean])


def _integers(s: _Source, lengths: Sequence[Any], first: Variable, end: Variable) -> Variable:
    """first + floor(u * range); a value's chance is off by at most range / 2**53."""
    span = end - first
    place = e.cast(e.floor(call("random_unit", s.bits(lengths)) * e.cast(span, "float64")), "int64")
    return first + e.minimum(place, span - 1)


def _category(s: _Source, lengths: Sequence[Any], chances: Variable) -> Variable:
    """How many of the running sums of the chances, but the last, are at most u."""
    u = call("random_unit", s.bits(lengths))
    sums = cumsum(e.cast(chances, "float64"), axis=chances.ndim - 1)
    inner = sums[(slice(None),) * (chances.ndim - 1) + (slice(None, -1),)]
    passed = e.ge(u.dimshuffle(*range(u.ndim), "x"), inner)
    return sum_(e.cast(passed, "int64"), axis=passed.ndim - 1)


def _gamma(s: _Source, lengths: Sequence[Any], shape: Variable) -> Variable:
    """A gamma number of scale 1: tries until all are accepted; below shape 1 by u**(1/shape)."""
    lifted = e.switch(e.lt(shape, 1.0), shape + 1.0, shape)
    normals, waits = s.blocks([_N_TRIES, *lengths])
    start = e.cast(s.bits(lengths) * 0, "float64") - 1.0

    def attempt(normal_bits: Variable, wait_bits: Variable, value: Variable) -> Any:
        made = call("gamma_attempt", call("random_normal", normal_bits), call("random_exponential", wait_bits),
                    lifted)
        value = e.switch(e.lt(value, 0.0), made, value)
        missing = e.lt(value, 0.0)
        left = e.cast(missing, "int64") if missing.ndim == 0 else sum_(missing)
        return value, until(e.eq(left, 0))

    values, _ = scan(attempt, sequences=[normals, waits], outputs_info=start)
    return call("gamma_boost", values[-1], call("random_exponential", s.bits(lengths)), shape)


def _poisson(s: _Source, lengths: Sequence[Any], mean: Variable) -> Variable:
    largest = mean if mean.ndim == 0 else max_(mean)
    steps = e.cast(e.ceil(largest + 12.0 * e.sqrt(largest) + 40.0), "int64")
    gaps = s.bits([steps, *lengths])
    zero = e.cast(s.bits(lengths) * 0, "float64")

    def arrive(bits: Variable, time: Variable, count: Variable) -> Any:
        time = time + call("random_exponential", bits)
        before = e.le(time, mean)
        waiting = e.cast(before, "int64")
        left = waiting if waiting.ndim == 0 else sum_(waiting)
        return [time, count + waiting], until(e.eq(left, 0))

    (_, counts), _ = scan(arrive, sequences=gaps, outputs_info=[zero, e.cast(zero, "int64")])
    return counts[-1]
