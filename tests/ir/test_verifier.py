"""Each rule of the verifier, broken once; and the message, which is the dump."""

# ruff: noqa: E501  (IR text is wide)
from __future__ import annotations

import re
import textwrap

import pytest

from scancc.errors import VerifyError
from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, module
from scancc.ir.parser import parse
from scancc.ir.verifier import MAX_ERRORS, find_errors, verify

SCAN = '''
    %r = "scan.scan"(%n, %x) ({
    ^bb0(%t: index, %h: f64):
      "scan.yield"(%h) : (f64) -> ()
    }) {depths = [1 : i64], until = false, operandSegmentSizes = array<i32: 1, 0, 1, 0, 0>} : (index, f64) -> f64
'''


def function(body: str) -> str:
    return f'''"func.func"() ({{
^bb0(%x: f64, %n: index, %v: tensor<?xf64>):
{body}
  "func.return"() : () -> ()
}}) {{sym_name = "f", function_type = (f64, index, tensor<?xf64>) -> ()}} : () -> ()'''


def messages(text: str) -> list[str]:
    return [f"{op.name}: {message}" for op, message in find_errors(parse(text))]


def test_a_sound_module_has_no_errors() -> None:
    assert messages(function(SCAN)) == []


@pytest.mark.parametrize(("body", "expected"), [
    ('%a = "no.such"() : () -> f64', "no.such: op 'no.such' is declared in no dialect"),
    ('%a = "arith.negf"(%x, %x) : (f64, f64) -> f64', "arith.negf: it has 2 operands; declared are: x"),
    ('"arith.negf"(%x) : (f64) -> ()', "arith.negf: it has 0 results; declared are 1"),
    ('%a = "arith.constant"() ({\n}) {value = 1.0 : f64} : () -> f64', "arith.constant: it has 1 regions; declared are 0"),
    ('%a = "arith.constant"() : () -> f64', "arith.constant: the attribute 'value' is missing"),
    ('%a = "arith.constant"() {value = 1 : i32} : () -> f64', "the value is of type i32, the result f64"),
    ('%a = "arith.addf"(%x, %n) : (f64, index) -> f64', "arith.addf: operand 1 is index, the result f64"),
    ('%a = "arith.cmpf"(%x, %x) {predicate = 99 : i64} : (f64, f64) -> i1', "predicate must be 0 to 15"),
    ('%a = "arith.cmpf"(%x, %x) {predicate = 1 : i64} : (f64, f64) -> tensor<?xi1>', "an elementwise op works on"),
    ('%a = "arith.truncf"(%v) : (tensor<?xf64>) -> f32', "an elementwise op works on"),
    ('%a = "tensor.insert_slice"(%v, %v) : (tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>',
     "operandSegmentSizes must give the length of each operand group"),
    (SCAN.replace("1, 0, 1, 0, 0", "1, 0, 1"), "must have 5 entries with the sum 2"),
    (SCAN.replace("1, 0, 1, 0, 0", "0, 1, 1, 0, 0"), "the operand group 'length' has 0 operands"),
    (SCAN.replace('"scan.yield"(%h) : (f64)', '"scan.yield"(%h, %h) : (f64, f64)'), "scan.yield must give"),
    (SCAN.replace("depths = [1 : i64], ", ""), "scan.scan: the attribute 'depths' is missing"),
    (SCAN.replace("depths = [1 : i64]", "depths = 1 : i64"), "the attribute 'depths' must be a list of integers from 1 on"),
    (SCAN.replace('"scan.yield"(%h) : (f64) -> ()', '%e = "math.exp"(%h) : (f64) -> f64'),
     "math.exp: the last op of a block must be a terminator"),
    (SCAN.replace('"scan.yield"(%h) : (f64) -> ()', ""), "scan.scan: its block is empty"),
    ('"func.return"() : () -> ()', "func.return: a terminator must be the last op of its block"),
    ('"scf.if"(%x) ({\n^bb0:\n^bb1:\n}, {\n}) : (f64) -> ()', "scf.if: a region has one block"),
])
def test_each_rule(body: str, expected: str) -> None:
    found = messages(function(body))
    assert any(expected in message for message in found), found


