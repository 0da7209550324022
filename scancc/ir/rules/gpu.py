"""What a launch asks of its kernel."""

from __future__ import annotations

from ..core import Op


def check_launch(op: Op) -> str | None:
    if not 1 <= op.attrs["threads"].value <= 1024:
        return "a block has 1 to 1024 threads"
    top: Op | None = op
    while top is not None and top.name != "builtin.module":
        top = top.parent_op()
    name = op.attrs["kernel"].name
    found = [f for f in (top.body.ops if top is not None else ()) if f.attrs.get("sym_name") == name]
    if not found or "gpu.kernel" not in found[0].attrs:
        return f"the module has no kernel @{name}"
    if [v.type for v in op.operands[1:]] != [a.type for a in found[0].body.args]:
        return f"the arguments must have the types that @{name} takes"
    return None
