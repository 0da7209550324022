"""Equal nests of loops are printed once, as a function of what they use from outside.

    for %i in 0..%n { for %j ... %A ... }           %status = call i32 @NAME__nest1(%A, %n, ptr %slots)
    ...                                       ->    ...
    for %i in 0..%m { for %j ... %B ... }           %status = call i32 @NAME__nest1(%B, %m, ptr %slots)

LLVM's time is that of its text, and a gradient has products with vectors and sums many times (a GRU's: 4,615 lines,
3,720 so). Equal are nests that do the same with other buffers, sizes and numbers. Only long nests, of loops in loops:
a call takes some nanoseconds, which a loop over few elements would notice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

from scancc.late_dataclasses import dataclass

from ...ir import types as t
from ...ir.core import Block, Op, Value, is_inside
from ...ir.ops import CHECKS, has_trait, operand
from .emitter import Emitted, FunctionEmitter, Mem, Pair

LONG = 24  # ops
_NESTS = ("scf.for", "scf.if")
_LOOPS = ("scf.for", "scf.while")
_OPERAND = re.compile(r"%[\w.]+")


class Part(NamedTuple):
    """An operand of what a nest uses: of which value, or None for parts of buffers, which are known to be equal where
    they are."""

    operand: str
    kind: str
    value: int | None


Given = list[Part]


@dataclass
class Group:
    """Equal nests: `values`, what the first of them uses from outside, and what each has in their places."""

    values: list[Value]
    nests: dict[Op, dict[Value, Value]]
    printed: list[Printed] = field(default_factory=list)


@dataclass(frozen=True)
class Printed:
    """A nest as a function, of the operands `given` to the nest that it was printed for."""

    symbol: str
    given: Given
    taken: Given  # those that it reads, each once
    result: str
    may_end: bool  # before the nest's end, with a status

    def arguments(self, given: Given) -> Given | None:
        """What it takes for a nest with these operands; None where they are of another form."""
        there: dict[Part, Part] = {}
        for old, new in zip(self.given, given, strict=True):
            is_other = new.kind != old.kind or (not old.operand.startswith("%") and new.operand != old.operand)
            if is_other or there.setdefault(old, new) != new:
                return None
        return [there[part] for part in self.taken]


def groups(func: Op) -> dict[Op, Group]:
    """The group of each nest that is not alone, longest nests first: none is inside another one."""
    alike: dict[int, list[Op]] = {}
    lengths: dict[int, int] = {}
    _collect(func.body, alike, lengths)
    found: dict[Op, Group] = {}
    gone: set[Op] = set()
    for shape in sorted((shape for shape, ops in alike.items() if len(ops) > 1), key=lambda shape: -lengths[shape]):
        left = [op for op in alike[shape] if op not in gone and _stands_alone(op)]
        while len(left) > 1:
            group = _group(left)
            if len(group.nests) > 1:
                found |= dict.fromkeys(group.nests, group)
                gone.update(inner for op in group.nests for inner in op.walk())
            left = [op for op in left if op not in group.nests]
    return found


def _collect(block: Block, alike: dict[int, list[Op]], lengths: dict[int, int]) -> tuple[int, int, int]:
    """Sort the long nests by their names of ops; of a block a hash of these, how many there are, loops in loops."""
    shape, length, depth = 0, len(block.ops), 0
    for op in block.ops:
        inside = (0, 0, 0)
        if op.regions:
            for region in op.regions:
                for inner in region.blocks:
                    parts = _collect(inner, alike, lengths)
                    inside = (hash((inside[0], parts[0])), inside[1] + parts[1], max(inside[2], parts[2]))
            if op.name in _LOOPS:
                inside = (inside[0], inside[1], inside[2] + 1)
        key = hash((op.name, inside[0]))
        if inside[2] > 1 and inside[1] >= LONG and op.name in _NESTS:
            alike.setdefault(key, []).append(op)
            lengths[key] = inside[1]
        shape, length, depth = hash((shape, key)), length + inside[1], max(depth, inside[2])
    return shape, length, depth


def _stands_alone(nest: Op) -> bool:
    """Whether a nest can be a function: it makes numbers or ends with a status, and its sums have their own stack."""
    inside = list(nest.walk())
    if any("threads" in op.attrs or op.name == "scan.output_dims" for op in inside):
        return False
    if any(op.name == "scan.join" and not is_inside(operand(op, "stack"), nest) for op in inside):
        return False
    return not nest.results or not any(isinstance(v.type, t.MemRefType) for v in nest.results) and (
        _is_in_a_loop(nest) and not any(has_trait(op, CHECKS) or op.name == "scan.matmul" for op in inside))


def _is_in_a_loop(nest: Op) -> bool:
    """Loops that are in none ask whether to go on (`interrupts.py`)."""
    around = nest.parent_op()
    while around is not None and around.name not in _LOOPS:
        around = around.parent_op()
    return around is not None


def _group(nests: Sequence[Op]) -> Group:
    """The first of `nests` with those that are equal to it."""
    first = nests[0]
    same = {op: match.outside for op in nests[1:] if (match := _Match()).ops(first, op)}
    values = list(next(iter(same.values()), {}))
    return Group(values, {first: {v: v for v in values}, **same})


class _Match:
    """What the second of two nests has in the place of what the first one uses."""

    def __init__(self) -> None:
        self.outside: dict[Value, Value] = {}
        self.inside: dict[Value, Value] = {}
        self.defined: set[Value] = set()  # by the second

    def ops(self, a: Op, b: Op) -> bool:
        if a.name != b.name or a.attrs != b.attrs or len(a.operands) != len(b.operands):
            return False
        if not all(map(self._used, a.operands, b.operands)):
            return False
        for one, other in zip(a.regions, b.regions, strict=True):
            if not all(map(self._blocks, one.blocks, other.blocks)):
                return False
        return self._defined(a.results, b.results)

    def _blocks(self, a: Block, b: Block) -> bool:
        return len(a.ops) == len(b.ops) and self._defined(a.args, b.args) and all(map(self.ops, a.ops, b.ops))

    def _defined(self, a: Sequence[Value], b: Sequence[Value]) -> bool:
        self.inside |= zip(a, b, strict=False)
        self.defined.update(b)
        return [v.type for v in a] == [v.type for v in b]

    def _used(self, a: Value, b: Value) -> bool:
        """Whether both are one value of what is inside, or b can stand where a does of what is outside."""
        if a in self.inside or b in self.defined:
            return self.inside.get(a) is b
        return self.outside.setdefault(a, b) is b and a.type == b.type and _number(a) == _number(b)


def _number(value: Value) -> object:
    """The constant that a value is, with its bits; None for others."""
    return value.op.attrs["value"] if value.op is not None and value.op.name == "arith.constant" else None


def is_outlined(e: FunctionEmitter, op: Op) -> bool:
    """Whether a nest is one of several equal ones of its function."""
    if e.nests is None:
        e.nests = groups(e.func)
    return op in e.nests


def call(e: FunctionEmitter, op: Op) -> None:
    """A nest as a call of its function, which is printed where none of the group's has its form."""
    assert e.nests is not None
    group = e.nests[op]
    assert isinstance(group, Group)
    there = group.nests[op]
    given = [part for number, value in enumerate(group.values) for part in _parts(e, there[value], number)]
    for printed in group.printed:
        arguments = printed.arguments(given)
        if arguments is not None:
            break
    else:
        printed = _Nest(e, op, given).printed([there[value] for value in group.values])
        group.printed.append(printed)
        arguments = printed.taken
    taken = "".join(f"{part.kind} {part.operand}, " for part in arguments)
    made = e.emit(f"call {printed.result} @{printed.symbol}({taken}ptr %slots)")
    if op.results:
        _bind(e, op, printed.result, made)
    elif printed.may_end:
        _end_if(e, made)


