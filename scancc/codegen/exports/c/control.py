"""C of loops, branches and checks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scancc.artifact import N_INFO_SLOTS
from scancc.ir import types as t
from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import group, int_attr, operand
from scancc.ir.parts import Branch, Loop

from .printer import Expr, FunctionPrinter, Operand, Pair, prints

Variables = list[tuple[str, str]]  # type and name of each


@prints("scf.for")
def loop(p: FunctionPrinter, op: Op) -> None:
    parts = Loop(op)
    lower, upper, step = (p.word(v) for v in parts.bounds)
    carried = _carry(p, parts.init, parts.args)
    p.settle()
    counter = p.fresh(parts.counter.name or _letter(op))
    p.env[parts.counter] = Expr(counter)
    by = f"++{counter}" if step == "1" else f"{counter} += {step}"
    p.open(f"for (int64_t {counter} = {lower}; {counter} < {upper}; {by})")
    for carry in parts.carries:
        if carry.arg.name:
            p.hints[carry.next] = f"{carry.arg.name}_next"
    p.block(op.body)
    _assign(p, carried, parts.next)
    p.close()
    p.taken.discard(counter)  # another loop may have it
    for result, arg in zip(op.results, parts.args, strict=True):
        p.env[result] = p.env[arg]


def _letter(op: Op) -> str:
    """i, j, k by how many loops are around."""
    depth, around = 0, op.parent_op()
    while around is not None:
        depth += around.name == "scf.for"
        around = around.parent_op()
    return "ijklmn"[min(depth, 5)]


def _carry(p: FunctionPrinter, init: Sequence[Value], args: Sequence[Value]) -> Variables:
    """Declare variables for what a loop carries, with the first values."""
    found: Variables = []
    for value, arg in zip(init, args, strict=True):
        texts = p.parts(value)
        p.hints.setdefault(arg, "acc")
        names, form = p.variables(arg, p.env[value])
        for (kind, name), text in zip(names, texts, strict=True):
            p.line(f"{kind}{name} = {text};")
        p.env[arg] = form
        found += names
    return found


def _assign(p: FunctionPrinter, variables: Variables, values: Sequence[Value], sizes: bool = False) -> None:
    """Give all variables new values at once."""
    texts = [text for value in values for text in p.parts(value, sizes)]
    p.settle()
    for at, (_, name) in enumerate(variables):
        for later in range(at + 1, len(texts)):
            if texts[later] != variables[later][1] and re.search(rf"\b{name}\b", texts[later]):
                kept = p.fresh(f"{variables[later][1]}_next")
                p.line(f"{variables[later][0]}{kept} = {texts[later]};")
                texts[later] = kept
        if texts[at] != name:
            p.line(f"{name} = {texts[at]};")


@prints("scf.while")
def while_loop(p: FunctionPrinter, op: Op) -> None:
    """before: condition and values; after: the body; results are the condition's values."""
    test, body = (region.blocks[0] for region in op.regions)
    carried = _carry(p, op.operands, test.args)
    p.settle()
    given = group(test.terminator, "values")
    declared = {n: _declare(p, result, _form(p, test, result))
                for n, (result, value) in enumerate(zip(op.results, given, strict=True)) if value not in test.args}
    p.open("for (;;)")
    first = len(p.lines)
    p.block(test)
    condition = p.expr(operand(test.terminator, "condition"))
    for n, (result, arg, value) in enumerate(zip(op.results, body.args, given, strict=True)):
        if n in declared:
            _assign(p, declared[n][0], [value])
        p.env[result] = p.env[arg] = declared[n][1] if n in declared else p.env[value]
    p.settle()
    if len(p.lines) == first:
        p.lines[-1] = p.lines[-1].replace("for (;;)", f"while ({condition.text})")
    else:
        p.line(f"if ({condition.opposite or f'!{condition.closed}'})")
        p.line("    break;")
    p.block(body)
    _assign(p, carried, body.terminator.operands)
    p.close()


def _form(p: FunctionPrinter, test: Block, result: Value) -> Operand:
    """The form of a value that a loop hands on; of a buffer that of one that it carries."""
    if isinstance(result.type, t.MemRefType):
        return next(p.env[arg] for arg in test.args if arg.type == result.type)
    return Pair(Expr(""), Expr("")) if isinstance(result.type, t.ComplexType) else Expr("")


def _declare(p: FunctionPrinter, value: Value, like: Operand) -> tuple[Variables, Operand]:
    names, form = p.variables(value, like)
    for kind, name in names:
        p.line(f"{kind}{name};")
    return names, form


@prints("scf.if")
def branch(p: FunctionPrinter, op: Op) -> None:
    parts = Branch(op)
    condition = p.expr(parts.condition)
    p.settle()
    at, depth = len(p.lines), p.depth
    then, otherwise = parts.sides
    if not op.results and len(then.ops) == 1:
        condition, then, otherwise = Expr(condition.opposite or f"!{condition.closed}"), otherwise, then
    p.open(f"if ({condition.text})")
    p.block(then)
    declared = [_kinds(p, result, value) for result, value in zip(op.results, then.terminator.operands, strict=True)]
    names = [variable for found, _ in declared for variable in found]
    _assign(p, names, then.terminator.operands, sizes=True)
    if op.results or len(otherwise.ops) > 1:
        p.close(" else {")
        p.depth += 1
        p.block(otherwise)
        _assign(p, names, otherwise.terminator.operands, sizes=True)
    p.close()
    p.lines[at:at] = ["    " * depth + f"{kind}{name};" for kind, name in names]
    for result, (_, form) in zip(op.results, declared, strict=True):
        p.env[result] = form


def _kinds(p: FunctionPrinter, result: Value, value: Value) -> tuple[Variables, Operand]:
    return p.variables(result, p.env[value], sizes=True)


@prints("func.return")
def return_(p: FunctionPrinter, op: Op) -> None:
    """A query returns sizes: they go to the slots in the order of `returns`."""
    slots = p.func.attrs["return_slots"].values if op.operands else ()
    for slot, value in zip(slots, op.operands, strict=True):
        p.line(f"slots[{slot}] = {p.text(value)};")
    p.line("return 0;")


@prints("scan.output_dims")
def output_dims(p: FunctionPrinter, op: Op) -> None:
    first = p.slots[operand(op, "output")] + 1
    for slot, value in enumerate(group(op, "dims"), first):
        p.line(f"slots[{slot}] = {p.text(value)};")


@prints("scan.check")
def check(p: FunctionPrinter, op: Op) -> None:
    """Ends the function with the check's code; the info operands go to the last four slots."""
    condition = p.expr(operand(op, "condition"))
    told = [p.text(info) for info in group(op, "info")[:N_INFO_SLOTS]]
    head = f"if ({condition.opposite or f'!{condition.closed}'})"
    if not told:
        p.line(head)
        p.line(f"    return {int_attr(op, 'code')};")
        return
    p.open(head)
    for number, text in enumerate(told):
        p.line(f"slots[{p.n_slots + number}] = {text};")
    p.line(f"return {int_attr(op, 'code')};")
    p.close()
