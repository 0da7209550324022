"""Functions of a module: arguments in, outputs out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import BoundExceeded, InternalError
from .. import types as t
from ..core import Op, Value, functions
from ..ops import lookup, operand
from ..parts import Nest
from .arrays import element_dtype, mismatch, poison, to_scalar
from .control import PLACE, REPORTS, storage
from .launch import Extent, places
from .machine import CheckFailed, Env, Machine

_ONE: Extent = (1, 1, 1)


def run_function(module: Op, name: str, args: Sequence[Any], *, check_bounds: bool = True,
                 grid: Extent = _ONE, block: Extent = _ONE) -> list[np.ndarray]:
    """Run function `name` of `module` once; see the package's docstring for arguments and answer."""
    return compile_function(module, name, check_bounds=check_bounds)(*args, grid=grid, block=block)


def compile_function(module: Op, name: str, *, check_bounds: bool = True) -> Function:
    """Make function `name` ready to run, many times. The module must not change meanwhile."""
    for op in functions(module):
        if op.attrs["sym_name"] == name:
            return Function(op, Machine(check_bounds))
    names = ", ".join(op.attrs["sym_name"] for op in functions(module)) or "none"
    raise InternalError(f"interpreter: the module has no function @{name}; it has {names}")


def run_program(module: Op, name: str, inputs: Sequence[Any],
                capacities: Sequence[Sequence[int]] | None = None) -> list[np.ndarray]:
    """Run function `name` on a program's inputs once; see `compile_program`."""
    return compile_program(module, name)(inputs, capacities)


def compile_program(module: Op, name: str) -> Program:
    """Make function `name` ready to run on a program's inputs, whatever stage `module` is at, many times.

    In loop form, a call makes the outputs, of poison, and protects the inputs from being written. The
    query that `plan-memory` adds says how large outputs and workspace are; before that pass
    `capacities` does, the shapes of the outputs, where the types leave sizes open. Bounds that the program
    wants guessed start at 1 and grow to what is needed. The module must not change meanwhile.
    """
    return Program(module, name)


class Program:
    """A function as a program runs it: inputs in, outputs out."""

    def __init__(self, module: Op, name: str) -> None:
        self._function = compile_function(module, name)
        planned = self._function.workspace is not None
        self._query = compile_function(module, f"{name}__query") if planned else None

    def __call__(self, inputs: Sequence[Any], capacities: Sequence[Sequence[int]] | None = None) -> list[np.ndarray]:
        if "n_inputs" not in self._function.op.attrs:
            return self._function(*inputs)
        bounds = [np.int64(1)] * (self._function.op.attrs["n_inputs"].value - len(inputs))
        while True:
            try:
                return self._run_loops([*inputs, *bounds], capacities)
            except BoundExceeded as short:
                needed, number = short.info[:2]
                bounds[number] = np.int64(needed)

    def _run_loops(self, inputs: Sequence[Any], capacities: Sequence[Sequence[int]] | None) -> list[np.ndarray]:
        """The function in loop form, with the bounds that it asks for among its inputs."""
        inputs = [_read_only(value) for value in inputs]
        workspace, params = [], self._function.outputs
        if self._query is not None:
            capacities, nbytes = self._planned(self._query, inputs)
            workspace = [np.full(nbytes, 0xFF, np.uint8)]  # NaN in every float type
        if capacities is None:
            capacities = [_static_shape(param) for param in params]
        outputs = [poison(shape, element_dtype(param.type)) for shape, param in zip(capacities, params, strict=True)]
        return self._function(*inputs, *outputs, *workspace)

    def _planned(self, query: Function, inputs: Sequence[Any]) -> tuple[list[list[int]], int]:
        """Shapes of the outputs and bytes of the workspace, from the function's query."""
        rest = [poison([n or 0 for n in param.type.shape], element_dtype(param.type))  # type: ignore[attr-defined]
                for param in query.params[len(inputs):]]
        answers = query(*inputs, *rest)
        found = dict(zip(query.op.attrs["return_slots"], map(int, answers), strict=True))
        shapes, slot = [], sum(_n_slots(param) for param in self._function.params[:len(inputs)])
        for param in self._function.outputs:
            shapes.append([found[slot + 1 + axis] for axis in range(_n_slots(param) - 1)])
            slot += _n_slots(param)
        return shapes, found[slot + 1]


