"""The reading form: every op has one, no two meanings read the same, and what dumps of programs look like."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

import pytest

import scancc as sc
from scancc import pipeline, stages
from scancc.codegen import target
from scancc.compile import Function
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import ELEMENTWISE, LITERAL, OPS
from scancc.ir.parser import parse
from scancc.ir.printer import print_op
from scancc.ir.reading.phrases import CALL
from scancc.ir.reading.printer import reading_text
from scancc.user_files import load_function
from tests.passes.cases import read_cases
from tests.programs import users

FOLDER = Path(__file__).parent / "reading"
ROOT = Path(__file__).parents[2]


def function(types: list[t.Type], build: Callable[[Builder, list[Any]], Any]) -> Op:
    """A function `f` of arguments a, b, c, ... that returns what `build` makes of them."""
    block = Block(types)
    for arg, name in zip(block.args, "abcdefgh", strict=False):
        arg.name = name
    b = Builder(block)
    made = build(b, block.args)
    results = [] if made is None else [made]
    b.make("func.return", results)
    signature = t.FunctionType(tuple(types), tuple(v.type for v in results))
    return Op("func.func", attrs={"sym_name": "f", "function_type": signature}, regions=[Region([block])])


def body(types: list[t.Type], build: Callable[[Builder, list[Any]], Any]) -> str:
    """The lines inside such a function, without `return`."""
    lines = reading_text(function(types, build)).splitlines()
    return "\n".join(line.strip().removeprefix("return ") for line in lines[1:-1])


# ---- every op ----


def test_the_default_form_is_for_ops_whose_operands_say_it_all() -> None:
    """Without attributes, and without groups of operands that a list of them would not tell apart."""
    default = [d for d in OPS.values() if d.reading == CALL]
    assert [d.name for d in default if d.attrs or d.segmented or d.regions] == []


def test_a_template_mentions_every_operand() -> None:
    """By its group, or all of them; sizes stand in the shape or the type. `symbols` of alloc stays empty."""
    for definition in OPS.values():
        if isinstance(definition.reading, str) and definition.reading != CALL:
            told = set(re.findall(r"\{(\w+)\}", definition.reading))
            told |= {"dims"} if told & {"shape", "type", "content"} else set()
            assert "operands" in told or set(definition.groups) - told <= {"symbols"}, definition.name


_FLOAT, _INTEGER, _COMPLEX = (t.f64, t.f32), (t.i32, t.index, t.i1), (t.c128, t.c128)


def _takes(name: str) -> tuple[t.Type, ...]:
    dialect, _, op = name.partition(".")
    if dialect == "complex":
        return _COMPLEX
    return _INTEGER if op.endswith("i") else _FLOAT


@pytest.mark.parametrize("type", [*_FLOAT, *_INTEGER, t.c128, t.VectorType((4,), t.f64)], ids=str)
def test_no_two_elementwise_ops_read_the_same(type: t.Type) -> None:
    seen: dict[str, str] = {}
    for definition in OPS.values():
        if ELEMENTWISE in definition.traits and t.element(type) in _takes(definition.name) and definition.same_types:
            n = len(definition.operands)
            text = body([type] * n, lambda b, args, name=definition.name: b.op(name, args, [type]))
            assert text not in seen, f"{definition.name} and {seen[text]} read as {text}"
            seen[text] = definition.name


@pytest.mark.parametrize(("ops", "source", "result"), [
    ("extsi extui", t.i8, t.i32), ("extsi extui", t.i1, t.i32), ("sitofp uitofp", t.i32, t.f64),
    ("sitofp uitofp", t.i1, t.f32), ("fptosi fptoui bitcast", t.f64, t.i64), ("sitofp uitofp bitcast", t.i64, t.f64),
], ids=str)
def test_no_two_conversions_read_the_same(ops: str, source: t.Type, result: t.Type) -> None:
    texts = {body([source], lambda b, args, op=op: b.op(f"arith.{op}", args, [result])) for op in ops.split()}
    assert len(texts) == len(ops.split()), texts


@pytest.mark.parametrize(("op", "type", "n"), [("cmpf", t.f64, 16), ("cmpi", t.i32, 10)])
def test_no_two_comparisons_read_the_same(op: str, type: t.Type, n: int) -> None:
    texts = {body([type, type], lambda b, args, p=p: b.op(
        f"arith.{op}", args, [t.i1], {"predicate": t.IntAttr(p, t.i64)})) for p in range(n)}
    assert len(texts) == n


# ---- what a text says ----


@pytest.mark.parametrize(("expected", "build"), [
    ("%a * %b + %c", lambda b, a: b.addf(b.mulf(a[0], a[1]), a[2])),
    ("%a * (%b + %c)", lambda b, a: b.mulf(a[0], b.addf(a[1], a[2]))),
    ("%a - (%b - %c)", lambda b, a: b.subf(a[0], b.subf(a[1], a[2]))),
    ("%a - %b - %c", lambda b, a: b.subf(b.subf(a[0], a[1]), a[2])),
    ("%a + (%b + %c)", lambda b, a: b.addf(a[0], b.addf(a[1], a[2]))),
    ("-%a ** %b", lambda b, a: b.negf(b.math("powf", a[0], a[1]))),
    ("(-%a) ** %b", lambda b, a: b.math("powf", b.negf(a[0]), a[1])),
    ("%a - -1.5", lambda b, a: b.subf(a[0], b.const(-1.5, t.f64))),
    ("(-1.5) ** %a", lambda b, a: b.math("powf", b.const(-1.5, t.f64), a[0])),
    ("%a if %b < %c else -%b", lambda b, a: b.select(b.cmpf("olt", a[1], a[2]), a[0], b.negf(a[1]))),
    ("not %a < %b", lambda b, a: b.cmpf("uge", a[0], a[1])),
    ("%a <> %b", lambda b, a: b.cmpf("one", a[0], a[1])),
    ("isnan(%a)", lambda b, a: b.cmpf("uno", a[0], a[0])),
    ("f32(%a) * 0.1", lambda b, a: b.mulf(b.op("arith.truncf", [a[0]], [t.f32]), b.const(0.1, t.f32))),
    ("0.1f32", lambda b, a: b.const(0.1, t.f32)),
    ("7i64", lambda b, a: b.const(7, t.i64)),
    ("-0.0", lambda b, a: b.const(-0.0, t.f64)),
    ("nan", lambda b, a: b.const(float("nan"), t.f64)),
    ("complex(0.5f32, -1.0f32)", lambda b, a: b.const(0.5 - 1j, t.c64)),
    ("f64x4(%a) + 1.0", lambda b, a: b.addf(
        b.op("vector.broadcast", [a[0]], [t.VectorType((4,), t.f64)]), b.const(1.0, t.VectorType((4,), t.f64)))),
])
def test_an_expression(expected: str, build: Callable[[Builder, list[Any]], Any]) -> None:
    assert body([t.f64] * 3, build) == expected


def test_truth_values_and_bits() -> None:
    def build(b: Builder, a: list[Any]) -> Any:
        either = b.condition("ori", b.condition("andi", a[0], a[1]), a[2])
        return b.op("arith.xori", [either, b.const(1, t.i1)], [t.i1])
    assert body([t.i1] * 3, build) == "not (%a and %b or %c)"
    assert body([t.i32] * 2, lambda b, a: b.op("arith.andi", [b.addi(a[0], b.const(63, t.i32)), a[1]], [t.i32])) == (
        "(%a + 63) & %b")


def test_a_value_with_a_name_or_two_uses_has_a_line() -> None:
    def build(b: Builder, a: list[Any]) -> Any:
        gate = b.math("tanh", a[0])
        gate.name = "gate"
        product = b.mulf(gate, a[1])
        return b.addf(product, product)
    assert body([t.f64] * 2, build).split("\n") == ["%gate = tanh(%a)", "%0 = %gate * %b", "%0 + %0"]


def test_a_read_stays_before_the_write_that_follows_it() -> None:
    def build(b: Builder, a: list[Any]) -> Any:
        before = b.op("memref.load", [a[0]], [t.f64])
        b.make("memref.store", [a[1], a[0]])
        return b.addf(before, b.op("memref.load", [a[0]], [t.f64]))
    assert body([t.MemRefType((), t.f64), t.f64], build).split("\n") == ["%a_1 = %a[]", "%a[] = %b", "%a_1 + %a[]"]


def test_a_product_in_a_loop_is_not_read_outside_it_nor_the_other_way() -> None:
    def build(b: Builder, a: list[Any]) -> Any:
        once = b.mulf(a[0], a[0])
        body = Block([t.index, t.f64])
        Builder(body).make("scf.yield", [Builder(body).addf(body.args[1], once)])
        zero, one = b.index(0), b.index(1)
        return b.make("scf.for", [zero, a[1], one, a[0]], [t.f64], regions=[Region([body])]).result
    assert body([t.f64, t.index], build).split("\n") == [
        "%0 = %a * %a", "%acc_last = for %i in 0..%b carry(%acc = %a) { %acc + %0 }", "%acc_last"]


# ---- faithful: another meaning is another text ----


@singledispatch
def _other_values(value: Any) -> Iterator[Any]:
    """Attributes that mean something else."""
    return iter(())


@_other_values.register
def _(value: bool) -> Iterator[Any]:
    yield not value


@_other_values.register
def _(value: str) -> Iterator[Any]:
    yield f"other_{value}"


@_other_values.register
def _(value: t.IntAttr) -> Iterator[Any]:
    yield t.IntAttr(value.value ^ 1, value.type)  # the last predicate has none above it


@_other_values.register
def _(value: t.FloatAttr) -> Iterator[Any]:
    more = value.value + 1 if math.isfinite(value.value) else 0.0
    yield from (t.FloatAttr(other, value.type) for other in (more, -value.value))


@_other_values.register
def _(value: t.DenseArray) -> Iterator[Any]:
    for at in (at for at, v in enumerate(value) if v != t.DYNAMIC):
        yield t.DenseArray(value.element, (*value.values[:at], value[at] + 1, *value.values[at + 1:]))


@_other_values.register
def _(value: t.Dense) -> Iterator[Any]:
    yield t.Dense(~value.data if value.data.dtype.kind == "b" else value.data + 1, value.type)


@_other_values.register
def _(value: list) -> Iterator[Any]:  # type: ignore[type-arg]
    for at, entry in enumerate(value):
        yield from ([*value[:at], other, *value[at + 1:]] for other in _other_values(entry))


@_other_values.register
def _(value: t.Iterator) -> Iterator[Any]:
    yield t.REDUCTION if value == t.PARALLEL else t.PARALLEL


@_other_values.register
def _(value: t.AffineMap) -> Iterator[Any]:
    for at, dim in enumerate(value.results if value.n_dims > 1 else ()):
        other = None if dim is None else (dim + 1) % value.n_dims
        yield t.AffineMap(value.n_dims, (*value.results[:at], other, *value.results[at + 1:]))


def _module(name: str, stage: str) -> Op:
    """A program's IR at a stage; `name`: a function of a file, or a model of `users`. With AVX2, wherever it runs."""
    passes = stages.passes_for(target.parse("x86-64-v3")).split(",")
    if stage == "scan":
        passes = passes[:next(i for i, p in enumerate(passes) if p.startswith("bufferize"))]
    module = stages.lower(_program(name).program)
    pipeline.run(module, passes)
    return module


