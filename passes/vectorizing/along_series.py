"""The rounds of a loop over series as lanes, with memory of their own: each small array gets a last axis of lanes.

    %m = alloca f64[4]               %m = alloca f64[4, 8]
    %y = row %i of %ys               %y = rows %i to %i + 8 of %ys
    %v = %y[%t, 0]                   %v = elements [0..8, %t, 0] of %y
    check %v > 0                ->   if any of (not %v > 0) { %failed = 1 }
    %m[%k] = %v * %m[%k]             %m[%k, 0..8] = %v * %m[%k, 0..8]

What is alike in all lanes stays as it is, once for all of them. A check, or a branch that is rarely taken, says that
these rounds are to run one by one in place of this; all else goes on, and is not used then.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import group, operand, whole
from scancc.ir.parts import Branch, Loop, Turn, While
from scancc.ir.rules.memref import MOST_STACK_NBYTES, strides_of
from scancc.ir.slices import COLUMNS, Entry, entries, kept_axes

from ..indexing.rows import root_of
from .along_rows import part
from .lanes import Handler, Widener
from .series import ROOMS, Series, asks_for, is_whole

Truths = list[Value] | None  # for each copy, the lanes in which a branch is taken


class SeriesWidener(Widener):
    """Rebuilds the body of a loop over series, for those from `first` on. `failed`: where to note that they have to
    run one by one."""

    def __init__(self, series: Series, lanes: int, copies: int, first: Value, failed: Value) -> None:
        super().__init__(series.varying, lanes, {series.counter: first}, series.counter, copies)
        self.series, self.first, self.failed, self.n = series, first, failed, lanes * copies
        self.axis: dict[Value, int] = {}           # of lanes, in what a buffer became
        self.parts: dict[Value, list[Value]] = {}  # a buffer of each lane, where these do not lie side by side
        self.taken: Truths = None
        self.may_fail = any(op.name == "scan.check" or "likely" in op.attrs for op in series.loop.walk())
        self.made_for: dict[Value, Truths] = {}    # which lanes were there where a room was made
        self.outer = {one for v in series.behind_uses() if isinstance(v.type, t.MemRefType)
                      for one in series.memory(v)}  # where lanes are the first axis

    def together(self, b: Builder) -> None:
        """What lanes do side by side."""
        self.body(self.series.together, b)

    def behind(self, b: Builder) -> None:
        """What follows, lane by lane, as a round does it."""
        used = self.series.behind_uses()
        kept = {v: self._kept(v, b) for v in used if not isinstance(v.type, t.MemRefType)}
        body = Block([t.index])
        inside = Builder(body, location=b.location)
        (lane,) = body.args
        mapping = {**self.map, self.counter: inside.addi(self.first, lane)}
        for value in used:
            mapping[value] = (inside.op("memref.load", [kept[value], lane], [value.type]) if value in kept else
                              self._of_lane(value, lane, inside))
        for op in self.series.behind:
            clone_op(op, mapping, inside.insert)
        inside.make("scf.yield")
        b.make("scf.for", [b.index(0), b.index(self.n), b.index(1)], [], None, [Region([body])])

    def _kept(self, value: Value, b: Builder) -> Value:
        """A number of each lane, in memory."""
        room = b.op("memref.alloca", [], [t.MemRefType((self.n,), value.type)])
        for copy in range(self.copies):
            b.make("vector.store", [self.vector(value, b, copy), room, b.index(copy * self.width)])
        return room

    def _of_lane(self, buffer: Value, lane: Value, b: Builder) -> Value:
        """The buffer that one lane has."""
        wide, axis = self.value(buffer), self.axis[buffer]
        type = wide.type
        assert isinstance(type, t.MemRefType) and isinstance(buffer.type, t.MemRefType)
        sizes = [n if n is not None else b.op("memref.dim", [wide, b.index(each)], [t.index])
                 for each, n in enumerate(type.shape)]
        rank = len(sizes)
        offsets: list[Entry] = [lane if each == axis else 0 for each in range(rank)]
        made = part(b, wide, offsets, [1 if each == axis else n for each, n in enumerate(sizes)], [1] * rank,
                    buffer.type.shape)
        return made if made.type == buffer.type else b.op("memref.cast", [made], [buffer.type])

    # ---- what is one for all copies ----

    def handler(self, op: Op) -> Handler | None:
        if op.name == "scf.if" and self.series.differs(op):
            return self._choose
        if op.name == "scf.while" and self.series.chooses(op):
            return self._until
        if op.name == "scan.check" and operand(op, "condition") in self.varying:
            return self._ask
        if op.name == "memref.copy" and any(v in self.varying for v in op.operands):
            return self._copy
        return super().handler(op) if op.name == "scf.yield" or self.series.differs(op) else None

    def loop(self, op: Op, b: Builder) -> None:
        if self.series.chooses(op):
            self._of_own_lengths(op, b)
            return
        init = [v for carry in Loop(op).carries for v in self._all(carry.init, carry.arg, b)]
        self.rounds(op, b, [self.value(v) for v in Loop(op).bounds], init, marks={})

    def _all(self, value: Value, target: Value, b: Builder) -> list[Value]:
        return [self.value(value)] if isinstance(value.type, t.MemRefType) else super()._all(value, target, b)

    def _bind(self, old: Sequence[Value], new: Sequence[Value]) -> None:
        rest = iter(new)
        for value in old:
            if isinstance(value.type, t.MemRefType):
                self.map[value] = next(rest)
                if value in self.varying:
                    self.axis[value] = self._axis_of(value)
            else:
                super()._bind([value], [next(rest) for _ in range(self.copies if value in self.varying else 1)])

    def _choose(self, op: Op, b: Builder) -> None:
        branch = Branch(op)
        if branch.condition not in self.varying:
            self._branch_with_results(branch, b)
        elif "likely" in op.attrs:
            self._expect(branch, b, usual=0 if op.attrs["likely"].value else 1)
        else:
            self._select(branch, b)

    def _branch_with_results(self, branch: Branch, b: Builder) -> None:
        """A branch that all lanes take together."""
        regions, results = [], list[Value]()
        for side in branch.sides:
            block = Block()
            inside, outside = Builder(block, location=branch.op.location), self.spread
            self.spread = dict(outside)
            self._ops(side.ops[:-1], inside)
            given = zip(side.terminator.operands, branch.op.results, strict=True)
            results = [v for value, result in given for v in self._all(value, result, inside)]
            inside.make("scf.yield", results)
            self.spread = outside
            regions.append(Region([block]))
        types, marks = [v.type for v in results], dict(branch.op.attrs)
        made = b.make("scf.if", [self.value(branch.condition)], types, marks, regions)
        self._bind(branch.op.results, made.results)

    def _expect(self, branch: Branch, b: Builder, usual: int) -> None:
        """The side that is usual; where a lane takes the other one, the rounds run one by one."""
        holds = [self.vector(branch.condition, b, copy) for copy in range(self.copies)]
        self._note([b.opposite(v) for v in holds] if usual else holds, b)
        self._ops(branch.sides[usual].ops[:-1], b)
        for result, value in zip(branch.op.results, branch.sides[usual].terminator.operands, strict=True):
            self._bind([result], self._all(value, result, b))

    def _select(self, branch: Branch, b: Builder) -> None:
        """Both sides, of which each lane takes what it has chosen."""
        holds = [self.vector(branch.condition, b, copy) for copy in range(self.copies)]
        outside, given = self.taken, []
        for side, truths in zip(branch.sides, (holds, [b.opposite(v) for v in holds]), strict=True):
            self.taken = self._those(outside, truths, b)
            self._ops(side.ops[:-1], b)
            given.append(side.terminator.operands)
        self.taken = outside
        for result, one, other in zip(branch.op.results, *given, strict=True):
            for copy, truth in enumerate(holds):
                sides = [self.vector(v, b, copy) for v in (one, other)]
                self.each[copy][result] = b.op("arith.select", [truth, *sides], [sides[0].type])

    def _of_own_lengths(self, op: Op, b: Builder) -> None:
        """As many steps as the longest series has, of which each lane does its own."""
        loop, outside, taken = Loop(op), self.spread, self.taken
        ends = [self.vector(loop.upper, b, copy) for copy in range(self.copies)]
        init = [v for carry in loop.carries for v in self._all(carry.init, carry.arg, b)]
        body = Block([t.index, *[v.type for v in init]])
        counter, *args = body.args
        counter.name, self.map[loop.counter] = loop.counter.name, counter
        self._bind(loop.args, args)
        inside = Builder(body, location=op.location)
        at = inside.op("vector.broadcast", [counter], [self.type(t.index)])
        here = self.taken = self._those(taken, [inside.cmpi("slt", at, end) for end in ends], inside)
        self._inner(op.body, inside, outside)
        onward = [v for carry in loop.carries for v in self._all(carry.next, carry.arg, inside)]
        inside.make("scf.yield", [
            inside.op("arith.select", [truth, value, old], [old.type])
            for truth, value, old in zip(here * len(loop.carries), onward, args, strict=True)])
        self.spread, self.taken = outside, taken
        bounds = [self.value(loop.lower), self._longest(ends, loop, b), self.value(loop.step)]
        made = b.make("scf.for", [*bounds, *init], [v.type for v in init], None, [Region([body])])
        self._bind(op.results, made.results)

    def _longest(self, ends: Sequence[Value], loop: Loop, b: Builder) -> Value:
        """The largest of all lanes' numbers; none where lanes are to be done once more, as theirs may be any."""
        lower = self.value(loop.lower)
        none = b.op("vector.broadcast", [lower], [self.type(t.index)])
        one, *others = ends if self.taken is None else [
            b.op("arith.select", [truth, end, none], [end.type]) for truth, end in zip(self.taken, ends, strict=True)]
        for other in others:
            one = b.op("arith.maxsi", [one, other], [one.type])
        longest = b.op("vector.reduction", [one], [t.index], {"kind": t.DialectAttr("#vector.kind<maxsi>")})
        return b.select(self._is_fine(b), longest, lower) if self.may_fail else longest

    def _until(self, op: Op, b: Builder) -> None:
        """The steps until no lane goes on: one that is done writes nothing more, and has what it had last."""
        loop, outside, taken = While(op), self.spread, self.taken
        kept = [carry for carry in loop.carries if carry.result.uses]
        init = [v for carry in loop.carries for v in self._all(carry.init, carry.tested, b)]
        init += taken or [b.op("vector.broadcast", [b.const(True, t.i1)], [self.type(t.i1)])] * self.copies
        init += [self.vector(carry.init, b, copy) for carry in kept for copy in range(self.copies)]
        test, body = Block([v.type for v in init]), Block()
        handed = self._test(loop, kept, test, outside)
        args = [carry.arg for carry in loop.carries]
        here, last = self._turn(args, [body.add_arg(v.type) for v in handed])
        inside, self.taken = Builder(body, location=op.location), here
        self._inner(loop.body, inside, outside)
        onward = [v for carry in loop.carries for v in self._all(carry.onward, carry.tested, inside)]
        inside.make("scf.yield", [*onward, *here, *last])
        self.spread, self.taken = outside, taken
        made = b.make("scf.while", init, [v.type for v in handed], None, [Region([test]), Region([body])])
        _, last = self._turn(args, made.results)
        self._bind([carry.result for carry in kept], last)

    def _test(self, loop: While, kept: Sequence[Turn], test: Block, outside: dict[Value, Value]) -> list[Value]:
        """The test of a loop that lanes leave one by one, and what it hands on: what it did, the lanes that go on,
        and what each lane had when it was there last."""
        here, last = self._turn([carry.tested for carry in loop.carries], test.args)
        b = Builder(test, location=loop.op.location)
        self._inner(loop.test, b, outside)
        values = [self.vector(carry.handed, b, copy) for carry in kept for copy in range(self.copies)]
        last = [b.op("arith.select", [truth, value, old], [old.type])
                for truth, value, old in zip(here * len(kept), values, last, strict=True)]
        here = [b.op("arith.andi", [truth, self.vector(loop.condition, b, copy)], [truth.type])
                for copy, truth in enumerate(here)]
        handed = [v for carry in loop.carries for v in self._all(carry.handed, carry.arg, b)]
        some = self._some(here, b)
        goes_on = b.op("arith.andi", [some, self._is_fine(b)], [t.i1]) if self.may_fail else some
        b.make("scf.condition", [goes_on, *handed, *here, *last])
        return [*handed, *here, *last]

    def _turn(self, old: Sequence[Value], new: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """Let the first of the values `new` stand for `old`; the lanes that are there, and what lanes had last."""
        n = sum(self.copies if value in self.varying else 1 for value in old)
        self._bind(old, new[:n])
        return list(new[n:n + self.copies]), list(new[n + self.copies:])

    def _is_fine(self, b: Builder) -> Value:
        """Whether no lane is to be done once more: what that one has may never end."""
        return b.cmpi("eq", b.op("memref.load", [self.failed, b.index(0)], [t.i64]), b.const(0, t.i64))

    def _those(self, taken: Truths, truths: list[Value], b: Builder) -> list[Value]:
        """Of the lanes that are there, those for which this holds."""
        return truths if taken is None else [
            b.op("arith.andi", [x, y], [x.type]) for x, y in zip(taken, truths, strict=True)]

    def _ask(self, op: Op, b: Builder) -> None:
        """A check; what it says is a place inside is one also where it fails."""
        condition = operand(op, "condition")
        holds = [self.vector(condition, b, copy) for copy in range(self.copies)]
        self._note(holds, b)
        for index in self.series.checked:
            if asks_for(condition, index):
                for copy, truth in enumerate(holds):
                    place = self.vector(index, b, copy)
                    zero = b.const(0, place.type)
                    self.each[copy][index] = b.op("arith.select", [truth, place, zero], [place.type])

    def _note(self, holds: Sequence[Value], b: Builder) -> None:
        """Note that rounds have to run one by one unless this holds in all lanes that get here."""
        some = self._some(self._those(self.taken, [b.opposite(v) for v in holds], b), b)
        note, nothing = Block(), Block()
        inside = Builder(note, location=b.location)
        inside.make("memref.store", [inside.const(1, t.i64), self.failed, inside.index(0)])
        inside.make("scf.yield")
        Builder(nothing, location=b.location).make("scf.yield")
        b.make("scf.if", [some], [], {"likely": t.IntAttr(0, t.i64)}, [Region([note]), Region([nothing])])

    def _some(self, truths: Sequence[Value], b: Builder) -> Value:
        """Whether any of the truths of all copies holds."""
        one, *others = truths
        for other in others:
            one = b.op("arith.ori", [one, other], [one.type])
        return b.op("vector.reduction", [one], [t.i1], {"kind": t.DialectAttr("#vector.kind<or>")})

    def _copy(self, op: Op, b: Builder) -> None:
        """Element by element: lanes lie elsewhere on the two sides."""
        source, dest = operand(op, "source"), operand(op, "dest")
        assert isinstance(source.type, t.MemRefType) and isinstance(dest.type, t.MemRefType)
        sizes = [s if s is not None else d for s, d in zip(source.type.shape, dest.type.shape, strict=True)]
        self._elements(source, dest, sizes, [], b)

    def _elements(self, source: Value, dest: Value, sizes: Sequence[int | None], at: list[Value], b: Builder) -> None:
        if len(at) == len(sizes):
            for copy in range(self.copies):
                self._put(dest, at, self._get(source, at, b, copy), b, copy)
            return
        known = sizes[len(at)]
        n = b.index(known) if known is not None else self._size(source, len(at), b)
        body, outside = Block([t.index]), self.spread
        inside, self.spread = Builder(body, location=b.location), dict(outside)
        self._elements(source, dest, sizes, [*at, body.args[0]], inside)
        inside.make("scf.yield")
        self.spread = outside
        b.make("scf.for", [b.index(0), n, b.index(1)], [], None, [Region([body])])

    def _size(self, buffer: Value, axis: int, b: Builder) -> Value:
        if buffer in self.axis:
            axis += axis >= self.axis[buffer]
        return b.op("memref.dim", [self.value(buffer), b.index(axis)], [t.index])

    # ---- what is one for each copy ----

    def _op(self, op: Op, b: Builder, copy: int) -> None:
        varies = any(v in self.varying for v in (*op.operands, *op.results))
        if op.name in _BUFFERS and varies:
            if copy == 0:
                _BUFFERS[op.name](self, op, b)
        elif op.name == "memref.load" and varies:
            self._load(op, b, copy)
        elif op.name == "memref.store" and varies:
            self._store(op, b, copy)
        elif op.name == "scan.check":
            if copy == 0:
                own = {v: self._at(v, b) for v in op.operands if v in self.varying}
                clone_op(op, {**self.map, **own}, b.insert)
        else:
            super()._op(op, b, copy)

    def _room(self, op: Op, b: Builder) -> None:
        wide, dims = self._wide(op.result), [self.value(v) for v in op.operands]
        size = t.n_elements(wide) * t.nbytes(wide.element) if None not in wide.shape else None
        if op.name == "memref.alloca" and size is not None and size <= MOST_STACK_NBYTES:
            made = b.op("memref.alloca", [], [wide])
        else:
            made = b.grouped("memref.alloc", {"dims": dims}, [wide]).result
        self._became(op.result, made, self._axis_of(op.result))
        self.made_for[op.result] = self.taken

    def _axis_of(self, buffer: Value) -> int:
        """Where a round's own buffer gets an axis of lanes: first, where each lane goes on with its own."""
        assert isinstance(buffer.type, t.MemRefType)
        return 0 if buffer in self.outer else len(buffer.type.shape)

    def _wide(self, buffer: Value) -> t.MemRefType:
        type, axis = buffer.type, self._axis_of(buffer)
        assert isinstance(type, t.MemRefType)
        return t.MemRefType((*type.shape[:axis], self.n, *type.shape[axis:]), type.element)

    def _became(self, old: Value, new: Value, axis: int) -> None:
        self.map[old], self.axis[old], new.name = new, axis, old.name

    def _dim(self, op: Op, b: Builder) -> None:
        axis = constant_of(operand(op, "axis"))
        assert axis is not None
        self.map[op.result] = self._size(operand(op, "source"), int(axis), b)

    def _reshape(self, op: Op, b: Builder) -> None:
        axis, wide, (source, *dims) = self._axis_of(op.result), self._wide(op.result), map(self.value, op.operands)
        if axis or is_whole(operand(op, "source")):
            self._became(op.result, b.op(op.name, [source, *dims], [wide]), axis)
            return
        rest, rank = iter(dims), len(wide.shape)  # lanes are as far apart as they were
        sizes = [n if n is not None else next(rest) for n in wide.shape]
        self._became(op.result, part(b, source, [0] * rank, sizes, [1] * rank, wide.shape), axis)

    def _view(self, op: Op, b: Builder) -> None:
        source, result = operand(op, "source"), op.result
        assert isinstance(result.type, t.MemRefType)
        if result in self.series.picked:
            self.parts[result] = [self._part_of_lane(op, lane, b) for lane in range(self.n)]
            return
        offsets, sizes, strides = ([self._entry(entry) for entry in entries(op, column)] for column in COLUMNS)
        if source in self.varying:
            axis = self.axis[source]
            for column, entry in ((offsets, 0), (sizes, self.n), (strides, 1)):
                column.insert(axis, entry)
        else:
            axis, step = self.series.along[op]
            offsets[axis] = self._at(self.series.place_of(op), b)
            sizes[axis], strides[axis] = self.n, step
        kept = sum(each < axis for each in kept_axes(op))
        shape = [*result.type.shape[:kept], self.n, *result.type.shape[kept:]]
        self._became(result, part(b, self.value(source), offsets, sizes, strides, shape), kept)

    def _part_of_lane(self, op: Op, lane: int, b: Builder) -> Value:
        """A view whose place tells a lane's own number."""
        source = operand(op, "source")
        mapping = dict(self.map)
        if source in self.parts:
            mapping[source] = self.parts[source][lane]
        for value in op.operands:
            if value in self.varying and not isinstance(value.type, t.MemRefType):
                mapping[value] = self._in_lane(value, lane % self.width, b, lane // self.width)
        made = clone_op(op, mapping, b.insert)
        return made.result

    def _entry(self, entry: Entry) -> Entry:
        return entry if isinstance(entry, int) else self.value(entry)

    def _at(self, place: Value, b: Builder) -> Value:
        """Where the first of the series has what is its own."""
        form = self.series.forms.of(place)
        total = b.index(form.constant)
        for value, factor in form.terms.items():
            total = b.addi(total, b.muli(b.index_cast(self.value(value), t.index), b.index(factor)))
        return total

    def _load(self, op: Op, b: Builder, copy: int) -> None:
        buffer, at = whole(op), group(op, "indices")
        made = self._get(buffer, at, b, copy, op)
        made.name = op.result.name
        self.each[copy][op.result] = made

    def _store(self, op: Op, b: Builder, copy: int) -> None:
        self._put(whole(op), group(op, "indices"), self.vector(operand(op, "value"), b, copy), b, copy, op)

    def _place(self, buffer: Value, at: Sequence[Value], b: Builder, copy: int, op: Op | None,
               ) -> tuple[list[Value], int, int]:
        """The place of a copy's first lane, and the axis and step to the others."""
        place, first = [self.value(v, copy) for v in at], copy * self.width
        if op is not None and op in self.series.along:
            axis, step = self.series.along[op]
            place[axis] = b.addi(self._at(at[axis], b), b.index(first * step))
            return place, axis, step
        axis = self.axis[buffer]
        return [*place[:axis], b.index(first), *place[axis:]], axis, 1

    def _get(self, buffer: Value, at: Sequence[Value], b: Builder, copy: int, op: Op | None = None) -> Value:
        type = self.type(t.element(buffer.type))
        if buffer in self.parts or buffer not in self.axis and (op is None or op not in self.series.along):
            return self._get_apart(buffer, at, b, copy)
        place, axis, step = self._place(buffer, at, b, copy, op)
        source = self.value(buffer)
        if _in_line(source, axis, step):
            return b.op("vector.load", [source, *place], [type])
        return b.op("vector.from_elements", [
            b.op("memref.load", [source, *_moved(b, place, axis, lane * step)], [type.element])
            for lane in range(self.width)], [type])

    def _get_apart(self, buffer: Value, at: Sequence[Value], b: Builder, copy: int) -> Value:
        """From where each lane's numbers say; from one place for all where they say nothing."""
        type = self.type(t.element(buffer.type))
        if buffer not in self.parts and not any(v in self.varying for v in at):
            one = b.op("memref.load", [self.value(buffer), *map(self.value, at)], [type.element])
            return b.op("vector.broadcast", [one], [type])
        elements = []
        for lane in range(self.width):
            source = self.parts[buffer][copy * self.width + lane] if buffer in self.parts else self.value(buffer)
            place = [self._in_lane(v, lane, b, copy) for v in at]
            elements.append(b.op("memref.load", [source, *place], [type.element]))
        return b.op("vector.from_elements", elements, [type])

    def _put(self, buffer: Value, at: Sequence[Value], value: Value, b: Builder, copy: int, op: Op | None = None,
             ) -> None:
        if self.taken is not None and self.made_for.get(root_of(buffer)) is not self.taken:  # the others keep theirs
            value = b.op("arith.select", [self.taken[copy], value, self._get(buffer, at, b, copy, op)], [value.type])
        place, axis, step = self._place(buffer, at, b, copy, op)
        dest = self.value(buffer)
        if _in_line(dest, axis, step):
            b.make("vector.store", [value, dest, *place])
            return
        for lane in range(self.width):
            one = b.op("vector.extract", [value], [t.element(value.type)], {
                "static_position": t.DenseArray(t.i64, (lane,))})
            b.make("memref.store", [one, dest, *_moved(b, place, axis, lane * step)])


_BUFFERS = {**dict.fromkeys(ROOMS, SeriesWidener._room), "memref.dim": SeriesWidener._dim,
            "memref.subview": SeriesWidener._view, "scan.buffer_reshape": SeriesWidener._reshape}


def _in_line(buffer: Value, axis: int, step: int) -> bool:
    """Whether lanes are neighbours in memory."""
    strides = strides_of(buffer.type)
    return axis == len(strides) - 1 and step == 1 and strides[-1] == 1


def _moved(b: Builder, place: Sequence[Value], axis: int, by: int) -> list[Value]:
    return [*place[:axis], b.addi(place[axis], b.index(by)), *place[axis + 1:]]
