"""The graph: variables, the ops applied to them, and walks over both.

A graph is a DAG: an `Apply` holds an `Op`, its input variables and its output variables; a
`Variable` knows the `Apply` it comes from (`owner`) or none, when it is an input, a constant or a
shared variable. Ops are immutable and compare by their parameters (`__props__`), so that equal
applications can be merged.
"""

from __future__ import annotations

import itertools
import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from scancc import errors
from scancc.artifact import can_exist, too_large
from scancc.config import config
from scancc.frontend.graph.options import name_of
from scancc.late_dataclasses import dataclass

if TYPE_CHECKING:
    import numpy.typing as npt

_PACKAGE_DIR = os.path.dirname(os.path.abspath(errors.__file__)) + os.sep
_COMMANDS_DIR = os.path.join(_PACKAGE_DIR, "cli") + os.sep  # whose user wrote no line, but an argument
_NUMPY_DIR = os.path.dirname(os.path.abspath(np.__file__)) + os.sep

# What stands for a tensor in a program: a variable, a number, an array, or a list of these.
TensorLike: TypeAlias = "Variable | npt.ArrayLike | Sequence[Any]"

UfuncMethod: TypeAlias = Literal["__call__", "reduce", "reduceat", "accumulate", "outer", "at"]  # as NumPy says it
Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]  # what an op does with arrays


@dataclass(frozen=True)
class Location:
    """A place in the user's program."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def user_location() -> Location | None:
    """The innermost line on the stack that is neither scancc's own nor NumPy's; none where a command calls."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        users = _is_users(file)
        if users is None:
            return None
        if users and not (file == "<string>" and _is_made(frame)):
            return Location(file, frame.f_lineno)
        frame = frame.f_back
    return None


@cache
def _is_users(file: str) -> bool | None:
    """Whether a file is neither scancc's own nor NumPy's; None for that of a command."""
    return None if file.startswith(_COMMANDS_DIR) else not file.startswith((_PACKAGE_DIR, _NUMPY_DIR))


def _is_made(frame: FrameType) -> bool:
    """Whether the frame is of a function that `dataclasses` made for a class of ours."""
    return str(frame.f_globals.get("__name__")).startswith("scancc.")


DTYPES = frozenset((
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
))


def dtype_name(dtype: Any) -> str:
    """NumPy's name of a dtype given as a name, a type or a dtype; 'floatX' is `config.floatX`."""
    if isinstance(dtype, str):
        if dtype in DTYPES:
            return dtype
        if dtype == "floatX":
            return str(config.floatX)
    try:
        name: str = "None" if dtype is None else np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        use = "a shape is shape=(3,)" if isinstance(dtype, tuple) else f"use one of {', '.join(sorted(DTYPES))}"
        raise TypeError(f"{dtype!r} is not a dtype of tensors; {use}")
    return name


@cache
def array_dtype(dtype: np.dtype) -> str:
    """NumPy's name of an array's dtype (which NumPy itself composes anew each time)."""
    return dtype.name


def _dimension(n: object) -> int | None:
    if n is None or isinstance(n, (bool, np.bool_)):
        return 1 if n else None
    try:
        size = operator.index(n)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{n!r} is no dimension of a tensor; give a length, or None if it is not known") from None
    if size < 0:
        raise ValueError(f"a dimension of a tensor is {size}; give a size of at least 0, or None if unknown")
    return size


