"""complex: arithmetic on pairs of floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import Op
from ..ops import COMMUTATIVE, LITERAL, Dialect, quiet
from ..reading.phrases import CALL
from ..rules.complex import check_parts, check_sides
from ..types import element, numpy_dtype

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

complex_ = Dialect("complex")

for _name, _numpy, _doc, _traits, _sign in [
    ("add", np.add, "sum", (COMMUTATIVE,), "+"), ("sub", np.subtract, "difference", (), "-"),
    ("mul", np.multiply, "product", (COMMUTATIVE,), "*"), ("div", np.divide, "quotient", (), "/"),
]:
    complex_.elementwise(_name, "lhs rhs", quiet(_numpy), _doc, _traits, f"{{lhs}} {_sign} {{rhs}}", same_types=True,
                         gives="complexes")

for _name, _unary, _doc in [
    ("neg", np.negative, "minus z"), ("exp", np.exp, "e**z"), ("log", np.log, "principal logarithm"),
    ("sqrt", np.sqrt, "root in the right half plane"), ("sin", np.sin, "sine"), ("cos", np.cos, "cosine"),
    ("tanh", np.tanh, "hyperbolic tangent"),
]:
    complex_.elementwise(_name, "z", quiet(_unary), _doc, reading="-{z}" if _name == "neg" else CALL, same_types=True,
                         gives="complexes")

complex_.elementwise("eq", "lhs:complexes rhs:complexes", np.equal, "both parts equal", reading="{lhs} == {rhs}",
                     gives="truths", verify=check_sides)
complex_.elementwise("neq", "lhs:complexes rhs:complexes", np.not_equal, "a part differs", reading="{lhs} != {rhs}",
                     gives="truths", verify=check_sides)
complex_.elementwise("re", "x:complexes", np.real, "real part", reading="real({x})", gives="floats",
                     verify=check_parts)
complex_.elementwise("im", "x:complexes", np.imag, "imaginary part", reading="imag({x})", gives="floats",
                     verify=check_parts)


def _create(op: Op, re: ArrayLike, im: ArrayLike) -> np.ndarray:
    value = np.empty(np.broadcast_shapes(np.shape(re), np.shape(im)),
                     numpy_dtype(element(op.result.type)))
    value.real, value.imag = re, im  # re + 1j * im would turn an infinite part into NaN
    return value


complex_.elementwise("create", "re:floats im:floats", _create, "a complex number of two floats", (LITERAL,),
                     reading="complex({re}, {im})", takes_op=True, gives="complexes", verify=check_parts)
