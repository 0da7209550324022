"""The C header of an exported library: for C and C++, with what a caller must know about each function."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from scancc.artifact import ABI_VERSION, Param

from . import dlpack, prints, sharing, variants
from .entry import CALLER_ERRORS, Entry, Names, scalar_of
from .state_calls import has_run, run_arguments, run_query_arguments
from .states import header_lines

_WIDTH = 100


def header_text(library: str, entries: Sequence[Entry], versions: str) -> str:
    guard = f"SCANCC_{_macro(library)}_H"
    body = "\n".join(_entry_text(library, e) for e in entries)
    return f"""\
/* {library}.h: written by scancc ({versions}); do not edit.
 *
 * Every function here
 *   - returns a status: 0 where all went well; below 0 a mistake in the call:
{_caller_errors()}
 *     above 0 a check of the program itself, listed at the function. NAME_error writes its text.
 *     Where the status is not 0, the outputs are as they were.
 *   - has a short form, NAME_call, which takes one struct: strides that are NULL are those of a
 *     C-contiguous array, outputs that are NULL are not wanted (nothing is spent on those of which it is
 *     said, as the export has named them `optional`; others are made in the workspace), and `values` has
 *     the numbers of a check that failed. NAME_call_query sets the sizes of outputs and workspace_nbytes,
 *     of what the struct has otherwise.
 *   - takes strides in elements, not bytes. They may be negative; an input's may be 0. An array that is
 *     not C-contiguous is copied through the workspace; the others are used in place.
 *   - takes all memory from the caller: arrays aligned to their element type, and a workspace (any
 *     address) of as many bytes as NAME_query says for the same inputs; more where an output is not
 *     C-contiguous (staging_nbytes). A workspace of 0 bytes may be NULL, and so may an array without
 *     elements. Arrays that are written must not overlap any other array.
 *   - keeps no state, takes no lock and starts no thread: any number of threads may call it at once,
 *     each with outputs and a workspace of its own.
 * A truth value is a byte, 0 or 1. A complex number is two floats, real part first.
 * Pointers that NAME_query stores to may be NULL where the answer is not wanted.
 */
#ifndef {guard}
#define {guard}

#include <stdint.h>

#define {_macro(library)}_ABI_VERSION {ABI_VERSION}

/* With the arguments' number in the symbol, so that no library of another interface links. */
#if defined(__GNUC__) && defined(__ELF__)
#define {_macro(library)}_SYMBOL(name) __asm__(name)
#else
#define {_macro(library)}_SYMBOL(name)
#endif

#ifdef __cplusplus
extern "C" {{
#endif

{body}
#ifdef __cplusplus
}}
#endif

#endif
"""


def _macro(library: str) -> str:
    name = re.sub(r"\W", "_", library, flags=re.ASCII).upper()
    return f"_{name}" if name[0].isdigit() else name


def _caller_errors() -> str:
    return "\n".join(f" *       {status}  {text};" for status, text in CALLER_ERRORS.items())


def _entry_text(library: str, entry: Entry) -> str:
    names = Names(entry.name)
    comment = [f"{entry.name}", ""]
    comment += ["Inputs:", *(_input_line(entry, n, p) for n, p in enumerate(entry.inputs))]
    comment += ["Outputs:", *(_output_line(entry, n, p) for n, p in enumerate(entry.outputs))]
    if entry.checks:
        comment += ["Statuses above 0:", *(f"  {c.code}  {_with_values(c.text())}" for c in entry.checks)]
    return "\n".join(
        [
            _comment(comment),
            _prototype(library, entry, entry.name, [a.c_text for a in entry.arguments]),
            "",
            _comment(
                [f"The sizes of the outputs of {entry.name}, and of the workspace, for these inputs."]
                + _reads_note(entry)
            ),
            _prototype(library, entry, names.flat_query, [a.c_text for a in entry.query_arguments]),
            "",
            *_short_lines(library, entry),
            "",
            *_dlpack_lines(library, entry),
            _comment([f"Writes the text of a status of {entry.name} as snprintf does, at most n bytes, and gives the "
                      "length of the whole; values: those of the struct, or NULL."]),
            f"int64_t {names.error}(int32_t status, const int64_t *values, char *buffer, int64_t n)",
            f'    {_macro(library)}_SYMBOL("{names.error}.{entry.interface}");',
            "",
            _comment([_processor_note(entry)]),
            f"int32_t {names.supported}(void);",
            "",
            f"/* What the manifest says of {entry.name}, as JSON. */",
            f"const char *{names.manifest}(void);",
            "",
            *_state_lines(library, entry),
            *_thread_lines(entry),
            *_print_lines(entry),
            *_variant_lines(entry),
        ]
    )


def _with_values(text: str) -> str:
    """A check's text on one line, in which numbers are named as the struct of a short call has them."""
    return re.sub(r"\{([0-3])\}", r"values[\1]", re.sub(r"\n\s*", " ", text))


def _short_lines(library: str, entry: Entry) -> list[str]:
    """The struct of a short call, and what takes it."""
    names = Names(entry.name)
    return [
        f"typedef struct {names.struct} {{", *(f"    {f.c_text};" for f in entry.fields), f"}} {names.struct};",
        *(f'int32_t {name}({names.struct} *arguments) {_macro(library)}_SYMBOL("{name}.{entry.interface}");'
          for name in (names.call_query, names.call)),
    ]


