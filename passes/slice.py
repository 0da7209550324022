"""Say of each op of a scan's step where it stands: on a cycle through the state, before it, or after it.

    scan.scan(%n, %x, %one) {                        scan.scan(%n, %x, %one) {
    ^bb0(%t, %x_t, %s):                              ^bb0(%t, %x_t, %s):
      %q = arith.mulf(%x_t, %x_t)                      %q = arith.mulf(%x_t, %x_t) {slice = "before"}
      %n = math.fma(%b, %s, %q)                ->      %n = math.fma(%b, %s, %q) {slice = "cycle 0"}
      %l = math.log(%n)                                %l = math.log(%n) {slice = "after"}
      scan.yield(%n, %l) }                             scan.yield(%n, %l) } {chains = [4], algebra = ["affine"]}

Why: only what depends on its own past must run step by step. What is `before` the first cycle or `after` one is a
map over time, whatever the user wrote in the step; `invariant` does not change at all, and stayed because it may fail
where no step runs. With `until`, `stop` is what decides whether to go on: it runs step by step, though no state waits
for it. `chains`: for each cycle the cycles of the target from one step to the next at most, the speed limit of that
loop, or -1 where an op's time is not known. `algebra`: for each cycle the class of functions that its step is one of,
where that is closed (`slicing/algebra.py`), or "none". Strongly connected components of the dependence graph, where
a state depends on what makes its next value.
An analysis: it changes nothing else, and its attributes are for people; `tile`, which acts on it, asks again.
`bufferize` drops them. Constants and new arrays have no place. People read `{cycle 0}`.
Cost: linear. Runs after `contract`, which makes the last arithmetic of a step.
Source: Allen and Kennedy, Automatic translation of FORTRAN programs to vector form (1987).
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op
from scancc.ir.remarks import remark

from .slicing.algebra import algebra_of
from .slicing.steps import AFTER, BEFORE, Cycle, Slice, slice_of

PLACELESS = ("arith.constant", "tensor.empty", "tensor.splat")


def slice(module: Op) -> None:
    """Mark the steps of all scans."""
    for op in module.walk():
        if op.name == "scan.scan":
            found = slice_of(op)
            for inner in op.body.ops[:-1]:
                if inner.name not in PLACELESS:
                    inner.attrs["slice"] = found.label(inner)
            op.attrs["chains"] = [t.IntAttr(-1 if c.chain is None else c.chain, t.i64) for c in found.cycles]
            op.attrs["algebra"] = [class_of(cycle) or "none" for cycle in found.cycles]
            remark("slice", op, True, described(found))


def class_of(cycle: Cycle) -> str:
    """The class of a cycle, or nothing."""
    found = algebra_of(cycle.carries, cycle.ops)
    return "" if found is None else found.name


def described(found: Slice) -> str:
    """A step in words: its cycles and their chains, and how many ops stand before and after them."""
    said = []
    for cycle in found.cycles:
        names = ", ".join(carry.arg.name or "a state" for carry in cycle.carries)
        chain = "a chain of unknown length" if cycle.chain is None else f"a chain of {cycle.chain} cycles"
        back = f" that comes back after {cycle.distance} steps" if cycle.distance > 1 else ""
        named = class_of(cycle)
        said.append(f"{names}: {f'{named}, ' if named else ''}{chain}{back}")
    count = {kind: sum(found.kind[op] == kind and op.name not in PLACELESS for op in found.kind)
             for kind in (BEFORE, AFTER)}
    said += [f"{n} op{'s' * (n > 1)} {kind}" for kind, n in count.items() if n]
    return "; ".join(said) or "nothing in the step depends on its past"
