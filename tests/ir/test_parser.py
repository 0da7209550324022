"""Reading IR: the exact round trip, what other printers write, and errors with their place."""

# ruff: noqa: E501  (IR text is wide)
from __future__ import annotations

import contextlib
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scancc.errors import ParseError
from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, module
from scancc.ir.parser import parse, parse_attribute, parse_type, parse_verified, read_module
from scancc.ir.printer import attribute_text, print_op

PROGRAM = textwrap.dedent('''\
    #loc1 = loc("step.py":3:1)
    #loc2 = loc("a \\"quoted\\" \\\\ file.py":4:7)
    "builtin.module"() ({
      "func.func"() ({
      ^bb0(%A: tensor<?xf64>, %x0: f64):
        %0 = "arith.constant"() {value = 0 : index} : () -> index loc(#loc1)
        %n = "tensor.dim"(%A, %0) : (tensor<?xf64>, index) -> index loc(#loc1)
        %final, %1 = "scan.scan"(%n, %A, %x0, %n) ({
        ^bb0(%t: index, %a: f64, %h: f64):
          %h_1 = "arith.addf"(%a, %h) : (f64, f64) -> f64 loc(#loc2)
          %2 = "arith.constant"() {value = true} : () -> i1
          "scan.yield"(%h_1, %h_1) : (f64, f64) -> () loc(#loc2)
        }) {depths = [1 : i64], until = false, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>} : (index, tensor<?xf64>, f64, index) -> (f64, tensor<?xf64>) loc(#loc1)
        %h = "arith.negf"(%final) : (f64) -> f64
        "func.return"(%h, %1) : (f64, tensor<?xf64>) -> () loc(#loc1)
      }) {sym_name = "cumulative", function_type = (tensor<?xf64>, f64) -> (f64, tensor<?xf64>)} : () -> ()
    }) : () -> ()
    ''')


def function(body: str) -> str:
    return f'"func.func"() ({{\n{body}\n}}) {{sym_name = "f", function_type = () -> ()}} : () -> ()'


# ---- what is printed reads back ----


def test_round_trip_keeps_names_locations_and_numbering() -> None:
    top = parse(PROGRAM)
    assert print_op(top) == PROGRAM
    scan = next(op for op in top.walk() if op.name == "scan.scan")
    assert scan.location == ("step.py", 3, 1)
    assert [v.name for v in scan.results] == ["final", None]
    assert [v.name for v in scan.body.args] == ["t", "a", "h"]
    assert scan.body.ops[0].location == ('a "quoted" \\ file.py', 4, 7)


def test_round_trip_after_names_were_made_unique() -> None:
    block = Block([t.f64, t.f64])
    block.args[0].name = block.args[1].name = "x"
    for name in ("x", "0abc", "h[t-1]", "", None, "é"):
        block.append(Op("math.exp", [block.args[0]], [t.f64])).result.name = name
    block.append(Op("func.return", [op.result for op in block.ops]))
    signature = t.FunctionType((t.f64, t.f64), (t.f64,) * 6)
    top = module([Op("func.func", attrs={"sym_name": "f", "function_type": signature}, regions=[Region([block])])])
    text = print_op(top)
    assert print_op(parse(text)) == text


@pytest.mark.parametrize("text", [
    "i1", "i32", "f16", "index", "complex<f64>", "tensor<f64>", "tensor<?x3x0xcomplex<f32>>", "vector<8xf64>",
    "vector<4x2xindex>", "memref<?x4xi8>", "memref<4xf64, 3>", "memref<?x?xf32, strided<[?, 1], offset: ?>>",
    "memref<f64, strided<[], offset: ?>, 3>", "() -> ()", "(f64, tensor<?xf64>) -> f64", "(i1) -> (f64, f64)",
])
def test_types(text: str) -> None:
    assert str(parse_type(text)) == text


