"""The state of a function in C: its struct, its initial values and the calls that read and change it."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir.types import Type, scalar

from ..entry import Argument, Entry, Names
from ..state_calls import has_run, member_of, run_arguments, run_query_arguments
from ..states import Field, fields
from .definitions import function, local, public
from .lines import wrapped
from .types import element_text


def state_texts(entry: Entry) -> list[str]:
    members, _ = fields(entry)
    names = Names(entry.name)
    if not members:
        return []
    struct = "\n".join([f"typedef struct {names.state} {{", *(f"    {m.c_text}" for m in members),
                        f"}} {names.state};", ""])
    initial = "\n".join([f"static const {names.state} {entry.name}__initial = {{", *(
        f"    {_initial(m)}," for m in members), "};", ""])
    init = function(f"void {names.init}(", [f"{names.state} *state"], [f"*state = {entry.name}__initial;"])
    return [struct, initial, init, *(_state_calls(entry) if has_run(entry) else [])]


def _initial(member: Field) -> str:
    value = member.state.value
    numbers = [_state_number(x, value.dtype.name, scalar(value.dtype.name)) for x in value.ravel()] or ["0"]
    return f"{{{', '.join(numbers)}}}" if member.is_array else numbers[0]


def _state_number(value: object, dtype: str, type: Type) -> str:
    if dtype.startswith("uint"):
        return f"UINT64_C({int(value)})"  # type: ignore[call-overload]
    return element_text(value, type)


def _state_calls(entry: Entry) -> list[str]:
    names = Names(entry.name)
    run = _state_call(entry, names.run_state, entry.name, entry.arguments,
                      [f"{names.state} *state", *(a.c_text for a in run_arguments(entry))])
    ask = _state_call(entry, names.run_query, names.flat_query, entry.query_arguments,
                      [f"const {names.state} *state", *(a.c_text for a in run_query_arguments(entry))])
    copy = function(f"void {names.snapshot}(", [f"const {names.state} *state", f"{names.state} *copy"],
                     ["*copy = *state;"])
    return [run, ask, copy]


def _state_call(entry: Entry, name: str, called: str, arguments: Sequence[Argument], taken: Sequence[str]) -> str:
    before: list[str] = []
    after: list[str] = []
    passed = []
    result = local(entry, "status")
    for n, argument in enumerate(arguments):
        member = member_of(entry, argument)
        if member is None:
            passed.append(argument.name)
        elif argument.role in ("stride", "out_stride"):
            passed.append(str(member.stride(argument.axis)))
        elif argument.role == "out":
            room = local(entry, f"new_{n}")
            count = f"[{max(member.n_parts, 1)}]" if member.is_array else ""
            before.append(f"{member.c_type} {room}{count};")
            passed.append(room if count else f"&{room}")
            after.append(f"    memcpy({'' if count else '&'}state->{member.name}, {passed[-1]}, "
                         f"{member.n_parts} * sizeof({member.c_type}));")
        else:
            passed.append(f"state->{member.name}")
    status = wrapped(f"const int32_t {result} = {called}(", passed) + ";"
    kept = [f"if ({result} == 0) {{", *after, "}"] if after else list[str]()
    unused = ["(void)state;"] if not any("state->" in line for line in (*passed, *after)) else []
    body = [*unused, *before, *status.splitlines(), *kept, f"return {result};"]
    return public(entry, name, "int32_t", taken, body)
