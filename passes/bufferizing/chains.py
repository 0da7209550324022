"""Chains of writes: how the new value of a state comes from the old one, write by write.

A link is an op that can write its result over an operand. Links go through writes of parts, loop nests that read the
array at the position they write, branches whose sides write the same array, scans that begin with it and hand on
what they end with, and shifts: `concat` of the array's own slice and other parts, which moves a window.
Where a link may be taken is decided in `places.py`; here is only where it leads. Cost: linear in the step's ops.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Branch, Choice, Nest, ScanView
from scancc.ir.shapes import dims_of, is_one_size, scratch
from scancc.ir.slices import entries, kept_axes

from ..indexing.long_arrays import LARGE, value_where_long
from .aliases import exchanged, shares_memory
from .lengths import excess


class Link(NamedTuple):
    """`op` can make `result` in the memory of `source`; a branch by the links of its sides."""

    op: Op
    result: Value
    source: Value
    sides: tuple[tuple[Link, ...], ...] = ()
    moves: bool = False  # the op itself makes the result begin at another place than the source

    @property
    def shifts(self) -> bool:
        """Whether the result begins at another place than the source."""
        return self.moves or any(link.shifts for side in self.sides for link in side)


class Exchange(NamedTuple):
    """`op` hands on `sources` as `results`, in an order that only running tells."""

    op: Op
    results: Sequence[Value]
    sources: Sequence[Value]


NO_ROUNDS: Mapping[Op, Sequence[Exchange]] = MappingProxyType({})


class Chains:
    """The chains that begin with the arguments of a block, or with values from outside a side of a branch."""

    def __init__(self, block: Block, starts: Sequence[Value], stays: set[Value], outer: Chains | None = None,
                 moved: Container[Value] = (), rounds: Mapping[Op, Sequence[Exchange]] = NO_ROUNDS) -> None:
        self.stays = stays  # final states that live where their initial values are
        self.moved = moved  # final states that live in one buffer with these, but begin elsewhere
        self.rounds = rounds  # inner scans whose states exchange their buffers
        self.outer = outer
        self.links: dict[Value, dict[Value, Link | None]] = {value: {value: None} for value in starts}
        self.exchanges: list[Exchange] = []  # a chain begins with their results
        for op in list(block.ops[:-1]):
            self._follow(op)

    @property
    def starts(self) -> list[Value]:
        """The values with which a chain may begin."""
        return [value for value, ways in self.links.items() if value in ways]

    @property
    def sources(self) -> list[Value]:
        """The arrays that branches exchange."""
        return [value for exchange in self.exchanges for value in exchange.sources]

    def origins(self, value: Value) -> list[Value]:
        """The values with which a chain to `value` may begin."""
        if value in self.links:
            return list(self.links[value])
        return [value] if self.outer is not None and self.outer.origins(value) else []

    def path(self, value: Value, origin: Value) -> list[Link] | None:
        """The links from `origin` to `value`, in order; None where there are none."""
        path: list[Link] = []
        while value is not origin:
            link = self.links.get(value, {}).get(origin)
            if link is None:
                return None
            path.append(link)
            value = link.source
        return path[::-1]

    def _follow(self, op: Op) -> None:
        if op.name == "scf.if":
            self._branch(op)
            if sources := list(exchanged(op)):
                choices = Branch(op).choices
                self._exchange(Exchange(op, [choice.result for choice in choices if choice.then in sources], sources))
            return
        for exchange in self.rounds.get(op, ()):
            self._exchange(exchange)
        for result, source in LINKS.get(op.name, _no_links)(self, op):
            if result.type == source.type or op.name == "tensor.cast":
                link = Link(op, result, source, moves=op.name == "scan.concat" or result in self.moved)
                for origin in self.origins(source):
                    self._add(link, origin)

    def _add(self, link: Link, origin: Value) -> None:
        self.links.setdefault(link.result, {}).setdefault(origin, link)

    def _exchange(self, exchange: Exchange) -> None:
        if self.outer is None and all(self.origins(value) for value in exchange.sources):
            self.exchanges.append(exchange)
            for result in exchange.op.results:
                self.links.setdefault(result, {})[result] = None

    def _branch(self, op: Op) -> None:
        branch = Branch(op)
        choices = [c for c in branch.choices if isinstance(c.result.type, t.TensorType)]
        if not choices:
            return
        sides = [Chains(side, (), self.stays, self, self.moved) for side in branch.sides]
        for choice in choices:
            ways = [dict.fromkeys(side.origins(v)) for side, v in zip(sides, choice[1:], strict=True)]
            for source in ways[0] | ways[1]:
                links = [_side(side, v, source) for side, v in zip(sides, choice[1:], strict=True)]
                if source.type == choice.result.type and None not in links:
                    found = Link(op, choice.result, source, tuple(tuple(way) for way in links if way is not None))
                    for origin in self.origins(source):
                        self._add(found, origin)


def _side(side: Chains, value: Value, source: Value) -> list[Link] | None:
    """How a side of a branch brings `value` where `source` is: by links, or (no links) by a copy of what it made."""
    path = side.path(value, source)
    if path is None and not shares_memory(value, source) and _same_sizes(value, source):
        return []
    return path


def copies(link: Link, choice: Choice) -> list[int]:
    """The sides of a branch that do not write where the source is, but copy to there."""
    return [n for n, (side, value) in enumerate(zip(link.sides, choice[1:], strict=True))
            if not side and value is not link.source]


def _same_sizes(value: Value, source: Value) -> bool:
    with scratch() as b:
        return value.type == source.type and all(map(is_one_size, dims_of(b, value), dims_of(b, source)))


# ---- the links of an op ----

Ways = Iterator[tuple[Value, Value]]  # a result, and an operand in whose memory it can be made


def _no_links(chains: Chains, op: Op) -> Ways:
    yield from ()


def _update(chains: Chains, op: Op) -> Ways:
    yield op.result, operand(op, "dest")


def _cast(chains: Chains, op: Op) -> Ways:
    yield op.result, operand(op, "source")


def _nest(chains: Chains, op: Op) -> Ways:
    nest = Nest(op)
    for result, write in zip(op.results, nest.writes, strict=True):
        for read in nest.reads:
            if read.dims == write.dims == nest.identity:
                yield result, read.value


def _scan(chains: Chains, op: Op) -> Ways:
    for carry in ScanView(op).carries:
        if carry.final in chains.stays or carry.final in chains.moved:
            yield carry.final, carry.init


def _concat(chains: Chains, op: Op) -> Ways:
    kept = kept_part(op)
    if kept is not None and excess(op, operand(kept, "source")) is not None:
        yield op.result, operand(kept, "source")


LINKS: dict[str, Callable[[Chains, Op], Ways]] = {
    "tensor.insert": _update, "tensor.insert_slice": _update, "scan.scatter": _update,
    "scan.add_block": _update, "tensor.cast": _cast,
    "linalg.generic": _nest, "scan.scan": _scan, "scan.concat": _concat,
}


def kept_part(op: Op) -> Op | None:
    """The slice of an array, along one axis and without gaps, that a `concat` extends to such an array again: the
    longest, and half of it at least, as far as lengths are known."""
    axis = op.attrs["axis"].value
    parts = [part.op for part in op.operands
             if part.op is not None and part.op.name == "tensor.extract_slice" and _moves_along(part.op, axis)]
    kept = max(parts, key=lambda part: _length(part, axis), default=None)
    whole = op.result.type.shape[axis]  # type: ignore[attr-defined]
    return kept if kept is not None and 2 * _length(kept, axis) >= (LARGE if whole is None else whole) else None


def _length(part: Op, axis: int) -> int:
    """How long a slice is where arrays are long."""
    size = entries(part, "sizes")[axis]
    return size if isinstance(size, int) else value_where_long(size)


def _moves_along(part: Op, axis: int) -> bool:
    source = operand(part, "source").type
    assert isinstance(source, t.TensorType)
    if len(kept_axes(part)) != len(source.shape) or set(entries(part, "strides")) != {1}:
        return False
    others = [n for n in range(len(source.shape)) if n != axis]
    shape = part.result.type.shape  # type: ignore[attr-defined]
    offsets = entries(part, "offsets")
    return all(offsets[n] == 0 and (source.shape[n] is not None and shape[n] == source.shape[n]
                                    or _measures(part, n)) for n in others)


def _measures(part: Op, axis: int) -> bool:
    """Whether a slice takes an axis whole: its size is that of the source."""
    size = entries(part, "sizes")[axis]
    with scratch() as b:
        return isinstance(size, Value) and is_one_size(size, dims_of(b, operand(part, "source"))[axis])
