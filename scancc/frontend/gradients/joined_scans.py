"""Joins scans over the same steps, with ops that work row by row between and behind them, to one scan with blocks.

    hs = scan(f, x)                      hs, gs, ps = scan(step, x), of which step(x, h, g) is
    gs = scan(g, tanh(hs @ W))     ->      h = f(x, h)
    ps = gs @ V                            g = g(tanh(h @ W), g)
    cost = sum(ps**2)                      p = g @ V

Each of them by itself would keep an array of all steps: rows that one makes and the next one reads, and gradients of
rows on the way back. As one scan they have blocks together: a block that runs again makes all of their rows, and is
reversed as a whole. What a gradient by something outside of the steps goes through, as that of V, is a part of the
step, so that its sum over the steps is gathered block by block; of other maps of rows a block makes the gradient by
itself (`block_rows`). Running sums and products along the steps are states. What is made row by row for a scan to
read, and a gradient goes through, becomes a part of the step, too.

This is done to a copy of the cost's graph: what the user wrote stays as it is. A program that has both reads the rows
of the scan that is joined (`loops/same_rows.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from scancc.frontend.gradients.choices import Parts
from scancc.frontend.gradients.row_by_row import fitting
from scancc.frontend.gradients.row_sources import is_view
from scancc.frontend.gradients.rows_in_steps import row_in_step, sources_in_step
from scancc.frontend.gradients.walk import depending
from scancc.frontend.graph.dims import dim, dims, same_scalar
from scancc.frontend.graph.variables import Apply, Constant, Variable, ancestors, applies, rebuild, rebuild_into
from scancc.frontend.loops.rewiring import without_unused
from scancc.frontend.loops.same_rows import note_same
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs, row_type, stacked, stands_for
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.ordering import Cumulative
from scancc.frontend.ops.scalars import add, mul

FIRST = {"cumsum": -0.0, "cumprod": 1.0}  # what changes no first row, not even the sign of its zeros


def with_scans_joined(cost: Variable, targets: Collection[Variable], in_budget: bool) -> Variable:
    """The cost, in which the scans whose gradients run in blocks are joined; `in_budget`: all do."""
    now = {v: v for v in ancestors([cost])}  # what stands for what the user wrote
    instead: set[Variable] = set()  # of that what joined scans make
    done: set[Variable] = set()
    while (group := _first_group(now[cost], targets, done, in_budget)) is not None:
        memo = group.joined()
        done.update(group.first.outputs, *(v.owner.outputs for v in memo.values() if v.owner is not None))
        instead.update(v for v, at in now.items() if at in memo)
        rebuild_into([now[cost]], memo)
        now = {v: memo.get(at, at) for v, at in now.items()}
    for v in instead:
        note_same(v, now[v])
    return now[cost]


def _first_group(cost: Variable, targets: Collection[Variable], done: Collection[Variable], in_budget: bool,
                 ) -> _Group | None:
    """The first scan with blocks that was not looked at, and what can be joined to it."""
    order = applies([cost])
    lazy, wanted = Parts(order, [cost]).lazy, depending(order, targets)
    for i, node in enumerate(order):
        if _has_blocks(node, in_budget) and node not in lazy and wanted.intersection(node.outputs).difference(done):
            return _Group(order, i, lazy, cost, wanted, set(targets))
    return None


def _has_blocks(node: Apply, in_budget: bool) -> bool:
    op = node.op
    if not isinstance(op, Scan) or op.truncate_gradient >= 0:
        return False
    return in_budget if op.checkpoints is None else op.checkpoints != "states"


class _Group:
    """The scans that run beside the one at place `first` of `order`, and maps of their rows. wanted: what gradients
    go through; those of `targets` are asked for."""

    def __init__(self, order: Sequence[Apply], first: int, lazy: Collection[Apply], cost: Variable,
                 wanted: set[Variable], targets: set[Variable]) -> None:
        self.order, self.first = order, order[first]
        op = self.first.op
        assert isinstance(op, Scan)
        self.op, self.cost, self.wanted, self.targets = op, cost, wanted, targets
        self.n, self.is_open = op.inputs_of(self.first.inputs).length, op.body.stop is not None
        self.members = self._needed(self._meeting(self._rows_of(order[first:], lazy)))

    # ---- what is joined ----

    def _rows_of(self, nodes: Sequence[Apply], lazy: Collection[Apply]) -> list[Apply]:
        """All that has a row a step that a step of these scans could make. What waits for rows of all steps cannot be
        there, nor what a branch alone needs, nor what somebody asks for the gradient of."""
        rows, late, found = set[Variable](), set[Variable](), list[Apply]()
        for node in nodes:
            may_join = node not in lazy and self.targets.isdisjoint(node.outputs)
            if may_join and late.isdisjoint(node.inputs) and self._joins(node, rows):
                found.append(node)
                given = stacked(node) if isinstance(node.op, Scan) else node.outputs
                rows.update(given)
                late.update(v for v in node.outputs if v not in given)
            elif not rows.isdisjoint(node.inputs) or not late.isdisjoint(node.inputs):
                late.update(node.outputs)
        return found

    def _joins(self, node: Apply, rows: set[Variable]) -> bool:
        """Whether a step can do what the node does, of whose inputs `rows` are made by it and the others before."""
        if isinstance(node.op, Scan):
            return node is self.first or self._runs_beside(node, rows)
        if rows.isdisjoint(node.inputs):
            return False
        if isinstance(node.op, Cumulative):
            return node.op.axis == 0 and np.dtype(node.outputs[0].dtype).kind == "f" and not self.is_open
        sources = sources_in_step(node)
        if sources is None:
            return False
        groups = list(zip(node.inputs, sources, strict=True))
        return all((source is not None) if v in rows else source is None or not self.is_open for v, source in groups)

    def _runs_beside(self, node: Apply, rows: set[Variable]) -> bool:
        op = node.op
        assert isinstance(op, Scan)
        length, xs, inits, consts = op.inputs_of(node.inputs)
        options = [(o.checkpoints, o.truncate_gradient, o.fast_math) for o in (op, self.op)]
        return (options[0] == options[1] and not self.is_open and op.body.stop is None and same_scalar(length, self.n)
                and rows.isdisjoint([*inits, *consts])
                and all(stands_for(row_type(x.type), inner.type) for x, inner in zip(xs, op.body.xs, strict=True)))

    def _meeting(self, nodes: Sequence[Apply]) -> list[Apply]:
        """Those of which rows of one step meet with those of the first one, in what others make of both. Of scans
        that do not, as one that goes the other way, a block would make rows that nobody reads there."""
        groups = list[set[Variable]]()
        for node in nodes:
            mine = set(node.outputs).union(*(g for g in groups if not g.isdisjoint(node.inputs)))
            groups = [*(g for g in groups if g.isdisjoint(mine)), mine]
        met = next((g for g in groups if not g.isdisjoint(self.first.outputs)), set[Variable]())
        return [node for node in nodes if not met.isdisjoint(node.outputs)]

    def _needed(self, nodes: Sequence[Apply]) -> list[Apply]:
        """Of these the scans and running sums, what a gradient by something outside goes through, and what lies
        between."""
        rows = {v for node in nodes for v in node.outputs}
        needed, read = list[Apply](), set[Variable]()
        for node in reversed(nodes):
            goes_outside = any(v in self.wanted and v not in rows for v in node.inputs)
            is_end = isinstance(node.op, Scan | Cumulative) or goes_outside
            if not read.isdisjoint(node.outputs) or is_end and not self.wanted.isdisjoint(node.outputs):
                needed.append(node)
                read.update(node.inputs)
        return needed[::-1]

    # ---- the scan ----

    def joined(self) -> dict[Variable, Variable]:
        """The outputs of the scan that they are together, by what they were before; none where there is nothing to
        join."""
        step = _Step(self)
        for node in self.members:
            step.take(node)
        is_told = self.op.spares_rows or not self.members
        return {} if is_told and len(self.members) + step.maps_before < 2 else step.outputs(self._read_outside())

    def _read_outside(self) -> list[Variable]:
        """What others read of what the members make."""
        members = set(self.members)
        read = {v for node in self.order if node not in members for v in node.inputs} | {self.cost}
        return [v for node in self.members for v in node.outputs if v in read]


class _Step:
    """The step of the scan that several are together, as it grows."""

    def __init__(self, group: _Group) -> None:
        self.group, self.n = group, group.n
        self.rows: dict[Variable, Variable] = {}  # of arrays outside, by the array
        self.xs: dict[Variable, Variable] = {}  # inner to outer
        self.consts: dict[Variable, Variable] = {}
        self.states: list[tuple[Carry, Variable]] = []
        self.finals: dict[Variable, int] = {}
        self.stop: Variable | None = None
        self.maps_before = 0
        self._held: dict[Variable, Variable] = {}

    def take(self, node: Apply) -> None:
        if isinstance(node.op, Scan):
            self._take_scan(node, node.op)
        elif isinstance(node.op, Cumulative):
            self._take_sum(node, node.op.kind)
        else:
            self.rows[node.outputs[0]] = self._row(node)

    # ---- what a step reads ----

    def hold(self, outer: Variable) -> Variable:
        """The inner variable for what is read as a whole."""
        if isinstance(outer, Constant) and outer.ndim == 0:
            return outer
        if outer not in self._held:
            inner = self._held[outer] = outer.type(outer.name)
            self.consts[inner] = outer
        return self._held[outer]

    def row(self, outer: Variable, user: Apply) -> Variable:
        """The row that a step has of an array; of what is made row by row before the steps, made in the step."""
        if outer not in self.rows:
            if self._is_map(outer, user):
                assert outer.owner is not None
                self.maps_before += 1
                self.rows[outer] = self._row(outer.owner)
            else:
                inner = self.rows[outer] = row_type(outer.type).variable(name=outer.name)
                self.xs[inner] = outer if isinstance(user.op, Scan) else fitting(outer, 0, self.n, user)
        return self.rows[outer]

    def _row(self, node: Apply) -> Variable:
        sources = sources_in_step(node)
        assert sources is not None
        rows = [None if source is None else self.row(v, node) for v, source in zip(node.inputs, sources, strict=True)]
        row = row_in_step(node, rows, self.hold)
        row.name = node.outputs[0].name
        return row

    def _is_map(self, outer: Variable, user: Apply) -> bool:
        """Whether it is made row by row of arrays, and the gradient goes through it. What scans read may have more
        rows than there are steps; what meets rows of the step may not."""
        node = outer.owner
        if node is None or outer in self.group.targets or outer not in self.group.wanted or is_view(node):
            return False
        fits = not isinstance(user.op, Scan) or same_scalar(dim(outer, 0), self.n)
        return fits and sources_in_step(node) is not None

    # ---- states ----

    def _take_scan(self, node: Apply, op: Scan) -> None:
        _, xs, inits, consts = op.inputs_of(node.inputs)
        body, inner = op.body, dict[Variable, Variable]()
        inner |= {x: self.row(outer, node) for x, outer in zip(body.xs, xs, strict=True)}
        inner |= {c: self.hold(outer) if outer.type == c.type else self._retyped(c, outer)
                  for c, outer in zip(body.consts, consts, strict=True)}
        inner |= {tap: tap.type.variable(name=tap.name) for c in body.carry for _, tap in c.taps}
        copy = body.copied(inner, rebuild)
        outputs = op.outputs_of(node.outputs)
        for carry, init, out in zip(copy.carry, inits, outputs.carry, strict=True):
            self.finals[out] = len(self.states)
            self.states.append((carry, init))
            if carry.trace:
                self.rows[out] = carry.next
        self.rows |= dict(zip(outputs.ys, copy.ys, strict=True))
        self.stop = copy.stop if copy.stop is not None else self.stop

    def _retyped(self, inner: Variable, outer: Variable) -> Variable:
        """An invariant that a step knows by another type than it has outside."""
        held = inner.type.variable(name=inner.name)
        self.consts[held] = outer
        return held

    def _take_sum(self, node: Apply, kind: str) -> None:
        x, out = node.inputs[0], node.outputs[0]
        row = self.row(x, node)
        value = Constant(np.array(FIRST[kind], out.dtype))
        init = alloc(value, dims(x)[1:]) if row.ndim else value
        before = row.type.variable(name=out.name)
        next_row = (add if kind == "cumsum" else mul)(before, row)
        self.finals[out] = len(self.states)
        self.states.append((Carry(((-1, before),), 1, next_row, trace=True), init))
        self.rows[out] = next_row

    # ---- the scan ----

    def outputs(self, read: Sequence[Variable]) -> dict[Variable, Variable]:
        """What is read of it, by what stands for it outside."""
        kept = {self.finals[v] for v in read if v in self.finals}
        carry = tuple(replace(c, trace=c.trace and i in kept) for i, (c, _) in enumerate(self.states))
        ys = [v for v in read if v not in self.finals]
        body = Body(tuple(self.xs), carry, tuple(self.consts), tuple(self.rows[v] for v in ys), self.stop)
        first = self.group.first
        op = replace(self.group.op, body=body, origin=object(), in_budget=self.group.op.checkpoints is None)
        inputs = ScanInputs(self.n, list(self.xs.values()), [init for _, init in self.states],
                            list(self.consts.values()))
        node = Apply(op, inputs.flat, op.infer(*inputs.flat), first.location)
        made = op.outputs_of(node.outputs)
        found = {v: made.carry[self.finals[v]] if v in self.finals else made.ys[ys.index(v)] for v in read}
        without_unused(node, set(found.values()))
        for old, new in found.items():
            new.name = old.name
        return found
