"""Shared variables: arrays that functions read and update, and that outlive the calls."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Sequence
from itertools import count
from typing import Any
from weakref import WeakSet

import numpy as np

from scancc.errors import TypeMismatchError
from scancc.foreign import is_generator
from scancc.frontend.graph.constants import array_of, as_tensor_variable, strong
from scancc.frontend.graph.options import flag, flag_or_none, name_of, one_of, unmasked
from scancc.frontend.graph.stream_type import Draws, StreamType
from scancc.frontend.graph.variables import DTYPES, TensorType, Variable, dtype_name


class Container:
    """Where a shared variable, and every clone of it, keeps the value: `storage[0]`, C-contiguous.

    `lock` is held while a call computes the next value; `number` is the order in which locks are taken.
    """

    __slots__ = ("storage", "lock", "number")

    def __init__(self, value: np.ndarray) -> None:
        self.storage = [value]
        self.lock = threading.RLock()
        self.number = next(_numbers)
        _locks.add(self.lock)

    def __reduce__(self) -> Any:
        return Container, (self.storage[0],)


_numbers = count()
_locks: WeakSet[Any] = WeakSet()


def _forget_other_threads() -> None:
    """Free, in a child process, the locks that threads of its parent held."""
    for lock in _locks:
        if not lock._is_owned():
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


class SharedVariable(Variable):
    """A variable that holds a value. Rank and dtype are fixed; lengths may change with the value.

    `default_update`, where set, is the expression that a function gives it after each call, unless told
    otherwise.
    """

    __slots__ = ("_default_update", "container")

    def __init__(self, type: TensorType, container: Container, name: str | None = None) -> None:
        super().__init__(type, name=name)
        self.container = container
        self.default_update: Variable | None = None

    @property
    def default_update(self) -> Variable | None:
        return self._default_update

    @default_update.setter
    def default_update(self, value: object) -> None:
        if value is not None and not isinstance(value, Variable):
            value = strong(as_tensor_variable(value), self.dtype)
        self._default_update = value

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> np.ndarray:
        """The value, copied unless `borrow`."""
        value = self.container.storage[0]
        return value if flag("get_value: borrow", borrow) else value.copy()

    def set_value(self, new_value: object, borrow: bool = False) -> None:
        """Put a value of this dtype and rank, copied unless `borrow`; dtypes are cast if nothing is lost."""
        array = _numbers_of("set_value", new_value)
        self._check(new_value, array)
        if not (flag("set_value: borrow", borrow) and array.dtype == self.dtype and array.flags.c_contiguous):
            array = np.array(array, dtype=self.dtype, order="C")
        with self.container.lock:
            self.container.storage[0] = array

    def _check(self, given: object, array: np.ndarray) -> None:
        if not (np.can_cast(array.dtype, self.dtype) or _python_number_fits(given, array, self.dtype)):
            raise TypeMismatchError(
                f"set_value: the shared variable {self} is {self.dtype} and the value {array.dtype}; "
                + ("give its real part" if array.dtype.kind == "c" else
                   f"convert it first: np.asarray(value, {self.dtype!r})")
            )
        if array.ndim != self.ndim:
            raise TypeMismatchError(
                f"set_value: the shared variable {self} has {self.ndim} dimensions, the value {array.ndim}; "
                "reshape the value"
            )
        self.check_lengths(array)

    def check_lengths(self, array: np.ndarray) -> None:
        """TypeMismatchError where an axis whose length stays would get another."""
        for axis, (want, have) in enumerate(zip(self.type.shape, array.shape, strict=True)):
            if want is not None and want != have:
                raise TypeMismatchError(
                    f"set_value: axis {axis} of the shared variable {self} has length {want}, not {have}"
                )

    def zero(self, borrow: bool = False) -> None:
        """Set all elements to 0; `borrow` has no effect."""
        flag("zero: borrow", borrow)
        with self.container.lock:
            self.container.storage[0] = np.zeros_like(self.container.storage[0])

    def clone(self) -> SharedVariable:
        """Another variable over the same container: a value set through one is seen through the other."""
        other = type(self)(self.type, self.container, name=self.name)
        other.default_update = self.default_update
        return other


class StreamState(np.ndarray):
    """A stream's key and counter, with the methods by which the older systems' generators are set."""

    def seed(self, seed: int) -> None:
        """Start again, with the key that `seed` is."""
        self.restart(np.uint64(seed % 2**64))

    def restart(self, key: np.uint64) -> None:
        self[:] = key, 0

    def get_state(self) -> np.ndarray:
        return np.array(self)

    def set_state(self, state: Sequence[int] | np.ndarray) -> None:
        self[:] = state


class StreamVariable(Draws, SharedVariable):
    """A shared variable that holds the state of a stream of random numbers."""

    __slots__ = ()

    @classmethod
    def of_key(cls, key: np.uint64, name: str | None = None) -> StreamVariable:
        return cls(StreamType(), Container(_start(key)), name)

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> StreamState:
        """The state; with `borrow` what is done to it is done to the variable."""
        return super().get_value(borrow).view(StreamState)

    def set_value(self, new_value: object = None, borrow: bool = False, *, seed: int | None = None) -> None:
        """Put a state, or the one that a generator of NumPy or a `seed` starts."""
        if (new_value is None) == (seed is None):
            raise TypeError("a stream's state is set from a state or generator, or from seed=; give one of them")
        generator = np.random.default_rng(seed) if new_value is None else new_value
        super().set_value(_start(_key_of(generator)) if is_generator(generator) else generator, borrow)


def _start(key: np.uint64) -> np.ndarray:
    return np.array([key, 0], np.uint64)


def _key_of(generator: np.random.Generator | np.random.RandomState) -> np.uint64:
    """The key of a stream: what a copy of NumPy's generator draws next."""
    own = copy.deepcopy(generator)
    draw = own.integers if isinstance(own, np.random.Generator) else own.randint
    return np.uint64(draw(0, 2**64, dtype=np.uint64))


