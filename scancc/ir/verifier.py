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
  7. Operands and results are of the declared kinds (`lhs:floats`). Those of an op declared `same_types`
     have one type; those of an elementwise op have one container (all scalars, or one shape; a run-time
     size agrees with any). The condition of arith.select may be a scalar.
  8. A constant has the type of its value, which fits it, read as signed or as unsigned.
Attributes
  9. The declared attributes are there, and of the declared kinds, as are marks (`marks=`). Attributes
     are bool, str, lists and dicts of these, types, and the classes of ir/types; None is MLIR's unit
     attribute. Others may be added: this is where analyses write what they found.
 10. A symbol is defined once in its module.
Ops
 11. An op stands where its declaration lets it (`parents=`), and its regions end as that says (`ends=`).
 12. What the op's own declaration checks (`verify=`), such as the groups of scan.scan. Ops of upstream
     dialects are checked as upstream checks them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import VerifyError
from . import types as t
from .constraints import KINDS, Rule, attribute_kind, is_of_types, parts_of
from .core import Block, Op, Region, Value
from .ops import ELEMENTWISE, ISOLATED, OPS, TERMINATOR, OpDef
from .printer import print_op

MAX_ERRORS = 20  # more are cut: the first says it

_ATTRIBUTES = frozenset({
    bool, str, t.IntAttr, t.FloatAttr, t.DenseArray, t.Dense, t.AffineMap, t.Symbol, t.Iterator,
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an op's declaration asks, ready to compare. A count is None where it is not fixed."""

    definition: OpDef
    segmented: bool
    plain: bool  # no regions, no group sizes
    least: int  # operands
    most: float
    groups: tuple[tuple[int, float], ...]  # least and most of each operand group
    n_results: int | None
    n_regions: int
    same_types: bool
    kinds: tuple[str, ...]  # of each operand group; empty where none says one
    gives: str
    attr_kinds: tuple[tuple[str, str, Callable[[Any], bool] | None, bool], ...]  # name, kind, is of it, needed
    parents: tuple[str, ...]
    ends: tuple[str, ...]
    elementwise: bool
    constant: bool
    ends_block: bool
    isolated: bool
    verify: tuple[Rule, ...]  # of its own
    of_types: tuple[Rule, ...]  # those of these that ask for nothing but types
    others: tuple[Rule, ...]


@functools.cache
def _plan(name: str) -> _Plan | None:
    definition = OPS.get(name)
    if definition is None:
        return None
    limits: dict[str, tuple[int, float]] = {"*": (0, math.inf), "?": (0, 1)}
    groups = tuple(limits.get(o[-1], (1, 1)) for o in definition.operands)
    traits = definition.traits
    attrs = [(n, k, True) for n, k in zip(definition.attrs, definition.attr_kinds, strict=True)]
    attrs += [(n, k, False) for n, k in definition.marks]
    attr_kinds = tuple((n, k, attribute_kind(k)[1] if k else None, needed) for n, k, needed in attrs)
    kinds = definition.kinds if any(definition.kinds) else ()
    verify = parts_of(definition.verify) if definition.verify is not None else ()
    of_types = tuple(filter(is_of_types, verify))
    return _Plan(definition, definition.segmented, not definition.segmented and not definition.regions,
                 sum(least for least, _ in groups), sum(most for _, most in groups), groups,
                 None if definition.results == "*" else int(definition.results), definition.regions,
                 definition.same_types, kinds, definition.gives, attr_kinds, definition.parents, definition.ends,
                 ELEMENTWISE in traits, name == "arith.constant",
                 TERMINATOR in traits, ISOLATED in traits,
                 verify, of_types, tuple(rule for rule in verify if rule not in of_types))


@functools.cache
def _terminators() -> frozenset[str]:
    return frozenset(name for name, definition in OPS.items() if TERMINATOR in definition.traits)


@functools.cache
def _operand_kinds(name: str, n: int, sizes: tuple[int, ...] | None) -> tuple[tuple[str, str], ...]:
    """Kind and name of the group of each of `n` operands; `sizes` of the groups where they are given."""
    plan = _plan(name)
    assert plan is not None
    if sizes is None:
        fixed = [most == 1 == least for least, most in plan.groups]
        sizes = tuple(1 if one else n - sum(fixed) for one in fixed)
    return tuple((kind, group.rstrip("*?")) for kind, group, size in zip(
        plan.kinds, plan.definition.operands, sizes, strict=True) for _ in range(size))


class _Checker:
    """One walk. The common path of an op without fault is short; what is wrong is found out apart."""

    def __init__(self) -> None:
        self.errors: list[tuple[Op, str]] = []
        self.visible: set[Value] = set()
        self.trail: list[Value] = []  # what became visible, in order: the end of a region takes it back
        self.sound: set[tuple[object, ...]] = set()  # names of ops with types that keep the rules of types

    def fail(self, op: Op, message: str) -> None:
        self.errors.append((op, message))

    def op(self, op: Op, block: Block | None) -> None:
        if op.parent is not block:
            self.fail(op, "the op does not know the block in which it stands")
        plan = _plan(op.name)
        if plan is None:
            self.fail(op, f"op '{op.name}' is declared in no dialect")
            return
        operands, results, regions = op.operands, op.results, op.regions
        visible = self.visible
        for value in operands:
            if value not in visible or op not in value.uses:
                self.operands(op)
                break
        before = len(self.errors)
        sound = (plan.plain and plan.least <= len(operands) <= plan.most and not regions
                 and len(results) == plan.n_results) or self.counts(op, plan)
        self.attributes(op, plan)
        if plan.parents:
            self.place(op, plan)
        sound = sound and len(self.errors) == before
        for region in regions:
            self.region(op, region, plan)
        if sound and len(self.errors) < MAX_ERRORS and (not regions or self.endings(op, plan)):
            self.types(op, plan)
        self.show(op, results)

    def show(self, owner: Op | Block, values: list[Value]) -> None:
        """Results and arguments are visible from here on."""
        for i, value in enumerate(values):
            if value.owner is not owner or value.index != i:
                at = owner if isinstance(owner, Op) else owner.parent_op()
                what = "result" if isinstance(owner, Op) else "argument"
                assert at is not None
                self.fail(at, f"{what} {i} does not know its owner and place")
            self.visible.add(value)
        self.trail += values

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

    def counts(self, op: Op, plan: _Plan) -> bool:
        """Rules 3 and 4. The op's own rules are asked only where these hold."""
        before = len(self.errors)
        n = len(op.operands)
        if plan.segmented:
            self.groups(op, plan)
        elif not plan.least <= n <= plan.most:
            self.fail(op, f"it has {n} operands; declared are: {' '.join(plan.definition.operands) or 'none'}")
        if plan.n_results is not None and len(op.results) != plan.n_results:
            self.fail(op, f"it has {len(op.results)} results; declared are {plan.n_results}")
        if len(op.regions) != plan.n_regions:
            self.fail(op, f"it has {len(op.regions)} regions; declared are {plan.n_regions}")
        elif any(len(region.blocks) != 1 for region in op.regions):
            self.fail(op, "a region has one block")
        return len(self.errors) == before

    def groups(self, op: Op, plan: _Plan) -> None:
        sizes = op.attrs.get("operandSegmentSizes")
        if not isinstance(sizes, t.DenseArray):
            self.fail(op, "operandSegmentSizes must give the length of each operand group")
            return
        values = sizes.values
        if len(values) != len(plan.groups) or sum(values) != len(op.operands):
            self.fail(op, f"operandSegmentSizes {sizes} must have {len(plan.groups)} entries with the sum "
                          f"{len(op.operands)}")
            return
        for size, (least, most), name in zip(values, plan.groups, plan.definition.operands, strict=True):
            if not least <= size <= most:
                self.fail(op, f"the operand group '{name.rstrip('*?')}' has {size} operands")

    def attributes(self, op: Op, plan: _Plan) -> None:
        attrs = op.attrs
        for name, value in attrs.items():
            if type(value) not in _ATTRIBUTES and not _is_attribute(value):
                self.fail(op, f"the attribute '{name}' is a Python {type(value).__name__}, which has no text")
        for name, kind, is_of_kind, needed in plan.attr_kinds:
            if name in attrs:
                if is_of_kind is not None and not is_of_kind(attrs[name]):
                    self.fail(op, f"the attribute '{name}' must be {attribute_kind(kind)[0]}")
            elif needed:
                self.fail(op, f"the attribute '{name}' is missing")

    def region(self, op: Op, region: Region, plan: _Plan) -> None:
        if region.parent is not op:
            self.fail(op, "a region does not know its op")
        outside, mark = self.visible, len(self.trail)
        if plan.isolated:
            self.visible = set()
        for block in region.blocks:
            self.block(op, region, block)
        self.visible = outside
        self.visible.difference_update(self.trail[mark:])
        del self.trail[mark:]

    def block(self, op: Op, region: Region, block: Block) -> None:
        if block.parent is not region:
            self.fail(op, "a block does not know its region")
        self.show(block, block.args)
        for inner in block.ops:
            if len(self.errors) >= MAX_ERRORS:
                return
            self.op(inner, block)
        for inner in block.ops[:-1]:
            if inner.name in _terminators():
                self.fail(inner, "a terminator must be the last op of its block")
        self.block_end(op, block)

    def block_end(self, op: Op, block: Block) -> None:
        if op.name == "builtin.module":
            self.symbols(block)
        elif not block.ops:
            self.fail(op, "its block is empty; a block ends in a terminator")
        else:
            last = _plan(block.ops[-1].name)
            if last is not None and not last.ends_block:
                self.fail(block.ops[-1], "the last op of a block must be a terminator")

    def symbols(self, block: Block) -> None:
        seen: set[str] = set()
        for op in block.ops:
            name = op.attrs.get("sym_name")
            if name in seen:
                self.fail(op, f"the symbol '{name}' is defined twice")
            if isinstance(name, str):
                seen.add(name)

    def place(self, op: Op, plan: _Plan) -> None:
        around = op.parent_op()
        if around is not None and around.name not in plan.parents:
            self.fail(op, f"it must stand in {' or '.join(plan.parents)}, not in {around.name}")

    def endings(self, op: Op, plan: _Plan) -> bool:
        """Whether each region ends as it must; a region that ends in no terminator is reported at its last op."""
        sound = True
        for region, name in zip(op.regions, plan.ends, strict=False):
            ops = region.blocks[0].ops
            if not ops or ops[-1].name != name:
                sound = False
                if ops and TERMINATOR in getattr(OPS.get(ops[-1].name), "traits", ()):
                    self.fail(op, f"its region must end in {name}, not in {ops[-1].name}")
        return sound

    def kinds(self, op: Op, plan: _Plan) -> bool:
        """Whether operands and results are of the declared kinds."""
        if plan.kinds:
            sizes = op.attrs["operandSegmentSizes"].values if plan.segmented else None
            kinds = _operand_kinds(op.name, len(op.operands), sizes)
            for i, (value, (kind, group)) in enumerate(zip(op.operands, kinds, strict=True)):
                if kind and not KINDS[kind][1](value.type):
                    self.fail(op, f"operand {i} ('{group}') is {value.type}; it must be {KINDS[kind][0]}")
                    return False
        for result in op.results:
            if plan.gives and not KINDS[plan.gives][1](result.type):
                self.fail(op, f"the result is {result.type}; it must be {KINDS[plan.gives][0]}")
                return False
        return True

    def types(self, op: Op, plan: _Plan) -> None:
        key = self.signature(op, plan)
        if key not in self.sound:
            before = len(self.errors)
            if not self.kinds(op, plan):
                return
            self.shared_types(op, plan)
            if len(self.errors) == before and any(_broken(op, rule) for rule in plan.of_types):
                self.declared_rules(op, plan.verify)  # in the order of the declaration
            if len(self.errors) > before:
                return
            self.sound.add(key)
        if plan.constant:
            self.constant(op)
        if plan.others:
            self.declared_rules(op, plan.others)

    @staticmethod
    def signature(op: Op, plan: _Plan) -> tuple[object, ...]:
        """All that rules of types look at: many ops have the same."""
        sizes = op.attrs["operandSegmentSizes"].values if plan.segmented else None
        return op.name, sizes, *[v.type for v in op.operands], None, *[v.type for v in op.results]

    def shared_types(self, op: Op, plan: _Plan) -> None:
        if plan.same_types:
            expected = op.results[0].type
            for i, value in enumerate(op.operands):
                if value.type is not expected and value.type != expected:
                    self.fail(op, f"operand {i} is {value.type}, the result {expected}; they must be one")
                    return
        elif plan.elementwise:
            self.containers(op)

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

    def declared_rules(self, op: Op, rules: tuple[Rule, ...]) -> None:
        """The first rule of its declaration that an op breaks is said."""
        for rule in rules:
            broken = _broken(op, rule)
            if broken:
                self.fail(op, broken)
                return


def _broken(op: Op, rule: Rule) -> str | None:
    try:
        return rule(op)
    except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        return f"its declared check could not read it ({type(error).__name__}: {error})"


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