def _bind(e: FunctionEmitter, op: Op, result: str, made: str) -> None:
    """Give the results of a nest their parts of what its function returned."""
    n_parts = sum(len(e.flat_types(v.type)) for v in op.results)
    parts = iter([made] if n_parts == 1 else [e.emit(f"extractvalue {result} {made}, {n}") for n in range(n_parts)])
    for value in op.results:
        mine = [next(parts) for _ in e.flat_types(value.type)]
        e.env[value] = Pair(*mine) if len(mine) == 2 else mine[0]


def _end_if(e: FunctionEmitter, status: str) -> None:
    """End the function as the nest ended."""
    failed, passed = e.new_label("fail"), e.new_label("pass")
    e.line(f"br i1 {e.emit(f'icmp eq i32 {status}, 0')}, label %{passed}, label %{failed}")
    e.start(failed)
    e.line(f"ret i32 {status}")
    e.start(passed)


def _parts(e: FunctionEmitter, value: Value, number: int) -> Given:
    """The operands that a value is here, with their types."""
    form = e.env[value]
    if isinstance(form, Mem):
        return [Part(form.pointer, "ptr", None), *(Part(n, "i64", None) for n in (*form.dims, *form.strides))]
    return [Part(*part, number) for part in zip(e.flatten(form), e.flat_types(value.type), strict=True)]


