"""When two scans are better left apart, though they could be one."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.equalities import equal_sizes
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import Nest, ScanView
from scancc.ir.shapes import dims_of

_MAX_OPS = 400       # of the step of both: what a core can look ahead over, and LLVM compiles at once
_SMALL = 32 * 1024   # bytes of operands that stay in the nearest cache beside others
_DENSE = ("scan.dot", "scan.batch_dot", "scan.solve", "scan.factor", "scan.cholesky_gradient", "scan.slogdet",
          "scan.eigh", "scan.svd", "scan.qr", "scan.sort")
_PER_ELEMENT = ("tensor.splat", "tensor.empty", "tensor.cast", "scan.broadcast", "arith.constant")


def reason_against(first: Op, second: Op, n_between: int) -> str | None:
    """Why one loop would not be faster than two; None where it is. `n_between` ops come into the step."""
    n_ops = n_between + sum(len(list(op.walk())) for op in (first, second))
    if n_ops > _MAX_OPS:
        return f"their step would have {n_ops} ops, more than {_MAX_OPS}"
    lanes = _has_lanes(first), _has_lanes(second)
    if any(lanes) and not (all(lanes) and _equal_states(first, second)):
        return "one of them runs each element of its state by itself, with that in a register; the other does not"
    if _is_dense(first) and _is_dense(second):
        return "each keeps a matrix in cache, which the other's would drive out"
    return None


def _is_dense(scan: Op) -> bool:
    """True where a step reads large arrays that come back in each step."""
    return any(op.name in _DENSE and not all(map(_is_small, op.operands)) for op in scan.walk())


def _is_small(value: Value) -> bool:
    type = value.type
    if not isinstance(type, t.TensorType):
        return True
    n_bytes = 8
    for n in type.shape:
        if n is None:
            return False
        n_bytes *= n
    return n_bytes <= _SMALL


def _has_lanes(op: Op) -> bool:
    """True where `lanes` will bring the elements of the state outside time: as far as can be told before `fuse`."""
    scan = ScanView(op)
    states = [v for v in scan.init if isinstance(v.type, t.TensorType)]
    if not states or scan.until or any(depth != 1 for depth in scan.depths):
        return False
    if any(isinstance(v.type, t.TensorType) for v in [*scan.x_args, *scan.row_values]):
        return False
    return all(_works_by_element(inner) for inner in op.body.ops[:-1])


def _works_by_element(op: Op) -> bool:
    if op.name == "linalg.generic":
        return Nest(op).is_parallel
    return has_trait(op, ELEMENTWISE) or op.name in _PER_ELEMENT


def _equal_states(first: Op, second: Op) -> bool:
    """True where all array states have one shape."""
    assert first.parent is not None
    b = Builder(first.parent, first, first.location)
    sizes = [dims_of(b, v) for op in (first, second) for v in ScanView(op).init if isinstance(v.type, t.TensorType)]
    return all(len(row) == len(sizes[0]) and all(equal_sizes(x, y, first) for x, y in zip(row, sizes[0], strict=True))
               for row in sizes)


def multiplies_rows(scan: Op, args: list[Value]) -> bool:
    """True where a step multiplies rows of these sequences by a large matrix that does not change: of all rows
    together that is one product of matrices."""
    rows = set(args)
    for op in scan.body.ops[:-1]:
        if rows.isdisjoint(op.operands):
            continue
        if op.name == "scan.dot" and any(not defined_in(v, scan.body) and not _is_small(v) for v in op.operands):
            return True
        if has_trait(op, ELEMENTWISE) or op.name in _PER_ELEMENT:
            rows.update(op.results)
    return False