@dataclass(frozen=True)
class TensorType:
    """dtype (a NumPy name) and shape; a dimension is an int where known, None where not.

    A dimension known to be 1 may broadcast; an unknown one never does.
    """

    dtype: str
    shape: tuple[int | None, ...]

    def __init__(self, dtype: object, shape: Sequence[int | None] | None = None,
                 broadcastable: Sequence[bool] | None = None) -> None:
        """`broadcastable` is the older form of a shape: True is a length of 1, False an unknown one."""
        if None not in (shape, broadcastable) and [n == 1 for n in shape or ()] != list(broadcastable or ()):
            raise ValueError(f"shape is {shape} and broadcastable {broadcastable}, which says another; give shape")
        lengths: Any = broadcastable if shape is None else shape
        if lengths is None:
            raise TypeError("a tensor type needs shape=, with a length or None for each dimension")
        if isinstance(lengths, str) or not isinstance(lengths, Iterable):
            raise TypeError(f"the shape of a tensor is {lengths!r}; give a tuple of lengths, None for unknown ones")
        if type(lengths) is not tuple or not all(n is None or (type(n) is int and n >= 0) for n in lengths):
            lengths = tuple(_dimension(n) for n in lengths)
        known = [n for n in lengths if n]
        if known and not can_exist(known):
            raise MemoryError(too_large("a tensor type", ["?" if n is None else n for n in lengths]))
        object.__setattr__(self, "dtype", dtype_name(dtype))
        object.__setattr__(self, "shape", lengths)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        return tuple(n == 1 for n in self.shape)

    def __call__(self, name: str | None = None, *, shape: Sequence[int | None] | None = None) -> Variable:
        """A symbolic input of this type, or with other known lengths."""
        named = name_of("a tensor", name)
        return (self if shape is None else TensorType(self.dtype, tuple(shape))).variable(name=named)

    def variable(self, owner: Apply | None = None, index: int = 0, name: str | None = None,
                 location: Location | None = None) -> Variable:
        """A variable of this type, which is an output of `owner` or stands on its own."""
        return Variable(self, owner, index, name, location)

    def __str__(self) -> str:
        dims = ", ".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.dtype}[{dims}]"


_ids = itertools.count()


