"""Bring elementwise chains, broadcasts, reductions and products into `linalg.generic` loop nests.

    %s = tensor.splat(%c)             %r = linalg.generic ins(%x) outs(tensor.empty) {
    %d = arith.subf(%x, %s)      ->     ^bb0(%e, %_):
    %q = arith.mulf(%d, %d)               %d = arith.subf(%e, %c)
                                          %q = arith.mulf(%d, %d)
                                          linalg.yield(%q)  }

Why: a chain then is one loop without arrays between its parts, and every later pass knows one form.
What becomes a loop nest of its own (a root): a value that something other than a chain reads (a
slice, a scan, the function's end), that two different roots read, or that an inner region reads.
Broadcasts, transposes, splats and iotas are free: they vanish into the maps of their readers.
Conservative: never recomputes work, and never moves work into a region that runs more often.
Cost: linear in the ops. Runs after `licm`, so that invariant chains are roots outside the loop.
Source: the producer-consumer fusion of Halide (Ragan-Kelley et al., PLDI 2013) without recomputation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder, array_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import ELEMENTWISE, group, has_trait, operand
from scancc.ir.parts import Nest, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.late_dataclasses import dataclass

FREE = ("tensor.splat", "scan.broadcast", "scan.transpose", "scan.iota", "tensor.cast")
REDUCING = ("scan.reduce", "scan.dot", "scan.batch_dot")
Access = tuple[int | None, ...]  # for each axis of a value, the loop dimension that indexes it


def fuse(module: Op) -> None:
    """Fuse all blocks of all functions."""
    blocks = [block for op in module.walk() for region in op.regions for block in region.blocks
              if op.name not in ("builtin.module", "linalg.generic")]
    for block in blocks:
        fuse_block(block)
    for block in reversed(blocks):  # what only inner regions read, all of which took it in
        _remove_dead(block)
    for op in list(module.walk()):  # free for readers in inner regions, but not all of them took it in
        if op.name in FREE and op.name not in ("tensor.splat", "tensor.cast") and op.result.uses:
            _make_generic(op, {op: None})


def fuse_block(block: Block) -> None:
    roots = _roots(block)
    for op in list(block.ops):
        if op in roots:
            if op.name == "tensor.splat":
                _keep_starts(op, Builder(block, op))
            _make_generic(op, roots)
    _remove_dead(block)


def _keep_starts(splat: Op, b: Builder) -> None:
    """Nests that begin with a number begin with it, also where others need the array that it fills."""
    for user in list(splat.result.uses):
        if user.name == "linalg.generic" and _starts_from(user, splat.result):
            user.replace_operand(splat.result, clone_op(splat, {}, b.insert).result)


def is_chain(op: Op) -> bool:
    """True for ops on tensors that can be computed one element at a time."""
    if not op.results or not isinstance(op.results[0].type, t.TensorType):
        return False
    return op.name in FREE or has_trait(op, ELEMENTWISE) or op.name == "scan.gather" or _is_pointwise_nest(op)


def _is_pointwise_nest(op: Op) -> bool:
    """A loop nest that computes each element of one result by itself."""
    if op.name != "linalg.generic" or len(op.results) != 1:
        return False
    nest = Nest(op)
    return nest.is_parallel and nest.writes[0].dims == nest.identity


def _roots(block: Block) -> dict[Op, None]:
    """The ops of `block` that become loop nests, found from the last to the first."""
    root_of: dict[Op, set[Op | None]] = {}  # op -> the roots into which it would be inlined, see _targets
    roots: set[Op] = set()
    for op in reversed(block.ops):
        if op.name in REDUCING:
            roots.add(op)
            root_of[op] = {op}
        elif is_chain(op):
            targets = _targets(op, block, root_of)
            if (len(targets) > 1 or None in targets) and op.name not in FREE or op in targets:
                roots.add(op)
                targets = {op}
            root_of[op] = targets
    return {op: None for op in block.ops if op in roots}


def _targets(op: Op, block: Block, root_of: dict[Op, set[Op | None]]) -> set[Op | None]:
    """Roots of all readers; `op` itself where a reader needs it in memory; None where an inner region reads
    it, which may take what is free from outside but nothing that is computed."""
    targets: set[Op | None] = set()
    for user in op.result.uses:
        if op.name == "tensor.splat" and user not in root_of and _starts_from(user, op.result):
            continue
        if user.parent is not block:
            free_inside = op.name in FREE and is_chain(user)
            targets.add(None if free_inside else op)
        elif user in root_of and _reads_by_element(user, op):
            targets |= root_of[user]
        else:
            targets.add(op)
    return targets


def _starts_from(user: Op, value: Value) -> bool:
    """True if a scan or a loop nest only begins with `value`, for which it needs the number that fills it."""
    if user.name == "linalg.generic":
        return value not in Nest(user).inputs
    return user.name == "scan.scan" and value not in ScanView(user).xs


def _reads_by_element(user: Op, producer: Op) -> bool:
    """True if `user` reads each element of `producer` about once, so that inlining repeats no work."""
    if user.name in ("scan.dot", "scan.batch_dot"):
        ranks = [len(v.type.shape) for v in user.operands]  # type: ignore[attr-defined]
        return producer.name in FREE or ranks == [1, 1]
    if user.name == "scan.gather" and producer.result is operand(user, "source"):
        return False
    if user.name == "scan.broadcast" and producer.name not in FREE:
        return _broadcast_keeps_work(user)
    if user.name == "linalg.generic" and producer.name not in FREE:
        nest = Nest(user)
        return all(None not in access.dims and len(access.dims) == len(nest.kinds)
                   for access in [*nest.reads, *nest.writes] if access.value is producer.result)
    return True


def _broadcast_keeps_work(op: Op) -> bool:
    """A broadcast that only adds axes of size 1 repeats nothing."""
    source, result = op.operands[0].type, op.result.type
    assert isinstance(source, t.TensorType) and isinstance(result, t.TensorType)
    axes = op.attrs["axes"].values
    added = [n for axis, n in enumerate(result.shape) if axis not in axes]
    stretched = any(n == 1 and result.shape[axis] != 1 for n, axis in zip(source.shape, axes, strict=True))
    return not stretched and all(n == 1 for n in added)


# ---- building one loop nest ----


@dataclass
class _Nest:
    """A `linalg.generic` under construction."""

    roots: dict[Op, None]
    n_dims: int
    body: Builder
    outer: Builder
    inputs: list[tuple[Value, Access]] = field(default_factory=list)
    args: dict[tuple[Value, Access], Value] = field(default_factory=dict)
    memo: dict[tuple[Value, Access], Value] = field(default_factory=dict)
    block: Block = field(default_factory=Block)
    n_inlined: int = 0

    def element(self, value: Value, access: Access) -> Value:
        """The element of `value` at the loop counters given by `access`."""
        key = (value, access)
        if key not in self.memo:
            for part in self._parts(value, access):
                self.memo[part, access] = self._element(part, access)
        return self.memo[key]

    def _parts(self, value: Value, access: Access) -> list[Value]:
        """The elementwise results that `value` is made of and that are not there yet, operands first, and `value`:
        a chain of them may be longer than Python's stack."""
        order: dict[Value, None] = {}
        stack = [(value, False)]
        while stack:
            part, ready = stack.pop()
            if ready:
                order[part] = None
            elif part not in order and (part, access) not in self.memo:
                stack.append((part, True))
                if self._is_inlined(part) and has_trait(part.op, ELEMENTWISE):  # type: ignore[arg-type]
                    stack += [(v, False) for v in reversed(part.op.operands)  # type: ignore[union-attr]
                              if isinstance(v.type, t.TensorType) and v.op is not None and v.op.name not in FREE]
        return list(order)

    def _is_inlined(self, value: Value) -> bool:
        return value.op is not None and value.op.parent is self.outer.block and value.op not in self.roots

    def _element(self, value: Value, access: Access) -> Value:
        op = value.op
        if op is not None and op.name in FREE:
            return self._free(op, access)
        inline = self._is_inlined(value)
        if op is not None and inline and has_trait(op, ELEMENTWISE):
            return self._elementwise(op, access)
        if op is not None and inline and op.name == "scan.gather":
            return self.gather(op, access)
        if op is not None and inline and _is_pointwise_nest(op):
            return self.nested(op, access)
        constant = array_of(value)
        if constant is not None and constant.size == 1:
            return self.body.const(constant.reshape(()), t.element(value.type))
        return self._input(value, access)

    def _elementwise(self, op: Op, access: Access) -> Value:
        self.n_inlined += 1
        operands = [self.element(v, access) if isinstance(v.type, t.TensorType) else v
                    for v in op.operands]
        self.body.location = op.location
        made = self.body.make(op.name, operands, [t.element(op.result.type)], dict(op.attrs))
        made.result.name = op.result.name
        return made.result

    def nested(self, op: Op, access: Access) -> Value:
        """The body of another loop nest at one position."""
        mapping: dict[Value, Value] = {}
        for read in Nest(op).reads:
            if read.arg.uses:
                mapping[read.arg] = self.element(
                    read.value, tuple(None if d is None else access[d] for d in read.dims))
        for inner in op.body.ops[:-1]:
            if inner.name == "linalg.index":
                mapping[inner.result] = self.counter(access[inner.attrs["dim"].value])
            else:
                clone_op(inner, mapping, self.body.insert)
                self.n_inlined += 1
        (result,) = Nest(op).elements
        return mapping.get(result, result)

    def _free(self, op: Op, access: Access) -> Value:
        source = op.operands[0]
        if op.name == "tensor.splat":
            return source
        if op.name == "tensor.cast":
            return self.element(source, access)
        if op.name == "scan.transpose":
            inner: list[int | None] = [None] * len(access)
            for axis, origin in enumerate(op.attrs["permutation"].values):
                inner[origin] = access[axis]
            return self.element(source, tuple(inner))
        if op.name == "scan.broadcast":
            assert isinstance(source.type, t.TensorType)
            return self.element(source, tuple(
                None if n == 1 else access[axis]
                for n, axis in zip(source.type.shape, op.attrs["axes"].values, strict=True)))
        return self._iota(op, access)

    def _iota(self, op: Op, access: Access) -> Value:
        start, step = operand(op, "start"), operand(op, "step")
        kind = t.element(op.result.type)
        counter = self.counter(access[0])
        if isinstance(kind, t.FloatType):
            number = self.body.op("arith.sitofp", [self.body.index_cast(counter, t.i64)], [kind])
            product = self.body.mulf(number, step)  # rounded by itself, as NumPy's `arange` has it
            return self.body.op("arith.addf", [start, product], [kind], {"exact": True})
        return self.body.addi(start, self.body.muli(self.body.index_cast(counter, kind), step))

    def counter(self, dim: int | None) -> Value:
        if dim is None:
            return self.body.index(0)
        key = (dim,)
        if key not in self.memo:  # type: ignore[comparison-overlap]
            self.memo[key] = self.body.op(  # type: ignore[index]
                "linalg.index", [], [t.index], {"dim": t.IntAttr(dim, t.i64)})
        return self.memo[key]  # type: ignore[index]

    def gather(self, op: Op, access: Access) -> Value:
        """source[before..., indices..., after...] with the counters of each part."""
        source, indices = operand(op, "source"), group(op, "indices")
        axes = op.attrs["axes"].values
        rank = len(indices[0].type.shape)  # type: ignore[attr-defined]
        at = access[axes[0]:axes[0] + rank]
        picked = [self.body.index_cast(self.element(v, at), t.index) for v in indices]
        before = [self.counter(d) for d in access[:axes[0]]]
        after = [self.counter(d) for d in access[axes[0] + rank:]]
        return self.body.op("tensor.extract", [source, *before, *picked, *after],
                            [t.element(source.type)])

    def _input(self, value: Value, access: Access) -> Value:
        key = (value, access)
        if key not in self.args:
            self.inputs.append(key)
            self.args[key] = self.block.add_arg(t.element(value.type), value.name)
        return self.args[key]


