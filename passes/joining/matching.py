"""Whether two loop nests go over the same elements, and what running them as one would lose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.parts import Access, Nest
from scancc.ir.slices import entries
from scancc.late_dataclasses import dataclass

from ..reductions import FEW_LANES, is_in_any_order, is_rounded

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Match:
    """Two nests that may run as one: which loop of the second each loop of the first is, and which results of the
    first others read."""

    first: Nest
    second: Nest
    place: Dims
    kept: list[int]

    def moved(self, access: Access) -> Access:
        """An access of the first nest, in loops of the second."""
        return access._replace(dims=tuple(None if d is None else self.place[d] for d in access.dims))

    @property
    def reduced(self) -> set[int]:
        return {self.place[d] for d in self.first.reduced}.union(self.second.reduced)

    @property
    def combined(self) -> list[tuple[Nest, int]]:
        return [(nest, number) for nest in (self.first, self.second) if nest.reduced for number in nest.combined]

    @property
    def is_in_any_order(self) -> bool:
        """Whether what is combined may be in any order."""
        return all(is_in_any_order(nest.op, number) for nest, number in self.combined)

    @property
    def keeps_numbers(self) -> bool:
        """Whether all that is combined is combined in the same order as before."""
        return _combines_alike(self)

    @property
    def accesses(self) -> list[Access]:
        """What both read and is not made by the first."""
        made = self.first.op.results
        return [*map(self.moved, self.first.reads), *(r for r in self.second.reads if r.value not in made)]


def match_of(first: Op, second: Op) -> Match | None:
    """The match of two nests of a block, or None where one loop would not do for both, or would lose its lanes.
    Whether it changes no number is the match's to say."""
    used = set(second.operands)
    if used.isdisjoint(first.results) and used.isdisjoint(first.operands):
        return None
    a, b = Nest(first), Nest(second)
    if len(a.kinds) != len(b.kinds):
        return None
    place = _place(a, b)
    if place is None:
        return None
    kept = [n for n, result in enumerate(first.results) if any(user is not second for user in result.uses)]
    match = Match(a, b, place, kept)
    return match if _keeps_order(match) and _keeps_lengths(match) and _keeps_lanes(match) else None


# ---- which loop is which ----


def _place(first: Nest, second: Nest) -> Dims | None:
    """By what the second reads of the first, else by an array that both read."""
    written = dict(zip(first.op.results, first.writes, strict=True))
    if any(_is_read_otherwise(result, second) for result in written):
        return None
    found = {_same(written[read.value].dims, read.dims, first, second) for read in second.reads
             if read.value in written}
    if found:
        return found.pop() if len(found) == 1 else None
    others = {read.value: read.dims for read in second.reads}
    shared = (_same(read.dims, others[read.value], first, second) for read in first.reads if read.value in others)
    return next((place for place in shared if place is not None), None)


def _is_read_otherwise(value: Value, nest: Nest) -> bool:
    """Whether a nest needs a value other than as one of its inputs."""
    return any(user.parent is nest.op.body for user in value.uses) or (
        nest.op in value.uses and value in nest.outputs)


def _same(dims: Sequence[int | None], others: Sequence[int | None], first: Nest, second: Nest) -> Dims | None:
    """The place of each loop where both accesses of one array have every loop once, but for loops of one round."""
    n_loops = len(first.kinds)
    dims, others = _with_loops_of_one_round(dims, first, n_loops), _with_loops_of_one_round(others, second, n_loops)
    if None in dims or None in others or not n_loops == len(dims) == len(others) == len({*dims}) == len({*others}):
        return None
    place = dict(zip(dims, others, strict=True))
    return tuple(place[d] for d in range(n_loops))  # type: ignore[misc]


def _with_loops_of_one_round(dims: Sequence[int | None], nest: Nest, n_loops: int) -> Sequence[int | None]:
    """An access, and behind it the loops that it leaves out and that run once, as the types of what a nest writes
    say."""
    if len(dims) == n_loops:  # most often
        return dims
    once = {dim for write, made in zip(nest.writes, nest.op.results, strict=True)
            for dim, n in zip(write.dims, getattr(made.type, "shape", ()), strict=True) if dim is not None and n == 1}
    return [*dims, *sorted(once.difference(dims))]


