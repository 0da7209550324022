"""Control flow: loops, branches, the recurrence, checks, and the place in a GPU's grid."""

from __future__ import annotations

import builtins
import re
from collections import deque
from typing import Any

import numpy as np

from ... import errors
from ...errors import InternalError
from .. import types as t
from ..core import Op, Value
from ..ops import VIEW, group, has_trait, operand
from ..parts import Branch, Loop, ScanView
from .arrays import element_dtype, to_scalar
from .machine import CheckFailed, Code, Env, Machine, Step, step_rule

REPORTS = "reports"  # env key: argument of the function -> the sizes that it was written in
PLACE = "place"      # env key: op name and dimension -> number


@step_rule("arith.constant")
def constant(op: Op, machine: Machine) -> Step:
    attr, result = op.attrs["value"], op.result
    value = attr.data if isinstance(attr, t.Dense) else to_scalar(result.type)(getattr(attr, "value", attr))

    def step(env: Env) -> None:
        env[result] = value
    return step


def _assign(env: Env, results: list[Value], values: list[Any]) -> None:
    for result, value in zip(results, values, strict=True):
        env[result] = value


# ---- scf ----


@step_rule("scf.for")
def for_loop(op: Op, machine: Machine) -> Step:
    loop, body = Loop(op), machine.block(op.body)
    (lower, upper, stride), init = loop.bounds, loop.init
    counter = to_scalar(lower.type)

    def step(env: Env) -> None:
        carried, by = [env[v] for v in init], int(env[stride])
        if by <= 0:
            raise ValueError(f"the step is {by}; it must be positive")
        for i in range(int(env[lower]), int(env[upper]), by):
            carried = body.run(env, [counter(i), *carried])
        _assign(env, op.results, carried)
    return step


@step_rule("scf.while")
def while_loop(op: Op, machine: Machine) -> Step:
    init = op.operands
    before, after = machine.region(op.regions[0]), machine.region(op.regions[1])

    def step(env: Env) -> None:
        go, *values = before.run(env, [env[v] for v in init])
        while go:
            go, *values = before.run(env, after.run(env, values))
        _assign(env, op.results, values)
    return step


@step_rule("scf.if")
def branch(op: Op, machine: Machine) -> Step:
    condition = Branch(op).condition
    then, otherwise = map(machine.region, op.regions)

    def step(env: Env) -> None:
        _assign(env, op.results, (then if env[condition] else otherwise).run(env))
    return step


# ---- the recurrence ----


@step_rule("scan.scan")
def scan(op: Op, machine: Machine) -> Step:
    parts = ScanView(op)
    length, xs, init, stacks, dims = parts.length, parts.xs, parts.init, parts.stacks, parts.dims
    run = _Recurrence(parts, machine.block(op.body))

    def step(env: Env) -> None:
        row_shapes = run.row_shapes([env[v] for v in dims])
        n_steps, carries, ys = run.steps(
            env, int(env[length]), [env[v] for v in xs], [env[v] for v in init],
            [_Rows(int(env[s.rows]), None if s.first is None else int(env[s.first]), s.stride) for s in stacks])
        stacked = [_stack(y.kept, shape, dtype) for y, shape, dtype in zip(
            ys, row_shapes, run.y_dtypes, strict=True)]
        _assign(env, op.results, [*carries, *stacked, *([n_steps] if run.until else [])])
    return step


