"""What a cycle makes of its states, as a function that can be composed with itself: sums, extremes, affine functions.

    s = a*(s + x) + b*s        affine: s has the factor a + b, and the rest is a*x
    s = max(x, s)              an extreme
    s = x + 1/s                a quotient of two sums (`quotients.py`)
    y = a1*y1 + a2*y2 + x      affine of order 2, where y1 and y2 are what y was one and two steps ago

Two such steps are again one of the same kind, whatever the state is: so some steps may be combined before the state
that they begin with is known. Abstract interpretation of the ops of a cycle: what is known of a value is a `Form`, in
which factors and rests are expressions of values that wait for no state of the cycle.
Source: Fisher and Ghuloum, Parallelizing complex scans and reductions (1994).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value, made_of
from scancc.ir.dialects.arith import CMPF
from scancc.ir.parts import Carry, Nest
from scancc.late_dataclasses import dataclass

from .extremes import Extreme, extreme_of
from .quotients import Moebius, moebius_of
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


Form = Affine | Joined | Clamped | Moebius | Extreme

_NAMES = {"maximumf": "max", "minimumf": "min", "maxsi": "max", "minsi": "min", "maxui": "max", "minui": "min",
          "andi": "and", "ori": "or", "xori": "xor"}


@dataclass(frozen=True)
class Algebra:
    """The form of a cycle. `states`: by how many steps back they are, the nearest first, where it has one series;
    else `coupled` has the form of each."""

    name: str
    form: Form
    states: Sequence[Carry]
    coupled: Sequence[Affine] = ()

    @property
    def factors(self) -> list[list[Expr]]:
        """Of affine states: each one's, of all of them."""
        forms: Sequence[Form] = self.coupled or [self.form]
        return [[form.factors.get(state.arg, ZERO) for state in self.states]
                for form in forms if isinstance(form, Affine)]


def algebra_of(carries: Sequence[Carry], ops: Iterable[Op]) -> Algebra | None:
    """What the states of a cycle become, or None where no class is known that is closed. Linear."""
    ops = list(ops)
    forms = forms_of([carry.arg for carry in carries], ops)
    states = _series(carries)
    form = forms.get(states[0].next) if states else None
    if form is None and len(states) == 1:
        form = _of_one(states[0], ops)
    if form is None:
        return _of_several(carries, forms)
    return Algebra(_name(form, len(states)), form, states)


def _of_one(state: Carry, ops: Sequence[Op]) -> Form | None:
    """What a state is by the shape of its step as a whole."""
    choice = state.next.op
    extreme = extreme_of(choice, state.arg) if choice is not None and choice.name == "arith.select" else None
    if extreme is not None and extreme.other not in made_of([state.arg], ops):
        return extreme
    return moebius_of(state.arg, state.next, ops)


def _series(carries: Sequence[Carry]) -> list[Carry]:
    """The states as one value of several steps, the newest first: all but that one are what another one was."""
    older = {carry.next: carry for carry in carries if any(carry.next is other.arg for other in carries)}
    newest = [carry for carry in carries if older.get(carry.next) is not carry]
    if len(newest) != 1 or len(older) != len(carries) - 1:
        return []
    found = newest
    while found[-1].arg in older:
        found.append(older[found[-1].arg])
    return found if len(found) == len(carries) else []


def _of_several(carries: Sequence[Carry], forms: Mapping[Value, Form]) -> Algebra | None:
    """Several states that are affine in each other: a matrix. Those that only change places are numbers that move,
    which products with 0 and 1 would not leave as they are."""
    if {carry.next for carry in carries} == {carry.arg for carry in carries}:
        return None
    found = [form for carry in carries if isinstance(form := forms.get(carry.next), Affine)]
    if 1 < len(carries) == len(found):
        return Algebra(f"affine in {len(carries)} states", found[0], carries, found)
    return None


