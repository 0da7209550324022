"""What the compiler knows of each scan of a program, and what it made of it: a card a scan.

The passes run again, for this alone; what they say in remarks goes to the card of the scan that it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from scancc import pipeline, stages
from scancc.codegen import target as targets
from scancc.ir import types as t
from scancc.ir.core import Block, Location, Op, Value
from scancc.ir.formulas import Formulas
from scancc.ir.ops import ELEMENTWISE, has_trait, operand
from scancc.ir.parts import Carry, Read, ScanView, Stack, scan_around
from scancc.ir.reading.text import type_text
from scancc.ir.remarks import Remark
from scancc.ir.wording import called, said
from scancc.late_dataclasses import dataclass
from scancc.passes.slice import class_of
from scancc.passes.slicing.latencies import busy
from scancc.passes.slicing.steps import AFTER, BEFORE, Cycle, Slice, slice_of
from scancc.signature import symbol_of

if TYPE_CHECKING:
    from scancc.codegen.target import Target
    from scancc.frontend.program.program import Program
    from scancc.memory import BufferPlan, MemoryPlan

QUIET = ("canonicalize", "contract", "cse", "dce", "fuse", "licm", "slice", "reductions", "unroll")  # no schedules
SHOWN_LINES = 12
LONGEST = 100  # formulas of memory, in characters


@dataclass(frozen=True)
class Card:
    """One scan: facts in words, by topic, and what passes said of it."""

    title: str
    facts: dict[str, list[str]]
    depth: int = 0  # of scans around it
    location: Location | None = None
    in_lanes: str = ""  # what limits it where each element goes through all steps by itself
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
    lines = _Lines()

    def look(done: pipeline.PassRun, top: Op) -> None:
        if done.step.name == "slice":
            cards.extend(_cards(top, lines))
        elif done.step.name == "reads-first":
            _correct_rows(cards, top)

    passes = stages.passes_of(program, found)
    report = pipeline.run(module, passes, verify=False, on_pass=look, track_changes=False)
    plan = stages.memory_of(program, module)
    _add_buffers(cards, plan)
    others = _told(cards, lines, report.remarks)
    return Explanation(symbol_of(program), tuple(cards), tuple(others), plan.line(LONGEST))


# ---- cards ----


class _Lines(dict[Location, "Card | None"]):
    """The card to which each of the user's lines belongs: the first scan of a line, the scan in whose step it stands;
    none where several scans have the line."""

    def add(self, location: Location | None, card: Card) -> None:
        if location is not None and self.setdefault(location, card) is not card:
            self[location] = None


def _cards(top: Op, lines: _Lines) -> list[Card]:
    """The cards, and in `lines` whose lines are whose."""
    found = {op: _card(op) for op in top.walk() if op.name == "scan.scan"}
    for inner in top.walk():
        around = scan_around(inner)
        if inner not in found and around is not None:
            lines.add(inner.location, found[around])
    lines.update({card.location: card for card in reversed(found.values()) if card.location is not None})
    return list(found.values())


def _card(op: Op) -> Card:
    scan, found = ScanView(op), slice_of(op)
    place = "" if op.location is None else f" at {op.location[0]}:{op.location[1]}"
    names = (op.attrs.get("name"), *(v.name for v in (*scan.ys, *scan.finals, *scan.carry_args)))
    named = next((f" '{name}'" for name in names if name), "")
    states = _names(scan)
    facts = {
        "steps": [f"at most {_size(scan.length)}, until a condition holds" if scan.until else _size(scan.length)],
        "sequences": [f"{_sequence(read)}: {type_text(read.arg.type)}" for read in scan.reads],
        "states": [_state(c, states[c.arg]) for c in scan.carries],
        "keeps": [_rows(stack) for stack in {stack.value: stack for stack in scan.stacks}.values()] or ["no rows"],
        "cycles": [_cycle(cycle, states) for cycle in found.cycles] or ["none: no step waits for another"],
        "off them": _off(found),
        "limit": _limit(op, found),
    }
    of = " (of a gradient)" if "gradient" in op.attrs else ""
    return Card(f"scan{named}{place}{of}", {k: v for k, v in facts.items() if v}, _depth(op), op.location,
                f"in each lane, or vector of lanes, {_wait(found, _in_loops(op))}")


def _names(scan: ScanView) -> dict[Value, str]:
    """What each state is called; several of one name have numbers."""
    names = {carry.arg: carry.arg.name or called(carry.next) for carry in scan.carries}
    alike, numbers = Counter(names.values()), Counter[str]()
    for arg, name in names.items():
        numbers[name] += 1
        if alike[name] > 1:
            names[arg] = f"{name} ({numbers[name]})"
    return names


def _cycle(cycle: Cycle, names: Mapping[Value, str]) -> str:
    states, named = ", ".join(names[carry.arg] for carry in cycle.carries), class_of(cycle)
    head = f"{states}: {f'{named}, ' if named else ''}"
    if cycle.chain is None:
        return f"{head}loops over arrays, one behind the other" if cycle.distance == 1 else (
            f"{head}loops over arrays, in {cycle.distance} steps")
    length = f"a chain of {cycle.chain} cycle{'s' * (cycle.chain != 1)}"
    return f"{head}{length}{f' in {cycle.distance} steps' if cycle.distance > 1 else ''}"


def _off(found: Slice) -> list[str]:
    """How much of the step is off the cycles that it has."""
    if not found.cycles:
        return []
    count = {kind: sum(k == kind and op.name != "arith.constant" for op, k in found.kind.items())
             for kind in (BEFORE, AFTER)}
    return [f"{n} op{'s' * (n > 1)} {kind} the cycles" for kind, n in count.items() if n]


def _limit(op: Op, found: Slice) -> list[str]:
    """What a step of one loop waits for: the longest chain, the core, or loops over arrays."""
    inner = Counter(_LOOPS[o.name] for o in op.body.ops if o.name in _LOOPS)
    if inner:
        return ["in each step: " + ", ".join(_counted(n, what) for what, n in inner.items())]
    return [_wait(found, _scalars(op.body))]


def _wait(found: Slice, ops: Iterable[Op]) -> str:
    """Whether the chain or the work of elementwise ops takes longer."""
    chains = [c.chain / c.distance for c in found.cycles if c.chain is not None]
    chain, work = max(chains, default=0.0), sum(map(busy, ops))
    if chain >= work:
        return f"the chain: {chain:g} cycles a step, with {work} of work beside it"
    return f"work: {work} cycle{'s' * (work != 1)} a step, beside a chain of {chain:g}"


def _in_loops(op: Op) -> Iterator[Op]:
    """The elementwise work of a step, that of its loops over arrays once."""
    for inner in op.body.ops:
        yield from _scalars(inner.body) if inner.name == "linalg.generic" else ()
    yield from _scalars(op.body)


def _counted(n: int, kind: tuple[str, str]) -> str:
    return f"{n} {kind[n > 1]}"


_PRODUCT = ("product", "products")
_LOOPS = {"linalg.generic": ("loop over arrays", "loops over arrays"), "scan.scan": ("inner scan", "inner scans"),
          "scan.dot": _PRODUCT, "scan.batch_dot": _PRODUCT, "scan.reduce": ("reduction", "reductions"),
          "scan.concat": ("concatenate", "concatenates"), "scf.if": ("branch", "branches"),
          "tensor.insert_slice": ("write of a slice", "writes of slices"),
          "scan.scatter": ("write at indices", "writes at indices")}


def _scalars(block: Block) -> Iterable[Op]:
    return (o for o in block.ops if has_trait(o, ELEMENTWISE) and not isinstance(o.results[0].type, t.TensorType))


def _depth(op: Op) -> int:
    around, depth = op.parent_op(), 0
    while around is not None:
        depth += around.name == "scan.scan"
        around = around.parent_op()
    return depth


def _sequence(read: Read) -> str:
    """The name of a sequence's row, else what its rows are."""
    value = read.xs
    while value.op is not None and value.op.name in ("tensor.extract_slice", "scan.concat"):
        value = value.op.operands[-1] if value.op.name == "scan.concat" else operand(value.op, "source")
    if read.arg.name or value.op is None or value.op.name != "scan.scan":
        return read.arg.name or called(value)
    rows = next((stack.value for stack in ScanView(value.op).stacks if stack.result is value), value)
    return f"rows of {called(rows)}"


