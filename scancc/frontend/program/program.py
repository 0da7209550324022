"""A program: what `function` compiles, checked, with givens and default updates worked in."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np

from scancc.config import config
from scancc.errors import MissingInputError, UnusedInputError
from scancc.fast_math import DEFAULT, STRICT, FastMath, parse
from scancc.frontend.graph.constants import as_operand, as_tensor_variable, holds_variables, is_weak, strong
from scancc.frontend.graph.options import flag, flag_or_none, name_of
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import Site, described, refitted
from scancc.frontend.graph.variables import (
    Apply,
    Constant,
    Variable,
    applies,
    leaves,
    mentioned,
    rebuild,
    user_location,
)
from scancc.frontend.loops.added import settled
from scancc.frontend.loops.scan_op import Scan, scan_of
from scancc.frontend.loops.scan_result import check_unpacked
from scancc.frontend.loops.states import holds
from scancc.frontend.loops.step_result import until
from scancc.frontend.loops.updates import update_pairs, warn_of_forks, with_default_updates
from scancc.frontend.ops.control import Show
from scancc.frontend.ops.reference import Evaluator
from scancc.frontend.program.arguments import In, bind, convert
from scancc.frontend.program.clone import replacements
from scancc.frontend.program.holding import Holding
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Out:
    """An output of `function`. `borrow` changes nothing: every call gives arrays of its own.

    >>> x = T.vector("x")
    >>> sc.function([x], sc.Out(x + 1))([1., 2.])
    array([2., 3.])
    """

    variable: Variable
    borrow: bool = False

    def __post_init__(self) -> None:
        flag("Out: borrow", self.borrow)


@dataclass(frozen=True)
class OutputLayout:
    """How a call's outputs are handed back: 'one' value, a 'list', a 'dict' with `keys`, or 'none'."""

    kind: str
    keys: tuple[str, ...] = ()

    def arrange(self, values: Sequence[Any]) -> Any:
        if self.kind == "none":
            return None
        if self.kind == "dict":
            return dict(zip(self.keys, values, strict=True))
        return values[0] if self.kind == "one" else list(values)


@dataclass(frozen=True)
class Program:
    """Inputs, outputs and updates of a function.

    `outputs` and the values of `updates` rest on the inputs' variables, on `shared` and on constants.
    """

    inputs: tuple[In, ...]
    outputs: tuple[Variable, ...]
    updates: tuple[tuple[SharedVariable, Variable], ...]
    shared: tuple[SharedVariable, ...]  # read, in order of first use
    layout: OutputLayout
    name: str | None = None
    fast_math: FastMath = DEFAULT
    leave_out: str = field(default_factory=lambda: config.leave_out)  # passes, also where they run later
    threads: bool = field(default_factory=lambda: config.num_threads > 1)  # whether they may share loops

    @property
    def prints(self) -> bool:
        """Whether a `Print` is among what it computes, the steps of scans included."""
        return any(isinstance(node.op, Show) for node in self._nodes())

    @property
    def ends_early(self) -> bool:
        """Whether `until` may end one of its scans before its last step."""
        return any(scan.body.stop is not None for scan in self.scans)

    @property
    def scans(self) -> Iterator[Scan]:
        """All scans, those in steps included."""
        return (scan for scan in map(scan_of, self._nodes()) if scan is not None)

    def _nodes(self) -> Iterator[Apply]:
        """All that it computes, the steps of scans included."""
        pending = [self.results]
        while pending:
            for node in applies(pending.pop()):
                yield node
                scan = scan_of(node)
                pending += [] if scan is None else [scan.body.outputs]

    @property
    def results(self) -> list[Variable]:
        """Everything to compute: outputs, then new values of shared variables."""
        return [*self.outputs, *(value for _, value in self.updates)]

    @property
    def output_names(self) -> list[str]:
        """The keys of a dict, else their own names, else `result`."""
        n_outputs = len(self.outputs)
        return list(self.layout.keys) or [v.name or ("result" if n_outputs == 1 else f"result{n}")
                                          for n, v in enumerate(self.outputs)]

    @property
    def result_names(self) -> list[str]:
        """Names of the outputs, and `next_NAME` for the new value of NAME."""
        return [*self.output_names, *(f"next_{shared.name or f'shared{n}'}"
                                      for n, (shared, _) in enumerate(self.updates))]

    def settled(self) -> Program:
        """The same program, whatever else derivatives were asked of its scans (`loops/added`)."""
        results = settled(self.results)
        if all(new is old for new, old in zip(results, self.results, strict=True)):
            return self
        updates = zip((shared for shared, _ in self.updates), results[len(self.outputs):], strict=True)
        return replace(self, outputs=tuple(results[:len(self.outputs)]), updates=tuple(updates))

    def without(self, outputs: Collection[int]) -> Program:
        """The same program that does not give these outputs."""
        if not outputs:
            return self
        kept = [n for n in range(len(self.outputs)) if n not in outputs]
        keys = tuple(self.layout.keys[n] for n in kept) if self.layout.keys else ()
        layout = OutputLayout("dict", keys) if self.layout.kind == "dict" else OutputLayout("list")
        return replace(self, outputs=tuple(self.outputs[n] for n in kept), layout=layout)

    def holding(self) -> Holding:
        """The shared variables that a call reads and updates."""
        return Holding(self.shared, [variable for variable, _ in self.updates])


