"""arith: integer and float arithmetic, comparison, choice and conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scancc.casts import converted

from ..core import Op
from ..ops import COMMUTATIVE, LITERAL, NO_SPECULATION, PURE, Dialect, Reading
from ..reading.phrases import NOT, UNARY, Phrase
from ..reading.text import constant_text
from ..rules.arith import check_bits, check_compare, check_index_cast, check_select, check_width
from ..types import element, i1, index, numpy_dtype

if TYPE_CHECKING:
    from ..reading.reader import Reader

arith = Dialect("arith")

CMPF = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule",
        "une", "uno", "true")
CMPI = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
OPPOSITE_CMPI = {"eq": "ne", "slt": "sge", "sle": "sgt", "ult": "uge", "ule": "ugt"}  # what holds where one does not
OPPOSITE_CMPI |= {b: a for a, b in OPPOSITE_CMPI.items()}
_COMPARE: dict[str, Any] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}


def unsigned(x: Any) -> Any:
    """The same bits, read as an unsigned integer."""
    x = np.asarray(x)
    return x if x.dtype.kind == "b" else x.view(x.dtype.str.replace("i", "u"))


def signed(x: Any) -> Any:
    """Integers as they are; a truth value as one signed bit: true is -1."""
    x = np.asarray(x)
    return -x.astype(np.int8) if x.dtype == np.bool_ else x


def compare_float(op: Op, a: Any, b: Any) -> Any:
    predicate = CMPF[op.attrs["predicate"].value]
    nan = np.isnan(a) | np.isnan(b)
    if predicate in ("ord", "uno"):
        return nan if predicate == "uno" else ~nan
    if predicate in ("true", "false"):
        return np.full(np.shape(a), predicate == "true")
    result = _COMPARE[predicate[1:]](a, b)
    return (result & ~nan) if predicate[0] == "o" else (result | nan)


def compare_int(op: Op, a: Any, b: Any) -> Any:
    predicate = CMPI[op.attrs["predicate"].value]
    if predicate in ("eq", "ne"):
        return _COMPARE[predicate](a, b)
    read = unsigned if predicate[0] == "u" else signed
    a, b = read(a), read(b)
    return _COMPARE[predicate[1:]](a, b)


def _trunc_div(a: Any, b: Any) -> Any:
    quotient = np.floor_divide(a, b)
    return quotient + ((np.remainder(a, b) != 0) & ((np.asarray(a) < 0) != (np.asarray(b) < 0)))


def _unsigned_call(function: Any) -> Any:
    return lambda a, b: function(unsigned(a), unsigned(b)).view(np.asarray(a).dtype)


def _of_bits(function: Any, on_truth: Any) -> Any:
    """`function`, but `on_truth` for i1, where NumPy's truth values do not wrap modulo 2."""
    return lambda a, b: (on_truth if np.asarray(a).dtype == np.bool_ else function)(a, b)


def _of_truth(word: str, sign: str) -> Reading:
    """A word between truth values, a sign between integers; `not x` is written as x xor true."""
    def read(op: Op, r: Reader) -> Phrase:
        if element(op.result.type) != i1:
            return r.fill(op, f"{{lhs}} {sign} {{rhs}}")
        negates = word == "xor" and r.number(op.operands[1]) == 1
        return r.fill(op, "not {lhs}" if negates else f"{{lhs}} {word} {{rhs}}")
    return read


def _read_addi(op: Op, r: Reader) -> Phrase:
    """An index and a number, such as the next counter, has the name of both: `%i_1 = %i + 1`."""
    if op.result.type == index and r.number(op.operands[1]) is not None:
        r.suggest(op.result, *op.operands)
    return r.fill(op, "{lhs} + {rhs}")


