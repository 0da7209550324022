"""Some of a scan's rows, as each second one, that reductions alone read: the step asks whether its row is one.

    %some = tensor.extract_slice %ys[%first][%count][2]        %at = arith.subi(%t, %first)
    %a = math.absf(%some)                                ->    %now = %at < 2 * %count, unsigned, and %at % 2 == 0
    %m = scan.reduce max(%a, axes 0)                           %b = arith.maximumf(%best, %a)
                                                               %best_next = arith.select(%now, %b, %best)

Sums of floats, which have blocks, go along tiles of rows (`tile`), where rows are numbers, or all is added to one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import Carry, ScanView
from scancc.ir.slices import entries, entry_values
from scancc.late_dataclasses import dataclass

MOST_APART = 16  # steps between rows that sums in tiles go along: of more a tile would leave the caches


def is_thinned(part: Op) -> bool:
    """Whether tiles have whole blocks of the rows that a slice takes: each k-th from one of the first k on."""
    (first, *_), (stride, *_) = entries(part, "offsets"), entries(part, "strides")
    return isinstance(first, int) and isinstance(stride, int) and 0 <= first < stride <= MOST_APART


def rests_on(value: Value, repeated: Callable[[Value], bool], known: dict[Value, Op | None]) -> Op | None:
    """The slice, or read at positions, of whose rows elementwise ops alone make a value, with what is the same for
    all (`repeated`)."""
    if value not in known:
        known[value] = _rests_on(value, repeated, known)
    return known[value]


def _rests_on(value: Value, repeated: Callable[[Value], bool], known: dict[Value, Op | None]) -> Op | None:
    op = value.op
    if op is None:
        return None
    if op.name == "tensor.extract_slice" or op.name == "scan.gather" and op.attrs["axes"].values == (0,):
        return op
    if not (has_trait(op, ELEMENTWISE) or op.name == "tensor.cast"):
        return None
    arrays = [v for v in op.operands if isinstance(v.type, t.TensorType) and not repeated(v)]
    found = {rests_on(v, repeated, known) for v in arrays}
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class Selection:
    """The rows that a slice takes. `first`: the first of them in the order of the steps."""

    first: Value
    count: Value
    stride: int

    @classmethod
    def of(cls, part: Op, before: Builder) -> Selection:
        (first, *_), (count, *_) = (entry_values(before, part, column) for column in ("offsets", "sizes"))
        stride = entries(part, "strides")[0]
        assert isinstance(stride, int)
        if stride < 0:
            first = before.addi(first, before.muli(before.subi(count, before.index(1)), before.index(stride)))
        return cls(first, count, abs(stride))

    def now(self, scan: ScanView, b: Builder) -> tuple[Value, Value]:
        """Whether the step's row is one of them, and its number among them."""
        at, stride = b.subi(scan.counter, self.first), b.index(self.stride)
        inside = b.cmpi("ult", at, b.muli(self.count, stride))
        if self.stride == 1:
            return inside, at
        one = b.cmpi("eq", b.op("arith.remsi", [at, stride], [t.index]), b.index(0))
        return b.op("arith.andi", [inside, one], [t.i1]), b.op("arith.divsi", [at, stride], [t.index])


def where(now: Value, carries: Sequence[Carry], b: Builder, make: Callable[[Builder], Sequence[Value]],
          ) -> list[Carry]:
    """States that the step changes to what `make` makes, `now`; else they stay. Arrays are not touched then."""
    if not any(isinstance(carry.arg.type, t.TensorType) for carry in carries):
        return [carry._replace(next=b.select(now, value, carry.arg))
                for carry, value in zip(carries, make(b), strict=True)]
    then, other = (Builder(Block(), None, b.location) for _ in range(2))
    then.make("scf.yield", list(make(then)))
    other.make("scf.yield", [carry.arg for carry in carries])
    made = b.make("scf.if", [now], [carry.arg.type for carry in carries], None,
                  [Region([side.block]) for side in (then, other)])
    return [carry._replace(next=value) for carry, value in zip(carries, made.results, strict=True)]
