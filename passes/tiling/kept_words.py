"""What the pass `tile` says of rows that are kept: of those that reductions alone read, and why these stay behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scancc.ir.core import Op
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, ScanView, Stack, scan_around
from scancc.ir.remarks import remark
from scancc.ir.wording import most_nbytes, rows_called, rows_size

from .sums import LATE, WAITS, Along, is_kept, late_nests_on, nests_on, rows_behind

ONE_PASS = ("where another rounding serves, write it for one pass: (h*h).mean() - h.mean()**2 for a variance, a "
            "running maximum and a sum that the step rescales for a log-sum-exp")
FEW_NBYTES = 4096  # of rows that no budget would keep from being whole
LAGGED = "give what is made of rows that are steps apart from the step, with taps, and reduce that"


def say_kept_rows(scan: ScanView, sums: Sequence[Along], behind: Mapping[Op, str], once: str,
                  against: str = "") -> None:
    """Say which rows are kept for reductions that stay `behind`, or because something is `against` tiles; `once`: why
    the scan does not run again for a reduction that waits for another one."""
    for stack in scan.stacks:
        nests, stays = _with_late_ones(stack, behind, {each.nest for each in sums})
        if not stack.result.uses or not _are_all(stack, nests) or not against and not is_kept(stack.result, sums):
            continue
        if scan_around(scan.op) is not None and most_nbytes(stack) <= FEW_NBYTES:
            continue
        name, hint = rows_called(stack.result, stack.value), ""
        late = sorted((nest for nest in nests if nest in stays), key=lambda nest: stays[nest] != WAITS)
        reason = _stays(late[0], stays[late[0]]) if late else against
        waiting = [nest for nest in nests if stays.get(nest) == WAITS]
        if waiting:
            reason = f"{reason}, and the scan does not run again: {once}" if once else reason
            hint = "" if all(_waits_for_a_scan(nest, scan) for nest in waiting) else ONE_PASS
        elif any(stays.get(nest) == LATE for nest in nests):
            hint = LAGGED
        remark("tile", scan.op, False, f"{name} is kept whole{rows_size(stack)}: {reason}", hint, rows=(name,))
    for nest, reason in behind.items():
        if not any(_are_all(stack, list(nests_on(stack.result))) for stack in _read_by(nest, scan)):
            remark("tile", scan.op, False, _stays(nest, reason))


def _with_late_ones(stack: Stack, behind: Mapping[Op, str], along: set[Op]) -> tuple[list[Op], Mapping[Op, str]]:
    """The nests that read rows, those of later parts of them too, which stay behind if they do not go along."""
    nests = dict.fromkeys(nests_on(stack.result))
    late = [nest for nest in late_nests_on(stack.result) if nest not in nests and nest not in along]
    return [*dict.fromkeys((*nests, *late_nests_on(stack.result)))], dict.fromkeys(late, LATE) | dict(behind)


def _stays(nest: Op, reason: str) -> str:
    line = f" (line {nest.location[1]})" if nest.location else ""
    return f"a reduction of its rows{line} stays behind it: {reason}"


def _waits_for_a_scan(nest: Op, scan: ScanView) -> bool:
    """Whether a reduction reads what another scan makes of the rows, as the sums of a gradient do."""
    made = (access.value.op for access in Nest(nest).reads)
    whole = (operand(op, "source").op if op is not None and op.name == "tensor.extract_slice" else op for op in made)
    return any(op is not None and op.name == "scan.scan" and op is not scan.op for op in whole)


def _are_all(stack: Stack, nests: Sequence[Op]) -> bool:
    """Whether nobody but nests that reduce reads some rows."""
    readers = {reader for user in stack.result.uses for reader in (
        user.result.uses if user.name == "tensor.extract_slice" else [user])}
    return readers <= {nest for nest in nests if Nest(nest).reduced}


def _read_by(nest: Op, scan: ScanView) -> list[Stack]:
    """The rows that a reduction reads."""
    read = {rows_behind(access.value, scan) for access in Nest(nest).reads}
    return [stack for stack in scan.stacks if stack.result in read]