for _name, _numpy, _doc, _traits, _reading in [
    ("addf", np.add, "sum", (COMMUTATIVE,), "{lhs} + {rhs}"),
    ("subf", np.subtract, "difference", (), "{lhs} - {rhs}"),
    ("mulf", np.multiply, "product", (COMMUTATIVE,), "{lhs} * {rhs}"),
    ("divf", np.divide, "quotient", (), "{lhs} / {rhs}"),
    ("remf", np.fmod, "remainder with the sign of the dividend (C's fmod)", (), "fmod({operands})"),
    ("maximumf", np.maximum, "larger; NaN if either is; of 0.0 and -0.0 the second", (), "max({operands})"),
    ("minimumf", np.minimum, "smaller; NaN if either is; of 0.0 and -0.0 the second", (), "min({operands})"),
    ("addi", _of_bits(np.add, np.not_equal), "sum modulo 2**width", (COMMUTATIVE,), _read_addi),
    ("subi", _of_bits(np.subtract, np.not_equal), "difference modulo 2**width", (), "{lhs} - {rhs}"),
    ("muli", np.multiply, "product modulo 2**width", (COMMUTATIVE,), "{lhs} * {rhs}"),
    ("divsi", _trunc_div, "signed quotient toward zero", (NO_SPECULATION,), "div({operands})"),
    ("divui", _unsigned_call(np.floor_divide), "unsigned quotient", (NO_SPECULATION,), "udiv({operands})"),
    ("remsi", np.fmod, "signed remainder with the sign of the dividend", (NO_SPECULATION,), "rem({operands})"),
    ("remui", _unsigned_call(np.remainder), "unsigned remainder", (NO_SPECULATION,), "urem({operands})"),
    ("floordivsi", np.floor_divide, "signed quotient toward -inf", (NO_SPECULATION,), "{lhs} // {rhs}"),
    ("andi", np.bitwise_and, "bitwise and", (COMMUTATIVE,), _of_truth("and", "&")),
    ("ori", np.bitwise_or, "bitwise or", (COMMUTATIVE,), _of_truth("or", "|")),
    ("xori", np.bitwise_xor, "bitwise exclusive or", (COMMUTATIVE,), _of_truth("xor", "^")),
    ("shli", np.left_shift, "shift left", (), "{lhs} << {rhs}"),
    ("shrsi", np.right_shift, "arithmetic shift right", (), "{lhs} >> {rhs}"),
    ("shrui", _unsigned_call(np.right_shift), "logical shift right", (), "{lhs} >>> {rhs}"),
    ("maxsi", np.maximum, "larger, signed; of truth values true is the larger", (COMMUTATIVE,), "max({operands})"),
    ("minsi", np.minimum, "smaller, signed; of truth values false is the smaller", (COMMUTATIVE,), "min({operands})"),
    ("maxui", _unsigned_call(np.maximum), "larger, unsigned", (COMMUTATIVE,), "umax({operands})"),
    ("minui", _unsigned_call(np.minimum), "smaller, unsigned", (COMMUTATIVE,), "umin({operands})"),
]:
    arith.elementwise(_name, "lhs rhs", _numpy, _doc, _traits, _reading, same_types=True,  # type: ignore[arg-type]
                      gives="floats" if _name.endswith("f") else "integers")

arith.elementwise("negf", "x", np.negative, "minus x, also of zeros and NaN", reading="-{x}", same_types=True,
                  gives="floats")


_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "one": "<>"}
_OPPOSITES = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "one"}


def _read_cmpf(op: Op, r: Reader) -> Phrase:
    """A comparison that holds on NaN is the opposite of one that does not; `<>` is less or greater."""
    r.mention("predicate")
    name = CMPF[op.attrs["predicate"].value]
    if name in ("ord", "uno", "true", "false"):
        word = {"ord": "ordered", "uno": "unordered"}.get(name, name)
        alone = name == "uno" and op.operands[0] is op.operands[1]
        return r.fill(op, "isnan({lhs})" if alone else f"{word}({{operands}})")
    if name[0] == "u" and name != "une":
        opposite = r.fill(op, f"{{lhs}} {_SIGNS[_OPPOSITES[name[1:]]]} {{rhs}}")
        return Phrase(f"not {opposite.text}", NOT)
    return r.fill(op, f"{{lhs}} {_SIGNS['one' if name == 'one' else name[1:]]} {{rhs}}")


