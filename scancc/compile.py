"""`function`: a program of symbolic variables becomes something to call.

LLVM is loaded at the first compilation, so that importing scancc is light.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from scancc import modes
from scancc.artifact import Check, Param
from scancc.config import config
from scancc.errors import MissingInputError, UnsupportedError
from scancc.frontend.graph.constants import constant
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Constant, TensorLike, Variable, leaves, user_location
from scancc.frontend.program.arguments import In, bind
from scancc.frontend.program.program import Evaluation, Out, Program, make_program
from scancc.insight.function import Insight
from scancc.later import loaded_later
from scancc.modes import Mode, NanGuardMode, mode_named
from scancc.other_names import OF_FUNCTIONS, object_has_none
from scancc.process import kept_property
from scancc.runtime import fastcall
from scancc.runtime.cpu import Kernel
from scancc.versions import Native, Versions

if TYPE_CHECKING:
    import inspect

    from scancc import signature, stages
    from scancc.codegen import target as targets
    from scancc.codegen.target import Target
    from scancc.frontend.program import showing
    from scancc.insight.timing import Timing
    from scancc.insight.watching import finite, prints
    from scancc.runtime import outputs as arrays_given
    from scancc.runtime import shipped as shipping
    from scancc.runtime.outputs import Given
    from scancc.runtime.shipped import Shipped
    from scancc.stages import Compiled
else:
    signature, stages, targets, showing, finite, prints, arrays_given, shipping = map(loaded_later, (
        "scancc.signature", "scancc.stages", "scancc.codegen.target", "scancc.frontend.program.showing",
        "scancc.insight.watching.finite", "scancc.insight.watching.prints", "scancc.runtime.outputs",
        "scancc.runtime.shipped"))


# The older systems' modules compile.mode, compile.debugmode and compile.nanguardmode.
mode = debugmode = nanguardmode = modes


_later: ContextVar[bool] = ContextVar("_later", default=False)


@contextmanager
def compiling_later() -> Iterator[None]:
    """What is made in here is compiled at its first call: a command needs one of a file's functions."""
    token = _later.set(True)
    try:
        yield
    finally:
        _later.reset(token)


class _Signature:
    """What `inspect.signature` says of a function; that of the class is what makes one."""

    def __get__(self, function: Function | None, owner: type) -> inspect.Signature:
        if function is None:
            raise AttributeError("__signature__")
        return showing.signature_of(function.program.inputs)


