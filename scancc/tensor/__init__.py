"""The public namespace `T`: symbolic inputs, constants and all tensor functions.

`import scancc.tensor as T`. Names are the older systems', and NumPy's where those have none.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from scancc.frontend.graph.constants import as_tensor_variable, constant
from scancc.frontend.graph.dims import dimshuffle
from scancc.frontend.graph.variables import DTYPES, Constant, TensorType, Variable
from scancc.frontend.ops import operators as _operators  # noqa: F401 - the operators of variables
from scancc.frontend.ops.axes import (
    expand_dims,
    flatten,
    moveaxis,
    reshape,
    shape_padaxis,
    shape_padleft,
    shape_padright,
    squeeze,
    swapaxes,
    transpose,
)
from scancc.frontend.ops.choosing import switch
from scancc.frontend.ops.control import ifelse
from scancc.frontend.ops.diagonals import diag, diagonal, eye, identity_like, trace, tri, tril, triu
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.indexing import compress, extract, inc_subtensor, nonzero_values, set_subtensor, take
from scancc.frontend.ops.joining import concatenate, flip, join, roll, split, stack
from scancc.frontend.ops.lengths import addbroadcast, patternbroadcast, shape, size, specify_shape, unbroadcast
from scancc.frontend.ops.linalg import det, matrix_inverse
from scancc.frontend.ops.log_sums import log_softmax, logaddexp, logsumexp, softmax
from scancc.frontend.ops.making import (
    alloc,
    arange,
    broadcast_to,
    empty,
    empty_like,
    fill,
    full,
    full_like,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from scancc.frontend.ops.masks import argwhere, flatnonzero, nonzero
from scancc.frontend.ops.norms import norm
from scancc.frontend.ops.ordering import argsort, cumprod, cumsum, sort
from scancc.frontend.ops.products import (
    batched_dot,
    batched_tensordot,
    dot,
    kron,
    matmul,
    matrix_dot,
    outer,
    tensordot,
)
from scancc.frontend.ops.reduction import (
    all,
    any,
    argmax,
    argmin,
    max,
    max_and_argmax,
    mean,
    min,
    prod,
    ptp,
    std,
    sum,
    var,
)
from scancc.frontend.ops.repeating import repeat, tile
from scancc.frontend.ops.scalars import (
    abs_,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    bitwise_and,
    bitwise_count,
    bitwise_or,
    bitwise_xor,
    cbrt,
    ceil,
    clip,
    conj,
    copysign,
    cos,
    cosh,
    digamma,
    eq,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    floor_div,
    gammaln,
    ge,
    gt,
    hypot,
    imag,
    invert,
    isfinite,
    isinf,
    isnan,
    le,
    left_shift,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    make_complex,
    maximum,
    minimum,
    mod,
    mul,
    neg,
    neq,
    power,
    real,
    reciprocal,
    right_shift,
    round_half_away_from_zero,
    round_half_to_even,
    sgn,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqr,
    sqrt,
    sub,
    tan,
    tanh,
    trigamma,
    true_div,
    trunc,
)
from scancc.other_names import OF_TENSORS, missing_from
from scancc.spelling import check_keywords_of
from scancc.tensor import extra_ops, linalg, nlinalg, nnet, opt, prefixed, signal, slinalg, special
from scancc.tensor.composed import (
    allclose,
    angle,
    assert_,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    complex_from_polar,
    deg2rad,
    diff,
    fill_diagonal,
    gamma,
    geomspace,
    horizontal_stack,
    hstack,
    inner,
    iround,
    isclose,
    largest,
    linspace,
    log1mexp,
    logit,
    logspace,
    nan_to_num,
    rad2deg,
    round,
    second,
    smallest,
    stacklists,
    to_one_hot,
    vertical_stack,
    vstack,
    where,
)
from scancc.tensor.constructors import (
    col,
    cols,
    matrices,
    matrix,
    row,
    rows,
    scalar,
    scalars,
    tensor,
    tensor3,
    tensor3s,
    tensor4,
    tensor4s,
    tensor5,
    tensor5s,
    vector,
    vectors,
)
from scancc.tensor.einstein import einsum
from scancc.tensor.examples import attach as _attach
from scancc.tensor.iterated import gammainc, gammaincc, searchsorted
from scancc.tensor.prefixed import *  # noqa: F403
from scancc.tensor.statistics import bincount, choose, median, percentile, quantile

# Written out, for type checkers.
__all__ = [
    "Constant", "TensorConstant", "TensorType", "TensorVariable", "Variable", "abs", "abs_", "add", "addbroadcast",
    "all", "all_dtypes", "allclose", "alloc", "alloc_diag", "and_", "angle", "any", "arange", "arccos", "arccosh",
    "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort", "argwhere", "as_tensor",
    "as_tensor_variable", "assert_", "atleast_1d", "atleast_2d", "atleast_3d", "batched_dot", "batched_tensordot",
    "bincount", "bitwise_and", "bitwise_count", "bitwise_not", "bitwise_or", "bitwise_xor", "broadcast_to", "cast",
    "cbrt", "ceil",
    "cholesky", "choose", "clip", "col", "cols", "complex", "complex_dtypes", "complex_from_polar", "compress",
    "concatenate", "conj", "constant", "continuous_dtypes", "copysign", "cos", "cosh", "cumprod", "cumsum",
    "deg2rad", "det", "diag", "diagonal", "diff", "digamma", "dimshuffle", "discrete_dtypes", "divide", "dot",
    "einsum", "empty", "empty_like", "eq", "equal", "erf", "erfc", "exp", "exp2", "expand_dims", "expit", "expm1",
    "extra_ops", "extract", "extract_diag", "eye", "fill", "fill_diagonal", "flatnonzero", "flatten", "flip",
    "float_dtypes", "floor", "floor_div", "floor_divide", "full", "full_like", "gamma", "gammainc", "gammaincc",
    "gammaln", "ge", "geomspace", "greater", "greater_equal", "gt", "horizontal_stack", "hstack", "hypot",
    "identity_like", "ifelse", "imag", "inc_subtensor", "inner", "int_div", "inv", "invert", "invert_", "iround",
    "isclose", "isfinite", "isinf", "isnan", "join", "kron", "largest", "le", "left_shift", "less", "less_equal",
    "linalg", "linspace", "log", "log1mexp", "log1p", "log1pexp", "log2", "log10", "log_softmax", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logspace", "logsumexp", "lt",
    "make_complex", "matmul", "matrices", "matrix", "matrix_dot", "matrix_inverse", "max", "max_and_argmax",
    "maximum", "mean", "median", "min", "minimum", "mod", "moveaxis", "mul", "multiply", "nan_to_num", "neg",
    "negative", "neq", "nlinalg", "nnet", "nonzero", "nonzero_values", "norm", "not_equal", "ones", "ones_like",
    "opt", "or_", "outer", "patternbroadcast", "percentile", "pow", "power", "prod", "psi", "ptp", "quantile",
    "rad2deg", "ravel", "real", "reciprocal", "repeat", "reshape", "right_shift", "roll", "round",
    "round_half_away_from_zero", "round_half_to_even", "row", "rows", "scalar", "scalars", "searchsorted", "second",
    "set_subtensor", "sgn", "shape", "shape_padaxis", "shape_padleft", "shape_padright", "sigmoid", "sign",
    "signal", "sin", "sinh", "size", "slinalg", "slogdet", "smallest", "softmax", "softplus", "solve", "sort",
    "special", "specify_shape", "split", "sqr", "sqrt", "square", "squeeze", "stack", "stacklists", "std", "sub",
    "subtract", "sum", "swapaxes", "switch", "take", "tan", "tanh", "tensor", "tensor3", "tensor3s", "tensor4",
    "tensor4s", "tensor5", "tensor5s", "tensordot", "tile", "to_one_hot", "trace", "transpose", "tri", "tri_gamma",
    "trigamma", "tril", "triu", "true_div", "trunc", "unbroadcast", "var", "vector", "vectors", "vertical_stack",
    "vstack", "where", "xor", "zeros", "zeros_like",
]
__all__ += prefixed.__all__
if TYPE_CHECKING:  # for type checkers, what `_LATER` and `_LATER_MODULES` say
    from scancc.frontend import random
    from scancc.frontend import random as shared_randomstreams
    from scancc.frontend.gradients import (
        Lop,
        Rop,
        consider_constant,
        disconnected_grad,
        grad,
        hessian,
        jacobian,
        verify_grad,
    )

    __all__ += [
        "Lop", "Rop", "consider_constant", "disconnected_grad", "grad", "hessian", "jacobian", "random",
        "shared_randomstreams", "verify_grad",
    ]

# The dtypes of tensors, by kind.
discrete_dtypes = tuple(d for d in sorted(DTYPES) if d.startswith(("bool", "int", "uint")))
float_dtypes = tuple(d for d in sorted(DTYPES) if d.startswith("float"))
complex_dtypes = tuple(d for d in sorted(DTYPES) if d.startswith("complex"))
continuous_dtypes = float_dtypes + complex_dtypes
all_dtypes = discrete_dtypes + continuous_dtypes

# Other names for the same functions.
abs = abs_
pow = power
bitwise_not, floor_divide, log1pexp = invert, floor_div, softplus
cholesky, solve, slogdet = slinalg.cholesky, slinalg.solve, nlinalg.slogdet
sign, square, divide, subtract, multiply, negative = sgn, sqr, true_div, sub, mul, neg
int_div, inv = floor_div, reciprocal
and_, or_, xor, invert_ = bitwise_and, bitwise_or, bitwise_xor, invert
as_tensor, ravel, expit = as_tensor_variable, flatten, sigmoid
psi, tri_gamma, complex = digamma, trigamma, make_complex
equal, not_equal, less, less_equal, greater, greater_equal = eq, neq, lt, le, gt, ge
extract_diag = alloc_diag = diag
TensorVariable, TensorConstant = Variable, Constant

# Found when first asked for: they rest on scan, which rests on this namespace's functions.
_LATER = dict.fromkeys(
    ("grad", "Rop", "Lop", "jacobian", "hessian", "verify_grad", "consider_constant", "disconnected_grad"),
    "scancc.frontend.gradients",
)
_LATER_MODULES = {"shared_randomstreams": "scancc.frontend.random", "random": "scancc.frontend.random"}


if not TYPE_CHECKING:  # so that a type checker knows a name that is not there
    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        if name in _LATER_MODULES:
            return import_module(_LATER_MODULES[name])
        return _missing(name)


def __dir__() -> list[str]:
    """The public names, those that are loaded later among them."""
    return sorted({*__all__, *_LATER, *_LATER_MODULES} | {name for name in globals() if name.startswith("__")})


def _close(module: ModuleType, shown: str) -> None:
    """Of `T.nnet` and the like, too, show what `__all__` names; another name is an error that says what was meant."""
    names: list[str] = module.__all__
    check_keywords_of(vars(module), names)
    missing = missing_from(f"module {module.__name__!r}", shown, lambda: names, OF_TENSORS)
    vars(module).update(__dir__=lambda: names, __getattr__=missing)


_missing = missing_from("module 'scancc.tensor'", "T.", __dir__, OF_TENSORS)
check_keywords_of(globals(), __all__)
for _module in (extra_ops, linalg, nlinalg, nnet, opt, signal, slinalg, special):
    _close(_module, f"T.{_module.__name__.rpartition('.')[2]}.")
_attach({"": sys.modules[__name__], "nnet": nnet, "signal": signal, "linalg": linalg, "slinalg": slinalg, "opt": opt})