def _make_generic(op: Op, roots: dict[Op, None]) -> None:
    block = op.parent
    assert block is not None
    outer = Builder(block, op, op.location)
    body = Block()
    del roots[op]
    nest = _Nest(roots, 0, Builder(body, location=op.location), outer, block=body)
    if op.name in REDUCING:
        result = _reduction(op, nest)
    else:
        result = _pointwise(op, nest)
    if nest.n_inlined > 1:
        remark("fuse", op, True, f"{nest.n_inlined} elementwise ops became one loop over "
               f"{len(nest.inputs)} arrays")
    if result.op is not None:
        roots[result.op] = None  # made already: its readers do not make it again
    op.replace_by([result])


def _pointwise(op: Op, nest: _Nest) -> Value:
    type = op.result.type
    assert isinstance(type, t.TensorType)
    rank = len(type.shape)
    identity = tuple(range(rank))
    value = _value_at(op, nest, identity)
    out = nest.outer.op("tensor.empty", dynamic_dims(type, dims_of(nest.outer, op.result)), [type])
    return _finish(op, nest, out, identity, rank, (), value)


def _value_at(op: Op, nest: _Nest, access: Access) -> Value:
    if op.name == "scan.gather":
        return nest.gather(op, access)
    if op.name == "linalg.generic":
        return nest.nested(op, access)
    return nest._elementwise(op, access) if has_trait(op, ELEMENTWISE) else nest._free(op, access)


