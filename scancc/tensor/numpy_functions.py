"""Which function of `T` means the same as a function of NumPy, and what to write for the others.

A line of the table: NumPy's name, our function, and NumPy's parameters in their order: those before the
semicolon are passed on by position, those after it by keyword. One marked `-` ours does not have: it is accepted
where it asks for nothing and refused otherwise; one marked `~` changes no result and is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import reduce
from typing import Any

import numpy as np

import scancc.tensor as T
from scancc.frontend.graph.constants import as_operand, kind
from scancc.frontend.graph.dims import dim, dims, normalize_axis
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.variables import Variable, user_location
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Mapped:
    """A function of ours beside the parameters that NumPy's has."""

    title: str
    ours: Callable[..., Any]
    leading: tuple[str, ...] = ()
    honoured: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)


_RENAMED = {"newshape": "shape", "correction": "ddof"}  # of other NumPy versions


def _mapped(ours: Callable[..., Any], parameters: str, title: str = "") -> Mapped:
    first, _, rest = parameters.partition(";")
    leading, others = tuple(first.split()), rest.split()
    return Mapped(
        title or f"T.{ours.__name__}", ours, leading,
        frozenset(p for p in others if p[0] not in "-~"), frozenset(p[1:] for p in others if p[0] == "~"),
        (*leading, *(p.lstrip("-~") for p in others)), _RENAMED,
    )


def _error(name: str, fact: str, remedy: str) -> TypeError:
    return TypeError(Site(None, user_location(), f"np.{name}").text(fact, remedy))


# ---- functions whose NumPy form differs from ours ----------------------------------------------------------


def _ptp(x: object, axis: Any = None, keepdims: bool = False) -> Variable:
    return T.sub(T.max(x, axis, keepdims), T.min(x, axis, keepdims))


def _count_nonzero(x: object, axis: Any = None, keepdims: bool = False) -> Variable:
    return T.sum(T.neq(x, 0), axis, keepdims=keepdims)


def _vdot(a: object, b: object) -> Variable:
    return T.dot(T.conj(_flat(a)), _flat(b))


def _flat(x: object) -> Variable:
    return T.flatten(T.as_tensor_variable(x))


def _kron(a: object, b: object) -> Variable:
    x, y = T.as_tensor_variable(a), T.as_tensor_variable(b)
    return _flat(T.outer(x, y)) if x.ndim == y.ndim == 1 else T.kron(x, y)


