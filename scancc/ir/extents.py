"""Which sizes an array is known to be able to have, so that products of them are exact.

Every array of a program has at most `MOST_ELEMENTS` elements: its sizes are those of an argument, or some of them,
or `scan.check` of `scan.can_exist` comes first. Lowering makes these checks, and `check_rows` those of kept rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ..artifact import MOST_ELEMENTS, N_INFO_SLOTS, too_large
from .builder import Builder, constant_of, measured
from .core import Block, Op, Value
from .ops import operand
from .slices import Entry, entries, number_of
from .types import i1

Varying = frozenset[tuple[Value, int]]  # sizes known only when it runs, each with how often it occurs


class Extents:
    """Sets of sizes that an array may have together, in one block and those inside it."""

    def __init__(self, outer: Extents | None = None) -> None:
        self._checked: dict[Varying, int] = dict(outer._checked) if outer is not None else {}
        self._kept: dict[Varying, int] = dict(outer._kept) if outer is not None else {}

    def trust(self, sizes: Sequence[Entry]) -> None:
        """An array of these sizes is there, or a check has said that it may be."""
        _remember(self._checked, sizes)

    def trust_if_kept(self, sizes: Sequence[Value]) -> None:
        """The rows of a scan: whether they are kept, and then checked, is decided later (`check_rows`)."""
        _remember(self._kept, sizes)

    def trust_arguments(self, block: Block) -> None:
        """The arguments of a function are there."""
        for arg in block.args:
            sizes = [size for op in arg.uses for size in op.results if measured(size) is not None]
            self.trust(list({measured(size): size for size in sizes}.values()))

    def trust_check(self, op: Op) -> None:
        """What a check says, where it is one of sizes."""
        condition = operand(op, "condition").op if op.name == "scan.check" else None
        if condition is not None and condition.name == "scan.can_exist":
            self.trust(condition.operands)

    def trust_part(self, op: Op) -> None:
        """A part of an array is one that is there."""
        if op.name == "tensor.extract_slice":
            self.trust(entries(op, "sizes"))

    def hold(self, sizes: Sequence[Value], computed: bool = False) -> bool:
        """Whether these sizes are known to be possible; `computed`: also where no array of them is made."""
        varying, fixed = _split(sizes)
        if not varying:
            return fixed <= MOST_ELEMENTS
        known = [self._checked] if computed else [self._checked, self._kept]
        return any(_covers(shapes, varying, fixed) for shapes in known)


def _remember(shapes: dict[Varying, int], sizes: Sequence[Entry]) -> None:
    varying, fixed = _split(sizes)
    if varying:
        shapes[varying] = max(fixed, shapes.get(varying, 0))


def _split(sizes: Sequence[Entry]) -> tuple[Varying, int]:
    """The sizes known only when it runs, and the product of the others."""
    known = [number_of(s) for s in sizes]
    varying = Counter(s for s, n in zip(sizes, known, strict=True) if n is None and isinstance(s, Value))
    return frozenset(varying.items()), math.prod(n or 1 for n in known if n is not None)


def _covers(shapes: dict[Varying, int], varying: Varying, fixed: int) -> bool:
    """Whether a larger shape is among `shapes`."""
    if shapes.get(varying, 0) >= fixed:
        return True
    wanted = dict(varying)
    return any(n >= fixed and all(dict(have).get(s, 0) >= k for s, k in wanted.items())
               for have, n in shapes.items() if len(have) >= len(wanted))


def require(b: Builder, what: str, sizes: Sequence[Value], error: str = "MemoryError", advice: str = "") -> None:
    """A check that an array may have these sizes."""
    message, numbers = _message(what, sizes)
    fits = b.op("scan.can_exist", [s for s in sizes if constant_of(s) not in (0, 1)], [i1])
    b.make("scan.check", [fits, *numbers], [], {"error": error, "message": message + advice})


def _message(what: str, sizes: Sequence[Value]) -> tuple[str, list[Value]]:
    """The message, and the numbers in it, for sizes that no array may have."""
    known = [constant_of(s) for s in sizes]
    varying = [s for s, n in zip(sizes, known, strict=True) if n is None]
    if len(varying) > N_INFO_SLOTS:
        return too_large(what, ["..."] * len(sizes)), []
    numbers = iter(range(len(varying)))
    return too_large(what, [n if n is not None else f"{{{next(numbers)}}}" for n in known]), varying
