"""Parts of ops by name, and a scan rebuilt with other parts."""

from __future__ import annotations

import numpy as np

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, functions
from scancc.ir.interpreter import run_function
from scancc.ir.ops import group, operand, set_operands
from scancc.ir.parser import parse
from scancc.ir.parts import Loop, Nest, ScanView
from scancc.ir.verifier import verify

SCAN = '''
"builtin.module"() ({
  "func.func"() ({
  ^bb0(%n: index, %x: tensor<?xf64>, %m: tensor<?x2xf64>, %a: f64, %w: tensor<3xf64>):
    %last, %window, %sums, %rows, %steps = "scan.scan"(%n, %x, %m, %a, %w, %n, %n) ({
    ^bb0(%t: index, %xt: f64, %mt: tensor<2xf64>, %h: f64, %past: tensor<3xf64>):
      %s = "arith.addf"(%h, %xt) : (f64, f64) -> f64
      %stop = "arith.cmpf"(%s, %a) {predicate = 2 : i64} : (f64, f64) -> i1
      "scan.yield"(%s, %xt, %s, %mt, %stop) : (f64, f64, f64, tensor<2xf64>, i1) -> ()
    }) {depths = [1 : i64, 3 : i64], until = true, operandSegmentSizes = array<i32: 1, 2, 2, 2, 0>}
      : (index, tensor<?xf64>, tensor<?x2xf64>, f64, tensor<3xf64>, index, index)
      -> (f64, tensor<3xf64>, tensor<?xf64>, tensor<?x2xf64>, index)
    "func.return"(%sums, %steps) : (tensor<?xf64>, index) -> ()
  }) {sym_name = "f", function_type = (index, tensor<?xf64>, tensor<?x2xf64>, f64, tensor<3xf64>)
      -> (tensor<?xf64>, index)} : () -> ()
}) : () -> ()
'''


def scan_of(module: Op) -> ScanView:
    return ScanView(next(op for op in module.walk() if op.name == "scan.scan"))


def names(values: list) -> list[str | None]:
    return [value.name for value in values]


def test_each_part_of_a_scan_has_a_name() -> None:
    scan = scan_of(parse(SCAN))
    assert names([scan.length, *scan.xs]) == ["n", "x", "m"]
    assert names([*scan.init, *scan.rows, *scan.dims]) == ["a", "w", "n", "n"]
    assert names([scan.counter, *scan.x_args, *scan.carry_args]) == ["t", "xt", "mt", "h", "past"]
    assert names([scan.given(arg) for arg in scan.op.body.args[1:]]) == ["x", "m", "a", "w"]
    assert names([*scan.next, *scan.row_values, scan.stop]) == ["s", "xt", "s", "mt", "stop"]
    assert names([*scan.finals, *scan.ys, scan.executed]) == ["last", "window", "sums", "rows", "steps"]


def test_records_hold_what_belongs_together() -> None:
    scan = scan_of(parse(SCAN))
    assert [names(list(read)) for read in scan.reads] == [["x", "xt"], ["m", "mt"]]
    assert [(*names(list(carry[:4])), carry.depth) for carry in scan.carries] == [
        ("a", "h", "s", "last", 1), ("w", "past", "xt", "window", 3)]
    assert [names([s.rows, s.value, s.result]) for s in scan.stacks] == [["n", "s", "sums"], ["n", "mt", "rows"]]
    assert [s.row_shape for s in scan.stacks] == [(), (2,)]


def test_a_scan_rebuilt_with_fewer_parts_means_the_same() -> None:
    module = parse(SCAN)
    arguments = [3, np.arange(3.0), np.ones((3, 2)), 10.0, np.zeros(3)]
    before = run_function(module, "f", arguments)
    scan = scan_of(module)
    op = scan.rebuilt(xs=scan.reads[:1], carries=scan.carries[:1], stacks=scan.stacks[:1])
    verify(module)
    assert op is scan.op and names(op.results) == ["last", "sums", "steps"]
    assert names(op.body.args) == ["t", "xt", "h"] and [v.index for v in op.body.args] == [0, 1, 2]
    for first, second in zip(before, run_function(module, "f", arguments), strict=True):
        np.testing.assert_array_equal(first, second)