BUFFERS = '''"func.func"() ({
^bb0(%x: memref<?x4xf64>, %b: memref<?xi8>):
  %0 = "arith.constant"() {value = 0 : index} : () -> index
  %1 = "arith.constant"() {value = 1 : index} : () -> index
  %c = "arith.constant"() {value = 1.0 : f64} : () -> f64
  %v = "vector.broadcast"(%c) : (f64) -> vector<4xf64>
'''
TENSORS = '''"func.func"() ({
^bb0(%x: f64, %n: index, %v: tensor<?xf64>, %m: tensor<2x3xf64>, %i: tensor<?xi64>):
  %yes = "arith.constant"() {value = true} : () -> i1
'''


def messages_of(head: str, body: str) -> list[str]:
    inputs = re.findall(r"%\w+: (.*?)(?:, (?=%)|\):\n)", head)
    return messages(f'{head}{body}\n"func.return"() : () -> ()\n}}) {{sym_name = "f", '
                    f"function_type = ({', '.join(inputs)}) -> ()}} : () -> ()")


NEST = '''%r = "linalg.generic"(%v, %v) ({
^bb0(%a: f64, %b: f64):
  "linalg.yield"(%a) : (f64) -> ()
}) {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
    iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>} : (tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>'''


@pytest.mark.parametrize(("body", "expected"), [
    ('%a = "arith.addf"(%n, %n) : (index, index) -> index', "the result is index; it must be a float"),
    ('%a = "arith.addi"(%v, %v) : (tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>', "it must be an integer or index"),
    ('%a = "arith.cmpf"(%n, %n) {predicate = 1 : i64} : (index, index) -> i1', "operand 0 ('lhs') is index"),
    ('%a = "arith.cmpf"(%x, %x) {predicate = 1 : i64} : (f64, f64) -> i8', "the result is i8; it must be i1"),
    ('%a = "arith.cmpi"(%n, %n) {predicate = 1 : index} : (index, index) -> i1', "must be an integer, as in 1 : i64"),
    ('%a = "arith.extf"(%x) : (f64) -> f32', "the result must be wider"),
    ('%a = "arith.truncf"(%x) : (f64) -> f64', "the result must be narrower"),
    ('%a = "arith.sitofp"(%n) : (index) -> f64', "operand 0 ('x') is index; it must be an integer of known width"),
    ('%a = "arith.index_cast"(%yes) : (i1) -> i64', "one side must be index"),
    ('%a = "arith.bitcast"(%n) : (index) -> f64', "bits are those of an integer or a float"),
    ('%a = "arith.select"(%x, %x, %x) : (f64, f64, f64) -> f64', "operand 0 ('condition') is f64; it must be i1"),
    ('%a = "arith.select"(%yes, %x, %n) : (i1, f64, index) -> f64', "both values and the result must have one type"),
    ('%a = "math.exp"(%n) : (index) -> index', "it must be a float"),
    ('%a = "math.ipowi"(%x, %x) : (f64, f64) -> f64', "it must be an integer or index"),
    ('%a = "complex.re"(%x) : (f64) -> f64', "it must be a complex number"),
    ('%a = "linalg.index"() {dim = 0 : i64} : () -> index', "linalg.index: it must stand in linalg.generic, not in func.func"),
    (NEST.replace('"linalg.yield"', '%d = "linalg.index"() {dim = 1 : i64} : () -> index\n"linalg.yield"'), "dim must be below 1"),
    (NEST.replace("parallel", "window"), "a loop dimension is parallel or reduction"),
    (NEST.replace("parallel", "reduction"), "the maps of outputs must have each parallel dimension once"),
    (NEST.replace("-> (d0)", "-> (0)"), "no map says how far loop dimension 0 runs"),
    (NEST.replace("(%v, %v)", "(%m, %v)").replace(": (tensor<?xf64>", ": (tensor<2x3xf64>"), "map 0 must have one result for each axis"),
    (NEST.replace("operandSeg", "by_columns = true, operandSeg"), "by_columns is said of a product whose last loop dimensions"),
    (NEST.replace("linalg.yield", "scf.yield"), "its region must end in linalg.yield, not in scf.yield"),
    ('"scan.yield"() : () -> ()', "scan.yield: it must stand in scan.scan"),
    ('%a = "tensor.extract"(%m, %n) : (tensor<2x3xf64>, index) -> f64', "tensor<2x3xf64> needs 2 indices, not 1"),
    ('%a = "tensor.extract"(%v, %n) : (tensor<?xf64>, index) -> i64', "must have one element type"),
    ('%a = "tensor.dim"(%v, %n) : (tensor<?xf64>, index) -> index', "the axis must be an arith.constant"),
    ('%a = "tensor.empty"() : () -> tensor<?xf64>', "tensor<?xf64> leaves 1 sizes open, and 0 are given"),
    ('%a = "tensor.cast"(%m) : (tensor<2x3xf64>) -> tensor<2x4xf64>', "contradict each other"),
    ('%a = "tensor.from_elements"(%x, %x) : (f64, f64) -> tensor<3xf64>', "tensor<3xf64> is not of 2 elements"),
    ('%a = "scan.transpose"(%m) {permutation = array<i64: 1, 1>} : (tensor<2x3xf64>) -> tensor<3x3xf64>', "each axis from 0 to 1 once"),
    ('%a = "scan.transpose"(%m) {permutation = array<i64: 1, 0>} : (tensor<2x3xf64>) -> tensor<2x3xf64>', "it must be tensor<3x2xf64>"),
    ('%a = "scan.reduce"(%m) {kind = "sum", axes = array<i64: 2>} : (tensor<2x3xf64>) -> tensor<2xf64>', "different ones from 0 to 1"),
    ('%a = "scan.reduce"(%m) {kind = "most", axes = array<i64: 1>} : (tensor<2x3xf64>) -> tensor<2xf64>', 'one of "sum", "prod"'),
    ('%a = "scan.reduce"(%m) {kind = "any", axes = array<i64: 1>} : (tensor<2x3xf64>) -> tensor<2xf64>', "any is of truth values"),
    ('%a = "scan.argreduce"(%m) {kind = "max", axis = 1 : i64} : (tensor<2x3xf64>) -> tensor<2xf64>', "it must be tensor<2xi64>"),
    ('%a = "scan.gather"(%m, %v) {axes = array<i64: 0>} : (tensor<2x3xf64>, tensor<?xf64>) -> tensor<?x3xf64>', "indices are integers"),
    ('%a = "scan.gather"(%m, %i) {axes = array<i64: 0>} : (tensor<2x3xf64>, tensor<?xi64>) -> tensor<?x2xf64>', "must be tensor<?x3xf64>"),
    ('%a = "scan.concat"(%m, %m) {axis = 0 : i64} : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<5x3xf64>', "together they have 4 rows"),
    ('"scan.check"(%yes) {error = "NoError", message = ""} : (i1) -> ()', "must be the name of an exception"),
    ('"scan.check"(%yes, %n) {error = "ValueError", message = "{1}"} : (i1, index) -> ()', "the message names {1} of 1 numbers"),
    ('"scf.if"(%yes) ({\n^bb0(%a: f64):\n  "scf.yield"() : () -> ()\n}, {\n  "scf.yield"() : () -> ()\n}) : (i1) -> ()', "no arguments"),
    (SCAN.replace("[1 : i64]", "[2 : i64]"), "the step must yield None for carry 0"),
    (SCAN.replace("until = false", "until = 0 : i64"), "the attribute 'until' must be true or false"),
])
def test_each_rule_of_tensors_and_scalars(body: str, expected: str) -> None:
    found = messages_of(TENSORS, body)
    assert any(expected in message for message in found), found


