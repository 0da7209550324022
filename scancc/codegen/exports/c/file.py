"""A file of C: one function of an exported library, as its object has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scancc.ir.core import Op, functions
from scancc.late_dataclasses import dataclass

from ...c_names import ExportError
from ..entry import Entry, Names
from ..prints import More
from .entries import LIBRARY, OF_ENTRIES, entries_text, most_axes
from .library import in_order
from .parts import Part
from .printer import FileText, FunctionPrinter
from .prints import PRINTING, QUIET, choosing_text, setter_text
from .texts import manifest_text

_HEAD = """\
/* {name}: written by scancc ({versions}); do not edit.
 *
 * This file stands for {name}.o: the library's header and manifest are its, too. It needs the extensions of
 * GNU C (gcc, clang) and the functions of <math.h>. Its numbers are those of the object for
 * {target}, where the compiler neither joins nor reorders operations: -std=c99 or
 * -ffp-contract=off, and no -ffast-math.
 * {fma}
 *
 * {work} computes; {sizes} gives sizes of outputs and workspace; what follows them is for callers.
 */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

"""
_FMA = {True: "fma() is one instruction where the compiler may use it (-mfma, -march=native).",
        False: "No operations are joined: the target has no fused multiply-add."}


@dataclass(frozen=True)
class Loops:
    """The loop IR of a function, or of a part of it. `printing`: that of the code which has what is printed as more
    outputs, and where these lie."""

    entry: Entry
    module: Op
    printing: tuple[Op, More] | None = None


def file_text(whole: Loops, without: Sequence[Loops], fma: bool, target: str, versions: str, manifest: bytes,
              place: Callable[[str], str]) -> str:
    """C of loops and of the entries around them. `without`: those that leave out outputs, which a short call takes;
    `place`: how a source file is called."""
    out, entry = FileText(fma, place), whole.entry
    texts = [setter_text(entry), *(text for loops in (whole, *without) for text in _code(loops, out))]
    texts.append(entries_text(entry, [loops.entry for loops in without if isinstance(loops.entry, Part)]))
    called = set(re.findall(r"\b(\w+)\(", "\n".join(texts)))
    library = in_order(f for f in (*out.library.values(), *LIBRARY) if f.name in called)
    quiet = QUIET if whole.printing else ""
    head = _HEAD.format(name=entry.name, versions=versions, target=target, fma=_FMA[fma],
                        work=f"{entry.name}{quiet}_work", sizes=f"{entry.name}{quiet}_sizes")
    _check_names(entry, {*library, *out.data.values(), *OF_ENTRIES, *_typedef_names(out)})
    parts = ["\n".join([f"enum {{ MOST_AXES = {most_axes(entry)} }};", *out.typedefs, ""]),
             *(f.text for f in library.values()), *out.data_texts(), *filter(None, texts),
             manifest_text(entry, manifest)]
    return head + "\n".join(parts)


def _code(loops: Loops, out: FileText) -> list[str]:
    """The two functions of the loops, and what chooses between two codes of them."""
    entry = loops.entry
    if loops.printing is None:
        return _functions(loops.module, entry, "", len(entry.outputs), out)
    printing, more = loops.printing
    return [*_functions(loops.module, entry, QUIET, len(entry.outputs), out),
            *_functions(printing, entry, PRINTING, len(more.outputs), out), choosing_text(entry, more)]


def _functions(module: Op, entry: Entry, code: str, n_outputs: int, out: FileText) -> list[str]:
    static = bool(code) or isinstance(entry, Part)
    bodies = [FunctionPrinter(func, out, f"{entry.name}{code}", static) for func in functions(module)]
    n_arguments = len(entry.inputs) + n_outputs + 1
    assert all(len(b.func.body.args) == n_arguments for b in bodies), "the loops take what the object takes"
    return [printer.run() for printer in sorted(bodies, key=lambda printer: printer.is_query)]


def _typedef_names(out: FileText) -> Iterator[str]:
    for text in out.typedefs:
        yield from re.findall(r"(\w+) __attribute__", text)


def _check_names(entry: Entry, own: set[str]) -> None:
    """Refuse a function that has the name of what the file has for itself."""
    if taken := own.intersection(Names(entry.name).public):
        raise ExportError(f"{min(taken)!r} is in the C of {entry.name!r} already; name the function otherwise "
                          "(sc.function(..., name=...)) or export it with a prefix")