def test_what_was_computed_for_a_part_that_goes_goes_too() -> None:
    module = parse(SCAN.replace('"scan.yield"(%s, %xt, %s, %mt, %stop)',
                                '%e = "math.exp"(%mt) : (tensor<2xf64>) -> tensor<2xf64>\n'
                                '"scan.yield"(%s, %xt, %s, %e, %stop)'))
    scan = scan_of(module)
    scan.rebuilt(xs=scan.reads[:1], stacks=scan.stacks[:1])
    verify(module)
    assert "math.exp" not in [op.name for op in scan.op.body.ops]


def test_a_scan_takes_a_new_state() -> None:
    module = parse(SCAN)
    scan = scan_of(module)
    zero = Builder(functions(module)[0].body, scan.op).const(0.0, t.f64)
    carry = scan.new_carry(zero, scan.x_args[0])
    scan.rebuilt(carries=[*scan.carries, carry])
    verify(module)
    assert scan.finals[2] is carry.final and scan.carry_args[2] is carry.arg and scan.depths == [1, 3, 1]
    assert names(scan.ys) == ["sums", "rows"]


LOOPS = '''
"builtin.module"() ({
  "func.func"() ({
  ^bb0(%n: index, %x: tensor<?xf64>, %zero: f64, %start: tensor<f64>):
    %sum = "linalg.generic"(%x, %start) ({
    ^bb0(%e: f64, %acc: f64):
      %s = "arith.addf"(%acc, %e) : (f64, f64) -> f64
      "linalg.yield"(%s) : (f64) -> ()
    }) {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>],
        iterator_types = [#linalg.iterator_type<reduction>], operandSegmentSizes = array<i32: 1, 1>}
      : (tensor<?xf64>, tensor<f64>) -> tensor<f64>
    %one = "arith.constant"() {value = 1 : index} : () -> index
    %last = "scf.for"(%one, %n, %one, %zero) ({
    ^bb0(%i: index, %f: f64):
      %g = "arith.negf"(%f) : (f64) -> f64
      "scf.yield"(%g) : (f64) -> ()
    }) : (index, index, index, f64) -> f64
    "func.return"(%last) : (f64) -> ()
  }) {sym_name = "f", function_type = (index, tensor<?xf64>, f64, tensor<f64>) -> f64} : () -> ()
}) : () -> ()
'''


def test_each_part_of_a_nest_and_of_a_loop_has_a_name() -> None:
    found = {op.name: op for op in parse(LOOPS).walk()}
    nest, loop = Nest(found["linalg.generic"]), Loop(found["scf.for"])
    assert names([*nest.inputs, *nest.outputs, *nest.input_args, *nest.running, *nest.elements]) == [
        "x", "start", "e", "acc", "s"]
    assert nest.reads[0].dims == (0,) and nest.writes[0].dims == () and nest.identity == (0,)
    assert nest.reduced == [0] and not nest.is_parallel
    assert names([loop.lower, loop.upper, loop.step, loop.counter]) == ["one", "n", "one", "i"]
    assert [names(list(carry)) for carry in loop.carries] == [["zero", "f", "g", "last"]]


def test_groups_are_read_and_set_by_name_with_and_without_sizes() -> None:
    scan, found = scan_of(parse(SCAN)), {op.name: op for op in parse(LOOPS).walk()}
    loop = found["scf.for"]
    assert names(group(scan.op, "rows")) == ["n", "n"] and operand(loop, "upper").name == "n"
    set_operands(loop, init=[], upper=[operand(loop, "lower")])
    assert names(loop.operands) == ["one", "one", "one"]
    set_operands(scan.op, xs=[])
    assert names(scan.op.operands) == ["n", "a", "w", "n", "n"] and scan.xs == []