def _dlpack_lines(library: str, entry: Entry) -> list[str]:
    said, declared = dlpack.header_lines(entry)
    if not said:
        return []
    return [_comment(said), *(_prototype(library, entry, *each) for each in declared.items()), ""]


def _state_lines(library: str, entry: Entry) -> list[str]:
    said, declared = header_lines(entry)
    if not declared:
        return []
    names = Names(entry.name)
    if has_run(entry):
        said.append(f"{names.run_state} is {entry.name} on a state, which has its new values where the status is 0. "
                    "It takes no memory but the caller's and no lock, and reads and writes no file. A snapshot is a "
                    "copy.")
        kept, changed = f"const {names.state} *state", f"{names.state} *state"
        for name, arguments in ((names.run_query, [kept, *(a.c_text for a in run_query_arguments(entry))]),
                                (names.run_state, [changed, *(a.c_text for a in run_arguments(entry))])):
            declared.append(_prototype(library, entry, name, arguments))
        declared.append(f"void {names.snapshot}({kept}, {names.state} *copy);")
    return [_comment(said), *declared, ""]


def _thread_lines(entry: Entry) -> list[str]:
    said, declared = sharing.header_lines(entry)
    return [_comment(said), *declared, ""] if declared else []


def _print_lines(entry: Entry) -> list[str]:
    said, declared = prints.header_lines(entry)
    return [_comment(said), *declared, ""] if declared else []


def _variant_lines(entry: Entry) -> list[str]:
    said, declared = variants.header_lines(entry)
    return [_comment(said), *declared, ""] if declared else []


def _processor_note(entry: Entry) -> str:
    if not entry.requires:
        return f"1: every processor of this kind runs {entry.name}."
    return (f"1 where this processor has what {entry.name} is compiled for ({', '.join(entry.requires)}), or where "
            "nothing tells; 0 where a call of the others would end the process.")


def _reads_note(entry: Entry) -> list[str]:
    read = [p.name for n, p in enumerate(entry.inputs) if entry.reads_in_query(n)]
    if not read:
        return ["Only numbers and dimensions are read: the arrays may be uninitialised."]
    return [f"The values of {', '.join(read)} are read, which must be C-contiguous here."]


def _input_shape(entry: Entry, index: int) -> list[str]:
    found = (entry.dim_argument(index, axis) for axis in range(entry.inputs[index].rank))
    return [str(d) if isinstance(d, int) else d.name for d in found]


def _input_line(entry: Entry, index: int, param: Param) -> str:
    line = _parameter_line(param, _input_shape(entry, index))
    if param.is_bound:
        line += ("; a guess, at least as large as a size that only running the program tells. Where it is too small "
                 "a status above 0 says so, outputs may have been written in part, and a call with a larger one "
                 "starts again")
    return line


def _parameter_line(param: Param, shape: Sequence[str]) -> str:
    what = f"{param.dtype} array of shape ({', '.join(shape)}{',' if len(shape) == 1 else ''})"
    if not shape:
        what = f"{param.dtype}, pointer to its two parts" if scalar_of(param).n_parts == 2 else param.dtype
    return f"  {param.name}: {what}"


def _output_line(entry: Entry, index: int, param: Param) -> str:
    shape = [_output_size(entry, index, axis) for axis in range(param.rank)]
    line = _parameter_line(param, shape)
    if index in entry.optional:
        line += "; NULL in the struct of the short form: nothing is spent on it"
    for axis in entry.early_axes(index):
        what = "rows written, which may be fewer" if axis == 0 else f"length of axis {axis}, which may be less"
        line += f"; *{param.name}_n{axis} is set to the {what} (NULL: not wanted)"
    return line


def _output_size(entry: Entry, index: int, axis: int) -> str:
    param = entry.outputs[index]
    if param.shape[axis] is not None:
        return str(param.shape[axis])
    same = entry.output_dim_argument(index, axis)
    return same.name if same else f"{param.name}_n{axis} of {Names(entry.name).flat_query}"


def _comment(lines: Sequence[str]) -> str:
    wrapped = []
    for line in lines:
        line = " ".join(line.split("\n")).replace("*/", "* /").replace("/*", "/ *")
        indent = line[: len(line) - len(line.lstrip())]
        wrapped += textwrap.wrap(line, _WIDTH - 3, subsequent_indent=indent + "    ") or [""]
    return "\n".join(["/* " + wrapped[0], *(f" * {w}".rstrip() for w in wrapped[1:]), " */"])


def _prototype(library: str, entry: Entry, name: str, arguments: Sequence[str]) -> str:
    """Wrapped between arguments, never inside one."""
    joined = ", ".join(a.replace(" ", "\0") for a in arguments)
    text = f'int32_t {name}({joined}) {_macro(library)}_SYMBOL("{name}.{entry.interface}");'
    lines = textwrap.wrap(text, _WIDTH, subsequent_indent="    ", break_long_words=False)
    return "\n".join(lines).replace("\0", " ")