def _name(form: Form, order: int) -> str:
    if isinstance(form, Joined):
        return _NAMES[form.op.partition(".")[2]] + ("" if form.kept == ONE else " with resets")
    if isinstance(form, Moebius | Extreme):
        return "moebius" if isinstance(form, Moebius) else "extreme"
    if isinstance(form, Clamped):
        if form.factor != ONE:
            return "affine with bounds"
        return "clamp" if form.added == ZERO or None not in (form.low, form.high) else (
            "min-plus" if form.low is None else "max-plus")
    if form.mixes:
        return "affine by a matrix"
    if order > 1:
        return f"affine of order {order}"
    if form.resets:
        return "replacement" if form.is_chosen else "affine with resets"
    if list(form.factors.values()) == [ONE]:
        return "sum" if form.rest != ZERO else "unchanged"
    return "affine" if form.rest != ZERO else "product"


# ---- forms ----

def forms_of(states: Iterable[Value], ops: Iterable[Op]) -> dict[Value, Form]:
    """The forms of what `ops`, in order, make of `states`; what waits for a state and has none is not closed."""
    known: dict[Value, Form | None] = {state: Affine({state: ONE}) for state in states}
    for op in ops:
        if op.name == "linalg.generic":
            known.update(_of_nest(op, known))
        elif any(v in known for inner in op.walk() for v in inner.operands):
            known.update(dict.fromkeys(op.results, _form(op, [known.get(v, FREE) for v in op.operands])))
    return {value: form for value, form in known.items() if form is not None}


def _form(op: Op, forms: Sequence[_Known]) -> Form | None:
    rule = _RULES.get(op.name)
    return None if rule is None else rule(op, forms)


class Free:
    """A value that waits for no state."""


FREE = Free()
_Known = Form | Free | None


def _of_nest(op: Op, known: Mapping[Value, Form | None]) -> Iterator[tuple[Value, Form | None]]:
    """Of the elements of a nest: those of states at the nest's own place are those of the state."""
    nest, inner = Nest(op), dict[Value, Form | None]()
    for read in (*nest.reads, *nest.writes):
        if read.value in known:
            form = known[read.value]
            own = read.dims == nest.identity and nest.is_parallel
            inner[read.arg] = form if own else _mixed(form)
    free_outside = not any(v in known for each in op.body.ops for v in each.operands)
    if not inner and free_outside:
        return
    for each in op.body.ops[:-1]:
        if any(v in inner or v in known for v in each.operands):
            inner[each.result] = _form(each, [inner.get(v, known.get(v, FREE)) for v in each.operands])
    for result, element in zip(op.results, nest.elements, strict=True):
        if element in inner:
            yield result, inner[element]
        elif not nest.is_parallel:
            yield result, None


def _mixed(form: Form | None) -> Form | None:
    """The form of a state of which other elements come in."""
    return replace(form, mixes=True) if isinstance(form, Affine) else None


def _added(op: Op, forms: Sequence[_Known]) -> Form | None:
    """x + y"""
    return _sum(op.name, *zip(op.operands, forms, strict=True))


def _subtracted(op: Op, forms: Sequence[_Known]) -> Form | None:
    """x - y"""
    (x, of_x), (y, of_y) = zip(op.operands, forms, strict=True)
    add = op.name.replace("sub", "add")
    if isinstance(of_y, Free):
        return _sum(add, (x, of_x), (_negated(add, y), of_y))
    return _sum(add, (x, of_x), (y, _negative(add, of_y)))


def _negated(add: str, value: Expr) -> Expr:
    return Term("arith.negf", (value,)) if add.endswith("f") else Term("arith.subi", (ZERO, value))


def _negative(add: str, form: Form | None) -> Form | None:
    if not isinstance(form, Affine):
        return None
    rest = form.rest if form.rest == ZERO else _negated(add, form.rest)
    return replace(form, factors={state: _negated(add, f) for state, f in form.factors.items()}, rest=rest)


def _negation(op: Op, forms: Sequence[_Known]) -> Form | None:
    (form,) = forms
    return None if isinstance(form, Free) else _negative("arith.addf", form)


def _sum(add: str, *parts: tuple[Expr, _Known]) -> Form | None:
    clamped = [clamp for _, form in parts if (clamp := _as_clamped(form)) is not None]
    if clamped:
        added = [value for value, form in parts if isinstance(form, Free)]
        return _moved(add, clamped[0], added) if len(clamped) + len(added) == len(parts) else None
    factors: dict[Value, Expr] = {}
    rest: Expr = ZERO
    resets = mixes = False
    for value, form in parts:
        if isinstance(form, Free):
            rest = _plus(add, rest, value)
        elif isinstance(form, Affine):
            for state, factor in form.factors.items():
                factors[state] = _plus(add, factors[state], factor) if state in factors else factor
            rest, resets, mixes = _plus(add, rest, form.rest), resets or form.resets, mixes or form.mixes
        else:
            return None
    return Affine(factors, rest, resets, mixes)