def _read_only(value: Any) -> np.ndarray:
    view = np.asarray(value).view()
    view.flags.writeable = False
    return view


def _static_shape(param: Value) -> tuple[int, ...]:
    shape = param.type.shape  # type: ignore[attr-defined]
    if None in shape:
        raise ValueError(f"the type of output {param!r} leaves sizes open: pass `capacities`")
    return tuple(shape)


def _n_slots(param: Value) -> int:
    """How many slots of the packed ABI a buffer takes: its pointer, and each size."""
    return 1 + len(param.type.shape)  # type: ignore[attr-defined]


class Function:
    """One function, ready to run. `outputs` are the parameters that it writes; in tensor form none."""

    def __init__(self, op: Op, machine: Machine) -> None:
        self.op = op
        self.name: str = op.attrs["sym_name"]
        self.params = op.body.args
        self.code = machine.block(op.body)
        self.workspace = self.params[-1] if "planned" in op.attrs else None
        if "n_inputs" in op.attrs:
            rest = self.params[op.attrs["n_inputs"].value:]
            self.outputs = [param for param in rest if param is not self.workspace]
        else:
            self.outputs = _written_params(op)

    def __call__(self, *args: Any, grid: Extent = _ONE, block: Extent = _ONE) -> list[np.ndarray]:
        """Run with `args`; a GPU kernel for each block of `grid` and each thread of `block`."""
        if len(args) != len(self.params):
            raise TypeError(f"@{self.name} takes {len(self.params)} arguments, got {len(args)}")
        values = [self._argument(i, arg) for i, arg in enumerate(args)]
        env: Env = {REPORTS: {}}
        answer: list[Any] = []
        with np.errstate(all="ignore"):
            try:
                for place in places(grid, block):
                    env[PLACE] = place
                    answer = self.code.run(env, values)
            except CheckFailed as failed:
                raise failed.error from None
        if self.code.yields:
            return [np.array(value, element_dtype(v.type))
                    for v, value in zip(self.code.yields, answer, strict=True)]
        return [self._trim(param, values[param.index], env[REPORTS]) for param in self.outputs]

    def _argument(self, number: int, arg: Any) -> Any:
        type = self.params[number].type
        dtype = element_dtype(type)
        if not isinstance(type, (t.TensorType, t.MemRefType)):
            return to_scalar(type)(_signless(np.asarray(arg), dtype))
        if isinstance(type, t.MemRefType) and type.shape and not isinstance(arg, np.ndarray):
            raise TypeError(f"argument {number} of @{self.name} is a buffer: pass an array, not {arg!r}")
        array = _signless(arg if isinstance(arg, np.ndarray) else np.asarray(arg, dtype), dtype)
        problem = mismatch(array, type)
        if problem:
            raise TypeError(f"argument {number} of @{self.name} must be {type}: {problem}")
        return array

    def _trim(self, param: Value, array: np.ndarray, reports: dict[Value, tuple[int, ...]]) -> np.ndarray:
        dims = reports.get(param, array.shape)
        if any(d > n for d, n in zip(dims, array.shape, strict=True)):
            raise InternalError(f"interpreter: @{self.name} reports {dims} for an output of {array.shape}")
        kept = array.reshape(-1)[:math.prod(dims)].reshape(dims) if dims != array.shape else array
        if kept.dtype == np.bool_ and np.any(kept.view(np.uint8) > 1):
            raise InternalError(f"interpreter: @{self.name}: an output has a truth value that was never written")
        return kept


def _signless(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Unsigned integers as the signed ones of the same bits."""
    return array.view(dtype) if array.dtype.kind == "u" and array.itemsize == dtype.itemsize else array


def _written_params(func: Op) -> list[Value]:
    """The parameters that a function without `n_inputs` may write, but for a workspace: what `memref.view` sees."""
    found, workspaces = set(), set()
    for op in func.walk():
        if op.name == "memref.view":
            workspaces.add(operand(op, "source"))
        if written := lookup(op).written:
            found.add(storage(operand(op, written)))
        elif op.name == "linalg.generic" and not op.results:
            found.update(map(storage, Nest(op).outputs))
    return [param for param in func.body.args if param in found - workspaces]
