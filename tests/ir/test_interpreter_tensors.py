"""The interpreter against NumPy: tensor ops, the recurrence and nests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scancc.errors import InternalError
from scancc.ir import types as t
from scancc.ir.interpreter import poison
from tests.ir_functions import axes, number, one_op, run, ty

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
    ("scan.cholesky_gradient", [np.array([[2.0, 9], [3, 4]]), np.array([[1.0, 9], [8, 2]])], "tensor<?x?xf64>", {},
     np.array([[-2.1875, 0], [3.25, 0.25]])),
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
@pytest.mark.parametrize("columns", [20, 0])
def test_generic_gives_an_element_a_point_beside_a_reduction(order: str, columns: int) -> None:
    a = np.random.default_rng(3).normal(size=(3, columns))
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
    np.testing.assert_array_equal(sums, np.cumsum(a * a, axis=1)[:, -1] if columns else np.zeros(3))


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