# ---- what the joint nest must keep ----


def _combines_alike(match: Match) -> bool:
    """One result that may be in any order goes along with stored ones; several have loops of their own, side by side;
    what is in order keeps the lanes of a parallel loop around."""
    if not match.reduced or len(match.combined) == 1 and match.is_in_any_order:
        return True
    if all(_is_in_lanes(nest, number) for nest, number in match.combined):
        return _keeps_trees(match)
    return not any(is_rounded(nest.op, number) for nest, number in match.combined) and _has_lanes_around(match)


def _keeps_trees(match: Match) -> bool:
    """Whether each sum has the form in the joint nest that it has alone: both go along rows that they read, and
    store nothing."""
    nests = match.first, match.second
    if any(not nest.reduced or any(map(nest.is_whole, nest.writes)) for nest in nests):
        return False
    if {match.place[d] for d in match.first.reduced} != set(match.second.reduced):
        return False
    if len(match.reduced) == len(match.place) > 1:  # may go along all elements as one row
        alike = {read.value for read in match.first.reads} == {read.value for read in match.second.reads}
        return alike and all(read.dims == match.second.identity for read in match.accesses) and not any(
            op.name in ("linalg.index", "tensor.extract") for nest in nests for op in nest.op.body.ops)
    return all(any(read.dims == nest.identity for read in nest.reads) for nest in nests)


def _keeps_order(match: Match) -> bool:
    """Results that others read are written in the order of the loops."""
    if match.place == match.second.identity:
        return True
    return not match.kept and not match.first.reduced


def _keeps_lengths(match: Match) -> bool:
    """Whether what the joint nest reads still tells how far each reduced loop runs."""
    reduced = match.reduced
    return not reduced or bool(match.kept) or reduced <= {d for read in match.accesses for d in read.dims}


def _keeps_lanes(match: Match) -> bool:
    """If one of both can run in SIMD lanes along the last loop, both can; along another there are none for both."""
    if _has_vectors(match.first.op) != _has_vectors(match.second.op):
        return False
    first = _along_last([match.moved(read) for read in match.first.reads], match)
    second = _along_last(match.second.reads, match)
    if not match.reduced or not all(_is_in_lanes(nest, number) for nest, number in match.combined):
        return first == second
    if first and second:
        return len(match.combined) > 1 or not _is_short(match)
    return first == second and not match.kept and not match.first.reduced and _has_lanes_around(match)


def _is_in_lanes(nest: Nest, number: int) -> bool:
    return is_in_any_order(nest.op, number) or is_rounded(nest.op, number)


def _has_lanes_around(match: Match) -> bool:
    """Whether neighbours along the last parallel loop are neighbours in memory, and only what is combined is kept."""
    around = len(match.place) - len(match.reduced) - 1
    if around < 0 or match.kept or any(map(match.second.is_whole, match.second.writes)):
        return False
    return _along(match.accesses, around) and any(around in read.dims for read in match.accesses)


def _along_last(accesses: Iterable[Access], match: Match) -> bool:
    return _along(accesses, len(match.place) - 1)


def _along(accesses: Iterable[Access], loop: int) -> bool:
    """Whether neighbours along a loop are neighbours in memory, or the same element."""
    return all(loop not in read.dims or (loop not in read.dims[:-1] and _has_unit_stride(read.value))
               for read in accesses)


def _has_unit_stride(value: Value) -> bool:
    made = value.op
    return made is None or made.name != "tensor.extract_slice" or entries(made, "strides")[-1] == 1


def _has_vectors(op: Op) -> bool:
    """Whether the body has no op that is done element by element."""
    body = op.body
    types = {id(v.type): v.type for inner in body.ops for v in (*inner.operands, *inner.results)}
    if any(map(t.is_complex, types.values())):
        return False
    return not any(inner.name == "tensor.extract" and any(v.block is body for v in inner.operands)
                   for inner in body.ops)


def _is_short(match: Match) -> bool:
    """Whether the last loop is known to be too short for a reduction in lanes."""
    last = len(match.place) - 1
    known = [n for read in match.accesses if isinstance(read.value.type, t.TensorType)
             for dim, n in zip(read.dims, read.value.type.shape, strict=True) if dim == last and n is not None]
    return min(known, default=FEW_LANES) < FEW_LANES
