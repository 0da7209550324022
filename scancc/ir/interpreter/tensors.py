"""Tensor ops: values are arrays that nobody changes, so a part may be a view of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...artifact import can_exist
from .. import decompositions
from .. import types as t
from ..core import Op
from ..dialects.arith import unsigned
from ..slices import kept_axes
from .arrays import check_index, check_indices, element_dtype, full_shape, ints, poison, to_scalar
from .machine import Env, Machine, Meaning, Step, bind, bind_scalar, step_rule, value_rule

# ---- making, reading, reshaping ----


@value_rule("tensor.empty", "memref.alloc")
def empty(op: Op) -> Meaning:
    return lambda *dims: poison(full_shape(op.result.type, dims), element_dtype(op.result.type))


@value_rule("tensor.splat")
def splat(op: Op) -> Meaning:
    type = op.result.type
    return lambda value, *dims: np.full(full_shape(type, dims), value, element_dtype(type))


@value_rule("tensor.from_elements")
def from_elements(op: Op) -> Meaning:
    type = op.result.type
    return lambda *elements: np.array(elements, element_dtype(type)).reshape(full_shape(type, ()))


@step_rule("tensor.extract")
def extract(op: Op, machine: Machine) -> Step:
    if machine.lanes:
        return bind(op, gather_lanes)

    def call(source: np.ndarray, *indices: int) -> Any:
        check_index(indices, source.shape)
        return source[indices]
    return bind_scalar(op, call)


@value_rule("tensor.insert")
def insert(op: Op) -> Meaning:
    def call(value: Any, dest: np.ndarray, *indices: int) -> np.ndarray:
        check_index(indices, dest.shape)
        answer = dest.copy()
        answer[indices] = value
        return answer
    return call


def gather_lanes(source: np.ndarray, *indices: Any) -> Any:
    """Elements at index arrays, one an axis, which broadcast against each other."""
    check_indices(indices, source.shape)
    return source[tuple(np.asarray(i) for i in indices)]


@value_rule("tensor.dim", "memref.dim")
def dim(op: Op) -> Meaning:
    def call(source: np.ndarray, axis: int) -> int:
        check_index([axis], [source.ndim])
        return int(source.shape[axis])
    return call


@value_rule("scan.can_exist")
def existence(op: Op) -> Meaning:
    return lambda *sizes: can_exist(sizes)


@value_rule("tensor.cast", "memref.cast")
def cast(op: Op) -> Meaning:
    return lambda source: source


@value_rule("scan.reshape")
def reshape(op: Op) -> Meaning:
    return lambda source, *dims: source.reshape(full_shape(op.result.type, dims))


@value_rule("scan.transpose")
def transpose(op: Op) -> Meaning:
    axes = ints(op.attrs["permutation"])
    return lambda source: source.transpose(axes)


@value_rule("scan.broadcast")
def broadcast(op: Op) -> Meaning:
    type, axes = op.result.type, ints(op.attrs["axes"])
    source_type = op.operands[0].type
    static = source_type.shape if isinstance(source_type, t.TensorType) else ()

    def call(source: Any, *dims: int) -> np.ndarray:
        shape = full_shape(type, dims)
        source = np.asarray(source)
        for axis, (size, known) in enumerate(zip(source.shape, static, strict=True)):
            if known != 1 and size != shape[axes[axis]]:  # only an axis known to be 1 may repeat
                raise ValueError(f"axis {axis} has size {size}, the result {shape[axes[axis]]}")
        spread = dict(zip(axes, source.shape, strict=True))
        return np.broadcast_to(source.transpose(np.argsort(axes)).reshape(
            [spread.get(axis, 1) for axis in range(len(shape))]), shape)
    return call


@value_rule("scan.iota")
def iota(op: Op) -> Meaning:
    type, dtype = op.result.type, element_dtype(op.result.type)

    def call(start: Any, step: Any, *dims: int) -> Any:
        return (start + np.arange(*full_shape(type, dims)).astype(dtype) * step).astype(dtype)
    return call


@value_rule("scan.concat")
def concat(op: Op) -> Meaning:
    axis = op.attrs["axis"].value
    return lambda *parts: np.concatenate(parts, axis)


# ---- slices ----


def slicer(op: Op) -> Callable[[tuple[int, ...], tuple[Any, ...]], Any]:
    """The function from a shape and the run-time operands of a slice to NumPy's key for the part."""
    static = [op.attrs[f"static_{name}"].values for name in ("offsets", "sizes", "strides")]
    kept = set(kept_axes(op))

    def key(shape: tuple[int, ...], dynamic: tuple[Any, ...]) -> tuple[Any, ...]:
        rest = iter(dynamic)
        offsets, sizes, strides = (
            [int(next(rest)) if s == t.DYNAMIC else s for s in entries] for entries in static)
        parts = [_part(axis, n, *entry) for axis, (n, *entry) in enumerate(
            zip(shape, offsets, sizes, strides, strict=True))]
        return (*(part if axis in kept else part.start for axis, part in enumerate(parts)), ...)
    return key


