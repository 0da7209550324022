"""The driver that runs, verifies, times and dumps passes; `pass_lists.py` has their lists.

A pipeline is text: `canonicalize,cse,unroll{max-trips=2}`. A pass is a module `passes/NAME.py` with a
function of that name; its options are the function's typed parameters after the module. Names and
options are spelled with dashes in a pipeline and with underscores in Python.
"""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import cache, lru_cache, partial
from operator import is_
from typing import Any, cast

from scancc.late_dataclasses import dataclass

from . import pass_lists, progress
from .config import config
from .errors import InternalError, ParseError, ScanccError, comes_from_outside
from .ir.core import Op, clone_op
from .ir.needs import Need, require
from .ir.printer import print_op
from .ir.remarks import Remark, collect, standing
from .ir.verifier import verify as verify_ir
from .process import kept_property


@dataclass(frozen=True)
class Pass:
    """A pass of the registry."""

    name: str
    function: Callable[..., None]

    @kept_property
    def options(self) -> dict[str, type]:
        """Name to type of the parameters after the module."""
        import inspect
        import typing

        types = typing.get_type_hints(self.function)
        return {p: types[p] for p in list(inspect.signature(self.function).parameters)[1:]}

    @kept_property
    def needs(self) -> tuple[Need, ...]:
        """What IR it takes; everything where its module says nothing."""
        return tuple(getattr(importlib.import_module(self.function.__module__), "NEEDS", ()))

    @kept_property
    def is_marked(self) -> Callable[[Op], bool]:
        """Of an analysis: whether a module has its marks."""
        return cast(Callable[[Op], bool], importlib.import_module(self.function.__module__).is_marked)

    @kept_property
    def refresh(self) -> Callable[[Op], None]:
        """Of an analysis: brings its marks up to date."""
        return cast(Callable[[Op], None], importlib.import_module(self.function.__module__).refresh)

    @property
    def doc(self) -> str:
        """The pass's header: one sentence, IR before and after, why, cost."""
        return importlib.import_module(self.function.__module__).__doc__ or ""


@dataclass(frozen=True)
class Step:
    """A pass with values for its options, as a pipeline names it."""

    name: str
    options: dict[str, Any]

    def __str__(self) -> str:
        if not self.options:
            return self.name
        inside = " ".join(f"{key.replace('_', '-')}={_option_text(v)}" for key, v in self.options.items())
        return f"{self.name}{{{inside}}}"


@dataclass
class PassRun:
    """What one pass did. `changed` is None where nobody asked (`track_changes`)."""

    step: Step
    time_s: float
    changed: bool | None
    remarks: list[Remark]


@dataclass
class Report:
    """What a pipeline did, pass by pass."""

    runs: list[PassRun] = field(default_factory=list)
    verify_time_s: float = 0.0

    @property
    def remarks(self) -> list[Remark]:
        """What the passes said, but for what a later one made untrue."""
        return standing(remark for run in self.runs for remark in run.remarks)

    def __str__(self) -> str:
        said = {None: "", True: "changed", False: "same"}
        rows = [f"{1e3 * run.time_s:9.3f} ms  {said[run.changed]:8}{run.step}" for run in self.runs]
        return "\n".join([*rows, f"{1e3 * self.verify_time_s:9.3f} ms  {'':8}(verifier)"])


OnPass = Callable[[PassRun, Op], None]


# ---- the registry ----


@cache
def pass_names() -> tuple[str, ...]:
    """The pipeline names of all passes."""
    import pkgutil

    package = importlib.import_module("scancc.passes")
    modules = pkgutil.iter_modules(package.__path__)
    return tuple(sorted(m.name.replace("_", "-") for m in modules if not m.ispkg))


@cache
def find_pass(name: str) -> Pass:
    """The pass called `name` in pipelines; ParseError with a near match where there is none."""
    python_name = name.replace("-", "_")
    try:
        module = importlib.import_module(f"scancc.passes.{python_name}")
    except ModuleNotFoundError:
        raise ParseError(f"there is no pass '{name}'{near(name, pass_names())}; the passes are "
                         f"{', '.join(pass_names())}") from None
    function = getattr(module, python_name, None)
    if function is None:  # a part of a pass
        raise ParseError(f"'{name}' is no pass; the passes are {', '.join(pass_names())}")
    return Pass(name, function)


