"""A file of C: one function of an exported library, as its object has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scancc.ir.core import Op, functions

from ...c_names import ExportError
from ..entry import Entry, Names
from .entries import LIBRARY, OF_ENTRIES, entries_text, most_axes
from .library import in_order
from .parts import Part
from .printer import FileText, FunctionPrinter
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


def file_text(module: Op, entry: Entry, without: Sequence[tuple[Part, Op]], fma: bool, target: str, versions: str,
              manifest: bytes, place: Callable[[str], str]) -> str:
    """C of a module of loop IR and of the entries around it. `without`: loops that leave out outputs, which a short
    call takes; `place`: how a source file is called."""
    out = FileText(fma, place)
    texts = [*_loops(module, entry, out), *(text for part, loops in without for text in _loops(loops, part, out))]
    texts.append(entries_text(entry, [part for part, _ in without]))
    called = set(re.findall(r"\b(\w+)\(", "\n".join(texts)))
    library = in_order(f for f in (*out.library.values(), *LIBRARY) if f.name in called)
    head = _HEAD.format(name=entry.name, versions=versions, target=target, fma=_FMA[fma],
                        work=f"{entry.name}_work", sizes=f"{entry.name}_sizes")
    _check_names(entry, {*library, *out.data.values(), *OF_ENTRIES, *_typedef_names(out)})
    parts = ["\n".join([f"enum {{ MOST_AXES = {most_axes(entry)} }};", *out.typedefs, ""]),
             *(f.text for f in library.values()), *out.data_texts(), *texts, manifest_text(entry, manifest)]
    return head + "\n".join(parts)


def _loops(module: Op, entry: Entry, out: FileText) -> list[str]:
    """The two functions of a module."""
    bodies = [FunctionPrinter(func, out, entry.name, isinstance(entry, Part)) for func in functions(module)]
    n_arguments = len(entry.inputs) + len(entry.outputs) + 1
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
