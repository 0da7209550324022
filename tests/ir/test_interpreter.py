"""The interpreter against NumPy: numbers, control flow, and whole programs in tensor and in loop form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scancc.errors import InternalError
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, module
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.ir.interpreter import compile_function, run_function, run_program
from scancc.ir.ops import ELEMENTWISE, OPS
from scancc.ir.parser import parse
from scancc.passes.bufferize import bufferize
from scancc.passes.plan_memory import plan_memory
from tests.ir_functions import number, one_op, run, ty


def test_an_op_without_a_rule_is_named() -> None:
    block = Block()
    Builder(block).make("foreign.op")
    func = Op("func.func", attrs={"sym_name": "f"}, regions=[Region([block])])
    OPS["foreign.op"] = type(OPS["tensor.dim"])("foreign.op", results="0")
    try:
        with pytest.raises(InternalError, match=r"foreign\.op.*no rule"):
            run_function(module([func]), "f", [])
    finally:
        del OPS["foreign.op"]


_INTS = [(7, 3), (-7, 3), (7, -3), (-128, 1), (127, 2), (0, 5), (-1, 1)]


def arithmetic() -> list[tuple[str, t.Type]]:
    kinds: dict[bool, list[t.Type]] = {True: [t.f32, t.f64], False: [t.i8, t.i64, t.index]}
    return [(n, kind) for n, d in OPS.items() if n.startswith("arith.") and d.same_types
            for kind in kinds[n[-1] == "f"]]


@pytest.mark.parametrize(("name", "kind"), arithmetic())
def test_scalars_and_tensors_agree_on_arithmetic(name: str, kind: t.Type) -> None:
    pairs = np.array(_INTS, t.numpy_dtype(kind))
    if "sh" in name:
        pairs = np.abs(pairs) % 8
    columns = list(pairs.T[:len(OPS[name].operands)])
    whole = one_op(name, [(c, t.TensorType((None,), kind)) for c in columns], t.TensorType((None,), kind))
    single = [one_op(name, [(v, kind) for v in row], kind) for row in zip(*columns, strict=True)]
    assert whole.dtype == single[0].dtype == t.numpy_dtype(kind)
    np.testing.assert_array_equal(whole, np.stack(single))


@pytest.mark.parametrize(("name", "expected"), [
    ("arith.divsi", [2, -2, -2, -128, 63, 0, -1]), ("arith.remsi", [1, -1, 1, 0, 1, 0, 0]),
    ("arith.floordivsi", [2, -3, -3, -128, 63, 0, -1]), ("arith.divui", [2, 83, 0, -128, 63, 0, -1]),
    ("arith.remui", [1, 0, 7, 0, 1, 0, 0]), ("arith.maxui", [7, -7, -3, -128, 127, 5, -1]),
    ("arith.muli", [21, -21, -21, -128, -2, 0, -1]), ("arith.subi", [4, -10, 10, 127, 125, -5, -2]),
])
def test_integer_arithmetic_of_i8(name: str, expected: list[int]) -> None:
    a, b = np.array(_INTS, np.int8).T
    assert one_op(name, [a, b], ty("tensor<?xi8>")).tolist() == expected


@pytest.mark.parametrize(("name", "expected"), [
    ("arith.addi", [0, 1, 1, 0]), ("arith.subi", [0, 1, 1, 0]), ("arith.muli", [0, 0, 0, 1]),
    ("arith.maxsi", [0, 1, 1, 1]), ("arith.minsi", [0, 0, 0, 1]), ("arith.maxui", [0, 1, 1, 1]),
    ("arith.minui", [0, 0, 0, 1]),
])
def test_truth_values_are_integers_of_one_bit(name: str, expected: list[int]) -> None:
    a, b = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    assert one_op(name, [a, b], ty("tensor<?xi1>")).tolist() == expected
    assert [int(one_op(name, [(x, t.i1), (y, t.i1)], t.i1)) for x, y in zip(a, b, strict=True)] == expected


@pytest.mark.parametrize("predicate", CMPF)
def test_float_comparison_of_scalars_and_tensors(predicate: str) -> None:
    a, b = np.array([1, 2, 2, np.nan]), np.array([2, 1, 2, 1.0])
    attrs = {"predicate": number(CMPF.index(predicate))}
    whole = one_op("arith.cmpf", [a, b], ty("tensor<?xi1>"), attrs)
    single = [one_op("arith.cmpf", [(x, t.f64), (y, t.f64)], t.i1, attrs) for x, y in zip(a, b, strict=True)]
    assert whole.tolist() == [bool(v) for v in single]
    assert bool(whole[3]) == (predicate[0] == "u" or predicate == "true")


@pytest.mark.parametrize("kind", [t.i8, t.i64, t.index, t.i1])
@pytest.mark.parametrize("predicate", CMPI)
def test_integer_comparison_of_scalars_and_tensors(predicate: str, kind: t.Type) -> None:
    values = [-2, 3, 0] if kind != t.i1 else [True, False]
    a, b = (np.array([v], t.numpy_dtype(kind)).repeat(1) for v in values[:2])
    attrs = {"predicate": number(CMPI.index(predicate))}
    tensor = t.TensorType((None,), kind)
    whole = one_op("arith.cmpi", [(a, tensor), (b, tensor)], ty("tensor<?xi1>"), attrs)
    single = one_op("arith.cmpi", [(a[0], kind), (b[0], kind)], t.i1, attrs)
    less = predicate[:2] in ("sl", "ug")  # -2 < 3 and 2**64 - 2 > 3; true is -1 and is 1
    expected = predicate == "ne" or less
    assert whole.tolist() == [bool(single)] == [expected]


@pytest.mark.parametrize(("name", "source", "target", "value", "expected"), [
    ("arith.extsi", "bool", t.i32, True, -1), ("arith.extui", "bool", t.i32, True, 1),
    ("arith.extui", "int8", t.i32, -1, 255), ("arith.extsi", "int8", t.i32, -1, -1),
    ("arith.trunci", "int32", t.i8, 300, 44), ("arith.trunci", "int32", t.i1, 2, False),
    ("arith.sitofp", "int8", t.f64, -1, -1.0), ("arith.uitofp", "int8", t.f64, -1, 255.0),
    ("arith.uitofp", "bool", t.f64, True, 1.0), ("arith.fptosi", "float64", t.i32, -2.7, -2),
    ("arith.fptoui", "float64", t.i8, 200.5, -56), ("arith.truncf", "float64", t.f32, 0.1, np.float32(0.1)),
    ("arith.bitcast", "float32", t.i32, 1.0, 0x3F800000),
])
def test_casts(name: str, source: str, target: t.Type, value: Any, expected: Any) -> None:
    array = np.array([value], source)
    whole = one_op(name, [array], t.TensorType((None,), target))
    single = one_op(name, [(array[0], t.scalar(source))], target)
    assert whole.tolist() == [expected] and single.tolist() == expected
    assert whole.dtype == single.dtype == t.numpy_dtype(target)


def test_unsigned_arguments_come_in_by_their_bits() -> None:
    a = np.array([255, 1], np.uint8)
    assert one_op("arith.divui", [(a, ty("tensor<2xi8>")), (a[::-1].copy(), ty("tensor<2xi8>"))],
                  ty("tensor<2xi8>")).tolist() == [-1, 0]


def test_complex_numbers_keep_infinite_parts() -> None:
    made = one_op("complex.create", [np.array([1.0, 2.0]), np.array([np.inf, -3.0])],
                  ty("tensor<?xcomplex<f64>>"))
    assert made.tolist() == [complex(1, np.inf), 2 - 3j]
    product = one_op("complex.mul", [(2j, t.c128), (1 + 1j, t.c128)], t.c128)
    assert product[()] == -2 + 2j and product.dtype == np.complex128


@pytest.mark.parametrize("name", [n for n, d in OPS.items() if ELEMENTWISE in d.traits
                                  and n.split(".")[0] in ("math", "scan") and n not in ("math.absi", "math.ctpop")])
def test_functions_agree_on_scalars_and_tensors(name: str) -> None:
    x = np.array([0.25, 0.5, 0.75], np.float32)
    columns = [x] * len(OPS[name].operands)
    whole = one_op(name, columns, ty("tensor<?xf32>"))
    assert whole.dtype == np.float32
    for i, value in enumerate(x):
        single = one_op(name, [(value, t.f32)] * len(columns), t.f32)
        np.testing.assert_allclose(single, whole[i], rtol=1e-6)


def test_tensors_of_two_shapes_do_not_broadcast() -> None:
    with pytest.raises(InternalError, match=r"arith\.addf.*shapes \(3,\) and \(1,\)"):
        one_op("arith.addf", [np.ones(3), np.ones(1)], ty("tensor<?xf64>"))


# ---- control flow ----


def test_for_carries_values() -> None:
    (answer,) = run("%n: index, %x: f64", '''
      %c0 = "arith.constant"() {value = 0 : index} : () -> index
      %c2 = "arith.constant"() {value = 2 : index} : () -> index
      %r = "scf.for"(%c0, %n, %c2, %x) ({
      ^bb0(%i: index, %acc: f64):
        %j = "arith.index_cast"(%i) : (index) -> i64
        %f = "arith.sitofp"(%j) : (i64) -> f64
        %s = "arith.addf"(%acc, %f) : (f64, f64) -> f64
        "scf.yield"(%s) : (f64) -> ()
      }) : (index, index, index, f64) -> f64
      "func.return"(%r) : (f64) -> ()''', 7, 0.5)
    assert answer == 0.5 + 0 + 2 + 4 + 6


def test_while_runs_until_its_condition_fails() -> None:
    body = '''
      %r:2 = "scf.while"(%x, %n) ({
      ^bb0(%a: i64, %k: i64):
        %go = "arith.cmpi"(%a, %n) {predicate = 2 : i64} : (i64, i64) -> i1
        "scf.condition"(%go, %a, %k) : (i1, i64, i64) -> ()
      }, {
      ^bb0(%a: i64, %k: i64):
        %d = "arith.addi"(%a, %a) : (i64, i64) -> i64
        "scf.yield"(%d, %a) : (i64, i64) -> ()
      }) : (i64, i64) -> (i64, i64)
      "func.return"(%r#0, %r#1) : (i64, i64) -> ()'''
    assert [int(v) for v in run("%x: i64, %n: i64", body, 3, 20)] == [24, 12]
    assert [int(v) for v in run("%x: i64, %n: i64", body, 30, 20)] == [30, 20]


def test_if_runs_one_branch() -> None:
    body = '''
      %r = "scf.if"(%c) ({
        %a = "tensor.extract"(%x, %i) : (tensor<?xf64>, index) -> f64
        "scf.yield"(%a) : (f64) -> ()
      }, {
        %z = "arith.constant"() {value = -1.0 : f64} : () -> f64
        "scf.yield"(%z) : (f64) -> ()
      }) : (i1) -> f64
      "func.return"(%r) : (f64) -> ()'''
    args = "%c: i1, %x: tensor<?xf64>, %i: index"
    assert run(args, body, True, np.array([4.0]), 0)[0] == 4
    assert run(args, body, False, np.array([4.0]), 99)[0] == -1


def test_check_raises_the_named_error() -> None:
    body = '''
      %ok = "arith.cmpi"(%n, %m) {predicate = 5 : i64} : (index, index) -> i1
      "scan.check"(%ok, %n, %m) {error = "IndexError", message = "{1} of {0} {x}"} : (i1, index, index) -> ()
      "func.return"(%n) : (index) -> ()'''
    assert run("%n: index, %m: index", body, 5, 5)[0] == 5
    with pytest.raises(IndexError) as caught:
        run("%n: index, %m: index", body, 3, 5)
    assert str(caught.value) == "5 of 3 {x}"


# ---- calling ----


def test_a_function_runs_many_times() -> None:
    text = '''"func.func"() ({
    ^bb0(%x: tensor<?xf32>):
      %y = "arith.addf"(%x, %x) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      "func.return"(%y) : (tensor<?xf32>) -> ()
    }) {sym_name = "double"} : () -> ()'''
    double = compile_function(parse(text), "double")
    assert double([1, 2])[0].tolist() == [2, 4]
    assert double(np.ones(3, np.float32))[0].dtype == np.float32
    with pytest.raises(TypeError, match=r"argument 0 of @double must be tensor<\?xf32>: the dtype is"):
        double(np.ones(3))
    with pytest.raises(TypeError, match=r"the shape is \(1, 2\)"):
        double(np.ones((1, 2), np.float32))
    with pytest.raises(TypeError, match="takes 1 arguments, got 2"):
        double(1, 2)
    with pytest.raises(InternalError, match="no function @triple; it has double"):
        compile_function(parse(text), "triple")


# ---- whole programs, before and after their arrays became buffers ----


PROGRAM = f'''"func.func"() ({{
^bb0(%a: tensor<?xf64>, %k: i64):
  %c0 = "arith.constant"() {{value = 0 : index}} : () -> index
  %c2 = "arith.constant"() {{value = 2 : index}} : () -> index
  %one = "arith.constant"() {{value = 1.0 : f64}} : () -> f64
  %limit = "arith.constant"() {{value = 50.0 : f64}} : () -> f64
  %d = "tensor.dim"(%a, %c0) : (tensor<?xf64>, index) -> index
  %n = "arith.index_cast"(%k) : (i64) -> index
  %ok = "arith.cmpi"(%n, %c0) {{predicate = 5 : i64}} : (index, index) -> i1
  "scan.check"(%ok, %n) {{error = "ValueError", message = "{{0}} steps"}} : (i1, index) -> ()
  %start = "tensor.splat"(%one, %d) : (f64, index) -> tensor<?xf64>
  %r:3 = "scan.scan"(%n, %start, %n, %d) ({{
  ^bb0(%t: index, %w: tensor<?xf64>):
    %e = "tensor.empty"(%d) : (index) -> tensor<?xf64>
    %p = "linalg.generic"(%w, %a, %e) ({{
    ^bb0(%x: f64, %y: f64, %old: f64):
      %m = "arith.mulf"(%x, %y) : (f64, f64) -> f64
      "linalg.yield"(%m) : (f64) -> ()
    }}) {{indexing_maps = [{", ".join(["affine_map<(d0) -> (d0)>"] * 3)}],
      iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}}
      : (tensor<?xf64>, tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>
    %f = "tensor.extract"(%p, %c2) : (tensor<?xf64>, index) -> f64
    %stop = "arith.cmpf"(%f, %limit) {{predicate = 2 : i64}} : (f64, f64) -> i1
    "scan.yield"(%p, %p, %stop) : (tensor<?xf64>, tensor<?xf64>, i1) -> ()
  }}) {{depths = [1 : i64], until = true, operandSegmentSizes = array<i32: 1, 0, 1, 1, 1>}}
    : (index, tensor<?xf64>, index, index) -> (tensor<?xf64>, tensor<?x?xf64>, index)
  "func.return"(%r#1, %k) : (tensor<?x?xf64>, i64) -> ()
}}) {{sym_name = "f", function_type = (tensor<?xf64>, i64) -> (tensor<?x?xf64>, i64)}} : () -> ()'''


@pytest.mark.parametrize("pipeline", [[], [bufferize], [bufferize, plan_memory]])
def test_a_program_gives_the_same_at_every_stage(pipeline: list[Any]) -> None:
    program, a = parse(PROGRAM), np.array([1.0, 2, 3])
    for step in pipeline:
        step(program)
    capacities = [[9, 3], []] if pipeline else None  # the query's own, once there is one
    rows, k = run_program(program, "f", [a, 9], capacities)
    np.testing.assert_array_equal(rows, [a, a**2, a**3, a**4])  # 81 > 50
    assert k == 9 and a.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match=r"\A-1 steps\Z"):
        run_program(program, "f", [a, -1], [[0, 3], []] if pipeline else None)


def test_open_output_sizes_need_capacities() -> None:
    program = parse(PROGRAM)
    bufferize(program)
    with pytest.raises(ValueError, match="pass `capacities`"):
        run_program(program, "f", [np.ones(3), 2])
