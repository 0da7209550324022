"""One exported function: all the code there is of it, as one module.

Beside the code for the target that it is called by there may be code for better processors (`variants.py`), and for
each of them code that leaves out outputs, which a short call takes where these are NULL (`short.py`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scancc.late_dataclasses import dataclass
from scancc.seals import OBJECT, sealed

from .. import cpu
from ..binding import versions
from ..c_names import ExportError, is_reserved
from ..cpu_features import check_text
from ..llvm import Registers
from ..llvm.line_tables import LineTable
from ..target import Target
from .c import Loops, Part, file_text, part_of
from .dlpack import dlpack_text
from .entry import Entry, Names, seldom_called
from .error_texts import error_text
from .flat import Copies, calls_text, numbered_text
from .manifest import embedded_data, embedded_text
from .partial_link import linked
from .paths import Paths
from .prints import More, print_setter_text, printing_text
from .sharing import setter_text
from .short import Without, short_text, short_text_without, struct_text
from .signature import Compiled, entry_of
from .state_calls import state_calls_text
from .states import init_text
from .together import for_processor, joined, left_as_written, with_attributes, with_suffix
from .variants import suffixes, variants, variants_text

MOST_OPTIONAL = 4  # outputs; each doubles the code


@dataclass(frozen=True)
class Code:
    """The code for one target, and codes that leave out outputs, by their numbers."""

    compiled: Compiled
    without: tuple[tuple[frozenset[int], Compiled], ...] = ()


def codes_of(function: Any, targets: Sequence[Target], options: Mapping[str, Any],
             optional: Sequence[int] = ()) -> list[Code]:
    """All code of a function, in the order of the targets; a check has one number in all of it."""
    found: list[Code] = []
    checks: tuple[Any, ...] = ()
    for target in reversed(targets):
        made = []
        for left_out in _subsets(optional):
            made.append(function.export_form(target, **options, checks=checks, left_out=left_out))
            checks = (made[-1].printing or made[-1]).checks
        found.insert(0, Code(made[0], tuple(zip(_subsets(optional)[1:], made[1:], strict=True))))
    return found


def _subsets(optional: Sequence[int]) -> list[frozenset[int]]:
    return [frozenset(s) for n in range(len(optional) + 1) for s in itertools.combinations(sorted(optional), n)]


def entry_of_codes(codes: Sequence[Code], optional: Sequence[int], prefix: str, path_map: Mapping[str, str] | None,
                   dlpack: bool = False) -> Entry:
    """The signature, with the user's files as artefacts name them."""
    least = codes[-1].compiled
    entries = [entry_of(c.compiled, prefix) for c in codes]
    entry = replace(entries[-1], optional=tuple(optional), dlpack=dlpack,
                    variants=variants([c.compiled.target for c in codes]), early=_union([e.early for e in entries]),
                    query_reads=tuple(map(any, zip(*(e.query_reads for e in entries), strict=True))))
    for code in codes:
        for each in (code.compiled, *(c for _, c in code.without)):
            if each.inputs != least.inputs:
                raise ExportError(f"the codes of {entry.name} do not take the same guesses of sizes; export it for "
                                  "one target, without optional outputs")
    paths = paths_of([c.compiled for c in codes], path_map)
    made = [c for code in codes for c in (code.compiled, *(w for _, w in code.without))]
    checks = max((each.checks for c in made for each in (c, c.printing or c)), key=len)
    return replace(entry, checks=tuple(map(paths.check, checks)), memory=paths.within(entry.memory))


