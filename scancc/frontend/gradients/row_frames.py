"""To which step of a scan each row of an array belongs, and which rows a block of steps has of it.

    h[1:]        row j belongs to step j + 1           h[::2]       to step 2 j
    h[::-1]      to step n - 1 - j                     h.T          the same along axis 1
    h.flatten()  element j to step j // m, where each row of h has m elements

A `Frame` says so. Places of steps are sums of a number and of variables (`Place`), so that `h[a:]`, which is written
into zeros from row a on, is seen to be the rows of h again, whatever a is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import int64, same_scalar
from scancc.frontend.graph.variables import TensorType, Variable
from scancc.frontend.ops.elementwise import Elemwise, apply_scalar, cast
from scancc.frontend.ops.lengths import is_length
from scancc.frontend.ops.scalars import add, lt, maximum, minimum, mul, sub, switch
from scancc.late_dataclasses import dataclass

INT64 = TensorType("int64", ())
ZERO, ONE = int64(0), int64(1)
Hold = Callable[[Variable], Variable]


@dataclass(frozen=True)
class Place:
    """A number, and variables with the factors by which they are added to it."""

    number: int = 0
    terms: tuple[tuple[Variable, int], ...] = ()

    @staticmethod
    def of(x: Variable) -> Place:
        """An int64 scalar, as the sum that it is written as."""
        known, node = constant_int(x), x.owner
        if known is not None:
            return Place(known)
        if node is not None and isinstance(node.op, Elemwise) and node.op.fn in ("add", "sub"):
            one, other = node.inputs
            if one.type == other.type == INT64:
                return Place.of(one).plus(Place.of(other), 1 if node.op.fn == "add" else -1)
        return Place(0, ((x, 1),))

    def plus(self, other: Place, factor: int = 1) -> Place:
        """This and `factor` times the other."""
        terms = list(self.terms)
        for x, n in other.terms:
            at = next((i for i, (y, _) in enumerate(terms) if same_scalar(x, y)), None)
            if at is None:
                terms.append((x, factor * n))
            else:
                terms[at] = terms[at][0], terms[at][1] + factor * n
        return Place(self.number + factor * other.number, tuple((x, n) for x, n in terms if n))

    @property
    def is_count(self) -> bool:
        """Whether it is surely not below 0."""
        return self.number >= 0 and all(n > 0 and is_length(x) for x, n in self.terms)

    def has_terms_of(self, other: Place) -> bool:
        return not self.plus(other, -1).terms

    def variable(self, hold: Hold) -> Variable:
        """The sum, of variables as `hold` gives them."""
        total: Variable = int64(self.number)
        for x, n in self.terms:
            held = hold(x)
            total = add(total, held if n == 1 else mul(held, int64(n)))
        return total


@dataclass(frozen=True)
class Frame:
    """Row j along `axis` belongs to step `first` + `stride` * j; with `group`, as many rows one after the other to
    one step."""

    axis: int = 0
    first: Place = Place()
    stride: int = 1
    group: Variable | None = None

    @property
    def is_steps(self) -> bool:
        """Whether the rows are those of the steps, one by one."""
        return self.first == Place() and self.stride == 1 and self.group is None

    def along(self, axis: int) -> Frame:
        return replace(self, axis=axis)

    def of_part(self, axis: int, start: Place, step: int) -> Frame:
        """The frame of `part`, which is taken from an array in this one as `[start::step]`, or written there."""
        return replace(self, axis=axis, first=self.first.plus(start, self.stride), stride=self.stride * step)

    def of_whole(self, axis: int, start: Place, step: int) -> Frame | None:
        """The frame of an array whose `[start::step]` is in this one; None where other rows have no steps."""
        if self.stride % step:
            return None
        stride = self.stride // step
        return replace(self, axis=axis, first=self.first.plus(start, -stride), stride=stride)

    def later(self, other: Frame) -> int | None:
        """How many steps later the rows of the other belong, of which all else is the same; None where it is not."""
        alike = self.axis == other.axis and self.stride == other.stride and self.first.has_terms_of(other.first)
        groups = self.group, other.group
        same = groups[0] is groups[1] or None not in groups and same_scalar(*groups)  # type: ignore[arg-type]
        return other.first.number - self.first.number if alike and same else None


@dataclass(frozen=True)
class Reach:
    """How many steps before a block and after it are asked for."""

    before: int = 0
    after: int = 0

    def with_(self, other: Reach, later: int = 0) -> Reach:
        """Both, the other one of a frame whose rows belong to steps that are `later` by so many."""
        return Reach(max(self.before, other.before + later), max(self.after, other.after - later))


@dataclass(frozen=True)
class Steps:
    """A block of the `n` steps: its first one, how many there are, and the most that a block has. `hold` gives what
    is outside of the loop over blocks."""

    n: Variable
    start: Variable
    count: Variable
    most: Variable
    hold: Hold

    def rows(self, frame: Frame, reach: Reach, length: Variable) -> tuple[Variable, Variable]:
        """Where the rows of the block, and so many before and after it, begin in an array of `length` rows, and how
        many they are."""
        if frame.is_steps and reach == Reach() and same_scalar(length, self.n):
            return self.start, self.count
        first = frame.first.variable(self.hold)
        begin = sub(self.start, add(first, int64(reach.before)))  # in steps from `first` on
        end = sub(add(self.start, self.count), sub(first, int64(reach.after)))
        if frame.stride > 0:
            begin, end = (_over(add(x, int64(frame.stride - 1)), frame.stride) for x in (begin, end))
        else:
            begin, end = (add(_over(sub(ZERO, x), -frame.stride), ONE) for x in (end, begin))
        if frame.group is not None:
            begin, end = (mul(x, self.hold(frame.group)) for x in (begin, end))
        inside = self.hold(length)
        begin, end = (minimum(maximum(x, ZERO), inside) for x in (begin, end))
        return begin, minimum(sub(end, begin), self._most(frame, reach))

    def _most(self, frame: Frame, reach: Reach) -> Variable:
        """The most rows of a block, which a plan of memory may know where it does not know how many there are."""
        steps = add(self.most, int64(reach.before + reach.after + abs(frame.stride) - 1))
        rows = _over(steps, abs(frame.stride))
        return rows if frame.group is None else mul(rows, self.hold(frame.group))


def _over(x: Variable, n: int) -> Variable:
    return x if n == 1 else apply_scalar("floor_div", x, int64(n))


def first_of_slice(start: Variable | None, length: Variable) -> Place:
    """Where a slice with a step above 0 begins; beyond the array where it is longer than that."""
    place = Place() if start is None else Place.of(cast(start, "int64"))
    if place.is_count:
        return place
    from_end = maximum(add(length, place.variable(lambda x: x)), ZERO)
    if not place.terms:
        return Place.of(from_end)
    assert start is not None
    begin = cast(start, "int64")
    return Place.of(switch(lt(begin, ZERO), from_end, minimum(begin, length)))


def window(x: Variable, axis: int, begin: Variable, count: Variable, step: int = 1) -> Variable:
    """`count` rows of `x` from `begin` on, which is inside where there are any."""
    stop = add(begin, count if step == 1 else mul(count, int64(step)))
    part = x[(slice(None),) * axis + (slice(begin, stop, None if step == 1 else step),)]
    part.lengths = {**(part.lengths or {}), axis: count}
    return part