def _part(axis: int, extent: int, offset: int, size: int, stride: int) -> slice:
    if size == 0:
        return slice(0, 0)
    last = offset + (size - 1) * stride
    if size < 0 or not (0 <= offset < extent and 0 <= last < extent) or (stride == 0 and size > 1):
        raise IndexError(f"{size} elements from {offset} by {stride} are not inside axis {axis} "
                         f"of size {extent}")
    stop = offset + size * stride
    return slice(offset, stop if stop >= 0 else None, stride or 1)


@value_rule("tensor.extract_slice", "memref.subview")
def extract_slice(op: Op) -> Meaning:
    key = slicer(op)
    return lambda source, *dynamic: source[key(source.shape, dynamic)]


@value_rule("tensor.insert_slice")
def insert_slice(op: Op) -> Meaning:
    key = slicer(op)

    def call(source: np.ndarray, dest: np.ndarray, *dynamic: Any) -> np.ndarray:
        answer = dest.copy()
        part = answer[key(dest.shape, dynamic)]
        if part.shape != source.shape:
            raise ValueError(f"a source of shape {source.shape} for a part of shape {part.shape}")
        part[...] = source
        return answer
    return call


# ---- reductions ----


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


_REDUCE: dict[str, Callable[[np.ndarray, Any], Any]] = {
    "sum": lambda a, axes: np.add.reduce(a, axes, dtype=a.dtype),
    "prod": lambda a, axes: np.multiply.reduce(a, axes, dtype=a.dtype),
    "max": lambda a, axes: np.maximum.reduce(a, axes, initial=_lowest(a.dtype)),
    "min": lambda a, axes: np.minimum.reduce(a, axes, initial=_highest(a.dtype)),
    "all": lambda a, axes: np.logical_and.reduce(a, axes),
    "any": lambda a, axes: np.logical_or.reduce(a, axes),
}


def _unsigned_kind(op: Op, source: np.ndarray) -> tuple[str, np.ndarray]:
    """The kind without its mark of unsigned integers (`maxu`), and the source read as it says."""
    kind = op.attrs["kind"]
    return kind.removesuffix("u"), unsigned(source) if kind.endswith("u") else source


def _as_type(values: Any, dtype: np.dtype) -> np.ndarray:
    """Unsigned integers by their bits, everything else by value."""
    array: np.ndarray = np.asarray(values)
    return array.view(dtype) if array.dtype.kind == "u" else array.astype(dtype, copy=False)


@step_rule("scan.reduce")
def reduce(op: Op, machine: Machine) -> Step:
    axes, dtype = ints(op.attrs["axes"]), element_dtype(op.result.type)

    def call(source: np.ndarray) -> np.ndarray:
        kind, source = _unsigned_kind(op, source)
        return _as_type(_REDUCE[kind](source, axes), dtype)
    return bind_scalar(op, call)


@step_rule("scan.argreduce")
def argreduce(op: Op, machine: Machine) -> Step:
    functions: dict[str, Meaning] = {"max": np.argmax, "min": np.argmin}
    axis, dtype = op.attrs["axis"].value, element_dtype(op.result.type)

    def call(source: np.ndarray) -> np.ndarray:
        kind, source = _unsigned_kind(op, source)
        return np.asarray(functions[kind](source, axis=axis), dtype)
    return bind_scalar(op, call)


@value_rule("scan.cumulative")
def cumulative(op: Op) -> Meaning:
    function = {"sum": np.add, "prod": np.multiply}[op.attrs["kind"]]
    axis = op.attrs["axis"].value
    return lambda source: function.accumulate(source, axis, dtype=source.dtype)


@value_rule("scan.sort")
def sort(op: Op) -> Meaning:
    axis, dtype = op.attrs["axis"].value, element_dtype(op.result.type)
    function: Meaning = np.argsort if op.attrs["positions"] else np.sort

    def call(source: np.ndarray, first: int = 0, size: int | None = None) -> np.ndarray:
        places = np.arange(first, first + (source.shape[axis] if size is None else size))
        ordered: np.ndarray = function(source, axis=axis, kind="stable").astype(dtype, copy=False)
        return ordered.take(places, axis)
    return call


# ---- positions ----


