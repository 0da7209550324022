"""What the reverse of a scan knows of the forward steps: rows that are read, saved or computed again.

A forward value that the reverse step uses is, in this order: a row of a sequence, state or output that
is there anyway; saved by the forward scan as one more output, or computed again from such rows, as `keeping`
chooses; or, where its shape changes from step to step and it cannot be stacked, where the forward step
computes it in a branch of `ifelse` only, or where it holds the rows of an inner scan (`inner_rows`),
computed again whatever it costs. Of a table (`scan_tables`) what was read is saved, not the rows: with room for the
most that there may be, where its length differs from step to step. A table that the reverse needs as a whole goes
back from step to step (`scan_undo`); overwritten parts of any length are saved one behind another (`tape`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from functools import cached_property

from scancc.frontend.gradients.inner_rows import inner_rows, is_added_state
from scancc.frontend.gradients.keeping import Step
from scancc.frontend.gradients.loop import Lag, Loop, backwards, first_rows
from scancc.frontend.gradients.rules import zero_of, zeros_for
from scancc.frontend.gradients.scan_links import tap_variables
from scancc.frontend.gradients.scan_tables import is_read_of, most_of_read, tables_of
from scancc.frontend.gradients.scan_undo import Writes
from scancc.frontend.gradients.tape import taped
from scancc.frontend.graph.dims import ShapeI, dims, int64
from scancc.frontend.graph.numbering import ValueNumbers
from scancc.frontend.graph.variables import (
    Apply,
    Constant,
    TensorType,
    Variable,
    ancestors,
    applies,
    leaves,
    rebuild,
)
from scancc.frontend.loops.added import beside
from scancc.frontend.loops.rewiring import with_row
from scancc.frontend.loops.scan_op import Carry, Scan, ScanInputs, ScanOutputs, is_told_outside
from scancc.frontend.ops.branches import find_uses, in_order, taken
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.joining import join
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import gt


class Recall:
    """Forward values of one scan, made available in the step of a loop that runs backwards over it; with `fewest` as
    few bytes as may be, however much is computed again."""

    def __init__(self, node: Apply, loop: Loop, fewest: bool = False) -> None:
        assert isinstance(node.op, Scan)
        self.node, self.loop, self.fewest = node, loop, fewest
        self.replace: dict[Variable, Variable] = {}
        self._stacks: dict[Variable, Variable | None] = {}
        self._computed: set[Variable] = set()
        self._numbers = ValueNumbers()
        self._saved: dict[int, Variable] = {}  # by the number of what each step computes
        self._padded: dict[Carry, Variable] = {}
        self.consts = dict(zip(node.op.body.consts, self.inputs.consts, strict=True))
        step = node.op.body.outputs
        nodes = applies(step)
        self._uses = find_uses(nodes, step)
        self._inner_rows: set[Variable] = set()
        self._varying = node.op.body.varying
        self.n = self._executed()
        self.tables = tables_of(node.op.body, self.inputs.consts, nodes)
        self._undoing = self._find_undoing()

    @property
    def op(self) -> Scan:
        assert isinstance(self.node.op, Scan)
        return self.node.op

    @property
    def forward(self) -> Apply:
        """The application that gives the outputs now, with what others added."""
        node = self.node.outputs[0].owner
        assert node is not None
        return node

    def in_forward(self, numbers: Sequence[int]) -> list[int]:
        """The numbers that states have there."""
        op = self.forward.op
        assert isinstance(op, Scan)
        return [op.body.carry.index(self.op.body.carry[i]) for i in numbers]

    @property
    def inputs(self) -> ScanInputs[Variable]:
        return self.op.inputs_of(self.node.inputs)

    @property
    def outputs(self) -> ScanOutputs[Variable]:
        return self.op.outputs_of(self.node.outputs)

    def _executed(self) -> Variable:
        """How many steps the forward scan ran."""
        if self.op.body.stop is None:
            return self.inputs.length
        stacked = [v for c, v in zip(self.op.body.carry, self.outputs.carry, strict=True) if c.trace]
        stacked += self.outputs.ys
        least = min(stacked, key=lambda v: v.ndim, default=None)  # of a table it would be the rows that are kept
        return dims(self.save(self.op.body.stop) if least is None else least)[0]

    def _find_undoing(self) -> dict[Variable, tuple[int, Writes]]:
        """The values of tables whose rows are not asked for, since what a step writes to them can be undone; whose
        they are."""
        found: dict[Variable, tuple[int, Writes]] = {}
        for i, carry in enumerate(self.op.body.carry):
            writes = Writes.of(carry) if not self.tables.isdisjoint(tap_variables(carry)) else None
            if writes is not None and self._can_undo(writes):
                found.update(dict.fromkeys(writes.values, (i, writes)))
        return found

    def _can_undo(self, writes: Writes) -> bool:
        return all(map(self._can_save, writes.parts.values())) and all(map(self._is_stackable, writes.operands))

    def _can_save(self, part: Variable) -> bool:
        return (self._is_read_of_table(part) or self._room(part) is not None
                or self._axis_on_tape(part) is not None)

    # ---- what the gradient's graph needs ----

    def recall(self, roots: Sequence[Variable]) -> None:
        """Make all forward values that `roots` use available in the loop, through `replace`."""
        step = applies(self.op.body.outputs)
        self._inner_rows = inner_rows(step)  # with those that derivatives added to inner scans since
        forward = {v: i for i, node in enumerate(step) for v in node.outputs}
        forward.update((v, -1) for v in self.op.body.inputs)
        forward.update((length, forward[x]) for length, x in self._measured(roots, forward))
        needed = [v for v in leaves(roots, stop=forward) if v in forward]
        kept = self._kept(needed)
        for var in sorted(needed, key=lambda v: forward[v]):
            self._need(var, kept)

    def _measured(self, roots: Sequence[Variable], forward: dict[Variable, int]) -> list[tuple[Variable, Variable]]:
        """Lengths that `roots` use of forward values that would be kept for nothing else; one is kept in 8 bytes."""
        asked = {node.outputs[0]: node.inputs[0] for node in applies(roots, forward) if isinstance(node.op, ShapeI)}
        read = leaves(roots, stop=[*forward, *asked])
        values = set(read)
        found = [(length, x) for length, x in asked.items() if x in forward and x not in values]
        if found:  # what is computed again, from what is kept in any case, has a length that is known before
            needed = [v for v in read if v in forward]
            kept = self._kept(needed)
            found = [(length, x) for length, x in found if not self._kept([*needed, x]) <= kept]
        found += [(length, x) for length, x in asked.items() if x in self._undoing]
        self._uses.update((length, self._uses.get(x)) for length, x in found)
        return found

    def _kept(self, needed: Sequence[Variable]) -> set[Variable]:
        """What to save; a state's new row and the one before are rows of one stack."""
        step = Step(self._is_known, self._must_keep, self._may_save, self.fewest)
        found = step.kept(needed)
        before = {var for carry in self.op.body.carry for var in tap_variables(carry)} & found
        if not before:
            return found
        known = before.union(c.next for c in self.op.body.carry if not before.isdisjoint(tap_variables(c)))
        return before | replace(step, is_known=lambda v: v in known or self._is_known(v)).kept(needed)

    def _is_known(self, var: Variable) -> bool:
        return var in self.replace or var in self.consts or var in self._undoing or self.rows(var) is not None

    def _need(self, var: Variable, kept: Container[Variable]) -> None:
        """Make `var` available: as rows, or else by what it is computed from."""
        pending = [var]
        while pending:
            var = pending.pop()
            if var in self.replace or var in self._computed or isinstance(var, Constant):
                continue
            row = self._row(var, kept)
            if row is not None:
                self.replace[var] = row
                continue
            assert var.owner is not None
            self._computed.add(var)
            pending += reversed(var.owner.inputs)

    def _row(self, var: Variable, kept: Container[Variable]) -> Variable | None:
        """What stands for `var` in the loop; None where it is computed again."""
        if var in self.consts:
            return self.loop.hold(self.consts[var], var.type, var.name)
        if var in self._undoing:
            self._undo(*self._undoing[var])
            return self.replace[var]
        if (length := self._length_outside(var)) is not None:
            return self.loop.hold(length, var.type, var.name)
        stack, must = self.rows(var), self._must_save(var)
        if stack is None and not must and (room := self._room(var)) is not None:
            return self._part_of(room, var, var)
        if stack is None and not must and (axis := self._axis_of_inner_rows(var)) is not None:
            return self._on_tape(var, axis, var)
        if stack is None and (must or var in kept):
            if (twin := self._twin(var)) is not None:
                return self.replace[twin]
            stack = self.save(var)
            self._note_saved(var)
        return None if stack is None else self._row_of(stack, var)

    def _length_outside(self, var: Variable) -> Variable | None:
        """What `var` is outside of the loop, if it is a length that the sizes there tell."""
        is_length = var.owner is not None and isinstance(var.owner.op, ShapeI)
        return self.op.extent_outside(var, self.inputs) if is_length else None

    def _twin(self, var: Variable) -> Variable | None:
        """What is saved already and is computed as `var` is."""
        return self._saved.get(self._numbers.of(var)) if self._has_number(var) else None

    def _note_saved(self, var: Variable) -> None:
        if self._has_number(var):
            self._saved.setdefault(self._numbers.of(var), var)

    def _has_number(self, var: Variable) -> bool:
        return var.owner is not None and self._is_always_computed(var)

    def _row_of(self, stack: Variable, var: Variable) -> Variable:
        """The row that stands for `var`."""
        type = TensorType(var.dtype, stack.type.shape[1:])
        return self.loop.read(type, backwards(self.last_rows(stack)), var.name)

    def _room(self, var: Variable) -> list[Variable] | None:
        """The shape that holds `var` in every step, where it is a read of a table."""
        most = most_of_read(var, self.tables)
        if most is None:
            return None
        lengths = dims(var)
        if any(m is None and not self._is_told(n) for n, m in zip(lengths, most, strict=True)):
            return None
        return [n if m is None or self._is_told(n) else int64(m) for n, m in zip(lengths, most, strict=True)]

    def _part_of(self, room: Sequence[Variable], var: Variable, made_of: Variable) -> Variable:
        """What the forward scan saves of `var` with zeros behind it, and its lengths, as the part that it is."""
        lengths = [None if self._is_told(n) else n for n in dims(var)]
        if not any(n is not None for n in lengths):
            return self._row_of(self.save(var, made_of), var)
        part = tuple(slice(n) for n in lengths)
        padded = set_subtensor(alloc(zero_of(var.dtype), room)[part], var)
        row = self._row_of(self.save(padded, made_of), padded)
        saved = [None if n is None else self._row_of(self.save(n, made_of), n) for n in lengths]
        return row[tuple(slice(n) for n in saved)]

    # ---- tables ----

    def _undo(self, number: int, writes: Writes) -> None:
        """Let a table go back from step to step."""
        carry = self.op.body.carry[number]
        for var in writes.operands:
            self._make_known(var)
        after = carry.next.type(f"{writes.row.name or 'table'}_after")
        values = writes.undone(carry.next, after, self._overwritten)
        self.replace.update(zip(values, rebuild(list(values.values()), self.replace), strict=True))
        self.loop.lags.append(Lag(after, 1, self._last(number), writes.row, trace=False))

    def _make_known(self, var: Variable) -> None:
        """Make `var` available without a table."""
        if self.tables.isdisjoint(ancestors([var])):
            self._need(var, self._kept([var]))
        else:
            self.replace[var] = self._row_of(self.save(var), var)

    def _overwritten(self, part: Variable, made_of: Variable) -> Variable:
        room, axis = self._room(part), self._axis_on_tape(part)
        if room is None and axis is not None:
            return self._on_tape(part, axis, made_of)
        return self._part_of(room or dims(part), part, made_of)

    def _axis_on_tape(self, part: Variable) -> int | None:
        """The axis of a part whose length nothing outside tells; None if it cannot be saved behind those before."""
        untold = [axis for axis, n in enumerate(dims(part)) if not self._is_told(n)]
        return untold[0] if len(untold) == 1 and self.op.body.stop is None and self.is_whole else None

    def _axis_of_inner_rows(self, var: Variable) -> int | None:
        """The axis of the rows of a scan in the step that reads a table, where its length differs from step to step,
        and where the table would be kept whole to run that scan again."""
        node = var.owner
        if node is None or not isinstance(node.op, Scan) or most_of_read(var, self.tables) is None:
            return None
        kept = [v for v in node.inputs if v in self.tables and v not in self._undoing and v not in self.consts]
        return self._axis_on_tape(var) if kept else None

    def _on_tape(self, part: Variable, axis: int, made_of: Variable) -> Variable:
        length = dims(part)[axis]
        lengths = self.save(length, made_of)
        n = self._in_any_case(length, made_of)
        tape = taped(self.forward, part, axis, n, lengths, zero_of(part.dtype), n is length)
        start, count = self._row_of(tape.starts, length), self._row_of(lengths, length)
        return self.loop.hold(tape.parts)[(*[slice(None)] * axis, slice(start, start + count))]

    def _last(self, number: int) -> Variable:
        """A state after the last step, and where there is none before it."""
        init, last = self.inputs.inits[number], self.outputs.carry[number]
        is_stack = self.op.body.carry[number].trace
        return IfElse(1).apply(gt(self.n, int64(0)), last[-1], init)[0] if is_stack else last

    def _is_told(self, length: Variable) -> bool:
        return is_told_outside(length, self._varying)

    def _must_save(self, var: Variable) -> bool:
        return var.owner is None or self._is_read_of_table(var)

    def _must_keep(self, var: Variable) -> bool:
        return (self._must_save(var) or self._room(var) is not None
                or self._axis_of_inner_rows(var) is not None)

    def _is_read_of_table(self, var: Variable) -> bool:
        return is_read_of(var, self.tables) and self._is_stackable(var)

    def _may_save(self, var: Variable) -> bool:
        is_inner = var in self._inner_rows or is_added_state(var)
        return (not is_inner and self._is_always_computed(var) and self._is_stackable(var)
                and not (var.ndim == 0 and var in self._fixed))  # as the sizes of inner blocks are

    def _is_always_computed(self, var: Variable) -> bool:
        """Whether each forward step computes it; an output saved since is known by the first one beside it."""
        assert var.owner is not None
        return self._uses.get(var.owner.outputs[0]) is None

    @cached_property
    def _fixed(self) -> set[Variable]:
        """What of the step is the same in all steps, as constants, invariants and sizes outside tell."""
        fixed = set(self.op.body.consts)
        for node in applies(self.op.body.outputs):
            if isinstance(node.op, ShapeI):
                is_fixed = self._length_outside(node.outputs[0]) is not None
            else:
                is_fixed = all(v in fixed or isinstance(v, Constant) for v in node.inputs)
            if is_fixed:
                fixed.update(node.outputs)
        return fixed

    def _is_stackable(self, var: Variable) -> bool:
        """Whether `var` has one shape in all steps, told before the loop."""
        return all(map(self._is_told, dims(var)))

    # ---- stacks ----

    @property
    def is_whole(self) -> bool:
        """Whether the loop goes back over all steps. Else it reads the last rows, and no others are kept: so a state
        before its step has rows of its own, which do not begin with the initial one."""
        return self.op.truncate_gradient < 0

    def last_rows(self, stack: Variable) -> Variable:
        """The rows of a stack that the loop reads."""
        rows, limit = first_rows(stack, self.n), self.op.truncate_gradient
        return rows[-limit:] if limit > 0 else rows

    def rows(self, var: Variable) -> Variable | None:
        """A stack whose row t is this forward value in step t, n rows or more, if there is one outside."""
        if var not in self._stacks:
            self._stacks[var] = self._find_rows(var)
        return self._stacks[var]

    def _find_rows(self, var: Variable) -> Variable | None:
        body, inputs, outputs = self.op.body, self.inputs, self.outputs
        for carry, trace in zip(body.carry, outputs.carry, strict=True):
            if carry.next is var and carry.trace:
                return trace
        for y, stack in zip(body.ys, outputs.ys, strict=True):
            if y is var:
                return stack
        for x, outer in zip(body.xs, inputs.xs, strict=True):
            if x is var:
                return outer
        for carry, init, trace in zip(body.carry, inputs.inits, outputs.carry, strict=True):
            for tap, inner in carry.taps:
                if inner is var and carry.trace and self.is_whole:
                    return self._earlier_rows(carry, tap, init, trace)
        return None

    def _earlier_rows(self, carry: Carry, tap: int, init: Variable, trace: Variable) -> Variable:
        """The rows of a state as a tap sees them: initial rows, then rows of the trace."""
        if carry not in self._padded:
            first = init if carry.depth > 1 else init.dimshuffle("x", *range(init.ndim))
            self._padded[carry] = join(0, first, trace)
        start = carry.depth + tap
        return self._padded[carry][start:] if start else self._padded[carry]

    def save(self, var: Variable, made_of: Variable | None = None) -> Variable:
        """The stack of `var`, as one more output of the forward scan; of an earlier row of a state, that of the new
        rows behind the initial ones, which serves all of them. made_of: what of the step `var` was made of since.

        The scan's outputs move to a new application with that output besides; compiled functions drop outputs that
        they do not use, and other derivatives do not see it (`loops/added`).
        """
        known = self.rows(var)
        if known is None:
            known = self._behind_initial(var)
        if known is not None:
            return known
        row = self._in_any_case(var, var if made_of is None else made_of)
        self._stacks[var] = stack = with_row(self.forward, row)
        op = replace(self.op, body=replace(self.op.body, ys=(*self.op.body.ys, row)))
        self.node = beside(self.node, op, self.node.inputs, [*self.node.outputs, stack])
        return stack

    def _behind_initial(self, var: Variable) -> Variable | None:
        """The rows of a state as a tap sees them, of which the step makes the new ones."""
        for carry, init in zip(self.op.body.carry, self.inputs.inits, strict=True):
            for tap, inner in carry.taps:
                if inner is var and carry.next.owner is not None and self.is_whole:
                    self._stacks[var] = stack = self._earlier_rows(carry, tap, init, self.save(carry.next))
                    return stack
        return None

    def _in_any_case(self, var: Variable, made_of: Variable) -> Variable:
        """`var`; zeros in steps that do not compute what it is made of."""
        node = made_of.owner
        branches = None if node is None else self._uses.get(node.outputs[0])
        if node is None or not branches:
            return var
        (choice, side), *others = in_order(branches, applies(self.op.body.outputs))
        zeros = zeros_for(var)
        if others:
            return IfElse(1).apply(taken([(choice, side), *others]), var, zeros)[0]
        return IfElse(1).apply(choice.inputs[0], *((var, zeros) if side else (zeros, var)))[0]