class _Recurrence:
    """The steps of one `scan.scan`."""

    def __init__(self, scan: ScanView, body: Code) -> None:
        self.body = body
        self.depths = scan.depths
        self.until = scan.until
        self.x_is_scalar = [not isinstance(a.type, t.TensorType) for a in scan.x_args]
        self.y_types = [v.type for v in scan.ys]
        self.y_dtypes = [element_dtype(type) for type in self.y_types]

    def row_shapes(self, dims: list[int]) -> list[tuple[int, ...]]:
        rest = iter(dims)
        shapes = [tuple(next(rest) if n is None else n for n in type.shape[1:])  # type: ignore[attr-defined]
                  for type in self.y_types]
        if next(rest, None) is not None:
            raise ValueError("more dims than run-time sizes in the rows of the ys")
        return shapes

    def steps(self, env: Env, length: int, xs: list[np.ndarray], carries: list[Any],
              ys: list[_Rows]) -> tuple[int, list[Any], list[_Rows]]:
        """Steps executed, final carries, and the rows kept of each y."""
        for x in xs:
            if len(x) < length:
                raise IndexError(f"{length} steps over an x of {len(x)} rows")
        executed, stop = 0, False
        while executed < length and not stop:
            slices = [_row(x, executed, scalar) for x, scalar in zip(xs, self.x_is_scalar, strict=True)]
            answer = self.body.run(env, [executed, *slices, *carries])
            stop = bool(answer.pop()) if self.until else False
            carries = [_advance(old, new, depth) for old, new, depth in zip(
                carries, answer, self.depths, strict=False)]
            for y, row in zip(ys, answer[len(carries):], strict=True):
                y.add(row, executed)
            executed += 1
        return executed, carries, ys


class _Rows:
    """The rows kept of a y: the last `count`, or with a `stride` so many from `first` on."""

    def __init__(self, count: int, first: int | None, stride: int) -> None:
        self.count, self.first, self.stride = max(0, count), first, stride
        self.last: deque[Any] = deque(maxlen=self.count)
        self.placed: dict[int, Any] = {}

    def add(self, row: Any, step: int) -> None:
        if self.first is None:
            self.last.append(row)
            return
        place, left = divmod(step - self.first, self.stride)
        if not left and 0 <= place < self.count:
            self.placed[place] = row

    @property
    def kept(self) -> list[Any]:
        if self.first is None:
            return list(self.last)
        if len(self.placed) < self.count:
            raise IndexError(f"of {self.count} rows to keep only {len(self.placed)} are made")
        return [self.placed[place] for place in range(self.count)]


def _row(x: np.ndarray, number: int, scalar: bool) -> Any:
    row = x[number]
    return row if scalar else np.asarray(row)


def _advance(old: Any, new: Any, depth: int) -> Any:
    """The carry of the next step: the new row, or the window moved on by it."""
    return new if depth == 1 else np.concatenate([old[1:], np.asarray(new)[np.newaxis]])


def _stack(rows: list[Any], row_shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if any(np.shape(row) != row_shape for row in rows):
        shapes = sorted({np.shape(row) for row in rows})
        raise ValueError(f"rows of shapes {shapes} where the scan declares {row_shape}")
    return np.array(rows, dtype).reshape(len(rows), *row_shape)


# ---- checks and reports ----


@step_rule("scan.check")
def check(op: Op, machine: Machine) -> Step:
    condition, info = operand(op, "condition"), group(op, "info")
    error, message = _error_class(op.attrs["error"]), op.attrs["message"]

    def step(env: Env) -> None:
        if not env[condition]:
            numbers = [str(env[v]) for v in info]
            problem = error(re.sub(r"\{(\d+)\}", lambda m: numbers[int(m[1])], message))
            if isinstance(problem, errors.BoundExceeded):
                problem.info = tuple(int(env[v]) for v in info)
            raise CheckFailed(problem)
    return step


def _error_class(name: str) -> type[Exception]:
    found = getattr(builtins, name, None) or getattr(errors, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        raise InternalError(f"scan.check names the error {name!r}, which is no exception")
    return found


@step_rule("scan.output_dims")
def output_dims(op: Op, machine: Machine) -> Step:
    argument, dims = storage(operand(op, "output")), group(op, "dims")

    def step(env: Env) -> None:
        env[REPORTS][argument] = tuple(int(env[v]) for v in dims)
    return step


def storage(value: Value) -> Value:
    """The buffer that `value` is a view of, followed through views and loop-carried values."""
    while True:
        op = value.op
        if op is not None and has_trait(op, VIEW):
            value = operand(op, "source")
        elif op is not None and op.name == "scf.for":
            value = Loop(op).init[value.index]
        elif op is None and (loop := value.block.parent_op()) is not None and loop.name == "scf.for":
            value = next(carry.init for carry in Loop(loop).carries if carry.arg is value)
        else:
            return value
