"""A program that takes its sequences in chunks, and keeps the states of its scans from call to call.

    y = scan(x -> s + a*(x - s), from 0.0)      each call goes on from s, a shared variable, which starts at 0.0

Chunks of any lengths, 0 too, give the rows that the whole would have given, to the bit: every row must be made of the
same row of the sequences, of what is not a sequence, and of states. So what reads other rows (a slice along time, a
sum over it, a lag, a scan backwards or with a number of steps of its own, `until`) is refused, by its name.

A variable's kind says how it goes with time:  'stream': a row a step;  'length': how many;  'count': what is computed
from that;  'last': of the newest step, as `final_state` gives it;  'still': the same at all times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import NoReturn

import numpy as np

from scancc.frontend.graph.dims import DimShuffle, JointLength, ShapeI, dim
from scancc.frontend.graph.shared import SharedVariable, shared
from scancc.frontend.graph.site import described
from scancc.frontend.graph.variables import Apply, Constant, Variable, applies, leaves, rebuild_into
from scancc.frontend.loops.final import final_state
from scancc.frontend.loops.scan_op import Carry, Scan, scan_of
from scancc.frontend.ops.control import Check, check
from scancc.frontend.ops.elementwise import Elemwise, apply_scalar
from scancc.frontend.ops.joining import join
from scancc.frontend.ops.lengths import specify_shape
from scancc.frontend.ops.products import Dot
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.reference import Evaluator
from scancc.frontend.ops.subtensor import Subtensor
from scancc.frontend.program.program import Program, make_program
from scancc.late_dataclasses import dataclass

_ALL = ("s", False, False, False)  # a whole axis, of a Subtensor's template


class StreamingError(TypeError):
    """A program that cannot be run in chunks with the rows of the whole."""


def streamed(program: Program) -> Program:
    """The program of a chunk, under the same name."""
    kinds = _Kinds(program)
    copies = _fixed_shapes(program)
    for stream in kinds.streams[1:]:
        copies[stream] = _as_long(stream, kinds.streams[0])
    states: dict[SharedVariable, Variable] = {}
    updates = dict(program.updates)
    for node in applies(program.results):
        if scan_of(node) is not None and kinds.of[node.outputs[0]] != "still":
            _continued(node, copies, states, updates)
    outputs = program.layout.arrange(rebuild_into(program.outputs, copies))
    updates = {old: rebuild_into([new], copies)[0] for old, new in updates.items()}
    return make_program(list(program.inputs), outputs, {**updates, **states}, None, True, "ignore", None, True,
                        program.name, program.fast_math)


def _as_long(stream: Variable, first: Variable) -> Variable:
    """A stream whose chunks are as long as those of the first one."""
    lengths = dim(stream, 0), dim(first, 0)
    text = f"chunks of {described(stream)} and {described(first)} have {{0}} and {{1}} rows"
    return check(ValueError, f"{text}; a call takes as many of each", stream, apply_scalar("eq", *lengths), *lengths)


def _fixed_shapes(program: Program) -> dict[Variable, Variable]:
    """Shared variables that stay, as ones whose shapes stay, which a struct in C has a place for."""
    updated = {variable for variable, _ in program.updates}
    return {v: shared(v.get_value(), v.name, shape=v.get_value().shape)
            for v in program.shared if v not in updated and None in v.type.shape}


def _continued(node: Apply, copies: dict[Variable, Variable], states: dict[SharedVariable, Variable],
               updates: Mapping[SharedVariable, Variable]) -> None:
    """Let a scan go on from shared variables, and say what they become."""
    op = node.op
    assert isinstance(op, Scan)
    given = op.inputs_of(rebuild_into(node.inputs, copies))
    inits = list[SharedVariable]()
    for n, (carry, init) in enumerate(zip(op.body.carry, op.inputs_of(node.inputs).inits, strict=True)):
        if isinstance(init, SharedVariable) and _goes_on(carry, updates.get(init), node, op):
            inits.append(init)
            continue
        same = next((m for m in range(n) if _is_same(node, op, m, n)), None)
        inits.append(_state(carry, init, states) if same is None else inits[same])
    made = op.apply_to(given._replace(inits=list[Variable](inits)))
    for old, new in zip(node.outputs, [*made.carry, *made.ys], strict=True):
        new.name, new.location = old.name, old.location
        copies[old] = new
    for carry, init, result in zip(op.body.carry, inits, made.carry, strict=True):
        if init not in updates:
            states[init] = _next(carry, init, result)


def _is_same(node: Apply, op: Scan, first: int, second: int) -> bool:
    """Whether two states of a scan have the same values, as the newest row of a state has (`final_state`)."""
    a, b = op.body.carry[first], op.body.carry[second]
    inits = op.inputs_of(node.inputs).inits
    return a.next is b.next and a.depth == b.depth and inits[first] is inits[second]


def _goes_on(carry: Carry, new: Variable | None, node: Apply, op: Scan) -> bool:
    """Whether the program itself updates what a state starts from to what the state becomes."""
    if new is None or new.owner is not node or new.index >= len(op.body.carry):
        return False
    final = op.body.carry[new.index]
    return final.next is carry.next and not final.trace and carry.depth == 1


def _next(carry: Carry, init: SharedVariable, result: Variable) -> Variable:
    """What a state starts from in the next call."""
    if carry.trace:
        result = final_state(result) if carry.depth == 1 else join(0, init, result)[-carry.depth:]
    return specify_shape(result, init.type.shape) if result.ndim else result


def _state(carry: Carry, init: Variable, states: dict[SharedVariable, Variable]) -> SharedVariable:
    """A shared variable with the value of `init`."""
    names = [*(var.name for _, var in carry.taps), carry.next.name, "state"]
    name = next(name for name in names if name)
    taken = {variable.name for variable in states}
    while name in taken:
        name += "_"
    known = [v for v in leaves([init]) if not isinstance(v, Constant)]
    if not all(isinstance(v, SharedVariable) for v in known):
        _refuse(init, f"the initial value of the state {name!r} rests on {', '.join(map(described, known))}",
                "start from a constant or a shared variable, whose value NAME_init has")
    values = [v.get_value() for v in known if isinstance(v, SharedVariable)]
    (value,) = Evaluator([init], known)(values)
    return shared(np.asarray(value), name, shape=np.shape(value))


def _refuse(variable: Variable, fact: str, remedy: str) -> NoReturn:
    raise StreamingError(f"streaming: {described(variable)}: {fact}.\n  {remedy[0].upper()}{remedy[1:]}.")


@dataclass
class _Kinds:
    """The kind of each variable of a program that can be run in chunks."""

    program: Program
    of: dict[Variable, str] = field(default_factory=dict)
    streams: list[Variable] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.program.fast_math.allows("reassociate"):
            raise StreamingError("streaming: fast_math allows 'reassociate', which sums by groups of steps, and a "
                                 "chunk would begin others.\n  Compile the function without it.")
        nodes = list(applies(self.program.results))
        read = {v for node in nodes if (op := scan_of(node)) for v in _rows_of(op.inputs_of(node.inputs).xs)}
        self.streams = [i.variable for i in self.program.inputs if i.variable in read]
        if not self.streams:
            raise StreamingError("streaming: no input is a sequence of a scan.\n  Pass one in `sequences`.")
        self.of.update(dict.fromkeys(self.streams, "stream"))
        for node in nodes:
            kind = self._kind(node)
            self.of.update((v, kind[n]) for n, v in enumerate(node.outputs))
        for out in self.program.outputs:
            if self._has(out, "length", "count"):
                _refuse(out, "it is told by how many rows there are", "leave it out: the caller knows it")

    def _has(self, variable: Variable, *kinds: str) -> bool:
        return self.of.get(variable, "still") in kinds

    def _kind(self, node: Apply) -> list[str]:
        scan = scan_of(node)
        if all(self._has(v, "still") for v in node.inputs):
            return ["still"] * len(node.outputs)
        if scan is not None:
            return self._scan(node, scan)
        if isinstance(node.op, ShapeI):
            return ["still" if node.op.axis or self._has(node.inputs[0], "last") else "length"]
        if all(self._has(v, "still", "last") for v in node.inputs):
            return ["last"] * len(node.outputs)
        if self._is_length(node):
            return ["length"]
        if all(self._has(v, "still", "length", "count") for v in node.inputs):
            return ["count"] * len(node.outputs)
        if not self._by_rows(node):
            name = getattr(node.op, "name", type(node.op).__name__)
            _refuse(node.outputs[0], f"{name} does not make each row of the same row of its operands",
                    "leave it to the caller, or make it a state: a lag is one that keeps what the step read, and the "
                    "newest row of a state is sc.final_state(rows)")
        return ["stream"] * len(node.outputs)

    def _is_length(self, node: Apply) -> bool:
        """Whether it is the least of lengths, which are the same."""
        least = isinstance(node.op, JointLength) or isinstance(node.op, Elemwise) and node.op.fn == "minimum"
        return least and all(self._has(v, "length") for v in node.inputs)

    def _by_rows(self, node: Apply) -> bool:
        """Whether row t of what `node` gives is made of row t of its streams, and of what has no rows."""
        op, first, rest = node.op, node.inputs[0], node.inputs[1:]
        if isinstance(op, Elemwise):
            return all(self._has(v, "stream") or self._has(v, "still") and v.type.shape[:1] == (1,)
                       for v in node.inputs)
        if not self._has(first, "stream") or not all(self._has(v, "still") for v in rest):
            return False
        return (isinstance(op, Check | Dot) or isinstance(op, Reduce) and 0 not in op.axes
                or isinstance(op, DimShuffle) and op.order[:1] == (0,)
                or isinstance(op, Subtensor) and op.template[:1] == (_ALL,))

    def _scan(self, node: Apply, op: Scan) -> list[str]:
        inputs = op.inputs_of(node.inputs)
        if op.body.stop is not None:
            _refuse(node.outputs[0], "until ends the scan", "run all steps, and let the caller look at the rows")
        if op.fast_math is not None and op.fast_math.allows("reassociate"):
            _refuse(node.outputs[0], "the scan's fast_math allows 'reassociate'", "leave it out")
        if not self._has(inputs.length, "length"):
            _refuse(node.outputs[0], "its number of steps is not the number of rows of the sequences",
                    "leave n_steps out")
        for x in inputs.xs:
            if not self._has(x, "stream"):
                _refuse(x, "a sequence of the scan is no stream", "make it an input of the program")
        for v in (*inputs.inits, *inputs.consts):
            if not self._has(v, "still"):
                _refuse(v, "each step reads all of it, and it changes with time", "pass it in `sequences`")
        carry, ys = op.outputs_of(node.outputs)
        return ["stream" if c.trace else "last" for c in op.body.carry] + ["stream"] * len(ys)


def _rows_of(xs: Sequence[Variable]) -> set[Variable]:
    """The leaves that make the rows of sequences."""
    found: set[Variable] = set()
    pending = list(xs)
    while pending:
        x = pending.pop()
        if x.owner is None:
            found.add(x)
        elif scan_of(x.owner) is None:
            pending += [v for v in x.owner.inputs if v.ndim and v.type.shape[0] != 1]
    return found
