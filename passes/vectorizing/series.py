"""A loop over series that are systems of small arrays: which of its ops lanes do together.

    scf.for %i = 0 to %n {
      %x = row %i of %xs                together: of each lane its own row
      %m = memref.alloca                          of each lane its own array
      scf.for %t ... { ... }                      loops over steps
      %s = sum over all of %rows        behind:   from the first op on that lanes cannot do together,
      memref.store %s, %r[%i] }                   one round after the other
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPI
from scancc.ir.ops import ELEMENTWISE, OPS, WRITES, group, has_trait, operand, whole, written_by
from scancc.ir.parts import Loop, While, usual_blocks
from scancc.ir.slices import entries, kept_axes
from scancc.ir.wording import what

from ..indexing.forms import Form, Forms
from ..licm import safe_anywhere
from ..reducing.kinds import ROUNDED
from ..reductions import FEW_LANES, running
from .rounds import Rounds

ROOMS = ("memref.alloc", "memref.alloca")
ANYWHERE = "an element is used where a series' own numbers say"


class Along(NamedTuple):
    """The axis of an array along which rounds go, each to the next element or row, and by how much."""

    axis: int
    step: int


class Series(Rounds):
    """A loop over series. `together` are the ops of a round that lanes do side by side, `behind` those that follow
    round by round, from the one on for which `reason` says why."""

    def __init__(self, loop: Op) -> None:
        super().__init__(loop)
        self.forms = Forms()
        self.along: dict[Op, Along] = {}  # what takes a row, or an element, of each round
        self.picked: set[Value] = set()   # parts of arrays of which each round's own numbers say where they are
        self.checked: dict[Value, int] = {}  # numbers that a check keeps below another one
        self._part()
        while changed := self._written_behind() - self.varying:
            self.varying |= changed
            self.spread()
            self._part()

    def _part(self) -> None:
        """Find what lanes do together."""
        ops = self.loop.body.ops[:-1]
        reasons = [next(self._obstacles([op], masked=False), None) for op in ops]
        self.reason = next(filter(None, reasons), None)
        n = len(ops) if self.reason is None else reasons.index(self.reason)
        self.together, self.behind = ops[:n], ops[n:]

    def _written_behind(self) -> set[Value]:
        """A round's own buffers that are made together and written behind: each lane needs its own."""
        written = {dest for op in self.behind for inner in op.walk() if (dest := written_by(inner)) is not None}
        return {one for dest in written if self.is_own(dest) for one in self.memory(dest)} if self.behind else set()

    def place_of(self, op: Op) -> Value:
        """The number that says which row, or element, an op takes."""
        axis = self.along[op].axis
        place = entries(op, "offsets")[axis] if op.name == "memref.subview" else group(op, "indices")[axis]
        assert isinstance(place, Value)
        return place

    def behind_uses(self) -> list[Value]:
        """What `behind` uses of what differs and is made before it, or is a row of its own."""
        made = {v for op in self.behind for inner in op.walk() for v in (*inner.results, *(
            arg for region in inner.regions for block in region.blocks for arg in block.args))}
        used = dict.fromkeys(v for op in self.behind for inner in op.walk() for v in inner.operands)
        return [v for v in used if v in self.varying and v not in made and v is not self.counter]

    def gaps(self) -> bool:
        """Whether a part of an array of which each lane goes on with its own gets another shape, so that lanes would
        have to move together."""
        outer = {one for v in self.behind_uses() for one in self.memory(v)}
        return any(op.name == "scan.buffer_reshape" and op.result in outer and not is_whole(operand(op, "source"))
                   and not _has_same_rows(op) for outside in self.together for op in outside.walk())

    # ---- what lanes cannot do together ----

    def _obstacles(self, ops: Sequence[Op], masked: bool) -> Iterator[str]:
        """Why, op by op; `masked`: in a branch that not all lanes take."""
        for op in ops:
            reason = self._obstacle(op, masked)
            if reason is not None:
                yield reason
            elif op.regions and self.differs(op):
                for block in usual_blocks(op):
                    yield from self._obstacles(block.ops[:-1], masked or self.chooses(op))

    def _obstacle(self, op: Op, masked: bool) -> str | None:
        if WRITES in OPS[op.name].traits and (reason := self._write_obstacle(op, masked)):
            return reason
        if not self.differs(op):
            return None
        if any(t.is_complex(v.type) or isinstance(v.type, t.VectorType) for v in (*op.operands, *op.results)):
            return "complex numbers have no vectors"
        if op.name in _RULES:
            return _RULES[op.name](self, op, masked)
        if has_trait(op, ELEMENTWISE):
            return None if safe_anywhere(op) else f"{what(op)} may fail in lanes that do not need it"
        return f"a round has {what(op)}"

    def _loop_obstacle(self, op: Op, masked: bool) -> str | None:
        lower, _, step = Loop(op).bounds
        if self._any([lower, step]):
            return "where steps begin differs between series"
        if self.chooses(op) and any(isinstance(arg.type, t.MemRefType) for arg in Loop(op).args):
            return "a state of series of different lengths is not in one buffer"
        if any(isinstance(arg.type, t.MemRefType) and not self.is_own(arg) for arg in Loop(op).args):
            return "a state is now memory of its own, now a row of an array"
        if "reduction" not in op.attrs:
            return None
        combine, n = running(op).next.op, constant_of(Loop(op).upper)
        in_order = combine is not None and combine.name not in (*ROUNDED, "scf.for")
        is_short = n is not None and n < FEW_LANES
        return None if in_order or is_short else "a sum of many terms has a tree along its terms"

    def _while_obstacle(self, op: Op, masked: bool) -> str | None:
        """A state that a loop exchanges with another buffer would be where lanes that are done do not have it."""
        own = any(isinstance(carry.arg.type, t.MemRefType) for carry in While(op).carries)
        return "a state that `until` ends is not in one buffer" if own else None

    def _branch_obstacle(self, op: Op, masked: bool) -> str | None:
        if any(isinstance(v.type, t.MemRefType) for v in op.results):
            return "which array a series goes on with differs"
        loops = [inner for inner in op.walk() if inner.name in ("scf.for", "scf.while")]
        long = any(inner.name == "scf.while" or constant_of(Loop(inner).upper) is None for inner in loops)
        return "a branch that not all series take has loops over steps" if self.chooses(op) and long else None

    def _check_obstacle(self, op: Op, masked: bool) -> str | None:
        condition = operand(op, "condition")
        if condition in self.varying:
            self._note_checked(op, masked)
            return None
        if masked:
            return "a branch that not all series take has a check"
        told = [v for v in group(op, "info") if v in self.varying and self._follows(v) is None]
        return "what a check says differs between series" if told else None

    def _note_checked(self, check: Op, masked: bool) -> None:
        for made in _conjuncts(operand(check, "condition")):
            below = constant_of(made.operands[1]) if made.name == "arith.cmpi" else None
            if below is not None and below > 0 and CMPI[made.attrs["predicate"].value] == "ult" and (
                    not masked or _is_made_beside(made.operands[0], check)):
                self.checked[made.operands[0]] = int(below)

    def _room_obstacle(self, op: Op, masked: bool) -> str | None:
        return "arrays of series differ in size" if self._any(op.operands) else None

    def _view_obstacle(self, op: Op, masked: bool) -> str | None:
        source, offsets = operand(op, "source"), entries(op, "offsets")
        if self._any([*entries(op, "sizes"), *entries(op, "strides")]):
            return "parts of arrays differ in size between series"
        if source in self.varying:
            self.picked.update(op.results if source in self.picked else ())
            return ANYWHERE if self._any(offsets) else None
        axis = next(axis for axis, entry in enumerate(offsets) if entry in self.varying)
        if self._any(offsets[axis + 1:]) or entries(op, "sizes")[axis] != 1 or axis in kept_axes(op):
            return "rows of series are not neighbours"
        reason = self._along(op, source, axis, masked)
        self.picked.update(op.results if reason is None and op not in self.along else ())
        return reason

    def _reshape_obstacle(self, op: Op, masked: bool) -> str | None:
        if self._any(group(op, "dims")):
            return "parts of arrays differ in size between series"
        return None if self.is_own(operand(op, "source")) else "rows of series are given another shape"

    def _load_obstacle(self, op: Op, masked: bool) -> str | None:
        indices = group(op, "indices")
        if not self._any(indices):
            return None
        axis = next(axis for axis, index in enumerate(indices) if index in self.varying)
        if whole(op) in self.varying or self._any(indices[axis + 1:]):
            return ANYWHERE
        return self._along(op, whole(op), axis, masked)

    def _write_obstacle(self, op: Op, masked: bool) -> str | None:
        """Why what an op writes is not a round's own."""
        dest, indices = written_by(op), group(op, "indices") if op.name == "memref.store" else []
        if dest is None:
            return f"a round has {what(op)}"
        if self.is_own(dest) or dest in self.varying:
            outside = not self.is_own(dest) and (masked or dest in self.picked)
            return ANYWHERE if self._any(indices) or outside else None
        axis = next((axis for axis, index in enumerate(indices) if index in self.varying), None)
        if axis is None or masked or self._any(indices[axis + 1:]) or self._follows(indices[axis]) is None:
            return "several series write one element"
        return self._along(op, dest, axis, masked)

    def _along(self, op: Op, source: Value, axis: int, masked: bool) -> str | None:
        """Note that an op takes of an array what is a round's own; or why that cannot be."""
        assert isinstance(source.type, t.MemRefType)
        place = (entries(op, "offsets") if op.name == "memref.subview" else group(op, "indices"))[axis]
        assert isinstance(place, Value)
        form, n = self._follows(place), source.type.shape[axis]
        if form is not None:
            self.along[op] = Along(axis, form.terms[self.counter])
            return None
        is_known = not masked or _is_made_beside(place, op)
        return None if is_known and n is not None and self.checked.get(place, n + 1) <= n else ANYWHERE

    def _follows(self, place: Value) -> Form | None:
        """The form of a number that is the next one in each round."""
        form = self.forms.of(place)
        others = [value for value in form.terms if value is not self.counter]
        return form if form.terms.get(self.counter) in (1, -1) and not self._any(others) else None

    def _any(self, values: Sequence[Value | int]) -> bool:
        return any(value in self.varying for value in values)

    def _nothing(self, op: Op, masked: bool) -> str | None:
        return None