def _finish(op: Op, nest: _Nest, out: Value, out_map: Access, n_dims: int, reduced: Sequence[int],
            value: Value) -> Value:
    """Close the body and insert the nest."""
    nest.body.make("linalg.yield", [value])
    if len(nest.block.args) == len(nest.inputs):
        nest.block.add_arg(t.element(out.type))
    maps = [t.AffineMap(n_dims, access) for _, access in nest.inputs] + [t.AffineMap(n_dims, out_map)]
    kinds = [t.REDUCTION if d in reduced else t.PARALLEL for d in range(n_dims)]
    generic = nest.outer.grouped(
        "linalg.generic", {"inputs": [v for v, _ in nest.inputs], "outputs": [out]}, [out.type],
        {"indexing_maps": maps, "iterator_types": kinds}, [Region([nest.block])])
    generic.result.name = op.result.name
    return generic.result


def _reduction(op: Op, nest: _Nest) -> Value:
    if op.name == "scan.reduce":
        source = op.operands[0]
        axes = op.attrs["axes"].values
        rank = len(source.type.shape)  # type: ignore[attr-defined]
        kept = [d for d in range(rank) if d not in axes]
        # Parallel dimensions first, then the reduced ones, in order.
        number = {d: i for i, d in enumerate([*kept, *axes])}
        accesses = [(source, tuple(number[d] for d in range(rank)))]
        return _accumulate(op, nest, accesses, len(kept), rank, str(op.attrs["kind"]))
    lhs, rhs = op.operands
    maps = _product_maps(op)
    n_dims = 1 + max(d for access in maps for d in access)
    return _accumulate(op, nest, list(zip((lhs, rhs), maps, strict=True)), n_dims - 1, n_dims, "sum")