def make_program(
    inputs: Any, outputs: Any = None, updates: Any = None, givens: Any = None,
    no_default_updates: bool | Iterable[SharedVariable] = False, on_unused_input: str | None = None,
    allow_input_downcast: bool | None = None, rebuild_strict: bool = True, name: str | None = None,
    fast_math: Any = None,
) -> Program:
    """The checked program of a call of `function`."""
    site = Site(name_of("a function", name), user_location(), "function")
    ins = _inputs(inputs, flag_or_none("allow_input_downcast", allow_input_downcast), site)
    outs, layout = _outputs(outputs, site)
    variables = [i.variable for i in ins]
    replace = replacements(givens, flag("rebuild_strict", rebuild_strict), site)
    _check_givens(replace, ins, site)
    replaced = rebuild([o.variable for o in outs], replace)
    new_values = _all_updates(replaced, _updates(updates, site), replace, no_default_updates, variables)
    _check_values(new_values, site)
    results = [*replaced, *new_values.values()]
    warn_of_forks(results, variables, site)
    _check_complete(results, variables, site)
    _check_used(ins, results, on_unused_input, site)
    shared = tuple(v for v in leaves(results, stop=variables) if isinstance(v, SharedVariable))
    return Program(tuple(ins), tuple(replaced), tuple(new_values.items()), shared, layout, name,
                   _configured_fast_math() if fast_math is None else parse(fast_math))


def _configured_fast_math() -> FastMath:
    """What may change a number where the call does not say."""
    return parse(config.fast_math) if config.contract else STRICT


