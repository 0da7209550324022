"""The public namespace `T`: symbolic inputs, constants and all tensor functions.

`import scancc.tensor as T`. Names are the older systems', and NumPy's where those have none.
"""

# ruff: noqa: F401 - every name here is public: `__all__` is made below

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from scancc.frontend.graph.constants import as_tensor_variable, constant
from scancc.frontend.graph.dims import dimshuffle
from scancc.frontend.graph.variables import DTYPES, Constant, TensorType, Variable
from scancc.frontend.ops import operators as _operators
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
from scancc.tensor import extra_ops, linalg, nlinalg, nnet, opt, signal, slinalg, special
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
_OURS = ("annotations", "sys", "import_module", "Any", "ModuleType", "check_keywords_of", "missing_from",
         "OF_TENSORS", "composed", "constructors", "einstein", "examples", "iterated", "numpy_functions",
         "numpy_protocol", "prefixed", "statistics", "DTYPES")
__all__ = [name for name in dir() if not name.startswith("_") and name not in _OURS]
check_keywords_of(globals(), __all__)
for _module in (extra_ops, linalg, nlinalg, nnet, opt, signal, slinalg, special):
    _close(_module, f"T.{_module.__name__.rpartition('.')[2]}.")
_attach({"": sys.modules[__name__], "nnet": nnet, "signal": signal, "linalg": linalg, "slinalg": slinalg, "opt": opt})