def _plus(add: str, x: Expr, y: Expr) -> Expr:
    if y == ZERO:
        return x
    return y if x == ZERO else Term(add, (x, y))


def _multiplied(op: Op, forms: Sequence[_Known]) -> Form | None:
    """x * y, of which one is free"""
    return _scaled(op.name, *zip(op.operands, forms, strict=True))


def _divided(op: Op, forms: Sequence[_Known]) -> Form | None:
    """x / y, of which y is free: one division for all that x is the sum of"""
    (x, y), (of_x, of_y) = op.operands, forms
    return _scaled("arith.mulf", (x, of_x), (Term("arith.divf", (ONE, y)), of_y)) if isinstance(of_y, Free) else None


def _scaled(mul: str, *parts: tuple[Expr, _Known]) -> Form | None:
    (x, of_x), (y, of_y) = parts
    if isinstance(of_x, Free):
        (x, of_x), (y, of_y) = (y, of_y), (x, of_x)
    clamp = _as_clamped(of_x)
    if clamp is not None and isinstance(of_y, Free):
        return _stretched(mul, clamp, y) if mul.endswith("f") else None
    if not isinstance(of_x, Affine) or not isinstance(of_y, Free):
        return None
    return replace(of_x, factors={state: _times(mul, factor, y) for state, factor in of_x.factors.items()},
                   rest=_times(mul, of_x.rest, y))


def _stretched(mul: str, clamp: Clamped, y: Expr) -> Clamped:
    """A state between bounds times a value that is not below 0."""
    low, high = (None if bound is None else _times(mul, bound, y) for bound in (clamp.low, clamp.high))
    return replace(clamp, factor=_times(mul, clamp.factor, y), scales=(*clamp.scales, y),
                   added=_times(mul, clamp.added, y), low=low, high=high)


def _times(mul: str, x: Expr, y: Expr) -> Expr:
    if x == ZERO:
        return x
    return y if x == ONE else Term(mul, (x, y))


def _fused(op: Op, forms: Sequence[_Known]) -> Form | None:
    """x*y + z"""
    (x, y, z), (of_x, of_y, of_z) = op.operands, forms
    if isinstance(of_x, Free) and isinstance(of_y, Free):
        return _sum("arith.addf", (Term("arith.mulf", (x, y)), FREE), (z, of_z))
    return _sum("arith.addf", (ZERO, _scaled("arith.mulf", (x, of_x), (y, of_y))), (z, of_z))


def _joined(op: Op, forms: Sequence[_Known]) -> Form | None:
    """An extreme, or bits: of a state and a free value, or the same of that and another."""
    (x, y), (of_x, of_y) = op.operands, forms
    if isinstance(of_x, Free) == isinstance(of_y, Free):
        return None
    first = isinstance(of_y, Free)
    form, other = (of_x, y) if first else (of_y, x)
    if isinstance(form, Affine) and list(form.factors.values()) == [ONE] and form.rest == ZERO:
        return Joined(op.name, next(iter(form.factors)), other, first)
    if isinstance(form, Joined) and form.op == op.name:
        if op.name.endswith("f") and first != form.state_first:
            return None  # of zeros of two signs the last one counts
        both = (form.other, other) if first else (other, form.other)
        return replace(form, other=Term(op.name, both))
    if isinstance(form, Affine) and form.is_chosen:
        return _joined_or_not(op.name, form, other, first)
    return _clamped(op.name, form, other, first)


def _joined_or_not(name: str, form: Affine, other: Expr, first: bool) -> Joined:
    """A value, and a state that is kept or has another value in its place."""
    (state, kept), = form.factors.items()
    both = Term(name, (form.rest, other) if first else (other, form.rest))
    changes = any(not isinstance(v, Value) or constant_of(v) != _BEYOND.get(name) for v in _places(kept, form.rest))
    return Joined(name, state, _where(kept, other, both) if changes else other, first, kept)