_RULES: dict[str, Callable[[Series, Op, bool], str | None]] = {
    "memref.load": Series._load_obstacle, "scf.for": Series._loop_obstacle, "scf.if": Series._branch_obstacle,
    "scf.while": Series._while_obstacle,
    "scan.check": Series._check_obstacle, "memref.subview": Series._view_obstacle,
    "scan.buffer_reshape": Series._reshape_obstacle,
    **dict.fromkeys(ROOMS, Series._room_obstacle),
    **dict.fromkeys(("memref.store", "memref.copy", "memref.dim"), Series._nothing),
}


def is_whole(buffer: Value) -> bool:
    """Whether a buffer is all of what some op made."""
    return buffer.op is not None and buffer.op.name in ROOMS


def _has_same_rows(reshape: Op) -> bool:
    """Whether what gets another shape keeps its rows, of known sizes."""
    source, result = operand(reshape, "source").type, reshape.result.type
    assert isinstance(source, t.MemRefType) and isinstance(result, t.MemRefType)
    return len(source.shape) == len(result.shape) and None not in source.shape[1:] and (
        source.shape[1:] == result.shape[1:])


def _is_made_beside(value: Value, op: Op) -> bool:
    """Whether a value is made in the block of an op: nobody else uses it where lanes are that do not get there."""
    return value.op is not None and value.op.parent is op.parent


def _conjuncts(condition: Value) -> Iterator[Op]:
    """What makes the truths that all hold where a condition does."""
    if condition.op is not None and condition.op.name == "arith.andi":
        for part in condition.op.operands:
            yield from _conjuncts(part)
    elif condition.op is not None:
        yield condition.op


def asks_for(condition: Value, index: Value) -> bool:
    """Whether a condition says that a number is below another one."""
    return any(index in made.operands for made in _conjuncts(condition))