@pytest.mark.parametrize(("body", "expected"), [
    ('%a = "memref.load"(%x, %0) : (memref<?x4xf64>, index) -> f64', "memref<?x4xf64> needs 2 indices, not 1"),
    ('"memref.store"(%0, %x, %0, %0) : (index, memref<?x4xf64>, index, index) -> ()', "must have one element type"),
    ('%a = "memref.dim"(%x, %c) : (memref<?x4xf64>, f64) -> index', "operand 1 ('axis') is f64; it must be an index"),
    ('%a = "memref.alloca"() : () -> memref<?xf64>', "its size must be known"),
    ('%a = "memref.alloca"() : () -> memref<99999xf64>', "bytes of the stack, 65536 at most"),
    ('%a = "memref.view"(%x, %0) : (memref<?x4xf64>, index) -> memref<4xf64>', "it must be memref<?xi8>"),
    ('%a = "memref.cast"(%x) : (memref<?x4xf64>) -> memref<?x4xf64, strided<[5, 1], offset: ?>>', "in their strides"),
    ('%a = "memref.subview"(%x) {static_offsets = array<i64: 0, 0>, static_sizes = array<i64: 1, 4>, static_strides = array<i64: 1, 1>, '
     'operandSegmentSizes = array<i32: 1, 0, 0, 0>} : (memref<?x4xf64>) -> memref<4xf64>', "the part is a memref<4xf64, strided<[1], offset: ?>>"),
    ('"scan.buffer_move"(%x, %b) {usual = 0 : i64} : (memref<?x4xf64>, memref<?xi8>) -> ()', "has another shape"),
    ('"memref.copy"(%x, %b) : (memref<?x4xf64>, memref<?xi8>) -> ()', "has another shape"),
    ('"scan.buffer_transpose"(%b, %b) : (memref<?xi8>, memref<?xi8>) -> ()', "is no matrix"),
    ('%y = "memref.alloca"() : () -> memref<3x3xf64>\n"scan.buffer_transpose"(%x, %y) : (memref<?x4xf64>, memref<3x3xf64>) -> ()',
     "with its axes exchanged"),
    ('"scan.matmul"(%x, %x, %x) {transposed = false, fused = false} : (memref<?x4xf64>, memref<?x4xf64>, memref<?x4xf64>) -> ()',
     "a product of two matrices has room"),
    ('"scan.matmul"(%x, %x, %x, %x) {transposed = true, fused = false} : (memref<?x4xf64>, memref<?x4xf64>, memref<?x4xf64>, memref<?x4xf64>) -> ()',
     "the room has rows of 64 numbers"),
    ('"scan.matmul"(%b, %b, %b) {transposed = false, fused = false} : (memref<?xi8>, memref<?xi8>, memref<?xi8>) -> ()',
     "it multiplies f32 or f64"),
    ('%a = "vector.load"(%x, %0, %0) : (memref<?x4xf64>, index, index) -> vector<4xf32>', "must have one element type"),
    ('%a = "vector.broadcast"(%0) : (index) -> vector<4xf64>', "must have one element type"),
    ('%a = "vector.reduction"(%v) {kind = #vector.kind<and>} : (vector<4xf64>) -> f64', "and does not combine lanes of f64"),
    ('%a = "vector.reduction"(%v) {kind = "add"} : (vector<4xf64>) -> f64', "the attribute 'kind' must be #vector.kind<add>"),
    ('%a = "vector.extract"(%v) {static_position = array<i64: 4>} : (vector<4xf64>) -> f64', "one lane from 0 to 3"),
    ('%a = "vector.from_elements"(%c, %c) : (f64, f64) -> vector<4xf64>', "4 lanes need 4 elements, not 2"),
    ('%a = "vector.shuffle"(%v, %v) {mask = array<i64: 0, 8>} : (vector<4xf64>, vector<4xf64>) -> vector<2xf64>',
     "lanes from 0 to 7"),
    ('%a = "vector.shuffle"(%v, %v) {mask = array<i64: 0>} : (vector<4xf64>, vector<4xf64>) -> vector<2xf64>',
     "2 lanes need a mask of 2, not of 1"),
    ('"scan.output_dims"(%x, %0) : (memref<?x4xf64>, index) -> ()', "needs 2 indices"),
    ('"scan.launch"(%1) {kernel = @g, threads = 128 : i64} : (index) -> ()', "the module has no kernel @g"),
    ('"scf.for"(%0, %1, %0) ({\n^bb0(%i: index):\n  "scf.yield"() : () -> ()\n}) : (index, index, index) -> ()', "must be positive"),
    ('%a = "scf.while"(%0) ({\n^bb0(%i: index):\n  %d = "arith.constant"() {value = true} : () -> i1\n'
     '  "scf.condition"(%d, %i) : (i1, index) -> ()\n}, {\n^bb0(%j: f64):\n  "scf.yield"(%0) : (index) -> ()\n}) : (index) -> index',
     "the second region's arguments and the results"),
])
def test_each_rule_of_buffers_and_loops(body: str, expected: str) -> None:
    found = messages_of(BUFFERS, body)
    assert any(expected in message for message in found), found


