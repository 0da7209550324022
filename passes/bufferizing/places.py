"""Where states of scans may live, decided for a whole function before anything is converted.

For each state the chain of writes from the old value to the new one is looked for (`chains.py`), and each link is
tried (`in_place.py`): what may be written over its operand is a tie. A chain of ties all the way leaves the state in
one buffer; one that breaks costs one copy, at the link that broke. Inner scans are decided first, since the state of
an outer one may live through them. Source: one-shot bufferization of MLIR, with the chains of the loops' states in
place of its pairs of operands and results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import dropwhile
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.equalities import equal_sizes
from scancc.ir.parts import Branch, Carry, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, scratch

from .beginnings import begins_in_place
from .chains import Chains, Exchange, Link, copies, kept_part
from .context import goes_to_target
from .frames import is_framed
from .in_place import Saved, makes_anew, obstacle
from .inserts import Inserts
from .joins import Joins
from .latest import Part, latest_part
from .lengths import excess
from .order import Order, Use
from .reasons import name_of, say_copied, why_framed, why_made_anew, why_two_buffers


class Way(NamedTuple):
    """How a window moves: along an axis, up or down; it has for a moment up to `room` elements beyond its length."""

    axis: int
    room: int
    up: bool
    down: bool

    @staticmethod
    def of(concat: Op, source: Value) -> Way:
        """That of one move."""
        kept = kept_part(concat)
        first = kept is not None and concat.operands[0] is not kept.result  # new elements come first
        return Way(concat.attrs["axis"].value, excess(concat, source) or 0, not first, first)

    def and_then(self, other: Way) -> Way:
        """That of both moves, along one axis."""
        return Way(self.axis, self.room + other.room, self.up or other.up, self.down or other.down)


class Places:
    """The decisions of one function."""

    def __init__(self, func: Op) -> None:
        self.order = Order(func)
        self.joins, self.inserts = Joins(self.order), Inserts(self.order)
        self.ties: dict[Value, Value] = {}    # a result, and the operand in whose memory it is made
        self.saved: set[Value] = set()        # slices that are copied where they are taken
        self.windows: dict[Value, Way] = {}   # a state that moves along a longer buffer, and how
        self.shifts: dict[Value, Value] = {}  # what moves such a window, and the state
        self.stays: set[Value] = set()        # states that live in one buffer, before and after
        self.said: set[Value] = set()         # states of which a remark says so
        self.finals: set[Value] = set()       # their final values
        self.moved: dict[Value, Way] = {}     # final values of windows, and how they move
        self.reasons: dict[Value, str] = {}   # why a state has two buffers
        self.partners: dict[Value, Value] = {}  # a state, and in whose buffer its next value is made
        self.rounds: dict[Op, list[Exchange]] = {}  # scans whose states exchange buffers
        self.begun: set[Value] = set()        # such states, which begin in the buffer of their initial value
        self.parts: dict[Value, Part] = {}    # a state that lives where it is written into another one
        self.framed: set[Value] = set()       # next values of states of which each step makes one window anew
        for op in reversed(list(self.order.number)):
            if op.name == "scan.scan" and "lanes" not in op.attrs:
                self._decide(ScanView(op))
        for op in self.order.number:
            if op.name == "scan.scan" and "lanes" not in op.attrs:
                self._begin(ScanView(op))

    def origin(self, value: Value) -> Value:
        """The value at which the ties to `value` begin."""
        while value in self.ties:
            value = self.ties[value]
        return value

    def _decide(self, scan: ScanView) -> None:
        states = arrays(scan)
        if not states:
            return
        chains = Chains(scan.op.body, [c.arg for c in states], self.finals, moved=self.moved, rounds=self.rounds)
        rows = in_rows(scan)
        self._exchange(scan, [c for c in states if c.next not in rows], chains)
        for carry in states:
            path = chains.path(carry.next, carry.arg)
            if carry.arg in self.partners or self._lives_in_another(scan, carry):
                continue
            if carry.next in rows:
                self._tie(_after_first_write(path or []), carry)
            elif path is not None:
                self._place(scan, carry, path)
            elif self._may_begin_anew(scan, carry):
                self.stays.add(carry.arg)
                self.finals.add(carry.final)
            else:
                self.reasons[carry.arg] = why_two_buffers(self.order, scan, carry)

    def _begin(self, scan: ScanView) -> None:
        """Let states in one buffer have that of their initial value, where they may."""
        self.ties |= {carry.final: carry.init for carry in arrays(scan) if carry.arg in self.stays
                      and carry.final not in self.ties and begins_in_place(self.order, scan, carry)}
        self.begun |= {carry.arg for carry in arrays(scan) if carry.arg in self.reasons
                       and begins_in_place(self.order, scan, carry)}

    def _lives_in_another(self, scan: ScanView, carry: Carry) -> bool:
        """Whether a state lives where it is written into another one."""
        part = latest_part(scan, carry)
        if part is None or carry.depth > 1 or not goes_to_target(carry.next, scan.op.body):
            return False
        self.parts[carry.arg] = part
        return True

    def _exchange(self, scan: ScanView, states: list[Carry], chains: Chains) -> None:
        """States that are made of one another, in a circle or where a branch or an inner scan exchanges them: buffers
        go round, and nothing is copied."""
        for exchange in chains.exchanges:
            free = [carry for carry in states if carry.arg not in self.partners]
            self._exchange_inside(scan, exchange, free, chains)
        for carry in states:
            if carry.arg not in self.partners and chains.path(carry.next, carry.arg) is None:
                free = [c for c in states if c.arg not in self.partners]
                alike = [c for c in free if c is carry or _same_sizes(scan, c.init, carry.init)]
                self._exchange_circle(scan, circle_of(carry, alike, chains), chains)

    def _exchange_inside(self, scan: ScanView, exchange: Exchange, states: Sequence[Carry], chains: Chains) -> None:
        op, results, sources = exchange
        made = [(c, r) for r in results for c in states if chains.path(c.next, r) is not None]
        old = [(c, v) for v in sources for c in states if chains.path(v, c.arg) is not None]
        if not len(results) == len(made) == len(old) or {carry for carry, _ in made} != {carry for carry, _ in old}:
            return
        links = [link for carry, value in made for link in chains.path(carry.next, value) or ()]
        links += [link for carry, value in old for link in chains.path(value, carry.arg) or ()]
        if op.name == "scan.scan":
            if len({v.type for v in (*results, *(carry.arg for carry, _ in made))}) > 1:
                return
            links += [Link(op, *pair) for pair in zip(results, sources, strict=True)]
        if self._exchange_buffers(scan, links, dict(made)) and op.name == "scan.scan":
            self.begun |= {carry.arg for carry in ScanView(op).carries if carry.final in results}

    def _exchange_circle(self, scan: ScanView, circle: list[Carry], chains: Chains) -> None:
        partners = {carry: other.arg for carry, other in zip(circle, [*circle[1:], *circle[:1]], strict=True)}
        links = [link for carry, arg in partners.items() for link in chains.path(carry.next, arg) or ()]
        if circle:
            self._exchange_buffers(scan, links, partners)

    def _exchange_buffers(self, scan: ScanView, links: list[Link], partners: dict[Carry, Value]) -> bool:
        """All links hold, or none."""
        saved: Saved = {}
        if any(link.shifts or self._obstacle(link, saved) for link in links) or _meet(links):
            return False
        remark("bufferize", scan.op, True, f"the states {', '.join(map(name_of, partners))} exchange their buffers")
        self._keep([link for link in links if link.op.name != "scan.scan" or link.result in self.finals], saved)
        self.partners |= {carry.arg: value for carry, value in partners.items()}
        exchange = Exchange(scan.op, [carry.final for carry in partners], [carry.init for carry in partners])
        self.rounds.setdefault(scan.op, []).append(exchange)
        return True

    def _place(self, scan: ScanView, carry: Carry, path: list[Link]) -> None:
        if any(link.shifts for link in path):
            self._place_window(scan, carry, path)
            return
        if is_framed(self.order, scan, carry, path):
            self.framed.add(carry.next)
            self.reasons[carry.arg] = why_framed(path[0])
            return
        broken = self._tie(path, carry)
        if broken is None:
            self.stays.add(carry.arg)
            self.finals.add(carry.final)
            if path and (carry.arg.name or "tile" not in scan.op.attrs):
                self.said.add(carry.arg)
                remark("bufferize", scan.op, True, f"the state {name_of(carry)} is written in place")
        elif broken[0].op.name == "linalg.generic":
            self.reasons[carry.arg] = why_made_anew(*broken)
        else:
            say_copied(scan, carry, *broken)

    def _place_window(self, scan: ScanView, carry: Carry, path: list[Link]) -> None:
        """All links hold, or none."""
        saved: Saved = {}
        broken = next(((link, use) for link in path if (use := self._obstacle(link, saved))), None)
        ways = [self.moved[link.result] if link.result in self.moved else Way.of(link.op, link.source)
                for link in _all(path) if link.moves]
        if broken is not None:
            say_copied(scan, carry, *broken)
        elif len({way.axis for way in ways}) > 1:
            self.reasons[carry.arg] = "it moves along more than one axis"
        if broken is not None or carry.arg in self.reasons:
            return
        way = reduce(Way.and_then, ways)
        times = "three times" if way.up and way.down else "twice"
        remark("bufferize", scan.op, True, f"the state {name_of(carry)} moves along a buffer of {times} its length")
        self._keep(path, saved)
        self.windows[carry.arg] = self.moved[carry.final] = way
        for link in _all(path):
            if link.shifts:
                self.shifts[link.result] = carry.arg

    def _may_begin_anew(self, scan: ScanView, carry: Carry) -> bool:
        made = carry.next.op
        if made is not None and self.joins.makes_in_place(made):
            return False  # two buffers need no copy
        return (goes_to_target(carry.next, scan.op.body) and made is not None
                and scan.op.body.terminator.operands.count(carry.next) == 1
                and makes_anew(self.order, made, carry.arg))

    def _tie(self, path: Sequence[Link], carry: Carry) -> tuple[Link, Use] | None:
        """Tie the links of a path that may be; the first one that may not, and the use that broke it."""
        broken: tuple[Link, Use] | None = None
        for link in path:
            saved: Saved = {}
            found = Use(link.op, link.source, None) if link.shifts else self._obstacle(link, saved)
            if found is None:
                self._keep([link], saved)
            elif broken is None:
                broken = link, found
        return broken

    def _keep(self, path: Sequence[Link], saved: Saved) -> None:
        self.ties |= {link.result: link.source for link in _all(path) if not _is_cast(link)}
        self.saved |= {op.result for op in saved}

    def _obstacle(self, link: Link, saved: Saved) -> Use | None:
        """What keeps a link, or those in the sides of its branch, from being taken."""
        if _is_cast(link):
            return None
        found = obstacle(self.order, link.op, link.source, saved) or self._handed_on_beside(link)
        found = found or self._taken_beside(link)
        inner = (use for side in link.sides for one in side if (use := self._obstacle(one, saved)))
        return found or next(inner, None)

    def _taken_beside(self, link: Link) -> Use | None:
        """Another result of the op is made over the source, or the result over another operand."""
        elsewhere = self.ties.get(link.result, link.source) is not link.source
        taken = elsewhere or any(self.ties.get(v) is link.source for v in link.op.results if v is not link.result)
        return Use(link.op, link.source, None) if taken else None

    def _handed_on_beside(self, link: Link) -> Use | None:
        """A side of a branch that copies its value over the source at its end, and hands on the source besides."""
        if not link.sides:
            return None
        branch = Branch(link.op)
        choice = branch.choices[link.result.index]
        for number in copies(link, choice):
            end = branch.sides[number].terminator
            late = [use for use in self.order.uses(link.source, link.op) if use.op is end]
            if late:
                return late[0]
        return None


def arrays(scan: ScanView) -> list[Carry]:
    """The states that are arrays, and not windows of past rows."""
    return [c for c in scan.carries if c.depth == 1 and isinstance(c.arg.type, t.TensorType)]


def circle_of(first: Carry, states: Sequence[Carry], chains: Chains) -> list[Carry]:
    """States from `first` on of which each is made of the next, the last of the first; none if there are no such."""
    circle = [first]
    while len(circle) < 2 or chains.path(circle[-1].next, first.arg) is None:
        following = (c for c in states if c not in circle and chains.path(circle[-1].next, c.arg) is not None)
        found = next(following, None)
        if found is None:
            return []
        circle.append(found)
    return circle


def _same_sizes(scan: ScanView, value: Value, other: Value) -> bool:
    """Whether two arrays have one type, and the same sizes where a step runs."""
    with scratch() as b:
        return value.type == other.type and all(equal_sizes(m, n, scan.op, scan.length) for m, n in zip(
            dims_of(b, value), dims_of(b, other), strict=True))


def in_rows(scan: ScanView) -> set[Value]:
    """Values of which each step's is written into a row of its own, where the next step reads it."""
    return {stack.value for stack in scan.stacks
            if stack.rows is scan.length and goes_to_target(stack.value, scan.op.body)}


def _after_first_write(path: Sequence[Link]) -> list[Link]:
    """The links that write where the row is; the first one that writes brings it there."""
    return list(dropwhile(_is_cast, path))[1:]


def _meet(links: Sequence[Link]) -> bool:
    """Whether two results of one op would be made over one operand, or one result over two."""
    return len({(link.op, link.source) for link in links}) != len({link.result for link in links})


def _is_cast(link: Link) -> bool:
    return link.op.name == "tensor.cast"


def _all(path: Sequence[Link]) -> Iterator[Link]:
    for link in path:
        yield link
        for side in link.sides:
            yield from _all(side)