class Variable:
    """A symbolic tensor. `frontend.operators` adds the arithmetic and indexing operators.

    `mentions`: what the user wrote to get it and its graph does not hold, as the cost in its gradient; whoever
    asks which inputs were used follows them (`mentioned`).
    """

    __slots__ = ("type", "owner", "index", "name", "location", "id", "mentions", "lengths", "finite", "__weakref__")

    def __init__(
        self, type: TensorType, owner: Apply | None = None, index: int = 0, name: str | None = None,
        location: Location | None = None,
    ) -> None:
        self.type = type
        self.owner = owner
        self.index = index
        self.name = name
        self.location = location or user_location()
        self.id = next(_ids)  # order of creation: stable for sorting and printing
        self.mentions: tuple[Variable, ...] = ()
        self.lengths: dict[int, Variable] | None = None  # of axes, once asked for (`dims.dim`)
        self.finite: bool | None = None  # surely, once asked for (`ops/finiteness.py`)

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        return self.type.broadcastable

    def __str__(self) -> str:
        return self.name or f"<{type(self).__name__} {self.type}>"

    def __repr__(self) -> str:
        """What a prompt shows: `h: float64[?, 32]`, or without a name `<Variable float64[?, 32] from scan>`."""
        if self.name:
            return f"{self.name}: {self.type}"
        return str(self) if self.owner is None else f"<{type(self).__name__} {self.type} from {self.owner.op.name}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from html import escape  # rarely needed

        name = f"<b>{escape(self.name)}</b>: " if self.name else ""
        made = f" from {escape(self.owner.op.name)}" if self.owner is not None else ""
        return f"<code>{name}{self.type}{made}</code>"

    if TYPE_CHECKING:  # what `ops.operators` attaches
        T: Variable
        shape: Variable
        size: Variable
        real: Variable
        imag: Variable
        tag: Any
        def dimshuffle(self, *order: Any) -> Variable: ...
        def reshape(self, *shape: Any, ndim: int | None = None) -> Variable: ...
        def transpose(self, *axes: Any) -> Variable: ...
        def flatten(self, ndim: int = 1) -> Variable: ...
        def ravel(self, ndim: int = 1) -> Variable: ...
        def swapaxes(self, axis1: int, axis2: int) -> Variable: ...
        def squeeze(self, axis: Any = None) -> Variable: ...
        def repeat(self, repeats: Any, axis: int | None = None) -> Variable: ...
        def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable: ...
        def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable: ...
        def fill(self, value: object) -> Variable: ...
        def astype(self, dtype: object) -> Variable: ...
        def clip(self, lower: object, upper: object) -> Variable: ...
        def round(self) -> Variable: ...
        def conj(self) -> Variable: ...
        def conjugate(self) -> Variable: ...
        def take(self, indices: object, axis: int | None = None, mode: str = ...) -> Variable: ...
        def set(self, value: object) -> Variable: ...
        def inc(self, value: object) -> Variable: ...
        def dot(self, y: object) -> Variable: ...
        def norm(self, ord: object = None, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def sum(self, axis: Any = None, dtype: object = None, keepdims: bool = False) -> Variable: ...
        def prod(self, axis: Any = None, dtype: object = None, keepdims: bool = False) -> Variable: ...
        def mean(self, axis: Any = None, dtype: object = None, keepdims: bool = False) -> Variable: ...
        def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Variable: ...
        def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Variable: ...
        def max(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def min(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def argmax(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def argmin(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def all(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def any(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def cumsum(self, axis: int | None = None) -> Variable: ...
        def cumprod(self, axis: int | None = None) -> Variable: ...
        def sort(self, axis: int | None = -1) -> Variable: ...
        def argsort(self, axis: int | None = -1) -> Variable: ...
        def ptp(self, axis: Any = None) -> Variable: ...
        def copy(self, name: str | None = None) -> Variable: ...
        def clone(self) -> Variable: ...
        @overload
        def nonzero(self, return_matrix: Literal[False] = False) -> tuple[Variable, ...]: ...
        @overload
        def nonzero(self, return_matrix: Literal[True]) -> Variable: ...
        def nonzero(self, return_matrix: bool = False) -> Any: ...
        def nonzero_values(self) -> Variable: ...
        def zeros_like(self, dtype: object = None) -> Variable: ...
        def ones_like(self, dtype: object = None) -> Variable: ...
        def eval(self, inputs_to_values: Any = None, *, mode: Any = ..., **options: Any) -> Any: ...
        def __add__(self, other: object) -> Variable: ...
        def __radd__(self, other: object) -> Variable: ...
        def __sub__(self, other: object) -> Variable: ...
        def __rsub__(self, other: object) -> Variable: ...
        def __mul__(self, other: object) -> Variable: ...
        def __rmul__(self, other: object) -> Variable: ...
        def __truediv__(self, other: object) -> Variable: ...
        def __rtruediv__(self, other: object) -> Variable: ...
        def __floordiv__(self, other: object) -> Variable: ...
        def __rfloordiv__(self, other: object) -> Variable: ...
        def __mod__(self, other: object) -> Variable: ...
        def __rmod__(self, other: object) -> Variable: ...
        def __pow__(self, other: object) -> Variable: ...
        def __rpow__(self, other: object) -> Variable: ...
        def __and__(self, other: object) -> Variable: ...
        def __rand__(self, other: object) -> Variable: ...
        def __or__(self, other: object) -> Variable: ...
        def __ror__(self, other: object) -> Variable: ...
        def __xor__(self, other: object) -> Variable: ...
        def __rxor__(self, other: object) -> Variable: ...
        def __lshift__(self, other: object) -> Variable: ...
        def __rlshift__(self, other: object) -> Variable: ...
        def __rshift__(self, other: object) -> Variable: ...
        def __rrshift__(self, other: object) -> Variable: ...
        def __matmul__(self, other: object) -> Variable: ...
        def __rmatmul__(self, other: object) -> Variable: ...
        def __lt__(self, other: object) -> Variable: ...
        def __le__(self, other: object) -> Variable: ...
        def __gt__(self, other: object) -> Variable: ...
        def __ge__(self, other: object) -> Variable: ...
        def __neg__(self) -> Variable: ...
        def __pos__(self) -> Variable: ...
        def __abs__(self) -> Variable: ...
        def __invert__(self) -> Variable: ...
        def __divmod__(self, other: object) -> tuple[Variable, Variable]: ...
        def __getitem__(self, index: Any) -> Variable: ...
        def __iter__(self) -> Iterator[Variable]: ...  # of what has a known length
        def __array_ufunc__(self, ufunc: Any, method: UfuncMethod, *inputs: Any, **options: Any) -> Any: ...
        def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any: ...


class Constant(Variable):
    """A value known when the graph is built. `weak`: a Python number, which takes the dtype of what
    it meets; `untyped`: a Python int whose small dtype nobody chose; `source`: the function and the variables
    that it was computed from, where a known length is among them (`rebuild` computes it again)."""

    __slots__ = ("data", "weak", "untyped", "source")

    def __init__(self, data: np.ndarray, name: str | None = None, weak: bool = False,
                 location: Location | None = None) -> None:
        super().__init__(TensorType(array_dtype(data.dtype), data.shape), name=name, location=location)
        self.data = data if data.dtype.isnative else data.astype(data.dtype.newbyteorder("="))
        self.weak, self.untyped = weak, False
        self.source: Source | None = None

    def computed(self, function: Callable[..., Variable], *inputs: Variable) -> Constant:
        """This constant, which is `function(*inputs)`: noted where that rests on the length of a variable."""
        if any(not isinstance(v, Constant) or v.source is not None for v in inputs):
            self.source = function, inputs
        return self

    def __str__(self) -> str:
        return self.name or str(self.data.tolist() if self.data.size < 8 else self.type)


Source = tuple[Callable[..., Variable], tuple[Variable, ...]]


class Op:
    """What an `Apply` does. Subclasses are frozen dataclasses of their parameters.

    `perform` is the NumPy meaning (the oracle); lowering lives in `frontend/lowering` and derivatives in
    `frontend/gradients`, each registered per op class.
    """

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    @property
    def is_cheap(self) -> bool:
        """Whether it costs about as much as reading its result from memory."""
        return False

    @property
    def only_moves_axes(self) -> bool:
        """Whether it hands on its input's elements under another order of axes."""
        return False

    @property
    def decides_shapes(self) -> bool:
        """Whether the values of scalars may decide the shape of what it gives."""
        return True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        """The types of the outputs; raises a user error where the inputs do not fit."""
        raise NotImplementedError(f"{type(self).__name__}.infer")

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        raise NotImplementedError(f"{type(self).__name__}.perform")

    def executor(self, node: Apply) -> Run:
        """`perform` for one application; overridden where the static types of its inputs matter."""
        return self.perform

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        """The length of an output's axis told from the inputs, or None where only running it tells."""
        return None

    def retyped(self, inputs: Sequence[Variable], copy: Copy) -> Op:
        """This op for inputs of other lengths; `copy` copies what an op holds."""
        return self

    def always(self, n_inputs: int) -> Sequence[int]:
        """The positions of the inputs that are needed whatever the others are."""
        return range(n_inputs)

    def is_total(self, node: Apply) -> bool:
        """Whether an application never fails, whatever the values of its inputs are."""
        return False

    def is_finite(self, node: Apply) -> bool:
        """Whether finite inputs give finite outputs; that large sums and products overflow is aside."""
        return True

    def apply(self, *inputs: Variable) -> list[Variable]:
        """The outputs of this op on `inputs`."""
        node = Apply(self, inputs, self.infer(*inputs))
        for watch in watchers:
            watch(node)
        return node.outputs

    def __call__(self, *inputs: Variable) -> Variable:
        """The one output of this op on `inputs`."""
        (output,) = self.apply(*inputs)
        return output


watchers: list[Callable[[Apply], None]] = []  # see every application that a user's call makes


serials = itertools.count()


class Apply:
    """One application of an op. `serial` grows from one to the next."""

    __slots__ = ("op", "inputs", "outputs", "location", "serial")

    def __init__(self, op: Op, inputs: Sequence[Variable], types: Sequence[TensorType],
                 location: Location | None = None) -> None:
        self.op = op
        self.inputs = list(inputs)
        self.location = location or user_location()
        self.serial = next(serials)
        self.outputs = [t.variable(self, i, location=self.location) for i, t in enumerate(types)]


def ancestors(outputs: Iterable[Variable], stop: Iterable[Variable] = ()) -> Iterator[Variable]:
    """Every variable that `outputs` depend on, inputs before their users; nothing beyond `stop`."""
    blocked = stop if isinstance(stop, set | dict) else set(stop)
    seen: set[Variable] = set()
    stack: list[Variable | None] = list(reversed(list(outputs)))  # None: what is under it has come with its inputs
    while stack:
        var = stack.pop()
        if var is None:
            yield stack.pop()  # type: ignore[misc]
        elif var not in seen:
            seen.add(var)
            if var.owner is None or var in blocked:
                yield var
            else:
                stack += (var, None)
                stack += [v for v in reversed(var.owner.inputs) if v not in seen]


def mention(results: Iterable[Variable], *written: Variable) -> None:
    """Note that `results` were written with `written`, whether or not their graphs hold them."""
    for var in dict.fromkeys(results):
        if var.owner is not None or isinstance(var, Constant):
            var.mentions += written


def mentioned(outputs: Iterable[Variable], stop: Iterable[Variable] = ()) -> set[Variable]:
    """The ancestors of `outputs`, and those of all that these were written with."""
    found: set[Variable] = set()
    blocked, fresh = set(stop), set(outputs)
    while fresh:
        reached = set(ancestors(fresh, stop=blocked | found))
        found |= reached
        fresh = set(written_with(reached)) - found
    return found


def written_with(variables: Iterable[Variable]) -> Iterator[Variable]:
    """What `variables` mention, and what those that are constants were computed from."""
    for var in variables:
        yield from var.mentions
        if isinstance(var, Constant) and var.source is not None:
            yield from var.source[1]


def applies(outputs: Iterable[Variable], stop: Iterable[Variable] = ()) -> list[Apply]:
    """The applications that compute `outputs`, in an order that can be run."""
    blocked = set(stop)
    order: dict[Apply, None] = {}
    for var in ancestors(outputs, blocked):
        if var.owner is not None and var not in blocked:
            order.setdefault(var.owner)
    return list(order)


def leaves(outputs: Iterable[Variable], stop: Iterable[Variable] = ()) -> list[Variable]:
    """Inputs, shared variables and constants that `outputs` rest on."""
    blocked = set(stop)
    return [v for v in ancestors(outputs, blocked) if v.owner is None or v in blocked]


def equal_computations(
    xs: Sequence[Variable], ys: Sequence[Variable],
    in_xs: Sequence[Variable] = (), in_ys: Sequence[Variable] = (),
) -> bool:
    """Whether `xs` and `ys` are the same ops on the same variables, each of `in_xs` standing for one of `in_ys`."""
    if len(xs) != len(ys) or len(in_xs) != len(in_ys):
        return False
    stands_for, inner = dict(zip(in_xs, in_ys, strict=True)), set(in_ys)
    pending = list(zip(xs, ys, strict=True))
    seen = set(pending)
    while pending:
        x, y = pending.pop()
        if x in stands_for or y in inner:
            same = stands_for.get(x) is y
        elif isinstance(x, Constant) and isinstance(y, Constant):
            same = x.type == y.type and np.array_equal(x.data, y.data, equal_nan=x.dtype[0] in "fc")
        elif x is y or x.owner is None or y.owner is None:
            same = x is y
        else:
            same = x.index == y.index and x.owner.op == y.owner.op and len(x.owner.inputs) == len(y.owner.inputs)
            fresh = [pair for pair in zip(x.owner.inputs, y.owner.inputs, strict=False) if pair not in seen]
            pending += fresh
            seen.update(fresh)
        if not same:
            return False
    return True


Copy = Callable[[Sequence[Variable], dict[Variable, Variable]], list[Variable]]


def rebuild(outputs: Sequence[Variable], replace: dict[Variable, Variable]) -> list[Variable]:
    """Copies of `outputs` in which each key of `replace` stands as its value.

    Parts that do not depend on a key are shared with the original, not copied. Where the known lengths of a key
    and of its value differ, what was computed from the key's is computed again.
    """
    moved = any(old.type.shape != new.type.shape for old, new in replace.items())
    return _rebuild(outputs, dict(replace), moved)


def rebuild_into(outputs: Sequence[Variable], memo: dict[Variable, Variable]) -> list[Variable]:
    """`rebuild` in parts: `memo` has what stands for what by now, and gains the copies that are made."""
    return _rebuild(outputs, memo, moved=False)


def _rebuild(outputs: Sequence[Variable], memo: dict[Variable, Variable], moved: bool) -> list[Variable]:
    """`rebuild`, where `memo` has the copies of what is copied already; `moved`: lengths change."""
    for var in ancestors(outputs, stop=memo):
        if var in memo:
            continue
        node = var.owner
        if moved and isinstance(var, Constant) and var.source is not None:
            memo[var] = _computed_again(var, var.source, memo)
        elif node is None or all(memo[v] is v for v in node.inputs):
            memo[var] = var
        else:
            _copy(node, memo, moved)
    return [memo[v] for v in outputs]


def _computed_again(constant: Constant, source: Source, memo: dict[Variable, Variable]) -> Variable:
    function, inputs = source
    copies = _rebuild(inputs, memo, moved=True)
    return constant if all(v is w for v, w in zip(inputs, copies, strict=True)) else function(*copies)


def _copy(node: Apply, memo: dict[Variable, Variable], moved: bool) -> None:
    inputs = [memo[v] for v in node.inputs]

    def copy_held(held: Sequence[Variable], replace: dict[Variable, Variable]) -> list[Variable]:
        memo.update(replace)  # a scan's gradient may be made of lengths of the scan's own variables
        return _rebuild(held, dict(memo), moved)

    op = node.op.retyped(inputs, copy_held) if moved else node.op
    copy = Apply(op, inputs, op.infer(*inputs), node.location)
    for old, new in zip(node.outputs, copy.outputs, strict=True):
        new.name, new.mentions = old.name, tuple(memo.get(v, v) for v in old.mentions)
        memo.setdefault(old, new)