def _state(carry: Carry, name: str) -> str:
    ring = f", a ring of the last {carry.depth}" if carry.depth > 1 else ""
    return f"{name}: {type_text(carry.arg.type)}{ring}"


def _rows(stack: Stack) -> str:
    return f"{_size(stack.rows)} rows of {called(stack.value)}: {type_text(stack.value.type)}"


def _size(value: Value) -> str:
    """By the lengths of arguments where it is computed from these alone and shortly, else by its name."""
    func = next(op for op in _around(value) if op.name == "func.func")
    formulas = Formulas(func, {})
    text = str(formulas.of(value))
    return said(value) if formulas.computed or len(text) > LONGEST else text


def _around(value: Value) -> Iterator[Op]:
    op = value.op or value.block.parent_op()
    while op is not None:
        yield op
        op = op.parent_op()


def _correct_rows(cards: Sequence[Card], top: Op) -> None:
    """Of cards whose rows no scan of their line keeps in the end, after tiles, that none are kept whole."""
    kept = {op.location for op in top.walk() if op.name == "scan.scan" and _keeps_rows(op)}
    tiled = {op.location for op in top.walk() if op.name == "scan.scan" and "tile" in op.attrs}
    for card in cards:
        if card.location in tiled - kept and card.facts["keeps"] != ["no rows"]:
            card.facts["keeps"] = [NOT_WHOLE]


