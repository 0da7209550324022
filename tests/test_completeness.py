"""What one can forget when something is added: every table is walked, and a text names the piece and its file.

CONTRIBUTING.md has the recipes. `FORGOTTEN` takes pieces away, one after the other, and holds what is said then.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc.tensor as T
from scancc import pass_lists, pipeline
from scancc.codegen.exports.c import PRINTERS
from scancc.codegen.llvm.emitter import EMITTERS
from scancc.codegen.math import FUNCTIONS
from scancc.config import SWITCHES, Switch
from scancc.frontend.gradients.rules import CONNECTIONS, RULES
from scancc.frontend.graph.variables import Op as GraphOp
from scancc.frontend.graph.variables import TensorType, applies
from scancc.frontend.lowering.context import LOWERINGS
from scancc.frontend.ops.signatures import SCALARS
from scancc.frontend.random import scalars
from scancc.ir import shapes
from scancc.ir.interpreter.machine import STEP_RULES
from scancc.ir.ops import ELEMENTWISE, OPS, TERMINATOR, OpDef
from scancc.passes import dce, fuse
from scancc.passes.bufferizing.context import CONVERTERS
from tests.codegen.test_math import MPMATH, SAMPLES, mp
from tests.frontend.test_elementwise import EXPECTED, SPECIAL
from tests.frontend.test_gradient_ops import OPS as GRADIENT_CASES

ROOT = Path(__file__).parents[1]


def load_all(package: str) -> None:
    """Import every module of a package, so that all that registers itself has done so."""
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(found.name)


for package in ("frontend", "ir", "passes", "codegen"):
    load_all(f"scancc.{package}")

# ---- ops of the IR ----

NO_RULE = {"builtin.module": "holds functions", "func.func": "is called by its name"}
NO_CODE = {  # neither loops of their own nor LLVM IR
    "builtin.module": "holds functions", "func.func": "each is emitted whole",
    "linalg.index": "a counter of the loops that linalg.generic becomes",
    "memref.alloc": "plan-memory gives it a place in the workspace",
    "scan.launch": "the host's code calls kernels by number (codegen/nvptx.py)",
}
ON_A_GPU = ("gpu.thread_id", "gpu.block_id", "gpu.block_dim", "gpu.grid_dim")  # no C
NO_SIZES = {  # results that are no arrays, or whose type knows the sizes
    "tensor.dim": "a number", "tensor.extract": "an element", "scan.slogdet": "two numbers",
    "arith.constant": "sizes in the type", "tensor.from_elements": "sizes in the type",
    "scan.check": "no result",
}
NESTS = (*fuse.FREE, *fuse.REDUCING, "scan.gather")  # what `fuse` makes a linalg.generic


def lacking_in_ir() -> Iterator[str]:
    for name, op in OPS.items():
        if not op.doc:
            yield f"{name} has no doc: say in its `define` (scancc/ir/dialects/) what it is"
        if op.reading is None:
            yield f"{name} has no reading form: `reading=` in its `define` (scancc/ir/dialects/)"
        yield from _lacks_meaning(name, op)
        yield from _lacks_code(name, op)


def _lacks_meaning(name: str, op: OpDef) -> Iterator[str]:
    if ELEMENTWISE in op.traits and op.numpy is None:
        yield f"{name} has no NumPy meaning: `numpy=` where it is declared (scancc/ir/dialects/)"
    elif not op.traits & {ELEMENTWISE, TERMINATOR} and name not in STEP_RULES and name not in NO_RULE:
        yield f"{name} has no meaning: @value_rule or @step_rule('{name}') in scancc/ir/interpreter/"


def _lacks_code(name: str, op: OpDef) -> Iterator[str]:
    emitted, has_loops = name in EMITTERS, name in CONVERTERS or name in NESTS
    if ELEMENTWISE in op.traits and not emitted:
        yield f"{name} has no LLVM IR: @emits('{name}') in scancc/codegen/llvm/"
    elif not (emitted or has_loops or TERMINATOR in op.traits or name in NO_CODE):
        yield (f"{name} has no code: loops, if it works on tensors, by @converts('{name}') in passes/bufferizing/, "
               f"or LLVM IR, if loops hold it, by @emits('{name}') in scancc/codegen/llvm/")
    if emitted and name not in (*PRINTERS, *ON_A_GPU):
        yield f"{name} has no C: @prints('{name}') in scancc/codegen/exports/c/"
    if has_loops and name not in shapes._RULES and name not in NO_SIZES:
        yield f"{name} has no sizes: a rule in `_RULES` of scancc/ir/shapes.py says those of its result"


# ---- ops and functions of the graph ----

WITHOUT_CASE = {  # ops whose derivative is held against differences elsewhere, or is none
    "Check": "hands on", "Show": "hands on", "SpecifyShape": "hands on", "Unbroadcast": "hands on",
    "GradientFilter": "is the user's", "Nonzero": "gives places", "ArgReduce": "gives places",
    "ArgSort": "gives places", "Draw": "test_gradient_random.py", "Scan": "test_gradient_scan.py",
    "SLogDet": "test_linalg.py", "Eigh": "test_decompositions.py", "SVD": "test_decompositions.py",
    "QR": "test_decompositions.py",
}
FLAT = {  # elementwise functions whose derivative is 0 wherever there is one
    "floor_div", "sgn", "floor", "ceil", "trunc", "round_half_to_even", "round_half_away_from_zero",
    "lt", "le", "gt", "ge", "eq", "neq", "isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_xor",
    "logical_not", "bitwise_and", "bitwise_count", "bitwise_or", "bitwise_xor", "invert", "left_shift",
    "right_shift",
}
NOT_IN_T = {  # names of elementwise functions that programs do not write
    "abs": "T.abs_", "quotient": "of random draws", "masked_mul": "of derivatives", "masked_div": "of derivatives",
}


def graph_ops(cls: type = GraphOp) -> Iterator[type]:
    for found in cls.__subclasses__():
        yield from graph_ops(found)
        if not found.__name__.startswith("_") and found.__module__.startswith("scancc."):
            yield found


def lacking_in_graph() -> Iterator[str]:
    for cls in graph_ops():
        for method in ("infer", "perform"):
            if getattr(cls, method) is getattr(GraphOp, method):
                yield f"{cls.__name__} has no `{method}`: a method beside the op ({place(cls)})"
        if cls not in LOWERINGS:
            yield f"{cls.__name__} has no lowering: @lowers({cls.__name__}) in scancc/frontend/lowering/"
        if cls not in RULES and cls not in CONNECTIONS:
            yield (f"{cls.__name__} has no gradient: @differentiates({cls.__name__}) in scancc/frontend/gradients/, "
                   f"or @connects({cls.__name__}), which says that no output depends on an input")


def lacking_of_gradient_cases() -> Iterator[str]:
    used = set()
    for function, sizes in GRADIENT_CASES.values():
        inputs = [TensorType("float64", size)() for size in sizes]
        used |= {type(node.op) for node in applies([function(*inputs)])}
    for cls in graph_ops():
        if cls in RULES and cls not in used and cls.__name__ not in WITHOUT_CASE:
            yield (f"the derivative of {cls.__name__} is held against nothing: a case of `OPS` in "
                   "tests/frontend/test_gradient_ops.py")


def lacking_of_scalars() -> Iterator[str]:
    for name, entry in SCALARS.items():
        is_of_draws = getattr(entry.numpy, "__module__", "") == scalars.__name__  # a formula that no program writes
        if not entry.doc:
            yield f"the elementwise function {name} has no doc: its entry says what it is"
        if entry.derivative is None and name not in FLAT and not is_of_draws:
            yield f"the elementwise function {name} has no derivative: in its entry, or a reason in FLAT here"
        if not (name in EXPECTED or hasattr(np, name) or name in SPECIAL or is_of_draws):
            yield (f"the elementwise function {name} is held against nothing: NumPy has none of that name, so "
                   "`EXPECTED` in tests/frontend/test_elementwise.py says what it is")
        if not hasattr(T, name) and name not in NOT_IN_T and not is_of_draws:
            yield f"the elementwise function {name} has no name in T: import it in scancc/tensor/__init__.py"


def place(thing: type) -> str:
    return f"{thing.__module__.replace('.', '/')}.py"


# ---- elementary functions ----

OTHER_OPS = {"powf": "math.powf"}  # whose op has another name


def text_of(path: str) -> str:
    return (ROOT / path).read_text()


def lacking_of_functions() -> Iterator[str]:
    errors, _ = text_of("docs/math.md").split("## Cycles")  # of which there is another table
    table = dict(re.findall(r"(?m)^\| (\w+) \| ([\d.]+ \|.*)$", errors))
    for name, row in FUNCTIONS.items():
        if row.op not in OPS:
            yield f"the elementary function {name} has no op: a line in scancc/ir/dialects/math.py"
        yield from _lacks_accuracy(name, table)


def _lacks_accuracy(name: str, table: Mapping[str, str]) -> Iterator[str]:
    if name not in table:
        yield (f"the elementary function {name} is not in the table of docs/math.md: "
               "`python benchmarks/ulp.py --markdown` prints its line")
    elif (stated := tuple(float(table[name].split(" | ")[i]) for i in (0, 3))) != FUNCTIONS[name].ulp:
        yield f"docs/math.md states the errors {stated} of {name}, FUNCTIONS in codegen/math {FUNCTIONS[name].ulp}"
    if name not in SAMPLES:
        yield f"the elementary function {name} has no samples: `SAMPLES` in tests/codegen/test_math.py"
    if name not in MPMATH and not hasattr(mp, name):
        yield f"the elementary function {name} has no exact value: `MPMATH` in tests/codegen/test_math.py"


# ---- passes ----

OUTSIDE_PIPELINES: dict[str, str] = {}  # a pass that no pipeline runs, and why


def lacking_of_passes() -> Iterator[str]:
    run = {step.name for name in pass_lists.PIPELINES for step in pipeline.parse_pipeline(name)}
    for name in pipeline.pass_names():
        file, golden = name.replace("-", "_"), f"tests/passes/{name.replace('-', '_')}.test"
        header = importlib.import_module(f"scancc.passes.{file}").__doc__ or ""
        if len(header.splitlines()) < 8 or "Cost:" not in header or not re.search("(?m)^    ", header):
            yield f"the pass {name} has no header: a sentence, IR before and after, why, `Cost:` (passes/{file}.py)"
        if not (ROOT / golden).is_file() or not re.search(rf"(?m)^# passes: .*\b{name}\b", text_of(golden)):
            yield f"the pass {name} has no golden case: {golden}"
        if name not in run and name not in OUTSIDE_PIPELINES:
            yield (f"the pass {name} has no place: a list in scancc/pass_lists.py, "
                   "or a reason in OUTSIDE_PIPELINES here")


def lacking_in_order() -> Iterator[str]:
    """Of the table of passes in ARCHITECTURE.md."""
    _, section = text_of("ARCHITECTURE.md").split("## Passes, in order")
    rows = re.findall(r"(?m)^\|[^|]*\|([^|]*)\|$", section.split("\n## ")[0])
    listed = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    run = list(dict.fromkeys(step.name for name in ("cpu", "gpu") for step in pipeline.parse_pipeline(name)))
    for name in run:
        if name not in listed:
            yield f"the pass {name} is not in the table of ARCHITECTURE.md, where passes stand in order"
    ordered = [name for name in run if name in listed]
    for name, expected in zip(listed, ordered, strict=False):
        if name != expected:
            yield f"ARCHITECTURE.md has the pass {name} where the pipeline has {expected}"
            break


# ---- switches, documents ----

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")


def lacking_of_switches() -> Iterator[str]:
    code = "".join(path.read_text() for folder in ("scancc", "runtime", "passes")
                   for path in (ROOT / folder).rglob("*.py") if path.name != "config.py")
    for name, switch in SWITCHES.items():
        if not switch.doc.endswith("."):
            yield f"the switch {name} has no doc: a sentence in scancc/config.py"
        read = re.search(rf"\b(config\.{name}|{switch.environment})\b", code)
        if not switch.inert and read is None:
            yield f"nothing reads the switch {name}: `config.{name}` where it matters, or `inert=True` beside it"


def lacking_in_documents() -> Iterator[str]:
    texts = {name: text_of(name) for name in DOCUMENTS}
    site = text_of("mkdocs.yml")
    for path in sorted((ROOT / "docs").rglob("*.md")):
        if path.relative_to(ROOT / "docs").as_posix() not in site:
            yield f"{path.relative_to(ROOT).as_posix()} is found from nowhere: give it a place in mkdocs.yml"
    known = {path.as_posix() for top in ("scancc", "passes", "runtime", "tests", "docs", "examples", "benchmarks")
             for path in (ROOT / top).rglob("*.*")} | {"CHANGELOG.md"}
    for document, text in texts.items():
        for name in set(re.findall(r"[\w/]+\.(?:py|md|ll|test)\b", text)) - set(DOCUMENTS):
            if "NAME" not in name and name != "utils.py" and not any(path.endswith(name) for path in known):
                yield f"{document} names {name}, which is not there"


Check = Callable[[], Iterator[str]]
CHECKS = [lacking_in_ir, lacking_in_graph, lacking_of_gradient_cases, lacking_of_scalars, lacking_of_functions,
          lacking_of_passes, lacking_in_order, lacking_of_switches, lacking_in_documents]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_lacks(check: Check) -> None:
    found = list(check())
    assert not found, "\n".join(["", *found])


def test_reasons_are_of_what_lacks() -> None:
    """An exception that is one no longer goes."""
    assert not {*NO_RULE, *NO_CODE, *NO_SIZES} - set(OPS)
    assert not set(NO_RULE) & set(STEP_RULES) and not set(NO_CODE) & {*EMITTERS, *CONVERTERS, *NESTS}
    assert not FLAT - {name for name, entry in SCALARS.items() if entry.derivative is None}
    assert not {*WITHOUT_CASE} - {cls.__name__ for cls in graph_ops()} and not set(NOT_IN_T) - set(SCALARS)
    assert not set(NO_SIZES) & set(shapes._RULES) and not set(OUTSIDE_PIPELINES) - set(pipeline.pass_names())


# ---- what is forgotten is named ----

Taken = Callable[[pytest.MonkeyPatch], None]


def without(table: dict[Any, Any], *keys: object) -> Taken:
    def take(patch: pytest.MonkeyPatch) -> None:
        for key in keys:
            patch.delitem(table, key)
    return take


def added(table: dict[Any, Any], key: str, value: object) -> Taken:
    return lambda patch: patch.setitem(table, key, value)


def class_of(name: str) -> type:
    return next(cls for cls in graph_ops() if cls.__name__ == name)


def rewritten(path: str, old: str, new: str) -> Taken:
    text = text_of(path)
    assert old in text
    return lambda patch: patch.setattr(
        f"{__name__}.text_of", lambda asked: text.replace(old, new) if asked == path else (ROOT / asked).read_text())


FORGOTTEN: dict[str, tuple[Check, Taken]] = {  # the text, who says it, and what is taken away
    "scan.sort has no meaning: @value_rule or @step_rule('scan.sort') in scancc/ir/interpreter/":
        (lacking_in_ir, without(STEP_RULES, "scan.sort")),
    "math.exp has no LLVM IR: @emits('math.exp') in scancc/codegen/llvm/":
        (lacking_in_ir, without(EMITTERS, "math.exp")),
    "math.exp has no C: @prints('math.exp') in scancc/codegen/exports/c/":
        (lacking_in_ir, without(PRINTERS, "math.exp")),
    "scan.sort has no code: loops, if it works on tensors, by @converts('scan.sort') in passes/bufferizing/, or":
        (lacking_in_ir, without(CONVERTERS, "scan.sort")),
    "memref.load has no code: loops, if it works on tensors, by @converts('memref.load') in passes/bufferizing/, or":
        (lacking_in_ir, without(EMITTERS, "memref.load")),
    "scan.sort has no sizes: a rule in `_RULES` of scancc/ir/shapes.py":
        (lacking_in_ir, without(shapes._RULES, "scan.sort")),
    "scan.new has no doc: say in its `define` (scancc/ir/dialects/)":
        (lacking_in_ir, added(OPS, "scan.new", OpDef("scan.new"))),
    "scan.new has no reading form: `reading=` in its `define` (scancc/ir/dialects/)":
        (lacking_in_ir, added(OPS, "scan.new", OpDef("scan.new"))),
    "scan.new has no NumPy meaning: `numpy=` where it is declared (scancc/ir/dialects/)":
        (lacking_in_ir, added(OPS, "scan.new", OpDef("scan.new", traits=frozenset([ELEMENTWISE])))),
    "Join has no lowering: @lowers(Join) in scancc/frontend/lowering/":
        (lacking_in_graph, without(LOWERINGS, class_of("Join"))),
    "Join has no gradient: @differentiates(Join) in scancc/frontend/gradients/":
        (lacking_in_graph, without(RULES, class_of("Join"))),
    "Join has no `perform`: a method beside the op (scancc/frontend/":
        (lacking_in_graph, lambda patch: patch.delattr(class_of("Join"), "perform")),
    "the derivative of Join is held against nothing: a case of `OPS` in tests/frontend/test_gradient_ops.py":
        (lacking_of_gradient_cases, without(GRADIENT_CASES, "join", "stack", "split", "repeat and tile",
                                            "flip and roll", "stack of scalars")),
    "the elementwise function tanh has no name in T: import it in scancc/tensor/__init__.py":
        (lacking_of_scalars, lambda patch: patch.delattr(T, "tanh")),
    "the elementwise function sgn has no derivative: in its entry, or a reason in FLAT here":
        (lacking_of_scalars, lambda patch: patch.setattr(f"{__name__}.FLAT", set())),
    "the elementwise function sqr is held against nothing: NumPy has none of that name, so `EXPECTED` in tests/":
        (lacking_of_scalars, without(EXPECTED, "sqr")),
    "the elementary function erf has no op: a line in scancc/ir/dialects/math.py":
        (lacking_of_functions, without(OPS, "math.erf")),
    "the elementary function erf has no samples: `SAMPLES` in tests/codegen/test_math.py":
        (lacking_of_functions, without(SAMPLES, "erf")),
    "the elementary function softplus has no exact value: `MPMATH` in tests/codegen/test_math.py":
        (lacking_of_functions, without(MPMATH, "softplus")),
    "the elementary function erf is not in the table of docs/math.md":
        (lacking_of_functions, rewritten("docs/math.md", "| erf |", "| fre |")),
    "docs/math.md states the errors (2.0, 0.6) of erf, FUNCTIONS in codegen/math (2.5, 0.6)":
        (lacking_of_functions, rewritten("docs/math.md", "| erf | 2.5", "| erf | 2.0")),
    "the pass dce has no header: a sentence, IR before and after, why, `Cost:` (passes/dce.py)":
        (lacking_of_passes, lambda patch: patch.setattr(dce, "__doc__", "Short.")),
    "the pass dce has no golden case: tests/passes/dce.test":
        (lacking_of_passes, rewritten("tests/passes/dce.test", "# passes: dce", "# passes: cse")),
    "the pass cse has no place: a list in scancc/pass_lists.py":
        (lacking_of_passes, lambda patch: patch.setattr(pass_lists, "PIPELINES", {})),
    "the pass cse is not in the table of ARCHITECTURE.md":
        (lacking_in_order, rewritten("ARCHITECTURE.md", "| `canonicalize`, `cse`, ", "| `canonicalize`, ")),
    "ARCHITECTURE.md has the pass dce where the pipeline has cse":
        (lacking_in_order, rewritten("ARCHITECTURE.md", "`canonicalize`, `cse`, ", "`canonicalize`, `dce`, `cse`, ")),
    "the switch new has no doc: a sentence in scancc/config.py":
        (lacking_of_switches, added(SWITCHES, "new", Switch("new", bool, False, "no sentence"))),
    "nothing reads the switch new":
        (lacking_of_switches, added(SWITCHES, "new", Switch("new", bool, False, "A sentence."))),
    "ARCHITECTURE.md names ir/sizes.py, which is not there":
        (lacking_in_documents, rewritten("ARCHITECTURE.md", "ir/shapes.py", "ir/sizes.py")),
    "docs/numpy_differences.md is found from nowhere":
        (lacking_in_documents, rewritten("mkdocs.yml", "numpy_differences.md", "other.md")),
}


@pytest.mark.parametrize("text", FORGOTTEN)
def test_what_is_forgotten_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check, take_away = FORGOTTEN[text]
    take_away(monkeypatch)
    found = list(check())
    assert any(text in line for line in found), "\n".join(["", *found])
