"""scf: structured loops and branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core import Block, Op
from ..ops import LOOP, PURE, TERMINATOR, Dialect, Parts
from ..parts import Carry, Loop, Round
from ..reading.phrases import UNARY
from ..rules.scf import check_for, check_if, check_while

if TYPE_CHECKING:
    from ..reading.reader import Reader

scf = Dialect("scf")


def read_yield(op: Op, r: Reader) -> str:
    """Nothing where nothing is yielded."""
    return f"yield {r.uses(op.operands)}" if op.operands else ""


def carried(carries: Sequence[Round | Carry], name: str, r: Reader) -> list[str]:
    """`%sum = 0.0`: what goes from one step to the next, and what it is at first. The next value and the last one are
    named after it; it is called `name` where it has none."""
    starts = [r.use(carry.init) for carry in carries]  # before the names of the arguments, which may be the same
    texts = []
    for carry, start in zip(carries, starts, strict=True):
        r.suggest(carry.arg, name)
        texts.append(f"{r.define(carry.arg)} = {start}")
        r.suggest(carry.next, carry.arg, "next")
        r.suggest(carry.final, carry.arg, "last")
    return texts


def _read_for(op: Op, r: Reader) -> Parts:
    loop = Loop(op)
    lower, upper, step = (r.use(v, UNARY) for v in (loop.lower, loop.upper, loop.step))
    by = "" if step == "1" else f"by {step}"
    counter, carry = r.name_counter(loop.counter), r.listed("carry", carried(loop.carries, "acc", r))
    return [r.clauses(f"for {counter} in {lower}..{upper}", by, carry) + " ", op.body]


def _read_if(op: Op, r: Reader) -> Parts:
    then, otherwise = (region.blocks[0] for region in op.regions)
    for result, value in zip(op.results, then.terminator.operands, strict=True):
        r.suggest_like(result, value)
    expected = ""
    if "likely" in op.attrs:
        r.mention("likely")
        expected = "likely " if op.attrs["likely"].value else "unlikely "
    first: list[str | Block] = [f"if {expected}{r.use(op.operands[0])} ", then]
    empty = len(otherwise.ops) == 1 and not otherwise.terminator.operands
    return first if empty else [*first, " else ", otherwise]


def _read_condition(op: Op, r: Reader) -> str:
    condition, *values = op.operands
    given = [] if op.parent is not None and _hands_on(op.parent) else values
    return r.clauses(f"go on if {r.use(condition)}", r.listed("with", [*map(r.use, given)]))


def _read_while(op: Op, r: Reader) -> Parts:
    before, after = (region.blocks[0] for region in op.regions)
    hands_on = _hands_on(before)
    starts = [r.use(value) for value in op.operands]
    for arg, other in zip(before.args, after.args if hands_on else before.args, strict=True):
        r.suggest_like(arg, other)
    carry = r.listed("carry", [f"{r.define(arg)} = {start}" for arg, start in zip(before.args, starts, strict=True)])
    for arg, other in zip(before.args, after.args, strict=True) if hands_on else ():
        r.bind(other, r.use(arg))
        r.suggest(after.terminator.operands[arg.index], arg, "next")
        r.suggest(op.results[arg.index], arg, "last")
    given = "" if hands_on else r.listed("", [*map(r.define, after.args)])
    return [r.clauses("while", carry) + " ", before, f" do{given} ", after]


def _hands_on(before: Block) -> bool:
    """Whether the second block of a loop gets what the first gets, and can call it the same."""
    return before.terminator.operands[1:] == before.args


scf.define("for", "lower:index upper:index step:index init*", results="*", traits=(PURE, LOOP), regions=1,
           ends=("scf.yield",), marks=("parallel:int", "reduction:int", "vector:int", "tail:int", "prefix:int"),
           verify=check_for, reading=_read_for,
           doc="for counter = lower; counter < upper; counter += step. `prefix`: rounds may be combined before "
               "what the first of them gets is known")
scf.define("while", "init*", results="*", traits=(PURE,), regions=2, ends=("scf.condition", "scf.yield"),
           marks=("settled:int",),  # more rounds would change nothing that is read but a count of them
           verify=check_while, reading=_read_while,
           doc="the first region ends in scf.condition; while true, the second runs with its values")
scf.define("condition", "condition:truth values*", results="0", traits=(TERMINATOR,), parents=("scf.while",),
           reading=_read_condition,
           doc="goes on if true")
scf.define("if", "condition:truth", results="*", traits=(PURE,), regions=2, ends=("scf.yield", "scf.yield"),
           marks=("likely:int",),  # 1: the condition nearly always holds, 0: it rarely does
           verify=check_if, reading=_read_if, doc="one of two regions")
scf.define("yield", "values*", results="0", traits=(TERMINATOR,), parents=("scf.for", "scf.while", "scf.if"),
           reading=read_yield,           doc="the values of a region")
