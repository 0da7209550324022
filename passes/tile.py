"""Run a scan tile by tile: what is off the cycles becomes vector loops over a tile of rows that stays in the cache.

    %y = scan.scan(%n, %x, %one) {              %out = scan.scan(%tiles, %one, tensor.empty) {
      %s_next = math.fma(%b, %s, %x_t)          ^bb0(%tile, %s, %room):
      %l = math.log(%s_next)               ->     %part = tensor.extract_slice %x[%first][%count]
      scan.yield(%s_next, %l) }                   %last, %rows = scan.scan(%count, %part, %s) {
                                                    %s_next = math.fma(%b, %s, %x_t)
                                                    scan.yield(%s_next, %s_next) }
                                                  %l = linalg.generic(%rows) { math.log }
                                                  %all = tensor.insert_slice %l into %room[%first][%count]
                                                  scan.yield(%last, %all) }

Why: a loop over time computes one number at a time, and the core is busy with an elementary function for longer than
with most chains; in a vector loop it computes four or eight. Of arrays as long as the scan nothing is left between.
The scans and loop nests inside are ordinary IR, which every later pass knows.
Each number is computed by the same operations on the same numbers: no bit changes.
Conservative: states and rows are numbers; steps that may fail, or stop, stay one loop; a table of costs
(`tiling/costs.py`) says whether it pays. `always` asks for it wherever it can be, with tiles of `size` rows.
Cost: linear. Runs after `contract`, so that the arithmetic is what it would be in one loop, and before `lanes`.
Source: loop distribution (Kennedy and McKinley, 1990), strip-mined so that what is handed on stays in the cache.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op
from scancc.ir.ops import CHECKS, has_trait
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark

from .slicing.latencies import HEAVY, busy
from .tiling.blocks import Tiled
from .tiling.costs import cost_of
from .tiling.stages import Stages, stages_of

FEW = 64  # steps that are not worth a second loop


def tile(module: Op, always: bool = False, size: int = 512) -> None:
    """Tile the scans of `module` where it pays; with `always`, where it can be."""
    for op in reversed(list(module.walk())):  # inner ones first: an outer one that is tiled is made anew
        if op.name == "scan.scan":
            _tile(op, always, size)


def _tile(op: Op, always: bool, size: int) -> None:
    reason = _obstacle(ScanView(op))
    if reason is not None:
        remark("tile", op, False, reason)
        return
    stages = stages_of(op)
    cost = cost_of(stages)
    gain = f"about {cost.whole:.0f} cycles a step become {cost.tiled:.0f}"
    reason = _array_between(stages) or (None if always else _no_gain(stages))
    if reason is None and not (always or cost.is_less):
        reason = f"too little is gained: {gain}"
    remark("tile", op, reason is None, reason or f"{_named(stages)} in vectors over tiles of {size} steps: {gain}")
    if reason is None:
        Tiled(stages, size).build()


def _obstacle(scan: ScanView) -> str | None:
    """Why a scan stays one loop, or None."""
    if scan.until:
        return "`until` may stop it at any step"
    if any(has_trait(inner, CHECKS) for inner in scan.op.walk()):
        return "a step may fail"
    for carry in scan.carries:
        if _rank(carry.init.type) > (carry.depth > 1):
            return f"the state '{carry.arg.name or 'of an array'}' is an array"
    kept = [stack for stack in scan.stacks if stack.result.uses]
    if any(_rank(stack.value.type) for stack in kept):
        return "it keeps rows of arrays"
    return "it keeps its last rows only" if any(stack.rows is not scan.length for stack in kept) else None


def _array_between(stages: Stages) -> str | None:
    array = next((v for v in stages.crossing if _rank(v.type)), None)
    return None if array is None else f"'{array.name or 'a row'}', an array, would be kept for a whole tile"


def _no_gain(stages: Stages) -> str | None:
    if not any(busy(op) >= HEAVY for op in _mapped(stages)):
        return "nothing that takes long is off its cycles"
    n = constant_of(stages.scan.length)
    return None if n is None or n >= FEW else f"it has {n} steps"


def _mapped(stages: Stages) -> list[Op]:
    return [op for stage in range(0, stages.last + 1, 2) for op in stages.ops(stage)]


def _named(stages: Stages) -> str:
    """The heavy work that becomes maps, in words."""
    names = dict.fromkeys(op.name.partition(".")[2] for op in _mapped(stages) if busy(op) >= HEAVY)
    return ", ".join(names) or "nothing heavy"


def _rank(type: t.Type) -> int:
    return len(type.shape) if isinstance(type, t.TensorType) else 0
