"""The builder: where ops go, and which size arithmetic needs no op."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, module
from scancc.ir.interpreter import run_function
from scancc.ir.ops import group, operand


def builder(*types: t.Type) -> tuple[Builder, list[Value]]:
    block = Block(types)
    return Builder(block), block.args


def names(b: Builder) -> list[str]:
    return [op.name for op in b.block.ops]


# ---- places ----


def test_inserts_before_its_anchor_and_comes_back() -> None:
    b, (x,) = builder(t.f64)
    last = b.make("func.return")
    before = Builder(b.block, last, ("a.py", 1, 1))
    before.negf(x)
    with before.at(b.block, b.block.ops[0]):
        before.math("exp", x)
    before.math("sin", x)
    assert names(b) == ["math.exp", "arith.negf", "math.sin", "func.return"]
    assert b.block.ops[0].location == ("a.py", 1, 1)


def test_groups_know_their_sizes() -> None:
    b, (x, n) = builder(t.TensorType((None,), t.f64), t.index)
    op = b.grouped("tensor.extract_slice", {"source": [x], "sizes": [n]}, [x.type])
    assert op.attrs["operandSegmentSizes"].values == (1, 0, 1, 0)
    assert (operand(op, "source"), group(op, "sizes"), group(op, "strides")) == (x, [n], [])


# ---- constants ----


@pytest.mark.parametrize(("value", "type", "expected"), [
    (0.1, t.f32, np.float32(0.1)), (-0.0, t.f64, -0.0), (7, t.i8, 7), (True, t.i1, 1), (1.0, t.f16, 1.0),
])
def test_constants_are_rounded_to_their_type(value: Any, type: t.Type, expected: Any) -> None:
    b, _ = builder()
    found = constant_of(b.const(value, type))
    assert found == expected and np.signbit(found) == np.signbit(expected)


def test_vector_constant_is_a_broadcast() -> None:
    b, _ = builder()
    assert b.const(2.0, t.VectorType((4,), t.f64)).op.name == "vector.broadcast"  # type: ignore[union-attr]


def test_complex_constant_is_made_of_two() -> None:
    b, _ = builder()
    made = b.const(1 + 2j, t.c128).op
    assert made is not None and [constant_of(v) for v in made.operands] == [1.0, 2.0]


# ---- size arithmetic ----


def test_equal_sizes_become_one_value() -> None:
    b, (n, k) = builder(t.index, t.index)
    one, three = b.index(1), b.index(3)
    assert b.addi(n, b.index(0)) is n
    assert b.muli(one, n) is n
    assert b.subi(n, b.subi(n, k)) is k
    assert b.addi(b.subi(n, k), k) is n
    assert b.subi(b.addi(n, k), k) is n
    assert b.subi(b.addi(n, three), b.index(3)) is n
    assert b.minsi(n, n) is n
    assert constant_of(b.subi(n, n)) == 0
    assert constant_of(b.cmpi("sle", n, n)) == 1
    assert b.index_cast(b.index_cast(n, t.i64), t.index) is n


def test_steps_from_the_end_read_as_one_subtraction() -> None:
    b, (n,) = builder(t.index)
    last = b.addi(b.addi(n, b.index(-3)), b.index(2)).op
    assert last is not None and last.name == "arith.subi"
    assert last.operands[0] is n and constant_of(last.operands[1]) == 1


def test_floats_are_left_as_written() -> None:
    b, (x,) = builder(t.f64)
    b.addf(x, b.const(0.0, t.f64))
    b.mulf(x, b.const(1.0, t.f64))
    assert names(b) == ["arith.constant", "arith.addf", "arith.constant", "arith.mulf"]


@given(st.lists(st.tuples(st.sampled_from(["addi", "subi", "muli", "minsi", "maxsi"]), st.integers(0, 9),
                          st.integers(0, 9)), min_size=1, max_size=12),
       st.integers(-5, 5), st.integers(-2**63, 2**63 - 1))
def test_folded_arithmetic_means_the_same(steps: list[tuple[str, int, int]], n: int, k: int) -> None:
    b, args = builder(t.index, t.index)
    values: list[Value] = [*args, b.index(3), b.index(-2), b.index(0), b.index(1)]
    numbers = [n, k, 3, -2, 0, 1]
    meaning = {"addi": lambda x, y: x + y, "subi": lambda x, y: x - y, "muli": lambda x, y: x * y,
               "minsi": min, "maxsi": max}
    for name, i, j in steps:
        i, j = i % len(values), j % len(values)
        values.append(getattr(b, name)(values[i], values[j]))
        exact = meaning[name](numbers[i], numbers[j])
        numbers.append((exact + 2**63) % 2**64 - 2**63)
    b.make("func.return", [values[-1]])
    signature = t.FunctionType((t.index, t.index), (t.index,))
    top = module([Op("func.func", attrs={"sym_name": "f", "function_type": signature},
                     regions=[Region([b.block])])])
    (found,) = run_function(top, "f", [n, k])
    assert int(found) == numbers[-1]


def test_equal_types_are_one_object() -> None:
    made = t.MemRefType((None, 3), t.f64)
    assert made is t.MemRefType(element=t.FloatType(64), shape=(None, 3), strides=None)
    assert made is not t.TensorType((None, 3), t.f64) and made != t.MemRefType((None, 3), t.f64, space=1)
    assert copy.deepcopy(made) is made and pickle.loads(pickle.dumps(made)) is made
