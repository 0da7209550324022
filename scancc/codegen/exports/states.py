"""The state of a function in C: a struct of its shared variables, and NAME_init, which gives it their values.

    typedef struct NAME_state { double level; double weights[6]; } NAME_state;
    void NAME_init(NAME_state *state);

A call takes the values as inputs; its outputs that are new values go to arrays of the caller's, who copies them back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from scancc.artifact import Param
from scancc.calling import State
from scancc.late_dataclasses import dataclass

from ..c_names import argument_name
from .entry import Entry, Names, scalar_of


@dataclass(frozen=True)
class Field:
    """A member of the struct; `n_parts` numbers of `c_type` from byte `offset` on."""

    state: State
    name: str
    c_type: str
    n_parts: int
    offset: int

    @property
    def c_text(self) -> str:
        return f"{self.c_type} {self.name}{f'[{max(self.n_parts, 1)}]' if self.is_array else ''};"

    @property
    def is_array(self) -> bool:
        return bool(self.state.value.ndim) or self.n_parts > 1

    def stride(self, axis: int) -> int:
        """Along an axis, in elements: the array is C-contiguous."""
        return math.prod(self.state.value.shape[axis + 1:])


def fields(entry: Entry) -> tuple[list[Field], int]:
    """The members, and the bytes of the struct, as C lays it out."""
    found: list[Field] = []
    end, most, taken = 0, 1, set[str]()
    for state in entry.calling.states:
        scalar = scalar_of(Param(state.name, state.value.dtype.name, state.value.shape))
        align = scalar.nbytes // scalar.n_parts
        name = argument_name(state.name, taken)
        taken.add(name)
        field = Field(state, name, scalar.c_type, state.value.size * scalar.n_parts, -(-end // align) * align)
        found.append(field)
        end, most = field.offset + max(field.n_parts, 1) * align, max(most, align)
    return found, -(-end // most) * most


def with_shared(entries: Sequence[Entry]) -> list[Entry]:
    """The functions of a library, where a variable that several of them have has one number in all."""
    owners = Counter(state.variable for e in entries for state in e.calling.states)
    common = [variable for variable, count in owners.items() if count > 1 and variable is not None]
    return [replace(e, calling=replace(e.calling, states=tuple(
        replace(state, shared=common.index(state.variable) if state.variable in common else None)
        for state in e.calling.states))) for e in entries]


def init_text(entry: Entry) -> str:
    """LLVM IR of NAME_init; nothing where the function has no state."""
    members, nbytes = fields(entry)
    if not members:
        return ""
    image = bytearray(nbytes)
    for field in members:
        data = field.state.value.astype(field.state.value.dtype.newbyteorder("<"), copy=False).tobytes()
        image[field.offset : field.offset + len(data)] = data
    text = "".join(f"\\{byte:02X}" for byte in image)
    name = Names(entry.name).init
    return (
        f'@{entry.name}__initial = private unnamed_addr constant [{nbytes} x i8] c"{text}", align 16\n'
        f"define void @{name}(ptr %state) nounwind {{\nentry:\n  br label %copy\n"
        "copy:\n  %n = phi i64 [ 0, %entry ], [ %next, %copy ]\n"
        f"  %from = getelementptr i8, ptr @{entry.name}__initial, i64 %n\n"
        "  %to = getelementptr i8, ptr %state, i64 %n\n"
        "  %byte = load i8, ptr %from, align 1\n  store i8 %byte, ptr %to, align 1\n"
        f"  %next = add i64 %n, 1\n  %done = icmp eq i64 %next, {nbytes}\n"
        "  br i1 %done, label %end, label %copy\nend:\n  ret void\n}\n"
    )


def header_lines(entry: Entry) -> tuple[list[str], list[str]]:
    """For the header: what is said of the state, and its declarations."""
    members, _ = fields(entry)
    names = Names(entry.name)
    if not members:
        return [], []
    said = [f"The state of {entry.name} and, by {names.init}, its values when it was exported."]
    said += [f"  {field.name}: {_said(entry, field.state)}" for field in members]
    declared = [f"typedef struct {names.state} {{", *(f"    {field.c_text}" for field in members),
                f"}} {names.state};", f"void {names.init}({names.state} *state);"]
    return said, declared


def _said(entry: Entry, state: State) -> str:
    shape = ", ".join(map(str, state.value.shape))
    parts = [f"{state.value.dtype.name}" + (f" of shape ({shape})" if state.value.ndim else "")]
    if state.input is not None:
        parts.append(f"the input {_argument(entry, ('value', 'data'), state.input)}")
    if state.output is not None:
        parts.append(f"its new value is the output {_argument(entry, ('out',), state.output)}")
    return "; ".join(parts)


def _argument(entry: Entry, roles: Sequence[str], index: int) -> str:
    return next(a.name for a in entry.arguments if a.role in roles and a.index == index)