def _program(name: str) -> Function:
    if ":" in name:
        return load_function(name)
    model = users.build(getattr(users, name))
    return sc.function(model.inputs, model.outputs, name=name)


def _modules() -> Iterator[tuple[str, Op]]:
    for case in read_cases():
        yield f"{case.file.stem}: {case.name}", parse(case.source)


# Follow from operands and types, say which operands and results there are (of a scan), or, the stride of an axis of
# one row, mean nothing.
_STRUCTURE = {"operandSegmentSizes", "function_type", "static_sizes", "static_strides", "strides", "until"}


def test_another_attribute_is_another_text() -> None:
    same = []
    for name, module in _modules():
        text = reading_text(module)
        for op in module.walk():
            if op.name == "arith.constant" and any(user.name.endswith(".dim") or len(op.result.uses) == 0
                                                   for user in op.result.uses or [op]):
                continue
            for key, value in list(op.attrs.items()):
                if key in _STRUCTURE:
                    continue
                for other in _other_values(value):
                    op.attrs[key] = other
                    if reading_text(module) == text:
                        same.append((name, op.name, key, other))
                op.attrs[key] = value
    assert same == []


def _is_seen(op: Op) -> bool:
    """Whether an op has a line, or a place in one: not a literal or a size, not an end that yields nothing."""
    literal = LITERAL in OPS[op.name].traits or op.name.endswith(".dim")
    return op.name != "builtin.module" and not literal and not (op.name.endswith("yield") and not op.operands)


