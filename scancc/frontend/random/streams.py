"""Streams of random numbers over Philox4x32-10, called as the older systems' are or as NumPy's.

Each draw call has a stream of its own: a shared variable of two 64-bit numbers, a key and a counter, with
a default update that moves the counter past what was drawn. The k-th call of a `RandomStream` takes
Philox(seed, k) as its key. Inside `scan` the state is an explicit carry.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scancc.config import config
from scancc.foreign import is_generator
from scancc.frontend.graph.constants import as_tensor_variable, constant_int, holds_variables, is_discrete
from scancc.frontend.graph.options import flag, name_of, one_of, whole
from scancc.frontend.graph.shared import StreamVariable, shared
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import Constant, Variable, dtype_name
from scancc.frontend.ops import scalars as e
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.control import Draw
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.held import held
from scancc.frontend.ops.lengths import product
from scancc.frontend.ops.making import arange
from scancc.frontend.random import distributions as d
from scancc.frontend.random import formulas
from scancc.frontend.random.distributions import Source, lengths_of
from scancc.frontend.random.scalars import call
from scancc.late_dataclasses import dataclass
from scancc.other_names import OF_STREAMS, object_has_none
from scancc.spelling import checked_class, checked_keywords

Size = Any


class RandomVariable(Variable):
    """A draw. `rng` is the variable with the state, `update` the pair (rng, next state)."""

    __slots__ = ("rng", "update")

    def __init__(self, value: Variable, rng: Variable, next_state: Variable) -> None:
        super().__init__(value.type, value.owner, value.index, value.name, value.location)
        self.rng = rng
        self.update = (rng, next_state)


def stream_key(seed: int, number: int) -> np.uint64:
    """The key of draw call `number`."""
    low, _ = formulas.philox(formulas.NumpyArithmetic(), np.uint64(seed % 2**64), np.uint64(2**63), np.uint64(number))
    return np.uint64(low)


@dataclass(frozen=True)
class Recipe:
    """How a distribution draws: the value from a source of bits, its dtype, and the parameters by which it
    has no derivative."""

    make: Callable[[Source], Variable]
    dtype: str
    jumps: Sequence[Variable] = ()


Method = Callable[..., Recipe]


DISTRIBUTIONS: list[str] = []


def distribution(*order: str) -> Callable[[Method], Callable[..., RandomVariable]]:
    """Make a method that gives a `Recipe` one that draws.

    Arguments by position stand as NumPy has them, in this `order`, or as the older systems have them, the
    size first and the rest in order: see `_size_first`.
    """
    older = ("size", *(name for name in order if name != "size"), "ndim", "dtype")

    def decorate(method: Method) -> Callable[..., RandomVariable]:
        what = method.__name__
        DISTRIBUTIONS.append(what)

        checked = checked_keywords(method)

        @functools.wraps(method)
        def draw(self: RandomStream, *args: Any, **kwargs: Any) -> RandomVariable:
            size_first = not args or ("size" not in kwargs and _size_first(self.order, what, order[0], args))
            given = _by_name(what, older if size_first else order, args, kwargs)
            own = {key: given.pop(key, None) for key in ("dtype", "rng", "name", "nstreams")}
            recipe = checked(self, **given)
            made = self._draw(what, recipe, own["dtype"] or recipe.dtype, own["rng"])
            made.name = name_of("a draw", own["name"])
            return made
        return draw
    return decorate


def _by_name(what: str, order: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    if len(args) > len(order):
        raise TypeError(f"{what} takes {', '.join(order)} by position, but gets {len(args)} arguments")
    given = dict(zip(order, args, strict=False))
    twice = given.keys() & kwargs.keys()
    if twice:
        raise TypeError(f"{what} gets {', '.join(sorted(twice))} twice: the order by position is {', '.join(order)}")
    return given | kwargs


def _size_first(order: str, what: str, parameter: str, args: Sequence[Any]) -> bool:
    """Whether the first argument by position is the size: None, or whole numbers in a tuple or a shape.

    A list or an array of whole numbers is a size in the older system's classes and elsewhere the first parameter,
    which is said where it stands alone. A tuple with a 0 in it, before other arguments, is no size either.
    """
    first = args[0]
    if order == "numpy" or not _is_size(first):
        return False
    if order == "older" or first is None or isinstance(first, Variable):
        return True
    alone = len(args) == 1 and what not in ("choice", "permutation")
    if alone and not isinstance(first, tuple) or not alone and isinstance(first, tuple) and 0 in first:
        raise TypeError(f"{what}: {first!r} may be the size or {parameter}; say which: size= or {parameter}=")
    return isinstance(first, tuple)


def _is_size(value: Any) -> bool:
    if isinstance(value, Variable | np.ndarray):
        return value.ndim == 1 and is_discrete(str(value.dtype))
    if isinstance(value, list | tuple):
        return all(_is_length(n) for n in value)
    return value is None


def _is_length(value: Any) -> bool:
    return isinstance(value, int | np.integer) or (isinstance(value, Variable) and is_discrete(value.dtype))


@checked_class
class RandomStream:
    """Makes random variables; every draw call continues its own stream from call to call.

    seed: an integer; the same seed gives the same numbers. `state_updates` holds the pairs (state,
    next state) of all draws so far, which are also default updates. Every draw takes `size` (by default
    that of its parameters), `ndim` where the length of `size` is not known, `dtype`, `name`, and `rng`: a
    state to draw from in place of a new stream, where the caller looks after the next one, which is
    `draw.update[1]`.

    >>> stream = sc.RandomStream(seed=1)
    >>> draw = sc.function([], stream.uniform(size=(2,)))
    >>> bool((draw() != draw()).all())
    True
    """

    __getattr__ = object_has_none("stream.", OF_STREAMS)
    order = "both"  # of arguments by position: NumPy's, or the size first where it looks like one

    def __init__(self, seed: int | None = None, use_cuda: Any = None, no_warn: Any = None, namespace: Any = None,
                 rng_ctor: Any = None) -> None:
        """Arguments after `seed` are the older systems' and have no effect."""
        self.state_updates: list[tuple[StreamVariable, Variable]] = []
        entropy: Any = np.random.SeedSequence().entropy
        self.set_rstate(int(entropy) if seed is None else seed)

    def updates(self) -> list[tuple[StreamVariable, Variable]]:
        return list(self.state_updates)

    def seed(self, seed: int | None = None) -> None:
        """Start all streams again, as a new `RandomStream(seed)` would have them."""
        seed = self.default_instance_seed if seed is None else whole("the seed", seed)
        for number, (rng, _) in enumerate(self.state_updates):
            rng.get_value(borrow=True).restart(stream_key(seed, number))

    def __getitem__(self, rng: StreamVariable) -> np.ndarray:
        """The state of a draw's stream, `draw.rng`."""
        return rng.get_value(borrow=True)

    def __setitem__(self, rng: StreamVariable, state: np.ndarray) -> None:
        rng.set_value(state)

    def gen(self, op: str, *args: Any, **kwargs: Any) -> RandomVariable:
        """A draw from the distribution of that name."""
        one_of("gen: the distribution", op, DISTRIBUTIONS)
        draw: RandomVariable = getattr(self, op)(*args, **kwargs)
        return draw

    @property
    def rstate(self) -> np.ndarray:
        """What the next draw call starts from: the seed (its low 64 bits) and the number of the call."""
        return np.array([self.default_instance_seed % 2**64, self._n_calls], np.uint64)

    def set_rstate(self, seed: int) -> None:
        """Later draw calls are those of a new `RandomStream(seed)`."""
        self.default_instance_seed, self._n_calls = whole("the seed", seed), 0

    def inc_rstate(self) -> None:
        """Later draw calls are those of the next seed."""
        self.set_rstate(self.default_instance_seed + 1)

    def _new_state(self) -> StreamVariable:
        key = stream_key(self.default_instance_seed, self._n_calls)
        self._n_calls += 1
        return StreamVariable.of_key(key, name=f"rng{len(self.state_updates)}")

    def _draw(self, name: str, recipe: Recipe, dtype: str, rng: Variable | None) -> RandomVariable:
        _check_dtype(name, recipe.dtype, dtype_name(dtype))
        if rng is not None and not (isinstance(rng, Variable) and isinstance(rng.type, StreamType)):
            raise TypeError(f"{name}: rng is {rng!r}; give a state, T.random.shared_rng(seed=...) or a draw's .rng")
        state = self._new_state() if rng is None else rng
        source = Source(state, dtype_name(dtype))
        value = recipe.make(source)
        if is_discrete(value.dtype):
            value = d.fitting(value, dtype_name(dtype), name)
        value = cast(value, dtype)
        jumps = [p for p in recipe.jumps if not isinstance(p, Constant)]
        next_state, value = Draw(name).apply(source.next_state(), value, *jumps)
        assert value.owner is not None
        drawn = value.owner.outputs[1] = RandomVariable(value, state, next_state)
        if rng is None:
            assert isinstance(state, StreamVariable)
            state.default_update = next_state
            self.state_updates.append((state, next_state))
        return drawn

    # ---- numbers ----

    @distribution("low", "high", "size")
    def uniform(self, size: Size = None, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None) -> Recipe:
        """low <= x < high, of 53 random bits (24 in float32); rounding of low + u * (high - low) may give high."""
        a, b = _tensors(low, high)
        b = held(b, e.logical_not(e.gt(a, b)), "uniform: high is less than low")
        return Recipe(lambda s: call("exact_affine", s.unit(lengths_of(size, [a, b], ndim), s.dtype), b - a, a),
                      config.floatX)

    @distribution("avg", "std", "size")
    def normal(self, size: Size = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None, loc: Any = None,
               scale: Any = None) -> Recipe:
        """Normal with mean `avg` (or loc) and standard deviation `std` (or scale), by quantile."""
        mean, spread = _tensors(avg if loc is None else loc, std if scale is None else scale)
        spread = d.not_negative(spread, "normal: the standard deviation")
        return Recipe(lambda s: call(
            "exact_affine", call("random_normal", s.bits(lengths_of(size, [mean, spread], ndim))), spread, mean),
            config.floatX)

    @distribution("avg", "std", "size")
    def truncated_normal(self, size: Size = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None) -> Recipe:
        """Normal, within two standard deviations of the mean."""
        mean, spread = _tensors(avg, std)
        spread = d.not_negative(spread, "truncated_normal: the standard deviation")
        inside = 0.9544997361036416  # the probability of |z| < 2

        def make(s: Source) -> Variable:
            p = call("exact_affine", s.unit(lengths_of(size, [mean, spread], ndim)), inside, (1 - inside) / 2)
            return call("exact_affine", call("normal_quantile", p), spread, mean)
        return Recipe(make, config.floatX)

    @distribution("scale", "size")
    def exponential(self, size: Size = None, scale: Any = 1.0, ndim: int | None = None) -> Recipe:
        """Exponential with mean `scale`."""
        (mean,) = _tensors(scale)
        mean = d.not_negative(mean, "exponential: scale")
        return Recipe(lambda s: call("exact_affine", s.exponential(lengths_of(size, [mean], ndim)), mean, 0.0),
                      config.floatX)

    @distribution("shape", "scale", "size")
    def gamma(self, size: Size = None, shape: Any = 1.0, scale: Any = 1.0, ndim: int | None = None) -> Recipe:
        """Gamma with this shape and scale (Marsaglia and Tsang, 2000)."""
        k, theta = _tensors(shape, scale)
        k, theta = d.positive(k, "gamma: shape"), d.not_negative(theta, "gamma: scale")
        return Recipe(lambda s: d.gamma(s, lengths_of(size, [k, theta], ndim), k) * theta, config.floatX, [k])

    @distribution("alpha", "beta", "size")
    def beta(self, size: Size = None, alpha: Any = 1.0, beta: Any = 1.0, ndim: int | None = None) -> Recipe:
        """Beta, as the ratio of two gamma numbers."""
        a, b = _tensors(alpha, beta)
        a, b = d.positive(a, "beta: alpha"), d.positive(b, "beta: beta")
        return Recipe(lambda s: d.beta(s, lengths_of(size, [a, b], ndim), a, b), config.floatX, [a, b])

    # ---- counts ----

    @distribution("p", "size")
    def bernoulli(self, size: Size = None, p: Any = 0.5, ndim: int | None = None) -> Recipe:
        """1 with probability p, else 0."""
        (chance,) = _tensors(p)
        chance = d.chance(chance, "bernoulli")
        return Recipe(lambda s: e.lt(s.unit(lengths_of(size, [chance], ndim)), chance), "int64", [chance])

    @distribution("n", "p", "size")
    def binomial(self, size: Size = None, n: Any = 1, p: Any = 0.5, ndim: int | None = None, prob: Any = None,
                 ) -> Recipe:
        """How many of n trials succeed with probability p. Costs n blocks an element, the largest n of several."""
        trials, chance = _tensors(n, p if prob is None else prob)
        trials, chance = d.trials(trials, "binomial: n"), d.chance(chance, "binomial")

        def make(s: Source) -> Variable:
            lengths = lengths_of(size, [trials, chance], ndim)
            if constant_int(trials) == 1:
                return e.lt(s.unit(lengths), chance)
            return d.successes(s, lengths, trials, chance)
        return Recipe(make, "int64", [trials, chance])

    @distribution("lam", "size")
    def poisson(self, size: Size = None, lam: Any = 1.0, ndim: int | None = None) -> Recipe:
        """Poisson with mean `lam`: arrivals counted until time lam; takes about max(lam) steps."""
        (mean,) = _tensors(lam)
        return Recipe(lambda s: d.poisson(s, lengths_of(size, [mean], ndim), mean), "int64", [mean])

    @distribution("low", "high", "size")
    def random_integers(self, size: Size = None, low: Any = 0, high: Any = 1, ndim: int | None = None) -> Recipe:
        """Integers from low to high, both included."""
        first, last = _whole_numbers("random_integers", low, high)
        return Recipe(lambda s: d.integers(s, lengths_of(size, [first, last], ndim), first, last + 1), "int64",
                      [first, last])

    @distribution("low", "high", "size")
    def integers(self, low: Any, high: Any = None, size: Size = None, ndim: int | None = None) -> Recipe:
        """Integers from low (0 where high is not given) up to, without, high."""
        first, end = _whole_numbers("integers", *((0, low) if high is None else (low, high)))
        return Recipe(lambda s: d.integers(s, lengths_of(size, [first, end], ndim), first, end), "int64",
                      [first, end])

    # ---- choices ----

    @distribution("p", "size")
    def categorical(self, p: Any, size: Size = None, ndim: int | None = None) -> Recipe:
        """Index i with probability p[..., i], for each row of p (which sum to 1)."""
        (chances,) = _tensors(p)
        chances = d.chances(chances, "categorical")
        return Recipe(lambda s: d.category(s, _rows(size, chances, ndim), chances), "int64", [chances])

    @distribution("n", "pvals", "size")
    def multinomial(self, size: Size = None, n: Any = 1, pvals: Any = (0.5, 0.5), ndim: int | None = None,
                    p: Any = None) -> Recipe:
        """How often each category, of chances `pvals` (or p), is drawn in n trials, along a last axis. Costs n
        blocks a row, the largest n of several."""
        (chances,) = _tensors(pvals if p is None else p)
        chances = d.chances(chances, "multinomial")
        (count,) = _tensors(n)
        count = d.trials(count, "multinomial: n")
        return Recipe(lambda s: d.counts(s, _rows(size, chances, ndim, count), count, chances), "int64",
                      [count, chances])

    @distribution("n", "pvals", "size")
    def multinomial_wo_replacement(self, size: Size = None, n: Any = 1, pvals: Any = (0.5, 0.5),
                                   ndim: int | None = None) -> Recipe:
        """n different categories along a last axis, each in proportion to the chances of those left."""
        (chances,) = _tensors(pvals)
        chances = d.chances(chances, "multinomial_wo_replacement", sum_is_one=False)
        n_categories = chances.shape[chances.ndim - 1]
        count = d.at_most(d.trials(as_tensor_variable(n), "multinomial_wo_replacement: n"), n_categories,
                          "multinomial_wo_replacement: n is greater than the number of categories")
        return Recipe(lambda s: _first(d.order(s, [*_rows(size, chances, ndim), n_categories], chances), count),
                      "int64", [chances])

    @distribution("a", "size", "replace", "p")
    def choice(self, size: Size = None, a: Any = 2, replace: bool = True, p: Any = None, ndim: int | None = None,
               ) -> Recipe:
        """Elements of the vector `a`, or of 0 to a - 1, with equal chances or with chances p."""
        (values,) = _tensors(a)
        n = d.positive(d.trials(values, "choice: a"), "choice: a") if values.ndim == 0 else d.positive(
            values.shape[0], "choice: the number of elements of a")
        chances = [] if p is None else [_chances_of(n, p)]
        with_repeats = flag("choice: replace", replace)

        def make(s: Source) -> Variable:
            lengths = lengths_of(size, [], ndim)
            if not with_repeats:
                total = d.at_most(product(lengths), n, "choice: without replacement, size must be no more than a")
                places = reshape(_first(d.order(s, [n], *chances), total), lengths, ndim=len(lengths))
            elif chances:
                places = d.category(s, lengths, *chances)
            else:
                places = d.integers(s, lengths, Constant(np.zeros((), np.int64)), cast(n, "int64"))
            return places if values.ndim == 0 else values[places]
        return Recipe(make, "int64" if values.ndim == 0 else values.dtype, chances)

    @distribution("n", "size")
    def permutation(self, size: Size = None, n: Any = 1, ndim: int | None = None) -> Recipe:
        """Permutations of 0 to n - 1, or of the vector n, along a last axis, by sorting random keys."""
        (values,) = _tensors(n)
        if values.ndim == 0:
            n = d.trials(values, "permutation: n")
            return Recipe(lambda s: d.order(s, [*lengths_of(size, [], ndim), n]), "int64")
        return Recipe(lambda s: values[d.order(s, [*lengths_of(size, [], ndim), values.shape[0]])], values.dtype)

    @distribution("input")
    def shuffle_row_elements(self, input: Any) -> Recipe:
        """`input` with the elements of each row in random order."""
        (matrix,) = _tensors(input)
        if matrix.ndim != 2:
            raise ValueError(f"shuffle_row_elements takes a matrix, not {matrix!r}")
        rows = arange(matrix.shape[0]).dimshuffle(0, "x")
        return Recipe(lambda s: matrix[rows, d.order(s, [matrix.shape[0], matrix.shape[1]])], matrix.dtype)


