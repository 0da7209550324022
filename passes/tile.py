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
The scans and loop nests inside are ordinary IR, which every later pass knows. Reductions of the rows to a number go
along, of all elements where rows are arrays, and of each k-th row: what nobody else reads is in a tile alone.
Where they read rows of several steps (`h[k:] * h[:-k]`), the blocks of each begin elsewhere: they go a tile behind,
and the rows of the tile before stay beside those of the tile.
So do arrays in which all rows lie along a later axis (`h.T`): each tile writes its part of them (`tiling/turned.py`);
and products of matrices along the steps (`h.T @ h`), of which each tile has one (`tiling/row_products.py`).
Where one needs another first, as a variance the mean, a cheap scan runs twice for that (`tiling/again.py`).
A product of a row with a matrix that never changes (`x_t @ W`, or `h_t @ V` of what the step hands on) is one product
of matrices for all rows of a tile, which reads the matrix once for several rows; so few rows that what the parts of a
step hand on stays in the cache, which is computed from the sizes where only running tells them. Outer products that a
state adds are one too, where `fast_math` lets a sum have another order.
Where a step reads of its states only what is k steps old or older (a season), k steps wait for nothing but the k
before: they are a tile, which is a map altogether, and its rows are the next state. Other states may be beside that
one where what it waits for takes long: they run in a loop over the rows of the tile.
Where a step may stop, the loop over the rows of a tile does, and then the scan over tiles. All that the stop waits
for is in that loop, or a map before it, which alone runs on steps behind the stop and cannot fail; the rest runs on
the steps that ran. Tiles with such maps are short, unless a sum needs whole blocks.
Each number is computed by the same operations on the same numbers, and a sum of floats keeps its tree, as a tile has
whole blocks of it (`scan.running`): no bit changes.
Conservative: but for products, of arrays a tile has rows only where reductions take all that is kept of one; rows of
arrays that others read are made where they stay, and what else needs arrays stays in the loop over them. In tiles
steps that may fail in several ways stay one loop, of which the first is told. Steps that may stop stay one loop where
what they keep has to grow, or would be copied from a tile. A table of costs (`tiling/costs.py`) says whether maps
pay. `always` asks for tiles wherever they can be, of `size` rows.
Cost: linear. Runs after `contract`, so that the arithmetic is what it would be in one loop, and before `lanes`.
Source: loop distribution (Kennedy and McKinley, 1990), strip-mined so that what is handed on stays in the cache.
"""

from __future__ import annotations

import math

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import EVERY, remark
from scancc.ir.shapes import rank
from scancc.ir.wording import called, rows_called

from .bufferizing.growing import has_room
from .slicing.latencies import HEAVY, busy
from .slicing.series import is_of_series
from .slicing.steps import CYCLE, Slice, least_lag, slice_of
from .tiling.again import run_again
from .tiling.blocks import Tiled
from .tiling.costs import cost_of
from .tiling.kept_words import say_kept_rows
from .tiling.product_words import named_products, say_kept, say_order
from .tiling.products import SMALL, balanced, most_rows, outer_sizes, rows_of_tile
from .tiling.row_products import Companion, RowProduct, is_part_of_tree, row_products_of
from .tiling.stages import Stages, stages_of
from .tiling.sums import is_kept, reductions_of
from .tiling.turned import Turned, turned_of

TURNED = 128 # rows that are transposed at a time
FEW = 64   # steps that are not worth a second loop
SHORT = 8  # steps of an inner loop that may cost less than what else a step does
LANES = 4  # steps side by side that are worth a vector
MIXED = 32 # and that are worth a loop of their own
AHEAD = 64 # steps for which work is done that a stop may make needless
GROWING = "it may stop at any step, and memory for the rows that it keeps grows as it runs"
TILE_BYTES = 1 << 16  # of rows in a tile, where shorter ones have whole blocks of the sums


def tile(module: Op, always: bool = False, size: int = 512) -> None:
    """Tile the scans of `module` where it pays; with `always`, where it can be."""
    for op in reversed(list(module.walk())):  # inner ones first: an outer one that is tiled is made anew
        if op.name == "scan.scan":
            _tile(op, always, size)


def _tile(op: Op, always: bool, size: int) -> None:
    if not always and is_of_series(op):
        remark("tile", op, False, "several series at a time are lanes, of which each step is in vectors")
        return
    again = run_again(op) if not always and _is_long(ScanView(op), 2 * size) else ""
    if isinstance(again, Op):
        _tile(again, always, size)
    by_lag = _by_lag(op) if not _keeps_arrays(op) else None
    step = slice_of(op)
    made = _by_cost(step, always, size, by_lag, again if isinstance(again, str) else "")
    if isinstance(made, str):
        _inside(step, size if always else None, by_lag, made)
        return
    for inner in [inner for inner in made.body.ops if inner.name == "scan.scan"]:
        _inside(slice_of(inner), size if always else None, _by_lag(inner), None)


def _inside(step: Slice, size: int | None, by_lag: Stages | None, reason: str | None) -> None:
    """Tile a scan for another cause than its costs, for which it is not because of a `reason`."""
    if by_lag is not None:
        _build_by_lag(by_lag)
        return
    no_products = _by_products(step, size)
    for why in (reason, no_products):
        if why and no_products is not None:
            remark("tile", step.scan.op, False, why)


def _by_cost(step: Slice, always: bool, size: int, by_lag: Stages | None, once: str) -> Op | str:
    """Tile a scan where it pays; the scan over tiles, or why there is none. `once`: why it does not run again."""
    scan, stages = step.scan, stages_of(step)
    sums, behind, size = _along(scan, always, size)
    heavy = _array_between(stages) or _other_errors(stages)
    if heavy is not None:
        stages = stages_of(step, loop=True)
    elif by_lag is not None:
        heavy = "all of it runs in vectors"
    else:
        heavy = _no_gain(stages)
    saved = [stack for stack in scan.stacks if stack.result.uses and not is_kept(stack.result, sums)]
    kept = [stack for stack in scan.stacks if is_kept(stack.result, sums)]
    against = _until_obstacle(scan, kept, always, size)
    if against is None and not always and heavy is not None and not (saved and _is_long(scan, 2 * size)):
        against = f"it has but {constant_of(scan.length)} steps" if saved else heavy
    if against is not None:
        say_kept_rows(scan, sums, behind, once, against)
        return against
    if stages.runs_ahead and not sums and not always:
        size = AHEAD
    say_kept_rows(scan, sums, behind, once)
    whole = {stack.value for stack in kept}
    names = tuple(rows_called(stack.result, stack.value) for stack in saved if stack.value not in whole)
    remark("tile", scan.op, True, _described(stages, sums, names, size, heavy is None),
           rows=names if kept or not names else (*names, EVERY))
    return Tiled(stages, sums, size).build()


def _until_obstacle(scan: ScanView, kept: list[Stack], always: bool, size: int) -> str | None:
    """Why a scan that may stop, and keeps some rows, has no tiles; or None."""
    if scan.until and not always and any(_is_large(stack, size) for stack in kept):
        return "it may stop at any step: rows of arrays that it keeps would be made in a tile, and copied"
    return GROWING if kept and _grows(scan) else None


def _by_products(step: Slice, size: int | None) -> str | None:
    """Tile a scan whose step has products that wait for no state: one product of a tile each. Why not, in words that
    are empty where there is none."""
    scan, stages = step.scan, stages_of(step, matrix=SMALL if size is None else 0)
    op = scan.op
    say_order(stages)
    say_kept(stages)
    names = named_products(stages)
    if not names or size is None and not _is_long(scan, LANES):
        return ""
    kept = [stack.value for stack in scan.stacks if stack.result.uses]
    lost = next((v for v in (*stages.crossing, *kept) if not _is_handed_on(v, stages)), None)
    reason = _other_errors(stages) if lost is None else f"the rows of '{lost.name or 'a value'}' have no known sizes"
    if kept and _grows(scan):
        reason = GROWING
    if reason is not None:
        return f"{names} stay in the step: {reason}"
    assert op.parent is not None
    b, handed_on = Builder(op.parent, op, op.location), dict.fromkeys((*stages.crossing, *kept))
    rows = size or balanced(rows_of_tile(b, handed_on, scan), scan.length)
    remark("tile", op, True, f"tiles of at most {most_rows(rows)} steps: {names} are one for all rows of a tile",
           part="reassociate" if stages.sums else "")
    Tiled(stages, [], rows).build()
    return None


def _is_handed_on(value: Value, stages: Stages) -> bool:
    """Whether the rows of a value can be in an array."""
    if not rank(value):
        return True
    scan = stages.scan
    if any(carry.arg is value and carry.depth > 1 for carry in scan.carries):
        return False
    varies = value in scan.x_args or stages.of(value) is not None
    return varies and outer_sizes(value, scan) is not None


def _by_lag(op: Op) -> Stages | None:
    """The stages of a scan whose states come back so late that a tile needs none of its own rows of them: all states,
    or some, where what they wait for takes long, and a loop over the rows of a tile is beside."""
    lags = [least_lag(carry) for carry in ScanView(op).carries if not ScanView(op).until]
    lag = min((lag for lag in lags if lag > 1), default=0)
    if lag < (MIXED if 1 in lags else LANES) or not _is_long(ScanView(op), 2 * lag):
        return None
    stages = stages_of(slice_of(op), lag)
    if 1 not in lags:
        return stages if stages.last == 0 and all(map(stages.is_map, stages.of_op)) else None
    if not any(busy(op) >= HEAVY and stages.slice.kind[op] == CYCLE for op in _mapped(stages)):
        return None
    return stages if stages.reads_far_rows and not (_array_between(stages) or _other_errors(stages)) else None


def _build_by_lag(stages: Stages) -> None:
    scan, lag = stages.scan, stages.lag
    assert lag is not None
    sums = [found for found in reductions_of(scan)[0] if lag % found.block == 0] if _fills_tiles(scan, lag) else []
    remark("tile", scan.op, True, f"tiles of {lag} steps, as many as no step of them waits for")
    Tiled(stages, sums, lag).build()


def _fills_tiles(scan: ScanView, lag: int) -> bool:
    """Whether no steps are left behind the last whole tile, where a sum could not go on with its blocks."""
    known = constant_of(scan.length)
    return known is not None and known % lag == 0


def _along(scan: ScanView, always: bool, size: int) -> tuple[list[Companion], dict[Op, str], int]:
    """The reductions and turned rows that go along, why other reductions stay behind, and how many rows a tile has:
    whole blocks of theirs."""
    sums, behind = reductions_of(scan)
    products = row_products_of(scan)
    behind = {nest: why for nest, why in behind.items() if all(nest is not each.nest for each in products)}
    found: list[Companion] = [*sums, *turned_of(scan), *products]
    if not always:
        return found, behind, _tile_rows(scan, found, size)
    return [each for each in found if size % each.block == 0 and (
        not isinstance(each, RowProduct) or is_part_of_tree(size))], behind, size


def _tile_rows(scan: ScanView, sums: list[Companion], size: int) -> int:
    """How many rows a tile has: of arrays few enough that they stay in the cache."""
    least = math.lcm(*(found.block for found in sums))
    if any(isinstance(found, Turned) for found in sums):
        size = TURNED
    row = max((_row_bytes(stack.value.type) for stack in scan.stacks
               if stack.result.uses and not is_kept(stack.result, sums)), default=0)
    while size > least and size * row > TILE_BYTES:
        size //= 2
    return max(size // least, 1) * least


def _is_large(stack: Stack, size: int) -> bool:
    """Whether a tile of rows that are arrays would not stay in the cache, as far as it is known."""
    row = stack.value.type
    return isinstance(row, t.TensorType) and (None in row.shape or _row_bytes(row) * size > TILE_BYTES)


def _row_bytes(row: t.Type) -> int:
    """What a row takes in a tile, as far as it is known."""
    if not isinstance(row, t.TensorType):
        return t.nbytes(row)
    return t.nbytes(row.element) * math.prod(n for n in row.shape if n is not None)


def _described(stages: Stages, along: list[Companion], saved: tuple[str, ...], size: int, heavy: bool,
               ) -> str:
    """What becomes of a scan, in words."""
    cost, said = cost_of(stages), []
    if heavy:
        said.append(f"{_named(stages)} in vectors, about {cost.whole:.0f} cycles a step become {cost.tiled:.0f}")
    turned = sum(isinstance(each, Turned) for each in along)
    sums = len(along) - turned
    if sums:
        said.append(f"{sums} reduction{'s' * (sums > 1)} of its rows along with it")
    if turned:
        said.append("transposed rows written where they belong")
    if saved:
        said.append(f"{', '.join(saved)} not kept whole")
    return f"tiles of {size} steps: {'; '.join(said) or 'nothing heavy in vectors'}"


def _keeps_arrays(op: Op) -> bool:
    return any(rank(stack.value) for stack in ScanView(op).stacks if stack.result.uses)


def _array_between(stages: Stages) -> str | None:
    array = next((v for v in stages.crossing if rank(v)), None)
    return None if array is None else f"{called(array)}, an array, would be kept for all steps of a tile"


def _other_errors(stages: Stages) -> str | None:
    """Why the steps of a tile need to follow each other, so that the first error is found first; or None."""
    return "a step may fail in several ways" if len(stages.failing) > 1 else None


def _no_gain(stages: Stages) -> str | None:
    """Why maps do not pay, or None."""
    if not any(busy(op) >= HEAVY for op in _mapped(stages)):
        return "nothing elementwise that takes long is off its cycles"
    if not _is_long(stages.scan, FEW):
        return f"it has {constant_of(stages.scan.length)} steps"
    if any(op.name == "scan.scan" and _is_long(ScanView(op), SHORT) for op in stages.of_op):
        return "a step runs a loop, beside which the rest of it costs little"
    cost = cost_of(stages)
    return None if cost.is_less else (
        f"too little is gained: about {cost.whole:.0f} cycles a step would become {cost.tiled:.0f}")


def _grows(scan: ScanView) -> bool:
    """Whether rows that are kept need room that nobody knows before they are made."""
    return scan.until and not scan.xs and not has_room(scan, scan.length)


def _is_long(scan: ScanView, steps: int) -> bool:
    n = constant_of(scan.length)
    return n is None or n >= steps


def _mapped(stages: Stages) -> list[Op]:
    return [op for stage in range(0, stages.last + 1, 2) for op in stages.ops(stage)]


def _named(stages: Stages) -> str:
    """The heavy work that becomes maps, in words."""
    names = dict.fromkeys("division" if op.name == "arith.divf" else op.name.partition(".")[2]
                          for op in _mapped(stages) if busy(op) >= HEAVY)
    return ", ".join(names)
