"""Drop what nobody reads of a scan: stacked outputs, states, sequences; keep last rows where only they are read.

    %f, %ys = scan.scan(%n, rows %n) {...}        %f = scan.scan(%n) {...}
    %last = tensor.extract %ys[%n - 1]       ->   ... %f ...

`[-1]` of a state is its final value and needs no stack; `[-k:]` keeps a stack of k rows; a stack that
is not read goes, and with it the states that only it needed. A state that every step hands on
unchanged is an invariant.
Why: memory is what is needed and no more; a step then often lives in registers.
Conservative: with `until` the number of rows is not known before the loop, so of stacks that are
read in part only `[-1]` is recognised. Cost: linear, repeated while something goes.
Runs after `cse`, which makes equal sizes one value. Source: Theano's `scan_save_mem`, on SSA.
"""

from __future__ import annotations

from dataclasses import dataclass

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Region, Value, segment_sizes
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, slice_entries
from scancc.ir.types import DYNAMIC


def dead_outputs(module: Op) -> None:
    """Clean every scan, inner ones after outer ones."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            _clean(op)


def _clean(op: Op) -> None:
    _read_last_rows(op)
    _replace_constant_states(op)
    keep = _Keep(op)
    keep.find()
    if not keep.everything():
        remark("dead-outputs", op, True, keep.summary())
        keep.rebuild()


# ---- only the last rows are read ----


def _read_last_rows(op: Op) -> None:
    n_init = len(op.group(2))
    for number, y in enumerate(op.results[n_init:n_init + len(op.group(3))]):
        rows = op.results[-1] if op.attrs["until"] else op.group(3)[number]
        if y.uses and (op.attrs["until"] or rows is op.group(0)[0]):
            depth = _depth_read(y, rows)
            if depth == 1 and all(map(_takes_one_row, y.uses)) and _use_final_state(op, number, y):
                remark("dead-outputs", op, True, f"only the last row of '{y.name or 'an output'}' is read: "
                       "the final state stands for it")
            elif depth is not None and not op.attrs["until"]:
                _keep_rows(op, number, y, depth)


def _depth_read(y: Value, rows: Value) -> int | None:
    """How many last rows all readers of `y` together need; None if it may be all."""
    depths = [_reader_depth(user, y, rows) for user in y.uses]
    return None if None in depths else max(d for d in depths if d is not None)


def _reader_depth(user: Op, y: Value, rows: Value) -> int | None:
    if user.name == "tensor.extract" and user.operands[0] is y:
        return _from_end(user.operands[1], rows)
    if user.name == "tensor.extract_slice" and user.attrs["static_strides"].values[0] > 0:
        return _from_end(_first_offset(user), rows)
    return None


def _takes_one_row(user: Op) -> bool:
    """True if a reader takes a row that is there; `[-1:]` of no rows is empty."""
    return user.name == "tensor.extract" or user.attrs["static_sizes"].values[0] == 1


def _first_offset(op: Op) -> Value | int:
    static = op.attrs["static_offsets"].values[0]
    return op.group(1)[0] if static == DYNAMIC else static


def _from_end(offset: Value | int, rows: Value) -> int | None:
    """k if `offset` is rows - k, or the larger of that and 0, for a constant k > 0."""
    known, total = offset if isinstance(offset, int) else constant_of(offset), constant_of(rows)
    if known is not None:
        return total - known if total is not None and known < total else None
    assert isinstance(offset, Value)
    op = offset.op
    if op is not None and op.name == "arith.maxsi" and constant_of(op.operands[1]) == 0:
        op = op.operands[0].op
    if op is None or op.name != "arith.subi" or op.operands[0] is not rows:
        return None
    return constant_of(op.operands[1])


def _use_final_state(op: Op, number: int, y: Value) -> bool:
    """Replace `y[-1]` by the final value of the state that y stacks; False if it stacks none."""
    state = _state_of(op, number)
    if state is None:
        return False
    final = op.results[state]
    for user in list(y.uses):
        assert user.parent is not None
        b = Builder(user.parent, user, user.location)
        if user.name == "tensor.extract":
            rest = user.operands[2:]
            value = b.op("tensor.extract", [final, *rest], [user.result.type]) if rest else final
        else:
            value = _row_part(b, user, final)
        if value is final and final.type != user.result.type:
            value = b.op("tensor.cast", [final], [user.result.type])
        user.replace_by([value])
    return True


def _state_of(op: Op, number: int) -> int | None:
    n_init = len(op.group(2))
    yielded = op.body.terminator.operands
    row = yielded[n_init + number]
    for state in range(n_init):
        if yielded[state] is row and op.attrs["depths"][state].value == 1:
            return state
    for state in range(n_init):  # the same row under a type that knows another part of its shape
        other = yielded[state].op
        if other is not None and other.name == "tensor.cast" and other.operands[0] is row and (
                op.attrs["depths"][state].value == 1):
            return state
    if not isinstance(row.type, t.TensorType):
        return _add_last_state(op, row)
    return None


def _add_last_state(op: Op, row: Value) -> int:
    """A scalar that no state holds gets one, which only remembers the last row."""
    assert op.parent is not None
    n_init = len(op.group(2))
    b = Builder(op.parent, op, op.location)
    groups = [op.group(i) for i in range(5)]
    groups[2] = [*groups[2], b.const(0, row.type)]
    op.set_groups(groups)
    op.body.add_arg(row.type)
    last = op.body.terminator
    last.operands = [*last.operands[:n_init], row, *last.operands[n_init:]]
    op.attrs["depths"] = [*op.attrs["depths"], t.IntAttr(1, t.i64)]
    op.results.insert(n_init, Value(row.type, op, n_init, row.name))
    for i, result in enumerate(op.results):
        result.index = i
    return n_init


def _row_part(b: Builder, user: Op, final: Value) -> Value:
    """The slice that `user` takes, of the final row instead of the stack."""
    if _whole_rows(user, final) and _rank(user.result) >= _rank(final):
        return _with_row_axis(b, user, final)
    groups = [[final]]
    attrs = {}
    for position, name in enumerate(("offsets", "sizes", "strides"), start=1):
        static = user.attrs[f"static_{name}"].values
        values = user.group(position)
        groups.append(values[1:] if static[0] == DYNAMIC else values)
        attrs[f"static_{name}"] = t.DenseArray(t.i64, static[1:])
    kept = user.result.type.shape  # type: ignore[attr-defined]
    rank = len(attrs["static_sizes"].values)
    inner = t.TensorType(kept if len(kept) <= rank else kept[1:], t.element(final.type))
    part = b.grouped("tensor.extract_slice", groups, [inner], attrs).result
    return part if len(kept) <= rank else _with_row_axis(b, user, part)


def _rank(value: Value) -> int:
    return len(value.type.shape) if isinstance(value.type, t.TensorType) else 0


def _whole_rows(user: Op, final: Value) -> bool:
    if not isinstance(final.type, t.TensorType):
        return True
    return (set(user.attrs["static_offsets"].values[1:]) <= {0}
            and set(user.attrs["static_strides"].values[1:]) <= {1} and _full_sizes(user, final))


def _full_sizes(user: Op, final: Value) -> bool:
    assert user.parent is not None
    b = Builder(user.parent, user, user.location)
    sizes = slice_entries(b, user, "static_sizes", 2)[1:]
    return all(x is y or (constant_of(x) is not None and constant_of(x) == constant_of(y))
               for x, y in zip(sizes, dims_of(b, final), strict=True))


def _with_row_axis(b: Builder, user: Op, row: Value) -> Value:
    """`row` as the slice of one row that `user` gives: with a leading axis where the slice keeps it."""
    type = user.result.type
    assert isinstance(type, t.TensorType)
    if not isinstance(row.type, t.TensorType):
        return b.op("tensor.splat", [row, *(b.index(1) for n in type.shape if n is None)], [type])
    if len(row.type.shape) == len(type.shape):
        return row if row.type == type else b.op("tensor.cast", [row], [type])
    sizes = [b.index(1), *dims_of(b, row)]
    axes = t.DenseArray(t.i64, tuple(range(1, len(type.shape))))
    dynamic = [s for s, n in zip(sizes, type.shape, strict=True) if n is None]
    return b.op("scan.broadcast", [row, *dynamic], [type], {"axes": axes})


def _keep_rows(op: Op, number: int, y: Value, depth: int) -> None:
    """Stack the last `depth` rows only; readers' offsets count from the first row kept."""
    assert op.parent is not None
    length = op.group(0)[0]
    total = constant_of(length)
    if total is not None and total <= depth:
        return
    before = Builder(op.parent, op, op.location)
    kept = before.minsi(before.index(depth), length)
    groups = [op.group(i) for i in range(5)]
    groups[3] = [kept if i == number else rows for i, rows in enumerate(groups[3])]
    op.set_groups(groups)
    assert isinstance(y.type, t.TensorType)
    y.type = t.TensorType((constant_of(kept), *y.type.shape[1:]), y.type.element)
    dropped = before.subi(length, kept)
    for user in list(y.uses):
        _shift_first_offset(user, dropped)
    remark("dead-outputs", op, True, f"only the last {depth} rows of '{y.name or 'an output'}' are read")


