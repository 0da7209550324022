"""Each rule of the verifier, broken once; and the message, which is the dump."""

# ruff: noqa: E501  (IR text is wide)
from __future__ import annotations

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
    ('%a = "arith.sitofp"(%v) : (tensor<?xf64>) -> f64', "an elementwise op works on"),
    ('%a = "tensor.insert_slice"(%v, %v) : (tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>',
     "operandSegmentSizes must give the length of each operand group"),
    (SCAN.replace("1, 0, 1, 0, 0", "1, 0, 1"), "must have 5 entries with the sum 2"),
    (SCAN.replace("1, 0, 1, 0, 0", "0, 1, 1, 0, 0"), "the operand group 'length' has 0 operands"),
    (SCAN.replace('"scan.yield"(%h) : (f64)', '"scan.yield"(%h, %h) : (f64, f64)'), "scan.yield must give"),
    (SCAN.replace("depths = [1 : i64], ", ""), "scan.scan: the attribute 'depths' is missing"),
    (SCAN.replace("depths = [1 : i64]", "depths = 1 : i64"), "its declared check could not read it (TypeError"),
    (SCAN.replace('"scan.yield"(%h) : (f64) -> ()', '%e = "math.exp"(%h) : (f64) -> f64'),
     "math.exp: the last op of a block must be a terminator"),
    (SCAN.replace('"scan.yield"(%h) : (f64) -> ()', ""), "scan.scan: its block is empty"),
    ('"func.return"() : () -> ()', "func.return: a terminator must be the last op of its block"),
    ('"scf.if"(%x) ({\n^bb0:\n^bb1:\n}, {\n}) : (f64) -> ()', "scf.if: a region has one block"),
])
def test_each_rule(body: str, expected: str) -> None:
    found = messages(function(body))
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