NOT_WHOLE = "no rows whole: those of a tile at a time"


def _keeps_rows(op: Op) -> bool:
    """Whether a scan outside the tiles of another keeps rows, as such or as a state that its tiles fill."""
    around, scan = scan_around(op), ScanView(op)
    if around is not None and "tile" in around.attrs:
        return False
    return bool(scan.stacks) or any(c.init.op is not None and c.init.op.name == "tensor.empty" for c in scan.carries)


# ---- memory ----


def _add_buffers(cards: Sequence[Card], plan: MemoryPlan) -> None:
    """Put the buffers that a scan's line makes on its card, those alike on one line."""
    by_place = {"{}:{}".format(*card.location): card for card in reversed(cards) if card.location is not None}
    for card in by_place.values():
        made = Counter(_buffer(b, plan) for b in plan.buffers if by_place.get(b.location) is card)
        if made:
            card.facts["buffers"] = [f"{n} of {text}" if n > 1 else text for text, n in made.items()]


def _buffer(buffer: BufferPlan, plan: MemoryPlan) -> str:
    nbytes = str(plan.places[buffer.place].nbytes)
    nbytes = nbytes if len(nbytes) <= LONGEST else "a long formula of"
    return f"{nbytes} bytes for {buffer.name}{', in each step' if buffer.in_step else ''}"


# ---- remarks ----


def _told(cards: Sequence[Card], lines: _Lines, remarks: Iterable[Remark]) -> list[str]:
    """Put remarks on the cards of their lines; those that say no of other lines are left, alike ones together."""
    others: dict[str, list[int]] = {}
    told: dict[int, dict[tuple[str, bool], list[int]]] = {}  # of each card: a text, whether done, and its lines
    for remark in remarks:
        if remark.pass_name in QUIET or remark.location is None:
            continue
        text = f"{remark.pass_name}: {remark.reason}{f' (hint: {remark.hint})' if remark.hint else ''}"
        card = lines.get(remark.location)
        if card is not None and remark.done:
            _correct_kept(card, remark.rows)
            _correct_limit(card, remark.pass_name)
        if card is not None:
            told.setdefault(id(card), {}).setdefault((text, remark.done), []).append(remark.location[1])
        elif not remark.done or remark.op == "scan.scan":  # or what became of a scan that has no card
            others.setdefault(text, []).append(remark.location[1])
    for card in cards:
        for (text, done), found in told.get(id(card), {}).items():
            _add(card, card.done if done else card.not_done, text, found)
    said = [f"{_lines_said(found)}: {text}" for text, found in others.items()]
    return said[:SHOWN_LINES] + ([f"and {len(said) - SHOWN_LINES} more"] if len(said) > SHOWN_LINES else [])


def _correct_limit(card: Card, done: str) -> None:
    """Of a card whose steps a pass takes in another way than one by one, what they wait for then."""
    if done == "lanes":
        card.facts["limit"] = [card.in_lanes]
    elif done == "parallel-prefix" and IN_GROUPS not in card.facts["limit"][0]:
        card.facts["limit"] = [f"{card.facts['limit'][0]}{IN_GROUPS}"]


IN_GROUPS = "; less where groups of steps run together"


def _correct_kept(card: Card, gone: Iterable[str]) -> None:
    """Take rows that a pass keeps no more from a card's list."""
    for name in gone:
        found = next((text for text in card.facts["keeps"] if f" rows of {name}: " in text), None)
        if found is not None:
            card.facts["keeps"] = [text for text in card.facts["keeps"] if text is not found] or [NOT_WHOLE]


def _add(card: Card, into: list[str], text: str, lines: list[int]) -> None:
    """A remark on its card, with its lines where those are others than the card's."""
    if card.facts["keeps"] == [NOT_WHOLE] and "is kept whole" in text:
        return  # said before there were tiles
    here = card.location is not None and set(lines) == {card.location[1]}
    into.append(text if here else f"{_lines_said(lines)}: {text}")


def _lines_said(lines: Iterable[int]) -> str:
    found = sorted(set(lines))
    return f"line{'s' * (len(found) > 1)} {', '.join(map(str, found))}"