def _vector_norm(x: object, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Variable:
    """Of vectors along `axis`, or of all elements."""
    var = T.as_tensor_variable(x)
    if axis is not None:
        return T.linalg.norm(var, ord, axis, keepdims)
    whole = T.linalg.norm(_flat(var), ord)
    return T.shape_padleft(whole, var.ndim) if keepdims else whole


def _matrix_norm(x: object, keepdims: bool = False, ord: Any = "fro") -> Variable:
    return T.linalg.norm(x, ord, (-2, -1), keepdims)


def _cholesky(a: object, upper: bool = False) -> Variable:
    return T.cholesky(a, lower=not upper)


def _trace_of_last(x: object, offset: int = 0) -> Variable:
    return T.trace(x, offset, -2, -1)


def _diagonal_of_last(x: object, offset: int = 0) -> Variable:
    return T.diagonal(x, offset, -2, -1)


def _transpose_last(x: object) -> Variable:
    return T.swapaxes(x, -1, -2)


def _transpose(x: object, axes: Any = None) -> Variable:
    return T.transpose(x, axes)


def _squeeze(x: object, axis: Any = None) -> Variable:
    """Without `axis`, which axes NumPy would drop must be known."""
    var = T.as_tensor_variable(x)
    if axis is None and None in var.type.shape:
        raise _error("squeeze", f"of {var.type}, which axes have length 1 is known only when it runs",
                     "say which: T.squeeze(x, axis=...)")
    return T.squeeze(var, axis)


def _concatenate(arrays: Sequence[object], axis: Any = 0) -> Variable:
    parts = list(arrays)
    return T.concatenate([_flat(v) for v in parts] if axis is None else parts, axis or 0)


def _append(arr: object, values: object, axis: Any = None) -> Variable:
    return _concatenate([arr, values], axis)


def _stack(arrays: Sequence[object], axis: int = 0) -> Variable:
    return T.stack(list(arrays), axis=axis)


def _column_stack(tup: Sequence[object]) -> Variable:
    parts = [T.as_tensor_variable(v) for v in tup]
    return T.concatenate([T.shape_padright(v) if v.ndim == 1 else v for v in parts], 1)


def _dstack(tup: Sequence[object]) -> Variable:
    return T.concatenate([T.atleast_3d(v) for v in tup], 2)


def _split(ary: object, indices_or_sections: Any, axis: int = 0) -> list[Variable]:
    """A number of equal parts, or parts that start and end at the given places."""
    var = T.as_tensor_variable(ary)
    place = normalize_axis(axis, var.ndim, "split")
    if isinstance(indices_or_sections, (int, np.integer)):
        parts = int(indices_or_sections)
        return T.split(var, [dim(var, place) // parts] * parts, parts, place)
    if isinstance(indices_or_sections, Variable):
        raise _error("split", "the number of parts is known only when it runs", "T.split(x, sizes, n_splits, axis)")
    bounds = [None, *indices_or_sections, None]
    before = (slice(None),) * place
    return [var[(*before, slice(a, b))] for a, b in zip(bounds, bounds[1:], strict=False)]


def _hsplit(ary: object, indices_or_sections: Any) -> list[Variable]:
    return _split(ary, indices_or_sections, 1 if T.as_tensor_variable(ary).ndim > 1 else 0)


def _vsplit(ary: object, indices_or_sections: Any) -> list[Variable]:
    return _split(ary, indices_or_sections, 0)


def _fliplr(m: object) -> Variable:
    return T.flip(m, 1)


def _flipud(m: object) -> Variable:
    return T.flip(m, 0)


def _diagflat(v: object, k: int = 0) -> Variable:
    return T.diag(_flat(v), k)


def _clip(a: object, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Variable:
    """NumPy's, where a bound may be None or left out."""
    lower = bounds.get("min") if a_min is np._NoValue or a_min is None else a_min
    upper = bounds.get("max") if a_max is np._NoValue or a_max is None else a_max
    above = T.as_tensor_variable(a) if lower is None or lower is np._NoValue else T.maximum(a, lower)
    return above if upper is None or upper is np._NoValue else T.minimum(above, upper)


def _select(condlist: Sequence[object], choicelist: Sequence[object], default: object = 0) -> Variable:
    """The first choice whose condition holds."""
    pairs = reversed(list(zip(condlist, choicelist, strict=True)))
    return reduce(lambda other, pair: T.switch(pair[0], pair[1], other), pairs, as_operand(default))


def _shape(x: Variable) -> tuple[Variable, ...]:
    """A tuple of symbolic lengths, as NumPy's is a tuple."""
    return tuple(dims(x))


def _size(a: object, axis: int | None = None) -> Variable:
    var = T.as_tensor_variable(a)
    return T.size(var) if axis is None else dim(var, axis)


def _result_type(*arrays_and_dtypes: Any) -> np.dtype:
    return np.result_type(*(_dtype_of(v) for v in arrays_and_dtypes))


def _dtype_of(x: Any) -> Any:
    return np.dtype(x.dtype) if isinstance(x, Variable) else x


def _can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(_dtype_of(from_), _dtype_of(to), casting)


def _iscomplexobj(x: Variable) -> bool:
    return kind(x.dtype) == "c"


def _isrealobj(x: Variable) -> bool:
    return not _iscomplexobj(x)


def _isposinf(x: object) -> Variable:
    return T.eq(x, np.inf)


def _isneginf(x: object) -> Variable:
    return T.eq(x, -np.inf)


def _many(function: Callable[[object], Variable]) -> Callable[..., Any]:
    """Of several arguments NumPy gives a tuple."""
    def each(*arys: object) -> Any:
        found = tuple(function(a) for a in arys)
        return found[0] if len(found) == 1 else found

    return each


_SUM = "a; axis dtype -out keepdims -initial -where"
_EXTREME = "a; axis -out keepdims -initial -where"
_SPREAD = "a; axis -dtype -out ddof keepdims -where -mean"

FUNCTIONS: dict[str, Mapped | Callable[..., Any]] = {
    # reductions
    "sum": _mapped(T.sum, _SUM), "prod": _mapped(T.prod, _SUM),
    "max": _mapped(T.max, _EXTREME), "min": _mapped(T.min, _EXTREME),
    "all": _mapped(T.all, "a; axis -out keepdims -where"),
    "any": _mapped(T.any, "a; axis -out keepdims -where"),
    "mean": _mapped(T.mean, "a; axis dtype -out keepdims -where"),
    "std": _mapped(T.std, _SPREAD), "var": _mapped(T.var, _SPREAD),
    "average": _mapped(T.mean, "a; axis -weights -returned keepdims"),
    "argmax": _mapped(T.argmax, "a; axis -out keepdims"),
    "argmin": _mapped(T.argmin, "a; axis -out keepdims"),
    "ptp": _mapped(_ptp, "a; axis -out keepdims", "T.ptp"),
    "count_nonzero": _mapped(_count_nonzero, "a; axis keepdims", "T.sum"),
    "median": _mapped(T.median, "a; axis -out ~overwrite_input keepdims"),
    "percentile": _mapped(T.percentile, "a q; axis -out ~overwrite_input method keepdims -weights"),
    "quantile": _mapped(T.quantile, "a q; axis -out ~overwrite_input method keepdims -weights"),
    "bincount": _mapped(T.bincount, "x; weights minlength"),
    # running, sorted
    "cumsum": _mapped(T.cumsum, "a; axis -dtype -out"),
    "cumprod": _mapped(T.cumprod, "a; axis -dtype -out"),
    "diff": _mapped(T.diff, "a; n axis -prepend -append"),
    "sort": _mapped(T.sort, "a; axis ~kind -order ~stable"),
    "argsort": _mapped(T.argsort, "a; axis ~kind -order ~stable"),
    "searchsorted": _mapped(T.searchsorted, "a v; side -sorter"),
    # products and linear algebra
    "dot": _mapped(T.dot, "a b; -out"), "inner": _mapped(T.inner, "a b;"),
    "outer": _mapped(T.outer, "a b; -out"), "vdot": _mapped(_vdot, "a b;", "T.dot"),
    "kron": _mapped(_kron, "a b;", "T.kron"), "tensordot": _mapped(T.tensordot, "a b; axes"),
    "trace": _mapped(T.trace, "a; offset axis1 axis2 -dtype -out"),
    "linalg.norm": _mapped(T.linalg.norm, "x; ord axis keepdims"),
    "linalg.vector_norm": _mapped(_vector_norm, "x; axis keepdims ord", "T.linalg.norm"),
    "linalg.matrix_norm": _mapped(_matrix_norm, "x; keepdims ord", "T.linalg.norm"),
    "linalg.eigh": _mapped(T.linalg.eigh, "a; UPLO"), "linalg.eigvalsh": _mapped(T.linalg.eigvalsh, "a; UPLO"),
    "linalg.svd": _mapped(T.linalg.svd, "a; full_matrices compute_uv -hermitian"),
    "linalg.svdvals": _mapped(T.linalg.svdvals, "x;"), "linalg.qr": _mapped(T.linalg.qr, "a; mode"),
    "linalg.det": _mapped(T.det, "a;"), "linalg.inv": _mapped(T.matrix_inverse, "a;"),
    "linalg.solve": _mapped(T.solve, "a b;"), "linalg.slogdet": _mapped(T.slogdet, "a;"),
    "linalg.cholesky": _mapped(_cholesky, "a; upper", "T.slinalg.cholesky"),
    "linalg.matrix_power": _mapped(T.nlinalg.matrix_power, "a n;"),
    "linalg.multi_dot": _mapped(lambda arrays: T.matrix_dot(*arrays), "arrays; -out", "T.nlinalg.matrix_dot"),
    "linalg.matmul": _mapped(T.matmul, "x1 x2;"), "linalg.outer": _mapped(T.outer, "x1 x2;"),
    "linalg.tensordot": _mapped(T.tensordot, "x1 x2; axes"),
    "linalg.trace": _mapped(_trace_of_last, "x; offset -dtype", "T.trace"),
    "linalg.diagonal": _mapped(_diagonal_of_last, "x; offset", "T.diagonal"),
    "linalg.matrix_transpose": _mapped(_transpose_last, "x;", "T.swapaxes"),
    "matrix_transpose": _mapped(_transpose_last, "x;", "T.swapaxes"),
    # shapes
    "reshape": _mapped(T.reshape, "a shape; -order -copy"), "ravel": _mapped(_flat, "a; -order", "T.flatten"),
    "transpose": _mapped(_transpose, "a; axes", "T.transpose"),
    "swapaxes": _mapped(T.swapaxes, "a axis1 axis2;"),
    "moveaxis": _mapped(T.moveaxis, "a source destination;"),
    "expand_dims": _mapped(T.expand_dims, "a axis;"), "squeeze": _mapped(_squeeze, "a; axis", "T.squeeze"),
    "atleast_1d": _many(T.atleast_1d), "atleast_2d": _many(T.atleast_2d),
    "atleast_3d": _many(T.atleast_3d),
    "broadcast_to": _mapped(T.broadcast_to, "array shape; -subok"),
    "shape": _mapped(_shape, "a;", "T.shape"), "size": _mapped(_size, "a; axis", "T.size"),
    "ndim": _mapped(lambda x: x.ndim, "a;", "x.ndim"),
    # joining, cutting, moving
    "concatenate": _mapped(_concatenate, "arrays; axis -out -dtype -casting", "T.concatenate"),
    "stack": _mapped(_stack, "arrays; axis -out -dtype -casting", "T.stack"),
    "hstack": _mapped(T.hstack, "tup; -dtype -casting"),
    "vstack": _mapped(T.vstack, "tup; -dtype -casting"),
    "dstack": _mapped(_dstack, "tup;", "T.concatenate"), "column_stack": _mapped(_column_stack, "tup;", "T.stack"),
    "append": _mapped(_append, "arr values; axis", "T.concatenate"),
    "split": _mapped(_split, "ary indices_or_sections; axis", "T.split"),
    "hsplit": _mapped(_hsplit, "ary indices_or_sections;", "T.split"),
    "vsplit": _mapped(_vsplit, "ary indices_or_sections;", "T.split"),
    "tile": _mapped(T.tile, "A reps;"), "repeat": _mapped(T.repeat, "a repeats; axis"),
    "roll": _mapped(T.roll, "a shift; axis"), "flip": _mapped(T.flip, "m; axis"),
    "fliplr": _mapped(_fliplr, "m;", "T.flip"), "flipud": _mapped(_flipud, "m;", "T.flip"),
    "take": _mapped(T.take, "a indices; axis -out mode"),
    # places and what is there
    "nonzero": _mapped(T.nonzero, "a;"), "flatnonzero": _mapped(T.flatnonzero, "a;"),
    "argwhere": _mapped(T.argwhere, "a;"), "compress": _mapped(T.compress, "condition a; axis -out"),
    "extract": _mapped(T.extract, "condition arr;"),
    # diagonals and triangles
    "diag": _mapped(T.diag, "v; k"), "diagonal": _mapped(T.diagonal, "a; offset axis1 axis2"),
    "diagflat": _mapped(_diagflat, "v; k", "T.diag"), "tril": _mapped(T.tril, "m; k"),
    "triu": _mapped(T.triu, "m; k"),
    # made like another
    "zeros_like": _mapped(T.zeros_like, "a; dtype -order -subok -shape -device"),
    "ones_like": _mapped(T.ones_like, "a; dtype -order -subok -shape -device"),
    "empty_like": _mapped(T.zeros_like, "prototype; dtype -order -subok -shape -device"),
    "full_like": _mapped(T.full_like, "a fill_value; dtype -order -subok -shape -device"),
    "linspace": _mapped(T.linspace, "start stop; num endpoint -retstep -dtype -axis -device"),
    "logspace": _mapped(T.logspace, "start stop; num endpoint base -dtype -axis"),
    "copy": _mapped(lambda a: a.copy(), "a; -order -subok", "x.copy"),
    "astype": _mapped(T.cast, "x dtype; -copy -device"),
    # elementwise
    "where": T.where, "clip": _clip, "select": _mapped(_select, "condlist choicelist; default", "T.switch"),
    "isclose": _mapped(T.isclose, "a b; rtol atol equal_nan"),
    "allclose": _mapped(T.allclose, "a b; rtol atol equal_nan"),
    "nan_to_num": _mapped(T.nan_to_num, "x; -copy nan -posinf -neginf"),
    "real": _mapped(T.real, "val;"), "imag": _mapped(T.imag, "val;"), "angle": _mapped(T.angle, "z; -deg"),
    "round": _mapped(T.round_half_to_even, "a; -decimals -out", "T.round"), "fix": _mapped(T.trunc, "x; -out"),
    "isposinf": _mapped(_isposinf, "x; -out", "T.isinf"), "isneginf": _mapped(_isneginf, "x; -out", "T.isinf"),
    # about types
    "result_type": _result_type, "can_cast": _can_cast, "iscomplexobj": _iscomplexobj, "isrealobj": _isrealobj,
}
_OTHER_NAMES = {"amax": "max", "amin": "min", "around": "round", "round_": "round", "concat": "concatenate",
                "permute_dims": "transpose", "row_stack": "vstack", "product": "prod", "cumproduct": "cumprod",
                "alltrue": "all", "sometrue": "any"}
FUNCTIONS.update({name: FUNCTIONS[same] for name, same in _OTHER_NAMES.items()})

_SAME = (
    "add subtract multiply divide floor_divide power negative maximum minimum exp exp2 expm1 log log2 log10 log1p "
    "sqrt cbrt square reciprocal sign sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh "
    "arctanh hypot floor ceil trunc isnan isinf isfinite logical_and logical_or logical_xor logical_not "
    "bitwise_and bitwise_count bitwise_or bitwise_xor invert left_shift right_shift copysign equal not_equal less "
    "less_equal greater greater_equal deg2rad rad2deg logaddexp matmul"
)
UFUNCS: dict[str, Callable[..., Any]] = {
    **{name: getattr(T, name) for name in _SAME.split()},
    "remainder": T.mod, "absolute": T.abs, "fabs": T.abs, "rint": T.round_half_to_even, "conjugate": T.conj,
    "positive": T.as_tensor_variable, "radians": T.deg2rad, "degrees": T.rad2deg, "true_divide": T.true_div,
    "divmod": lambda x, y: (T.floor_div(x, y), T.mod(x, y)),
}

REDUCED: dict[str, Mapped] = {
    "add.reduce": _mapped(T.sum, "array; axis dtype -out keepdims -initial -where"),
    "multiply.reduce": _mapped(T.prod, "array; axis dtype -out keepdims -initial -where"),
    "maximum.reduce": _mapped(T.max, "array; axis -dtype -out keepdims -initial -where"),
    "minimum.reduce": _mapped(T.min, "array; axis -dtype -out keepdims -initial -where"),
    "logical_and.reduce": _mapped(T.all, "array; axis -dtype -out keepdims -initial -where"),
    "logical_or.reduce": _mapped(T.any, "array; axis -dtype -out keepdims -initial -where"),
    "add.accumulate": _mapped(T.cumsum, "array; axis -dtype -out"),
    "multiply.accumulate": _mapped(T.cumprod, "array; axis -dtype -out"),
}