@pytest.mark.parametrize("text", [
    "true", "5 : index", "-9223372036854775808 : i64", "0.1 : f64", "-0.0 : f64", "1.0e+22 : f64", "5.0e-324 : f64",
    "0x7FF0000000000000 : f64", "0xFFC00000 : f32", "0x7E00 : f16", '"a\\"b\\\\c\\0A\\09\\00é"',
    "[1 : i64, [], [true, \"x\"]]", "{a = 1 : i32, \"b c\" = {}, unit}", "array<i64>", "array<i32: 1, -2>",
    "dense<[[1.0, -0.0], [0x7FF8000000000000, 2.5]]> : tensor<2x2xf64>", "dense<3.5> : tensor<f64>",
    "dense<> : tensor<0x3xf64>", "dense<> : tensor<2x0xi32>", "dense<[true, false]> : tensor<2xi1>",
    "dense<[(1.0, -2.0), (0.0, 0x7FF0000000000000)]> : tensor<2xcomplex<f64>>", "dense<[-128, 127]> : tensor<2xi8>",
    "affine_map<() -> ()>", "affine_map<(d0, d1) -> (d1, 0, d0)>", "@kernel", "#linalg.iterator_type<reduction>",
    "#gpu<dim x>", "(f64) -> f64", "tensor<?xf64>", "dense<[1, 2]> : vector<2xi32>",
])
def test_attributes(text: str) -> None:
    assert attribute_text(parse_attribute(text)) == text


def test_unsigned_data_is_spelled_as_signed() -> None:
    dense = t.Dense(np.array([200, 1], np.uint8), t.TensorType((2,), t.i8))
    assert parse_attribute(str(dense)) == dense
    assert str(dense) == "dense<[-56, 1]> : tensor<2xi8>"


@given(st.floats(width=64))
def test_every_float_reads_back_bit_for_bit(value: float) -> None:
    attr = t.FloatAttr(value, t.f64)
    assert parse_attribute(str(attr)) == attr


@given(st.floats(width=32))
def test_every_single_reads_back_bit_for_bit(value: float) -> None:
    dense = t.Dense(np.array([value], np.float32), t.TensorType((1,), t.f32))
    assert parse_attribute(str(dense)) == dense


@given(st.text(max_size=8))
def test_every_string_reads_back(text: str) -> None:
    assert parse_attribute(attribute_text(text)) == text


# ---- what others write ----


def test_reads_mlir_opts_own_spelling() -> None:
    top = parse('''
        #map = affine_map<(d0) -> (d0)>
        "func.func"() <{sym_name = "f", function_type = (f64) -> f64}> ({
        ^bb0(%arg0: f64 loc("f.py":1:2)):  // a comment
          %0:2 = "test.two"(%arg0) {m = #map, predicate = 1 : i64} : (f64) -> (f64, f64) loc(unknown)
          %1 = "arith.addf"(%0#0, %0#1) : (f64, f64) -> f64 loc("g.py":5:6)
          "func.return"(%1) : (f64) -> () loc(#late)
        }) : () -> ()
        #late = loc("h.py":7:8)
        ''')
    (func,) = top.body.ops
    two, add, end = func.body.ops
    assert top.name == "builtin.module" and func.attrs["sym_name"] == "f"
    assert two.attrs["m"] == t.AffineMap(1, (0,))
    assert add.operands == two.results
    assert (two.location, add.location, end.location) == (None, ("g.py", 5, 6), ("h.py", 7, 8))


@pytest.mark.parametrize(("written", "read"), [
    ('dense<"0xDD0D"> : tensor<12xi1>', "dense<[true, false, true, true, true, false, true, true, true, false, true, true]> : tensor<12xi1>"),
    ('dense<"0xFF"> : tensor<12xi1>', "dense<" + str([True] * 12).lower() + "> : tensor<12xi1>"),
    ('dense<"0x0100000002000000"> : vector<2xi32>', "dense<[1, 2]> : vector<2xi32>"),
    ('dense<"0x000000000000F03F0000000000000040"> : tensor<1xcomplex<f64>>', "dense<[(1.0, 2.0)]> : tensor<1xcomplex<f64>>"),
    ("dense<(1.000000e+00,2.000000e+00)> : tensor<2xcomplex<f64>>", "dense<[(1.0, 2.0), (1.0, 2.0)]> : tensor<2xcomplex<f64>>"),
    ("dense<4.940660e-324> : vector<2xf64>", "dense<[5.0e-324, 5.0e-324]> : vector<2xf64>"),
    ("dense<> : tensor<0x3xf64>", "dense<> : tensor<0x3xf64>"), ("dense<[]> : tensor<0x3xf64>", "dense<> : tensor<0x3xf64>"),
    ("[1, 2.500000e+00, true, 3 : i8]", "[1 : i64, 2.5 : f64, true, 3 : i8]"), ("0x10 : i32", "16 : i32"),
    ('"\\C3\\A9\\22 x"', '"é\\" x"'), ('"\\FF"', '"\\FF"'), ('@"a b"', "@a b"), ("unit", "None"),
])
def test_reads_mlir_opts_constants(written: str, read: str) -> None:
    assert attribute_text(parse_attribute(written)) == read


