"""Kernels of a GPU: a launch runs its kernel for each thread of the grid, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ...errors import InternalError
from ..core import Op, functions
from ..ops import group, int_attr, operand
from .control import PLACE
from .machine import Env, Machine, Step, step_rule

Extent = tuple[int, int, int]  # x, y, z
Place = dict[tuple[str, str], int]  # op name and dimension -> number


def places(grid: Extent, block: Extent) -> Iterator[Place]:
    """The indices of each thread, blocks outermost."""
    fixed = {(f"gpu.{name}_dim", axis): n for name, extent in (("grid", grid), ("block", block))
             for axis, n in zip("xyz", extent, strict=True)}
    for at in itertools.product(*(range(n) for n in (*reversed(grid), *reversed(block)))):
        yield fixed | {("gpu.block_id", axis): i for axis, i in zip("zyx", at[:3], strict=True)} | {
            ("gpu.thread_id", axis): i for axis, i in zip("zyx", at[3:], strict=True)}


@step_rule("gpu.thread_id", "gpu.block_id", "gpu.block_dim", "gpu.grid_dim")
def gpu_index(op: Op, machine: Machine) -> Step:
    dimension = next(c for c in reversed(str(op.attrs["dimension"])) if c in "xyz")
    key, result = (op.name, dimension), op.result

    def step(env: Env) -> None:
        env[result] = env[PLACE][key]
    return step


@step_rule("scan.launch")
def launch(op: Op, machine: Machine) -> Step:
    kernel = _kernel(op)
    code = machine.block(kernel.body)
    blocks, args = operand(op, "blocks"), group(op, "args")
    threads = int_attr(op, "threads")

    def step(env: Env) -> None:
        values = [env[v] for v in args]
        outside = env.get(PLACE)
        for place in places((int(env[blocks]), 1, 1), (threads, 1, 1)):
            env[PLACE] = place
            code.run(env, values)
        env[PLACE] = outside
    return step


def _kernel(launch: Op) -> Op:
    """The function that a launch names, found in the module around it."""
    top = launch
    while (outer := top.parent_op()) is not None:
        top = outer
    name = launch.attrs["kernel"].name
    for func in functions(top):
        if func.attrs["sym_name"] == name:
            return func
    raise InternalError(f"interpreter: the module has no kernel @{name}")
