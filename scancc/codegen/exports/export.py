"""Ahead of time: a function as object, archive, shared library, header, manifest and texts.

    NAME.o  NAME.a  NAME.so  NAME.h  NAME.json  NAME.ll  NAME.s        (for a GPU: NAME.ptx, NAME.ll)
    NAME.c  NAME.upstream.mlir  NAME_bench.c  NAME_bench.cc  NAME_bench_*.py    (where they are asked for)

or, as packagers expect them, under a prefix (install.py).

They are put in their places as one (publishing.py).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

from scancc.late_dataclasses import dataclass
from scancc.seals import LIBRARY, sealed
from scancc.spelling import checked_keywords

from .. import cpu
from ..binding import versions
from ..c_names import ExportError, check_header
from ..llvm.line_tables import LineTable
from ..target import Target, target_of
from . import glue
from .archive import archive
from .codes import MOST_OPTIONAL, Code, c_text, codes_of, entry_of_codes, module_text, paths_of, whole_object
from .entry import Entry, check_distinct
from .header import header_text
from .install import KINDS as INSTALLED_KINDS
from .install import Install, Link, install_of
from .link import NoCompilerError, shared_library
from .manifest import manifest_text
from .paths import Paths
from .publishing import publish
from .python_module import python_text
from .state_calls import has_run
from .states import with_shared
from .symbols import check_symbols
from .variants import ordered

GLUE_KINDS = ("bench-main", "bench-google", "bench-pytest", "bench-pyperf")
ASKED_FOR = ("c", "mlir-upstream", *GLUE_KINDS)  # what is not made by default
CPU_KINDS = ("o", "a", "so", "h", "ll", "s", *ASKED_FOR, "json")  # the manifest names the others
GPU_KINDS = ("ptx", "ll")
CODE_KINDS = frozenset(("o", "a", "so", "ll", "s"))  # whose code is that of the object


@dataclass(frozen=True)
class Exported:
    """The files that were written, and what could not be made, each with its reason."""

    files: tuple[Path, ...]
    notices: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@checked_keywords
def export(
    functions: object,
    path: str | os.PathLike[str],
    emit: Sequence[str] | str | None = None,
    prefix: str = "",
    target: Target | str | Sequence[Target | str] | None = None,
    path_map: Mapping[str, str] | None = None,
    freeze: bool = False,
    threads: bool = False,
    gradient: Sequence[str] | str = (),
    wrt: Any = None,
    streaming: bool = False,
    optional: Sequence[str] | str = (),
    install: str | None = None,
    debug: bool = False,
    dlpack: bool = False,
    python: bool = False,
) -> Exported:
    """Write one function, or several as one library, for use without Python.

    functions: what `sc.function` returned, one or a list. What a `Print` shows goes to a callback, NAME_set_print.
    path: a folder (then the first function's name names the files), or a path whose last part is the library's name.
    emit: kinds of files, by default all but 'c', which is C to read and to compile in the place of the object,
        'mlir-upstream' (docs/ir.md), and 'bench-main', 'bench-google', 'bench-pytest' and 'bench-pyperf', benchmarks
        (docs/how-to/benchmark.md).
    prefix: goes before every symbol.
    target: a text such as the command line takes ('x86-64-v3', 'aarch64-linux-gnu', 'sm_90'), or a `Target`; None:
        this machine; several, as ['x86-64-v4', 'x86-64']: code for each, among which the first call chooses.
    path_map: how the user's files are named in texts: what a path begins with, to what stands there instead; None:
        from the folder on that Python imports them from.
    freeze: shared variables that no call updates are constants, with the values that they have now; others are
        inputs, whose values the manifest and NAME_init have.
    threads: a C program may say who runs loops whose rounds need no other ones, NAME_set_parallel_for; no library
        starts threads itself (docs/threads.md).
    gradient: derivatives to write beside each function, any of 'value_and_grad', 'vjp' and 'jvp', as
        NAME_value_and_grad and so on (docs/artefacts.md).
    wrt: the inputs or shared variables, by name too, that they are by; None: all floats.
    streaming: the functions take their sequences in chunks, by NAME_run on a state of the caller's.
    optional: names of outputs; where a caller of NAME_call gives NULL for them, code runs that was compiled without
        them.
    install: a version, '1.2.0' or 'NAME-1.2.0': `path` is a prefix, with lib/, include/, a soname and what pkg-config
        and CMake read.
    debug: with the user's lines and unwind tables, for gdb and perf.
    dlpack: with NAME_dlpack, for tensors of DLPack.
    python: the `.so` is a module that Python imports, without scancc.

    Returns what was written: `files`, their paths. Where no C compiler is, all but the `.so` is written, with a
    warning. ExportError or TargetError where names or kinds are wrong, OSError where files cannot be written.

    >>> x = T.vector("x")
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> done = sc.export(sc.function([x], x.sum(), name="total"), folder, emit="o,h")
    >>> [path.name for path in done.files]
    ['total.o', 'total.h']
    """
    if not isinstance(prefix, str):
        raise TypeError(f"prefix is {prefix!r}; give the text that goes before every symbol")
    if not isinstance(path_map, Mapping | None):
        raise TypeError(f"path_map is {path_map!r}; give a dict, what a path begins with to what stands there")
    listed = _listed(functions, bool(streaming), [gradient] if isinstance(gradient, str) else gradient, wrt)
    targets = ordered([target_of(t) for t in (target if isinstance(target, list | tuple) and target else [target])])
    _refuse_for_gpu(targets[0], threads=threads, dlpack=dlpack, debug=debug, install=install, python=python)
    wanted = _optional(listed, optional, bool(streaming), targets[0])
    options = {"freeze": bool(freeze), "threads": bool(threads)}
    codes = [codes_of(f, targets, options, numbers) for f, numbers in zip(listed, wanted, strict=True)]
    entries = [entry_of_codes(*each, prefix, path_map, bool(dlpack)) for each in zip(codes, wanted, strict=True)]
    entries = with_shared(entries)
    for entry in entries if streaming else ():
        _check_streaming(entry)
    folder, library, installed = _placed(path, entries[0].name, install)
    paths = paths_of([c.compiled for each in codes for c in each], path_map)
    single = [f.gives_one for f in listed]
    costs = [partial(_cost, f) for f in listed]
    work = _Library(library, targets[-1], entries, codes, single, paths, costs, bool(debug), installed, bool(python))
    kinds = _kinds(emit, targets[-1], installed is not None)
    _refuse_without_code(kinds, debug=debug, python=python)
    done = _made(work, kinds, folder)
    for notice in done.notices:
        warnings.warn(notice, stacklevel=3)  # of the caller, behind `checked_keywords`
    return done


def _listed(functions: object, streaming: bool, gradient: Sequence[str], wrt: Any) -> list[Any]:
    """All functions to write, each with its derivatives behind it."""
    listed: list[Any] = list(functions) if isinstance(functions, (list, tuple)) else [functions]
    if not listed:
        raise ExportError("there is nothing to export; give at least one function")
    for function in listed:
        if not hasattr(function, "export_form"):
            raise ExportError(f"{function!r} cannot be exported; give what sc.function(...) returned")
    return _with_derivatives([f.streamed() for f in listed] if streaming else listed, gradient, wrt)


def _with_derivatives(functions: Sequence[Any], kinds: Sequence[str], wrt: Any) -> list[Any]:
    """Each function, and after it its derivatives."""
    if wrt is not None and not kinds:
        raise ExportError("wrt says what a derivative is by, and gradient= asks for none")
    return [each for f in functions for each in (f, *(f.derivative(kind, wrt) for kind in dict.fromkeys(kinds)))]


def _refuse_for_gpu(target: Target, **options: Any) -> None:
    """Options that say something of code for a CPU."""
    for name, value in options.items():
        if value and target.kind != "cpu":
            raise ExportError(f"{name}={value!r} is for code that a CPU runs, and {target} is none; leave it out")


def _refuse_without_code(kinds: Sequence[str], **options: Any) -> None:
    """Options that say something of machine code."""
    for name, value in options.items():
        if value and not CODE_KINDS.intersection(kinds):
            raise ExportError(f"{name}={value!r} is for machine code, of which {', '.join(kinds)} has none; "
                              f"give emit so, too, or leave {name} out")


def _check_streaming(entry: Entry) -> None:
    if entry.calling.states and not has_run(entry):
        raise ExportError(f"the state of {entry.name} has no place in a struct: a shared variable whose lengths may "
                          "change, or of more than 64 KiB; make it with sc.shared(..., shape=...), or do not stream")


def _optional(functions: Sequence[Any], names: Sequence[str] | str, streaming: bool,
              target: Target) -> list[list[int]]:
    """For each function the numbers of its outputs that callers may leave out."""
    given = dict.fromkeys([names] if isinstance(names, str) else names)
    known = [f.output_names for f in functions]
    if unknown := [name for name in given if not any(name in outputs for outputs in known)]:
        raise ExportError(f"optional names {', '.join(map(repr, unknown))}, and outputs are "
                          f"{', '.join(dict.fromkeys(name for outputs in known for name in outputs))}")
    if given and (streaming or target.kind != "cpu"):
        what = "NAME_run of a streamed function gives all" if streaming else f"there is no NAME_call for {target}"
        raise ExportError(f"{what}; leave out optional")
    found = [[n for n, name in enumerate(outputs) if name in given] for outputs in known]
    if max(map(len, found)) > MOST_OPTIONAL:
        raise ExportError(f"optional names {max(map(len, found))} outputs of a function, and each doubles its code; "
                          f"name {MOST_OPTIONAL} at most")
    return found


def _made(work: _Library, kinds: Sequence[str], folder: Path) -> Exported:
    check_distinct(work.entries)
    if "h" in kinds:
        check_header(work.name)
    for kind in kinds:
        _MAKERS[kind](work)
    if work.install is not None:
        there = [kind for kind in kinds if kind not in work.missing]
        for name, text in work.install.descriptions(there, work.target).items():
            work.put(name, text)
        work.files |= work.install.links() if "so" in there else {}
    return Exported(publish(folder, work.name, work.files), tuple(work.notices), tuple(work.missing))


def _kinds(emit: Sequence[str] | str | None, target: Target, installed: bool) -> list[str]:
    """The kinds asked for, in an order in which each finds what it needs."""
    known = GPU_KINDS if target.kind != "cpu" else INSTALLED_KINDS if installed else CPU_KINDS
    usual = tuple(kind for kind in known if kind not in ASKED_FOR)
    given = usual if emit is None else emit.split(",") if isinstance(emit, str) else emit
    if not isinstance(given, list | tuple) or not all(isinstance(k, str) for k in given):
        raise TypeError(f"emit is {emit!r}; give kinds of files, among {', '.join(known)}, or None for "
                        f"{', '.join(usual)}")
    if not given:
        raise ExportError(f"emit is {emit!r}, so nothing would be written; kinds are {', '.join(known)}")
    wanted = [k.strip().lstrip(".") for k in given]
    for kind in wanted:
        if kind not in known:
            what = "a CPU" if target.kind == "cpu" else target.sm
            raise ExportError(f"{kind!r} is no kind of file for {what}; kinds are {', '.join(known)}")
    if installed and not {"a", "so"} & set(wanted):
        raise ExportError(f"emit is {emit!r}, which leaves nothing to install; give a or so, too")
    return [k for k in known if k in wanted]


def _placed(path: str | os.PathLike[str], name: str, install: str | None) -> tuple[Path, str, Install | None]:
    """The folder and the library's name, and under which version it is installed there."""
    if install is None:
        return *_place(path, name), None
    installed = install_of(install, name)
    return _folder(path), installed.name, installed


def _folder(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"the path is {path!r}; give a folder, or a path that ends in a name")
    text = os.fspath(path)
    if not text:
        raise ExportError("the path is empty; give a folder ('.' is the current one), or a path that ends in a name")
    return Path(text)


def _place(path: str | os.PathLike[str], name: str) -> tuple[Path, str]:
    """The folder, and the name without suffix, of the files."""
    stem, text = _folder(path), os.fspath(path)
    if text.endswith(("/", os.sep)) or os.path.isdir(text):
        return stem, name
    if stem.suffix.lstrip(".") in CPU_KINDS + GPU_KINDS:
        stem = stem.with_suffix("")
    return stem.parent, stem.name


@dataclass
class _Library:
    """An export under way: files by name, in the order in which they are made."""

    name: str
    target: Target
    entries: list[Entry]
    codes: list[list[Code]]
    single: list[bool]
    paths: Paths  # how source files are named
    costs: Sequence[Callable[[], Any]]  # what a call computes and moves
    debug: bool = False
    install: Install | None = None
    python: bool = False
    files: dict[str, bytes | Link] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _objects: list[tuple[str, bytes]] | None = None

    def modules(self) -> list[tuple[str, str]]:
        """For each function its name and LLVM IR with the flat entry."""
        return [(entry.name, module_text(entry, codes, one, self._lines()) + more)
                for entry, codes, one, more in self._each_function()]

    def objects(self) -> list[tuple[str, bytes]]:
        if self._objects is None:
            self._objects = [(f"{entry.name}.o", whole_object(entry, codes, one, self._lines(), more))
                             for entry, codes, one, more in self._each_function()]
            for name, code in self._objects:
                check_symbols(code, name.removesuffix(".o"), self.target)
        return self._objects

    def _each_function(self) -> Iterator[tuple[Entry, list[Code], bool, str]]:
        """Each with what its module has beside it: the first one what makes the library a module of Python."""
        names = [entry.name for entry in self.entries]
        of_library = python_text(self.name, names, self.target) if self.python else ""
        more = [of_library, *[""] * (len(names) - 1)]
        return zip(self.entries, self.codes, self.single, more, strict=True)

    def _lines(self) -> LineTable | None:
        return LineTable(self.paths.name) if self.debug else None

    def path(self, kind: str) -> str:
        """Where the one file of a kind lies."""
        return f"{self.name}.{kind}" if self.install is None else self.install.path(kind)

    def put(self, name: str, data: str | bytes) -> None:
        self.files[name] = data.encode() if isinstance(data, str) else data

    def each(self, suffix: str, texts: Sequence[tuple[str, str | bytes]]) -> None:
        """One file a function; a library of one function gives it the library's name."""
        for name, data in texts:
            self.put(f"{self.name if len(texts) == 1 else name}.{suffix}", data)


def _make_objects(work: _Library) -> None:
    work.each("o", [(name.removesuffix(".o"), code) for name, code in work.objects()])


def _make_archive(work: _Library) -> None:
    work.put(work.path("a"), archive(work.objects()))


def _make_shared(work: _Library) -> None:
    try:
        soname = f"{work.name}.so" if work.install is None else work.install.soname
        work.put(work.path("so"), sealed(shared_library(work.objects(), soname, work.target), LIBRARY))
    except NoCompilerError as error:
        work.notices.append(str(error))
        work.missing.append("so")


def _make_header(work: _Library) -> None:
    work.put(work.path("h"), header_text(work.name, work.entries, versions()))


def _make_manifest(work: _Library) -> None:
    files = {os.path.basename(name): data for name, data in work.files.items() if isinstance(data, bytes)}
    library = os.path.basename(work.path("so"))
    work.put(work.path("json"), manifest_text(library, work.entries, work.single, work.target, versions(), files))


def _make_llvm(work: _Library) -> None:
    work.each("ll", work.modules())


def _make_assembly(work: _Library) -> None:
    work.each("s", [(name, cpu.assembly(text, work.target)) for name, text in work.modules()])


def _make_c(work: _Library) -> None:
    parts = zip(work.entries, work.codes, work.single, strict=True)
    work.each("c", [(entry.name, c_text(entry, codes, one, work.paths)) for entry, codes, one in parts])


def _make_upstream(work: _Library) -> None:
    """Loop IR for other tools; of several processors for the least."""
    from ..upstream import module_text as upstream_text  # rarely needed

    texts = []
    for entry, codes in zip(work.entries, work.codes, strict=True):
        if entry.prints:
            raise ExportError(f"upstream IR of {entry.name} has no callback for Print; leave out 'mlir-upstream'")
        compiled = codes[-1].compiled
        assert compiled.module is not None, "what was compiled now has its IR"
        prefix = entry.name.removesuffix(compiled.name)
        texts.append((entry.name, upstream_text(compiled.module, entry.checks, prefix)))
    work.each("upstream.mlir", texts)


def _cost(function: Any) -> Any:
    """What a call computes and moves; None of what is IR that passes have changed."""
    return function.cost() if hasattr(function, "cost") else None


def _make_glue(form: Callable[[str, Entry, Any], str], suffix: str, work: _Library) -> None:
    for entry, cost in zip(work.entries, work.costs, strict=True):
        work.put(f"{entry.name}_bench{suffix}", form(work.name, entry, cost()))


def _make_google(work: _Library) -> None:
    _make_glue(glue.google_text, ".cc", work)
    for entry in work.entries:
        work.put(f"{entry.name}_bench.cmake", glue.cmake_text(work.name, entry))


def _make_ptx(work: _Library) -> None:
    work.each("ptx", [(name, cpu.assembly(text, work.target)) for name, text in work.modules()])


_MAKERS: dict[str, Callable[[_Library], None]] = {
    "o": _make_objects,
    "a": _make_archive,
    "so": _make_shared,
    "h": _make_header,
    "json": _make_manifest,
    "ll": _make_llvm,
    "s": _make_assembly,
    "c": _make_c,
    "mlir-upstream": _make_upstream,
    "bench-main": partial(_make_glue, glue.main_text, ".c"),
    "bench-google": _make_google,
    "bench-pytest": partial(_make_glue, glue.pytest_text, "_pytest.py"),
    "bench-pyperf": partial(_make_glue, glue.pyperf_text, "_pyperf.py"),
    "ptx": _make_ptx,
}