def test_symbols_are_unique() -> None:
    assert messages(function("") + "\n" + function("")) == ["func.func: the symbol 'f' is defined twice"]


# ---- what text cannot say ----


def make() -> tuple[Op, Block]:
    block = Block([t.f64])
    func = Op("func.func", attrs={"sym_name": "f", "function_type": t.FunctionType((t.f64,), ())},
              regions=[Region([block])])
    first = block.append(Op("math.exp", [block.args[0]], [t.f64]))
    block.append(Op("math.sin", [first.result], [t.f64]))
    block.append(Op("func.return"))
    return module([func]), block


def only_message(top: Op) -> str:
    ((_, message),) = find_errors(top)
    return message


def test_use_before_definition() -> None:
    top, block = make()
    block.ops[0], block.ops[1] = block.ops[1], block.ops[0]
    assert only_message(top) == "operand 0 is used before it is defined"


def test_use_of_a_value_inside_a_region() -> None:
    top = parse(function(SCAN))
    block = top.body.ops[0].body
    inner = block.ops[0].body.args[1]
    block.ops.insert(1, Op("math.exp", [inner], [t.f64]))
    block.ops[1].parent = block
    assert only_message(top) == "operand 0 (%h) is defined in a region that this op cannot see; yield it from there"


def test_functions_see_nothing_outside() -> None:
    top, _ = make()
    outside = parse(function("")).body.ops[0]
    top.body.append(outside)
    outside.attrs["sym_name"] = "g"
    value = top.body.ops[0].body.ops[0].result
    outside.body.ops.insert(0, Op("math.exp", [value], [t.f64]))
    outside.body.ops[0].parent = outside.body
    assert "cannot see" in only_message(top)