def _read_cmpi(op: Op, r: Reader) -> Phrase:
    r.mention("predicate")
    name = CMPI[op.attrs["predicate"].value]
    mark = "u" if name[0] == "u" else ""
    return r.fill(op, f"{{lhs}} {_SIGNS[name[-2:]]}{mark} {{rhs}}")


arith.elementwise("cmpf", "lhs:floats rhs:floats", compare_float, "comparison of floats; u... is true on NaN",
                  attrs=("predicate:int",), takes_op=True, gives="truths", verify=check_compare(CMPF),
                  reading=_read_cmpf)
arith.elementwise("cmpi", "lhs:integers rhs:integers", compare_int, "comparison of integers",
                  attrs=("predicate:int",), takes_op=True, gives="truths", verify=check_compare(CMPI),
                  reading=_read_cmpi)
arith.elementwise("select", "condition:truths true_value:numbers false_value:numbers", np.where,
                  "true_value where condition", verify=check_select,
                  reading="{true_value} if {condition} else {false_value}")


def cast(op: Op, x: Any) -> Any:
    """Conversions by NumPy's rule for the pair of types; unsigned sources are read as such."""
    target = numpy_dtype(element(op.result.type))
    x = np.asarray(x)
    if op.name in ("arith.extui", "arith.uitofp"):
        x = unsigned(x)
    if op.name in ("arith.trunci", "arith.index_cast") and target == np.bool_:
        return (x & 1).astype(np.bool_)
    if op.name in ("arith.extsi", "arith.sitofp", "arith.index_cast"):
        x = signed(x)
    if op.name == "arith.bitcast":
        return x.view(target)
    if op.name == "arith.fptoui":
        return converted(x, f"u{target.itemsize}").view(target)
    return converted(x, target)


_AS = "{element}({x})"


def _read_extended(unsigned: bool) -> Reading:
    """A truth value is 0 or 1, an integer signed, unless it is said."""
    def read(op: Op, r: Reader) -> Phrase:
        usual = unsigned == (element(op.operands[0].type) == i1)
        return r.fill(op, _AS if usual else f"{{element}}({'un' * unsigned}signed {{x}})")
    return read


_OF_SIGNED, _OF_UNSIGNED = _read_extended(False), _read_extended(True)
for _name, _from, _to, _doc, _reading, _verify in [
    ("extf", "floats", "floats", "to a wider float", _AS, check_width),
    ("truncf", "floats", "floats", "to a narrower float", _AS, check_width),
    ("extsi", "words", "words", "to a wider integer, signed", _OF_SIGNED, check_width),
    ("extui", "words", "words", "to a wider integer, unsigned", _OF_UNSIGNED, check_width),
    ("trunci", "words", "words", "to a narrower integer: the low bits", _AS, check_width),
    ("sitofp", "words", "floats", "signed integer to float", _OF_SIGNED, None),
    ("uitofp", "words", "floats", "unsigned integer to float", _OF_UNSIGNED, None),
    ("fptosi", "floats", "words", "float to the nearest signed integer toward zero; NaN to 0", _AS, None),
    ("fptoui", "floats", "words", "float to the nearest unsigned integer toward zero; NaN to 0", "u{element}({x})",
     None),
    ("index_cast", "integers", "integers", "between index and integers", _AS, check_index_cast),
    ("bitcast", "numbers", "numbers", "the same bits", "{element}_of_bits({x})", check_bits),
]:
    arith.elementwise(_name, f"x:{_from}", cast, _doc, reading=_reading, hint="{x}", takes_op=True, gives=_to,
                      verify=_verify)


def _read_constant(op: Op, r: Reader) -> Phrase:
    r.mention("value")
    text = constant_text(op.attrs["value"])
    return Phrase(text, UNARY) if text.startswith("-") else Phrase(text)


arith.define("constant", traits=(PURE, LITERAL), attrs=("value:constant",), reading=_read_constant,
             doc="a value known at compile time")
