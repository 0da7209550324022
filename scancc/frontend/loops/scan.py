"""`scan`: trace a step function once and make it a loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, Unpack, overload

import numpy as np

from scancc.fast_math import FastMath, parse
from scancc.frontend.graph.constants import as_operand, strong
from scancc.frontend.graph.debug_values import pass_rows
from scancc.frontend.graph.options import flag, flag_or_none, name_of
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import Site, described, refitted
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import (
    Constant,
    TensorLike,
    TensorType,
    Variable,
    ancestors,
    mention,
    serials,
    user_location,
    written_with,
)
from scancc.frontend.loops.closure import Closure, check_passed, check_strict, close
from scancc.frontend.loops.delayed_tables import with_delayed_tables
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs, scan_name
from scancc.frontend.loops.scan_result import ScanResult, check_unpacked
from scancc.frontend.loops.sequences import SequenceSpec, as_list, parse_sequences, scan_length, step_count
from scancc.frontend.loops.states import (
    StateSpec,
    default_dtype,
    fit_to_state,
    holds,
    initial_rows,
    parse_states,
    probe_dtype,
)
from scancc.frontend.loops.step_result import StepResult, parse_step_result
from scancc.frontend.loops.table_sums import with_changes_as_writes
from scancc.frontend.loops.updates import OrderedUpdates, warn_of_forks, with_default_updates
from scancc.frontend.ops import operators as _operators  # noqa: F401 - variables learn to be sliced
from scancc.late_dataclasses import dataclass
from scancc.modes import mode_named

Outputs = Variable | list[Variable] | None
Sequences: TypeAlias = "TensorLike | Mapping[str, Any] | None"
Steps: TypeAlias = int | np.integer[Any] | Variable | None
Several: TypeAlias = tuple[Variable, Variable, *tuple[Variable, ...]]


class Options(TypedDict, total=False):
    """What `scan` takes by keyword and does not change what it returns."""

    truncate_gradient: int
    go_backwards: bool
    mode: Any
    name: str | None
    profile: bool | str
    allow_gc: bool | None
    strict: bool
    fast_math: Any
    checkpoints: int | str | None


@overload
def scan(fn: Callable[..., Variable], sequences: Sequences = ..., outputs_info: Sequences = ...,
         non_sequences: Sequences = ..., n_steps: Steps = ...,
         **options: Unpack[Options]) -> tuple[Variable, OrderedUpdates]: ...
@overload
def scan(fn: Callable[..., Several], sequences: Sequences = ..., outputs_info: Sequences = ...,
         non_sequences: Sequences = ..., n_steps: Steps = ...,
         **options: Unpack[Options]) -> tuple[list[Variable], OrderedUpdates]: ...
@overload
def scan(fn: Callable[..., Any], sequences: Sequences = ..., outputs_info: Sequences = ...,
         non_sequences: Sequences = ..., n_steps: Steps = ..., truncate_gradient: int = ..., go_backwards: bool = ...,
         mode: Any = ..., name: str | None = ..., profile: bool | str = ..., allow_gc: bool | None = ...,
         strict: bool = ..., return_list: bool = ..., return_updates: bool = ..., fast_math: Any = ...,
         checkpoints: int | str | None = ...) -> Any: ...

def scan(
    fn: Callable[..., Any],
    sequences: Sequences = None,
    outputs_info: Sequences = None,
    non_sequences: Sequences = None,
    n_steps: Steps = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: bool | str = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
    return_updates: bool = True,
    fast_math: Any = None,
    checkpoints: int | str | None = None,
) -> Any:
    """Run the step `fn` over sequences, from initial states, and collect what it gives: a loop, traced once.

    For one sequence `xs` [n, ...], one state that starts as `h0` [...] and one non-sequence `w`, it means

        hs, h = [], h0
        for t in range(n):
            h = fn(xs[t], h, w)
            hs.append(h)
        return stack(hs), {}                # [n, *shape of h0], and no updates

    fn: gets, in this order, each sequence's rows at its taps (as the taps are given), each state's earlier rows at
        its taps, the non-sequences. Returns outputs, updates of shared variables and `until(condition)`, in this
        order: `a`, `[a, b]`, `(outputs, updates)`, `(outputs, until)`, `(outputs, updates, until)`. Each output has
        the shape and dtype of its initial row.
    sequences: one tensor [n, ...] or a list; `dict(input=x, taps=[-1, 0, 1])` gives the step `x[t-1], x[t], x[t+1]`,
        and n is what all taps of all sequences allow.
    outputs_info: for each output an initial row [...], or `dict(initial=rows, taps=[-2, -1])` with rows [2, ...] for
        a step that looks back by two, or None for an output that is not fed back; None for all: no states.
    non_sequences: what the step gets as it is. What it closes over it need not get.
    n_steps: how many steps, a number or a scalar; needed where there are no sequences. At least 0, and at most what
        the sequences allow.
    truncate_gradient: how many steps the gradient goes back; -1 is all.
    go_backwards: sequences from their last row on; outputs stand in the order of the steps.
    name: in errors, dumps and cards.
    strict: refuse shared variables that are not among the non-sequences.
    return_list, return_updates: a list also of one output; no updates, which the step must then not have.
    fast_math: as for `function`, for this loop and its gradient alone (docs/floating_point.md).
    checkpoints: the gradient keeps only the states of every so many steps, and runs steps again; 'sqrt' for the
        number that needs least memory, 'states' for those of all steps (docs/memory.md).
    mode, allow_gc, profile: for older programs; the function around compiles the loop.

    Returns `(outputs, updates)`: each output [n, ...], one row a step, fewer where `until` ended it; one output comes
    by itself, several as a list, none as None; updates go to `function(..., updates=updates)`. Rows that nobody
    reads (`hs[-1]` is all that is used) are not kept.

    ValueError where there is no number of steps, sequences are too short, an initial value has too few rows or what
    the step returns has no meaning; TypeError where a state's dtype or number of dimensions changes. When it runs:
    IndexError for a negative n_steps, ValueError for one that the sequences do not have.

    >>> A, k = T.vector("A"), T.iscalar("k")
    >>> powers, _ = sc.scan(lambda prior, A: prior * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    >>> sc.function([A, k], powers[-1])([1., 2., 3.], 4)
    array([ 1., 16., 81.])
    >>> first = dict(initial=np.array([0, 1]), taps=[-2, -1])
    >>> fibonacci, _ = sc.scan(lambda a, b: a + b, outputs_info=first, n_steps=6)
    >>> sc.function([], fibonacci)()
    array([ 1,  2,  3,  5,  8, 13])
    """
    site = Site(name_of("a scan", name), user_location())
    _check_callable(fn, site)
    _check_hints(mode, profile, allow_gc, site)
    return_list, return_updates = flag("return_list", return_list), flag("return_updates", return_updates)
    for argument in (sequences, outputs_info, non_sequences):
        check_unpacked(argument)
    request = _Request(
        fn, parse_sequences(sequences, site), parse_states(outputs_info, site),
        [site.told(f"non-sequence {i}", as_operand, v) for i, v in enumerate(as_list(non_sequences))],
        flag("go_backwards", go_backwards), flag("strict", strict), site=site,
        fast_math=None if fast_math is None else parse(fast_math), checkpoints=_block_size(checkpoints, site),
    )
    length = scan_length(request.sequences, step_count(n_steps, site), site)
    outputs, updates = _build(request, _settle(request), length, _truncation(truncate_gradient, site))
    result = _arranged(outputs, return_list)
    if return_updates:
        return ScanResult((result, updates))
    _check_no_updates(updates, site)
    return result


def scan_held(fn: Callable[..., Any], sequences: Any, outputs_info: Any = None,
              name: str | None = None) -> list[Variable]:
    """A scan within an op: what `fn` closes over is one value for all steps, draws and shared variables too."""
    site = Site(name, user_location())
    rows, states = parse_sequences(sequences, site), parse_states(outputs_info, site)
    request = _Request(fn, rows, states, [], held=True, site=site)
    outputs, _ = _build(request, _settle(request), scan_length(request.sequences, None, site), -1)
    return outputs


@dataclass(frozen=True)
class _Request:
    """The arguments of one call of `scan`, in normal form."""

    fn: Callable[..., Any]
    sequences: list[SequenceSpec]
    states: list[StateSpec]
    non_sequences: list[Variable]
    go_backwards: bool = False
    strict: bool = False
    held: bool = False  # shared variables do not move
    site: Site = Site(None, None)
    fast_math: FastMath | None = None
    checkpoints: int | str | None = None

    def parameter_names(self) -> list[str | None]:
        """The names that `fn` gives its arguments."""
        return _parameter_names(self.fn, self._n_rows() + len(self.non_sequences))

    def passed(self) -> dict[Variable, str | None]:
        """The non-sequences and the names the step knows them by."""
        names = self.parameter_names()[self._n_rows():]
        return dict(zip(self.non_sequences, names, strict=True))

    def written(self) -> list[Variable]:
        """All that was passed, used by the step or not."""
        initial = [s.initial for s in self.states if s.initial is not None]
        return [*(s.variable for s in self.sequences), *initial, *self.non_sequences]

    def _n_rows(self) -> int:
        return sum(len(s.taps) for s in self.sequences) + sum(len(s.taps) for s in self.states)


@dataclass
class _Step:
    """A traced step: its row variables beside the specs they stand for, and what it returned."""

    states: list[StateSpec]
    rows: list[list[Variable]]  # of each sequence, one for each tap
    taps: list[list[Variable]]  # of each state, one for each tap
    result: StepResult
    begun: int  # the serial number of its first application

    @property
    def own(self) -> list[Variable]:
        return [v for group in [*self.rows, *self.taps] for v in group]


# ---- tracing --------------------------------------------------------------------------------------


def _trace(request: _Request, states: list[StateSpec]) -> _Step:
    """Call the step once, on variables that stand for rows."""
    names = iter(request.parameter_names())
    rows = [_tap_variables(s.variable, s.row_type, s.taps, names) for s in request.sequences]
    taps = [
        [] if s.initial is None else _tap_variables(s.initial, s.row_type, s.taps, names) for s in states
    ]
    for s, variables in zip(request.sequences, rows, strict=True):
        pass_rows(s.variable, [tap - s.lo for tap in s.taps], variables)
    for state, variables in zip(states, taps, strict=True):
        if state.initial is not None:
            places = [None if state.depth == 1 else state.depth + tap for tap in state.taps]
            pass_rows(state.initial, places, variables)
    args = [v for group in [*rows, *taps] for v in group] + request.non_sequences
    _check_arity(request, args)
    begun = next(serials)
    result = parse_step_result(request.fn(*args), request.site)
    result.outputs = [strong(v, v.dtype) for v in result.outputs]
    if states and len(states) != len(result.outputs):
        raise ValueError(request.site.text(
            f"the step returned {len(result.outputs)} output(s), but outputs_info has {len(states)} entries",
            "Please provide None as outputs_info for any output that does not feed back into scan",
        ))
    return _Step(states or [StateSpec(i) for i in range(len(result.outputs))], rows, taps, result, begun)


def _tap_variables(outer: Variable, row: TensorType, taps: Sequence[int], names: Any) -> list[Variable]:
    return [row(next(names) or _tap_name(outer.name, tap)) for tap in taps]


def _tap_name(name: str | None, tap: int) -> str | None:
    return None if name is None else f"{name}[t]" if tap == 0 else f"{name}[t{tap:+d}]"


def _parameter_names(fn: Callable[..., Any], count: int) -> list[str | None]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):  # not all callables have a signature
        parameters = ()  # type: ignore[assignment]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names: list[str | None] = [p.name for p in parameters if p.kind in positional]
    return (names + [None] * count)[:count]


def _check_callable(fn: object, site: Site) -> None:
    if not callable(fn):
        raise TypeError(site.text(
            f"the step is {fn!r}, which cannot be called", "pass the step function first: scan(fn, sequences=x, ...)"
        ))


def _check_arity(request: _Request, args: Sequence[Variable]) -> None:
    try:
        signature = inspect.signature(request.fn)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args)
    except TypeError as error:
        given = ", ".join(_argument_words(request)) or "none"
        raise TypeError(request.site.text(
            f"the step takes {signature} but gets {len(args)} argument(s) ({error}): {given}",
            "a step gets all taps of each sequence, then all taps of each output that has an initial value, "
            "then the non-sequences",
        )) from None


def _argument_words(request: _Request) -> list[str]:
    """What the step gets, argument by argument."""
    words = [
        _tap_name(s.variable.name or f"sequence {s.position}", tap)
        for s in request.sequences for tap in s.taps
    ]
    words += [_tap_name(f"output {s.position}", tap) for s in request.states for tap in s.taps]
    words += [v.name or f"non-sequence {i}" for i, v in enumerate(request.non_sequences)]
    return [str(word) for word in words]


# ---- Python numbers as initial values -------------------------------------------------------------


def _settle(request: _Request) -> _Step:
    """Trace the step; a state that starts from a Python number takes the dtype which the step gives it.

    Only then is the step called more than once: first with dtypes that decide nothing, to see which
    ones the step brings itself.
    """
    weak = [s for s in request.states if s.number is not None]
    if weak:
        step = _settled_dtypes(request)
    else:
        step = _trace(request, request.states)
    step = _widened(request, step)
    outputs = step.result.outputs
    for i, (spec, taps) in enumerate(zip(step.states, step.taps, strict=False)):
        if spec.recurrent:
            outputs[i] = fit_to_state(spec, taps[0].name, outputs[i], request.site)
    return step


def _widened(request: _Request, step: _Step) -> _Step:
    """The step with counters in int64: states that start from `T.constant(0)` and stay in its small dtype, int8.

    Where the step gives the small dtype of its own accord, by a cast, it stays.
    """
    counters = [i for i, (s, new) in enumerate(zip(step.states, step.result.outputs, strict=False))
                if isinstance(s.initial, Constant) and s.initial.untyped and new.owner is not None
                and s.initial.dtype == new.dtype and new.dtype in ("int8", "int16", "int32")]
    if not counters:
        return step
    wide = _trace(request, [s.widened() if i in counters else s for i, s in enumerate(step.states)])
    return wide if all(wide.result.outputs[i].dtype == "int64" for i in counters) else step


def _settled_dtypes(request: _Request) -> _Step:
    """Trace until the dtypes of number states no longer change."""
    dtypes = _probed_dtypes(request)
    for _ in range(4):
        step = _trace(request, _with_dtypes(request.states, dtypes))
        if not _adopt(step, dtypes):
            break
    return step


def _probed_dtypes(request: _Request) -> dict[int, str]:
    """For each number state, the dtype that the step gives it, or the number's default."""
    probes = {s.position: probe_dtype(s.number) for s in request.states if s.number is not None}
    defaults = {s.position: default_dtype(s.number) for s in request.states if s.number is not None}
    dtypes = dict(probes)
    try:
        for _ in range(4):
            if not _adopt(_trace(request, _with_dtypes(request.states, dtypes)), dtypes):
                break
    except Exception:  # a step need not work on the probe; the trace that counts says what is wrong
        return defaults
    return {i: defaults[i] if dtype == probes[i] else dtype for i, dtype in dtypes.items()}


def _with_dtypes(states: list[StateSpec], dtypes: dict[int, str]) -> list[StateSpec]:
    return [s.with_dtype(dtypes[s.position]) if s.position in dtypes else s for s in states]


def _adopt(step: _Step, dtypes: dict[int, str]) -> bool:
    """Take over the dtypes that the step gave; whether any changed."""
    changed = False
    for spec, result in zip(step.states, step.result.outputs, strict=True):
        if spec.number is None or result.dtype == dtypes[spec.position]:
            continue
        if holds(result.dtype, spec.number):
            dtypes[spec.position] = result.dtype
            changed = True
    return changed


# ---- building -------------------------------------------------------------------------------------


def _build(
    request: _Request, step: _Step, length: Variable, truncate_gradient: int
) -> tuple[list[Variable], OrderedUpdates]:
    """The scan's application: its outputs in the step's order, and the updates of shared variables."""
    updates = _all_updates(request, step)
    roots = [*step.result.outputs, *updates.values()]
    stop = [] if step.result.stop is None else [step.result.stop]
    closure = close([*roots, *stop], step.own, updates, request.passed(), length, step.begun)
    if request.strict:
        check_strict(closure.invariants, request.non_sequences, request.site)
    body, xs = _body(request, step, closure, list(updates), bool(stop))
    inits = [initial_rows(s, request.site) for s in step.states if s.recurrent]
    inputs = ScanInputs(length, xs, [*inits, *updates], closure.inputs)
    if truncate_gradient == -1:
        body, inputs = with_changes_as_writes(body, inputs)
        body, inputs = with_delayed_tables(body, inputs, scan_name(request.site.label))
    op = Scan(body, request.site.label, truncate_gradient, request.fast_math, checkpoints=request.checkpoints)
    carry, ys = op.apply_to(inputs)
    mention([*carry, *ys], *request.written(), *written_with(ancestors([*roots, *stop])))
    traces, others = iter(carry), iter(ys)
    outputs = [next(traces) if spec.recurrent else next(others) for spec in step.states]
    return outputs, OrderedUpdates(zip(updates, traces, strict=False))


def _all_updates(request: _Request, step: _Step) -> dict[SharedVariable, Variable]:
    """The step's updates, and those that the shared variables it reaches bring themselves."""
    if request.held:
        return {}
    roots = [*step.result.outputs, *([] if step.result.stop is None else [step.result.stop])]
    fixed = [v for v in request.non_sequences if not isinstance(v, SharedVariable)]
    check_passed(step.result.updates.values(), roots, [*fixed, *step.own], request.site)
    stop = [*fixed, *step.own]
    updates = with_default_updates(roots, step.result.updates, stop)
    warn_of_forks([*roots, *updates.values()], stop, request.site)
    for shared, value in updates.items():
        if value.dtype != shared.dtype or value.ndim != shared.ndim:
            raise TypeError(request.site.text(
                f"the step's update of the shared variable {shared} ({shared.type}) is {described(value)}. "
                "An update must have the same type as the original shared variable",
                refitted(value, shared.dtype, shared.ndim),
            ))
    return updates


def _body(
    request: _Request, step: _Step, closure: Closure, updated: list[SharedVariable], stops: bool
) -> tuple[Body, list[Variable]]:
    """The closed step, and the sequence views it reads; what it does not read is left out."""
    n = len(step.states)
    used = set(ancestors(closure.roots))
    results, values = closure.roots[:n], closure.roots[n:n + len(updated)]
    carry = [_carry(s, taps, new, used) for s, taps, new in zip(step.states, step.taps, results, strict=False)
             if s.recurrent]
    for shared, value in zip(updated, values, strict=True):
        inner = closure.states[shared]
        carry.append(Carry(((-1, inner),) if inner in used else (), 1, value, trace=False))
    reads = [
        (inner, spec.view(tap, request.go_backwards))
        for spec, rows in zip(request.sequences, step.rows, strict=True)
        for tap, inner in zip(spec.taps, rows, strict=True) if inner in used
    ]
    ys = tuple(new for s, new in zip(step.states, results, strict=True) if not s.recurrent)
    body = Body(
        tuple(inner for inner, _ in reads), tuple(carry), tuple(closure.consts), ys,
        closure.roots[-1] if stops else None,
    )
    return body, [view for _, view in reads]


def _carry(spec: StateSpec, taps: Sequence[Variable], new: Variable, used: set[Variable]) -> Carry:
    read = tuple((tap, var) for tap, var in zip(spec.taps, taps, strict=True) if var in used)
    return Carry(read, spec.depth, new, trace=not isinstance(spec.row_type, StreamType))


def _truncation(truncate_gradient: Any, site: Site) -> int:
    if isinstance(truncate_gradient, Constant):
        truncate_gradient = truncate_gradient.data.item()
    if isinstance(truncate_gradient, bool | Variable) or not hasattr(truncate_gradient, "__index__"):
        raise TypeError(site.text(
            f"truncate_gradient is {truncate_gradient!r}",
            "give -1 for the whole gradient, or how many steps the gradient goes back",
        ))
    if truncate_gradient < 1 and truncate_gradient != -1:
        raise ValueError(site.text(
            f"truncate_gradient is {int(truncate_gradient)}", "give -1 for the whole gradient, or 1 or more steps"
        ))
    return int(truncate_gradient)


def _block_size(checkpoints: Any, site: Site) -> int | str | None:
    """How many steps lie between the rows that the gradient keeps."""
    if checkpoints is None or isinstance(checkpoints, str) and checkpoints in ("sqrt", "states"):
        return None if checkpoints is None else str(checkpoints)
    if isinstance(checkpoints, bool) or not hasattr(checkpoints, "__index__") or int(checkpoints) < 1:
        raise ValueError(site.text(
            f"checkpoints is {checkpoints!r}",
            "give how many steps lie between two states that the gradient keeps, or 'sqrt' for as little memory as "
            "running the steps twice allows, or 'states' for what the rest of each step can be computed from, or "
            "None to keep what it needs of all steps",
        ))
    return int(checkpoints)


def _check_hints(mode: Any, profile: Any, allow_gc: Any, site: Site) -> None:
    """What older programs say of how a loop is run: right values only, and said where nothing comes of them."""
    named = None if mode is None else mode_named(mode)
    flag_or_none("scan: allow_gc", allow_gc)
    if not isinstance(profile, str):
        flag("scan: profile", profile)
    if profile:
        site.warn("profile= has no effect", "`scancc bench` times a compiled program")
    if named is not None and named.unmet:
        site.warn(f"mode {named.name!r} {named.unmet}", "the function around the loop says how all of it runs")


def _check_no_updates(updates: OrderedUpdates, site: Site) -> None:
    """Where only the outputs are returned there are no updates to lose."""
    if updates:
        raise ValueError(site.text(
            f"the step has updates, of {', '.join(map(repr, updates))}, which return_updates=False would drop",
            "leave return_updates out: outputs, updates = scan(...), and pass function(..., updates=updates)",
        ))


def _arranged(outputs: list[Variable], return_list: bool) -> Outputs:
    if not outputs:
        return None
    return outputs if return_list or len(outputs) > 1 else outputs[0]
