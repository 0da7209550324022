"""What a call computes and moves, as formulas of sizes: arithmetic, elementary functions, bytes in and out.

Counted on scan IR after its loops are joined: what a program asks for, not what vectors or tiles make of it. Of a
choice, the side that costs more counts; a scan with `until` counts all steps that it may run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Value, functions
from scancc.ir.formulas import Formula, Formulas, call, chosen, name, number
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import Nest, ScanView
from scancc.ir.shapes import dims_of, scratch
from scancc.late_dataclasses import dataclass
from scancc.memory import MemoryPlan
from scancc.passes.slicing.latencies import is_function

_FREE = ("arith.constant", "tensor.", "scf.yield", "linalg.yield", "scan.yield", "arith.index_cast")


@dataclass(frozen=True)
class Cost:
    """What one call computes and moves.

    `flops`: additions, products, divisions, comparisons of floats and the like, a fused product and sum as two;
    `calls`: of elementary functions; `others`: of integers and truth values. `moved`: bytes of inputs and outputs,
    each once; `workspace`: bytes of temporaries. `may_stop`: fewer steps may run than are counted (`until`).
    `values`: the sizes for which numbers are asked, else None.
    """

    function: str
    flops: Formula
    calls: Formula
    others: Formula
    moved: Formula
    workspace: Formula
    may_stop: bool = False
    values: Mapping[str, int] | None = None

    @property
    def names(self) -> list[str]:
        """The sizes and numbers that the formulas speak of."""
        return sorted(set().union(*(formula.names for formula in self._rows().values())))

    def at(self, values: Mapping[str, int]) -> Cost:
        """The cost with numbers; ValueError where a size that its formulas speak of has no value."""
        return replace(self, values=chosen(self.names, values, self.function))

    @property
    def intensity(self) -> float | None:
        """Operations on floats (an elementary function counts as 20) for each byte moved, where there are numbers."""
        if self.values is None or not (moved := self.moved.at(self.values)):
            return None
        return (self.flops.at(self.values) + 20 * self.calls.at(self.values)) / moved

    def to_json(self) -> dict[str, object]:
        numbers = {} if self.values is None else {what: f.at(self.values) for what, f in self._rows().items()}
        return {"formulas": {what: str(f) for what, f in self._rows().items()}, "numbers": numbers}

    def _rows(self) -> dict[str, Formula]:
        return {"flops": self.flops, "calls": self.calls, "others": self.others,
                "moved": self.moved, "workspace": self.workspace}

    def __str__(self) -> str:
        rows = [f"  {what:10} {formula}{self._number(formula)}" for what, formula in self._rows().items()]
        tail = [] if self.intensity is None else [f"  {'intensity':10} {self.intensity:.3g} flops a byte"]
        return "".join(f"{row}\n" for row in [f"cost of a call of {self.function}", *rows, *tail])

    def _number(self, formula: Formula) -> str:
        return "" if self.values is None or not formula.names else f" = {formula.at(self.values):,}"


def cost_of(top: Op, function: str, plan: MemoryPlan) -> Cost:
    """The cost of a function of scan IR whose memory is `plan`."""
    func = next(f for f in functions(top) if f.attrs["sym_name"] == function)
    counter = _Counter(func)
    may_stop = any(op.name == "scan.scan" and ScanView(op).executed is not None for op in func.walk())
    return Cost(function, *counter.block(func.body), counter.moved(), plan.workspace.unrounded(), may_stop)


_Work = tuple[Formula, Formula, Formula]  # flops, calls, others
_NONE: _Work = (Formula(), Formula(), Formula())


def _plus(a: _Work, b: _Work) -> _Work:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _times(n: Formula, a: _Work) -> _Work:
    return n * a[0], n * a[1], n * a[2]


class _Sizes(Formulas):
    """Formulas of a function that takes its numbers as values."""

    def _read(self, value: Value) -> Formula:
        if value.owner is self.func.body and not isinstance(value.type, t.TensorType):
            return name(value.name or "number", natural=False)
        if value.op is not None and value.op.name in ("arith.extsi", "arith.extui"):
            return self.of(value.op.operands[0])
        if value.op is not None and value.op.name == "scan.scan" and value is ScanView(value.op).executed:
            return self.of(ScanView(value.op).length)
        return super()._read(value)


class _Counter:
    """Counts the work of a function's blocks."""

    def __init__(self, func: Op) -> None:
        self.sizes = _Sizes(func, {})

    def block(self, block: Block) -> _Work:
        total = _NONE
        for op in block.ops:
            total = _plus(total, self.op(op))
        return total

    def moved(self) -> Formula:
        """The bytes of what the function takes and gives."""
        values = (*self.sizes.func.body.args, *self.sizes.func.body.ops[-1].operands)
        return sum((number(t.nbytes(v.type)) * self._elements(v) for v in values), Formula())

    def op(self, op: Op) -> _Work:
        if op.name == "scan.scan":
            return _times(self.sizes.of(ScanView(op).length), self.block(op.body))
        if op.name == "scf.if":
            sides = [self.block(region.blocks[0]) for region in op.regions]
            return sides[0] if len(sides) == 1 else _larger(sides[0], sides[1])
        if op.name == "linalg.generic":
            return _times(self._rounds(op), self.block(op.body))
        if op.regions:  # loops whose rounds no size tells
            return self.block(op.body)
        if op.name in ("scan.dot", "scan.batch_dot"):
            return _times(self._elements(op.results[0]) * self._inner(op), (number(2), Formula(), Formula()))
        if op.name == "scan.reduce":
            return _times(self._elements(op.operands[0]), _of_one(op))
        if not has_trait(op, ELEMENTWISE) or op.name.startswith(_FREE):
            return _NONE
        return _times(self._elements(op.results[0]), _of_one(op))

    def _rounds(self, op: Op) -> Formula:
        """How often a nest's body runs: the length of each of its dimensions, by an operand that follows it."""
        nest, found = Nest(op), dict[int, Formula]()
        for access in (*nest.reads, *nest.writes):
            for axis, dim in enumerate(access.dims):
                if dim is not None and dim not in found:
                    found[dim] = self._dims(access.value)[axis]
        rounds = number(1)
        for dim in range(len(nest.kinds)):
            rounds = rounds * found.get(dim, name(f"extent_{dim}"))
        return rounds

    def _inner(self, op: Op) -> Formula:
        """The length over which a product sums: the last axis of its left side."""
        return self._dims(op.operands[0])[-1]

    def _elements(self, value: Value) -> Formula:
        total = number(1)
        if isinstance(value.type, t.TensorType):
            for size in self._dims(value):
                total = total * size
        return total

    def _dims(self, value: Value) -> list[Formula]:
        if not isinstance(value.type, t.TensorType):
            return []
        with scratch() as b:
            return [self.sizes.of(size) for size in dims_of(b, value)]


def _larger(a: _Work, b: _Work) -> _Work:
    first, second, third = (x if str(x) == str(y) else call("max", x, y) for x, y in zip(a, b, strict=True))
    return first, second, third


def _of_one(op: Op) -> _Work:
    """The work of an op on one element."""
    kind = t.element(op.operands[-1].type if op.operands else op.results[0].type)
    if is_function(op) and not op.name.startswith("math.abs"):
        return Formula(), number(1), Formula()
    if isinstance(kind, t.FloatType | t.ComplexType):
        return number(2 if op.name == "math.fma" else 1), Formula(), Formula()
    return Formula(), Formula(), number(1)