@pytest.mark.parametrize(("written", "read"), [
    ("loc(unknown)", None), ('loc("f.py":3)', ("f.py", 3, 1)), ('loc("f.py":3:4 to 5:6)', ("f.py", 3, 4)),
    ('loc("f.py":3:4 to :6)', ("f.py", 3, 4)), ('loc("step"("f.py":3:4))', ("f.py", 3, 4)), ('loc("step")', None),
    ('loc(callsite("f.py":3:4 at "g.py":5:6))', ("f.py", 3, 4)), ('loc(callsite("step" at "g.py":5:6))', ("g.py", 5, 6)),
    ('loc(fused["step", "f.py":3:4, "g.py":5:6])', ("f.py", 3, 4)), ('loc(fused<{a = 1}>["f.py":3:4])', ("f.py", 3, 4)),
    ('loc(callsite(#here at #there))', ("here.py", 1, 2)), ("loc(#here)", ("here.py", 1, 2)),
])
def test_reads_locations_of_all_kinds(written: str, read: tuple[str, int, int] | None) -> None:
    aliases = '#here = loc("here.py":1:2)\n#there = loc("there.py":3:4)\n'
    top = parse(f'{aliases}"x.y"() : () -> () {written}\n"x.z"() : () -> () loc(#late)\n#late = {written}')
    assert [op.location for op in top.body.ops] == [read, read]


def test_what_upstreams_ops_have_by_default_is_not_kept() -> None:
    top = parse('''
        %0 = "arith.constant"() <{value = dense<2> : vector<2xi32>}> : () -> vector<2xi32>
        %1 = "arith.addi"(%0, %0) <{overflowFlags = #arith.overflow<none>}> : (vector<2xi32>, vector<2xi32>) -> vector<2xi32>
        %2 = "memref.alloca"() <{operandSegmentSizes = array<i32: 0, 0>}> : () -> memref<4xf64>
        %3 = "vector.load"(%2) <{nontemporal = false}> {name = "x"} : (memref<4xf64>) -> vector<2xf64>
        ''')
    assert [list(op.attrs) for op in top.body.ops] == [["value"], [], [], ["name"]]


def test_numbers_of_results() -> None:
    top = parse('%0:2 = "x.y"() : () -> (f64, f32)\n"x.z"(%0#1, %0#0, %0) : (f32, f64, f64) -> ()\n'
                '%a-b:1 = "x.y"() : () -> f64\n"x.z"(%a-b, %a-b#0) : (f64, f64) -> ()')
    two, user, one, last = top.body.ops
    assert user.operands == [two.results[1], two.results[0], two.results[0]] and last.operands == [one.result] * 2


def test_dense_splat() -> None:
    assert parse_attribute("dense<2> : tensor<2x2xi32>").data.tolist() == [[2, 2], [2, 2]]


# ---- errors ----


