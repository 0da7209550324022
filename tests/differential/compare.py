"""Whether a program gives the same on two roads: values, dtypes, shapes, and the class of an error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

import scancc as sc
from scancc import pipeline
from scancc.errors import InternalError
from scancc.frontend.program.program import make_program
from scancc.ir.core import Op, clone_op, functions
from scancc.ir.interpreter import Program as InterpretedProgram
from scancc.ir.interpreter import compile_program
from scancc.stages import lower, passes_for
from tests.differential.gradients import check_slopes, cost_of, slopes_of
from tests.differential.program import Built, Mismatch, Program

Outcome = list[np.ndarray] | Exception
TOLERANCE = {"float32": 2e-3, "float64": 1e-6, "complex64": 2e-3, "complex128": 1e-6}


def check(program: Program, passes: bool = True, checkpoints: int | str | None = None,
          max_bytes: int | None = None) -> bool:
    """Native code against the reference at all calls; with `passes` also the IR after every pass.

    A program's gradients take the place of its outputs where it asks for them; those of a smooth one are also
    compared with differences. `checkpoints` and `max_bytes`: those of the native code's gradients, not of the
    reference. False for a program that is refused when it is built, as one with too short a sequence may be, or one
    with too small a budget, which may be an error of some calls only.
    """
    too_small = () if max_bytes is None else (MemoryError,)
    try:
        built, cost = build(program, checkpoints, max_bytes)
        if program.gradients and not built.outputs:
            return False
        native = compiled(built, None)
    except (ValueError, IndexError, *too_small):
        return False
    plain = built if checkpoints is None and max_bytes is None else build(program)[0]
    reference = compiled(plain, "reference")
    checker = _Passes(built) if passes else None
    for number, sizes in enumerate(program.calls):
        args = program.arguments(sizes)
        held = [s.get_value() for s in built.shared]
        expected = outcome(reference, args, plain)
        for shared, value in zip(built.shared, held, strict=True):
            shared.set_value(value)
        if checker is not None and number < 2:
            checker.check([*args, *held], expected, f"sizes {sizes}", program)
        found = outcome(native, args, built)
        if not isinstance(found, too_small):
            require_same(found, expected, f"native code, sizes {sizes}", program)
    if cost is not None and program.smooth and "float32" not in str(program):
        for sizes in program.calls:
            check_slopes(cost, built, program.arguments(sizes), f"sizes {sizes}")
    return True


def build(program: Program, checkpoints: int | str | None = None, max_bytes: int | None = None) -> tuple[Built, Any]:
    """What a program makes, or its gradients, and of what cost they are."""
    built, cost = program.build(checkpoints), None
    for _ in range(program.gradients):
        cost = cost_of(built.outputs)
        built = replace(built, outputs=slopes_of(cost, built, max_bytes))
    return built, cost


def compiled(built: Built, mode: str | None) -> Callable[..., Any]:
    return sc.function(built.inputs, built.outputs, updates=built.updates, mode=mode, on_unused_input="ignore")


def outcome(function: Callable[..., Any], args: Sequence[np.ndarray], built: Built) -> Outcome:
    """Outputs, then what the shared variables hold; or the error, which may leave nothing changed."""
    before = [s.get_value() for s in built.shared]
    copies = [a.copy() for a in args]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            outputs = list(function(*args))
    except InternalError:
        raise
    except Exception as error:
        for shared, value in zip(built.shared, before, strict=True):
            np.testing.assert_array_equal(shared.get_value(), value, "an error left an update behind")
        return error
    for mine, copy in zip(args, copies, strict=True):
        np.testing.assert_array_equal(mine, copy, "a call changed its input")
    return [*outputs, *(s.get_value() for s in built.shared)]


def require_same(found: Outcome, expected: Outcome, what: str, program: Program) -> None:
    """Mismatch unless equal within what rounding once instead of twice explains."""
    if isinstance(expected, Exception) or isinstance(found, Exception):
        if type(found) is not type(expected) and not _either(found, expected, what):
            raise Mismatch(f"{what}: {_told(found)}; the reference: {_told(expected)}")
        return
    loose = "float32" in program.text or "complex64" in program.text or any(
        a.dtype in ("float32", "complex64") for a in [*program.inputs, *program.shared])
    for number, (x, y) in enumerate(zip(found, expected, strict=True)):
        problem = difference(np.asarray(x), np.asarray(y), loose)
        if problem:
            raise Mismatch(f"{what}, output {number}: {problem}")


def _either(found: Outcome, expected: Outcome, what: str) -> bool:
    """Where two things are wrong, passes may find the other one first. The reference may fail to find the
    shape of rows that no step makes, where native code can tell."""
    if any("has no steps" in note for note in getattr(expected, "__notes__", ())):
        return True
    usual = (IndexError, ValueError)
    return isinstance(found, usual) and isinstance(expected, usual) and "lowering" not in what


def difference(x: np.ndarray, y: np.ndarray, loose: bool) -> str:
    """What is not the same in `x` and the expected `y`; empty where nothing is."""
    if x.dtype != y.dtype or x.shape != y.shape:
        return f"{x.dtype}{x.shape} for {y.dtype}{y.shape}"
    if x.dtype.kind not in "fc":
        return "" if np.array_equal(x, y) else f"{x!r}\nexpected {y!r}"
    tolerance = TOLERANCE["float32" if loose else y.dtype.name]
    scale = np.max(np.abs(y[np.isfinite(y)]), initial=1.0)
    with np.errstate(all="ignore"):
        good = np.isclose(x, y, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    return "" if np.all(good) else f"{x!r}\nexpected {y!r}"


def _told(outcome: Outcome) -> str:
    if isinstance(outcome, Exception):
        return f"{type(outcome).__name__}: {outcome}"
    return f"gives values {outcome!r}"[:400]


class _Passes:
    """The IR as lowered and after every pass, run by the interpreter, which checks all bounds."""

    def __init__(self, built: Built) -> None:
        program = make_program(built.inputs, built.outputs, built.updates, on_unused_input="ignore")
        self.shared = [built.shared.index(s) for s in program.shared]
        self.n_shared = len(built.shared)
        self.updated = [built.shared.index(s) for s, _ in program.updates]
        self.n_outputs = len(program.outputs)
        self.dtypes = [v.dtype for v in program.results]
        top = lower(program)
        self.stages = [_Stage("lowering", clone_op(top, {}))]
        from scancc.codegen.target import host

        pipeline.run(top, passes_for(host()), on_pass=self._keep)

    def _keep(self, done: pipeline.PassRun, module: Op) -> None:
        if done.changed:
            self.stages.append(_Stage(str(done.step), clone_op(module, {})))

    def check(self, values: Sequence[np.ndarray], expected: Outcome, what: str, program: Program) -> None:
        args = [*values[:len(values) - self.n_shared]]
        held = list(values[len(args):])
        args += [held[i] for i in self.shared]
        capacities = None if isinstance(expected, Exception) else [np.shape(v) for v in expected]
        for stage in self.stages:
            early = "sc.until" in program.text  # outputs have room for steps that do not come
            found = self._run(stage, args, held, None if early else capacities)
            if found is not None:
                require_same(found, expected, f"IR after {stage.name}, {what}", program)

    def _run(self, stage: _Stage, args: list[np.ndarray], held: list[np.ndarray],
             capacities: list[tuple[int, ...]] | None) -> Outcome | None:
        if capacities is not None:
            updated = [np.shape(held[i]) for i in self.updated]
            capacities = [*capacities[:self.n_outputs], *updated]
        elif stage.is_unplanned:
            return None  # before memory planning: nobody knows how large outputs are
        try:
            results = stage.run(args, capacities)
        except InternalError:
            raise
        except Exception as error:
            return error
        results = [r.view(d) if d.startswith("u") else r for r, d in zip(results, self.dtypes, strict=True)]
        shared = list(held)
        for place, value in zip(self.updated, results[self.n_outputs:], strict=True):
            shared[place] = value
        return [*results[:self.n_outputs], *shared]


class _Stage:
    """The IR that a pass left, made ready for the interpreter when it first runs."""

    def __init__(self, name: str, module: Op) -> None:
        self.name, self._module, (self._func, *_) = name, module, functions(module)

    @property
    def is_unplanned(self) -> bool:
        return "n_inputs" in self._func.attrs and "planned" not in self._func.attrs

    @cached_property
    def run(self) -> InterpretedProgram:
        return compile_program(self._module, self._func.attrs["sym_name"])