class _Nest(FunctionEmitter):
    """Prints the function of a nest, to which `given` outside are arguments."""

    def __init__(self, outer: FunctionEmitter, nest: Op, given: Given) -> None:
        super().__init__(outer.func, outer.out, outer.name + outer.new_label("__nest"))
        self.outer, self.nest, self.given = outer, nest, given
        self.slots, self.n_slots, self.nests = outer.slots, outer.n_slots, {}
        parts = dict.fromkeys(part for part in given if part.operand.startswith("%"))
        self.names = {part: f"%p{number}" for number, part in enumerate(parts)}

    def printed(self, values: Sequence[Value]) -> Printed:
        """The function, which the module then has. `values`: what the nest uses from outside."""
        for number, value in enumerate(values):
            self.env[value] = self._here(self.outer.env[value], value, number)
        self.op(self.nest)
        lines = [*self.stack, *self.lines, *self.endings]
        read = set(_OPERAND.findall("\n".join(lines)))
        taken = [part for part, name in self.names.items() if name in read]
        result, end = self._result()
        params = "".join(f"{part.kind} {self.names[part]}, " for part in taken)
        self.out.functions.append("\n".join([
            f"define internal {result} @{self.name}({params}ptr noalias nocapture %slots) noinline nounwind {{",
            "entry:", *self.stack, *self.lines, *end, *self.endings, "}"]))
        return Printed(self.name, self.given, taken, result, any(line.startswith("  ret ") for line in lines))

    def _here(self, form: Emitted, value: Value, number: int) -> Emitted:
        here = iter(self.names.get(part, part.operand) for part in _parts(self.outer, value, number))
        if isinstance(form, Mem):
            rank = len(form.dims)
            pointer, *sizes = here
            return Mem(pointer, tuple(sizes[:rank]), tuple(sizes[rank:]), form.element)
        return Pair(*here) if isinstance(form, Pair) else next(here)

    def _result(self) -> tuple[str, list[str]]:
        """The type of what the function returns, and the lines that return it: a status, or the nest's results."""
        results = self.nest.results
        parts = [(kind, name) for v in results
                 for kind, name in zip(self.flat_types(v.type), self.flatten(self.env[v]), strict=True)]
        if not parts:
            return "i32", ["  ret i32 0"]
        if len(parts) == 1:
            return parts[0][0], [f"  ret {parts[0][0]} {parts[0][1]}"]
        kind, made, lines = f"{{ {', '.join(kind for kind, _ in parts)} }}", "poison", []
        for n, (part, name) in enumerate(parts):
            lines.append(f"  %result{n} = insertvalue {kind} {made}, {part} {name}, {n}")
            made = f"%result{n}"
        return kind, [*lines, f"  ret {kind} {made}"]