def _numbers_of(what: str, value: object) -> np.ndarray:
    """The array that a shared variable is to hold; TypeError where it is none of numbers."""
    if isinstance(value, Variable):
        raise TypeError(f"{what}: {value} is symbolic, and a shared variable holds numbers; give its first "
                        "value, and function(..., updates={shared: expression}) gives it another with each call")
    try:
        array = np.asarray(unmasked(f"{what}: the value", value))
    except ValueError as error:
        raise TypeError(f"{what}: {value!r} is no array ({error}); rows must have equal lengths") from None
    if array.dtype.name not in DTYPES:
        raise TypeError(f"{what}: {value!r:.80} cannot become a tensor (its dtype would be {array.dtype}); give "
                        "numbers or an array of them, of at most 64 bits")
    return array


def _python_number_fits(given: object, array: np.ndarray, dtype: str) -> bool:
    """Python numbers, and lists of them, take the shared variable's dtype where their kind allows it."""
    if isinstance(given, (np.ndarray, np.generic)):
        return False
    with np.errstate(all="ignore"):
        cast = array.astype(dtype, copy=False) if array.dtype.kind in "biuf" else array
    if np.dtype(dtype).kind in "fc":
        return array.dtype.kind in ("biuf" if np.dtype(dtype).kind == "f" else "biufc")
    return bool(np.array_equal(cast, array)) and array.dtype.kind in "biu"


def shared(
    value: object, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None,
    dtype: object = None, borrow: bool = False, broadcastable: Sequence[bool] | None = None,
    shape: Sequence[int | None] | None = None, target: Any = None,
) -> SharedVariable:
    """A shared variable that holds `value`: its dtype, or `dtype`; a Python int is int64, a float float64.

    A NumPy generator gives a stream of random numbers, for `rng=` of a draw.
    The value is copied unless `borrow`. `broadcastable` or `shape` say lengths that stay; by default a
    later value may have any lengths. `target` is the older systems' and has no effect.

    >>> total, x = sc.shared(0.), T.scalar("x")
    >>> add = sc.function([x], total, updates={total: total + x})
    >>> add(2.), add(5.), total.get_value()
    (array(0.), array(2.), array(7.))
    """
    name_of("a shared variable", name)
    for what, given in (("strict", strict), ("allow_downcast", allow_downcast), ("borrow", borrow)):
        flag_or_none(f"shared: {what}", given)
    if None not in (shape, broadcastable) and [n == 1 for n in shape or ()] != list(broadcastable or ()):
        raise ValueError(f"shared: shape is {shape} and broadcastable {broadcastable}, which says another")
    if is_generator(value):
        return StreamVariable.of_key(_key_of(value), name)
    one_of("shared: target", target, (None, "cpu"))
    array = _numbers_of("shared", value)
    array = array if dtype is None else array_of(value, dtype_name(dtype))
    if not allow_downcast and array.dtype.kind in "biu" and not np.array_equal(array, np.asarray(value)):
        raise TypeMismatchError(f"shared: {value!r} is no value of dtype {array.dtype}; give another dtype, or "
                                "allow_downcast=True")
    lengths: Any = shape or broadcastable or (None,) * array.ndim
    fresh = array if borrow and array.flags.c_contiguous else np.array(array, order="C")
    variable = SharedVariable(TensorType(array.dtype.name, lengths), Container(fresh), name=name)
    variable._check(value, array)
    return variable