def _product_maps(op: Op) -> list[tuple[int, ...]]:
    """Loop dimensions of both factors; the last one is summed over."""
    ranks = tuple(len(v.type.shape) for v in op.operands)  # type: ignore[attr-defined]
    if op.name == "scan.batch_dot":
        return [(0, 1, 3), (0, 3, 2)]
    maps: dict[tuple[int, ...], list[tuple[int, ...]]] = {
        (1, 1): [(0,), (0,)], (1, 2): [(1,), (1, 0)], (2, 1): [(0, 1), (1,)], (2, 2): [(0, 2), (2, 1)]}
    return maps[ranks]


def _accumulate(op: Op, nest: _Nest, accesses: Sequence[tuple[Value, Access]], n_parallel: int,
                n_dims: int, kind: str) -> Value:
    """A nest that combines products of elements (or elements) into the result."""
    result = op.result.type
    element = t.element(result)
    b = nest.outer
    shape = result.shape if isinstance(result, t.TensorType) else ()
    start, combine = combiner(b, kind, element, nest, is_exact(op))
    factors = [nest.element(v, access) for v, access in accesses]
    _cover_sizes(nest, accesses)
    running = nest.block.add_arg(element, "acc")
    value = factors[0] if len(factors) == 1 else _multiply(nest.body, *factors)
    value = combine(running, value)
    type = t.TensorType(shape, element)
    dims = dims_of(b, op.result) if shape else []
    out = b.op("tensor.splat", [start, *dynamic_dims(type, dims)], [type])
    made = _finish(op, nest, out, tuple(range(n_parallel)), n_dims, range(n_parallel, n_dims), value)
    return made if shape else b.op("tensor.extract", [made], [element])


