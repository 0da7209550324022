"""How large buffers and outputs are before the program runs: exactly, else at most, else guessed."""

from __future__ import annotations

from math import prod

from scancc.artifact import BOUND_EXCEEDED, MOST_NBYTES
from scancc.errors import UnsupportedError
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.equalities import sizes_equal_to
from scancc.ir.extents import Extents, require
from scancc.ir.ops import int_attr
from scancc.ir.remarks import remark

from .bounds import UPPER, Bounds
from .numbers import cap_of, is_minimum, is_natural, may_wrap, whole_of
from .start import Start, slice_of

ALIGN_BYTES = 64


class Sizes:
    """The sizes of one function's arrays, computed at its start."""

    def __init__(self, func: Op, guess: bool) -> None:
        self.func = func
        self.guess = guess and "n_inputs" in func.attrs
        start = Start(func)
        self.b = start.b
        self.bounds = Bounds(start)
        self.compared: set[Value] = set()  # sizes that a check holds against their bound
        self.extents = _known_extents(func)
        self.n_guesses = int_attr(func, "n_bounds", 0)

    def nbytes(self, op: Op) -> Value:
        """Aligned bytes of the buffer that an alloc makes."""
        type, b = op.result.type, self.b
        assert isinstance(type, t.MemRefType)
        known = t.nbytes(type) * prod(n for n in type.shape if n is not None)
        if None not in type.shape:
            return b.index(-(-known // ALIGN_BYTES) * ALIGN_BYTES)
        total = b.index(known)
        sizes = [self._least(size, op) for size in op.operands]
        for size in sizes:
            total = b.muli(total, size)
        rounded = b.binary("andi", b.addi(total, b.index(ALIGN_BYTES - 1)), b.index(-ALIGN_BYTES))
        fixed = [b.index(n) for n in type.shape if n not in (None, 0, 1)]
        wholes = [whole_of(size) for size in op.operands]
        if any(self.extents.hold([*known, *fixed]) for known in (op.operands, sizes, wholes)):
            return rounded
        return b.select(b.op("scan.can_exist", [*sizes, *fixed], [t.i1]), rounded, b.index(MOST_NBYTES))

    def _least(self, size: Value, alloc: Op) -> Value:
        """A bound of a size of a buffer, or, if only that is a minimum, of one that a check before says it equals."""
        found = self.at_most(size, alloc.result.name or "a temporary")
        if self.bounds.start.copy(size) is not None or is_minimum(found):
            return found
        others = (self._bound(other, "") for other in sizes_equal_to(size, alloc) if other is not size)
        return next((v for v in others if v is not None and is_minimum(v)), found)

    def capacity(self, sizes: list[Value], what: str) -> list[Value]:
        """Bounds of the sizes of an output, with a check that an array may have them."""
        bounds = [self.at_most(size, what) for size in sizes]
        if not (self.extents.hold(sizes) or self.extents.hold(bounds)):
            require(self.b, what, bounds)
            self.extents.trust(bounds)
        return bounds

    def at_most(self, size: Value, what: str) -> Value:
        """A value available at the start that is at least `size` and at least 0 (where `size` is never made, a
        bound may be below): if nothing else, the caller's guess."""
        found = self._bound(size, what)
        if found is None and not self.guess:
            raise UnsupportedError(
                f"the size of '{what}' depends on values that the program computes, so its memory cannot be "
                "planned before it runs; give it a size that follows from the inputs' sizes, or use "
                "mode='reference'")
        if found is None:
            length = _length_before_stop(size)
            found = self._guess(size, what) if length is None else self.at_most(length, what)
        self.bounds.known[size, UPPER] = found
        return found

    def _bound(self, size: Value, what: str) -> Value | None:
        """What bounds `size` before the program runs."""
        cap = cap_of(size)
        if cap is not None and self.bounds.start.copy(size) is None:
            return self.b.index(max(cap, 0))
        found = self.bounds.upper(size)
        if found is None:
            return None
        if not is_natural(found):
            found = self.b.maxsi(found, self.b.index(0))
        if may_wrap(size) and self.bounds.start.copy(size) is None:
            self._compare(size, found, what)
        return found

    def _guess(self, size: Value, what: str) -> Value:
        """A new input, and a check where `size` is made that it is large enough."""
        n_inputs, number = self.func.attrs["n_inputs"].value, self.n_guesses
        self.n_guesses += 1
        guess = self.func.body.insert_arg(n_inputs, t.MemRefType((), t.i64), f"bound_{number}")
        self.func.attrs["n_inputs"] = t.IntAttr(n_inputs + 1, t.i64)
        self.func.attrs["n_bounds"] = t.IntAttr(self.n_guesses, t.i64)
        b = self.b
        bound = b.maxsi(b.index_cast(b.op("memref.load", [guess], [t.i64]), t.index), b.index(0))
        self._check(size, bound, [number], BOUND_EXCEEDED,
                    f"bound_{number} is too small for a size that the program computes: {{0}} is needed")
        remark("plan-memory", self.func, True, f"nothing bounds the size of {what} before it is computed: the caller "
               f"guesses it as bound_{number}")
        return bound

    def _compare(self, size: Value, bound: Value, what: str) -> None:
        """A check that `size` is within a bound that may have wrapped."""
        if size not in self.compared:
            self._check(size, bound, [], "MemoryError",
                        f"the size of {what} is {{0}}, beyond what was computed for it; the numbers that bound it "
                        "before the program runs are too large")

    def _check(self, size: Value, bound: Value, info: list[int], error: str, message: str) -> None:
        """A check, where `size` is made, that it is within `bound`; its message may speak of `size` and `info`."""
        self.compared.add(size)
        inside = self._after(size)
        inside.make("scan.check", [inside.cmpi("sle", size, bound), size, *map(inside.index, info)], [],
                    {"error": error, "message": message})

    def _after(self, size: Value) -> Builder:
        """Builds where `size` is made."""
        ops = size.block.ops
        return Builder(size.block, ops[0] if size.op is None else ops[ops.index(size.op) + 1], self.func.location)


def _length_before_stop(size: Value) -> Value | None:
    """Of a size that counts the steps of an `until`, the steps that it could have been: rows are written before
    they are counted."""
    op = size.op
    if op is None or op.name != "arith.minsi":
        return None
    counted, length = op.operands
    return length if counted.op is not None and counted.op.name == "scf.while" else None


def _known_extents(func: Op) -> Extents:
    """The sizes of arguments, and those that checks at the function's own level find possible."""
    extents = Extents()
    extents.trust_arguments(func.body)
    computed: set[Op] = set()
    for op in func.body.ops:
        if op.name == "scan.check":
            parts = [slice_of(v, func.body, computed) for v in op.operands]
            computed.update(op for part in parts for op in part or ())
            if None not in parts:
                extents.trust_check(op)
    return extents
