"""`scan.scan` as a loop over time.

Where the state lives: a scalar in a register; an array that is also stacked, in the rows of the
stack; an array that the step can update in place, in one buffer; any other array in two buffers that
change places each step; a window of depth d in a ring of d rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scancc.artifact import N_INFO_SLOTS
from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, Value, defined_in

from .context import Context, converts, goes_to_target, is_contiguous, strides_of
from .in_place import may_overwrite
from .nests import fill_buffer, inline, materialise, nest, sizes_of
from .rings import unrolled


@dataclass
class Stack:
    """A y: its buffer, the first step whose row is kept, and whether all are."""

    buffer: Value
    first: Value
    all_rows: bool


@dataclass
class State:
    """A carry: its kind and what goes around the loop for it."""

    kind: str  # scalar, row, inplace, swap, ring
    carried: list[Value] = field(default_factory=list)  # initial values of the loop's carried values
    n_carried: int = 0
    buffer: Value | None = None
    stack: int = -1  # for kind row: the y whose rows it lives in


@converts("scan.scan", at_target=True)
def scan(c: Context, op: Op) -> None:
    if "lanes" in op.attrs:
        _over_lanes(c, op)
        return
    length = c.get(op.group(0)[0])
    xs = [materialise(c, v) for v in op.group(1)]
    stacks = _stacks(c, op, length)
    states = [_state(c, op, i, stacks) for i in range(len(op.group(2)))]
    carried = [v for s in states for v in s.carried]
    if op.attrs["until"]:
        executed, results = _while(c, op, length, xs, stacks, states, carried)
    else:
        with c.carrying_loop(length, carried) as (t_, args, finish):
            t_.name = "t"
            finish(_step(c, op, t_, xs, stacks, states, args)[0])
        say_step(op, t_)
        executed, results = length, list(c.results)
    _finish(c, op, executed, stacks, states, results)


def _stacks(c: Context, op: Op, length: Value) -> list[Stack]:
    n_init = len(op.group(2))
    stacks = []
    dims = iter(c.scalars(op.group(4)))
    old_length = op.group(0)[0]
    for number, rows in enumerate(op.group(3)):
        result = op.results[n_init + number]
        assert isinstance(result.type, t.TensorType)
        row = [next(dims) if n is None else c.b.index(n) for n in result.type.shape[1:]]
        if op.attrs["until"] and c.dest.get(result) not in c.outputs:
            c.dest.pop(result, None)  # where the rows are wanted there may be room for those of an early stop only
        buffer = c.target(result, [c.get(rows), *row])
        first = c.b.subi(length, c.get(rows))
        stacks.append(Stack(buffer, first, rows is old_length))
    return stacks


def _state(c: Context, op: Op, number: int, stacks: list[Stack]) -> State:
    init = op.group(2)[number]
    arg = op.body.args[1 + len(op.group(1)) + number]
    following = op.body.terminator.operands[number]
    if not isinstance(init.type, t.TensorType):
        return State("scalar", [c.get(init)], 1)
    if op.attrs["depths"][number].value > 1:
        return _ring(c, op, number)
    stack = _row_of_stack(op, following, stacks)
    if stack is not None:
        place = materialise(c, init)
        if is_contiguous(place.type):
            return State("row", [_as_row(c, place, stacks[stack].buffer)], 1, stack=stack)
    return _buffered(c, op, number, init, arg, following)


def _row_of_stack(op: Op, following: Value, stacks: list[Stack]) -> int | None:
    """The y that stacks the new state, if it keeps all rows and the step makes the state itself."""
    if not goes_to_target(following, op.body):
        return None
    n_init = len(op.group(2))
    for number, stack in enumerate(stacks):
        if stack.all_rows and op.body.terminator.operands[n_init + number] is following:
            return number
    return None


def _as_row(c: Context, buffer: Value, stack: Value) -> Value:
    """A row-major buffer under the type of a row of `stack`."""
    type = stack.type
    assert isinstance(type, t.MemRefType)
    row = t.MemRefType(type.shape[1:], type.element, strides_of(type)[1:])
    if buffer.type == row:
        return buffer
    cast = c.b.op("memref.cast", [buffer], [row])
    c.dims[cast] = c.sizes(buffer)
    return cast


def _buffered(c: Context, op: Op, number: int, init: Value, arg: Value, following: Value) -> State:
    """One buffer if the step can work in place, else two."""
    inplace = _works_in_place(op, arg, following)
    result = op.results[number]
    sizes = _init_sizes(c, init)
    buffer = c.target(result, sizes) if inplace or following is arg else c.alloc(
        t.element(init.type), sizes, arg.name)
    _write_init(c, init, buffer)
    if inplace or following is arg:
        return State("inplace", [], 0, buffer)
    spare = c.alloc(t.element(init.type), sizes, arg.name)
    return State("swap", [buffer, spare], 2, buffer)


def _init_sizes(c: Context, init: Value) -> list[Value]:
    if init in c.env:
        return c.sizes(c.env[init])
    return sizes_of(c, init)


def _write_init(c: Context, init: Value, buffer: Value) -> None:
    if init in c.env:
        c.copy(c.env[init], buffer)
        return
    made = init.op
    if made is not None and made.name == "tensor.empty":
        return
    assert made is not None and made.name == "tensor.splat"
    fill_buffer(c, c.get(made.operands[0]), buffer)


def _works_in_place(op: Op, arg: Value, following: Value) -> bool:
    """True if the op that makes the new state may write it over the old one."""
    made = following.op
    if made is None or made.parent is not op.body or op.body.terminator.operands.count(following) > 1:
        return False
    return may_overwrite(made, arg)


def _ring(c: Context, op: Op, number: int) -> State:
    init = op.group(2)[number]
    buffer = c.alloc(t.element(init.type), _init_sizes(c, init), op.results[number].name)
    _write_init(c, init, buffer)
    return State("ring", [], 0, buffer)


# ---- one step ----


def say_step(scan: Op, counter: Value) -> None:
    """Give each check in the loop over `counter` the step as one more number, and the words for it."""
    label = f" {scan.attrs['name']!r}" if "name" in scan.attrs else ""
    assert counter.block is not None
    for op in counter.block.ops:
        for check in (inner for inner in op.walk() if inner.name == "scan.check"):
            number = len(check.operands) - 1
            if number < N_INFO_SLOTS:
                words = [check.attrs["step"]] if "step" in check.attrs else []
                check.operands = [*check.operands, counter]
                check.attrs["step"] = ", ".join([*words, f"in step {{{number}}} of scan{label}"])


def _step(c: Context, op: Op, t_: Value, xs: list[Value], stacks: list[Stack], states: list[State],
          args: list[Value]) -> tuple[list[Value], Value | None]:
    """Convert the body; give the values to carry on, and the stop condition."""
    body, n_xs = op.body, len(op.group(1))
    c.env[body.args[0]] = t_
    for arg, buffer in zip(body.args[1:1 + n_xs], xs, strict=True):
        c.env[arg] = c.row(buffer, t_) if isinstance(arg.type, t.TensorType) else c.load(buffer, [t_])
    spare = _bind_states(c, op, states, args, t_)
    _offer_rows(c, op, stacks, states, spare, t_)
    c.block(body)
    _stack_rows(c, op, stacks, t_)
    onward = _next_states(c, op, stacks, states, spare, t_)
    stop = c.get(body.terminator.operands[-1]) if op.attrs["until"] else None
    return onward, stop


def _bind_states(c: Context, op: Op, states: list[State], args: list[Value], t_: Value) -> dict[int, Value]:
    """Give the body its states; the spare buffers by state number."""
    spare: dict[int, Value] = {}
    position = 0
    first = 1 + len(op.group(1))
    for number, state in enumerate(states):
        arg = op.body.args[first + number]
        if state.kind == "ring":
            assert state.buffer is not None
            c.env[arg] = state.buffer
            c.rings[arg] = t_
        elif state.n_carried == 0:
            assert state.buffer is not None
            c.env[arg] = state.buffer
        else:
            c.env[arg] = args[position]
            args[position].name = arg.name
            if state.kind == "swap":
                spare[number] = args[position + 1]
            position += state.n_carried
    return spare


def _offer_rows(c: Context, op: Op, stacks: list[Stack], states: list[State], spare: dict[int, Value],
                t_: Value) -> None:
    """Let the ops of the step write new rows where they are wanted."""
    n_init = len(states)
    yielded = op.body.terminator.operands
    for number, stack in enumerate(stacks):
        value = yielded[n_init + number]
        if stack.all_rows and goes_to_target(value, op.body) and value not in c.dest:
            c.dest[value] = c.row(stack.buffer, t_)
    for number, state in enumerate(states):
        value = yielded[number]
        if not goes_to_target(value, op.body) or value in c.dest:
            continue
        if state.kind == "inplace" and state.buffer is not None:
            c.dest[value] = state.buffer
        elif state.kind == "swap":
            c.dest[value] = spare[number]


def _stack_rows(c: Context, op: Op, stacks: list[Stack], t_: Value) -> None:
    """Store the rows of the ys that were not written in place."""
    n_init = len(op.group(2))
    for number, stack in enumerate(stacks):
        value = op.body.terminator.operands[n_init + number]
        if stack.all_rows:
            _store_row(c, value, stack.buffer, t_)
        else:
            with c.when(c.b.cmpi("sge", t_, stack.first)):
                _store_row(c, value, stack.buffer, c.b.subi(t_, stack.first))


def _store_row(c: Context, value: Value, buffer: Value, at: Value) -> None:
    if not isinstance(value.type, t.TensorType):
        c.store(c.get(value), buffer, [at])
        return
    place = materialise(c, value)
    if not _is_row(place, buffer, at):
        c.copy(place, c.row(buffer, at))


def _is_row(place: Value, buffer: Value, at: Value) -> bool:
    """True for row `at` of `buffer`, in which a value was made."""
    made = place.op
    return (made is not None and made.name == "memref.subview" and made.operands[0] is buffer
            and made.operands[1] is at)


def _next_states(c: Context, op: Op, stacks: list[Stack], states: list[State], spare: dict[int, Value],
                 t_: Value) -> list[Value]:
    onward: list[Value] = []
    yielded = op.body.terminator.operands
    first = 1 + len(op.group(1))
    for number, state in enumerate(states):
        value, arg = yielded[number], op.body.args[first + number]
        if state.kind == "scalar":
            onward.append(c.get(value))
        elif state.kind == "row":
            place, stack = c.env[value], stacks[state.stack].buffer
            onward.append(_as_row(c, place if _is_row(place, stack, t_) else c.row(stack, t_), stack))
        elif state.kind == "swap":
            c.copy(materialise(c, value), spare[number])
            onward += [spare[number], c.env[arg]]
        elif state.kind == "inplace":
            assert state.buffer is not None
            c.copy(materialise(c, value), state.buffer)
    _push_all(c, {n: state for n, state in enumerate(states) if state.kind == "ring"}, yielded, t_)
    return onward


def _push_all(c: Context, rings: dict[int, State], yielded: list[Value], t_: Value) -> None:
    """The new rows replace the oldest, after everything that reads those: a new row that is a part of a ring, in
    another order perhaps, is copied first where this ring or an earlier one is written."""
    rows = {n: materialise(c, yielded[n]) if isinstance(yielded[n].type, t.TensorType) else c.get(yielded[n])
            for n in rings}
    overwritten: list[Value | None] = []
    for number, ring in rings.items():
        overwritten.append(ring.buffer)
        if _memory_of(rows[number]) in overwritten:
            rows[number] = c.own_copy(rows[number])
    for number, ring in rings.items():
        assert ring.buffer is not None
        at = c.b.op("arith.remsi", [t_, c.sizes(ring.buffer)[0]], [t.index])
        if isinstance(yielded[number].type, t.TensorType):
            c.copy(rows[number], c.row(ring.buffer, at))
        else:
            c.store(rows[number], ring.buffer, [at])


def _memory_of(buffer: Value) -> Value:
    """The buffer that `buffer` is a part or another shape of."""
    while buffer.op is not None and buffer.op.name in ("memref.subview", "memref.cast", "scan.buffer_reshape"):
        buffer = buffer.op.operands[0]
    return buffer


# ---- until ----


def _while(c: Context, op: Op, length: Value, xs: list[Value], stacks: list[Stack], states: list[State],
           carried: list[Value]) -> tuple[Value, list[Value]]:
    """while t < length and not stopped; gives the steps executed and the carried values."""
    b = c.b
    init = [b.index(0), b.const(1, t.i1), *carried]
    types = [v.type for v in init]
    test, body = Block(types), Block(types)
    for block in (test, body):
        for arg, value in zip(block.args, init, strict=True):
            if value in c.dims:
                c.dims[arg] = c.dims[value]
    with b.at(test):
        more = b.cmpi("slt", test.args[0], length)
        b.make("scf.condition", [b.condition("andi", more, test.args[1]), *test.args])
    with b.at(body):
        t_ = body.args[0]
        t_.name = "t"
        onward, stop = _step(c, op, t_, xs, stacks, states, body.args[2:])
        assert stop is not None
        on = b.op("arith.xori", [stop, b.const(1, t.i1)], [t.i1])
        b.make("scf.yield", [b.addi(t_, b.index(1)), on, *onward])
    say_step(op, t_)
    made = b.make("scf.while", init, types, None, [Region([test]), Region([body])])
    for result, value in zip(made.results, init, strict=True):
        if value in c.dims:
            c.dims[result] = c.dims[value]
    # At most `length`: says nothing new to the program, but bounds the size of what depends on it.
    executed = b.op("arith.minsi", [made.results[0], length], [t.index])
    return executed, made.results[2:]


# ---- results ----


def _finish(c: Context, op: Op, executed: Value, stacks: list[Stack], states: list[State],
            results: list[Value]) -> None:
    position = 0
    for number, state in enumerate(states):
        result = op.results[number]
        if state.kind == "scalar":
            c.env[result] = results[position]
        elif state.kind == "ring":
            if result.uses:
                assert state.buffer is not None
                c.set(result, unrolled(c, state.buffer, executed))
        else:
            place = results[position] if state.n_carried else state.buffer
            assert place is not None
            c.set(result, place)
        position += state.n_carried
    n_init = len(states)
    for number, stack in enumerate(stacks):
        c.set(op.results[n_init + number], stack.buffer if not op.attrs["until"] else
              _first_rows(c, stack.buffer, executed))
    if op.attrs["until"]:
        c.env[op.results[-1]] = executed


def _first_rows(c: Context, buffer: Value, rows: Value) -> Value:
    """What an early stop left of a stack: its first rows."""
    view = c.reshape(buffer, [rows, *c.sizes(buffer)[1:]])
    c.base[view] = c.base.get(buffer, buffer)
    return view


# ---- lanes outside time ----


def _over_lanes(c: Context, op: Op) -> None:
    """for each lane: for each step, with the lane's state in registers."""
    length = c.get(op.group(0)[0])
    xs = [materialise(c, v) for v in op.group(1)]
    stacks = _stacks(c, op, length)
    n_init = len(op.group(2))
    first = next(v for v in op.group(2) if isinstance(v.type, t.TensorType))
    sizes = _init_sizes(c, first)
    finals = {number: c.target(op.results[number], sizes)
              for number in range(n_init)
              if isinstance(op.results[number].type, t.TensorType) and op.results[number].uses}

    def lane(at: list[Value]) -> None:
        _read_invariants(c, op, at)
        init = [_lane_init(c, v, at) for v in op.group(2)]
        with c.carrying_loop(length, init) as (t_, args, finish):
            t_.name = "t"
            finish(_lane_step(c, op, t_, at, xs, stacks, args))
        say_step(op, t_)
        for number, buffer in finals.items():
            c.store(c.results[number], buffer, at)
    nest(c, sizes, lane)
    for number, buffer in finals.items():
        c.set(op.results[number], buffer)
    for number, stack in enumerate(stacks):
        c.set(op.results[n_init + number], stack.buffer)


