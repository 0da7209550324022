"""What `Print` shows, in C: as `exports/prints.py` has it, with the same two codes and the same callback."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.artifact import N_INFO_SLOTS, Param
from scancc.printed import Printed, Prints

from ..entry import Entry, Names, scalar_of
from ..prints import More, header_lines
from .definitions import function
from .parts import Part
from .texts import literal

QUIET, PRINTING = "_quiet", "_printing"  # what stands behind the names of the two codes


def setter_text(entry: Entry) -> str:
    """Types of the callback, and NAME_set_print."""
    _, declared = header_lines(entry)
    if not declared:
        return ""
    how, who = Names(entry.name).print, _who(entry)
    body = [f"__atomic_store_n(&{who}, how, __ATOMIC_RELEASE);"]
    setter = function(f"void {Names(entry.name).set_print}(", [f"const {how} *how"], body)
    return "\n".join([*declared[:-1], f"static const {how} *{who};", "", setter])


def choosing_text(entry: Entry, more: More) -> str:
    """NAME__query and NAME__run, which call the code without what is printed or that with it."""
    return "\n".join([_ask(entry, more), _query(entry, more), _run(entry, more)])


def _whole(entry: Entry) -> str:
    return entry.whole if isinstance(entry, Part) else entry.name


def _who(entry: Entry) -> str:
    """The variable that says who prints."""
    return f"{_whole(entry)}__print"


def _more_slots(more: More) -> int:
    return more.first(more.outputs, len(more.outputs)) + 2 + N_INFO_SLOTS


def _symbols(entry: Entry, code: str) -> Names:
    return Names(f"{entry.name}{code}")


def _ask(entry: Entry, more: More) -> str:
    """Sizes of all outputs, and of the workspace, in the slots of the code that prints."""
    body = [f"memset(more, 0, {_more_slots(more)} * sizeof *more);",
            f"memcpy(more, slots, {more.n_input_slots} * sizeof *more);",
            *_called(more, _symbols(entry, PRINTING).query, "const int32_t "), "return 0;"]
    return function(f"static int32_t {entry.name}_ask_more(", ["int64_t *slots", "int64_t *more"], body, True)


def _called(more: More, symbol: str, declared: str = "") -> list[str]:
    """A call of the code that prints; a check of it that fails ends this function, too."""
    mine, theirs = (more.first(outputs, len(outputs)) + 2 for outputs in (more.own, more.outputs))
    numbers = f"memcpy(slots + {mine}, more + {theirs}, {N_INFO_SLOTS} * sizeof *slots);"
    return [f"{declared}status = {symbol}(more);", "if (status != 0) {", f"    {numbers}", "    return status;", "}"]


def _packed(entry: Entry, name: str, body: Sequence[str]) -> str:
    static = isinstance(entry, Part)
    return function(f"{'static ' * static}int32_t {name}(", ["int64_t *slots"], body, static)


def _query(entry: Entry, more: More) -> str:
    workspace, theirs = more.first(more.own, len(more.own)), more.first(more.outputs, len(more.outputs))
    how = Names(_whole(entry)).print
    nbytes = "".join(f" + aligned({_nbytes(more, n)})" for n in more.printed)
    body = [f"const {how} *const how = __atomic_load_n(&{_who(entry)}, __ATOMIC_ACQUIRE);",
            f"int64_t more[{_more_slots(more)}];",
            f"const int32_t status = how != NULL ? {entry.name}_ask_more(slots, more)"
            f" : {_symbols(entry, QUIET).query}(slots);", "if (status != 0)", "    return status;",
            "if (how != NULL) {", *(f"    {line}" for line in _own_sizes(more)),
            f"    slots[{workspace + 1}] = aligned(more[{theirs + 1}]){nbytes};", "}",
            f"slots[{workspace + 2}] = (int64_t)(intptr_t)how;", "return 0;"]
    return _packed(entry, Names(entry.name).query, body)


def _run(entry: Entry, more: More) -> str:
    workspace, theirs = more.first(more.own, len(more.own)), more.first(more.outputs, len(more.outputs))
    how = Names(_whole(entry)).print
    body = [f"const {how} *const how = (const {how} *)(intptr_t)slots[{workspace + 2}];", "if (how == NULL)",
            f"    return {_symbols(entry, QUIET).run}(slots);", f"int64_t more[{_more_slots(more)}];",
            f"int32_t status = {entry.name}_ask_more(slots, more);", "if (status != 0)", "    return status;",
            f"int64_t at = slots[{workspace}] + aligned(more[{theirs + 1}]);",
            f"more[{theirs}] = slots[{workspace}];"]
    for param, mine, other in more.pairs():
        body.append(f"memcpy(more + {other}, slots + {mine}, {param.n_slots} * sizeof *more);")
    for output in more.printed:
        body += [f"more[{more.first(more.outputs, output)}] = at;", f"at += aligned({_nbytes(more, output)});"]
    body += [*_called(more, _symbols(entry, PRINTING).run), *_own_sizes(more)]
    return _packed(entry, Names(entry.name).run, [*body, *_shown(entry, more, more.prints, ()), "return 0;"])


def _own_sizes(more: More) -> list[str]:
    """Tell the caller the sizes of its outputs."""
    return [f"slots[{mine + 1 + axis}] = more[{theirs + 1 + axis}];"
            for param, mine, theirs in more.pairs() for axis in range(param.rank)]


def _dims(more: More, output: int) -> list[str]:
    first = more.first(more.outputs, output)
    return [f"more[{first + 1 + axis}]" for axis in range(more.outputs[output].rank)]


def _nbytes(more: More, output: int) -> str:
    return " * ".join([*_dims(more, output), str(scalar_of(more.outputs[output]).nbytes)])


def _shown(entry: Entry, more: More, prints: Sequence[Prints], scans: tuple[str, ...]) -> list[str]:
    """Statements that have everything printed, step by step."""
    lines: list[str] = []
    for one in prints:
        if isinstance(one, Printed):
            lines += _value(entry, more, one, scans)
            continue
        step, depth = f"t{len(scans)}", len(scans)
        inside = _shown(entry, more, one.inside, (*scans, one.scan))
        lines += [f"for (int64_t {step} = 0; {step} < {_dims(more, one.first.output)[depth]}; ++{step}) {{",
                  *(f"    {line}" for line in inside), "}"]
    return lines


def _value(entry: Entry, more: More, value: Printed, scans: tuple[str, ...]) -> list[str]:
    """A call of the caller's function with the value of the steps that the loops are at."""
    param, depth = more.outputs[value.output], len(scans)
    first, dims = more.first(more.outputs, value.output), _dims(more, value.output)
    texts = map(literal, (value.text, value.name, " ".join(value.attributes), param.dtype))
    place = f"(const void *)(intptr_t)(more[{first}]{_offset(param, dims, depth)})"
    steps, names = ("steps", "scans") if scans else ("NULL", "NULL")
    arrays = [f"    const int64_t steps[{depth}] = {{{', '.join(f't{n}' for n in range(depth))}}};",
              f"    static const char *const scans[{depth}] = {{{', '.join(map(literal, scans))}}};"] if scans else []
    return ["{", *arrays,
            f"    const {Names(_whole(entry)).printed} value = {{{', '.join(texts)}, {param.rank - depth},",
            f"        more + {first + 1 + depth}, {place}, {depth}, {steps}, {names}}};",
            "    how->print(how->user, &value);", "}"]


def _offset(param: Param, dims: Sequence[str], depth: int) -> str:
    """How far behind that of the first steps the value of these lies, in bytes."""
    place = "t0"
    for axis in range(1, depth):
        place = f"({place} * {dims[axis]} + t{axis})"
    return f" + {' * '.join([place, *dims[depth:], str(scalar_of(param).nbytes)])}" if depth else ""
