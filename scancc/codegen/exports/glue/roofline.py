"""What bounds a call: formulas of its operations and bytes, as text of C and of Python.

    3*x_n0   ->   3.0*size[0]   of C        3*sizes["x_n0"]   of Python

The bound is the larger of operations by the machine's peak and of bytes by its bandwidth; an elementary function
counts as 20 operations, as `Cost.intensity` has it. A chain from step to step is no part of it: `scancc explain` says
what a recurrence waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from scancc.ir.formulas import Atom, Formula, Name, number
from scancc.late_dataclasses import dataclass

from ..entry import Entry

CALL_FLOPS = 20
DEFAULT_LENGTH, DEFAULT_NUMBER, DEFAULT_INTEGERS = 1000, 10, 10
INTEGERS = "integers"  # how many whole numbers arrays of them are filled with, from 0 on


class Cost(Protocol):
    """What a call computes and moves (`scancc.insight.cost`)."""

    @property
    def flops(self) -> Formula: ...
    @property
    def calls(self) -> Formula: ...
    @property
    def moved(self) -> Formula: ...
    @property
    def may_stop(self) -> bool: ...


@dataclass(frozen=True)
class Size:
    """A parameter of a benchmark: a length, an input that is a whole number, or INTEGERS."""

    name: str
    default: int
    index: int = -1  # of the input
    axis: int = -1


def sizes_of(entry: Entry) -> list[Size]:
    """The parameters, under the names that the header has for them."""
    found = []
    states = {state.input for state in entry.calling.states}
    for a in entry.arguments:
        whole = a.role == "value" and is_whole(entry.inputs[a.index].dtype)
        if a.role == "dim" and a.index not in states:
            found.append(Size(a.name, DEFAULT_LENGTH, a.index, a.axis))
        elif whole and a.index not in states:
            guess = 1 << 20 if entry.inputs[a.index].is_bound else DEFAULT_NUMBER
            found.append(Size(a.name, guess, a.index))
    if any(a.role == "data" and is_whole(entry.inputs[a.index].dtype) and a.index not in states
           for a in entry.arguments):
        found.append(Size(INTEGERS, DEFAULT_INTEGERS))
    return found


def is_whole(dtype: str) -> bool:
    return dtype.lstrip("u").startswith("int")


@dataclass(frozen=True)
class Bound:
    """Texts of the operations and of the bytes of a call; empty where they rest on more than sizes, or nobody knows
    how many steps run."""

    flops: str = ""
    nbytes: str = ""


def bound_of(entry: Entry, cost: Cost | None, text_of: Callable[[Size], str], functions: Mapping[str, str]) -> Bound:
    """`text_of`: a parameter's text; `functions`: forms of min, max, //, % and lines."""
    if cost is None or cost.may_stop:
        return Bound()
    texts = _texts(entry, text_of)
    flops, moved = cost.flops + number(CALL_FLOPS) * cost.calls, cost.moved
    if not {*flops.names, *moved.names} <= set(texts):
        return Bound()
    return Bound(_text(flops, texts, functions), _text(moved, texts, functions))


def _texts(entry: Entry, text_of: Callable[[Size], str]) -> dict[str, str]:
    """The text of each name that formulas speak of."""
    known = {(size.index, size.axis): text_of(size) for size in sizes_of(entry)}
    for state in entry.calling.states:
        if state.input is not None:
            known |= {(state.input, axis): f"{n}.0" for axis, n in enumerate(state.value.shape)}
    found = {}
    for index, param in enumerate(entry.inputs):
        if (index, -1) in known:
            found[param.name] = known[index, -1]
        for axis in range(param.rank):
            length = entry.dim_argument(index, axis)
            text = str(length) if isinstance(length, int) else known.get((length.index, length.axis))
            if text is not None:
                found[f"{param.name}_n{axis}"] = text
    return found


def _text(formula: Formula, texts: Mapping[str, str], functions: Mapping[str, str]) -> str:
    terms = []
    for product, n in formula.in_order():
        atoms = [_atom(atom, texts, functions) for atom, power in product for _ in range(power)]
        terms.append(" * ".join([f"{n}.0", *atoms]))
    return " + ".join(terms) or "0.0"


def _atom(atom: Atom, texts: Mapping[str, str], functions: Mapping[str, str]) -> str:
    if isinstance(atom, Name):
        return texts[atom.text]
    operands = [_text(operand, texts, functions) for operand in atom.operands]
    whole = operands[0]
    for other in operands[1:]:
        whole = functions[atom.function].format(whole, other)
    return functions[atom.function].format(whole) if len(operands) == 1 else whole
