"""What a check tells those behind it, and what one inside a loop over time says beside its message: the step."""

from __future__ import annotations

from scancc.artifact import N_INFO_SLOTS
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, operand, set_operands

from .context import Context, converts, is_counted


@converts("scan.check")
def check(c: Context, op: Op) -> None:
    """It stays as it is, and all that follows in a function knows what it says of sizes; not of those that a loop
    counts, as the query does not make such checks."""
    made = c.clone_scalar(op)
    around = op.parent.parent_op() if op.parent is not None else None
    if around is not None and around.name == "func.func" and not is_counted(operand(made, "condition")):
        c.equal.learn(made)


def say_step(scan: Op, counter: Value) -> None:
    """Give each check in the loop over `counter` the step as one more number, and the words for it."""
    label = f" {scan.attrs['name']!r}" if "name" in scan.attrs else ""
    for op in counter.block.ops:
        for check in (inner for inner in op.walk() if inner.name == "scan.check"):
            info = group(check, "info")
            if len(info) < N_INFO_SLOTS:
                words = [check.attrs["step"]] if "step" in check.attrs else []
                set_operands(check, info=[*info, counter])
                check.attrs["step"] = ", ".join([*words, f"in step {{{len(info)}}} of scan{label}"])
