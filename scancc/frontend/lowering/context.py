"""The state of lowering one function, and what all lowerings share: sizes, checks, broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from scancc.errors import MissingInputError, UnsupportedError
from scancc.fast_math import DEFAULT, FastMath
from scancc.frontend.graph import variables as graph
from scancc.frontend.graph.variables import Apply, Constant, Variable, applies
from scancc.frontend.ops.branches import find_uses
from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Attributes, Block, Op, Region, Value, clone_op, module
from scancc.ir.extents import Extents, require
from scancc.ir.fast_math import allow
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.shapes import dynamic_dims

Lower = Callable[["Lowering", Apply], Sequence[Value]]
LOWERINGS: dict[type, Lower] = {}


def lowers(*classes: type) -> Callable[[Lower], Lower]:
    def register(function: Lower) -> Lower:
        for cls in classes:
            LOWERINGS[cls] = function
        return function
    return register


def lower_program(name: str, inputs: Sequence[Variable], outputs: Sequence[Variable],
                  fast_math: FastMath = DEFAULT) -> Op:
    """A module with the function `name` of `inputs` that returns `outputs`; `fast_math` may change its numbers."""
    block = Block(ir_type(v.type) for v in inputs)
    lowering = Lowering(Builder(block))
    for var, arg in zip(inputs, block.args, strict=True):
        lowering.add_input(var, arg)
    results = lowering.values(outputs)
    for var, value in zip(outputs, results, strict=True):
        value.name = value.name or var.name
    lowering.b.make("func.return", results)
    type = t.FunctionType(tuple(a.type for a in block.args), tuple(v.type for v in results))
    func = Op("func.func", attrs={"sym_name": name, "function_type": type}, regions=[Region([block])])
    allow(func, fast_math if fast_math != DEFAULT else None)
    return module([func])


def ir_type(type: graph.TensorType) -> t.Type:
    """Rank 0 is a scalar."""
    element = t.scalar(type.dtype)
    return t.TensorType(type.shape, element) if type.shape else element


class Lowering:
    """Lowers variables on demand, each once in the block where it is first needed."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.env: dict[Variable, Value] = {}
        self.sizes: dict[Value, list[Value]] = {}
        self.limits: dict[Value, Value] = {}  # of positions: a size below which all of them lie, counted from 0
        self.extents = Extents()
        self.doing = "the program"  # the op being lowered, for messages

    # ---- variables ----

    def add_input(self, var: Variable, arg: Value) -> None:
        arg.name = var.name
        self.env[var] = arg
        if var.ndim:
            self.sizes[arg] = [
                self.b.index(n) if n is not None else self.b.op("tensor.dim", [arg, self.b.index(i)], [t.index])
                for i, n in enumerate(var.type.shape)]
            self.extents.trust(self.sizes[arg])

    def values(self, variables: Sequence[Variable]) -> list[Value]:
        """The values of `variables`, with all they depend on lowered before them; what both sides of a lazy choice
        need is needed in any case."""
        order = applies(variables, stop=self.env)
        if any(len(eager_inputs(node)) < len(node.inputs) for node in order):
            uses = find_uses(order, variables)
            order = [node for node in order if uses[node.outputs[0]] is None]
        for node in order:
            self._apply(node)
        return [self.value(v) for v in variables]

    def value(self, var: Variable) -> Value:
        if var not in self.env:
            if not isinstance(var, Constant):
                raise MissingInputError(
                    f"the graph needs {var} ({var.type}, made at {var.location}), which is neither computed "
                    "nor an input; add it to the inputs, or give it a value with givens")
            self.env[var] = self._constant(var)
        return self.env[var]

    def _constant(self, var: Constant) -> Value:
        type = ir_type(var.type)
        if not isinstance(type, t.TensorType):
            return self.b.const(_signed(var.data)[()], type)
        sizes = [self.b.index(n) for n in var.data.shape]
        first = var.data.flat[0] if var.data.size else 0
        if var.data.size and np.all(var.data.view(f"V{var.data.itemsize}") == np.asarray(first).view(
                f"V{var.data.itemsize}")):
            return self.splat(self.b.const(_signed(np.asarray(first))[()], type.element), sizes)
        return self.record(self.b.dense(_signed(var.data), type), sizes)

    def _apply(self, node: Apply) -> None:
        lower = LOWERINGS.get(type(node.op))
        if lower is None:
            raise UnsupportedError(
                f"{node.op.name} (at {node.location}) has no native code yet; use mode='reference'")
        for var in eager_inputs(node):
            self.value(var)
        if node.location is not None:
            self.b.location = (node.location.file, node.location.line, 1)
        self.doing = node.op.name
        for var, value in zip(node.outputs, lower(self, node), strict=True):
            value = self._as_known(value, var.type)
            if value.name is None or var.name is not None:
                value.name = var.name or value.name
            self.env[var] = value

    def _as_known(self, value: Value, type: graph.TensorType) -> Value:
        """`value` under a type that knows the sizes which the graph knows: one of 1 may stretch."""
        if not isinstance(value.type, t.TensorType) or not any(
                n is None and m is not None for n, m in zip(value.type.shape, type.shape, strict=True)):
            return value
        sizes = [size if m is None else self.b.index(m) for size, m in zip(self.dims(value), type.shape, strict=True)]
        return self.record(self.b.op("tensor.cast", [value], [tensor_type(sizes, value.type.element)]), sizes)

    def inputs(self, node: Apply) -> list[Value]:
        return [self.env[v] for v in node.inputs]

    # ---- sizes ----

    def record(self, value: Value, sizes: Sequence[Value]) -> Value:
        """Remember the sizes of a new tensor."""
        self.sizes[value] = list(sizes)
        return value

    def dims(self, value: Value) -> list[Value]:
        return self.sizes[value] if isinstance(value.type, t.TensorType) else []

    def tensor(self, name: str, operands: Sequence[Value], element: t.Type, sizes: Sequence[Value],
               attrs: Attributes | None = None, sized: bool = False) -> Value:
        """An op that makes a tensor of these sizes; `sized`: they are its last operands."""
        self.require_extent(sizes)
        type = tensor_type(sizes, element)
        extra = dynamic_dims(type, list(sizes)) if sized else []
        return self.record(self.b.op(name, [*operands, *extra], [type], attrs), sizes)

    def splat(self, scalar: Value, sizes: Sequence[Value]) -> Value:
        return self.tensor("tensor.splat", [scalar], scalar.type, sizes, sized=True)

    def require(self, condition: Value, error: str, message: str, *info: Value) -> None:
        """A run-time check, unless it is known to hold."""
        known = constant_of(condition)
        if known is None or not known:
            self.b.make("scan.check", [condition, *info], [], {"error": error, "message": message})

    def require_equal(self, a: Value, b: Value, message: str) -> Value:
        """A check that two sizes agree; gives the one that is known better."""
        x, y = constant_of(a), constant_of(b)
        if a is b or (x is not None and x == y):
            return a
        self.require(self.b.cmpi("eq", a, b), "ValueError", message, a, b)
        return a if x is not None or y is None else b

    def require_extent(self, sizes: Sequence[Value], computed: bool = False, error: str = "MemoryError") -> None:
        """A check that an array may have these sizes, unless that is known; `computed`: see `Extents.hold`."""
        if not self.extents.hold(sizes, computed):
            require(self.b, self.doing, sizes, error)
            self.extents.trust(sizes)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is lowered, or found, in a block is unknown after it."""
        env, extents = dict(self.env), self.extents
        self.extents = Extents(extents)
        yield
        self.env, self.extents = env, extents

    def index(self, scalar: Value) -> Value:
        return self.b.index_cast(scalar, t.index)

    # ---- broadcasting ----

    def align(self, values: Sequence[Value], what: str,
              stretches: Sequence[Sequence[bool]] | None = None) -> tuple[list[Value], list[Value]]:
        """Tensors of one rank stretched to common sizes.

        `stretches`: for each, which axes may stretch; by default those of static size 1.
        """
        if stretches is None:
            stretches = [[n == 1 for n in v.type.shape] for v in values]  # type: ignore[attr-defined]
        rank = len(self.dims(values[0]))
        sizes = [self._common([v for v, s in zip(values, stretches, strict=True) if not s[axis]], axis, what)
                 for axis in range(rank)]
        return [self.stretch(v, sizes) for v in values], sizes

    def _common(self, values: Sequence[Value], axis: int, what: str) -> Value:
        """The size on which all that do not stretch agree."""
        candidates = [self.dims(v)[axis] for v in values]
        if not candidates:
            return self.b.index(1)
        size = candidates[0]
        for other in candidates[1:]:
            size = self.require_equal(
                size, other, f"{what}: operands have lengths {{0}} and {{1}} along axis {axis}; they must "
                "agree (an axis broadcasts only where its length is known to be 1)")
        return size

    def stretch(self, value: Value, sizes: Sequence[Value]) -> Value:
        """`value` with axes of static size 1 repeated up to `sizes`, under the type of these sizes."""
        type = tensor_type(sizes, t.element(value.type))
        assert isinstance(value.type, t.TensorType)
        if value.type.shape == type.shape:
            return value
        if all(n != 1 or m == 1 for n, m in zip(value.type.shape, type.shape, strict=True)):
            return self.record(self.b.op("tensor.cast", [value], [type]), sizes)
        axes = t.DenseArray(t.i64, tuple(range(len(sizes))))
        return self.tensor("scan.broadcast", [value], type.element, sizes, {"axes": axes}, sized=True)

    def cast_type(self, value: Value, type: t.Type) -> Value:
        """`value` under a type that knows more or less of its shape."""
        if value.type == type:
            return value
        return self.record(self.b.op("tensor.cast", [value], [type]), self.dims(value))

    # ---- elementwise ----

    def pointwise(self, function: Callable[..., Value], operands: Sequence[Value]) -> Value:
        """`function(b, *scalars)` on each element of tensors of equal sizes (or on scalars)."""
        shaped = [v for v in operands if isinstance(v.type, t.TensorType)]
        if not shaped:
            return function(self.b, *operands)
        sizes = self.dims(shaped[0])
        body = Block(t.element(v.type) for v in operands)
        scalars = [arg if isinstance(v.type, t.TensorType) else v
                   for arg, v in zip(body.args, operands, strict=True)]
        with self.b.at(body):
            result = function(self.b, *scalars)
        if result in body.args:
            return operands[body.args.index(result)]
        single = self._as_tensor_op(body, result, operands, sizes)
        return single if single is not None else self._nest(body, result, operands, sizes)

    def _as_tensor_op(self, body: Block, result: Value, operands: Sequence[Value],
                      sizes: list[Value]) -> Value | None:
        """A body of one op becomes that op on tensors."""
        op = body.ops[0] if len(body.ops) == 1 else None
        if op is None or op.result is not result or not has_trait(op, ELEMENTWISE):
            return None
        mapping = dict(zip(body.args, operands, strict=True))
        if any(v in body.args and not isinstance(mapping[v].type, t.TensorType) for v in op.operands):
            return None
        if any(v not in body.args for v in op.operands):
            return None
        operands = [mapping[v] for v in op.operands]
        return self.tensor(op.name, operands, result.type, sizes, dict(op.attrs))

    def _nest(self, body: Block, result: Value, operands: Sequence[Value], sizes: list[Value]) -> Value:
        """A loop nest over the tensors among `operands`."""
        block, mapping, inputs = Block(), {}, []
        for arg, value in zip(body.args, operands, strict=True):
            if isinstance(value.type, t.TensorType):
                inputs.append(value)
                mapping[arg] = block.add_arg(arg.type, value.name)
        block.add_arg(result.type)
        for op in body.ops:
            clone_op(op, mapping, block.append)
            op.operands = []
        Builder(block, location=self.b.location).make("linalg.yield", [mapping.get(result, result)])
        type = tensor_type(sizes, result.type)
        empty = self.b.op("tensor.empty", dynamic_dims(type, sizes), [type])
        identity = t.AffineMap(len(sizes), tuple(range(len(sizes))))
        attrs = {"indexing_maps": [identity] * (len(inputs) + 1), "iterator_types": [t.PARALLEL] * len(sizes)}
        made = self.b.grouped("linalg.generic", {"inputs": inputs, "outputs": [empty]}, [type], attrs,
                              [Region([block])])
        return self.record(made.result, sizes)


def eager_inputs(node: Apply) -> list[Variable]:
    """The inputs that are needed whatever happens: of a lazy choice, not its sides."""
    return [node.inputs[i] for i in node.op.always(len(node.inputs))]


def tensor_type(sizes: Sequence[Value], element: t.Type) -> t.TensorType:
    """The type that knows what the sizes know."""
    return t.TensorType(tuple(constant_of(s) for s in sizes), element)


def _signed(data: np.ndarray) -> np.ndarray:
    """Unsigned integers as the signed ones of the same bits: the IR's integers have no sign."""
    return data.view(data.dtype.str.replace("u", "i")) if data.dtype.kind == "u" else data
