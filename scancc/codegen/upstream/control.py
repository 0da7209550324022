"""Loops, branches, checks and the ends of functions."""

from __future__ import annotations

from collections.abc import Sequence

from ...artifact import N_INFO_SLOTS
from ...ir import types as t
from ...ir.core import Block, Op
from ...ir.ops import group, int_attr, operand
from ...ir.parts import Branch, Loop
from .writer import Ref, Writer, exports, shown, told


@exports("scf.for")
def loop(w: Writer, op: Op) -> None:
    (_loop_of_blocks if op in w.checked else _structured_loop)(w, op)


def _structured_loop(w: Writer, op: Op) -> None:
    parts = Loop(op)
    arguments = [Ref(w.fresh(), told(v.type)) for v in (parts.counter, *parts.args)]
    w.give([parts.counter, *parts.args], arguments)
    _with_regions(w, op, [*w.refs(parts.bounds), *w.refs(parts.init)], [(op.body, arguments, "scf.yield")])


def _with_regions(w: Writer, op: Op, operands: Sequence[Ref],
                  regions: Sequence[tuple[Block, list[Ref], str]]) -> None:
    """An op with regions, each a block with arguments and an end."""
    made = [Ref(w.fresh(), told(r.type)) for r in op.results]
    left = f"{', '.join(r.name for r in made)} = " if made else ""
    w.line(f'{left}"{op.name}"({", ".join(r.name for r in operands)}) ({{')
    for number, (block, arguments, end) in enumerate(regions):
        if number:
            w.line("}, {")
        with w.region(arguments):
            w.emit(end, w.write_all(block))
    types = t.FunctionType(*(tuple(shown(r.type) for r in refs) for refs in (operands, made)))
    w.line(f"}}) : {types}")
    w.give(op.results, made)


def _loop_of_blocks(w: Writer, op: Op) -> None:
    parts = Loop(op)
    head, body, done = w.label(), w.label(), w.label()
    lower, upper, step = w.refs(parts.bounds)
    inits = w.refs(parts.init)
    w.go(head, [lower, *inits])
    counter, *carried = w.block(head, [t.index, *(r.type for r in inits)])
    w.give([parts.counter, *parts.args], [counter, *carried])
    w.go_if(w.compare("slt", counter, upper), body, done)
    w.block(body)
    yielded = w.write_all(op.body)
    w.go(head, [w.binary("arith.addi", counter, step), *yielded])
    w.block(done)
    w.give(op.results, carried)


@exports("scf.while")
def while_loop(w: Writer, op: Op) -> None:
    test, body = (region.blocks[0] for region in op.regions)
    if op not in w.checked:
        blocks = []
        for block, end in ((test, "scf.condition"), (body, "scf.yield")):
            arguments = [Ref(w.fresh(), told(arg.type)) for arg in block.args]
            w.give(block.args, arguments)
            blocks.append((block, arguments, end))
        _with_regions(w, op, w.refs(op.operands), blocks)
        return
    head, inside, done = w.label(), w.label(), w.label()
    inits = w.refs(op.operands)
    w.go(head, inits)
    w.give(test.args, w.block(head, [r.type for r in inits]))
    condition, *values = w.write_all(test)
    w.go_if(condition, inside, done)
    w.block(inside)
    w.give(body.args, values)
    w.go(head, w.write_all(body))
    w.block(done)
    w.give(op.results, values)


@exports("scf.if")
def branch(w: Writer, op: Op) -> None:
    parts = Branch(op)
    if op not in w.checked:
        _with_regions(w, op, [w.ref(parts.condition)], [(side, [], "scf.yield") for side in parts.sides])
        return
    then, otherwise, done = w.label(), w.label(), w.label()
    w.go_if(w.ref(parts.condition), then, otherwise)
    for label, side in zip((then, otherwise), parts.sides, strict=True):
        w.block(label)
        w.go(done, w.write_all(side))
    w.give(op.results, w.block(done, [told(r.type) for r in op.results]))


@exports("scan.check")
def check(w: Writer, op: Op) -> None:
    """Returns the status of what fails, with its numbers in %info."""
    passed, failed = w.label(), w.label()
    w.go_if(w.ref(operand(op, "condition")), passed, failed)
    w.block(failed)
    for number, info in enumerate(w.refs(group(op, "info")[:N_INFO_SLOTS])):
        w.emit("memref.store", [_as_i64(w, info), w.info, w.index(number)])
    w.emit("func.return", [w.number(int_attr(op, "code"), t.i32)])
    w.block(passed)


def _as_i64(w: Writer, ref: Ref) -> Ref:
    if ref.type == t.i64:
        return ref
    return w.make("arith.index_cast" if ref.type == t.index else "arith.extsi", [ref], t.i64)


@exports("func.return")
def end(w: Writer, op: Op) -> None:
    """A query returns sizes, which go to their places; the return itself stands at the end of the text."""
    if op.operands:
        for slot, value in zip(w.func.attrs["return_slots"], w.refs(op.operands), strict=True):
            _tell(w, w.place_of_slot(slot), value)


@exports("scan.output_dims")
def output_dims(w: Writer, op: Op) -> None:
    for axis, size in enumerate(w.refs(group(op, "dims"))):
        _tell(w, w.place_of(operand(op, "output"), axis), size)


def _tell(w: Writer, place: int, size: Ref) -> None:
    w.emit("memref.store", [_as_i64(w, size), w.sizes, w.index(place)])
