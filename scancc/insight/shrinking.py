"""Makes a failing module smaller while it goes on failing: delta debugging over the ops of its IR.

A round tries, in halves and quarters down to single ones, to take away ops: what reads their results reads another
value of the same type instead, an operand or one before them, or a constant. Then results of functions, states and
rows of scans, and operands of what remains. Rounds go on until none makes it smaller. A module that breaks a rule of
the verifier is no candidate, so that a pass is never blamed for IR that it would not get.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scancc.errors import ParseError
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, clone_op, functions
from scancc.ir.ops import is_removable
from scancc.ir.parts import ScanView
from scancc.ir.verifier import find_errors
from scancc.ir.verifier import verify as verify_ir
from scancc.pipeline import Step, find_pass, parse_pipeline

Fails = Callable[[Op], bool]
_TERMINATORS = ("func.return", "scan.yield", "linalg.yield", "scf.yield", "scf.condition")


def failure(module: Op, steps: Sequence[Step]) -> str | None:
    """How these passes fail on a copy of the module, without numbers and names; None where they do not."""
    work = clone_op(module, {})
    for step in steps:
        try:
            find_pass(step.name).function(work, **step.options)
            verify_ir(work, f"the pass '{step.name}'")
        except Exception as error:
            first = str(error).partition("\n")[0]
            return f"{step.name}: {type(error).__name__}: " + re.sub(r"%\w+|\d+", "_", first)[:80]
    return None


def fails_as(module: Op, passes: str) -> tuple[str, Fails]:
    """How `passes` fail on the module, and whether another one fails so; ValueError where they do not fail."""
    steps = parse_pipeline(passes)
    said = failure(module, steps)
    if said is None:
        raise ValueError(f"the passes {passes} do not fail on this module; give those that do, or a --command that "
                         "ends with a status other than 0 for a file that is of interest")
    return said, lambda other: failure(other, steps) == said


def shrunk(module: Op, fails: Fails, tell: Callable[[int], None] = lambda n: None) -> Op:
    """The smallest module found that `fails`, which may change what it is given. `tell` hears of its size."""
    work, size = module, _size(module)
    while True:
        for edits in (_without_functions, _without_ops, _without_parts, _without_returns):
            work = _smaller(work, edits, fails, tell)
        if _size(work) >= size:
            return work
        size = _size(work)


Edit = Callable[[Op], bool]  # changes a module, unless it cannot


def _smaller(module: Op, edits: Callable[[Op], list[Edit]], fails: Fails, tell: Callable[[int], None]) -> Op:
    """The module after as many of the edits as leave it failing: many at a time, then fewer."""
    length = max(1, len(edits(module)) // 2)
    while True:
        at = 0
        while at < len(edits(module)):
            candidate = clone_op(module, {})
            made = [edit(candidate) for edit in edits(candidate)[at:at + length]]
            if any(made) and _is_valid(candidate) and fails(clone_op(candidate, {})):
                module = candidate
                tell(_size(module))
            else:
                at += length
        if length == 1:
            return module
        length //= 2


def _is_valid(module: Op) -> bool:
    try:
        return not find_errors(module)
    except (ParseError, AssertionError, IndexError, KeyError):  # rules that take more for granted than others check
        return False


def _size(module: Op) -> int:
    """Ops, and what scans and functions have beside."""
    return sum(1 + len(op.results) + len(op.operands) for op in module.walk())


# ---- edits ----


def _without_functions(module: Op) -> list[Edit]:
    """Take away a function, where others are left."""
    found = functions(module)
    return [] if len(found) < 2 else [lambda top, func=func: _gone(func) for func in found]  # type: ignore[misc]


def _gone(op: Op) -> bool:
    op.erase()
    return True


def _without_ops(module: Op) -> list[Edit]:
    """Take away an op, the last ones first, so that what reads it has gone before."""
    ops = [op for op in module.walk() if op.parent is not None and op.name not in (*_TERMINATORS, "func.func")]
    return [lambda top, op=op: _bypassed(op) for op in reversed(ops)]  # type: ignore[misc]


def _bypassed(op: Op) -> bool:
    """Have readers of an op read something else, and take it away."""
    if op.parent is None:
        return False  # it went with an op around it
    stands_in = {result: _other(op, result) for result in op.results if result.uses}
    if any(value is None for value in stands_in.values()):
        return False
    for result, value in stands_in.items():
        assert value is not None
        result.replace_by(value)
    op.erase()
    return True


def _other(op: Op, result: Value) -> Value | None:
    """Another value of the type of a result, that stands before its op."""
    for value in _before(op):
        if value.type == result.type:
            return value
    assert op.parent is not None
    kind = result.type
    if op.name != "arith.constant" and isinstance(kind, t.FloatType | t.IntType | t.IndexType):
        return Builder(op.parent, op, op.location).const(1, kind)
    return None


def _before(op: Op) -> Iterator[Value]:
    """Values that an op may read: its operands, arguments of blocks around it, results of what stands before."""
    yield from op.operands
    inner: Op | None = op
    while inner is not None and inner.parent is not None:
        block = inner.parent
        yield from block.args
        for earlier in block.ops[:block.ops.index(inner)]:
            yield from earlier.results
        inner = block.parent_op()


def _without_parts(module: Op) -> list[Edit]:
    """Take away a state, a sequence or a stack of a scan that nobody reads."""
    found: list[Edit] = []
    for op in module.walk():
        if op.name == "scan.scan":
            scan = ScanView(op)
            found += [lambda top, op=op, n=n: _drop(op, "carries", n)  # type: ignore[misc]
                      for n in range(len(scan.carries))]
            found += [lambda top, op=op, n=n: _drop(op, "stacks", n) for n in range(len(scan.stacks))]  # type: ignore[misc]
            found += [lambda top, op=op, n=n: _drop(op, "xs", n) for n in range(len(scan.xs))]  # type: ignore[misc]
    return found


def _drop(op: Op, kind: str, number: int) -> bool:
    if op.parent is None:
        return False
    scan = ScanView(op)
    parts = scan.reads if kind == "xs" else getattr(scan, kind)
    if number >= len(parts) or _is_read(kind, parts[number]):
        return False
    scan.rebuilt(**{kind: [*parts[:number], *parts[number + 1:]]})
    return True


def _is_read(kind: str, part: object) -> bool:
    names = {"carries": ("arg", "final"), "stacks": ("result",), "xs": ("arg",)}[kind]
    return any(getattr(part, name).uses for name in names)


def _without_returns(module: Op) -> list[Edit]:
    """Take away a result of a function, and operations that nobody reads."""
    found: list[Edit] = [_tidied]
    for func in functions(module):
        n = len(func.body.terminator.operands)
        found += [lambda top, func=func, at=at: _unreturned(func, at) for at in reversed(range(n))]  # type: ignore[misc]
    return found


def _unreturned(func: Op, at: int) -> bool:
    last = func.body.terminator
    if last.name != "func.return" or at >= len(last.operands) or "return_slots" in func.attrs:
        return False
    last.operands = [value for n, value in enumerate(last.operands) if n != at]
    kind = func.attrs["function_type"]
    func.attrs["function_type"] = t.FunctionType(kind.inputs, tuple(v.type for v in last.operands))
    return True


def _tidied(module: Op) -> bool:
    found = [op for op in reversed(list(module.walk())) if op.parent is not None and is_removable(op)]
    return sum(map(_unread, found)) > 0


def _unread(op: Op) -> bool:
    if op.parent is None or op.name in _TERMINATORS or any(result.uses for result in op.results):
        return False
    op.erase()
    return True
