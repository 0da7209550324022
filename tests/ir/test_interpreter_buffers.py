"""The interpreter against NumPy: buffers, vectors and kernels."""

from __future__ import annotations

import numpy as np
import pytest

from scancc.errors import InternalError
from scancc.ir.interpreter import poison
from tests.ir_functions import run

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


def test_a_transposition_copies_to_another_buffer() -> None:
    body = '''
      "scan.buffer_transpose"(%x, %y) : (memref<?x?xf64>, memref<?x?xf64>) -> ()
      "func.return"() : () -> ()'''
    x, arguments = np.arange(6.0).reshape(2, 3), "%x: memref<?x?xf64>, %y: memref<?x?xf64>"
    run(arguments, body, x, y := np.zeros((3, 2)))
    assert y.tolist() == x.T.tolist()
    with pytest.raises(InternalError, match="from shape"):
        run(arguments, body, x, x)


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


@pytest.mark.parametrize(("use", "says"), [
    ("", r"an output has a truth value that was never written"),
    ('%w = "arith.xori"(%v, %v) : (i1, i1) -> i1', r"memref\.load.*truth value that was never written")])
def test_a_copied_truth_value_that_was_never_written_is_still_none(use: str, says: str) -> None:
    with pytest.raises(InternalError, match=says):
        run("%y: memref<1xi1>", f'''
          %c0 = "arith.constant"() {{value = 0 : index}} : () -> index
          %a = "memref.alloc"() {{operandSegmentSizes = array<i32: 0, 0>}} : () -> memref<1xi1>
          %v = "memref.load"(%a, %c0) : (memref<1xi1>, index) -> i1
          {use}
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


def test_the_first_lane_that_is_true() -> None:
    body = '''
  %v = "vector.load"(%x, %i) : (memref<?xi1>, index) -> vector<4xi1>
  %f = "scan.first_lane"(%v) : (vector<4xi1>) -> index
  "memref.store"(%f, %q, %i) : (index, memref<8xindex>, index) -> ()
  "func.return"() : () -> ()'''
    for truths, first in (([1, 1, 0, 1], 0), ([0, 0, 1, 1], 2), ([0, 0, 0, 0], 4)):
        args = "%x: memref<?xi1>, %i: index, %q: memref<8xindex>"
        answers = run(args, body, np.array(truths, bool), 0, np.zeros(8, int))
        assert answers[-1][0] == first


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