def _read_invariants(c: Context, op: Op, at: list[Value]) -> None:
    """The lane's elements of arrays that do not change with time, read once before the loop."""
    for generic in op.body.ops:
        if generic.name == "linalg.generic":
            for arg, value, access in zip(generic.body.args, generic.group(0),
                                          generic.attrs["indexing_maps"], strict=False):
                if not defined_in(value, op.body):
                    indices = [c.b.index(0) if d is None else at[d] for d in access.results]
                    c.env[arg] = c.load(materialise(c, value), indices)


def _lane_init(c: Context, init: Value, at: list[Value]) -> Value:
    if not isinstance(init.type, t.TensorType):
        return c.get(init)
    made = init.op
    if init not in c.env and made is not None and made.name == "tensor.splat":
        return c.get(made.operands[0])
    return c.load(materialise(c, init), at)


def _lane_step(c: Context, op: Op, t_: Value, at: list[Value], xs: list[Value], stacks: list[Stack],
               args: list[Value]) -> list[Value]:
    body, n_xs = op.body, len(op.group(1))
    c.env[body.args[0]] = t_
    for arg, buffer in zip(body.args[1:1 + n_xs], xs, strict=True):
        indices = [t_, *at] if isinstance(arg.type, t.TensorType) else [t_]
        c.env[arg] = c.load(buffer, indices)
    for arg, value in zip(body.args[1 + n_xs:], args, strict=True):
        c.env[arg] = value
        value.name = arg.name
    for inner in body.ops[:-1]:
        if inner.name == "linalg.generic":
            _lane_generic(c, op, inner, at)
        elif inner.name != "tensor.empty":
            c.convert(inner)
    n_init = len(op.group(2))
    for number, stack in enumerate(stacks):
        _lane_row(c, stack, _lane_value(c, op, body.terminator.operands[n_init + number], at), t_, at)
    return [_lane_value(c, op, v, at) for v in body.terminator.operands[:n_init]]


def _lane_value(c: Context, op: Op, value: Value, at: list[Value]) -> Value:
    """The lane's element of a row; one from outside the step is read from its array."""
    if isinstance(value.type, t.TensorType) and not defined_in(value, op.body):
        return _lane_init(c, value, at)
    return c.get(value)


def _lane_generic(c: Context, op: Op, generic: Op, at: list[Value]) -> None:
    """One element of a loop nest: changing arrays are the lane's scalars, others are read."""
    for arg, value in zip(generic.body.args, generic.group(0), strict=False):
        if defined_in(value, op.body):
            c.env[arg] = c.get(value)
    inline(c, generic, at)
    c.env[generic.result] = c.get(generic.body.terminator.operands[0])


def _lane_row(c: Context, stack: Stack, value: Value, t_: Value, at: list[Value]) -> None:
    if stack.all_rows:
        c.store(value, stack.buffer, [t_, *at])
        return
    with c.when(c.b.cmpi("sge", t_, stack.first)):
        c.store(value, stack.buffer, [c.b.subi(t_, stack.first), *at])
