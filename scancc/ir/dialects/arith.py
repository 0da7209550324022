"""arith: integer and float arithmetic, comparison, choice and conversion."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..casts import converted
from ..core import Op
from ..ops import COMMUTATIVE, NO_SPECULATION, PURE, Dialect
from ..types import element, i1, numpy_dtype

arith = Dialect("arith")

CMPF = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule",
        "une", "uno", "true")
CMPI = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
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


for _name, _numpy, _doc, _traits in [
    ("addf", np.add, "sum", (COMMUTATIVE,)),
    ("subf", np.subtract, "difference", ()),
    ("mulf", np.multiply, "product", (COMMUTATIVE,)),
    ("divf", np.divide, "quotient", ()),
    ("remf", np.fmod, "remainder with the sign of the dividend (C's fmod)", ()),
    ("maximumf", np.maximum, "larger; NaN if either is; of 0.0 and -0.0 the second", ()),
    ("minimumf", np.minimum, "smaller; NaN if either is; of 0.0 and -0.0 the second", ()),
    ("addi", _of_bits(np.add, np.not_equal), "sum modulo 2**width", (COMMUTATIVE,)),
    ("subi", _of_bits(np.subtract, np.not_equal), "difference modulo 2**width", ()),
    ("muli", np.multiply, "product modulo 2**width", (COMMUTATIVE,)),
    ("divsi", _trunc_div, "signed quotient toward zero", (NO_SPECULATION,)),
    ("divui", _unsigned_call(np.floor_divide), "unsigned quotient", (NO_SPECULATION,)),
    ("remsi", np.fmod, "signed remainder with the sign of the dividend", (NO_SPECULATION,)),
    ("remui", _unsigned_call(np.remainder), "unsigned remainder", (NO_SPECULATION,)),
    ("floordivsi", np.floor_divide, "signed quotient toward -inf", (NO_SPECULATION,)),
    ("andi", np.bitwise_and, "bitwise and", (COMMUTATIVE,)),
    ("ori", np.bitwise_or, "bitwise or", (COMMUTATIVE,)),
    ("xori", np.bitwise_xor, "bitwise exclusive or", (COMMUTATIVE,)),
    ("shli", np.left_shift, "shift left", ()),
    ("shrsi", np.right_shift, "arithmetic shift right", ()),
    ("shrui", _unsigned_call(np.right_shift), "logical shift right", ()),
    ("maxsi", _of_bits(np.maximum, np.logical_and), "larger, signed", (COMMUTATIVE,)),
    ("minsi", _of_bits(np.minimum, np.logical_or), "smaller, signed", (COMMUTATIVE,)),
    ("maxui", _unsigned_call(np.maximum), "larger, unsigned", (COMMUTATIVE,)),
    ("minui", _unsigned_call(np.minimum), "smaller, unsigned", (COMMUTATIVE,)),
]:
    arith.elementwise(_name, "lhs rhs", _numpy, _doc, _traits, same_types=True)

arith.elementwise("negf", "x", np.negative, "minus x, also of zeros and NaN", same_types=True)


def _check_compare(names: tuple[str, ...]) -> Any:
    def verify(op: Op) -> str | None:
        if not 0 <= op.attrs["predicate"].value < len(names):
            return f"predicate must be 0 to {len(names) - 1}"
        if op.operands[0].type != op.operands[1].type:
            return "both sides must have one type"
        return None if element(op.result.type) == i1 else "the result must be i1"
    return verify


arith.elementwise("cmpf", "lhs rhs", compare_float, "comparison of floats; u... is true on NaN",
                  attrs=("predicate",), takes_op=True, verify=_check_compare(CMPF))
arith.elementwise("cmpi", "lhs rhs", compare_int, "comparison of integers", attrs=("predicate",),
                  takes_op=True, verify=_check_compare(CMPI))
arith.elementwise("select", "condition true_value false_value", np.where, "true_value where condition")


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


for _name, _doc in [
    ("extf", "to a wider float"), ("truncf", "to a narrower float"),
    ("extsi", "to a wider integer, signed"), ("extui", "to a wider integer, unsigned"),
    ("trunci", "to a narrower integer: the low bits"), ("sitofp", "signed integer to float"),
    ("uitofp", "unsigned integer to float"), ("fptosi", "float to the nearest signed integer toward zero; NaN to 0"),
    ("fptoui", "float to the nearest unsigned integer toward zero; NaN to 0"),
    ("index_cast", "between index and integers"), ("bitcast", "the same bits"),
]:
    arith.elementwise(_name, "x", cast, _doc, takes_op=True)

arith.define("constant", traits=(PURE,), attrs=("value",), doc="a value known at compile time")