class RandomStreams(RandomStream):
    """A `RandomStream` under its older names: whole numbers that come first by position are the size."""

    order = "older"


class _NumpyStream(RandomStream):
    """Where only NumPy's order counts: the functions, and the methods of states."""

    order = "numpy"


def draw_once(distribution: str, /, *args: Any, return_next_rng: bool = False, **kwargs: Any) -> Any:
    """A draw from the distribution of that name: from the state `rng`, else from a stream of its own, seeded
    by the operating system. With `return_next_rng` the pair (next state, draw)."""
    made: RandomVariable = getattr(_NumpyStream(), distribution)(*args, **kwargs)
    return (made.update[1], made) if return_next_rng else made


def rng(name: str | None = None) -> Variable:
    """A symbolic state, an input of two uint64 numbers; each distribution is a method of it."""
    return StreamType()(name)


_NOT_GIVEN = object()


def shared_rng(value: Any = None, *, seed: Any = _NOT_GIVEN, name: str | None = None, borrow: bool = False,
               ) -> StreamVariable:
    """A shared state of the key that `value`, a generator of NumPy, draws next; a whole number, or `seed`, stands
    for NumPy's `default_rng` of it, and `seed=None` for one that differs from run to run.

    Each distribution is a method: `next_state, x = rng.normal(0, 1)`. It has no default update. `borrow` has no
    effect: the state is made from the generator, which stays as it is.
    """
    if (value is None) == (seed is _NOT_GIVEN):
        raise TypeError("shared_rng takes a generator of NumPy or seed=, one of them")
    start = seed if value is None else value
    generator = np.random.default_rng(start) if start is None or isinstance(start, int | np.integer) else start
    if not is_generator(generator):
        raise TypeError(f"shared_rng takes a generator of NumPy or seed=, not {start!r}")
    made = shared(generator, name)
    assert isinstance(made, StreamVariable)
    return made