class Evaluation:
    """A program made ready for the NumPy interpreter."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._holding = program.holding()
        self._run = Evaluator(program.settled().results, [*(i.variable for i in program.inputs), *program.shared])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(args, kwargs, list)

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any],
            handed_over: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Any:
        """A call; the caller gets what `handed_over` makes of the outputs, before any update."""
        if self.program.updates:
            return self._holding.alone(self._evaluate, (args, kwargs, handed_over), {})
        return self._evaluate(args, kwargs, handed_over)

    def _evaluate(self, args: Sequence[Any], kwargs: Mapping[str, Any],
                  handed_over: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Any:
        program = self.program
        values = bind(program.inputs, args, kwargs, program.name)
        results = self._run([*values, *self._holding.values()])
        results = [np.array(value, order="C") for value in results]  # whatever they were views of
        outputs = handed_over(results[:len(program.outputs)])
        self._holding.update(results[len(program.outputs):])
        return program.layout.arrange(outputs)


# ---- inputs and outputs ---------------------------------------------------------------------------


def _as_inputs(given: object) -> str:
    """What to write in place of inputs that are no list."""
    if callable(given):
        return "write x = T.vector('x') and sc.function([x], f(x)): what is compiled is what f gives for variables"
    if not isinstance(given, Variable):
        return "write [x, y]"
    return f"write [{given}]" if given.owner is None else "the inputs come first: sc.function([x], outputs)"


def _inputs(inputs: Any, allow_downcast: bool | None, site: Site) -> list[In]:
    if not isinstance(inputs, list | tuple):
        fact = f"inputs must be a list of symbolic variables, not {inputs!r}"
        raise TypeError(site.text(fact, _as_inputs(inputs)))
    ins = [_input(i, entry, allow_downcast, site) for i, entry in enumerate(inputs)]
    seen: dict[Variable, int] = {}
    for i, entry in enumerate(ins):
        first = seen.setdefault(entry.variable, i)
        if first != i:
            raise ValueError(site.text(
                f"{entry.variable} is used twice in inputs, at positions {first} and {i}", "list it once"
            ))
    return ins


def _input(position: int, entry: Any, allow_downcast: bool | None, site: Site) -> In:
    given = entry if isinstance(entry, In) else In(entry)
    variable = given.variable
    if isinstance(variable, SharedVariable):
        raise TypeError(site.text(
            f"input {position} is the shared variable {variable}, which is read without being passed",
            "leave it out of inputs, or put another value in its place with givens",
        ))
    if not isinstance(variable, Variable) or isinstance(variable, Constant):
        raise TypeError(site.text(
            f"input {position} is {variable}, which is not a symbolic variable",
            "make one with T.scalar, T.vector, T.matrix, ...",
        ))
    given = given if given.allow_downcast is not None else given.with_downcast(allow_downcast)
    if given.value is not None:
        convert(given.value, given, position)
    return given


def _outputs(outputs: Any, site: Site) -> tuple[list[Out], OutputLayout]:
    if outputs is None:
        return [], OutputLayout("none")
    check_unpacked(outputs)
    if isinstance(outputs, Mapping):
        keys = tuple(outputs)
        if not all(isinstance(key, str) for key in keys):
            raise TypeError(site.text(
                f"outputs is a dict with the keys {list(keys)!r}",
                "the keys are strings, which name the results",
            ))
        return [_output(repr(key), outputs[key], site) for key in keys], OutputLayout("dict", keys)
    if isinstance(outputs, list | tuple):
        return [_output(i, entry, site) for i, entry in enumerate(outputs)], OutputLayout("list")
    return [_output(0, outputs, site)], OutputLayout("one")


def _output(place: object, entry: Any, site: Site) -> Out:
    given = entry if isinstance(entry, Out) else Out(entry)
    listed: object = given.variable
    check_unpacked(listed)
    if isinstance(listed, until):
        raise TypeError(site.text(f"output {place} is until(...), which ends a scan and is no value",
                                  "return it from the scan's step, behind the outputs"))
    if isinstance(listed, list | tuple) and holds_variables(listed):
        raise TypeError(site.text(
            f"output {place} is {listed!r}, a list within the list of outputs",
            "put its variables into one list, as [cost, *gradients], or stack them: T.stack(...)",
        ))
    variable = site.told(f"output {place}", as_tensor_variable, given.variable)
    return Out(strong(variable, variable.dtype), given.borrow)


# ---- updates and givens ---------------------------------------------------------------------------


def _updates(updates: Any, site: Site) -> dict[SharedVariable, Variable]:
    result: dict[SharedVariable, Variable] = {}
    for shared, value in update_pairs(updates, site):
        if not isinstance(shared, SharedVariable):
            raise TypeError(site.text(
                f"an update changes {shared}, which is not a shared variable",
                "make a value that is kept from call to call with sc.shared(...)",
            ))
        variable = site.told(f"the update of {shared}", as_operand, value)
        fits = is_weak(variable) and holds(shared.dtype, variable.data.item())  # type: ignore[attr-defined]
        result[shared] = strong(variable, shared.dtype) if fits else variable
    return result


def _all_updates(
    outputs: Sequence[Variable], updates: dict[SharedVariable, Variable], replace: dict[Variable, Variable],
    no_default_updates: bool | Iterable[SharedVariable], stop: Sequence[Variable],
) -> dict[SharedVariable, Variable]:
    """The updates given, and the default ones of the other shared variables that are read."""
    every = with_default_updates(outputs, updates, stop, replace)
    if isinstance(no_default_updates, bool):
        no_default_updates = flag("no_default_updates", no_default_updates)
    elif not isinstance(no_default_updates, list | tuple | set) or not all(
            isinstance(v, SharedVariable) for v in no_default_updates):
        raise TypeError(f"no_default_updates is {no_default_updates!r}; give True, False or shared variables")
    if no_default_updates is True:
        return {shared: every[shared] for shared in updates}
    without = set() if no_default_updates is False else set(no_default_updates)
    return {shared: value for shared, value in every.items() if shared in updates or shared not in without}


def _check_givens(replace: Mapping[Variable, Variable], ins: Sequence[In], site: Site) -> None:
    for entry in ins:
        if entry.variable in replace:
            raise ValueError(site.text(
                f"{entry.variable} is an input and is also replaced by givens, so its argument would have "
                "no effect",
                "take it out of one of the two",
            ))


def _check_values(updates: Mapping[SharedVariable, Variable], site: Site) -> None:
    for shared, value in updates.items():
        if value.dtype != shared.dtype or value.ndim != shared.ndim:
            raise TypeError(site.text(
                f"the update of the shared variable {shared} ({shared.type}) is {described(value)}. An "
                "update must have the same type as the original shared variable",
                refitted(value, shared.dtype, shared.ndim),
            ))


# ---- completeness ---------------------------------------------------------------------------------


def _check_complete(results: Sequence[Variable], inputs: Sequence[Variable], site: Site) -> None:
    given = set(inputs)
    for leaf in leaves(results, stop=inputs):
        if leaf not in given and not isinstance(leaf, Constant | SharedVariable):
            raise MissingInputError(site.text(
                f"{described(leaf)} is needed to compute the outputs or updates, but is not among the inputs",
                "add it to inputs, or give it a value with givens. If it is an argument of a scan's step, it "
                "has a value only inside that step: return from the step what you need of it",
            ))


def _check_used(ins: Sequence[In], results: Sequence[Variable], on_unused: str | None, site: Site) -> None:
    action = config.on_unused_input if on_unused is None else on_unused
    if action not in ("raise", "warn", "ignore"):
        raise ValueError(site.text(f"on_unused_input is {action!r}", "it is 'raise', 'warn' or 'ignore'"))
    if action == "ignore":
        return
    used = mentioned(results, stop=[i.variable for i in ins])
    for position, entry in enumerate(ins):
        if entry.variable in used:
            continue
        text = site.text(
            f"input {position} ({entry.variable}) is not used to compute the outputs or updates",
            "leave it out, or pass on_unused_input='ignore'",
        )
        if action == "raise":
            raise UnusedInputError(text)
        warnings.warn(text, stacklevel=4)