def _shift_first_offset(user: Op, dropped: Value) -> None:
    assert user.parent is not None
    b = Builder(user.parent, user, user.location)
    if user.name == "tensor.extract":
        source, first, *rest = user.operands
        user.operands = [source, b.subi(first, dropped), *rest]
        return
    offset = _first_offset(user)
    start = b.index(offset) if isinstance(offset, int) else offset
    shifted = b.index(0) if _is_start(start, dropped) else b.subi(start, dropped)
    known = constant_of(shifted)
    groups = [user.group(i) for i in range(4)]
    static = list(user.attrs["static_offsets"].values)
    rest = groups[1][1:] if static[0] == DYNAMIC else groups[1]
    groups[1] = rest if known is not None else [shifted, *rest]
    static[0] = known if known is not None else DYNAMIC
    user.attrs["static_offsets"] = t.DenseArray(t.i64, tuple(static))
    user.set_groups(groups)


def _is_start(start: Value, dropped: Value) -> bool:
    """max(n - k, 0) is n - min(k, n)."""
    a, d = start.op, dropped.op
    if a is None or d is None or a.name != "arith.maxsi" or d.name != "arith.subi":
        return False
    least, span = d.operands[1].op, a.operands[0].op
    return (least is not None and least.name == "arith.minsi" and span is not None
            and span.name == "arith.subi" and span.operands[0] is d.operands[0]
            and constant_of(a.operands[1]) == 0
            and constant_of(span.operands[1]) in map(constant_of, least.operands))