def _cover_sizes(nest: _Nest, accesses: Sequence[tuple[Value, Access]]) -> None:
    """Give the nest an input of no content for each factor whose sizes no other input shows."""
    covered = {d for _, access in nest.inputs for d in access}
    for value, access in accesses:
        if not set(access) <= covered:
            assert isinstance(value.type, t.TensorType)
            dims = dynamic_dims(value.type, dims_of(nest.outer, value))
            nest._input(nest.outer.op("tensor.empty", dims, [value.type]), access)
            covered |= set(access)


def _multiply(b: Builder, x: Value, y: Value) -> Value:
    if t.is_complex(x.type):
        return b.op("complex.mul", [x, y], [x.type])
    if t.element(x.type) == t.i1:
        return b.op("arith.andi", [x, y], [x.type])
    return b.mulf(x, y) if t.is_float(x.type) else b.muli(x, y)


def combiner(b: Builder, kind: str, element: t.Type, nest: _Nest, exact: bool):  # type: ignore[no-untyped-def]
    """Start value and combining function of a reduction; `exact`: in the order written."""
    start, name = combination(kind, element)
    attrs = {"exact": True} if exact else {}
    return b.const(start, element), lambda x, y: nest.body.op(name, [x, y], [x.type], attrs)


def combination(kind: str, element: t.Type) -> tuple[object, str]:
    """What a reduction starts from, and the op that combines."""
    family = "complex" if t.is_complex(element) else "float" if t.is_float(element) else (
        "bool" if element == t.i1 else "int")
    unsigned = kind.endswith("u")
    name, start = _COMBINE[family, kind.removesuffix("u")]
    if start in ("low", "high"):
        start = _extreme(element, start == "low", unsigned)
        if family == "int" and unsigned:
            name = name.replace("si", "ui")
    return start, name


_COMBINE: dict[tuple[str, str], tuple[str, object]] = {
    ("float", "sum"): ("arith.addf", 0.0), ("float", "prod"): ("arith.mulf", 1.0),
    ("float", "max"): ("arith.maximumf", float("-inf")), ("float", "min"): ("arith.minimumf", float("inf")),
    ("int", "sum"): ("arith.addi", 0), ("int", "prod"): ("arith.muli", 1),
    ("int", "max"): ("arith.maxsi", "low"), ("int", "min"): ("arith.minsi", "high"),
    ("bool", "all"): ("arith.andi", 1), ("bool", "any"): ("arith.ori", 0),
    ("bool", "max"): ("arith.ori", 0), ("bool", "min"): ("arith.andi", 1),
    ("bool", "sum"): ("arith.ori", 0), ("bool", "prod"): ("arith.andi", 1),
    ("complex", "sum"): ("complex.add", 0.0), ("complex", "prod"): ("complex.mul", 1.0),
}


def _extreme(element: t.Type, low: bool, unsigned: bool) -> int:
    assert isinstance(element, t.IntType)
    if unsigned:
        return 0 if low else -1
    return -(1 << (element.width - 1)) if low else (1 << (element.width - 1)) - 1


def _remove_dead(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if is_chain(op) and not op.result.uses:
            op.erase()