def load(names: Sequence[str]) -> None:
    """Import the passes called `names`, which `find_pass` else does when each is first named."""
    for name in names:
        find_pass(name.partition("{")[0])


def near(name: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'` where a known name is like the one that was given."""
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{near[0]}'" if near else ""


# ---- pipelines as text ----

_STEP = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:\{([^{}]*)\})?\s*(,|\Z)")


def parse_pipeline(text: str | Sequence[str]) -> list[Step]:
    """The steps of a pipeline: text, a list of such texts, or the name of one in pass_lists.PIPELINES."""
    if not isinstance(text, str):
        return [step for part in text for step in parse_pipeline(part)]
    return list(_parsed(text))


@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    position = 0
    while text[position:].strip():
        match = _STEP.match(text, position)
        if match is None:
            raise ParseError(f"the pipeline '{text}' cannot be read from '{text[position:].strip()}' on; "
                             "write pass,pass{option=value option=value},pass")
        steps += _steps_named(match[1], match[2] or "")
        position = match.end()
    return tuple(steps)


def without(names: Sequence[str], left_out: str) -> list[str]:
    """The steps `names` but for the passes that `left_out` names; ParseError for one that is needed."""
    gone = [step.name for step in parse_pipeline(left_out)]
    for name in gone:
        if name in pass_lists.NEEDED:
            raise ParseError(f"config.leave_out names '{name}', without which a program does not run or has other "
                             f"numbers; leave out other passes than {', '.join(pass_lists.NEEDED)}")
    return [name for name in names if name.partition("{")[0] not in gone]


def _steps_named(name: str, options: str) -> list[Step]:
    if name in pass_lists.PIPELINES and not options:
        return parse_pipeline(pass_lists.PIPELINES[name])
    return [Step(name, _options(find_pass(name), options))]


