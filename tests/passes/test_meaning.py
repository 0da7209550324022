"""Passes keep what programs mean: the same bits from the interpreter before and after, on the example
programs and on random arithmetic with the numbers at which rules go wrong."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scancc import pipeline
from scancc.compile import lower
from scancc.frontend.program import make_program
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op, functions, module
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.ir.interpreter import run_function
from tests.programs import seed, tutorial
from tests.programs.case import Case

PROGRAMS = {f"{source.__name__.rsplit('.', 1)[1]}.{name}": make
            for source in (seed, tutorial)
            for name, make in inspect.getmembers(source, inspect.isfunction)
            if make.__module__ == source.__name__ and not name.startswith("_")}


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    """Equal shape, type and bits; any NaN equals any."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return bool(np.all((first == second) & (np.signbit(first) == np.signbit(second))
                       if first.dtype.kind == "f" else first == second)
                or np.array_equal(first, second, equal_nan=first.dtype.kind in "fc")
                and np.array_equal(np.signbit(first[~np.isnan(first)]), np.signbit(second[~np.isnan(second)])))


# ---- programs ----


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_give_the_same_bits_after_each_pass(name: str) -> None:
    case = PROGRAMS[name]()
    assert isinstance(case, Case)
    program = make_program(case.inputs, case.outputs, case.updates)
    top = lower(program)
    args = [np.asarray(a, i.variable.dtype) for a, i in zip(case.args, program.inputs, strict=True)]
    args += [np.asarray(s.get_value()) for s in program.shared]
    (func,) = functions(top)
    expected = run_function(clone_op(top, {}), func.attrs["sym_name"], args)

    def compare(done: pipeline.PassRun, ir: Op) -> None:
        found = run_function(clone_op(ir, {}), func.attrs["sym_name"], args)
        assert all(map(same_bits, map(np.asarray, found), map(np.asarray, expected))), f"after {done.step}"

    pipeline.run(top, "canonicalize,cse,licm,canonicalize,cse,dce", on_pass=compare)


# ---- random arithmetic ----

FLOATS = [0.0, -0.0, 1.0, -1.0, 2.0, -4.0, 0.5, 3.0, 0.1, 1e308, 5e-324, -2.2e-308, 2.0**-1022, 2.0**1023,
          float("inf"), float("-inf"), float("nan")]
INTEGERS = [0, 1, -1, 2, 3, 7, -8, 127, -128, 2**31 - 1, -2**31, 2**63 - 1, -2**63]
KINDS = [t.f64, t.f32, t.i1, t.i8, t.i32, t.i64, t.index]
OF_FLOATS = ["addf", "subf", "mulf", "divf", "maximumf", "minimumf"]
OF_INTEGERS = ["addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi", "maxui", "minui"]
CASTS: dict[str, tuple[tuple[t.Type, ...], tuple[t.Type, ...]]] = {
    "extf": ((t.f32,), (t.f64,)), "truncf": ((t.f64,), (t.f32,)),
    "extsi": ((t.i1, t.i8, t.i32), (t.i64,)), "extui": ((t.i1, t.i8, t.i32), (t.i64,)),
    "trunci": ((t.i64,), (t.i1, t.i8, t.i32)), "sitofp": ((t.i8, t.i32, t.i64), (t.f64, t.f32)),
    "uitofp": ((t.i1, t.i8, t.i32, t.i64), (t.f64, t.f32)),
    "index_cast": ((t.i8, t.i32, t.i64, t.index), (t.i8, t.i32, t.i64, t.index)),
}


@st.composite
def arithmetic(draw: st.DrawFn) -> tuple[Op, list[np.ndarray]]:
    """A function of straight arithmetic that returns all its values, and arguments for it."""
    block = Block(KINDS)
    b = Builder(block)
    values: list[Value] = list(block.args)
    args = [_number(draw, kind) for kind in KINDS]
    for _ in range(draw(st.integers(1, 14))):
        values.append(_step(draw, b, values))
    b.make("func.return", values[len(KINDS):])
    signature = t.FunctionType(tuple(KINDS), tuple(v.type for v in values[len(KINDS):]))
    func = Op("func.func", attrs={"sym_name": "f", "function_type": signature}, regions=[Region([block])])
    return module([func]), args


def _number(draw: st.DrawFn, kind: t.Type) -> np.ndarray:
    value = draw(st.sampled_from(FLOATS if t.is_float(kind) else INTEGERS))
    with np.errstate(all="ignore"):
        if kind == t.i1:
            return np.asarray(bool(value & 1))
        return np.asarray(value).astype(t.numpy_dtype(kind))


def _step(draw: st.DrawFn, b: Builder, values: list[Value]) -> Value:
    what = draw(st.sampled_from(["constant", "float", "integer", "unary", "compare", "select", "cast"]))
    x = draw(st.sampled_from(values))
    y = draw(st.sampled_from([v for v in values if v.type == x.type]))
    if what == "constant":
        return b.const(_number(draw, x.type)[()], x.type)
    if what == "select":
        return b.op("arith.select", [draw(st.sampled_from([v for v in values if v.type == t.i1])), x, y], [x.type])
    if what == "cast":
        return _cast(draw, b, x)
    if what == "compare":
        name, predicates = ("arith.cmpf", CMPF) if t.is_float(x.type) else ("arith.cmpi", CMPI)
        predicate = t.IntAttr(draw(st.integers(0, len(predicates) - 1)), t.i64)
        return b.op(name, [x, y], [t.i1], {"predicate": predicate})
    if not t.is_float(x.type):
        return b.op(f"arith.{draw(st.sampled_from(OF_INTEGERS))}", [x, y], [x.type])
    if what == "unary":
        return b.op(draw(st.sampled_from(["arith.negf", "math.absf", "math.floor", "math.sqrt"])), [x], [x.type])
    return b.op(f"arith.{draw(st.sampled_from(OF_FLOATS))}", [x, y], [x.type])


def _cast(draw: st.DrawFn, b: Builder, x: Value) -> Value:
    possible = [(name, to) for name, (sources, targets) in CASTS.items() if x.type in sources
                for to in targets if to != x.type]
    if not possible:
        return x
    name, to = draw(st.sampled_from(possible))
    return b.op(f"arith.{name}", [x], [to])


@settings(max_examples=300, deadline=None)
@given(arithmetic())
def test_random_arithmetic_gives_the_same_bits(made: tuple[Op, list[np.ndarray]]) -> None:
    top, args = made
    with np.errstate(all="ignore"):
        expected = run_function(clone_op(top, {}), "f", args)
        pipeline.run(top, "canonicalize,cse")
        found = run_function(top, "f", args)
    for number, (x, y) in enumerate(zip(found, expected, strict=True)):
        assert same_bits(np.asarray(x), np.asarray(y)), f"value {number}: {x!r} is not {y!r}"
