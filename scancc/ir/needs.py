"""What a pass takes: IR of a stage, for which the driver asks before the pass runs.

A pass module that takes less than everything has `NEEDS`, in the order in which they are asked. The error names the
pass, the op in the way, and what to run before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.late_dataclasses import dataclass

from ..errors import PassOrderError
from . import types as t
from .core import Op, functions


@dataclass(frozen=True)
class Need:
    """`unmet` gives the first op that is in the way; `fact` says what is wrong with it, `advice` what to do.

    `undone_by`: the passes that undo it; None: it is asked each time.
    """

    unmet: Callable[[Op], Op | None]
    fact: str
    advice: str
    undone_by: tuple[str, ...] | None = None


def require(module: Op, who: str, needs: Sequence[Need], met: set[Need] | None = None) -> None:
    """PassOrderError where a need of `who` is not met. `met`: what the module has had since it was asked."""
    met = set() if met is None else met
    for need in needs:
        op = None if need in met else need.unmet(module)
        if op is None and need.undone_by is not None:
            met.add(need)
        if op is not None:
            place = " ({}:{}:{})".format(*op.location) if op.location else ""
            name = f"@{op.attrs['sym_name']}" if op.name == "func.func" else f"'{op.name}'"
            raise PassOrderError(f"{who} cannot run here: {name}{place} {need.fact}; {need.advice}")


def first_op(holds: Callable[[Op], bool]) -> Callable[[Op], Op | None]:
    """The first op of a module's functions for which something holds."""
    return lambda module: next((op for func in functions(module) for op in func.walk() if holds(op)), None)


def makes(op: Op, kind: type[t.Type]) -> bool:
    """Whether an op, or a block in it, makes a value of this kind of type."""
    for value in op.results:
        if isinstance(value.type, kind):
            return True
    return bool(op.regions) and any(isinstance(arg.type, kind) for region in op.regions for block in region.blocks
                                    for arg in block.args)


def _is_no_loop_form(op: Op) -> bool:
    """Tensors, or a function that takes scalars or returns something; kernels take them, queries return sizes."""
    if op.name != "func.func" or "gpu.kernel" in op.attrs:
        return op.name == "scan.scan" or makes(op, t.TensorType)
    returns = op.body.terminator.operands and "return_slots" not in op.attrs
    return bool(returns) or not all(isinstance(arg.type, t.MemRefType) for arg in op.body.args)


TENSORS = Need(first_op(lambda op: makes(op, t.MemRefType) or "return_slots" in op.attrs),
               "has buffers already", "it runs once, on tensors", undone_by=("bufferize",))
BUFFERS = Need(first_op(_is_no_loop_form), "is not in loop form, of buffers only", "run `bufferize` before",
               undone_by=())
PLANNED = Need(lambda module: next((f for f in functions(module) if not {
                   "planned", "return_slots", "gpu.kernel"} & f.attrs.keys()), None),
               "has no plan of its memory", "run `plan-memory` before", undone_by=())
