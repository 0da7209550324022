"""Scans whose step is the logarithm of a sum of exponentials and no more: tiles of steps without logarithms.

    scan.scan(%n, %b, %h0) {                       scan.scan(%tiles, %h0) {
      %l = logsumexp(%h[:, None] + %A)               %m = scan.reduce max (%h)
      scan.yield(%l + %b_t) }                        %q, ... = scan.scan(%count, part of %b, exp(%h - %m)) {
                                           ->          %g = %b_t + %c          %d = scan.reduce max (%g)
                                                       %q = %w @ %E
                                                       scan.yield(%q * exp(%g - %d), %q, %g, sum of all %d before) }
                                                     scan.yield(if all %q >= 2**-900: log(%q) + %g + (%m + sum),
                                                                else the steps as they were) }

The columns of %E = exp(%A - %c) have the sum 1, and no exp(%g - %d) is above 1: no state in a tile is above 1,
nothing overflows, and what a step loses below the smallest number stays as small. So it is enough to look at the sums
before the last logarithm, which have all their digits where they are far above what may be lost. The last %g is added
to the logarithm, so that an observation that is very unlikely in some states leaves the range of floats in none.
The chain of a step is a product, in place of a maximum, an exponential, a product and a logarithm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constraints import shape_of
from scancc.ir.core import Attributes, Block, Region, Value, clone_op, made_of
from scancc.ir.ops import is_pure, set_operands
from scancc.ir.parts import Carry, ScanView
from scancc.ir.shapes import dims_of
from scancc.ir.slices import Entry, constant_entries, slice_parts

from .log_sums import LEAST, Fixed, LogSum, Parts, fixed_of, terms_of
from .terms import Frame, Term, axes_of

TILE: dict[t.Type, int] = {t.f64: 32, t.f32: 8}  # steps; in each sums may become 2**28, or 2**10, times as small


class _Columns(NamedTuple):
    """The invariant exponentials, divided by the sums of their columns, the logarithms of these, and 1 where a sum is
    0."""

    powers: Value
    log: Term
    slack: Value


def added_in_step(found: LogSum, parts: Parts) -> list[Term] | None:
    """What a scan adds to a logarithm for its next state, where that is all that it makes of its state; else None."""
    scan = ScanView(found.scan)
    if len(scan.carries) != 1 or scan.ys or scan.until or scan.counter.uses or scan.carries[0].depth > 1:
        return None
    (carry,), (along, *others) = scan.carries, found.along
    shape = shape_of(carry.arg.type)
    if others or len(shape) != 1 or shape_of(found.exp.result.type) != shape * 2:
        return None
    if parts.changing != [Term(carry.arg, (along,), False)] or axes_of(parts.fixed) != (0, 1):
        return None
    return _added(found, carry, parts.beside)


def _added(found: LogSum, carry: Carry, beside: Sequence[Term]) -> list[Term] | None:
    """The terms beside the logarithm, and those of the exponent, where none of them waits for the state."""
    (along,) = found.along
    terms = Counter([*terms_of(carry.next, (1 - along,)), *beside])
    once = terms.pop(Term(found.log.result, found.axes, False), 0) == 1
    if not once or not all(map(is_pure, found.scan.body.ops[:-1])):
        return None
    for term in list(terms):
        if term in terms and term.opposite in terms:
            terms -= Counter({term: (least := min(terms[term], terms[term.opposite])), term.opposite: least})
    waiting = made_of([carry.arg], carry.arg.block.ops)
    return None if any(term.value in waiting for term in terms) else list(terms.elements())


class ScaledSteps:
    """The scan over tiles of a scan, under construction."""

    def __init__(self, found: LogSum, parts: Parts, added: Sequence[Term]) -> None:
        self.found, self.added, self.scan = found, added, ScanView(found.scan)
        assert found.scan.parent is not None
        self.before = Builder(found.scan.parent, found.scan, found.log.location)
        self.frame = Frame(self.before, found.exp.result, parts.fixed)
        self.columns = self._columns(fixed_of(found, parts.fixed))
        self.size = TILE[self.frame.element]
        (self.carry,), (self.along,) = self.scan.carries, found.along
        self.left = (1 - self.along,)

    def build(self) -> None:
        """Put it in the place of the scan, which does the steps of a tile where sums are out of range."""
        b, size = self.before, self.before.index(self.size)
        tiles = b.op("arith.divsi", [b.addi(self.scan.length, b.index(self.size - 1)), size], [t.index])
        block, state = Block([t.index]), self.carry.arg
        h = block.add_arg(state.type, state.name)
        made = b.grouped("scan.scan", {"length": [tiles], "init": self.scan.init}, [h.type],
                         self._attrs(1) | {"tile": t.IntAttr(self.size, t.i64)}, [Region([block])])
        made.result.name = self.carry.final.name
        self.carry.final.replace_by(made.result)
        self._tile(Builder(block, location=b.location), block.args[0], h)

    def _attrs(self, n_states: int) -> Attributes:
        kept = {key: attr for key, attr in self.scan.op.attrs.items() if key in ("name", "fast_math")}
        return {"depths": [t.IntAttr(1, t.i64)] * n_states, "until": False, **kept}

    def _columns(self, fixed: Fixed) -> _Columns:
        b, frame = self.before, self.frame
        sums, left = frame.reduced("sum", fixed.powers, fixed.axes, self.found.along)
        sums = b.addf(sums, fixed.slack)
        log = Term(frame.total([fixed.most, Term(b.math("log", sums), left, False)], left), left, False)
        return _Columns(b.divf(fixed.powers, frame.spread(sums, left, fixed.axes)), log, fixed.slack)

    def _tile(self, b: Builder, number: Value, h: Value) -> None:
        """The steps of a tile, from a state on."""
        first = b.muli(number, b.index(self.size))
        count = b.minsi(b.index(self.size), b.subi(self.scan.length, first))
        given = {"length": [count], "xs": [self._rows(b, x, first, count) for x in self.scan.xs]}
        frame, zero = self.frame.elsewhere(b), b.const(0.0, self.frame.element)
        most, _ = frame.reduced("max", h, (self.along,), (self.along,))
        weights = b.math("exp", b.subf(h, frame.spread(most, (), (self.along,))))
        init = [weights, h, h, zero, zero]  # the last sums, what is added to them, and its scale: of a step before
        _, sums, last, so_far, _ = b.grouped(
            "scan.scan", given | {"init": init}, [v.type for v in init], self._attrs(len(init)),
            [Region([self._step()])]).results
        least, _ = frame.reduced("min", b.addf(sums, self.columns.slack), self.left, self.left)
        good = b.cmpf("oge", least, b.const(LEAST[frame.element], frame.element))
        sides = [self._logarithms(sums, last, [so_far, most]), self._as_written(given, h)]
        b.make("scan.yield", b.make("scf.if", [good], [h.type], None, [Region([side]) for side in sides]).results)

    def _logarithms(self, sums: Value, last: Value, scales: Sequence[Value]) -> Block:
        """The state behind a tile, of the last sums and of what is added to their logarithms."""
        block = Block()
        frame = self.frame.elsewhere(Builder(block, None, self.before.location))
        scale = frame.total([Term(scale, (), False) for scale in scales], ())
        log = Term(frame.b.math("log", sums), self.left, False)
        added = frame.total([Term(last, self.left, False), Term(scale, (), False)], self.left)
        frame.b.make("scf.yield", [frame.total([log, Term(added, self.left, False)], self.left)])
        return block

    def _as_written(self, given: dict[str, list[Value]], h: Value) -> Block:
        """The steps of a tile as they were."""
        block = Block()
        again = block.append(self.scan.op.detach())
        set_operands(again, **given, init=[h])
        Builder(block, None, self.before.location).make("scf.yield", again.results)
        return block

    def _rows(self, b: Builder, x: Value, first: Value, count: Value) -> Value:
        """The rows of a sequence in a tile."""
        assert isinstance(x.type, t.TensorType)
        rest = constant_entries(dims_of(self.before, x)[1:])
        offsets: list[Entry] = [first, *[0] * len(rest)]
        groups, attrs = slice_parts(offsets, [count, *rest], [1] * len(offsets))
        type = t.TensorType((None, *x.type.shape[1:]), x.type.element)
        return b.grouped("tensor.extract_slice", {"source": [x], **groups}, [type], attrs).result

    def _step(self) -> Block:
        """A step without logarithms."""
        block, waiting = Block([t.index]), made_of([self.carry.arg], self.scan.op.body.ops)
        b, values = Builder(block, location=self.before.location), dict[Value, Value]()
        for arg in self.scan.x_args:
            values[arg] = block.add_arg(arg.type, arg.name)
        state, number = self.carry.arg.type, self.frame.element
        weights, _, _, so_far, last = [block.add_arg(type) for type in (state, state, state, number, number)]
        for op in self.scan.op.body.ops[:-1]:
            if not waiting.intersection(op.results):
                clone_op(op, values, b.insert)
        frame, left, along = self.frame.elsewhere(b), self.left, self.along
        here = [term._replace(value=values.get(term.value, term.value)) for term in self.added]
        added = frame.total([*here, self.columns.log], left)
        most, _ = frame.reduced("max", added, left, left)
        factors = b.math("exp", b.subf(added, frame.spread(most, (), left)))
        products = b.mulf(frame.spread(weights, (along,), (0, 1)), self.columns.powers)
        sums, _ = frame.reduced("sum", products, (0, 1), (along,))
        b.make("scan.yield", [b.mulf(sums, factors), sums, added, b.addf(so_far, last), most])
        return block
