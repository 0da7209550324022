"""What a check tells those behind it, and what one inside a loop over time says beside its message: the step."""

from __future__ import annotations

from scancc.artifact import N_INFO_SLOTS
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, int_attr, operand, set_operands

from .context import Context, converts, is_counted


@converts("scan.check")
def check(c: Context, op: Op) -> None:
    """It stays as it is, and all that follows in a function knows what it says of sizes; not of those that a loop
    counts, as the query does not make such checks."""
    made = c.clone_scalar(op)
    around = op.parent.parent_op() if op.parent is not None else None
    if around is not None and around.name == "func.func" and not is_counted(operand(made, "condition")):
        c.equal.learn(made)


def say_step(c: Context, scan: Op, counter: Value) -> None:
    """Give each check in the loop over `counter` the step as one more number, and the words for it. Where the loop is
    over tiles, the steps of a loop inside are counted from the first of the tile."""
    label = f" {scan.attrs['name']!r}" if "name" in scan.attrs else ""
    for check in [inner for op in counter.block.ops for inner in op.walk() if inner.name == "scan.check"]:
        first = _first_of_tile(scan, counter, check)
        if first is None or check not in c.steps:
            c.steps[check] = _say(check, counter if first is None else first, label)
        elif (slot := c.steps[check]) is not None:
            info = group(check, "info")
            info[slot] = _before(check).addi(first, info[slot])
            set_operands(check, info=info)


def _say(check: Op, step: Value, label: str) -> int | None:
    """The place of the step among a check's numbers; None where there is no room for it."""
    info = group(check, "info")
    if len(info) >= N_INFO_SLOTS:
        return None
    words = [check.attrs["step"]] if "step" in check.attrs else []
    set_operands(check, info=[*info, step])
    check.attrs["step"] = ", ".join([*words, f"in step {{{len(info)}}} of scan{label}"])
    return len(info)


def _first_of_tile(scan: Op, counter: Value, check: Op) -> Value | None:
    if "tile" not in scan.attrs:
        return None
    b = _before(check)
    return b.muli(counter, b.index(int_attr(scan, "tile")))


def _before(check: Op) -> Builder:
    assert check.parent is not None
    return Builder(check.parent, check, check.location)
