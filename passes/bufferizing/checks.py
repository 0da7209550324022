"""What a check inside a loop over time says beside its message: at which step it failed."""

from __future__ import annotations

from scancc.artifact import N_INFO_SLOTS
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, set_operands


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
