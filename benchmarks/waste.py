"""What loop IR of the models moves for nothing that anybody asked for: `python -m benchmarks.waste [MODEL ...]`.

Of each model of `tests/programs/users.py`, its value and its gradient by all floats, with the sizes of its example:
arrays that are made, copies of arrays and of rows of them, loops that only fill an array with a number, and
loops of elements, each a pass over memory. What lies on the stack, where small arrays become registers, counts for
nothing. In a step of a scan stands behind the `+`. A reader finds by it which program to read first
(`f.ir("loop", after="join-rows")`), and what a change of passes does to all of them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import scancc as sc
from scancc import pipeline, stages
from scancc.codegen import target as targets
from scancc.frontend.program.program import Program
from scancc.ir.constants import made_by
from scancc.ir.core import Op, Value, functions
from scancc.ir.ops import operand, whole
from scancc.ir.parts import Loop
from tests.programs import users

KINDS = ("arrays", "copies", "fills", "passes")
LAST = "join-rows"  # what makes loops and places of arrays; behind it sizes of vectors make more of each


def counted(program: Program) -> Counter[tuple[str, bool]]:
    """How many there are of a kind, in steps or not."""
    module = stages.lower(program)
    passes = stages.passes_of(program, targets.local()).split(",")
    pipeline.run(module, passes[:passes.index(LAST) + 1])
    found: Counter[tuple[str, bool]] = Counter()
    for func in functions(module):
        for op in func.walk():
            kind = _kind(op)
            if kind is not None:
                found[kind, _in_step(op)] += 1
    return found


def _kind(op: Op) -> str | None:
    if op.name == "memref.alloc":
        return "arrays"
    if op.name in ("memref.copy", "scan.buffer_transpose"):
        return None if any(map(_is_on_stack, op.operands)) else "copies"
    if op.name != "scf.for" or _carries(op) or any(inner.regions for inner in op.body.ops):
        return None
    stores = [inner for inner in op.body.ops if inner.name == "memref.store"]
    if not stores or all(_is_on_stack(whole(store)) for store in stores):
        return None
    is_fill = all(made_by(operand(store, "value"), "arith.constant") is not None for store in stores)
    return "fills" if is_fill else "passes"


def _carries(loop: Op) -> bool:
    return bool(Loop(loop).carries)


def _is_on_stack(buffer: Value) -> bool:
    while buffer.op is not None and buffer.op.name in ("memref.subview", "scan.buffer_reshape"):
        buffer = buffer.op.operands[0]
    return buffer.op is not None and buffer.op.name == "memref.alloca"


def _in_step(op: Op) -> bool:
    """Whether a loop around an op goes on where it was, as steps do, and rounds of a nest do not."""
    around = op.parent_op()
    while around is not None and around.name != "func.func":
        if around.name == "scf.for" and "parallel" not in around.attrs:
            return True
        around = around.parent_op()
    return False


def programs(names: list[str]) -> Iterator[tuple[str, Program]]:
    """Values and gradients of the models of these names, or of all."""
    for make in users.MODELS:
        model = users.build(make)
        if names and make.__name__ not in names:
            continue
        yield make.__name__, _running(sc.function(model.inputs, model.outputs, updates=model.updates), model)
        if model.wrt and model.updates is None:
            floats = [v for v in model.inputs if "float" in v.dtype]
            gradient = sc.function(model.inputs, [model.cost, *sc.grad(model.cost, floats)])
            yield f"{make.__name__}, gradient", _running(gradient, model)


def _running(f: sc.Function, model: users.Model) -> Program:
    """The program with the sizes of small matrices that the example shows."""
    f.prepare(*model.args)
    return f._running


def main(names: list[str]) -> None:
    total: Counter[tuple[str, bool]] = Counter()
    print(" " * 44, *(f"{kind:>10}" for kind in KINDS))
    for name, program in programs(names):
        found = counted(program)
        total += found
        _print(name, found)
    _print("all", total)


def _print(name: str, found: Counter[tuple[str, bool]]) -> None:
    print(f"{name:44}", *(f"{found[kind, False]:>6} +{found[kind, True]:>2}" for kind in KINDS))


if __name__ == "__main__":
    main(sys.argv[1:])