_BEYOND = {"arith.maximumf": -inf, "arith.minimumf": inf}  # extremes leave others as they are with it


def _places(kept: Expr, rest: Expr) -> Iterator[Expr]:
    """What stands in a state's place where choices do not keep it."""
    if kept == ZERO:
        yield rest
    elif isinstance(kept, Term) and isinstance(rest, Term):
        (_, *sides), (_, *others) = kept.operands, rest.operands
        for side, beside in zip(sides, others, strict=True):
            yield from _places(side, beside)


def _where(kept: Expr, x: Expr, y: Expr) -> Expr:
    """x where a state is kept, else y."""
    if not isinstance(kept, Term):
        return x if kept == ONE else y
    condition, *sides = kept.operands
    return Term(kept.op, (condition, *(_where(side, x, y) for side in sides)))


def _clamped(name: str, form: _Known, other: Expr, first: bool) -> Form | None:
    """A bound on a state and a value, or on one that has one."""
    which, kind = name.removeprefix("arith.")[:3], name.removeprefix("arith.")[3:]
    if which not in ("max", "min"):
        return None
    if isinstance(form, Affine) and len(form.factors) == 1 and not form.mixes:
        form = _without_bounds(form, kind, first)
    clamp = _as_clamped(form)
    if clamp is None or clamp.kind != kind or kind == "imumf" and clamp.state_first != first:
        return None  # of zeros of two signs the last one counts

    def bounded(bound: Expr | None) -> Expr | None:
        return None if bound is None else Term(name, (bound, other) if first else (other, bound))
    low, high = bounded(clamp.low), bounded(clamp.high)
    if which == "max":
        low = other if low is None else low
    else:
        high = other if high is None else high
    return replace(clamp, low=low, high=high, bounds=(*clamp.bounds, other))


def _without_bounds(form: Affine, kind: str, first: bool) -> Clamped | None:
    """A state times a factor and a value, before it has a bound; of integers a factor may wrap around."""
    (state, factor), = form.factors.items()
    if factor != ONE and kind != "imumf":
        return None
    scales = () if factor == ONE else (factor,)
    return Clamped(state, kind, first, form.rest, addends=_addends(form.rest), factor=factor, scales=scales)


def _as_clamped(form: _Known) -> Clamped | None:
    """A form that has a bound, as one that may have another."""
    is_extreme = isinstance(form, Joined) and _NAMES[form.op.removeprefix("arith.")] in ("max", "min")
    if not isinstance(form, Joined) or not is_extreme or form.kept != ONE:
        return form if isinstance(form, Clamped) else None
    which, kind = form.op.removeprefix("arith.")[:3], form.op.removeprefix("arith.")[3:]
    clamp = Clamped(form.state, kind, form.state_first, bounds=(form.other,))
    return replace(clamp, low=form.other) if which == "max" else replace(clamp, high=form.other)


def _moved(add: str, clamp: Clamped, values: Sequence[Expr]) -> Clamped:
    """The sum of a state between bounds and values."""
    for value in values:
        low, high = (None if bound is None else _plus(add, bound, value) for bound in (clamp.low, clamp.high))
        clamp = replace(clamp, added=_plus(add, clamp.added, value), low=low, high=high,
                        addends=(*clamp.addends, *_addends(value)))
    return clamp


def _addends(value: Expr) -> tuple[Expr, ...]:
    """The terms of a sum."""
    if isinstance(value, Term) and value.op in ("arith.addi", "arith.subi", "arith.addf"):
        return tuple(part for operand in value.operands for part in _addends(operand))
    return () if value == ZERO else (value,)


def _chosen(op: Op, forms: Sequence[_Known]) -> Form | None:
    """One of two values by a condition that is free, or a product."""
    (condition, x, y), (of_condition, of_x, of_y) = op.operands, forms
    if not isinstance(of_condition, Free):
        if _is_product(condition, x, y):
            return of_y  # type: ignore[return-value]
        return _compared(condition.op, (x, of_x), (y, of_y))
    sides = [Affine({}, v) if isinstance(form, Free) else form for v, form in ((x, of_x), (y, of_y))]
    a, b = sides
    joined = a if isinstance(a, Joined) else b
    if isinstance(joined, Joined):
        return _joined_or_replaced(condition, joined, (x, of_x), (y, of_y))
    if not isinstance(a, Affine) or not isinstance(b, Affine):
        return None
    states = dict.fromkeys((*a.factors, *b.factors))
    return Affine({s: _choice(condition, a.factors.get(s, ZERO), b.factors.get(s, ZERO)) for s in states},
                  _choice(condition, a.rest, b.rest), a.resets or b.resets or not a.factors or not b.factors,
                  a.mixes or b.mixes)


