"""The gradient of an invariant of a scan: a sum over steps, which leaves the loop where it can.

A step's contribution is taken apart into terms. An outer product, or a product of two matrices, that
varies from step to step is not summed in the loop: its factors are stacked, and one product of matrices
after the loop gives the sum, but where they hold a row for each step of a scan in the step: then the product is of
these, and no rows of all inner steps are kept. A term whose rows are stacked anyway, or a short one in a loop without
states, is summed after the loop; the rest is added up in a carry, where a step that read a part of a
table adds to that part only.

    s = s + sum(g * x)      ->      a = a + g * x, and s = sum(a) after the loop

What a number adds up of the elements of an array is added up element by element: a sum in each step would keep the
loop from having its elements in lanes, with time inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

import numpy as np

from scancc.frontend.gradients.contributions import plus, terms_of, total
from scancc.frontend.gradients.inner_rows import inner_rows
from scancc.frontend.gradients.loop import Lag, Loop, backwards, first_rows
from scancc.frontend.gradients.rules import Gradient, like, zero_of, zeros_for
from scancc.frontend.gradients.running_sums import Restarts, adds_to_parts
from scancc.frontend.gradients.scan_recall import Recall
from scancc.frontend.graph.dims import DimShuffle, ShapeI, dims, dimshuffle, same_scalar
from scancc.frontend.graph.variables import Constant, Variable, ancestors, applies, leaves, rebuild
from scancc.frontend.loops.scan_op import ScanOutputs, shape_moves
from scancc.frontend.ops import reduction
from scancc.frontend.ops.axes import Reshape, reshape
from scancc.frontend.ops.elementwise import Elemwise
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.products import Dot
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.scalars import add, mul
from scancc.late_dataclasses import dataclass

After = Callable[[ScanOutputs[Variable]], Variable]  # a value made from the loop's outputs
ROW_THEN_COLUMN = ((0, "x"), ("x", 0))


@dataclass
class Sums:
    """Sums over the steps of one loop. `whole`: the loop covers all forward steps."""

    loop: Loop
    recall: Recall
    whole: bool
    stateless: bool  # nothing but these sums goes from step to step
    restarts: Restarts
    inner: set[Variable] = field(default_factory=set)  # what has rows for each step of scans in the step

    def add(self, gradients: Sequence[tuple[Variable, Gradient, Variable]]) -> list[After]:
        """For triples (outer invariant, what its sum is added to, a step's contribution), what gives the sums after
        the loop."""
        self.inner = inner_rows(applies([gradient for _, _, gradient in gradients]))

        def may_leave(factor: Variable) -> bool:
            return _beneath(factor) not in self.inner and self._is_steady(factor)

        split = [(outer, base, *_split(gradient, may_leave)) for outer, base, gradient in gradients]
        products = [[self._product(*product) for product in found] for _, _, found, _ in split]
        return [
            self._sum(outer, base, made, rest) for (outer, base, _, rest), made in zip(split, products, strict=True)
        ]

    def _sum(self, outer: Variable, base: Gradient, products: list[After], rest: list[Variable]) -> After:
        parts = list(products)
        carried: list[Variable] = []
        arrays = _Arrays(self.loop)
        for term in rest:
            stacked = self._stacked_sum(term, outer)
            if stacked is not None:
                parts.append(stacked)
            elif (found := self._array(term)) is not None:
                arrays.take(*found)
            else:
                carried.append(term)
        parts += arrays.sums()
        if carried:
            parts.append(self._in_carry(outer, base, carried))
        elif base is not None:
            parts.insert(0, lambda outputs: base)

        def after(outputs: ScanOutputs[Variable]) -> Variable:
            result = total(part(outputs) for part in parts)
            assert result is not None
            return result

        return after

    # ---- products of matrices ----

    def _product(self, order: tuple[int, ...], negative: bool, left: Variable, right: Variable) -> After:
        """The sum of left[t]ᵀ right[t] over steps, for rows that are vectors or matrices."""
        a, b = self._stack(left), self._stack(right)

        def after(outputs: ScanOutputs[Variable]) -> Variable:
            product = Dot()(dimshuffle(_flat(a(outputs)), 1, 0), _flat(b(outputs)))
            product = -product if negative else product
            return dimshuffle(product, order)

        return after

    def _is_steady(self, var: Variable) -> bool:
        """Whether `var` has one shape in all steps, so that it can be stacked."""
        varying = {*self.loop.xs, *(lag.row for lag in self.loop.lags), *self.recall.op.body.varying}
        return not shape_moves(var, varying)

    def _is_stacked_forward(self, var: Variable) -> bool:
        """Whether the forward scan has rows of `var`, or will: an earlier row of a state is known in no other way."""
        return self.whole and (self.recall.rows(var) is not None or var in self.recall.op.body.varying)

    def _stack(self, var: Variable) -> After:
        """The rows of `var` in all steps, in the order of the forward ones; those that the forward scan saves for the
        step are no others."""
        if self._is_stacked_forward(var):
            rows = self.recall.save(var)
            return lambda outputs: first_rows(rows, self.recall.n)
        place = self.loop.emit(var)

        def after(outputs: ScanOutputs[Variable]) -> Variable:
            saved = self.recall.rows(self.loop.ys[place]) if self.whole else None
            return backwards(outputs.ys[place]) if saved is None else first_rows(saved, self.recall.n)

        return after

    # ---- sums ----

    def _stacked_sum(self, term: Variable, outer: Variable) -> After | None:
        """The sum after the loop, where the rows are stacked anyway or are few."""
        if adds_to_parts(term):
            return None
        row, axes, order = _peeled(term)
        if not any(row is y for y in self.loop.ys):
            if not self.stateless or outer.ndim > 1 or not self._is_steady(term):
                return None
            row, axes, order = term, (), tuple(range(term.ndim))
        place = self.loop.emit(row)
        over = [0, *(axis + 1 for axis in axes)]
        return lambda outputs: dimshuffle(
            reduction.sum(outputs.ys[place], axis=over, dtype=row.dtype), order
        )

    def _array(self, term: Variable) -> tuple[Variable, list[Variable]] | None:
        """The array whose elements a number adds up, with its lengths outside; None of one of more axes than states
        have, which is made for the sum alone."""
        row, axes, _ = _peeled(term)
        if term.ndim or not axes or row.ndim > max((c.next.ndim for c in self.recall.op.body.carry), default=0):
            return None
        if adds_to_parts(term) or row in self.inner:
            return None
        lengths = [n for n in map(self._outside, dims(row)) if n is not None]
        return (row, lengths) if len(lengths) == row.ndim else None

    def _outside(self, length: Variable) -> Variable | None:
        """A length in the step, by what is known before the loop."""
        scan, told = self.recall.op, dict(self.loop.consts)
        told |= self.recall.consts
        for var in ancestors([length]):
            if var.owner is not None and isinstance(var.owner.op, ShapeI):
                found = self.loop.extent_outside(var.owner.inputs[0], var.owner.op.axis)
                found = scan.extent_outside(var, self.recall.inputs) if found is None else found
                if found is not None:
                    told[var] = found
        unknown = any(v not in told and not isinstance(v, Constant) for v in leaves([length], stop=told))
        return None if unknown else rebuild([length], told)[0]

    def _in_carry(self, outer: Variable, base: Gradient, terms: list[Variable]) -> After:
        dtype = np.result_type(*(term.dtype for term in terms)).name
        before = outer.type.__class__(dtype, outer.type.shape)("sum")
        after = plus(before, total(term for term in terms if not adds_to_parts(term)))
        assert after is not None
        for term in filter(adds_to_parts, terms):
            after = self.restarts.plus(after, term)
        lag = Lag(before, 1, zeros_for(outer, dtype) if base is None else base, after, trace=False)
        self.loop.lags.append(lag)
        place = len(self.loop.lags) - 1
        return lambda outputs: outputs.carry[place]


@dataclass
class _Arrays:
    """Arrays that a loop adds up element by element, by their shapes outside of it."""

    loop: Loop
    found: list[tuple[list[Variable], list[Variable]]] = field(default_factory=list)

    def take(self, row: Variable, lengths: list[Variable]) -> None:
        """Add up this one, too; those of one shape in one array."""
        for shape, rows in self.found:
            if rows[0].type == row.type and all(map(same_scalar, shape, lengths)):
                rows.append(row)
                return
        self.found.append((lengths, [row]))

    def sums(self) -> list[After]:
        """What gives the sums of their elements after the loop."""
        return [self._sum(*one) for one in self.found]

    def _sum(self, lengths: list[Variable], rows: list[Variable]) -> After:
        added = total(rows)
        assert added is not None
        before, place = added.type("sums"), len(self.loop.lags)
        zeros = like(alloc(zero_of(added.dtype), lengths), before)
        self.loop.lags.append(Lag(before, 1, zeros, add(before, added), trace=False))
        return lambda outputs: reduction.sum(outputs.carry[place], dtype=added.dtype)


def _flat(rows: Variable) -> Variable:
    """A stack of vectors as it is, of matrices as one matrix with all their rows."""
    if rows.ndim == 2:
        return rows
    n, m, k = dims(rows)
    return reshape(rows, [mul(n, m), k])


# ---- taking a gradient apart --------------------------------------------------------------------------

Product = tuple[tuple[int, ...], bool, Variable, Variable]  # axes' order, sign, factors


def _beneath(rows: Variable) -> Variable:
    """What axes were joined or moved of."""
    while rows.owner is not None and isinstance(rows.owner.op, DimShuffle | Reshape):
        rows = rows.owner.inputs[0]
    return rows


def _split(gradient: Variable, may_leave: Callable[[Variable], bool]) -> tuple[list[Product], list[Variable]]:
    """The products in a sum whose factors may be stacked, and its other terms."""
    products: list[Product] = []
    rest: list[Variable] = []
    for term in terms_of(gradient):
        product = _as_product(term)
        if product is None or not all(map(may_leave, product[2:])):
            rest.append(term)
        else:
            products.append(product)
    return products, rest


def _peeled(term: Variable) -> tuple[Variable, tuple[int, ...], tuple[int | str, ...]]:
    """A term as another variable, summed over some axes and with its axes in some order."""
    order: tuple[int | str, ...] = tuple(range(term.ndim))
    if term.owner is not None and isinstance(term.owner.op, DimShuffle):
        order, term = term.owner.op.order, term.owner.inputs[0]
    if term.owner is not None and isinstance(term.owner.op, Reduce) and term.owner.op.kind == "sum":
        return term.owner.inputs[0], term.owner.op.axes, order
    return term, (), order


def _as_product(term: Variable) -> Product | None:
    """`term` as a product of two factors that both vary, its axes in some order, perhaps negative."""
    node = term.owner
    if node is None or term.ndim != 2:
        return None
    if isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 2:
        inner = _as_product(node.inputs[0])
        if inner is None or "x" in node.op.order:
            return None
        order, *rest = inner
        return tuple(order[a] for a in node.op.order), *rest  # type: ignore[index,return-value]
    if isinstance(node.op, Elemwise) and node.op.fn == "neg":
        inner = _as_product(node.inputs[0])
        return None if inner is None else (inner[0], not inner[1], *inner[2:])
    factors = _factors(term)
    return None if factors is None else ((0, 1), False, *factors)


def _factors(term: Variable) -> tuple[Variable, Variable] | None:
    """Vectors or matrices a, b with term = aᵀ b (for vectors: their outer product)."""
    node = term.owner
    assert node is not None
    if isinstance(node.op, Dot):
        x, y = node.inputs
        return dimshuffle(x, 1, 0), y
    if not (isinstance(node.op, Elemwise) and node.op.fn == "mul"):
        return None
    owners = [v.owner for v in node.inputs]
    orders = tuple(o.op.order if o is not None and isinstance(o.op, DimShuffle) else None for o in owners)
    if orders != ROW_THEN_COLUMN:
        return None
    left, right = (o.inputs[0] for o in owners if o is not None)
    return left, right
