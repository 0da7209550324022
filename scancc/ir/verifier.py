"""Checks that IR keeps the rules which every pass may rely on.

Structure
  1. An op knows the block it stands in, a block its region, a region its op; results and arguments
     know their owner and place; every use is counted.
  2. Every op is declared under ir/dialects.
  3. Operands fill the declared groups: as many as declared, and where two groups vary in length,
     `operandSegmentSizes` has one entry for each group and they add up.
  4. An op has the declared number of results and of regions; a region has one block.
  5. A block ends in a terminator, and a terminator stands only there. A module's block has none.
Values
  6. A value is defined before it is used: earlier in the same block, as an argument of the block,
     or the same for a block around it. Regions of builtin.module and func.func see nothing outside.
  7. Operands and results of an op declared `same_types` have one type; those of an elementwise op
     have one container (all scalars, or one shape; a run-time size agrees with any). The condition
     of arith.select may be a scalar.
  8. A constant has the type of its value, which fits it, read as signed or as unsigned.
Attributes
  9. The declared attributes are there. Attributes are bool, int, float, str, lists and dicts of
     these, types, and the classes of ir/types; None is MLIR's unit attribute. Others may be added:
     this is where analyses write what they found.
 10. A symbol is defined once in its module.
Ops
 11. What the op's own declaration checks (`verify=`), such as the groups of scan.scan.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from ..errors import VerifyError
from . import types as t
from .core import Block, Op, Region, Value
from .ops import ELEMENTWISE, ISOLATED, OPS, TERMINATOR, OpDef
from .printer import print_op

MAX_ERRORS = 20  # more are cut: the first says it

_ATTRIBUTES = frozenset({
    bool, int, float, str, t.IntAttr, t.FloatAttr, t.DenseArray, t.Dense, t.AffineMap, t.Symbol, t.Iterator,
    t.DialectAttr, t.IntType, t.FloatType, t.IndexType, t.ComplexType, t.VectorType, t.TensorType,
    t.MemRefType, t.FunctionType, type(None),
})


def verify(op: Op, stage: str = "") -> None:
    """Raise VerifyError where `op` (a module, or any op alone) breaks a rule; its text is the dump
    with the broken rules under their ops. `stage` is named in the message."""
    errors = find_errors(op)
    if not errors:
        return
    notes: dict[Op, str] = {}
    for at, message in errors:
        notes[at] = f"{notes[at]}; {message}" if at in notes else f"error: {message}"
    first, message = errors[0]
    where = f" after {stage}" if stage else ""
    place = " ({}:{}:{})".format(*first.location) if first.location else ""
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    raise VerifyError(f"the IR{where} breaks a rule{more}: {first.name}{place}: {message}\n"
                      + print_op(op, locations=False, notes=notes))


def find_errors(op: Op) -> list[tuple[Op, str]]:
    """The broken rules, at most MAX_ERRORS, each with the op at fault."""
    checker = _Checker()
    checker.op(op, op.parent)
    return checker.errors[:MAX_ERRORS]


@dataclass(frozen=True)
class _Arity:
    """What an op's declaration says of counts, ready to compare."""

    least: int  # operands
    most: int | None
    groups: tuple[tuple[int, int | None], ...]  # least and most of each operand group
    results: int | None
    needs_terminator: bool


@functools.cache
def _arity(name: str) -> _Arity:
    definition = OPS[name]
    limits = {"*": (0, None), "?": (0, 1)}
    groups = tuple(limits.get(o[-1], (1, 1)) for o in definition.operands)
    most = None if any(m is None for _, m in groups) else sum(m or 0 for _, m in groups)
    return _Arity(sum(least for least, _ in groups), most, groups,
                  None if definition.results == "*" else int(definition.results),
                  name != "builtin.module")