MARKS: list[dict[str, Any]] = [{"exact": True}, {"fast_math": "reassociate"}, {"lanes": t.IntAttr(1, t.i64)},
                               {"vector": t.IntAttr(8, t.i64)}, {"parallel": t.IntAttr(1, t.i64)}]


def test_a_mark_is_in_the_text() -> None:
    marks = itertools.cycle(MARKS)
    for name, module in _modules():
        text = reading_text(module)
        for op in filter(_is_seen, module.walk()):
            mark = next(marks)
            if mark.keys().isdisjoint(op.attrs):
                op.attrs.update(mark)
                assert reading_text(module) != text, f"{mark} of {op.name} in {name}"
                for key in mark:
                    del op.attrs[key]


def _equal(x: Value, y: Value) -> bool:
    """Whether two values are made in the same way."""
    if x is y or x.op is None or y.op is None:
        return x is y
    alike = (x.op.name, x.op.attrs, x.index) == (y.op.name, y.op.attrs, y.index) and not x.op.regions
    return alike and all(map(_equal, x.op.operands, y.op.operands))


def test_another_order_of_operands_is_another_text() -> None:
    for name, module in _modules():
        text = reading_text(module)
        for op in filter(_is_seen, module.walk()):
            before = op.operands
            for at in range(len(before) - 1):
                if before[at].type == before[at + 1].type and not _equal(before[at], before[at + 1]):
                    op.operands = [*before[:at], before[at + 1], before[at], *before[at + 2:]]
                    assert reading_text(module) != text, f"operands {at} and {at + 1} of {op.name} in {name}"
                    op.operands = before


