"""What the compiler knows of each scan of a program, and what it made of it: a card a scan.

The passes run again, for this alone; what they say in remarks goes to the card of the scan that it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scancc import pipeline, stages
from scancc.codegen import target as targets
from scancc.ir import types as t
from scancc.ir.builder import constant_of, measured
from scancc.ir.core import Location, Op, Value
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import ScanView
from scancc.ir.reading.text import type_text
from scancc.ir.remarks import Remark
from scancc.passes.slicing.latencies import busy
from scancc.passes.slicing.steps import AFTER, BEFORE, Cycle, Slice, slice_of

if TYPE_CHECKING:
    from scancc.codegen.target import Target
    from scancc.frontend.program.program import Program
    from scancc.memory import BufferPlan, MemoryPlan

QUIET = ("canonicalize", "contract", "cse", "dce", "fuse", "licm", "slice", "reductions")  # not about schedules
SHOWN_LINES = 12


@dataclass(frozen=True)
class Card:
    """One scan: facts in words, by topic, and what passes said of it."""

    title: str
    facts: dict[str, list[str]]
    depth: int = 0  # of scans around it
    location: Location | None = None
    done: list[str] = field(default_factory=list)
    not_done: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.title]
        parts = {**self.facts, "did": self.done, "did not": self.not_done}
        for topic, texts in parts.items():
            lines += [f"  {topic if not n else '':11} {text}" for n, text in enumerate(texts)]
        return "".join(f"{'  ' * self.depth}{line}\n" for line in lines)


@dataclass(frozen=True)
class Explanation:
    """The cards of a program's scans, what else passes left undone, and the memory that it takes."""

    function: str
    cards: tuple[Card, ...]
    others: tuple[str, ...]
    memory: str

    def __str__(self) -> str:
        n = len(self.cards)
        head = f"{self.function}: {n} scan{'s' * (n != 1)}; {self.memory}"
        rest = "".join(f"  {text}\n" for text in self.others)
        beside = f"beside the scans\n{rest}" if rest else ""
        return "\n".join(filter(None, [f"{head}\n", *map(str, self.cards), beside]))


def explained(program: Program, target: Target | str | None = None) -> Explanation:
    """See `Function.explain`."""
    found = targets.target_of(target)
    module, cards = stages.lower(program), list[Card]()

    def look(done: pipeline.PassRun, top: Op) -> None:
        if done.step.name == "slice":
            cards.extend(_cards(top))

    passes = stages.passes_for(found, leave_out=program.leave_out)
    report = pipeline.run(module, passes, verify=False, on_pass=look, track_changes=False)
    plan = stages.memory_of(program, module)
    _add_buffers(cards, plan)
    others = _told(cards, report.remarks)
    return Explanation(stages.symbol_of(program), tuple(cards), tuple(others), plan.line())


# ---- cards ----


def _cards(top: Op) -> Iterator[Card]:
    for op in top.walk():
        if op.name == "scan.scan":
            yield _card(op)


def _card(op: Op) -> Card:
    scan, found = ScanView(op), slice_of(op)
    place = "" if op.location is None else f" at {op.location[0]}:{op.location[1]}"
    named = next((f" '{v.name}'" for v in (*scan.ys, *scan.finals, *scan.carry_args) if v.name), "")
    facts = {
        "steps": [f"at most {said(scan.length)}, until a condition holds" if scan.until else said(scan.length)],
        "sequences": [_typed(read.arg) for read in scan.reads],
        "states": [_typed(c.arg) + (f", a ring of the last {c.depth}" if c.depth > 1 else "") for c in scan.carries],
        "keeps": [f"{said(stack.rows)} rows of {_typed(stack.value)}" for stack in scan.stacks],
        "cycles": [_cycle(cycle) for cycle in found.cycles],
        "off them": _off(found),
        "limit": _limit(op, found),
    }
    return Card(f"scan{named}{place}", {k: v for k, v in facts.items() if v}, _depth(op), op.location)


def _cycle(cycle: Cycle) -> str:
    names = ", ".join(_name(carry.arg) for carry in cycle.carries)
    length = "a chain of unknown length" if cycle.chain is None else f"a chain of {cycle.chain} cycles"
    return f"{names}: {length}{f' in {cycle.distance} steps' if cycle.distance > 1 else ''}"