_LARGER = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}  # what each is of operands that are exchanged


def _is_product(condition: Value, x: Value, y: Value) -> bool:
    """Whether a choice is 0 where a factor is 0, else a product, as gradients write it: the same as the product where
    all factors are finite, which all who combine steps ask for."""
    asked = condition.op
    if asked is None or asked.name != "arith.cmpf" or y.op is None or CMPF[asked.attrs["predicate"].value] != "oeq":
        return False
    factor, zero = asked.operands
    in_product = y.op.name == "arith.mulf" and factor in y.op.operands
    in_quotient = y.op.name == "arith.divf" and factor is y.op.operands[0]
    return (in_product or in_quotient) and constant_of(zero) == 0 == constant_of(x)


def _joined_or_replaced(condition: Value, joined: Joined, *sides: tuple[Value, _Known]) -> Joined | None:
    """What a state and a value are joined to, or a value in its place."""
    kept, others = list[Expr](), list[Expr]()
    for value, form in sides:
        if isinstance(form, Joined) and (form.op, form.state_first) != (joined.op, joined.state_first):
            return None
        if not isinstance(form, Joined | Free):
            return None
        kept.append(form.kept if isinstance(form, Joined) else ZERO)
        others.append(form.other if isinstance(form, Joined) else value)
    return replace(joined, kept=_choice(condition, *kept), other=_choice(condition, *others))


def _compared(condition: Op | None, x: tuple[Value, _Known], y: tuple[Value, _Known]) -> Form | None:
    """A bound that is written as a choice: the one of a sum and a value that compares so, or what a state adds to a
    value where it is above 0, or below. A NaN is another number than an extreme makes of it: groups that have
    one are not combined."""
    if condition is None or condition.name != "arith.cmpf":
        return None
    (u, v), predicate = condition.operands, CMPF[condition.attrs["predicate"].value]
    (first, of_first), (second, of_second) = (x, y) if isinstance(y[1], Free) else (y, x)
    if predicate[1:] not in _LARGER or not isinstance(of_second, Free) or isinstance(of_first, Free):
        return None
    if v is first or constant_of(u) == 0:
        u, v, predicate = v, u, predicate[0] + _LARGER[predicate[1:]]
    larger = (predicate[1] == "g") == (first is x[0])
    name = "arith.maximumf" if larger else "arith.minimumf"
    if u is first and v is second:
        is_state = isinstance(of_first, Affine) and of_first.rest == ZERO and [*of_first.factors.values()] == [ONE]
        return None if is_state else _clamped(name, of_first, second, (predicate[2] == "t") == (second is y[0]))
    adds = isinstance(of_first, Affine) and [*of_first.factors] == [u] and of_first.rest is second
    return _clamped(name, of_first, second, True) if adds and constant_of(v) == 0 else None


def _choice(condition: Value, x: Expr, y: Expr) -> Expr:
    return x if x is y else Term("arith.select", (condition, x, y))


def _by_matrix(op: Op, forms: Sequence[_Known]) -> Form | None:
    """A product of a matrix and a state."""
    (of_x, of_y) = forms
    if isinstance(of_x, Free) == isinstance(of_y, Free):
        return None
    return _mixed(of_y if isinstance(of_x, Free) else of_x)  # type: ignore[arg-type]


_RULES: dict[str, Callable[[Op, Sequence[_Known]], Form | None]] = {
    **dict.fromkeys(("arith.addf", "arith.addi"), _added), **dict.fromkeys(("arith.subf", "arith.subi"), _subtracted),
    **dict.fromkeys(("arith.mulf", "arith.muli"), _multiplied), "arith.negf": _negation, "math.fma": _fused,
    "arith.divf": _divided, "arith.select": _chosen, "scan.dot": _by_matrix,
    **dict.fromkeys((f"arith.{name}" for name in _NAMES), _joined),
}