def _options(found: Pass, text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in re.split(r"[\s,]+", text.strip()):
        if not entry:
            continue
        key, equals, value = entry.partition("=")
        name = key.replace("-", "_")
        if name not in found.options:
            known = [o.replace("_", "-") for o in found.options]
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise ParseError(f"the pass '{found.name}' has no option '{key}'{near(key, known)}; {has}")
        values[name] = _option_value(found, key, found.options[name], value if equals else "true")
    return values


def _option_value(found: Pass, key: str, type: Any, text: str) -> Any:
    try:
        if type is bool:
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        return type(text) if type in (int, float, str) else text
    except (KeyError, ValueError):
        raise ParseError(f"option '{key}' of the pass '{found.name}' is '{text}'; its type is "
                         f"{type.__name__}") from None


def _option_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- running ----


def run(module: Op, pipeline: str | Sequence[str], verify: bool = True, on_pass: OnPass | None = None,
        track_changes: bool | None = None, again: Callable[[], Op] | None = None) -> Report:
    """Run a pipeline on `module`, in place.

    `on_pass` is called after each pass. Whether a pass changed anything is found by printing what may have, so it
    is found only where `track_changes` is true or, not given, where there is an `on_pass`.
    The result is verified (with `on_pass`, what each pass leaves that touched anything). Where a pass fails or the
    IR breaks a rule, the passes run again on a copy, verified one by one, to find the first at fault: the
    InternalError then names it, and a file with the IR before it and the command that repeats it.
    Verifying after each pass took as long as running them. `again` makes the module anew where it must run
    again, for a caller who can; a copy is kept otherwise.
    Marks of analyses (`pass_lists.ANALYSES`) are true whenever anyone looks.
    """
    steps = parse_pipeline(pipeline)
    track = track_changes if track_changes is not None else on_pass is not None
    report, met = Report(), set[Need]()
    again = again or partial(_same, clone_op(module, {}))
    seen = _Seen(module) if track else None
    marked = {name for name in pass_lists.ANALYSES if find_pass(name).is_marked(module)}
    for number, step in enumerate(steps, 1):
        progress.at(f"pass {step.name}")
        with _blaming(again, steps[:number]):
            done = _run_one(module, step, met)
            marked.update({step.name} & {*pass_lists.ANALYSES})
            touched = seen is None or not seen.holds(module)
            if number == len(steps) or (on_pass is not None and touched):
                _refresh(module, marked - {step.name})
                if verify:
                    _verify(module, report)
        if seen is not None:
            done.changed = touched and seen.update(module)
        report.runs.append(done)
        if on_pass is not None:
            on_pass(done, module)
    return report


class _Seen:
    """The IR as it was looked at last: the parts that passes exchange, and its text."""

    def __init__(self, module: Op) -> None:
        self._parts, self._text = _parts(module), print_op(module, locations=False)

    def holds(self, module: Op) -> bool:
        """Whether all of its parts are the same ones still, told in a sixth of the time that printing takes."""
        parts = _parts(module)
        return len(parts) == len(self._parts) and all(map(is_, parts, self._parts))

    def update(self, module: Op) -> bool:
        """Look again: whether it reads otherwise."""
        old, self._parts, self._text = self._text, _parts(module), print_op(module, locations=False)
        return self._text != old


def _parts(module: Op) -> list[object]:
    """All that is printed of each op, in order."""
    found: list[object] = []
    for op in module.walk():
        found += (op, op.name, *op.operands)
        for value in (*op.results, *(arg for region in op.regions for block in region.blocks for arg in block.args)):
            found += (value, value.name, value.type)
        for key, held in op.attrs.items():
            found += (key, *held) if isinstance(held, list) else (key, held)
    return found


def _refresh(module: Op, analyses: Iterable[str]) -> None:
    for name in analyses:
        find_pass(name).refresh(module)


def _same(module: Op) -> Op:
    return module


@contextmanager
def _blaming(again: Callable[[], Op], steps: list[Step]) -> Iterator[None]:
    """Turn a failure inside the block into one that names the first of `steps` at fault."""
    try:
        yield
    except Exception as error:
        if _passes_through(error, steps[-1]):
            raise
        raise _blamed(again(), steps, error) from error


def _passes_through(error: Exception, step: Step) -> bool:
    """True for the program's faults, and for what a signal's handler raised: no pass is to blame."""
    if isinstance(error, ScanccError) and not isinstance(error, InternalError):
        return True
    return comes_from_outside(error, find_pass(step.name).function.__code__)


def _run_one(module: Op, step: Step, met: set[Need] | None = None) -> PassRun:
    with collect() as remarks:
        start = time.perf_counter()
        found = find_pass(step.name)
        require(module, f"the pass '{step.name}'", found.needs, met)
        found.function(module, **step.options)
        if met:
            met.difference_update([need for need in met if step.name in (need.undone_by or ())])
        return PassRun(step, time.perf_counter() - start, None, remarks)


def _verify(module: Op, report: Report) -> None:
    start = time.perf_counter()
    verify_ir(module, "the last pass")
    report.verify_time_s += time.perf_counter() - start


def _blamed(module: Op, steps: list[Step], error: Exception) -> InternalError:
    """Find the first pass at fault by running the pipeline again on a copy from before it."""
    for step in steps:
        before = clone_op(module, {})
        try:
            _run_one(module, step)
            verify_ir(module, f"the pass '{step.name}'")
        except Exception as again:
            if comes_from_outside(again, find_pass(step.name).function.__code__):
                raise
            return InternalError(f"the pass '{step.name}' failed. {_problem(again)}\nThe IR before, and the "
                                 f"command that repeats this, are in {write_reproducer(before, [step])}")
    return InternalError(f"the pipeline failed, but not when it ran again. {_problem(error)}")


def _problem(error: Exception) -> str:
    return str(error) if isinstance(error, InternalError) else f"{type(error).__name__}: {error}"


def write_reproducer(before: Op, steps: Sequence[Step]) -> str:
    """Write IR and command line to a new file in SCANCC_REPRODUCER_DIR, or the temporary folder; its path."""
    import tempfile

    folder = config.reproducer_dir or tempfile.gettempdir()
    try:
        os.makedirs(folder, exist_ok=True)
        handle, path = tempfile.mkstemp(".mlir", "scancc-reproducer-", folder)
    except OSError as error:
        return f"no file (cannot write to {folder}: {error.strerror})"
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"// scancc opt {path} --passes '{','.join(map(str, steps))}'\n{print_op(before)}")
    return path