class _Checker:
    def __init__(self) -> None:
        self.errors: list[tuple[Op, str]] = []
        self.visible: set[Value] = set()
        self.trail: list[Value] = []  # what became visible, in order: the end of a region takes it back

    def show(self, values: list[Value]) -> None:
        self.visible.update(values)
        self.trail += values

    def fail(self, op: Op, message: str) -> None:
        self.errors.append((op, message))

    def op(self, op: Op, block: Block | None) -> None:
        if op.parent is not block:
            self.fail(op, "the op does not know the block in which it stands")
        definition = OPS.get(op.name)
        if definition is None:
            self.fail(op, f"op '{op.name}' is declared in no dialect")
            return
        self.operands(op)
        sound = self.counts(op, definition)
        self.attributes(op, definition)
        for region in op.regions:
            self.region(op, region, definition)
        if sound and len(self.errors) < MAX_ERRORS:
            self.types(op, definition)
            if definition.verify is not None:
                self.declared_rule(op, definition)
        for i, value in enumerate(op.results):
            if value.owner is not op or value.index != i:
                self.fail(op, f"result {i} does not know its op and place")
        self.show(op.results)

    def operands(self, op: Op) -> None:
        for i, value in enumerate(op.operands):
            if value not in self.visible:
                self.fail(op, self.unseen(op, i, value))
            elif op not in value.uses:
                self.fail(op, f"operand {i} does not count this use")

    def unseen(self, op: Op, number: int, value: Value) -> str:
        owner = value.owner
        block = owner.parent if isinstance(owner, Op) else owner
        name = f"operand {number} (%{value.name})" if value.name else f"operand {number}"
        if block is None or not _attached(block, op):
            return f"{name} is defined by an op or block that is not in this IR"
        if block is op.parent:
            return f"{name} is used before it is defined"
        return f"{name} is defined in a region that this op cannot see; yield it from there"

    def counts(self, op: Op, definition: OpDef) -> bool:
        """Rules 3 and 4. The op's own rules are asked only where these hold."""
        arity, before = _arity(op.name), len(self.errors)
        n = len(op.operands)
        if definition.segmented:
            self.groups(op, arity)
        elif n < arity.least or (arity.most is not None and n > arity.most):
            self.fail(op, f"it has {n} operands; declared are: {' '.join(definition.operands) or 'none'}")
        if arity.results is not None and len(op.results) != arity.results:
            self.fail(op, f"it has {len(op.results)} results; declared are {arity.results}")
        if len(op.regions) != definition.regions:
            self.fail(op, f"it has {len(op.regions)} regions; declared are {definition.regions}")
        elif any(len(region.blocks) != 1 for region in op.regions):
            self.fail(op, "a region has one block")
        return len(self.errors) == before

    def groups(self, op: Op, arity: _Arity) -> None:
        sizes = op.attrs.get("operandSegmentSizes")
        if not isinstance(sizes, t.DenseArray):
            self.fail(op, "operandSegmentSizes must give the length of each operand group")
            return
        if len(sizes) != len(arity.groups) or sum(sizes) != len(op.operands):
            self.fail(op, f"operandSegmentSizes {sizes} must have {len(arity.groups)} entries with the sum "
                          f"{len(op.operands)}")
            return
        for size, (least, most), name in zip(sizes, arity.groups, OPS[op.name].operands, strict=True):
            if size < least or (most is not None and size > most):
                self.fail(op, f"the operand group '{name.rstrip('*?')}' has {size} operands")

    def attributes(self, op: Op, definition: OpDef) -> None:
        attrs = op.attrs
        for name in definition.attrs:
            if name not in attrs:
                self.fail(op, f"the attribute '{name}' is missing")
        for name, value in attrs.items():
            if type(value) not in _ATTRIBUTES and not _is_attribute(value):
                self.fail(op, f"the attribute '{name}' is a Python {type(value).__name__}, which has no text")

    def region(self, op: Op, region: Region, definition: OpDef) -> None:
        if region.parent is not op:
            self.fail(op, "a region does not know its op")
        outside, mark = self.visible, len(self.trail)
        if ISOLATED in definition.traits:
            self.visible = set()
        for block in region.blocks:
            self.block(op, region, block)
        self.visible = outside
        self.visible.difference_update(self.trail[mark:])
        del self.trail[mark:]

    def block(self, op: Op, region: Region, block: Block) -> None:
        if block.parent is not region:
            self.fail(op, "a block does not know its region")
        for i, arg in enumerate(block.args):
            if arg.owner is not block or arg.index != i:
                self.fail(op, f"argument {i} does not know its block and place")
        self.show(block.args)
        last = len(block.ops) - 1
        for i, inner in enumerate(block.ops):
            if len(self.errors) >= MAX_ERRORS:
                return
            self.op(inner, block)
            definition = OPS.get(inner.name)
            if definition is not None and i != last and TERMINATOR in definition.traits:
                self.fail(inner, "a terminator must be the last op of its block")
        self.block_end(op, block)

    def block_end(self, op: Op, block: Block) -> None:
        last = OPS.get(block.ops[-1].name) if block.ops else None
        ends = last is not None and TERMINATOR in last.traits
        if op.name == "builtin.module":
            self.symbols(block)
        elif not block.ops:
            self.fail(op, "its block is empty; a block ends in a terminator")
        elif not ends and last is not None:
            self.fail(block.ops[-1], "the last op of a block must be a terminator")

    def symbols(self, block: Block) -> None:
        seen: set[str] = set()
        for op in block.ops:
            name = op.attrs.get("sym_name")
            if name in seen:
                self.fail(op, f"the symbol '{name}' is defined twice")
            if isinstance(name, str):
                seen.add(name)

    def types(self, op: Op, definition: OpDef) -> None:
        if definition.same_types:
            expected = op.results[0].type
            for i, value in enumerate(op.operands):
                if value.type is not expected and value.type != expected:
                    self.fail(op, f"operand {i} is {value.type}, the result {expected}; they must be one")
                    return
        elif ELEMENTWISE in definition.traits:
            self.containers(op)
        elif op.name == "arith.constant":
            self.constant(op)

    def containers(self, op: Op) -> None:
        result = op.results[0].type
        for i, value in enumerate(op.operands):
            if i == 0 and op.name == "arith.select" and value.type == t.i1:
                continue
            if not _same_container(value.type, result):
                self.fail(op, f"operand {i} is {value.type}, the result {result}; an elementwise op works on "
                              "scalars, or on one shape")

    def constant(self, op: Op) -> None:
        value = op.attrs.get("value")
        type = getattr(value, "type", None)
        if type != op.results[0].type:
            self.fail(op, f"the value is of type {type}, the result {op.results[0].type}")
        elif isinstance(value, t.IntAttr) and not _fits(value):
            self.fail(op, f"{value.value} does not fit {type}")

    def declared_rule(self, op: Op, definition: OpDef) -> None:
        assert definition.verify is not None
        try:
            broken = definition.verify(op)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            broken = f"its declared check could not read it ({type(error).__name__}: {error})"
        if broken:
            self.fail(op, broken)


def _is_attribute(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_attribute(v) for v in value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_attribute(v) for k, v in value.items())
    return type(value) in _ATTRIBUTES


def _fits(value: t.IntAttr) -> bool:
    width = value.type.width if isinstance(value.type, t.IntType) else 64
    return -(1 << (width - 1)) <= value.value < 1 << width


def _same_container(a: t.Type, b: t.Type) -> bool:
    shaped = (t.TensorType, t.VectorType)
    if not isinstance(a, shaped) or not isinstance(b, shaped):
        return not isinstance(a, shaped) and not isinstance(b, shaped)
    return type(a) is type(b) and len(a.shape) == len(b.shape) and all(
        m is None or n is None or m == n for m, n in zip(a.shape, b.shape, strict=True))


def _root(block: Block) -> Op | Block:
    """The op that holds everything around `block`, or the block itself where it hangs loose."""
    while True:
        op = block.parent_op()
        if op is None or op.parent is None:
            return op or block
        block = op.parent


def _attached(block: Block, op: Op) -> bool:
    return op.parent is not None and _root(block) is _root(op.parent)