def _union(early: Sequence[tuple[tuple[int, ...], ...]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(sorted(set().union(*axes))) for axes in zip(*early, strict=True))


def paths_of(compiled: Sequence[Compiled], path_map: Mapping[str, str] | None) -> Paths:
    places = [op.location for c in compiled if c.module is not None for op in c.module.walk()]
    return Paths({place[0] for place in places if place is not None}, path_map)


def object_of(function: Any, target: Target, threads: bool = False) -> bytes:
    """The object of one function, which holds its manifest; its symbols have a prefix where C has taken the name."""
    codes = codes_of(function, [target], {"freeze": False, "threads": threads})
    prefix = "f_" if is_reserved(codes[0].compiled.name) else ""
    return whole_object(entry_of_codes(codes, (), prefix, None), codes, function.gives_one)


def whole_object(entry: Entry, codes: Sequence[Code], single: bool, lines: LineTable | None = None,
                 more: str = "") -> bytes:
    """The object of a function, with the text `more` in its module.

    Objects of the functions that many modules share are put into it where that needs no linker (`partial_link.py`).
    """
    target = codes[-1].compiled.target
    apart = lines is None and not entry.variants and target.writes_elf and not target.is_32_bit
    text = module_text(entry, codes, single, lines, apart) + more
    libraries = [library for code in codes if apart for each in _all_of(code) for library in each.libraries()]
    return sealed(linked([cpu.compile_object(text, target), *dict.fromkeys(libraries)]), OBJECT)


def _all_of(code: Code) -> list[Compiled]:
    made = [code.compiled, *(compiled for _, compiled in code.without)]
    return made + [each.printing for each in made if each.printing is not None]


def module_text(entry: Entry, codes: Sequence[Code], single: bool, lines: LineTable | None = None,
                apart: bool = False) -> str:
    """LLVM IR of a function for the caller in C; of its kernels where they are for a GPU.

    `lines`: with the user's lines, and with tables by which a stack is unwound. `apart`: without the functions that
    modules share, of which `Compiled.libraries` has the objects.
    """
    target = codes[-1].compiled.target
    if target.kind != "cpu":
        return _renamed(codes[-1].compiled, entry)
    parts = [struct_text(entry)]
    for code, suffix in zip(codes, suffixes(entry.variants), strict=True):
        parts.append(_target_text(entry, code, suffix, lines, apart))
    if entry.variants:
        parts.append(variants_text(entry, target))
    parts += [numbered_text(entry), error_text(entry), dlpack_text(entry),
              check_text(entry.name, entry.requires, target), init_text(entry), state_calls_text(entry),
              setter_text(entry, "\n".join(parts)), print_setter_text(entry, target),
              embedded_text(entry, single, target, versions())]
    text = joined(parts)
    if not (target.is_32_bit or entry.variants):  # little memory; in variants a jump has the name
        text = left_as_written(text, [*seldom_called(entry), *_long_queries(entry, codes)])
    return text if lines is None else with_attributes(text, "uwtable") + lines.text()


def _long_queries(entry: Entry, codes: Sequence[Code]) -> list[str]:
    """The packed query, where it goes straight on for long, as code does that has much to do: LLVM's time for it does
    not come back."""
    made = [each.parts for code in codes for each in _all_of(code)]
    return [Names(entry.name).query] if any(parts is not None and parts.queries for parts in made) else []


def c_text(entry: Entry, codes: Sequence[Code], single: bool, paths: Paths) -> str:
    """The function as C, from loops that no pass has made wide."""
    lacks = {"loops that threads share": entry.threads, "code for several processors": entry.variants,
             "entries for tensors of DLPack": entry.dlpack}
    for what, is_there in lacks.items():
        if is_there:
            raise ExportError(f"C of {entry.name} has no {what}; leave out 'c'")
    compiled = codes[-1].compiled
    if compiled.loops is None:
        raise ExportError(f"there is no C of {entry.name}, which is IR that passes have changed; leave out 'c'")
    target = compiled.target
    without = [_loops(_part(entry, outputs, part), part) for outputs, part in codes[-1].without]
    return file_text(_loops(entry, compiled), without, target.has_fma, f"{target.arch} ({target.cpu})", versions(),
                     embedded_data(entry, single, target, versions()), paths.name)


def _loops(entry: Entry, compiled: Compiled) -> Loops:
    assert compiled.loops is not None, "what was compiled now has its loops"
    if compiled.printing is None or compiled.printing.loops is None:
        return Loops(entry, compiled.loops())
    more = More(entry, compiled.outputs, compiled.printing.outputs, compiled.prints)
    return Loops(entry, compiled.loops(), (compiled.printing.loops(), more))


def _part(entry: Entry, outputs: frozenset[int], compiled: Compiled) -> Part:
    """The entry in C of code that leaves out outputs."""
    part = _entry_without(entry, outputs, compiled)
    return part_of(entry, part, _kept(entry, outputs))


def _target_text(entry: Entry, code: Code, suffix: str, lines: LineTable | None, apart: bool) -> str:
    """The code for one target."""
    names = [".without." + ".".join(entry.outputs[n].name for n in sorted(outputs)) for outputs, _ in code.without]
    without = [Without(outputs, f"{entry.name}_call{name}", f"{entry.name}_call_query{name}")
               for (outputs, _), name in zip(code.without, names, strict=True)]
    copies = Copies(entry.name)
    packed = _packed(code.compiled, entry, lines, apart)
    parts = [packed, short_text(entry, copies, without), calls_text(entry, copies)]
    for (outputs, compiled), name in zip(code.without, names, strict=True):
        parts.append(with_suffix(_text_without(entry, outputs, compiled, lines, apart), name))
    text = joined(parts)
    if not suffix:
        return text
    return with_attributes(with_suffix(text, suffix), for_processor(code.compiled.target))


def _text_without(entry: Entry, outputs: frozenset[int], compiled: Compiled,
                  lines: LineTable | None, apart: bool) -> str:
    part, kept = _entry_without(entry, outputs, compiled), _kept(entry, outputs)
    packed = _packed(compiled, entry, lines, apart)
    return "\n".join([packed, short_text_without(part, entry, kept, Copies(entry.name))])


def _kept(entry: Entry, outputs: frozenset[int]) -> list[int]:
    return [n for n in range(len(entry.outputs)) if n not in outputs]


def _entry_without(entry: Entry, outputs: frozenset[int], compiled: Compiled) -> Entry:
    """The signature of the code that leaves out outputs."""
    early = tuple(entry.early[n] for n in _kept(entry, outputs) if n < len(entry.early))
    return replace(entry, outputs=compiled.outputs, early=early, output_dims=(), optional=())


def _packed(compiled: Compiled, entry: Entry, lines: LineTable | None = None, apart: bool = False) -> str:
    """The packed entries under the exported name, and what they call."""
    text = _renamed(compiled, entry, lines, apart)
    if compiled.printing is None:
        return text
    return printing_text(entry, compiled, text, _renamed(compiled.printing, entry, lines, apart))


def _renamed(compiled: Compiled, entry: Entry, lines: LineTable | None = None, apart: bool = False) -> str:
    """The module's text with its packed entries under the exported name."""
    text, target = compiled.llvm_text, compiled.target
    if apart and compiled.parts is not None:
        text = compiled.parts.main + compiled.parts.queries
    if lines is not None and compiled.module is not None:
        registers = Registers.of(target)
        text = lines.printed(compiled.module, target.has_fma, False, registers)
    if compiled.name == entry.name:
        return text
    pattern = rf"@{re.escape(compiled.name)}(?=__(?:run|query)\b|__(?:run|query)__|__kernel\d*\b)"
    return re.sub(pattern, f"@{entry.name}", text)
