"""What a cycle makes of its states, as a function that can be composed with itself: sums, extremes, affine functions.

    s = a*(s + x) + b*s        affine: s has the factor a + b, and the rest is a*x
    s = max(x, s)              an extreme
    s = x + 1/s                a quotient of two sums (`quotients.py`)
    y = a1*y1 + a2*y2 + x      affine of order 2, where y1 and y2 are what y was one and two steps ago

Two such steps are again one of the same kind, whatever the state is: so some steps may be combined before the state
that they begin with is known. Abstract interpretation of the ops of a cycle: what is known of a value is a `Form`
(`forms.py`), and each op has a rule that says what it makes of those of its operands (`sums.py`, `choices.py`).
Source: Fisher and Ghuloum, Parallelizing complex scans and reductions (1994).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from scancc.ir.core import Op, Value, made_of
from scancc.ir.parts import Carry, Nest
from scancc.late_dataclasses import dataclass

from .choices import of_choice, of_join
from .extremes import Extreme, extreme_of
from .forms import FREE, NAMES, Affine, Clamped, Form, Joined, Known, mixed
from .quotients import Moebius, moebius_of
from .sums import of_difference, of_dot, of_fma, of_negation, of_product, of_quotient, of_sum
from .terms import ONE, ZERO, Expr


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
        return NAMES[form.op.partition(".")[2]] + ("" if form.kept == ONE else " with resets")
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


# ---- forms of all values of a cycle ----

_RULES: dict[str, Callable[[Op, Sequence[Known]], Form | None]] = {
    **dict.fromkeys(("arith.addf", "arith.addi"), of_sum),
    **dict.fromkeys(("arith.subf", "arith.subi"), of_difference),
    **dict.fromkeys(("arith.mulf", "arith.muli"), of_product), "arith.negf": of_negation, "math.fma": of_fma,
    "arith.divf": of_quotient, "arith.select": of_choice, "scan.dot": of_dot,
    **dict.fromkeys((f"arith.{name}" for name in NAMES), of_join),
}


def forms_of(states: Iterable[Value], ops: Iterable[Op]) -> dict[Value, Form]:
    """The forms of what `ops`, in order, make of `states`; what waits for a state and has none is not closed."""
    known: dict[Value, Form | None] = {state: Affine({state: ONE}) for state in states}
    for op in ops:
        if op.name == "linalg.generic":
            known.update(_of_nest(op, known))
        elif any(v in known for inner in op.walk() for v in inner.operands):
            known.update(dict.fromkeys(op.results, _form(op, [known.get(v, FREE) for v in op.operands])))
    return {value: form for value, form in known.items() if form is not None}


def _form(op: Op, forms: Sequence[Known]) -> Form | None:
    rule = _RULES.get(op.name)
    return None if rule is None else rule(op, forms)


def _of_nest(op: Op, known: Mapping[Value, Form | None]) -> Iterator[tuple[Value, Form | None]]:
    """Of the elements of a nest: those of states at the nest's own place are those of the state."""
    nest, inner = Nest(op), dict[Value, Form | None]()
    for read in (*nest.reads, *nest.writes):
        if read.value in known:
            form = known[read.value]
            own = read.dims == nest.identity and nest.is_parallel
            inner[read.arg] = form if own else mixed(form)
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
