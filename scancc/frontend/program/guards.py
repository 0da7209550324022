"""A program that fails where a value becomes NaN or infinite that is made of finite ones.

Each value of floats is looked at once, in the step that makes it: 0 is finite, 1 infinite, 2 NaN, of an array the
largest of its elements. Where an op gives more than its operands have, a check fails with this number and that of the
value in `Guarded.values`. What a program is given, and constants, are nobody's fault; ops that only place elements
make none. Of a lazy choice the sides are looked at where they are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scancc.errors import NotFinite
from scancc.frontend.graph.dims import int64
from scancc.frontend.graph.variables import Apply, Op, Variable, applies, rebuild_into
from scancc.frontend.loops.scan_op import Scan, scan_of
from scancc.frontend.ops import axes, control, joining, lengths, making, reduction, subtensor
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.program.program import Program
from scancc.late_dataclasses import dataclass

INFINITE, NAN = 1, 2
_PLACING: tuple[type[Op], ...] = (
    Scan, axes.Reshape, control.Check, control.Detach, control.Draw, control.GradientFilter, control.IfElse,
    control.Show, joining.Join, lengths.MakeVector, lengths.SpecifyShape, lengths.Unbroadcast, making.Alloc,
    subtensor.Subtensor, subtensor.AdvancedSubtensor)


@dataclass(frozen=True)
class Guarded:
    """A program with checks; `values` are what they are about, and the scans around each, outermost first."""

    program: Program
    values: tuple[tuple[Variable, tuple[Scan, ...]], ...]


def guarded(program: Program, nan: bool = True, infinite: bool = True) -> Guarded:
    """The program with checks for NaN, infinities or both."""
    guard = _Guard(nan, infinite)
    results = guard.level(program.results, ())
    n = len(program.outputs)
    updates = tuple(zip((shared for shared, _ in program.updates), results[n:], strict=True))
    return Guarded(replace(program, outputs=tuple(results[:n]), updates=updates), tuple(guard.values))


class _Guard:
    """Copies graphs with checks."""

    def __init__(self, nan: bool, infinite: bool) -> None:
        self.nan, self.infinite = nan, infinite
        self.values: list[tuple[Variable, tuple[Scan, ...]]] = []

    def level(self, outputs: Sequence[Variable], around: tuple[Scan, ...]) -> list[Variable]:
        memo: dict[Variable, Variable] = {}
        kinds: dict[Variable, Variable] = {}
        for node in applies(outputs):
            scan = scan_of(node)
            if scan is not None:
                memo.update(zip(node.outputs, self._scan(node, scan, memo, around), strict=True))
            elif not isinstance(node.op, _PLACING):
                for value in filter(_is_float, node.outputs):
                    memo[value] = self._checked(node, value, memo, kinds, around)
        return rebuild_into(outputs, memo)

    def _scan(self, node: Apply, scan: Scan, memo: dict[Variable, Variable],
              around: tuple[Scan, ...]) -> list[Variable]:
        """The outputs of the scan with checks in its step."""
        def copy(held: Sequence[Variable], replaced: dict[Variable, Variable]) -> list[Variable]:
            return self.level(held, (*around, scan))

        step = scan.body.copied({v: v for v in scan.body.inputs}, copy)
        made = Apply(replace(scan, body=step), rebuild_into(node.inputs, memo), [v.type for v in node.outputs],
                     node.location)
        for old, new in zip(node.outputs, made.outputs, strict=True):
            new.name, new.mentions = old.name, old.mentions
        return made.outputs

    def _checked(self, node: Apply, value: Variable, memo: dict[Variable, Variable],
                 kinds: dict[Variable, Variable], around: tuple[Scan, ...]) -> Variable:
        (made,) = rebuild_into([value], memo)
        found = self._kind(made, kinds)
        given: Variable = int64(0)
        for operand in filter(_is_float, node.inputs):
            given = apply_scalar("maximum", given, self._kind(rebuild_into([operand], memo)[0], kinds))
        number = len(self.values)
        self.values.append((value, around))
        checked = control.Check(NotFinite, "a value is not finite (kind {}, number {})")(
            made, apply_scalar("le", found, given), found, int64(number))
        checked.name = value.name
        checked.location = value.location
        kinds[checked] = found
        return checked

    def _kind(self, value: Variable, kinds: dict[Variable, Variable]) -> Variable:
        """0 where all is finite, 1 where an infinity is looked for and there, 2 where NaN is."""
        if value not in kinds:
            kinds[value] = self._found(value)
        return kinds[value]

    def _found(self, value: Variable) -> Variable:
        if value.dtype.startswith("complex"):
            return apply_scalar("maximum", *(self._found(apply_scalar(part, value)) for part in ("real", "imag")))
        nan, infinite = (cast(reduction.any(apply_scalar(fn, value)), "int64") for fn in ("isnan", "isinf"))
        most = int64(0) if not self.infinite else infinite
        return apply_scalar("maximum", most, apply_scalar("mul", nan, int64(NAN))) if self.nan else most


def _is_float(value: Variable) -> bool:
    return value.dtype.startswith(("float", "complex"))
