"""The interpreter against NumPy, op by op and on whole programs in tensor and in loop form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from scancc.errors import InternalError
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, module
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.ir.interpreter import compile_function, poison, run_function, run_program
from scancc.ir.ops import ELEMENTWISE, OPS
from scancc.ir.parser import parse, parse_type
from scancc.passes.bufferize import bufferize
from scancc.passes.plan_memory import plan_memory

# ---- making functions ----


def run(args: str, body: str, *values: Any, **options: Any) -> list[np.ndarray]:
    """Run the function with block arguments `args` and ops `body`, as text."""
    text = f'''"func.func"() ({{
^bb0({args}):
{body}
}}) {{sym_name = "f", function_type = "unused"}} : () -> ()'''
    return run_function(parse(text), "f", values, **options)


def one_op(name: str, operands: Sequence[Any], result: t.Type,
           attrs: dict[str, Any] | None = None) -> np.ndarray:
    """The answer of a function of one op; an operand is an array or a value and its type."""
    typed = [(v, t.TensorType((None,) * v.ndim, t.scalar(str(v.dtype)))) if isinstance(v, np.ndarray) else v
             for v in operands]
    block = Block(type for _, type in typed)
    b = Builder(block)
    b.make("func.return", [b.op(name, block.args, [result], attrs)])
    func = Op("func.func", attrs={"sym_name": "f"}, regions=[Region([block])])
    (answer,) = run_function(module([func]), "f", [value for value, _ in typed])
    return answer


def ty(text: str) -> t.Type:
    """The type written as `text`."""
    return parse_type(text)


def axes(*values: int) -> t.DenseArray:
    return t.DenseArray(t.i64, values)


def number(value: int) -> t.IntAttr:
    return t.IntAttr(value, t.i64)


# ---- the table: tests/test_completeness.py walks it ----


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
    ("arith.maxsi", [0, 0, 0, 1]), ("arith.minsi", [0, 1, 1, 1]), ("arith.maxui", [0, 1, 1, 1]),
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
                                  and n.split(".")[0] in ("math", "scan") and n != "math.absi"])
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


# ---- tensor and scan ops ----


A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(("name", "operands", "result", "attrs", "expected"), [
    ("scan.transpose", [A], "tensor<?x?x?xf64>", {"permutation": axes(2, 0, 1)}, A.transpose(2, 0, 1)),
    ("scan.reduce", [A], "tensor<?xf64>", {"kind": "sum", "axes": axes(0, 2)}, A.sum((0, 2))),
    ("scan.reduce", [A], "f64", {"kind": "max", "axes": axes(0, 1, 2)}, A.max()),
    ("scan.reduce", [A[0, 0].astype(np.int8)], "i8", {"kind": "prod", "axes": axes(0)}, np.int8(0)),
    ("scan.reduce", [np.full(3, 100, np.int8)], "i8", {"kind": "sum", "axes": axes(0)}, np.int8(44)),
    ("scan.reduce", [np.zeros((0, 2))], "tensor<?xf64>", {"kind": "min", "axes": axes(0)},
     np.full(2, np.inf)),
    ("scan.reduce", [A > 5], "tensor<?x?xi1>", {"kind": "any", "axes": axes(1)}, (A > 5).any(1)),
    ("scan.reduce", [np.array([[1, -1], [2, 3]], np.int8)], "tensor<?xi8>", {"kind": "maxu", "axes": axes(1)},
     np.array([-1, 3], np.int8)),
    ("scan.argreduce", [np.array([1, -1], np.int8)], "i64", {"kind": "minu", "axis": number(0)}, np.int64(0)),
    ("scan.argreduce", [A], "tensor<?x?xi64>", {"kind": "max", "axis": number(1)}, A.argmax(1)),
    ("scan.argreduce", [np.array([2.0, np.nan, 3])], "i64", {"kind": "min", "axis": number(0)}, np.int64(1)),
    ("scan.cumulative", [A], "tensor<?x?x?xf64>", {"kind": "prod", "axis": number(2)}, A.cumprod(2)),
    ("scan.sort", [np.array([3, np.nan, 1.0])], "tensor<?xf64>", {"axis": number(0), "positions": False},
     np.array([1, 3, np.nan])),
    ("scan.sort", [np.array([3, 1, 3, 1.0])], "tensor<?xi64>", {"axis": number(0), "positions": True},
     np.array([1, 3, 0, 2])),
    ("scan.dot", [A[0, 0], A[0, 1]], "f64", {}, A[0, 0] @ A[0, 1]),
    ("scan.dot", [A[0], A[0].T.copy()], "tensor<?x?xf64>", {}, A[0] @ A[0].T),
    ("scan.dot", [A[0], A[0, 0]], "tensor<?xf64>", {}, A[0] @ A[0, 0]),
    ("scan.batch_dot", [A, A.transpose(0, 2, 1).copy()], "tensor<?x?x?xf64>", {}, A @ A.transpose(0, 2, 1)),
    ("scan.concat", [A[0], A[1]], "tensor<?x?xf64>", {"axis": number(1)}, np.concatenate(list(A), 1)),
    ("scan.solve", [np.array([[2.0, 9], [1, 4]]), np.array([2.0, 9])], "tensor<?xf64>", {"kind": "lower"},
     np.array([1.0, 2.0])),
    ("scan.factor", [np.array([[2.0, 0], [0, 4]])], "f64", {"kind": "det"}, np.float64(8)),
    ("scan.factor", [np.array([[-1.0]])], "tensor<?x?xf64>", {"kind": "cholesky"}, np.array([[np.nan]])),
    ("tensor.from_elements", [(1, t.i64), (2, t.i64)], "tensor<1x2xi64>", {}, np.array([[1, 2]])),
    ("tensor.splat", [(2.5, t.f32), (3, t.index)], "tensor<2x?xf32>", {}, np.full((2, 3), 2.5, np.float32)),
    ("scan.reshape", [A, (6, t.index)], "tensor<?x4xf64>", {}, A.reshape(6, 4)),
    ("scan.iota", [(2, t.i64), (-3, t.i64), (4, t.index)], "tensor<?xi64>", {}, np.array([2, -1, -4, -7])),
    ("scan.broadcast", [A[0, 0], (2, t.index)], "tensor<4x?xf64>", {"axes": axes(0)},
     np.repeat(A[0, 0][:, None], 2, 1)),
    ("scan.broadcast", [(7.0, t.f64), (2, t.index)], "tensor<?xf64>", {"axes": axes()}, np.full(2, 7.0)),
    ("scan.broadcast", [(A[:, :1, 0], ty("tensor<?x1xf64>")), (3, t.index)], "tensor<?x2xf64>",
     {"axes": axes(1, 0)}, np.repeat(A[:, :1, 0].T, 3, 0)),
    ("scan.gather", [A, np.array([2, 0])], "tensor<?x?x?xf64>", {"axes": axes(1)}, A[:, [2, 0]]),
    ("scan.gather", [A, np.array([1, 0]), np.array([2, 0])], "tensor<?x?xf64>", {"axes": axes(0, 1)},
     A[[1, 0], [2, 0]]),
    ("tensor.extract", [A, (1, t.index), (2, t.index), (3, t.index)], "f64", {}, A[1, 2, 3]),
    ("tensor.insert", [(5.0, t.f64), A[0, 0], (2, t.index)], "tensor<?xf64>", {}, np.array([0, 1, 5.0, 3])),
    ("tensor.dim", [A, (1, t.index)], "index", {}, np.int64(3)),
    ("tensor.cast", [A[0]], "tensor<3x?xf64>", {}, A[0]),
])
def test_tensor_op(name: str, operands: list[Any], result: str, attrs: dict[str, Any], expected: Any) -> None:
    answer = one_op(name, operands, ty(result), attrs)
    np.testing.assert_allclose(answer, expected, rtol=1e-15)
    assert answer.dtype == np.asarray(expected).dtype


def test_scatter_sets_the_last_and_adds_all() -> None:
    dest, where, rows = np.ones((3, 2)), np.array([0, 2, 0]), np.arange(6.0).reshape(3, 2)
    for kind, first in (("set", [4, 5]), ("add", [5, 7])):
        answer = one_op("scan.scatter", [rows, dest, where], ty("tensor<?x?xf64>"),
                        {"axes": axes(0), "kind": kind})
        assert answer[0].tolist() == first and answer[1].tolist() == [1, 1]
    assert dest.tolist() == np.ones((3, 2)).tolist()


def slice_attrs(offsets: list[int], sizes: list[int], strides: list[int],
                groups: list[int]) -> dict[str, Any]:
    return {"static_offsets": axes(*offsets), "static_sizes": axes(*sizes), "static_strides": axes(*strides),
            "operandSegmentSizes": t.DenseArray(t.i32, tuple(groups))}


D = t.DYNAMIC


@pytest.mark.parametrize(("offsets", "sizes", "strides", "extra", "result", "expected"), [
    ([1, 0, 1], [1, 3, 2], [1, 1, 2], [[], [], []], "tensor<3x2xf64>", A[1, :, 1::2]),
    ([D, 2, 0], [1, D, 4], [1, -1, D], [[0], [3], [1]], "tensor<1x?x4xf64>", A[:1, ::-1]),
    ([0, 2, 3], [1, 1, 1], [1, 1, 1], [[], [], []], "tensor<1xf64>", A[0, 2, 3:]),
    ([0, 5, 0], [2, 0, 4], [1, 1, 1], [[], [], []], "tensor<2x0x4xf64>", A[:, :0]),
])
def test_extract_slice(offsets: list[int], sizes: list[int], strides: list[int], extra: list[list[int]],
                       result: str, expected: np.ndarray) -> None:
    operands = [A, *((v, t.index) for group in extra for v in group)]
    attrs = slice_attrs(offsets, sizes, strides, [1, *map(len, extra)])
    np.testing.assert_array_equal(one_op("tensor.extract_slice", operands, ty(result), attrs), expected)


def test_insert_slice_leaves_its_destination_alone() -> None:
    dest = np.zeros((3, 4))
    answer = one_op("tensor.insert_slice", [np.ones(2), dest, (1, t.index)], ty("tensor<?x?xf64>"),
                    slice_attrs([D, 0], [1, 2], [1, 2], [1, 1, 1, 0, 0]))
    assert answer.tolist() == [[0] * 4, [1, 0, 1, 0], [0] * 4] and not dest.any()


@pytest.mark.parametrize(("name", "operands", "result", "attrs", "message"), [
    ("tensor.extract", [A, (0, t.index), (3, t.index), (0, t.index)], "f64", {},
     "index 3 is outside axis 1 of size 3"),
    ("tensor.extract", [A[0, 0], (-1, t.index)], "f64", {}, "index -1 is outside axis 0"),
    ("scan.gather", [A[0, 0], np.array([0, 4, -1])], "tensor<?xf64>", {"axes": axes(0)},
     "index 4 is outside axis 0"),
    ("tensor.extract_slice", [A[0, 0]], "tensor<3xf64>", slice_attrs([2], [3], [1], [1, 0, 0, 0]),
     "3 elements from 2 by 1 are not inside axis 0 of size 4"),
    ("tensor.cast", [A[0, 0]], "tensor<5xf64>", {}, r"the shape is \(4,\), but the type is tensor<5xf64>"),
    ("scan.broadcast", [np.ones(1), (3, t.index)], "tensor<?xf64>", {"axes": axes(0)},
     "axis 0 has size 1, the result 3"),
])
def test_a_fault_names_the_op(name: str, operands: list[Any], result: str, attrs: dict[str, Any],
                              message: str) -> None:
    with pytest.raises(InternalError, match=rf"interpreter, {name}\(.*{message}"):
        one_op(name, operands, ty(result), attrs)


def test_a_fault_names_the_users_line() -> None:
    with pytest.raises(InternalError, match=r"\(%x: memref<\?xf64>, %i: index\) at model\.py:12: index 9"):
        run("%x: memref<?xf64>, %i: index",
            '%0 = "memref.load"(%x, %i) : (memref<?xf64>, index) -> f64 loc("model.py":12:3)\n'
            '"func.return"() : () -> ()', np.ones(3), 9)


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


# ---- the recurrence ----


POWER_ARGS = "%a: tensor<?xf64>, %one: f64, %d: index, %k: index, %rows: index"
POWER = '''
  %zero = "tensor.splat"(%one, %d) : (f64, index) -> tensor<?xf64>
  %r:2 = "scan.scan"(%k, %zero, %rows, %d) ({
  ^bb0(%t: index, %acc: tensor<?xf64>):
    %p = "arith.mulf"(%acc, %a) : (tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>
    "scan.yield"(%p, %p) : (tensor<?xf64>, tensor<?xf64>) -> ()
  }) {depths = [1 : i64], until = false, operandSegmentSizes = array<i32: 1, 0, 1, 1, 1>}
    : (index, tensor<?xf64>, index, index) -> (tensor<?xf64>, tensor<?x?xf64>)
  "func.return"(%r#0, %r#1) : (tensor<?xf64>, tensor<?x?xf64>) -> ()'''


@pytest.mark.parametrize(("k", "rows"), [(5, 5), (5, 2), (5, 0), (0, 3), (1, 3)])
def test_scan_keeps_the_last_rows(k: int, rows: int) -> None:
    a = np.array([1.0, 2, 3])
    final, ys = run(POWER_ARGS, POWER, a, 1.0, 3, k, rows)
    powers = np.array([a ** (i + 1) for i in range(k)]).reshape(k, 3)
    np.testing.assert_array_equal(final, a ** k)
    np.testing.assert_array_equal(ys, powers[k - min(k, rows):])


def test_a_deep_carry_is_a_window_oldest_first() -> None:
    (answer, last) = run("%init: tensor<2xi64>, %n: index", '''
      %r:2 = "scan.scan"(%n, %init, %n) ({
      ^bb0(%t: index, %w: tensor<2xi64>):
        %c0 = "arith.constant"() {value = 0 : index} : () -> index
        %c1 = "arith.constant"() {value = 1 : index} : () -> index
        %old = "tensor.extract"(%w, %c0) : (tensor<2xi64>, index) -> i64
        %new = "tensor.extract"(%w, %c1) : (tensor<2xi64>, index) -> i64
        %two = "arith.constant"() {value = 10 : i64} : () -> i64
        %x = "arith.muli"(%old, %two) : (i64, i64) -> i64
        %y = "arith.addi"(%x, %new) : (i64, i64) -> i64
        "scan.yield"(%y, %y) : (i64, i64) -> ()
      }) {depths = [2 : i64], until = false, operandSegmentSizes = array<i32: 1, 0, 1, 1, 0>}
        : (index, tensor<2xi64>, index) -> (tensor<2xi64>, tensor<?xi64>)
      "func.return"(%r#1, %r#0) : (tensor<?xi64>, tensor<2xi64>) -> ()''', np.array([1, 2]), 4)
    assert answer.tolist() == [12, 32, 152, 472]
    assert last.tolist() == [152, 472]


UNTIL = '''
  %r:3 = "scan.scan"(%n, %x, %s0, %n) ({
  ^bb0(%t: index, %v: f64, %s: f64):
    %sum = "arith.addf"(%s, %v) : (f64, f64) -> f64
    %stop = "arith.cmpf"(%sum, %limit) {predicate = 2 : i64} : (f64, f64) -> i1
    "scan.yield"(%sum, %sum, %stop) : (f64, f64, i1) -> ()
  }) {depths = [1 : i64], until = true, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>}
    : (index, tensor<?xf64>, f64, index) -> (f64, tensor<?xf64>, index)
  "func.return"(%r#0, %r#1, %r#2) : (f64, tensor<?xf64>, index) -> ()'''


def test_until_keeps_the_step_that_stops() -> None:
    args = "%x: tensor<?xf64>, %n: index, %s0: f64, %limit: f64"
    x = np.arange(1.0, 6.0)
    final, ys, steps = run(args, UNTIL, x, 5, 0.0, 5.0)
    assert [final, ys.tolist(), steps] == [6, [1, 3, 6], 3]
    final, ys, steps = run(args, UNTIL, x, 5, 0.0, 99.0)
    assert [final, ys.tolist(), steps] == [15, [1, 3, 6, 10, 15], 5]
    final, ys, steps = run(args, UNTIL, x, 0, 0.5, 5.0)
    assert [final, ys.tolist(), steps] == [0.5, [], 0]
    with pytest.raises(InternalError, match=r"scan\.scan.*6 steps over an x of 5 rows"):
        run(args, UNTIL, x, 6, 0.0, 99.0)


def test_rows_must_have_the_declared_shape() -> None:
    with pytest.raises(InternalError, match=r"rows of shapes \[\(3,\)\] where the scan declares \(4,\)"):
        run(POWER_ARGS, POWER.replace("%rows, %d)", "%rows, %e)").replace(
                "%zero =", '%c1 = "arith.constant"() {value = 1 : index} : () -> index\n'
                '%e = "arith.addi"(%d, %c1) : (index, index) -> index\n%zero ='), np.ones(3), 1.0, 3, 2, 2)


# ---- linalg.generic ----


MATMUL = '''
  %r = "linalg.generic"(%a, %b, %c) ({
  ^bb0(%x: f64, %y: f64, %acc: f64):
    %p = "arith.mulf"(%x, %y) : (f64, f64) -> f64
    %s = "arith.addf"(%acc, %p) : (f64, f64) -> f64
    "linalg.yield"(%s) : (f64) -> ()
  }) {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>,
      affine_map<(d0, d1, d2) -> (d1, d0)>], iterator_types = [#linalg.iterator_type<parallel>,
      #linalg.iterator_type<parallel>, #linalg.iterator_type<reduction>],
      operandSegmentSizes = array<i32: 2, 1>}
    : (tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
  "func.return"(%r) : (tensor<?x?xf64>) -> ()'''


@pytest.mark.parametrize("depth", [0, 3, 40])  # 40: by accumulate, with the same bits
def test_generic_reduces_in_order(depth: int) -> None:
    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(4, depth)), rng.normal(size=(depth, 5)), rng.normal(size=(5, 4))
    (answer,) = run("%a: tensor<?x?xf64>, %b: tensor<?x?xf64>, %c: tensor<?x?xf64>", MATMUL, a, b, c)
    expected = c.T.copy()
    for k in range(depth):
        expected += np.outer(a[:, k], b[k])
    np.testing.assert_array_equal(answer, expected.T)


def test_generic_refuses_operands_that_disagree() -> None:
    with pytest.raises(InternalError, match="axis 0 of operand 1 follows d2: its size is 2, expected 3"):
        run("%a: tensor<?x?xf64>, %b: tensor<?x?xf64>, %c: tensor<?x?xf64>", MATMUL,
            np.ones((4, 3)), np.ones((2, 5)), np.ones((5, 4)))


def test_generic_broadcasts_counts_and_gathers() -> None:
    a, table = np.arange(6.0).reshape(2, 3), np.array([10.0, 20, 30])
    (answer,) = run("%a: tensor<2x3xf64>, %u: tensor<1x2xf64>, %k: f64, %table: tensor<?xf64>", '''
      %e = "tensor.empty"() : () -> tensor<3x2xf64>
      %r = "linalg.generic"(%a, %u, %e) ({
      ^bb0(%x: f64, %y: f64, %old: f64):
        %j = "linalg.index"() {dim = 1 : i64} : () -> index
        %f = "tensor.extract"(%table, %j) : (tensor<?xf64>, index) -> f64
        %s = "arith.addf"(%x, %y) : (f64, f64) -> f64
        %q = "arith.addf"(%s, %f) : (f64, f64) -> f64
        %m = "arith.mulf"(%q, %k) : (f64, f64) -> f64
        "linalg.yield"(%m) : (f64) -> ()
      }) {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (0, d0)>,
          affine_map<(d0, d1) -> (d1, d0)>], iterator_types = [#linalg.iterator_type<parallel>,
          #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}
        : (tensor<2x3xf64>, tensor<1x2xf64>, tensor<3x2xf64>) -> tensor<3x2xf64>
      "func.return"(%r) : (tensor<3x2xf64>) -> ()''', a, np.array([[100.0, 200]]), 2.0, table)
    np.testing.assert_array_equal(answer, 2 * (a + np.array([[100], [200]]) + table).T)


ARGMAX = '''
  %r:2 = "linalg.generic"(%a, %best, %at) ({
  ^bb0(%x: f64, %m: f64, %p: index):
    %j = "linalg.index"() {dim = 1 : i64} : () -> index
    %better = "arith.cmpf"(%x, %m) {predicate = 2 : i64} : (f64, f64) -> i1
    BODY
    "linalg.yield"(%v, %w) : (f64, index) -> ()
  }) {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>,
      affine_map<(d0, d1) -> (d0)>], iterator_types = [#linalg.iterator_type<parallel>,
      #linalg.iterator_type<reduction>], operandSegmentSizes = array<i32: 1, 2>}
    : (tensor<?x?xf64>, tensor<?xf64>, tensor<?xindex>) -> (tensor<?xf64>, tensor<?xindex>)
  "func.return"(%r#0, %r#1) : (tensor<?xf64>, tensor<?xindex>) -> ()'''
SELECTS = '''%v = "arith.select"(%better, %x, %m) : (i1, f64, f64) -> f64
    %w = "arith.select"(%better, %j, %p) : (i1, index, index) -> index'''
BRANCHES = '''%v, %w = "scf.if"(%better) ({
      "scf.yield"(%x, %j) : (f64, index) -> ()
    }, {
      "scf.yield"(%m, %p) : (f64, index) -> ()
    }) : (i1) -> (f64, index)'''


@pytest.mark.parametrize("body", [SELECTS, BRANCHES], ids=["lanes", "points"])
def test_generic_with_two_outputs(body: str) -> None:
    a = np.random.default_rng(2).normal(size=(3, 20))
    best, at = run("%a: tensor<?x?xf64>, %best: tensor<?xf64>, %at: tensor<?xindex>",
                   ARGMAX.replace("BODY", body), a, np.full(3, -np.inf), np.zeros(3, np.int64))
    assert best.tolist() == a.max(1).tolist() and at.tolist() == a.argmax(1).tolist()


@pytest.mark.parametrize("order", ["d0, d1", "d1, d0"])
def test_generic_gives_an_element_a_point_beside_a_reduction(order: str) -> None:
    a = np.random.default_rng(3).normal(size=(3, 20))
    squares, sums = run("%a: tensor<?x?xf64>, %out: tensor<?x?xf64>, %start: tensor<?xf64>", f'''
      %r:2 = "linalg.generic"(%a, %out, %start) ({{
      ^bb0(%x: f64, %old: f64, %acc: f64):
        %y = "arith.mulf"(%x, %x) : (f64, f64) -> f64
        %s = "arith.addf"(%acc, %y) : (f64, f64) -> f64
        "linalg.yield"(%y, %s) : (f64, f64) -> ()
      }}) {{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> ({order})>,
          affine_map<(d0, d1) -> (d0)>], iterator_types = [#linalg.iterator_type<parallel>,
          #linalg.iterator_type<reduction>], operandSegmentSizes = array<i32: 1, 2>}}
        : (tensor<?x?xf64>, tensor<?x?xf64>, tensor<?xf64>) -> (tensor<?x?xf64>, tensor<?xf64>)
      "func.return"(%r#0, %r#1) : (tensor<?x?xf64>, tensor<?xf64>) -> ()''',
        a, np.zeros_like(a if order == "d0, d1" else a.T), np.zeros(3))
    np.testing.assert_array_equal(squares, a * a if order == "d0, d1" else (a * a).T)
    np.testing.assert_array_equal(sums, np.cumsum(a * a, axis=1)[:, -1])


def test_generic_on_buffers_writes_in_place() -> None:
    x, out = np.arange(4.0), poison([4], float)
    (answer,) = run("%x: memref<?xf64>, %y: memref<?xf64>", '''
      "linalg.generic"(%x, %y) ({
      ^bb0(%a: f64, %old: f64):
        %s = "arith.negf"(%a) : (f64) -> f64
        "linalg.yield"(%s) : (f64) -> ()
      }) {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
          iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}
        : (memref<?xf64>, memref<?xf64>) -> ()
      "func.return"() : () -> ()''', x, out)
    assert answer.tolist() == (-x).tolist() and np.shares_memory(answer, out)


# ---- buffers ----


CUMSUM = '''
  %c0 = "arith.constant"() {value = 0 : index} : () -> index
  %c1 = "arith.constant"() {value = 1 : index} : () -> index
  %s0 = "arith.constant"() {value = 0.0 : f64} : () -> f64
  %n = "memref.dim"(%x, %c0) : (memref<?xf64>, index) -> index
  %r = "scf.for"(%c0, %n, %c1, %s0) ({
  ^bb0(%i: index, %s: f64):
    %v = "memref.load"(%x, %i) : (memref<?xf64>, index) -> f64
    %t = "arith.addf"(%s, %v) : (f64, f64) -> f64
    "memref.store"(%t, %y, %i) : (f64, memref<?xf64>, index) -> ()
    "scf.yield"(%t) : (f64) -> ()
  }) : (index, index, index, f64) -> f64
  "scan.output_dims"(%y, %m) : (memref<?xf64>, index) -> ()
  "func.return"() : () -> ()'''


def test_loop_form_gives_the_written_buffers_cut_to_size() -> None:
    args = "%x: memref<?xf64>, %m: index, %y: memref<?xf64>"
    (answer,) = run(args, CUMSUM, np.ones(4), 3, poison([6], float))
    assert answer.tolist() == [1, 2, 3]
    with pytest.raises(InternalError, match=r"reports \(7,\) for an output of \(6,\)"):
        run(args, CUMSUM, np.ones(4), 7, poison([6], float))
    with pytest.raises(InternalError, match=r"memref\.store\(.*index 2 is outside axis 0 of size 2"):
        run(args, CUMSUM, np.ones(4), 2, poison([2], float))


def test_input_buffers_can_be_protected() -> None:
    y = poison([4], float)
    y.flags.writeable = False
    with pytest.raises(InternalError, match=r"memref\.store.*read-only"):
        run("%x: memref<?xf64>, %m: index, %y: memref<?xf64>", CUMSUM, np.ones(4), 3, y)


def test_workspace_views_are_checked_and_are_no_outputs() -> None:
    body = '''
      %n = "arith.constant"() {value = 2 : index} : () -> index
      %c0 = "arith.constant"() {value = 0 : index} : () -> index
      %v = "memref.view"(%w, %at, %n) : (memref<?xi8>, index, index) -> memref<?xf64>
      "memref.store"(%x, %v, %c0) : (f64, memref<?xf64>, index) -> ()
      "memref.copy"(%v, %y) : (memref<?xf64>, memref<2xf64>) -> ()
      "func.return"() : () -> ()'''
    args = "%x: f64, %at: index, %y: memref<2xf64>, %w: memref<?xi8>"
    work, y = np.full(32, 0xFF, np.uint8), np.zeros(2)
    (answer,) = run(args, body, 4.0, 16, y, work)
    assert answer[0] == 4 and np.isnan(answer[1]) and work.view(np.float64)[2] == 4
    with pytest.raises(InternalError, match="16 bytes from 24 are not inside a buffer of 32 bytes"):
        run(args, body, 4.0, 24, y, work)
    with pytest.raises(InternalError, match="offset 4 is not a multiple of 8"):
        run(args, body, 4.0, 4, y, work)


def test_views_share_memory_and_keep_their_types_promise() -> None:
    body = '''
      %s = "memref.subview"(%x) {static_offsets = array<i64: 0, 1>, static_sizes = array<i64: 2, 1>,
        static_strides = array<i64: 1, 1>, operandSegmentSizes = array<i32: 1, 0, 0, 0>}
        : (memref<2x3xf64>) -> TYPE
      %t = "memref.cast"(%s) : (TYPE) -> memref<2xf64, strided<[?], offset: ?>>
      "memref.copy"(%y, %t) : (memref<2xf64>, memref<2xf64, strided<[?], offset: ?>>) -> ()
      "func.return"() : () -> ()'''
    x = np.zeros((2, 3))
    (answer,) = run("%x: memref<2x3xf64>, %y: memref<2xf64>",
                    body.replace("TYPE", "memref<2xf64, strided<[3], offset: ?>>"), x, np.ones(2))
    assert answer.tolist() == [[0, 1, 0], [0, 1, 0]]
    for wrong in ("memref<2xf64>", "memref<2xf64, strided<[2], offset: ?>>"):
        with pytest.raises(InternalError, match=r"memref\.subview.*the strides are \(3,\)"):
            run("%x: memref<2x3xf64>, %y: memref<2xf64>", body.replace("TYPE", wrong), x, np.ones(2))


def test_a_move_goes_from_one_part_of_a_buffer_to_another_that_overlaps() -> None:
    part = """{static_offsets = array<i64: FIRST>, static_sizes = array<i64: 3>, static_strides = array<i64: 1>,
        operandSegmentSizes = array<i32: 1, 0, 0, 0>} : (memref<5xf64>) -> memref<3xf64, strided<[1], offset: ?>>"""
    types = "memref<3xf64, strided<[1], offset: ?>>, memref<3xf64, strided<[1], offset: ?>>"

    def body(source: str, dest: str) -> str:
        return f'''
      %low = "memref.subview"(%x) {part.replace("FIRST", "1")}
      %high = "memref.subview"(%x) {part.replace("FIRST", "2")}
      "scan.buffer_move"({source}, {dest}) {{usual = 3 : i64}} : ({types}) -> ()
      "func.return"() : () -> ()'''
    for source, dest, found in (("%low", "%high", [0, 1, 1, 2, 3]), ("%high", "%low", [0, 2, 3, 4, 4])):
        (answer,) = run("%x: memref<5xf64>", body(source, dest), np.arange(5.0))
        assert answer.tolist() == found


def test_reshape_takes_the_first_elements_and_copies_do_not_overlap() -> None:
    body = '''
      %r = "scan.buffer_reshape"(%x) : (memref<?xf64>) -> memref<2x3xf64>
      "memref.copy"(%r, %y) : (memref<2x3xf64>, memref<2x3xf64>) -> ()
      "func.return"() : () -> ()'''
    x, args = np.arange(7.0), "%x: memref<?xf64>, %y: memref<2x3xf64>"
    (answer,) = run(args, body, x, poison([2, 3], float))
    assert answer.tolist() == x[:6].reshape(2, 3).tolist()
    with pytest.raises(InternalError, match="6 elements out of a buffer of 5"):
        run(args, body, x[:5], poison([2, 3], float))
    with pytest.raises(InternalError, match=r"memref\.copy.*overlap"):
        run(args, body, x, x[1:].reshape(2, 3))


def test_new_buffers_hold_poison() -> None:
    assert np.isnan(poison([2], np.float32)).all() and np.isnan(poison([], complex))
    assert poison([2, 0], int).shape == (2, 0) and poison([1], np.int32)[0] == np.int32(-842150451)
    with pytest.raises(InternalError, match=r"memref\.load.*truth value that was never written"):
        run("%y: memref<1xi1>", '''
          %c0 = "arith.constant"() {value = 0 : index} : () -> index
          %a = "memref.alloc"() {operandSegmentSizes = array<i32: 0, 0>} : () -> memref<1xi1>
          %v = "memref.load"(%a, %c0) : (memref<1xi1>, index) -> i1
          "memref.store"(%v, %y, %c0) : (i1, memref<1xi1>, index) -> ()
          "func.return"() : () -> ()''', np.zeros(1, bool))


def test_constant_buffers_are_read_only() -> None:
    body = '''
      %w = "scan.buffer_constant"() {value = dense<[1.5, 2.5]> : tensor<2xf64>} : () -> memref<2xf64>
      "memref.copy"(%w, %y) : (memref<2xf64>, memref<2xf64>) -> ()
      "func.return"() : () -> ()'''
    assert run("%y: memref<2xf64>", body, np.zeros(2))[0].tolist() == [1.5, 2.5]
    with pytest.raises(InternalError, match="read-only"):
        run("%y: memref<2xf64>", body.replace("(%w, %y)", "(%y, %w)"), np.zeros(2))


# ---- vectors ----


SAXPY = '''
  %v = "vector.load"(%x, %i) : (memref<?xf32>, index) -> vector<4xf32>
  %b = "vector.broadcast"(%a) : (f32) -> vector<4xf32>
  %p = "arith.mulf"(%v, %b) : (vector<4xf32>, vector<4xf32>) -> vector<4xf32>
  "vector.store"(%p, %y, %i) : (vector<4xf32>, memref<?xf32>, index) -> ()
  %s = "vector.reduction"(%p) {kind = "add"} : (vector<4xf32>) -> f32
  %e = "vector.extract"(%p) {static_position = array<i64: 3>} : (vector<4xf32>) -> f32
  %k = "vector.step"() : () -> vector<4xindex>
  %m = "vector.reduction"(%k) {kind = "maxsi"} : (vector<4xindex>) -> index
  %f = "vector.from_elements"(%a, %s) : (f32, f32) -> vector<2xf32>
  %h = "vector.shuffle"(%f, %p) {mask = array<i64: 1, 4, 0>} : (vector<2xf32>, vector<4xf32>) -> vector<3xf32>
  %c2 = "arith.constant"() {value = 2 : index} : () -> index
  "vector.store"(%h, %z, %c2) : (vector<3xf32>, memref<?xf32>, index) -> ()
  %c0 = "arith.constant"() {value = 0 : index} : () -> index
  %c1 = "arith.constant"() {value = 1 : index} : () -> index
  "memref.store"(%s, %z, %c0) : (f32, memref<?xf32>, index) -> ()
  "memref.store"(%e, %z, %c1) : (f32, memref<?xf32>, index) -> ()
  "memref.store"(%m, %q, %c0) : (index, memref<1xindex>, index) -> ()
  "func.return"() : () -> ()'''


def test_vectors() -> None:
    args = "%x: memref<?xf32>, %a: f32, %i: index, %y: memref<?xf32>, %z: memref<?xf32>, %q: memref<1xindex>"
    x, y, z = np.arange(6, dtype=np.float32), np.zeros(6, np.float32), np.zeros(5, np.float32)
    q = np.zeros(1, int)
    answers = run(args, SAXPY, x, np.float32(2), 1, y, z, q)
    assert [a.tolist() for a in answers] == [[0, 2, 4, 6, 8, 0], [20, 8, 20, 6, 2], [3]]
    with pytest.raises(InternalError, match=r"vector\.load.*index 6 is outside axis 0 of size 6"):
        run(args, SAXPY, x, np.float32(2), 3, y, z, q)
    strided = args.replace("%x: memref<?xf32>", "%x: memref<?xf32, strided<[?], offset: ?>>")
    with pytest.raises(InternalError, match="the last axis has stride 2"):
        body = SAXPY.replace("(memref<?xf32>, index) -> v",
                             "(memref<?xf32, strided<[?], offset: ?>>, index) -> v")
        run(strided, body, np.arange(12, dtype=np.float32)[::2], np.float32(2), 1, y, z, q)


# ---- gpu ----


def test_a_kernel_runs_for_every_thread() -> None:
    place = "\n".join(f'%{n} = "gpu.{n}"() {{dimension = "x"}} : () -> index'
                      for n in ("thread_id", "block_id", "block_dim", "grid_dim"))
    (answer,) = run("%y: memref<?xindex>", place + '''
      %b = "arith.muli"(%block_id, %block_dim) : (index, index) -> index
      %i = "arith.addi"(%b, %thread_id) : (index, index) -> index
      %v = "arith.addi"(%i, %grid_dim) : (index, index) -> index
      "memref.store"(%v, %y, %i) : (index, memref<?xindex>, index) -> ()
      "func.return"() : () -> ()''', poison([6], np.int64), grid=(2, 1, 1), block=(3, 1, 1))
    assert answer.tolist() == [2, 3, 4, 5, 6, 7]


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
