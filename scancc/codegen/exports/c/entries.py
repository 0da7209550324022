"""The C entries of a function around its packed ones, as `flat.py`, `short.py` and `state_calls.py` have.

All go by the struct of a short call: NAME fills one and asks for every output. What does not depend on the function
is C as it stands (`LIBRARY`).
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.artifact import MOST_ELEMENTS, N_INFO_SLOTS, WORKSPACE_ALIGN_BYTES, Param

from ..entry import (
    NEGATIVE_DIMENSION,
    NOT_CONTIGUOUS,
    NULL_POINTER,
    TOO_LARGE,
    WORKSPACE_TOO_SMALL,
    Argument,
    Entry,
    Names,
    scalar_of,
)
from .definitions import function, local, public
from .library import CAN_EXIST, CFunction
from .parts import Part
from .states import state_texts
from .texts import error_text, processor_text

OF_ENTRIES = ("array", "MOST_AXES", "two_over_pi")  # names in a file beside those of functions
_ARRAY = CFunction("measure", f"""\
/* An array of a caller's: strides in elements, NULL where it is C-contiguous. */
typedef struct {{
    char *data;
    int64_t size; /* bytes of an element */
    int rank;
    int64_t n[MOST_AXES];
    const int64_t *given;
    int64_t s[MOST_AXES];
    int64_t nbytes;
    int contiguous;
}} array;