def _tensors(*values: Any) -> list[Variable]:
    """Parameters as variables."""
    return [as_tensor_variable(_array_of(v) if isinstance(v, list | tuple) else v) for v in values]


def _array_of(numbers: list[Any] | tuple[Any, ...]) -> Any:
    """Python numbers: whole ones are int64, others of floatX; a list with variables stays one."""
    if holds_variables(numbers):
        return numbers
    array = np.asarray(numbers)
    return array if array.dtype.kind in "iub" else array.astype(config.floatX)


def _whole_numbers(what: str, *bounds: Any) -> list[Variable]:
    found = _tensors(*bounds)
    for bound in found:
        if not is_discrete(bound.dtype):
            raise TypeError(f"{what}: a bound is {bound!r} of dtype {bound.dtype}; bounds are whole numbers")
    return [cast(bound, "int64") for bound in found]


def _chances_of(n: Variable, p: Any) -> Variable:
    """One chance for each of n elements."""
    (chances,) = _tensors(p)
    chances = d.chances(chances, "choice")
    return held(chances, e.eq(chances.shape[chances.ndim - 1], n), "choice: p has another length than a")


def _check_dtype(what: str, natural: str, asked: str) -> None:
    if not is_discrete(natural) and is_discrete(asked):
        raise TypeError(f"{what}: dtype is {asked!r}, which would cut the draws off; draw floats, and cast them")


def _rows(size: Size, chances: Variable, ndim: int | None, *counts: Variable) -> list[Any]:
    """The lengths asked for, or those of all axes of the chances but the last, and of counts."""
    several = [v for v in counts if v.ndim]
    first = [chances[..., 0]] if chances.ndim > 1 and several else []
    if size is not None or several:
        return lengths_of(size, [*first, *several], ndim)
    return [chances.shape[i] for i in range(chances.ndim - 1)]


def _first(places: Variable, n: Any) -> Variable:
    """The first n along the last axis."""
    return places[(slice(None),) * (places.ndim - 1) + (slice(None, n),)]