@pytest.mark.parametrize(("text", "place", "message"), [
    (function('  %a = "x.y"(%b) : (f64) -> f64'), "2:14", "%b is not defined before this op"),
    (function('  %ab = "x.y"() : () -> f64\n  %c = "x.y"(%ba) : (f64) -> f64'), "3:14", "did you mean %ab"),
    (function('  %a = "x.y"() : () -> f64\n  %a = "x.y"() : () -> f64'), "3:8", "%a is defined twice"),
    (function('  %a = "x.y"() : () -> f64\n  "x.z"(%a) : (f32) -> ()'), "3:9", "%a is f64 where it is defined and f32 here"),
    (function('  %a = "x.y"() : () -> ()'), "2:8", "'x.y' has 0 results by its type and 1 names"),
    (function('  %a = "x.y"() : () -> f64\n  "x.z"(%a) : () -> ()'), "3:3", "the type gives 0 operands, the op has 1"),
    (function('  "x.y"() {a = 1 : f63} : () -> ()'), "2:20", "there is no float type f63"),
    (function('  "x.y"() {a = 1 : i32, a = 2 : i32} : () -> ()'), "2:25", "the attribute 'a' is given twice"),
    (function('  "x.y"() {a = dense<[1, 2]> : tensor<3xi32>} : () -> ()'), "2:32", "2 elements in another shape"),
    (function('  "x.y"() {a = !what} : () -> ()'), "2:16", "expected an attribute, found '!'"),
    (function('  "x.y"()'), "3:1", "expected ':' and the type of 'x.y', found '}'"),
    (function('  x.y'), "2:3", "expected '}' after a region, found 'x.y'"),
    ('"x.y"() : () -> () loc(#loc7)', "1:24", "the alias #loc7 is not defined"),
    ('"x.y"(', "1:7", "expected ')' after the operands, found the end of the text"),
    ('%x', "1:3", "expected '=', found the end of the text"),
    ('"x.y"() {a = tensor<2xq5>} : () -> ()', "1:14", "'q5' is no element type"),
    ('"x.y"() {a = i7} : () -> ()', "1:14", "there is no integer type i7"),
    ('"x.y"() {a = 1 : f64} : () -> ()', "1:18", "has a point (1.0)"),
    ('"x.y"() {a = 300 : i8} : () -> ()', "1:20", "300 does not fit i8"),
    ('"x.y"() {a = dense<[300]> : tensor<1xi8>} : () -> ()', "1:29", "300 does not fit i8"),
    ('"x.y"() {a = dense<1.0> : tensor<99999999999xf64>} : () -> ()', "1:27", "a constant has at most"),
    ('"x.y"() {a = dense<[[]]> : tensor<99999999999x0xf64>} : () -> ()', "1:28", "0 elements in another shape"),
    ('"x.y"() {a = tensor<99999999999x99999999999xf64>} : () -> ()', "1:14", "at most 2**47 elements"),
    ('"x.y"() {a = vector<0xf64>} : () -> ()', "1:14", "known and positive"),
    ('"x.y"() {a = memref<2x2xf64, strided<[1], offset: ?>>} : () -> ()', "1:14", "a stride for each of its 2 axes"),
    ('"x.y"() {a = ' + "[" * 100 + "]" * 100 + "} : () -> ()", "1:79", "more than 64 levels inside each other"),
    ('"x.y"() ({' * 100, "1:651", "more than 64 levels"), ('"x.y"() : () -> ' + "(" * 100, "1:82", "more than 64 levels"),
    ('#a = 1\n#a = 2', "2:1", "the alias #a is defined twice"),
    ('"x.y"() : () -> () loc("f":1:99999999999)', "1:30", "a column is below 2**32"),
    ('%0:999999999 = "x.y"() : () -> f64', "1:4", "there are not 999999999 results"),
    ('module { }', "1:1", "expected an op in the generic form"),
])
def test_errors_say_where_and_what(text: str, place: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text, "case.mlir")
    assert str(caught.value).startswith(f"case.mlir:{place}: ")
    assert message in str(caught.value)


def test_an_error_shows_the_line() -> None:
    with pytest.raises(ParseError) as caught:
        parse('"a.b"() : () -> ()\n"c.d"(%x) : (f64) -> ()\n')
    assert str(caught.value) == ('<text>:2:7: %x is not defined before this op\n'
                                 '  "c.d"(%x) : (f64) -> ()\n'
                                 '        ^')


def test_a_broken_rule_is_an_error_of_its_line() -> None:
    text = function('  %a = "arith.constant"() {value = 1.0 : f64} : () -> f64\n'
                    '  %b = "arith.addi"(%a, %a) : (f64, f64) -> f64\n  "func.return"(%a) : (f64) -> ()')
    with pytest.raises(ParseError) as caught:
        parse_verified(text, "case.mlir")
    first, _, _, second, *_ = str(caught.value).splitlines()
    assert first.startswith("case.mlir:3:8: 'arith.addi': the result is f64; it must be an integer")
    assert second.startswith("case.mlir:1:1: 'func.func': func.return must give")


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ParseError, match="case.mlir:2: the text is not UTF-8"):
        read_module(b'"x.y"() : () -> ()\n\xff', "case.mlir")


def test_white_space_at_the_end_costs_nothing() -> None:
    assert parse('"x.y"() : () -> ()' + "\n" * 5000).body.ops[0].name == "x.y"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_text_never_ends_in_another_exception(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(PROGRAM) - 1))
    length = data.draw(st.integers(0, 12))
    put = data.draw(st.sampled_from(["", "(", "}", "%h", "f64", '"', "0x", "tensor<", "#loc1", "-", "[", "99999999999"]))
    with contextlib.suppress(ParseError):
        parse(PROGRAM[:start] + put + PROGRAM[start + length:])