/* Sets strides, bytes, and whether they are those of a C-contiguous array. */
static inline int32_t measure(array *a)
{{
    int64_t count = 1;
    double reach = 0.0;
    if (!can_exist(a->rank, a->n))
        return {TOO_LARGE};
    a->contiguous = 1;
    for (int axis = a->rank - 1; axis >= 0; --axis) {{
        a->s[axis] = a->given != NULL ? a->given[axis] : count;
        a->contiguous &= a->s[axis] == count || a->n[axis] <= 1;
        reach += (double)(a->n[axis] - 1) * fabs((double)a->s[axis]);
        count *= a->n[axis];
    }}
    a->contiguous |= count == 0;
    a->nbytes = count * a->size;
    return a->contiguous || reach <= {float(MOST_ELEMENTS)!r} ? 0 : {TOO_LARGE};
}}
""", (CAN_EXIST,))
_COPY_ROWS = CFunction("copy_rows", """\
/* Copies between row-major and strided memory; where the row-major one goes on. */
static inline char *copy_rows(char *dense, char *strided, const array *a, int axis, int pack)
{
    if (axis == a->rank) {
        memcpy(pack ? dense : strided, pack ? strided : dense, (size_t)a->size);
        return dense + a->size;
    }
    for (int64_t i = 0; i < a->n[axis]; ++i)
        dense = copy_rows(dense, strided + i * a->s[axis] * a->size, a, axis + 1, pack);
    return dense;
}
""", (_ARRAY,))
_ALIGNED = CFunction("aligned", f"""\
static inline int64_t aligned(int64_t nbytes)
{{
    return (nbytes + {WORKSPACE_ALIGN_BYTES - 1}) & -{WORKSPACE_ALIGN_BYTES};
}}
""")
LIBRARY = (_ARRAY, _COPY_ROWS, _ALIGNED)


def _to_give(nbytes: str) -> str:
    """What a caller gives so that so many bytes are left behind the first aligned address."""
    return f"{nbytes} == 0 ? 0 : {nbytes} + {WORKSPACE_ALIGN_BYTES - 1}"


def entries_text(entry: Entry, without: Sequence[Part] = ()) -> str:
    """`without`: code that leaves out outputs, which a short call takes where they are NULL."""
    parts = [_struct(entry), _inputs(entry), _ask(entry), _work(entry), _flat(entry), _flat_query(entry),
             *map(_short_without, without), _short(entry, without), error_text(entry), processor_text(entry),
             *state_texts(entry)]
    return "\n".join(parts)


def most_axes(entry: Entry) -> int:
    return max([1, *(p.rank for p in (*entry.inputs, *entry.outputs))])


def _slot(entry: Entry, group: str, index: int) -> int:
    params = entry.inputs if group == "inputs" else entry.inputs + entry.outputs
    return sum(p.n_slots for p in params[: index if group == "inputs" else len(entry.inputs) + index])


def _workspace_slot(entry: Entry) -> int:
    return sum(p.n_slots for p in entry.inputs + entry.outputs)


def _slots(entry: Entry) -> str:
    return f"int64_t slots[{_workspace_slot(entry) + 2 + N_INFO_SLOTS}] = {{0}};"


def _field(entry: Entry, role: str, index: int = -1, axis: int = -1) -> str | None:
    return next((f.name for f in entry.fields if (f.role, f.index, f.axis) == (role, index, axis)), None)


def _struct(entry: Entry) -> str:
    struct = Names(entry.name).struct
    members = [f"    {f.c_text};" for f in entry.fields]
    return "\n".join([f"typedef struct {struct} {{", *members, f"}} {struct};", ""])


# ---- inputs ----


def _tensors(entry: Entry) -> list[int]:
    """Inputs that come by a pointer."""
    return [n for n in range(len(entry.inputs)) if _field(entry, "data", n) is not None]


def _array(entry: Entry, param: Param, pointer: str, sizes: Sequence[str], strides: str | None) -> str:
    return (f"{{(char *)a->{pointer}, {scalar_of(param).nbytes}, {param.rank}, {{{', '.join(sizes) or '0'}}}, "
            f"{'a->' + strides if strides else 'NULL'}, {{0}}, 0, 0}}")


def _input_sizes(entry: Entry, index: int) -> list[str]:
    found = (entry.dim_argument(index, axis) for axis in range(entry.inputs[index].rank))
    return [str(d) if isinstance(d, int) else f"a->{d.name}" for d in found]


def _inputs(entry: Entry) -> str:
    """Checks the inputs and gives the packed entries their places."""
    names, tensors = Names(entry.name), _tensors(entry)
    body = [line for f in entry.fields if f.role == "dim"
            for line in (f"if (a->{f.name} < 0)", f"    return {NEGATIVE_DIMENSION};")]
    if tensors:
        rows = [_array(entry, entry.inputs[n], str(_field(entry, "data", n)), _input_sizes(entry, n),
                       _field(entry, "strides", n)) for n in tensors]
        body += [f"const array given[{len(tensors)}] = {{", *(f"    {row}," for row in rows), "};",
                 f"for (int i = 0; i < {len(tensors)}; ++i) {{", "    in[i] = given[i];",
                 "    const int32_t status = measure(&in[i]);", "    if (status != 0)", "        return status;",
                 "    if (in[i].data == NULL && in[i].nbytes != 0)", f"        return {NULL_POINTER};", "}"]
    for index, param in enumerate(entry.inputs):
        first = _slot(entry, "inputs", index)
        body.append(f"slots[{first}] = (int64_t)(intptr_t){_input_place(entry, index, param, tensors)};")
        body += [f"slots[{first + 1 + axis}] = {size};" for axis, size in enumerate(_input_sizes(entry, index))]
    unused = [] if entry.inputs else ["(void)a;", "(void)slots;"]
    arguments = [f"const {names.struct} *a", *["array *in"] * bool(tensors), "int64_t *slots"]
    name = f"{entry.name}_truths"
    truths = f"static const uint8_t {name}[2] = {{0, 1}};\n" if any(name in line for line in body) else ""
    return truths + function(f"static int32_t {entry.name}_inputs(", arguments, [*unused, *body, "return 0;"], True)


def _input_place(entry: Entry, index: int, param: Param, tensors: Sequence[int]) -> str:
    if index in tensors:
        return f"in[{tensors.index(index)}].data"
    value = _field(entry, "value", index)
    return f"&{entry.name}_truths[a->{value} != 0]" if param.dtype == "bool" else f"&a->{value}"


def _given(entry: Entry) -> str:
    return "in, " if _tensors(entry) else ""


def _declared_inputs(entry: Entry) -> list[str]:
    count = len(_tensors(entry))
    return [f"array in[{count}];"] * bool(count)


def _pass_on(call: str) -> list[str]:
    return [f"status = {call};", "if (status != 0)", "    return status;"]


# ---- outputs ----


def _output_sizes(entry: Entry, index: int) -> list[str]:
    first = _slot(entry, "outputs", index)
    return [f"slots[{first + 1 + axis}]" for axis in range(entry.outputs[index].rank)]


def _output_array(entry: Entry, index: int, strided: bool = True) -> str:
    strides = _field(entry, "out_strides", index) if strided else None
    return _array(entry, entry.outputs[index], str(_field(entry, "out", index)), _output_sizes(entry, index), strides)


def _tensor_outputs(entry: Entry) -> list[int]:
    return [n for n, p in enumerate(entry.outputs) if p.rank]


def _ask(entry: Entry) -> str:
    """The packed query with the inputs of a struct."""
    names = Names(entry.name)
    read = [n for n in _tensors(entry) if entry.reads_in_query(n)]
    body = ["int32_t status;", *_declared_inputs(entry), *_pass_on(f"{entry.name}_inputs(a, {_given(entry)}slots)")]
    for n in read:
        body += [f"if (!in[{_tensors(entry).index(n)}].contiguous)", f"    return {NOT_CONTIGUOUS};"]
    body += _pass_on(f"{names.query}(slots)")
    body.append(f"*need += slots[{_workspace_slot(entry) + 1}];")
    if _tensors(entry):
        body += [f"for (int i = 0; i < {len(_tensors(entry))}; ++i)",
                 "    *need += in[i].contiguous ? 0 : aligned(in[i].nbytes);"]
    for n in _tensor_outputs(entry):
        copied = f"!out{n}.contiguous || out{n}.data == NULL"
        body += [f"array out{n} = {_output_array(entry, n)};", *_pass_on(f"measure(&out{n})"),
                 f"*need += aligned(out{n}.nbytes);" if entry.is_respread(n) else
                 f"*staging += {copied} ? aligned(out{n}.nbytes) : 0;", f"*all += aligned(out{n}.nbytes);"]
    counts = ("need", "staging", "all")
    unused = [f"(void){count};" for count in counts if not any(f"*{count}" in line for line in body)]
    arguments = [f"const {names.struct} *a", "int64_t *slots", *(f"int64_t *{count}" for count in counts)]
    return ("/* Sizes, and bytes of workspace: `need` in any case, `staging` for outputs that are made there, `all`\n"
            "   if every output were. */\n"
            + function(f"static int32_t {entry.name}_ask(", arguments, [*unused, *body, "return 0;"], True))


def _work(entry: Entry) -> str:
    """Everything but the report of sizes."""
    names, tensors, ws = Names(entry.name), _tensors(entry), _workspace_slot(entry)
    body = ["int32_t status;", *_declared_inputs(entry), *_pass_on(f"{entry.name}_inputs(a, {_given(entry)}slots)")]
    for n, param in enumerate(entry.outputs):
        if param.rank == 0:
            body += [f"if (every && a->{_field(entry, 'out', n)} == NULL)", f"    return {NULL_POINTER};"]
    body += [*_open_workspace(entry), *_packing(entry, tensors), *_checked(entry, names.query), *_places(entry),
             f"if (used + slots[{ws + 1}] != 0 && used + slots[{ws + 1}] > left)",
             f"    return {WORKSPACE_TOO_SMALL};", f"slots[{ws}] = (int64_t)(intptr_t)base + used;",
             *_checked(entry, names.run)]
    for n in _tensor_outputs(entry):
        sizes = [f"    out{n}.n[{axis}] = {size};" for axis, size in enumerate(_output_sizes(entry, n))]
        body += [f"if (!out{n}.contiguous && out{n}.data != NULL) {{", *sizes,
                 f"    copy_rows(place{n}, out{n}.data, &out{n}, 0, 0);", "}"]
    unused = [] if any("every" in line for line in body) else ["(void)every;"]
    return ("/* The call; `every` output must be there, else NULL is one that is not wanted. */\n" + function(
        f"static int32_t {entry.name}_do(", [f"{names.struct} *a", "int64_t *slots", "int every"],
        [*unused, *body, "return 0;"], True))


def _open_workspace(entry: Entry) -> list[str]:
    workspace, nbytes = _field(entry, "workspace"), _field(entry, "workspace_nbytes")
    return ["/* The workspace from its first aligned address on. */",
            f"const int64_t skipped = (int64_t)(-(uintptr_t)a->{workspace} & {WORKSPACE_ALIGN_BYTES - 1});",
            f"const int none = a->{workspace} == NULL || a->{nbytes} < skipped;",
            f"char *const base = none ? NULL : (char *)a->{workspace} + skipped;",
            f"const int64_t left = none ? 0 : a->{nbytes} - skipped;", "int64_t used = 0;"]


def _checked(entry: Entry, packed: str) -> list[str]:
    """A call of a packed entry; where a check fails, the caller gets its numbers."""
    values, first = _field(entry, "values"), _workspace_slot(entry) + 2
    return [f"status = {packed}(slots);", "if (status != 0) {",
            f"    memcpy(a->{values}, slots + {first}, sizeof a->{values});", "    return status;", "}"]


def _packing(entry: Entry, tensors: Sequence[int]) -> list[str]:
    """Copies inputs that are not C-contiguous."""
    if not tensors:
        return []
    count = len(tensors)
    lines = [f"for (int i = 0; i < {count}; ++i)", "    used += in[i].contiguous ? 0 : aligned(in[i].nbytes);",
             "if (used > left)", f"    return {WORKSPACE_TOO_SMALL};", "used = 0;",
             f"static const int first[{count}] = {{{', '.join(str(_slot(entry, 'inputs', n)) for n in tensors)}}};",
             f"for (int i = 0; i < {count}; ++i)", "    if (!in[i].contiguous) {",
             "        slots[first[i]] = (int64_t)(intptr_t)(base + used);",
             "        copy_rows(base + used, in[i].data, &in[i], 0, 1);", "        used += aligned(in[i].nbytes);",
             "    }"]
    return lines


def _places(entry: Entry) -> list[str]:
    """Where outputs are made."""
    lines = []
    for n, param in enumerate(entry.outputs):
        first, pointer = _slot(entry, "outputs", n), f"a->{_field(entry, 'out', n)}"
        if param.rank == 0:
            lines += [f"int64_t unwanted{n}[2];",
                      f"slots[{first}] = (int64_t)(intptr_t)({pointer} != NULL ? (void *){pointer} : unwanted{n});"]
            continue
        lines += [f"array out{n} = {_output_array(entry, n)};", *_pass_on(f"measure(&out{n})"),
                  f"if (every && out{n}.data == NULL && out{n}.nbytes != 0)", f"    return {NULL_POINTER};"]
        shorter = f"out{n}.contiguous = 0;" if entry.is_respread(n) else (
            f"out{n}.contiguous &= every || out{n}.data != NULL;")
        lines += [shorter, f"char *const place{n} = out{n}.contiguous ? out{n}.data",
                  "    : base == NULL ? NULL : base + used;",
                  f"used += out{n}.contiguous ? 0 : aligned(out{n}.nbytes);",
                  f"slots[{first}] = (int64_t)(intptr_t)place{n};"]
    return lines


# ---- the entries ----


def _filled(entry: Entry, arguments: Sequence[Argument], struct: str) -> list[str]:
    """Statements that fill `struct` from the arguments of a flat entry."""
    lines = [f"{Names(entry.name).struct} {struct};", f"memset(&{struct}, 0, sizeof {struct});"]
    for field in entry.fields:
        if field.role in ("strides", "out_strides"):
            found = [a.name for a in arguments if (a.role, a.index) == (field.role[:-1], field.index)]
            array = local(entry, field.name)
            if found:
                lines += [f"const int64_t {array}[{len(found)}] = {{{', '.join(found)}}};",
                          f"{struct}.{field.name} = {array};"]
        elif field.role != "size" and any((a.name, a.role) == (field.name, field.role) for a in arguments):
            lines.append(f"{struct}.{field.name} = {field.name};")
    return lines


def _flat(entry: Entry) -> str:
    struct, slots, status = (local(entry, word) for word in ("call", "slots", "status"))
    body = [*_filled(entry, entry.arguments, struct), _slots(entry).replace("slots", slots, 1),
            f"const int32_t {status} = {entry.name}_do(&{struct}, {slots}, 1);"]
    for argument in entry.arguments:
        if argument.role == "length":
            body += [f"if ({status} == 0 && {argument.name} != NULL)", f"    *{argument.name} = {slots}["
                     f"{_slot(entry, 'outputs', argument.index) + 1 + argument.axis}];"]
    return public(entry, entry.name, "int32_t", [a.c_text for a in entry.arguments], [*body, f"return {status};"])


def _flat_query(entry: Entry) -> str:
    words = ("call", "slots", "status", "need", "staging", "all")
    struct, slots, status, need, staging, every = (local(entry, word) for word in words)
    body = [*_filled(entry, entry.query_arguments, struct), _slots(entry).replace("slots", slots, 1),
            f"int64_t {need} = 0, {staging} = 0, {every} = 0;",
            f"const int32_t {status} = {entry.name}_ask(&{struct}, {slots}, &{need}, &{staging}, &{every});",
            f"if ({status} != 0)", f"    return {status};"]
    for argument in entry.query_arguments:
        value = {"size": f"{slots}[{_slot(entry, 'outputs', argument.index) + 1 + argument.axis}]",
                 "need_nbytes": _to_give(need), "staging_nbytes": _to_give(every)}.get(argument.role)
        if value is not None:
            body += [f"if ({argument.name} != NULL)", f"    *{argument.name} = {value};"]
    return public(entry, Names(entry.name).flat_query, "int32_t", [a.c_text for a in entry.query_arguments],
                   [*body, "return 0;"])


def _short_without(part: Part) -> str:
    call, ask = _short_bodies(part)
    taken = [f"{Names(part.name).struct} *arguments"]
    return "\n".join([
        f"/* {part.whole} without {', '.join(part.left_out)}. */",
        f"typedef {Names(part.whole).struct} {Names(part.name).struct};", "", _inputs(part), _ask(part), _work(part),
        function(f"static int32_t {Names(part.name).call}(", taken, call, True),
        function(f"static int32_t {Names(part.name).call_query}(", taken, ask, True)])


def _short(entry: Entry, without: Sequence[Part]) -> str:
    names = Names(entry.name)
    call, (*ask, done) = _short_bodies(entry)
    optional = dict.fromkeys(name for part in without for name in part.left_out)
    for part in without:
        given = [f"arguments->{name} {'==' if name in part.left_out else '!='} NULL" for name in optional]
        head = f"if ({' && '.join(given)})"
        call = [head, f"    return {Names(part.name).call}(arguments);", *call]
        ask += [head, f"    return {Names(part.name).call_query}(arguments);"]
    taken = [f"{names.struct} *arguments"]
    return "\n".join([public(entry, names.call, "int32_t", taken, call),
                      public(entry, names.call_query, "int32_t", taken, [*ask, done])])


def _short_bodies(entry: Entry) -> tuple[list[str], list[str]]:
    """Of the call and of its query."""
    sizes = [f"arguments->{f.name} = slots[{_slot(entry, 'outputs', f.index) + 1 + f.axis}];"
             for f in entry.fields if f.role == "size"]
    call = [_slots(entry), f"const int32_t status = {entry.name}_do(arguments, slots, 0);", "if (status != 0)",
            "    return status;", *sizes, "return 0;"]
    first = _workspace_slot(entry) + 2
    values = _field(entry, "values")
    ask = [_slots(entry), "int64_t need = 0, staging = 0, all = 0;",
           f"const int32_t status = {entry.name}_ask(arguments, slots, &need, &staging, &all);",
           "if (status > 0)", f"    memcpy(arguments->{values}, slots + {first}, sizeof arguments->{values});",
           "if (status != 0)", "    return status;", *sizes,
           "need += staging;", f"arguments->{_field(entry, 'workspace_nbytes')} = {_to_give('need')};", "return 0;"]
    return call, ask
