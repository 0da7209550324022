"""The derivatives of a program as programs, whose inputs and outputs are named after its own.

    kind            takes beside the inputs       gives
    value_and_grad  -                             the outputs; grad_X of the first output, a number, by each X
    vjp             ct_Y for each output Y        grad_X, the sum of ct_Y dY/dX over all elements of all Y
    jvp             tangent_X for each X          the outputs; tangent_Y, how Y moves where X moves by tangent_X

X are the inputs and shared variables in `wrt`; all inputs of real numbers where it is not given. An output of whole
numbers does not move, and takes no ct_Y.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from scancc.frontend.gradients.backward import grad
from scancc.frontend.gradients.jacobians import Rop
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops.reduction import sum as sum_of
from scancc.frontend.ops.scalars import add, mul
from scancc.frontend.program.arguments import In
from scancc.frontend.program.program import Program, make_program
from scancc.spelling import nearest

KINDS = ("value_and_grad", "vjp", "jvp")


def derivative(program: Program, kind: str, wrt: Any = None) -> Program:
    """The program of a derivative; its name is that of `program` with the kind behind it."""
    if kind not in KINDS:
        raise ValueError(f"gradient is {kind!r}; kinds are {', '.join(KINDS)}")
    by = _variables(program, wrt)
    # What is asked for by name must matter; of what is there by default, some inputs may be sizes or flags.
    missing = "ignore" if wrt is None else "raise"
    more, outputs = _PARTS[kind](program, by, missing)
    updates = () if kind == "vjp" else program.updates
    return make_program([*program.inputs, *more], outputs, dict(updates), None, True, "ignore", None, True,
                        f"{program.name or 'function'}_{kind}", program.fast_math)


Parts = tuple[list[In], dict[str, Variable]]


def _value_and_grad(program: Program, by: dict[str, Variable], missing: str) -> Parts:
    cost = program.outputs[0] if program.outputs else None
    if cost is None or cost.ndim or not _is_real(cost):
        what = "there is none" if cost is None else f"it is {cost.type}"
        raise ValueError(f"value_and_grad is of a first output that is one real number, and {what}; return the cost "
                         "first, or ask for the vjp")
    gradients = grad(cost, list(by.values()), disconnected_inputs=missing)
    return [], {**_values(program), **_named("grad", by, gradients)}


def _vjp(program: Program, by: dict[str, Variable], missing: str) -> Parts:
    outputs = {name: out for name, out in _values(program).items() if _is_real(out)}
    if not outputs:
        raise ValueError("vjp is of outputs of real numbers, and there is none")
    cotangents = {name: out.type(f"ct_{name}") for name, out in outputs.items()}
    # Not Lop: one output may be computed from another, and each is to count by itself.
    weighted = [mul(ct, out) for ct, out in zip(cotangents.values(), outputs.values(), strict=True)]
    gradients = grad(reduce(add, map(sum_of, weighted)), list(by.values()), disconnected_inputs=missing)
    return list(map(In, cotangents.values())), _named("grad", by, gradients)


def _jvp(program: Program, by: dict[str, Variable], missing: str) -> Parts:
    values = _values(program)
    outputs = {name: out for name, out in values.items() if _is_real(out)}
    tangents = {name: variable.type(f"tangent_{name}") for name, variable in by.items()}
    moved = Rop(list(outputs.values()), list(by.values()), list(tangents.values()), disconnected_outputs="ignore")
    return list(map(In, tangents.values())), {**values, **_named("tangent", outputs, moved)}


_PARTS = {"value_and_grad": _value_and_grad, "vjp": _vjp, "jvp": _jvp}


def _values(program: Program) -> dict[str, Variable]:
    return dict(zip(program.output_names, program.outputs, strict=True))


def _named(word: str, names: Iterable[str], values: Iterable[Variable]) -> dict[str, Variable]:
    return {f"{word}_{name}": value for name, value in zip(names, values, strict=True)}


def _is_real(variable: Variable) -> bool:
    return variable.dtype.startswith("float")


def _variables(program: Program, wrt: Any) -> dict[str, Variable]:
    """What the derivative is by, with its name."""
    inputs = {entry.keyword or f"in{n}": entry.variable for n, entry in enumerate(program.inputs)}
    if wrt is None:
        found = {name: variable for name, variable in inputs.items() if _is_real(variable)}
    else:
        known = {**{v.name: v for v in program.shared if v.name}, **inputs}
        found = dict(_looked_up(entry, known, program) for entry in (wrt if isinstance(wrt, list | tuple) else [wrt]))
    wrong = [f"{name!r} ({variable.type})" for name, variable in found.items() if not _is_real(variable)]
    if wrong or not found:
        raise ValueError(f"a derivative is by real numbers; {', '.join(wrong) or 'no input'} is of them")
    return found


def _looked_up(entry: object, known: dict[str, Variable], program: Program) -> tuple[str, Variable]:
    for name, variable in known.items():
        if entry is variable or entry == name:
            return name, variable
    for n, shared in enumerate(program.shared):
        if entry is shared:
            return f"shared{n}", shared
    meant = nearest(entry, known) if isinstance(entry, str) else None
    raise ValueError(f"wrt names {entry!r}, which is no input and no shared variable of {program.name}; "
                     + (f"did you mean {meant!r}?" if meant else f"there are {', '.join(known)}"))
