"""Say of each op and state of a scan's step where it stands: on a cycle through the state, before it, or after it.

    scan.scan(%n, %x, %one) {                        scan.scan(%n, %x, %one) {
    ^bb0(%t, %x_t, %s):                              ^bb0(%t, %x_t, %s):
      %q = arith.mulf(%x_t, %x_t)                      %q = arith.mulf(%x_t, %x_t) {slice = "before"}
      %n = math.fma(%b, %s, %q)                ->      %n = math.fma(%b, %s, %q) {slice = "cycle 0"}
      %l = math.log(%n)                                %l = math.log(%n) {slice = "after"}
      scan.yield(%n, %l) }                             scan.yield(%n, %l)
                                                     } {states = ["cycle 0"], chains = array<i64: 4>,
                                                        distances = array<i64: 1>, algebra = ["affine"]}

Why: only what depends on its own past must run step by step. What is `before` the first cycle or `after` one is a
map over time, whatever the user wrote in the step; `invariant` does not change at all, and stands in the step
because it may fail where no step runs, or since a pass after `licm` made it. With `until`, `stop` is what decides
whether to go on: it runs step by step, though no state waits for it. `states`: where each state stands; one that
only remembers is on no cycle. `chains`: for each cycle the cycles of the target from one step to the next at most,
the speed limit of that loop, or -1 where an op's time is not known. `distances`: for each cycle the least number of
steps after which a value comes back. `algebra`: for each cycle the class of functions that its step is one of,
where that is closed (`slicing/algebra.py`), or "none". Strongly connected components of the dependence graph, where
a state depends on what makes its next value. Constants and new arrays have no place.
An analysis: it changes nothing else, and its marks are for people; passes that act on a slice ask `slice_of`, as it
does. The driver asks it again (`refresh`) before anyone looks at what a later pass left, so that no dump has stale
marks; `bufferize` drops them.
Cost: linear. Runs after `contract`, which makes the last arithmetic of a step, and before `tile`, which rests on it.
Source: Allen and Kennedy, Automatic translation of FORTRAN programs to vector form (1987).
"""

from __future__ import annotations

from collections.abc import Sequence

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
            classes = _mark(op, found)
            remark("slice", op, True, described(found, classes))


def is_marked(module: Op) -> bool:
    """Whether a step has marks."""
    return any("states" in op.attrs for op in module.walk() if op.name == "scan.scan")


def refresh(module: Op) -> None:
    """Mark the steps of all scans anew, without a remark; nothing else has marks then."""
    ops = list(module.walk())
    for op in ops:
        op.attrs.pop("slice", None)
    for op in ops:
        if op.name == "scan.scan":
            _mark(op, slice_of(op))


def _mark(op: Op, found: Slice) -> list[str]:
    """Write a slice to its scan; the class of each cycle."""
    classes = [class_of(cycle) for cycle in found.cycles]
    for inner in op.body.ops[:-1]:
        if inner.name not in PLACELESS:
            inner.attrs["slice"] = found.label(inner)
    op.attrs["states"] = found.states
    op.attrs["chains"] = _ints([-1 if cycle.chain is None else cycle.chain for cycle in found.cycles])
    op.attrs["distances"] = _ints([cycle.distance for cycle in found.cycles])
    op.attrs["algebra"] = [name or "none" for name in classes]
    return classes


def _ints(values: Sequence[int]) -> t.DenseArray:
    return t.DenseArray(t.i64, tuple(values))


def class_of(cycle: Cycle) -> str:
    """The class of a cycle, or nothing."""
    found = algebra_of(cycle.carries, cycle.ops)
    return "" if found is None else found.name


def described(found: Slice, classes: Sequence[str]) -> str:
    """A step in words: its cycles and their chains, and how many ops stand before and after them."""
    said = []
    for cycle, named in zip(found.cycles, classes, strict=True):
        names = ", ".join(carry.arg.name or "a state" for carry in cycle.carries)
        chain = "a chain of unknown length" if cycle.chain is None else f"a chain of {cycle.chain} cycles"
        back = f" that comes back after {cycle.distance} steps" if cycle.distance > 1 else ""
        said.append(f"{names}: {f'{named}, ' if named else ''}{chain}{back}")
    count = {kind: sum(found.kind[op] == kind and op.name not in PLACELESS for op in found.kind)
             for kind in (BEFORE, AFTER)}
    said += [f"{n} op{'s' * (n > 1)} {kind}" for kind, n in count.items() if n]
    return "; ".join(said) or "nothing in the step depends on its past"
