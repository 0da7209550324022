"""Forms: what a value of a step is as a function of states, of kinds that composition keeps.

    Affine      a sum of states, each times a factor, and a rest
    Joined      an extreme, or bits, of a state and a value
    Clamped     an affine function of a state between bounds
    Moebius     a quotient of two sums (`quotients.py`)
    Extreme     a value in a state's place where a comparison of the two says so (`extremes.py`)

Factors, rests and bounds are expressions (`terms.py`) of values that wait for no state. Which form the result of an
op has, the rules say: `sums.py`, `choices.py`, `bounds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scancc.ir.core import Value
from scancc.late_dataclasses import dataclass

from .extremes import Extreme
from .quotients import Moebius
from .terms import ONE, ZERO, Expr, Term


@dataclass(frozen=True)
class Affine:
    """The sum of states, each times its factor, and a rest. `resets`: a choice may put a value in their place;
    `mixes`: a factor stands for a matrix."""

    factors: Mapping[Value, Expr]
    rest: Expr = ZERO
    resets: bool = False
    mixes: bool = False

    @property
    def is_state(self) -> bool:
        """Whether it is one state, as it was."""
        return list(self.factors.values()) == [ONE] and self.rest == ZERO

    @property
    def is_kept_or_not(self) -> bool:
        """Whether choices say where a state comes in, and where it is forgotten."""
        return self.resets and len(self.factors) == 1 and _are_choices(next(iter(self.factors.values())))

    @property
    def is_chosen(self) -> bool:
        """Whether they keep it as it is, or put a value in its place."""
        return self.is_kept_or_not and _are_choices(next(iter(self.factors.values())), self.rest)


@dataclass(frozen=True)
class Joined:
    """One op of a state and a value, the state first or last; the value alone where choices do not keep the state."""

    op: str
    state: Value
    other: Expr
    state_first: bool
    kept: Expr = ONE


@dataclass(frozen=True)
class Clamped:
    """min(max(factor*state + added, low), high), without the bounds that are None. `kind`: of the extremes (`si`,
    `ui`, `imumf`), whose first operand is the state, or the last. `scales`, `addends`, `bounds`: by what a step
    multiplies, where the form holds if none is below 0, what it adds, and its bounds, one by one."""

    state: Value
    kind: str
    state_first: bool
    added: Expr = ZERO
    low: Expr | None = None
    high: Expr | None = None
    addends: tuple[Expr, ...] = ()
    bounds: tuple[Expr, ...] = ()
    factor: Expr = ONE
    scales: tuple[Expr, ...] = ()


Form = Affine | Joined | Clamped | Moebius | Extreme

# ops of which a value can be `Joined`, by the name of their class
NAMES = {"maximumf": "max", "minimumf": "min", "maxsi": "max", "minsi": "min", "maxui": "max", "minui": "min",
         "andi": "and", "ori": "or", "xori": "xor"}


class Free:
    """A value that waits for no state."""


FREE = Free()
Known = Form | Free | None  # of an operand; None: it waits for a state and has no form


def mixed(form: Form | None) -> Form | None:
    """The form of a state whose elements are combined with each other."""
    return replace(form, mixes=True) if isinstance(form, Affine) else None


def _are_choices(factor: Expr, rest: Expr | None = None) -> bool:
    """Whether a factor is 1 or 0 by choices, and where it is 1 nothing stands beside it."""
    waiting, seen = [(factor, rest)], set[tuple[int, int]]()
    while waiting:
        kept, beside = waiting.pop()
        if not isinstance(kept, Term):
            if kept not in (ZERO, ONE) or kept == ONE and beside not in (None, ZERO):
                return False
        elif (id(kept), id(beside)) not in seen:
            seen.add((id(kept), id(beside)))
            condition, *chosen = kept.operands
            _, *sides = beside.operands if isinstance(beside, Term) else (None, None, None)
            if kept.op != "arith.select" or beside is not None and not _has_choice(beside, condition):
                return False
            waiting += zip(chosen, sides, strict=True)
    return True


def _has_choice(expr: Expr, condition: Expr) -> bool:
    return isinstance(expr, Term) and expr.op == "arith.select" and expr.operands[0] is condition