def _off(found: Slice) -> list[str]:
    count = {kind: sum(k == kind and op.name != "arith.constant" for op, k in found.kind.items())
             for kind in (BEFORE, AFTER)}
    return [f"{n} op{'s' * (n > 1)} {kind} the cycles" for kind, n in count.items() if n]


def _limit(op: Op, found: Slice) -> list[str]:
    """What a step of one loop waits for: the longest chain, the core, or loops over arrays."""
    inner = [o for o in op.body.ops[:-1] if not has_trait(o, ELEMENTWISE) and o.name in _LOOPS]
    if inner:
        names = sorted({_LOOPS[o.name] for o in inner})
        return [f"{len(inner)} in each step: {', '.join(names)}"]
    chains = [c.chain / c.distance for c in found.cycles if c.chain is not None]
    chain, work = max(chains, default=0.0), sum(map(busy, _scalars(op)))
    if chain >= work:
        return [f"the chain: {chain:g} cycles a step, with {work} of work beside it"]
    return [f"work: {work} cycles a step, beside a chain of {chain:g}"]


_LOOPS = {"linalg.generic": "loops over arrays", "scan.scan": "a scan", "scan.dot": "products", "scan.reduce": "sums",
          "scan.batch_dot": "products", "tensor.insert_slice": "writes into arrays"}


def _scalars(op: Op) -> Iterable[Op]:
    return (o for o in op.body.ops if has_trait(o, ELEMENTWISE) and not isinstance(o.results[0].type, t.TensorType))


def _depth(op: Op) -> int:
    around, depth = op.parent_op(), 0
    while around is not None:
        depth += around.name == "scan.scan"
        around = around.parent_op()
    return depth


def _name(value: Value) -> str:
    return value.name or "an unnamed one"


def _typed(value: Value) -> str:
    return f"{_name(value)}: {type_text(value.type)}"


def said(value: Value) -> str:
    """A size in words of the program: a number, an axis, sums of these, or its name."""
    known, at, op = constant_of(value), measured(value), value.op
    if known is not None:
        return str(known)
    if at is not None and at[0].op is None:
        return f"{at[0].name}_n{at[1]}"
    if op is not None and op.name in _SIGNS:
        left, right = map(said, op.operands)
        return f"{left} {_SIGNS[op.name]} {right}"
    return value.name or "a number that is computed"


_SIGNS = {"arith.addi": "+", "arith.subi": "-"}


# ---- memory ----


def _add_buffers(cards: Sequence[Card], plan: MemoryPlan) -> None:
    """Put the buffers that a scan's line makes on its card, those alike on one line."""
    by_place = {"{}:{}".format(*line): card for line, card in _by_line(cards).items() if line is not None}
    for card in by_place.values():
        made = Counter(_buffer(b, plan) for b in plan.buffers if by_place.get(b.location) is card)
        if made:
            card.facts["buffers"] = [f"{n} of {text}" if n > 1 else text for text, n in made.items()]


def _buffer(buffer: BufferPlan, plan: MemoryPlan) -> str:
    nbytes = plan.places[buffer.place].nbytes
    return f"{nbytes} bytes for {buffer.name}{', in each step' if buffer.in_step else ''}"


# ---- remarks ----


def _by_line(cards: Sequence[Card]) -> dict[Location | None, Card]:
    """The first card of each line."""
    found: dict[Location | None, Card] = {}
    for card in cards:
        found.setdefault(card.location, card)
    return found


def _told(cards: Sequence[Card], remarks: Iterable[Remark]) -> list[str]:
    """Put remarks on the cards of their lines; those that say no of other lines are left."""
    by_line = _by_line(cards)
    others: list[str] = []
    for remark in remarks:
        if remark.pass_name in QUIET:
            continue
        text = f"{remark.pass_name}: {remark.reason}{f' (hint: {remark.hint})' if remark.hint else ''}"
        found = by_line.get(remark.location) if remark.location else None
        into = others if found is None else found.done if remark.done else found.not_done
        if found is None and (remark.done or remark.location is None):
            continue
        text = text if found is not None else f"{remark.location[0]}:{remark.location[1]}: {text}"  # type: ignore[index]
        if text not in into:
            into.append(text)
    return others[:SHOWN_LINES] + ([f"and {len(others) - SHOWN_LINES} more"] if len(others) > SHOWN_LINES else [])