@pytest.mark.parametrize(("old", "new"), [("f64", "f32"), ("i32", "i8"), ("vector<4x", "vector<2x"), ("?x", "7x")])
def test_other_types_are_another_text(old: str, new: str) -> None:
    power = print_op(_module("examples/power.py:power", "loop"))
    for text in [power, *(case.source for case in read_cases())]:
        if old in text.replace("array<i32", ""):
            changed = re.sub(rf"(?<!array<){re.escape(old)}", new, text)
            assert reading_text(parse(changed)) != reading_text(parse(text)), text


# ---- dumps of programs ----

GOLDEN = [("examples/power.py:power", "scan"), ("examples/power.py:power", "loop"),
          ("examples/filters.py:likelihood", "scan"), ("examples/until.py:powers_of_two", "loop"),
          ("lstm", "scan"), ("kalman", "scan")]


@pytest.mark.parametrize(("name", "stage"), GOLDEN, ids=[f"{n.partition(':')[2] or n}.{s}" for n, s in GOLDEN])
def test_dumps_of_programs(name: str, stage: str, update_golden: bool) -> None:
    text = re.sub(r"(users|power)\.py:\d+", r"\1.py:N", reading_text(_module(name, stage), query=False))
    file = FOLDER / f"{name.partition(':')[2] or name}.{stage}.txt"
    if update_golden:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_power_is_short() -> None:
    text = reading_text(_module("examples/power.py:power", "scan"))
    assert len(text) < 700 and text.count("\n") < 20


@pytest.mark.parametrize("name", ["power.py:power", "filters.py:ema", "filters.py:biquad", "filters.py:likelihood",
                                  "until.py:powers_of_two"])
def test_loops_of_an_example_are_on_two_screens(name: str) -> None:
    assert len(reading_text(_module(f"examples/{name}", "loop")).splitlines()) <= 100


@pytest.mark.parametrize("page", ["README.md", "docs/ir.md"])
def test_the_dump_that_a_page_shows_is_true(page: str) -> None:
    assert reading_text(_module("examples/power.py:power", "scan")) in (ROOT / page).read_text(encoding="utf-8")