class Function(Insight, fastcall.Served):
    """A compiled function: call it with arrays, lists or numbers, by position or keyword.

    Outputs are new arrays, or those of `out`: an array of the output's dtype and shape, or a list or dict of them as
    the outputs are (None: a new one); an input that is called `out` takes that keyword. Where `until` ends a scan
    early, the result is the part of the array that was filled; after a call that raises it has any values.

    A call that succeeded updates its shared variables, all at one moment; a call that raises updates none. Calls
    with updates that have a shared variable in common run one after the other, in whatever threads; see
    docs/threads.md.

    >>> x = T.vector("x")
    >>> f = sc.function([x], x / x.sum(), name="shares")
    >>> f([1., 3.])
    array([0.25, 0.75])
    """

    __signature__ = _Signature()

    def __init__(self, program: Program, mode: Mode) -> None:
        self.program = program
        self.name = program.name
        self.__name__ = self.__qualname__ = program.name or "function"
        self.mode = mode
        self._n_inputs, self._n_outputs = len(program.inputs), len(program.outputs)
        is_watched = program.prints or isinstance(mode, NanGuardMode)
        self._plain = not (program.updates or mode.reference or is_watched) and program.layout.kind in ("one", "list")
        self._holding = program.holding()
        self._native = None
        self._call: Any = Evaluation(program) if mode.reference else None  # None: the call's arrays choose the code
        later = _later.get()
        self._versions = None if mode.reference else _versions_for(program, mode, self._plain, later)
        if self._versions is not None:
            fastcall.serve(Function)
            if not later:
                self._take(None)

    __getattr__ = object_has_none("f.", OF_FUNCTIONS)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call_slowly(*args, **kwargs)

    def _call_slowly(self, *args: Any, **kwargs: Any) -> Any:
        """A call that the code in C in place of `__call__` leaves to Python."""
        if "out" in kwargs and not any(i.keyword == "out" for i in self.program.inputs):
            return self._call_into(kwargs.pop("out"), args, kwargs)
        if self.mode.reference:
            return self._call(*args, **kwargs)
        if self.program.updates:
            return self._holding.alone(self._call_with_shared, args, kwargs)
        return self._call_with_shared(*args, **kwargs)

    def _call_into(self, out: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A call with arrays for its outputs."""
        layout = self.program.layout
        given = arrays_given.spread(out, self._output_params, layout.kind, layout.keys)
        if self.mode.reference:
            return self._call.run(args, kwargs, partial(self._interpreted_into, given))
        if self.program.updates:
            return self._holding.alone(self._compute_into, (given, args, kwargs), {})
        return self._compute_into(given, args, kwargs)

    @kept_property
    def _output_params(self) -> tuple[Param, ...]:
        return signature.signature(self.program)[1][:self._n_outputs]

    def _interpreted_into(self, given: Given, found: list[np.ndarray]) -> list[np.ndarray]:
        """What native code gives for the outputs; where scans end early, no size tells how many rows are too many."""
        early = self.program.ends_early
        most = [g.shape if early and g is not None and g.shape[1:] == f.shape[1:] and g.size > f.size else None
                for g, f in zip(given, found, strict=True)]
        return list(map(arrays_given.stored, given, self._output_params, found, most))

    def _compute_into(self, given: Given, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        arrays = self._arrays(args, kwargs)
        return self._settle(self._kernel(*arrays, out=[*given, *(None for _ in self.program.updates)]))

    def _call_with_shared(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == self._n_inputs:
            results = (self._call or self._any_version)(*args, *self._holding.values())
            if results is not NotImplemented:
                return results if self._plain else self._settle(results)
        return self._convert_and_call(args, kwargs)

    def _convert_and_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A call with lists, numbers of other types, keywords, defaults or arrays in another layout."""
        arrays = self._arrays(args, kwargs)
        results = (self._call or self._any_version)(*arrays)
        if results is NotImplemented:
            results = self._kernel(*arrays)
            results = results[0] if self._plain and self.program.layout.kind == "one" else results
        return results if self._plain else self._settle(results)

    def _arrays(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[np.ndarray]:
        """What the kernel takes: of the arguments and of shared variables."""
        values = bind(self.program.inputs, args, kwargs, self.name)
        return [_row_major(v) for v in (*values, *self._holding.values())]

    def _settle(self, results: list[np.ndarray]) -> Any:
        """Give shared variables their new values, and the caller the outputs."""
        self._holding.update(results[self._n_outputs:])
        return self.program.layout.arrange(results[:self._n_outputs])

    def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Compile now what else the first call would wait for: the code for such arguments, or for all sizes.

        Only functions whose steps have matrices of unknown sizes wait for a call (docs/calls.md).
        """
        if self._versions is not None:
            self._versions.prepare(self._arrays(args, kwargs) if args or kwargs else None)

    def _take(self, native: Native | None) -> None:
        """Have calls run `native` at once from now on, as far as that can be known; None: before any call."""
        versions = self._versions
        assert versions is not None, "the interpreter has no code"
        if not versions.is_open:
            native = versions.general
            self._call = native.call
        if native is not None and self._plain and native is (versions.first or versions.general):
            self._native = fastcall.native(native.call)

    def _any_version(self, *values: Any) -> Any:
        """What the code for these values gives; NotImplemented where one is not plain."""
        assert self._versions is not None
        if not all(isinstance(v, np.ndarray) for v in values):
            return NotImplemented
        native = self._versions.of(values)
        if self._native is None:
            self._take(native)
        return native.call(*values)

    def _kernel(self, *arrays: np.ndarray, out: Given | None = None) -> list[np.ndarray]:
        """The outputs of native code, which checks everything."""
        assert self._versions is not None, "the interpreter runs it"
        return self._versions.of(arrays).kernel(*arrays, out=out)

    def derivative(self, kind: str, wrt: Any = None) -> Function:
        """A derivative of this function, compiled at its first call: 'value_and_grad', 'vjp' or 'jvp'.

        `wrt`: inputs and shared variables, or their names; all inputs of real numbers by default. Inputs and outputs
        are named after those of the function: ct_Y and tangent_X are taken, grad_X and tangent_Y given
        (docs/artefacts.md).
        """
        from scancc.frontend.gradients.by_name import derivative  # heavy, and rarely needed

        with compiling_later():
            return Function(derivative(self.program, kind, wrt), self.mode)

    def streamed(self) -> Function:
        """This function for sequences that come in chunks: it keeps the states of its scans from call to call, and
        chunks give the rows that the whole would have given, to the bit (docs/artefacts.md). Compiled at its first
        call. StreamingError where the program reads other rows than the step's own."""
        from scancc.frontend.program.streaming import streamed  # rarely needed

        with compiling_later():
            return Function(streamed(self.program), self.mode)

    def shipped(self, target: Target | str | None = None) -> Shipped:
        """This function to send to other processes, as native code that is checked when it is first called there
        (docs/how-to/past_one_process.md). `target`: the processor of the machines that call it; this one by default.
        Shared variables have the values that they have now. UnsupportedError where calls update some: each process
        would have its own.

        >>> x = T.vector("x")
        >>> sc.function([x], x + 1, name="more").shipped()([1., 2.])
        array([2., 3.])
        """
        from scancc.codegen.exports.codes import object_of  # rarely needed

        if self.program.updates:
            raise UnsupportedError(f"{self.name or 'function'}: calls update shared variables, of which each process "
                                   "would have its own; give their values as inputs and their updates as outputs")
        where = targets.target_of(target)
        if where.kind != "cpu":
            raise UnsupportedError(f"{self.name or 'function'}: code for {where.sm} is loaded by the GPU's driver; "
                                   "ship code for a CPU, or send the files of sc.export")
        return shipping.Shipped.of(self.name or "function", object_of(self, where, self.program.threads))

    def export_form(self, target: Target | str | None = None, freeze: bool = False, threads: bool = False,
                    checks: Sequence[Check] = (), left_out: Collection[int] = ()) -> Compiled:
        """As `compiled`, for a caller in C, and for any target. `freeze`: shared variables that no call updates are
        constants with the values that they have now. `threads`: the caller's may share its loops. `checks`: those of
        other code of the function. `left_out`: outputs that are not made."""
        program = self._with({v: constant(v.get_value()) for v in self._fixed}) if freeze else self.program
        program = replace(program, threads=threads).without(left_out)
        compiled = stages.compile_program(program, target, True, checks)
        return self._with_printing(compiled, program) if program.prints else compiled

    def _with_printing(self, compiled: Compiled, program: Program) -> Compiled:
        """With the code that has what is printed as more outputs."""
        if compiled.target.kind != "cpu":
            raise UnsupportedError(f"{self.name or 'function'}: code for {compiled.target.sm} has nobody who prints; "
                                   "leave Print out of what is exported for a GPU")
        more, shown = prints.with_prints(program)
        if not shown:
            return compiled
        printing = stages.compile_program(more, compiled.target, True, compiled.checks)
        if printing.inputs != compiled.inputs:
            raise UnsupportedError(f"{self.name or 'function'}: Print stands in a loop whose number of steps nothing "
                                   "tells before it runs; give the scan n_steps, or leave Print out of the export")
        return replace(compiled, printing=printing, prints=shown)

    def frozen(self) -> Function:
        """The same function, where the shared variables that no call updates are constants of their values now."""
        return Function(self._with({v: constant(v.get_value()) for v in self._fixed}), self.mode)

    @property
    def output_names(self) -> list[str]:
        """The keys of a dict of outputs, else their own names."""
        return self.program.output_names

    @property
    def gives_one(self) -> bool:
        """Whether an exported call gives one array instead of a list of arrays."""
        return self.program.layout.kind == "one" and not self.program.updates

    @property
    def kernel(self) -> Kernel:
        """The code for all sizes as the runtime calls it, by address (`artifact.py` says how)."""
        if self._versions is None:
            raise UnsupportedError(f"{self!r} is run by the interpreter; leave mode out for native code")
        return self._versions.general.kernel

    @property
    def _fixed(self) -> list[SharedVariable]:
        """The shared variables that no call updates."""
        updated = {variable for variable, _ in self.program.updates}
        return [variable for variable in self.program.shared if variable not in updated]

    def _with(self, givens: Mapping[Any, Any]) -> Program:
        """The program with expressions in place of shared variables."""
        program = self.program
        made = make_program(list(program.inputs), self._listed_outputs(), dict(program.updates), givens,
                            no_default_updates=True, on_unused_input="ignore", name=program.name,
                            fast_math=program.fast_math)
        return replace(made, leave_out=program.leave_out, threads=program.threads)

    def _listed_outputs(self) -> Any:
        """The outputs as `function` takes them."""
        layout, outputs = self.program.layout, self.program.outputs
        return layout.arrange(outputs)

    def copy(self, share_memory: bool = False, swap: Mapping[Any, Any] | None = None,
             delete_updates: bool = False, name: str | None = None) -> Function:
        """The same program with shared variables exchanged, or without its updates. `share_memory` has no effect."""
        program = self.program
        swap = _swapped(swap, program)
        kept = () if flag("copy: delete_updates", delete_updates) else program.updates
        updates = {swap.get(s, s): v for s, v in kept}
        return function(list(program.inputs), self._listed_outputs(), updates=updates, givens=swap, mode=self.mode,
                        no_default_updates=True, name=name or self.name, on_unused_input="ignore",
                        fast_math=program.fast_math, profile=isinstance(self, ProfiledFunction))

    def in_mode(self, mode: Any) -> Function:
        """The same program, with the same shared variables, run in another mode."""
        return type(self)(self.program, mode_named(mode))

    def __reduce__(self) -> Any:
        """Pickled as its graph, and compiled where it is loaded."""
        from scancc.frontend.random import RandomStream

        return _compiled_again, (RandomStream, self.program, self.mode)

    def __repr__(self) -> str:
        return f"<scancc function {showing.described_program(self.program, self._where())}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the same, with a line for each input and output."""
        return showing.program_table(self.program, self._where())

    def _where(self) -> str:
        """What runs it."""
        from scancc.codegen.target import local

        return "NumPy interpreter" if self.mode.reference else local().cpu


def _versions_for(program: Program, mode: Mode, plain: bool, later: bool) -> Versions:
    """The native codes of a program: with prints or checks where it or the mode has such."""
    if isinstance(mode, NanGuardMode):
        return finite.Guarding(program, mode, later)
    return prints.Printing(program, later) if program.prints else Versions(program, plain, later)


class ProfiledFunction(Function):
    """A function that times its calls, and so takes no short way (`profile=True`)."""

    def __init__(self, program: Program, mode: Mode) -> None:
        self._n_calls, self._spent = 0, {"arguments": 0.0, "code": 0.0, "outputs": 0.0, "the rest": 0.0}
        super().__init__(program, mode)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._n_calls += 1
        before, start = sum(self._spent.values()), time.perf_counter()
        try:
            return self._call_slowly(*args, **kwargs)
        finally:
            inside = sum(self._spent.values()) - before
            self._spent["the rest"] += time.perf_counter() - start - inside

    def _take(self, native: Native | None) -> None:
        """Every call goes the way that is timed."""

    def _any_version(self, *values: Any) -> Any:
        return NotImplemented

    def _arrays(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[np.ndarray]:
        with self._timed("arguments"):
            return super()._arrays(args, kwargs)

    def _kernel(self, *arrays: np.ndarray, out: Given | None = None) -> list[np.ndarray]:
        if self._versions is not None:
            self._versions.prepare(arrays)  # compiling is no part of a call
        with self._timed("code"):
            return super()._kernel(*arrays, out=out)

    def _settle(self, results: list[np.ndarray]) -> Any:
        with self._timed("outputs"):
            return super()._settle(results)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._spent[what] += time.perf_counter() - start

    def timing(self) -> Timing:
        return super().timing()._replace(n_calls=self._n_calls, calls=dict(self._spent))


def _swapped(swap: Any, program: Program) -> dict[SharedVariable, Any]:
    """The argument `swap` of `copy`: shared variables of the program, and what stands in their place."""
    if not isinstance(swap, Mapping | None):
        raise TypeError(f"copy: swap is {swap!r}; give a dict, shared variable to shared variable")
    for old in swap or {}:
        if old not in program.shared:
            known = ", ".join(map(repr, program.shared)) or "none"
            raise ValueError(f"copy: swap names {old!r}, which is no shared variable that it reads: {known}")
    return dict(swap or {})


def _compiled_again(_loads_first: type, program: Program, mode: Mode) -> Function:
    """A function that was pickled; draws need the module of `_loads_first` before their graph is read."""
    return Function(program, mode)


def _row_major(value: np.ndarray) -> np.ndarray:
    """Row-major and aligned, as native code reads it."""
    return np.require(value, requirements=("C", "A"))


Updates: TypeAlias = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


def function(
    inputs: Sequence[Variable | In], outputs: TensorLike | Out | Mapping[str, Any] | None = None,
    mode: Mode | str | None = None, updates: Updates | None = None, givens: Updates | None = None,
    no_default_updates: bool | Sequence[SharedVariable] = False, accept_inplace: bool = False,
    name: str | None = None, rebuild_strict: bool = True, allow_input_downcast: bool | None = None,
    profile: Any = None, on_unused_input: str | None = None, trust_input: bool = False, fast_math: Any = None,
) -> Function:
    """Compile a program of symbolic variables into a callable.

    inputs: a list of variables, or of `In`, which has a default value, another name or an update.
    outputs: one variable, a list of them, a dict by name, or nothing: what a call then returns as arrays.
    updates: a dict or pairs of a shared variable and its new value, applied after each call that succeeds.
    givens: a dict or pairs of a variable and what stands for it in this function.
    mode: 'native', the default, or 'reference', the NumPy interpreter; a mode that asks for what is not done warns.
    no_default_updates: True, or the shared variables whose own updates (of random streams) are not to happen.
    name: in C, dumps and errors.
    allow_input_downcast: arguments may lose digits; None: Python's floats only, in float32.
    on_unused_input: 'raise', 'warn' or 'ignore'; None: `config.on_unused_input`.
    profile: time each call, for `timing()`; None: `config.profile`.
    fast_math: what may change a number beside what is done by default, any of 'contract', 'reassociate' and
        'approximate', or True for all; False for not even the default (docs/floating_point.md); None:
        `config.fast_math`.
    rebuild_strict: False: `givens` may have another dtype, rank or known length than what they stand for.
    accept_inplace, trust_input: of older programs, and change nothing.

    UnusedInputError and MissingInputError where inputs and outputs do not fit each other; TypeError or ValueError
    where another argument is wrong.

    >>> x, gain = T.vector("x"), T.scalar("gain")
    >>> f = sc.function([x, sc.In(gain, value=2.)], {"scaled": gain * x, "sum": x.sum()})
    >>> f([1., 2.])
    {'scaled': array([2., 4.]), 'sum': array(3.)}
    """
    program = make_program(inputs, outputs, updates, givens, no_default_updates, on_unused_input,
                           allow_input_downcast, rebuild_strict, name, fast_math)
    for what, given in (("accept_inplace", accept_inplace), ("trust_input", trust_input)):
        flag(what, given)
    found = mode_named(mode)
    if found.unmet:
        Site(program.name, user_location(), "function").warn(f"mode {found.name!r} {found.unmet}",
                                                             "leave mode out for native code")
    profiled = config.profile if profile is None else flag("function: profile", profile)
    return (ProfiledFunction if profiled else Function)(program, found)


def evaluated(x: Variable, inputs_to_values: Mapping[Any, Any] | None = None, *, mode: Any = "reference",
              **options: Any) -> Any:
    """What `x.eval(...)` gives."""
    if not isinstance(inputs_to_values, Mapping | None):
        raise TypeError(f"eval: {inputs_to_values!r} is not a dict; write x.eval({{input: value}})")
    values = dict(inputs_to_values or {})
    inputs = [_named_leaf(x, key) if isinstance(key, str) else key for key in values]
    for leaf in leaves([x], stop=[v for v in inputs if isinstance(v, Variable)]):
        if leaf not in inputs and not isinstance(leaf, Constant | SharedVariable) and "givens" not in options:
            raise MissingInputError(f"eval: no value is given for {described(leaf)}; write x.eval({{input: value}})")
    return function(inputs, x, mode=mode, **options)(*values.values())


def _named_leaf(x: Variable, name: str) -> Variable:
    """The input of `x` that is called so."""
    found = [v for v in leaves([x]) if v.name == name and not isinstance(v, Constant)]
    if len(found) != 1:
        count = "no input" if not found else f"{len(found)} inputs"
        known = ", ".join(sorted({v.name for v in leaves([x]) if v.name})) or "none"
        raise ValueError(f"eval: {count} of {x!r} called {name!r}; give the variable itself (names: {known})")
    return found[0]
