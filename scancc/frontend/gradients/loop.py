"""A scan under construction: what the inner graph reads is added as it turns out to be needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from scancc.fast_math import FastMath
from scancc.frontend.graph.dims import ShapeI, dim, int64, same_scalar
from scancc.frontend.graph.variables import Apply, Constant, TensorType, Variable, ancestors, applies, rebuild
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs, ScanOutputs
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.index_template import FULL
from scancc.frontend.ops.subtensor import Subtensor
from scancc.late_dataclasses import dataclass


@dataclass
class Lag:
    """A carry that is read `lag` steps later, through `row`."""

    row: Variable
    lag: int
    init: Variable
    next: Variable
    trace: bool

    def carry(self, next: Variable) -> Carry:
        return Carry(((-self.lag, self.row),), self.lag, next, self.trace)


@dataclass
class Loop:
    """Inner variables beside the outer ones they stand for; new rows and `ys` in forward terms."""

    xs: dict[Variable, Variable] = field(default_factory=dict)
    lags: list[Lag] = field(default_factory=list)
    consts: dict[Variable, Variable] = field(default_factory=dict)
    ys: list[Variable] = field(default_factory=list)

    def read(self, type: TensorType, outer: Variable, name: str | None = None) -> Variable:
        """The inner variable for the rows of `outer`."""
        inner = type(name)
        self.xs[inner] = outer
        return inner

    def hold(self, outer: Variable, type: TensorType | None = None, name: str | None = None) -> Variable:
        """The inner variable for an invariant."""
        if isinstance(outer, Constant) and outer.ndim == 0:
            return outer
        inner = (type or outer.type)(name)
        self.consts[inner] = outer
        return inner

    def extent_outside(self, inner: Variable, axis: int) -> Variable | None:
        """The length of an axis of what the step reads through the loop."""
        if inner in self.xs:
            return dim(self.xs[inner], axis + 1)
        if inner in self.consts:
            return dim(self.consts[inner], axis)
        lag = next((lag for lag in self.lags if lag.row is inner), None)
        return None if lag is None else dim(lag.init, axis + (lag.lag > 1))

    def emit(self, row: Variable) -> int:
        """Stack this row; its position among the `ys`."""
        for i, y in enumerate(self.ys):
            if y is row:
                return i
        self.ys.append(row)
        return len(self.ys) - 1

    def rewrite(self, change: Callable[[list[Variable]], list[Variable]]) -> None:
        """Put other rows in place of all."""
        rows = iter(change([*(lag.next for lag in self.lags), *self.ys]))
        for lag in self.lags:
            lag.next = next(rows)
        self.ys = list(rows)

    def run(
        self, length: Variable, label: str | None, replace: Mapping[Variable, Variable], fast_math: FastMath | None,
        again: str | None = None,
    ) -> ScanOutputs[Variable]:
        """The outputs of the loop, after `replace` is done in its step; `fast_math` is that of the forward scan."""
        rows = self._with_lengths_outside(rebuild([*(lag.next for lag in self.lags), *self.ys], dict(replace)))
        carry = tuple(lag.carry(row) for lag, row in zip(self.lags, rows, strict=False))
        ys = tuple(rows[len(carry):])
        used = set(ancestors(rows))
        xs, consts = ({k: v for k, v in group.items() if k in used} for group in (self.xs, self.consts))
        body = Body(tuple(xs), carry, tuple(consts), ys)
        groups = ScanInputs(length, list(xs.values()), [lag.init for lag in self.lags], list(consts.values()))
        return Scan(body, label, fast_math=fast_math, again=again, gradient=True).apply_to(groups)

    def _with_lengths_outside(self, rows: list[Variable]) -> list[Variable]:
        """`rows`, with the lengths of sequences of which nothing else is read taken outside: what makes these
        sequences, as the forward step run again, may not be needed then."""
        nodes = applies(rows)
        read = {v for node in nodes if not isinstance(node.op, ShapeI) for v in node.inputs}.union(rows)
        asked = {node.outputs[0]: dim(self.xs[x], node.op.axis + 1) for node in nodes
                 if isinstance(node.op, ShapeI) and (x := node.inputs[0]) in self.xs and x not in read}
        return rebuild(rows, {length: self.hold(outer) for length, outer in asked.items()}) if asked else rows


# ---- lengths ------------------------------------------------------------------------------------------


def first_rows(x: Variable, n: Variable) -> Variable:
    return x if same_scalar(dim(x, 0), n) else x[:n]


def backwards(x: Variable) -> Variable:
    """`x` with its rows in reverse order."""
    node = x.owner
    return node.inputs[0] if node is not None and _reverses(node) else x[::-1]


def _reverses(node: Apply) -> bool:
    """Whether it is `y[::-1]`."""
    if not isinstance(node.op, Subtensor):
        return False
    first, *rest = node.op.template
    whole = first == ("s", False, False, True) and all(entry == FULL for entry in rest)
    return whole and same_scalar(node.inputs[1], int64(-1))


def shorter(a: Variable, b: Variable) -> Variable:
    return a if same_scalar(a, b) else apply_scalar("minimum", a, b)