def _element_key(axes: tuple[int, ...], shape: tuple[int, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    check_indices(indices, [shape[axis] for axis in axes])
    return (*(slice(None) for _ in range(axes[0])), *(np.asarray(i, np.int64) for i in indices))


@step_rule("scan.gather")
def gather(op: Op, machine: Machine) -> Step:
    axes = ints(op.attrs["axes"])
    return bind_scalar(op, lambda source, *indices: source[_element_key(axes, source.shape, indices)])


@value_rule("scan.scatter")
def scatter(op: Op) -> Meaning:
    axes, kind = ints(op.attrs["axes"]), op.attrs["kind"]
    if kind not in ("set", "add"):
        raise ValueError(f"kind is set or add, not {kind!r}")

    def call(source: Any, dest: np.ndarray, *indices: Any) -> np.ndarray:
        key, answer = _element_key(axes, dest.shape, indices), dest.copy()
        if kind == "set":
            answer[key] = source
        else:
            np.add.at(answer, key, source)
        return answer
    return call


# ---- products, systems ----


@step_rule("scan.dot")
def dot(op: Op, machine: Machine) -> Step:
    return bind_scalar(op, np.dot)


@value_rule("scan.batch_dot")
def batch_dot(op: Op) -> Meaning:
    return np.matmul


def _or_nan(function: Callable[..., Any]) -> Meaning:
    """A matrix without an answer gives NaN: compiled code raises nothing here."""
    def call(matrix: np.ndarray, *rest: np.ndarray) -> Any:
        try:
            return function(matrix, *rest)
        except np.linalg.LinAlgError:
            return np.full_like(rest[0] if rest else matrix, np.nan)
    return call


@value_rule("scan.solve")
def solve(op: Op) -> Meaning:
    parts: dict[str, Meaning] = {"general": np.asarray, "lower": np.tril, "upper": np.triu}
    part = parts[op.attrs["kind"]]
    return _or_nan(lambda matrix, rhs: np.linalg.solve(part(matrix), rhs))


@step_rule("scan.factor")
def factor(op: Op, machine: Machine) -> Step:
    functions: dict[str, Meaning] = {
        "cholesky": np.linalg.cholesky, "inverse": np.linalg.inv, "det": np.linalg.det}
    return bind_scalar(op, _or_nan(functions[op.attrs["kind"]]))


@value_rule("scan.cholesky_gradient")
def cholesky_gradient(op: Op) -> Meaning:
    return decompositions.cholesky_gradient


@step_rule("scan.slogdet")
def slogdet(op: Op, machine: Machine) -> Step:
    (matrix,), (sign, logarithm) = op.operands, op.results
    convert = to_scalar(sign.type)

    def step(env: Env) -> None:
        env[sign], env[logarithm] = map(convert, np.linalg.slogdet(env[matrix]))
    return step


_DECOMPOSITIONS = {"scan.eigh": ("lower", decompositions.eigh), "scan.svd": ("full", decompositions.svd),
                   "scan.qr": ("complete", decompositions.qr)}


@step_rule(*_DECOMPOSITIONS)
def decompose(op: Op, machine: Machine) -> Step:
    attribute, function = _DECOMPOSITIONS[op.name]
    option, (matrix,), results = op.attrs[attribute], op.operands, op.results

    def step(env: Env) -> None:
        env.update(zip(results, decompositions.of_finite(function, env[matrix], option), strict=True))
    return step


# ---- vectors: fixed lanes ----


@value_rule("vector.broadcast")
def vector_broadcast(op: Op) -> Meaning:
    type = op.result.type
    return lambda value: np.full(full_shape(type, ()), value, element_dtype(type))


@value_rule("vector.step")
def vector_step(op: Op) -> Meaning:
    return lambda: np.arange(*full_shape(op.result.type, ()), dtype=element_dtype(op.result.type))


_COMBINE: dict[str, Meaning] = {
    "add": np.add, "mul": np.multiply, "maximumf": np.maximum, "minimumf": np.minimum,
    "maxsi": np.maximum, "minsi": np.minimum, "maxui": np.maximum, "minui": np.minimum,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}


@step_rule("vector.reduction", "scan.fold_lanes")
def reduction(op: Op, machine: Machine) -> Step:
    kind = str(op.attrs["kind"]).removeprefix("#vector.kind<").removesuffix(">")
    combine, dtype = _COMBINE[kind], element_dtype(op.result.type)
    wide = isinstance(op.result.type, t.VectorType)
    left = full_shape(op.result.type, ())[0] if wide else 1

    def call(lanes: np.ndarray) -> Any:
        if kind.endswith("ui"):
            lanes = unsigned(lanes)
        while len(lanes) > left:  # upper half onto lower half; an odd lane waits for the next round
            half = len(lanes) // 2
            lanes = np.concatenate([combine(lanes[:half], lanes[half:2 * half]), lanes[2 * half:]])
        return lanes.astype(dtype, copy=False) if wide else _as_type(lanes[0], dtype)
    return bind(op, call) if wide else bind_scalar(op, call)


@value_rule("scan.first_lane")
def first_lane(op: Op) -> Meaning:
    return lambda lanes: int(np.argmax(np.append(lanes, True)))


@value_rule("vector.from_elements")
def vector_from_elements(op: Op) -> Meaning:
    dtype = element_dtype(op.result.type)
    return lambda *elements: np.array(elements, dtype)


@value_rule("vector.shuffle")
def vector_shuffle(op: Op) -> Meaning:
    mask = list(ints(op.attrs["mask"]))
    return lambda v1, v2: np.concatenate([v1, v2])[mask]


@step_rule("vector.extract")
def vector_extract(op: Op, machine: Machine) -> Step:
    position = ints(op.attrs["static_position"])
    convert = to_scalar(t.element(op.result.type))
    if isinstance(op.result.type, t.VectorType):
        return bind(op, lambda value: value[position])
    return bind(op, lambda value: convert(value[position]))
