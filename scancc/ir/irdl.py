"""The ops of a dialect as IRDL, MLIR's description of dialects, from their declarations.

    irdl.dialect @scan {
      irdl.operation @dot {
        %0 = irdl.any
        ...
        irdl.operands(lhs: %0, rhs: %1)

It says how many operands, results, regions and which attributes an op has, by name; not the rules of the verifier
about their types. Attributes that need not be there are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .ops import OPS, OpDef

_VARIES = {"?": "optional ", "*": "variadic "}


def irdl_text(prefix: str) -> str:
    """The dialect of that prefix."""
    ops = [op for name, op in OPS.items() if name.partition(".")[0] == prefix]
    lines = [f"  {line}" for op in ops for line in _operation(op)]
    return "\n".join([f"irdl.dialect @{prefix} {{", *lines, "}"]) + "\n"


def _operation(op: OpDef) -> Iterator[str]:
    operands = [(_VARIES.get(o[-1], ""), o.rstrip("*?")) for o in op.operands]
    results = [] if op.results == "0" else [(_VARIES.get(op.results, ""), "result")]
    regions = ["body"] if op.regions == 1 else [f"region_{n}" for n in range(op.regions)]
    attributes = [*op.attrs, *["operandSegmentSizes"] * op.segmented]
    first_result = len(operands)
    first_attribute = first_result + len(results)
    yield f"irdl.operation @{op.name.partition('.')[2]} {{"
    for number in range(first_attribute + len(attributes)):
        yield f"  %{number} = irdl.any"
    yield from (f"  %{name} = irdl.region" for name in regions)
    for kind, listed, start in (("operands", operands, 0), ("results", results, first_result)):
        if listed:
            yield f"  irdl.{kind}({', '.join(f'{name}: {how}%{start + n}' for n, (how, name) in enumerate(listed))})"
    if attributes:
        named = (f'"{name}" = %{first_attribute + n}' for n, name in enumerate(attributes))
        yield f"  irdl.attributes {{ {', '.join(named)} }}"
    if regions:
        yield f"  irdl.regions({', '.join(f'{name}: %{name}' for name in regions)})"
    yield "}"
