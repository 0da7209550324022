"""Calls on a state in LLVM IR: NAME_run, NAME_run_query and NAME_snapshot.

    int32_t NAME_run(NAME_state *state, ...)           NAME, which reads the state and, on success, changes it
    int32_t NAME_run_query(const NAME_state *state, ...)
    void NAME_snapshot(const NAME_state *state, NAME_state *copy)

`...`: the arguments of NAME (of NAME_query) that are not the state's. They are there where the shapes of all shared
variables stay what they are, and what is new fits onto the stack: nothing is allocated, locked, read or written but
the caller's memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from .entry import Argument, Entry, Names, scalar_of
from .states import Field, fields

_MOST_ON_STACK = 1 << 16  # bytes


def has_run(entry: Entry) -> bool:
    """Whether there are calls on a state."""
    members, nbytes = fields(entry)
    params = [entry.inputs[m.state.input] for m in members if m.state.input is not None]
    params += [entry.outputs[m.state.output] for m in members if m.state.output is not None]
    shapes = [m.state.value.shape for m in members if m.state.input is not None]
    shapes += [m.state.value.shape for m in members if m.state.output is not None]
    early = any(entry.early_axes(m.state.output) for m in members if m.state.output is not None)
    return bool(members) and not early and nbytes <= _MOST_ON_STACK and [p.shape for p in params] == shapes


def run_arguments(entry: Entry) -> list[Argument]:
    """What NAME_run takes after the state."""
    return [a for a in entry.arguments if member_of(entry, a) is None]


def run_query_arguments(entry: Entry) -> list[Argument]:
    """What NAME_run_query takes after the state."""
    return [a for a in entry.query_arguments if member_of(entry, a) is None]


def member_of(entry: Entry, argument: Argument) -> Field | None:
    """The member of the state that an argument stands for."""
    is_input = argument.role in ("value", "data", "stride")
    if not is_input and argument.role not in ("out", "out_stride"):
        return None
    return next((m for m in fields(entry)[0]
                 if argument.index == (m.state.input if is_input else m.state.output)), None)


def state_calls_text(entry: Entry) -> str:
    """LLVM IR of the three; nothing where they are not there."""
    if not has_run(entry):
        return ""
    names, (_, nbytes) = Names(entry.name), fields(entry)
    return "\n".join([_call_text(entry, names.run_state, entry.name, entry.arguments),
                      _call_text(entry, names.run_query, names.flat_query, entry.query_arguments),
                      _snapshot_text(entry, nbytes)])


def _call_text(entry: Entry, name: str, called: str, arguments: Sequence[Argument]) -> str:
    before: list[str] = []
    after: list[str] = []
    passed, taken = list[str](), ["ptr %state.0"]
    for n, a in enumerate(arguments):
        member = member_of(entry, a)
        if member is None:
            taken.append(f"{a.llvm_type} %{a.name}")
            passed.append(f"{a.llvm_type} %{a.name}")
        elif a.role in ("stride", "out_stride"):
            passed.append(f"i64 {member.stride(a.axis)}")
        else:
            before.append(f"  %place.{n} = getelementptr i8, ptr %state.0, i64 {member.offset}")
            passed.append(_operand(entry, a, member, n, before, after))
    return "\n".join([
        f"define signext i32 @{name}({', '.join(taken)}) nounwind {{", "entry.0:", *before,
        f"  %status.0 = call i32 @{called}({', '.join(passed)})",
        "  %failed.0 = icmp ne i32 %status.0, 0", "  br i1 %failed.0, label %end.0, label %keep.0", "keep.0:", *after,
        "  br label %end.0", "end.0:", "  ret i32 %status.0", "}",
        f"@{name}.{entry.interface} = alias i32 ({', '.join(t.split()[0] for t in taken)}), ptr @{name}", ""])


def _operand(entry: Entry, argument: Argument, member: Field, n: int, before: list[str], after: list[str]) -> str:
    """What is passed for a member: its value, its place, or room for its new value, which is copied on success."""
    if argument.role == "value":
        before.append(f"  %value.{n} = load {argument.llvm_type}, ptr %place.{n}")
        return f"{argument.llvm_type} %value.{n}"
    if argument.role == "data":
        return f"ptr %place.{n}"
    nbytes = max(member.state.value.nbytes, 1)
    before.insert(0, f"  %room.{n} = alloca [{nbytes} x i8], align 16")
    after += _copy(f"%place.{n}", f"%room.{n}", member.state.value.nbytes,
                   scalar_of(entry.outputs[argument.index]).nbytes)
    return f"ptr %room.{n}"


def _copy(target: str, source: str, nbytes: int, align: int) -> list[str]:
    at = f"ptr align {min(align, 8)}"
    call = f"  call void @llvm.memcpy.p0.p0.i64({at} {target}, {at} {source}, i64 {nbytes}, i1 false)"
    return [call] if nbytes else []


def _snapshot_text(entry: Entry, nbytes: int) -> str:
    name = Names(entry.name).snapshot
    return "\n".join([f"define void @{name}(ptr %state, ptr %copy) nounwind {{", "entry:",
                      *_copy("%copy", "%state", nbytes, 1), "  ret void", "}", ""])