# ---- what nothing reads ----


def _replace_constant_states(op: Op) -> None:
    """A state that each step hands on as it is equals its initial value."""
    first = 1 + len(op.group(1))
    for state, init in enumerate(op.group(2)):
        arg = op.body.args[first + state]
        if op.body.terminator.operands[state] is arg and op.attrs["depths"][state].value == 1 and (
                arg.type == init.type):
            users = [u for u in arg.uses if u is not op.body.terminator]
            for user in users:
                user.operands = [init if v is arg else v for v in user.operands]
            ys = op.body.terminator.operands
            op.body.terminator.operands = [
                init if v is arg and i >= len(op.group(2)) else v for i, v in enumerate(ys)]
            op.results[state].replace_by(init)


@dataclass
class _Keep:
    """Which sequences, states and stacks of a scan stay."""

    op: Op

    def find(self) -> None:
        op = self.op
        n_xs, n_init, n_ys = (len(op.group(i)) for i in (1, 2, 3))
        yielded = op.body.terminator.operands
        self.ys = [i for i in range(n_ys) if op.results[n_init + i].uses]
        live = {i for i in range(n_init) if op.results[i].uses}
        wanted = [yielded[n_init + i] for i in self.ys] + list(yielded[n_init + n_ys:])
        args = op.body.args[1 + n_xs:]
        done: set[int] = set()
        needed = self._needed(wanted, checks=True)
        while True:
            live |= {i for i, arg in enumerate(args) if arg in needed}
            todo = live - done
            if not todo:
                break
            done |= todo
            needed |= self._needed([yielded[i] for i in todo])
        self.carry = sorted(live)
        self.xs = [i for i in range(n_xs) if op.body.args[1 + i] in needed]

    def _needed(self, wanted: list[Value], checks: bool = False) -> set[Value]:
        """All values of the step on which `wanted` (and its checks) depend."""
        needed: set[Value] = set()
        stack = list(wanted)
        if checks:
            stack += [v for inner in self.op.body.ops if any(o.name == "scan.check" for o in inner.walk())
                      for o in inner.walk() for v in o.operands]
        while stack:
            value = stack.pop()
            if value in needed:
                continue
            needed.add(value)
            if value.op is not None:
                stack.extend(v for o in value.op.walk() for v in o.operands)
        return needed

    def everything(self) -> bool:
        sizes = [len(self.op.group(i)) for i in (1, 2, 3)]
        return [len(self.xs), len(self.carry), len(self.ys)] == sizes

    def summary(self) -> str:
        gone = [len(self.op.group(i)) - n
                for i, n in ((1, len(self.xs)), (2, len(self.carry)), (3, len(self.ys)))]
        words = ["sequences", "states", "stacked outputs"]
        return "nothing reads " + ", ".join(f"{n} {w}" for n, w in zip(gone, words, strict=True) if n)

    def rebuild(self) -> None:
        """The same scan without what is not kept."""
        op = self.op
        xs, init, rows = (op.group(i) for i in (1, 2, 3))
        n_init = len(init)
        yielded = op.body.terminator.operands
        stop = list(yielded[n_init + len(rows):])
        op.body.terminator.operands = [*(yielded[i] for i in self.carry),
                                       *(yielded[n_init + i] for i in self.ys), *stop]
        groups = [op.group(0), [xs[i] for i in self.xs], [init[i] for i in self.carry],
                  [rows[i] for i in self.ys], self._row_dims()]
        kept = [*self.carry, *(n_init + i for i in self.ys)] + ([len(op.results) - 1] if stop else [])
        attrs = {**op.attrs, "depths": [op.attrs["depths"][i] for i in self.carry],
                 "operandSegmentSizes": segment_sizes(groups)}
        self._drop_args(len(xs), n_init)
        block = op.body
        op.regions[0].blocks = []
        new = Op(op.name, [v for g in groups for v in g], [op.results[i].type for i in kept], attrs,
                 [Region([block])], op.location)
        assert op.parent is not None
        op.parent.insert_before(op, new)
        for position, i in enumerate(kept):
            new.results[position].name = op.results[i].name
            op.results[i].replace_by(new.results[position])
        op.erase()

    def _row_dims(self) -> list[Value]:
        op = self.op
        n_init, rest, kept = len(op.group(2)), iter(op.group(4)), []
        for i, y in enumerate(op.results[n_init:n_init + len(op.group(3))]):
            sizes = [next(rest) for n in y.type.shape[1:] if n is None]  # type: ignore[attr-defined]
            if i in self.ys:
                kept += sizes
        return kept

    def _drop_args(self, n_xs: int, n_init: int) -> None:
        """Remove block arguments that go, after what still computes from them."""
        block = self.op.body
        gone = [block.args[1 + i] for i in range(n_xs) if i not in self.xs]
        gone += [block.args[1 + n_xs + i] for i in range(n_init) if i not in self.carry]
        for inner in reversed(list(block.ops[:-1])):
            unused = inner.results and all(not r.uses for r in inner.results)
            if unused and not any(o.name == "scan.check" for o in inner.walk()):
                inner.erase()
        for arg in gone:
            assert not arg.uses, f"{arg!r} is still used"
            block.remove_arg(arg.index)
