"""Long loops ask now and then whether a handler of a signal wants to run; only in code that Python calls.

    for i in lower .. upper:        for first in lower .. upper by EVERY:    (one more loop around the outermost)
        body                   ->       for i in first .. min(first + EVERY, upper):
                                            body
                                        if asks() returns not 0: return INTERRUPTED

The body is as it was, so that a scan over scalars takes as long as before. The runtime puts the function that
asks into `scancc.interrupted`; without one nobody is asked. A pass over an array does not ask: it takes about as long
as reading memory, and such loops were half of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...ir.core import Op
from ...ir.parts import Loop
from .emitter import FunctionEmitter

EVERY = 1 << 16  # rounds of straight code
EVERY_OF_LOOPS = 16  # rounds with loops inside

_LOOPS = ("scf.for", "scf.while", "scan.matmul")
_ACCESSES = ("memref.load", "memref.store", "vector.load", "vector.store")

Rounds = Callable[[str, str, Sequence[str]], list[str]]


def rounds_between(e: FunctionEmitter, op: Op) -> int:
    """After how many rounds a loop asks; 0 if it never does: it is inside another one, what vectors left over, or a
    pass over an array."""
    holds_loops = any(o.name in _LOOPS for o in op.walk() if o is not op)
    if not e.out.interruptible or not holds_loops and ("tail" in op.attrs or _passes_over_an_array(op)):
        return 0
    outer = op.parent_op()
    while outer is not None and outer.name == "scf.if":
        outer = outer.parent_op()
    if outer is not e.func:
        return 0
    return EVERY_OF_LOOPS if holds_loops else EVERY


def _passes_over_an_array(op: Op) -> bool:
    """Whether the rounds of a loop, which wait for none before, are the elements of something in memory."""
    if not {"vector", "parallel"} & op.attrs.keys():
        return False
    counter = Loop(op).counter
    return any(o.name in _ACCESSES and counter in o.operands for o in op.body.ops)


def in_pieces(e: FunctionEmitter, bounds: Sequence[str], types: Sequence[str], start: Sequence[str], every: int,
              rounds: Rounds) -> list[str]:
    """A loop over `bounds` (lower, upper, step) as pieces of `every` rounds, with a question between them.

    `rounds(first, last, carried)` prints a piece and gives what it carries on.
    """
    lower, upper, step = bounds
    head, more, done = e.new_label("piece"), e.new_label("ask"), e.new_label("done")
    before = e.label
    e.line(f"br label %{head}")
    e.start(head)
    position, first, carried = len(e.lines), e.fresh(), [e.fresh() for _ in types]
    length = e.imul(step, str(every))
    left = e.emit(f"sub i64 {upper}, {first}")
    is_far = e.emit(f"icmp sgt i64 {left}, {length}")
    following = e.emit(f"add i64 {first}, {length}")
    last = e.emit(f"select i1 {is_far}, i64 {following}, i64 {upper}")
    results = rounds(first, last, carried)
    e.line(f"br i1 {is_far}, label %{more}, label %{done}")
    e.start(more)
    phis = zip([first, *carried], ["i64", *types], [lower, *start], [following, *results], strict=True)
    e.lines[position:position] = [
        f"  {name} = phi {kind} [ {a}, %{before} ], [ {b}, %{e.label} ]" for name, kind, a, b in phis]
    ask(e, head)
    e.start(done)
    return results


def ask(e: FunctionEmitter, go_on: str) -> None:
    """End the function where a handler raised, else go on at a label."""
    raised = e.emit(f"call i1 {e.asking()}")
    e.line(f"br i1 {raised}, label %{e.interrupted()}, label %{go_on}")


def end_if(e: FunctionEmitter, raised: str) -> None:
    """End the function where a handler raised, as the truth `raised` says."""
    go_on = e.new_label("go")
    e.line(f"br i1 {raised}, label %{e.interrupted()}, label %{go_on}")
    e.start(go_on)