def test_use_of_an_erased_value() -> None:
    top, block = make()
    block.ops[0].parent = None
    del block.ops[0]
    assert only_message(top) == "operand 0 is defined by an op or block that is not in this IR"


def test_uncounted_use() -> None:
    top, block = make()
    block.args[0].uses.clear()
    assert only_message(top) == "operand 0 does not count this use"


def test_wrong_owner() -> None:
    top, block = make()
    block.ops[1].parent = Block()
    block.args[0].index = 3
    assert [m for _, m in find_errors(top)] == [
        "argument 0 does not know its owner and place", "the op does not know the block in which it stands"]


def test_an_attribute_without_text() -> None:
    top, block = make()
    block.ops[0].attrs["analysis"] = [1, {"a": object()}]
    block.ops[0].attrs["fine"] = ["x", {"b": (True, t.f64, None)}]
    assert only_message(top) == "the attribute 'analysis' is a Python list, which has no text"


# ---- the message ----


def test_errors_stand_under_their_ops_in_the_dump() -> None:
    top = parse(function('  %a = "arith.addf"(%x, %n) : (f64, index) -> f64 loc("step.py":3:9)'))
    with pytest.raises(VerifyError) as caught:
        verify(top, "the pass 'fuse'")
    assert str(caught.value) == textwrap.dedent('''\
        the IR after the pass 'fuse' breaks a rule: arith.addf (step.py:3:9): operand 1 is index, the result f64; they must be one
        "builtin.module"() ({
          "func.func"() ({
          ^bb0(%x: f64, %n: index, %v: tensor<?xf64>):
            %a = "arith.addf"(%x, %n) : (f64, index) -> f64
            // ^ error: operand 1 is index, the result f64; they must be one
            "func.return"() : () -> ()
          }) {sym_name = "f", function_type = (f64, index, tensor<?xf64>) -> ()} : () -> ()
        }) : () -> ()
        ''')


def test_many_errors_are_cut() -> None:
    assert len(messages(function('"no.such"() : () -> ()\n' * 100))) == MAX_ERRORS
