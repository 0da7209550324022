"""Rewrites each op into the simplest op that means the same, until no rule applies.

    %c = "arith.constant"() {value = 2.0 : f64}          %c = "arith.constant"() {value = 0.5 : f64}
    %d = "arith.divf"(%x, %c)                     ->     %d = "arith.mulf"(%x, %c)
    %e = "arith.mulf"(%d, %one)                          "func.return"(%d)
    "func.return"(%e)

Why: later passes look for few forms (a constant stands second, a view is of no view, a size is the
value that made it), and what tracing leaves behind goes before it costs anything. Dead pure ops go on
the way. The rules are in `canonicalizing/`: arithmetic, tensors, turned rows, nests, reductions, control.
Conservative about: floats. A rule holds for every input, infinities, signed zeros and subnormals
included, in the bits that emitted code gives: x + 0.0, x * 0.0 and x / 3.0 stay, and elementary
functions of constants are left to the code that computes them all. Nothing is reassociated.
Cost: a worklist; each op is looked at once, and again when what it uses or who uses it changed.
Source: the worklist is MLIR's greedy pattern rewriter; a limit on rewrites is ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from scancc.errors import InternalError
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import is_dead
from scancc.passes.canonicalizing import arithmetic, control, joins, masks, nests, reductions, sizes, tensors, turned
from scancc.passes.canonicalizing.rules import Outcome, rules_for

SIZES_SEEN = 3  # how far a rule looks through what a size is made of (`ir/linear.py`)

__all__ = ["arithmetic", "canonicalize", "control", "joins", "masks", "nests", "reductions", "sizes", "tensors",
           "turned"]


def canonicalize(module: Op) -> None:
    _Worklist([op for op in module.walk() if op is not module], module.body).run()


def simplify(block: Block) -> None:
    """Apply the rules to the ops of a block."""
    _Worklist([inner for op in block.ops for inner in op.walk()], block).run()


class _Recorder(Builder):
    """A builder that remembers what it inserted before an op."""

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        self.made: list[Op] = []

    def before(self, op: Op) -> None:
        assert op.parent is not None
        self.block, self.anchor, self.location = op.parent, op, op.location

    def insert(self, op: Op) -> Op:
        self.made.append(op)
        return super().insert(op)


class _Worklist:
    def __init__(self, ops: Iterable[Op], block: Block) -> None:
        self.queue: deque[Op] = deque()
        self.waiting: set[Op] = set()
        self.builder = _Recorder(block)
        for op in ops:
            self.push(op)
        self.rewrites_left = 1000 + 100 * len(self.queue)

    def push(self, op: Op) -> None:
        if op not in self.waiting:
            self.waiting.add(op)
            self.queue.append(op)

    def run(self) -> None:
        while self.queue:
            op = self.queue.popleft()
            if op not in self.waiting:
                continue  # erased since
            self.waiting.discard(op)
            if is_dead(op):
                self.erase(op)
            else:
                self.simplify(op)

    def simplify(self, op: Op) -> None:
        rules = rules_for(op)
        if not rules:
            return
        b = self.builder
        b.before(op)
        for rule in rules:
            outcome = rule(op, b)
            if b.made:
                for made in b.made:
                    self.push(made)
                b.made.clear()
            if outcome is not None:
                self.apply(op, outcome)
                return

    def apply(self, op: Op, outcome: Outcome) -> None:
        self.rewrites_left -= 1
        if self.rewrites_left < 0:
            raise InternalError(f"canonicalize: the rules for {op.name} undo each other without end")
        if outcome is True:
            self.push(op)
            self.push_around(op)
            return
        values = [outcome] if isinstance(outcome, Value) else list(outcome or ())
        for old, new in zip(op.results, values, strict=True):
            self.push_users(old, SIZES_SEEN if old.type == t.index else 0)
            old.replace_by(new)
            if new.op is not None:
                self.push(new.op)
        self.erase(op)

    def push_users(self, value: Value, depth: int) -> None:
        """Look again at who uses a value, at a nest that it is an element of, and at who sees it through so many sums
        and choices of sizes."""
        for user in value.uses:
            nest = user.parent_op() if user.name == "linalg.yield" else None
            self.push(nest or user)
            if depth and user.results and user.results[0].type == t.index:
                self.push_users(user.results[0], depth - 1)

    def push_around(self, op: Op) -> None:
        """Look again at what makes an op's operands and at who uses its results, inside its regions too."""
        for value in op.operands:
            if value.op is not None and value.op is not op:
                self.push(value.op)
        arguments = [arg for region in op.regions for block in region.blocks for arg in block.args]
        for value in [*op.results, *arguments]:
            for user in value.uses:
                self.push(user)

    def erase(self, op: Op) -> None:
        inside = dict.fromkeys(op.walk())
        used = [value.op for inner in inside for value in inner.operands]
        self.waiting.difference_update(inside)
        op.erase()
        for maker in used:
            if maker is not None and maker not in inside and maker.parent is not None:
                self.push(maker)
