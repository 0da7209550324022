"""A kernel as a function; that of a library has the keywords, defaults, keys and state of the compiled one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from scancc.calling import Array, Calling, State
from scancc.runtime import fastcall
from scancc.runtime.arguments import cast
from scancc.runtime.cpu import Kernel
from scancc.runtime.outputs import spread

if TYPE_CHECKING:
    import inspect


class Held:
    """The values of shared variables that several functions of one library have, and who may change them."""

    def __init__(self) -> None:
        self._cells: dict[int, list[Array]] = {}
        self._lock = threading.RLock()

    def cell(self, state: State) -> list[Array]:
        """A list with the value of a variable."""
        return [state.value] if state.shared is None else self._cells.setdefault(state.shared, [state.value])

    def lock(self, states: Sequence[State]) -> threading.RLock:
        """What calls of a function with these states hold."""
        return self._lock if any(state.shared is not None for state in states) else threading.RLock()


class _Signature:
    """What `inspect.signature` says of a function, which asks no `__call__` in C: its inputs, by name where all have
    one."""

    def __get__(self, function: NativeFunction | None, owner: type) -> inspect.Signature:
        if function is None:
            raise AttributeError("__signature__")  # that of the class is what makes one
        import inspect  # rarely needed

        kind, calling = inspect.Parameter.POSITIONAL_OR_KEYWORD, function._calling
        try:
            return inspect.Signature([
                inspect.Parameter(name or "", kind, default=inspect.Parameter.empty if value is None else value)
                for name, value in zip(calling.keywords, calling.defaults, strict=True)])
        except ValueError:  # no name, or that of another
            return inspect.Signature([inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                                      inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)])


class NativeFunction(fastcall.Served):
    """A kernel to call with arrays, lists or numbers, by position or keyword.

    It has the state of its library as it was exported, `held` in common with other functions that have a variable of
    it, and every call that succeeds gives it its new values, all at one moment; calls with updates run one after the
    other. `out`, unless an input is called so, has the arrays of the outputs (runtime/outputs.py).
    """

    __signature__ = _Signature()

    def __init__(self, kernel: Kernel, calling: Calling, held: Held | None = None) -> None:
        library = held or Held()
        self.__name__ = self.__qualname__ = kernel.name
        self._kernel, self._calling = kernel, calling
        self._held = {state.name: library.cell(state) for state in calling.states}
        self._read = [self._held[state.name] for state in calling.states if state.input is not None]
        self._updated = {state.output: self._held[state.name] for state in calling.states if state.output is not None}
        self._lock = library.lock(calling.states)
        self._n_outputs = len(kernel.outputs) - len(self._updated)
        plain = calling.kind in ("one", "list") and not self._updated
        counted = any(p.rank == 0 and "int" in p.dtype for p in kernel.inputs)  # of steps: a run may be long
        strict = calling.strict or (False,) * len(calling.keywords)
        arguments = [fastcall.Argument(keyword, converts=not exact)
                     for keyword, exact in zip(calling.keywords, strict, strict=True)]
        arguments += [fastcall.Argument(held=held) for held in self._read]
        self._fast = fastcall.bind(kernel, plain and calling.kind == "one", counted, arguments if plain else None)
        self._plain, self._native = plain, fastcall.native(self._fast) if plain else None

    def __call__(self, *values: object, **keywords: object) -> Any:
        return self._call_slowly(*values, **keywords)

    def _call_slowly(self, *values: object, **keywords: object) -> Any:
        out = None if "out" in self._calling.keywords else keywords.pop("out", None)
        given = self._given(values, keywords)
        if not self._updated:
            return self._computed(given, out)
        with self._lock:
            return self._computed(given, out)

    def _computed(self, given: Sequence[object], out: object) -> Any:
        arrays = self._kernel.pack([*given, *(held[0] for held in self._read)])
        kind, keys = self._calling.kind, self._calling.keys
        if out is not None:
            places = spread(out, self._kernel.outputs[:self._n_outputs], kind, keys)
            results = self._kernel(*arrays, out=[*places, *(None for _ in self._updated)])
        else:
            results = self._fast(*arrays)
            if results is not NotImplemented and self._plain:
                return results
            results = self._kernel(*arrays) if results is NotImplemented else results
        for index, held in self._updated.items():
            held[0] = results[index]
        return self._arranged(results[:self._n_outputs])

    def _arranged(self, results: list[Array]) -> Any:
        kind = self._calling.kind
        if kind == "dict":
            return dict(zip(self._calling.keys, results, strict=True))
        return None if kind == "none" else results[0] if kind == "one" else results

    def _given(self, values: Sequence[object], keywords: Mapping[str, object]) -> list[object]:
        """A value for each input that a call gives: by position, by keyword, or its default."""
        names, n = self._calling.keywords, len(self._calling.keywords)
        listed = ", ".join(name or "?" for name in names)
        placed: dict[int, object] = dict(enumerate(values))
        for name, value in keywords.items():
            if names.count(name) != 1:
                raise TypeError(f"{self.__name__} has {'several inputs' if name in names else 'no input'} named "
                                f"{name!r}; its inputs are ({listed})")
            if names.index(name) in placed:
                raise TypeError(f"{self.__name__} got two values for the input {name!r}")
            placed[names.index(name)] = value
        if len(values) > n:
            raise TypeError(f"{self.__name__} takes {n} inputs ({listed}); given {len(values)}")
        defaults = {i: value for i, value in enumerate(self._calling.defaults) if value is not None}
        missing = [names[i] or str(i) for i in range(n) if i not in placed and i not in defaults]
        if missing:
            raise TypeError(f"{self.__name__} takes {n} inputs ({listed}); missing: {', '.join(missing)}")
        self._refuse_other_dtypes(placed)
        self._convert(placed)
        return [placed[i] if i in placed else defaults[i] for i in range(n)]

    def _refuse_other_dtypes(self, placed: Mapping[int, object]) -> None:
        """Strict inputs take arrays of their dtype only."""
        for i in (i for i, exact in enumerate(self._calling.strict) if exact and i in placed):
            dtype, value = self._kernel.inputs[i].dtype, placed[i]
            if type(value) is not np.ndarray or value.dtype.name != dtype:
                raise TypeError(f"input {i} ({self._calling.keywords[i]!r}) is strict and takes arrays of {dtype} "
                                f"only; pass np.asarray(value, {dtype!r})")

    def _convert(self, placed: dict[int, object]) -> None:
        """Values of inputs that say whether they are converted with loss, in their dtypes."""
        for i in (i for i, allowed in enumerate(self._calling.downcast) if allowed is not None and i in placed):
            placed[i] = cast(self._kernel.inputs[i], placed[i], i, bool(self._calling.downcast[i]))

    @property
    def state(self) -> dict[str, Array]:
        """The values of its shared variables, copied."""
        with self._lock:
            return {name: held[0].copy() for name, held in self._held.items()}

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.__name__} is native code in this process's memory, which is not pickled; send the "
                        "library that it was loaded from, or ship the compiled function: f.shipped()")

    def __repr__(self) -> str:
        return f"<scancc function {self.__name__}({', '.join(name or '?' for name in self._calling.keywords)})>"


def function_of(kernel: Kernel, calling: Calling, held: Held | None = None) -> NativeFunction:
    """The kernel as a function that is called so."""
    fastcall.serve(NativeFunction)
    return NativeFunction(kernel, calling, held)


def caller(kernel: Kernel, kind: str = "list") -> NativeFunction:
    """The kernel as a function of its inputs, by position or by their names."""
    names = tuple(p.name for p in kernel.inputs)
    return function_of(kernel, Calling(kind, (), names, (None,) * len(names)))
