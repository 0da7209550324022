"""scan: what upstream MLIR lacks. The recurrence itself, and tensor ops with value semantics."""

from __future__ import annotations

from ..core import Op
from ..ops import CHECKS, PLACED, PURE, READS, TERMINATOR, WRITES, Dialect
from ..parts import ScanView
from ..types import TensorType, Type, i1, index

scan = Dialect("scan")


def _check_scan(op: Op) -> str | None:
    parts = ScanView(op)
    n_init, n_ys, until = len(parts.init), len(parts.rows), parts.until
    if len(op.body.args) != 1 + len(parts.xs) + n_init:
        return "the step must have a counter, one argument for each x and one for each carry"
    if len(op.results) != n_init + n_ys + until:
        return "results must be the final carries, the ys, and with `until` the steps executed"
    last = op.body.terminator
    if last.name != "scan.yield" or len(last.operands) != n_init + n_ys + until:
        return "scan.yield must give the next carries, a row of each y, and with `until` the stop condition"
    if len(op.attrs["depths"]) != n_init:
        return "depths must have one entry for each carry"
    return _check_xs(parts) or _check_carries(parts) or _check_ys(parts)


def row_type(type: Type) -> Type:
    """The type of a row of a tensor."""
    assert isinstance(type, TensorType)
    return TensorType(type.shape[1:], type.element) if len(type.shape) > 1 else type.element


def _check_xs(parts: ScanView) -> str | None:
    if parts.length.type != index or parts.counter.type != index:
        return "the length and the counter must be of type index"
    for number, (x, arg) in enumerate(zip(parts.xs, parts.x_args, strict=True)):
        if row_type(x.type) != arg.type:
            return f"x {number} is {x.type}, its argument {arg.type}; that must be a row of it"
    return None


def _check_carries(parts: ScanView) -> str | None:
    carries = zip(parts.init, parts.carry_args, parts.next, parts.finals, parts.depths, strict=True)
    for number, (start, arg, new, result, depth) in enumerate(carries):
        if not start.type == arg.type == result.type:
            return f"carry {number} starts as {start.type}, is {arg.type} in the step and ends as {result.type}"
        row = arg.type if depth == 1 else row_type(arg.type)
        if new.type != row:
            return f"the step must yield {row} for carry {number}, not {new.type}"
    return None


def _check_ys(parts: ScanView) -> str | None:
    for number, (y, row) in enumerate(zip(parts.ys, parts.row_values, strict=True)):
        if row_type(y.type) != row.type:
            return f"y {number} is {y.type}, the step yields {row.type}; that must be a row of it"
    stop, executed = parts.stop, parts.executed
    if stop is not None and executed is not None and (stop.type != i1 or executed.type != index):
        return "with `until` the step yields an i1 last, and the last result is an index"
    return None


scan.define(
    "scan", "length xs* init* rows* dims*", results="*", traits=(PURE,),
    attrs=("depths", "until", "operandSegmentSizes"), regions=1, verify=_check_scan,
    doc="the recurrence. Step t gets the counter t, row t of each x, and the carries; it yields the "
        "next carries, a row of each y, and with `until` a condition that makes this step the last. "
        "Values from outside may be used (invariants). A carry of depth d > 1 is a window of the "
        "last d rows, oldest first; the step yields its new row. `rows`: how many last rows of each "
        "y are kept; `dims`: run-time sizes of the rows of the ys, in order. Results: final carries, "
        "ys, and with `until` the number of steps executed.")
scan.define("yield", "values*", results="0", traits=(TERMINATOR,), doc="ends a step")

scan.define("check", "condition info*", results="0", traits=(CHECKS,), attrs=("error", "message"),
            doc="ends the program with an error unless the condition holds; {0}.. in the message "
                "stand for the info operands")

scan.define("can_exist", "dims*", traits=(PURE,),
            doc="whether an array may have these sizes: none is negative, and the product of those that "
                "are not 0 is at most 2**47")

scan.define("broadcast", "source dims*", traits=(PURE,), attrs=("axes",),
            doc="source axis i becomes result axis axes[i]; other axes, and axes of size 1, repeat")
scan.define("transpose", "source", traits=(PURE,), attrs=("permutation",),
            doc="result axis i is source axis permutation[i]")
scan.define("reshape", "source dims*", traits=(PURE,), doc="the same elements in row-major order")
scan.define("iota", "start step dims*", traits=(PURE,), doc="start + i * step along a vector")
scan.define("reduce", "source", traits=(PURE,), attrs=("kind", "axes"),
            doc="sum, prod, max, min, all, any over axes; a scalar when no axis is left")
scan.define("argreduce", "source", traits=(PURE,), attrs=("kind", "axis"),
            doc="position of the first max or min along an axis")
scan.define("dot", "lhs rhs", traits=(PURE,), doc="product of vectors and matrices")
scan.define("batch_dot", "lhs rhs", traits=(PURE,), doc="matrix products along a common first axis")
scan.define("concat", "inputs*", traits=(PURE,), attrs=("axis",), doc="one after another along an axis")
scan.define("gather", "source indices*", traits=(PURE, PLACED), attrs=("axes",),
            doc="elements at integer index tensors of one shape, which address `axes` (adjacent)")
scan.define("scatter", "source dest indices*", traits=(PURE, PLACED), attrs=("axes", "kind"),
            doc="dest with source set or added at integer indices, in order of the indices")
scan.define("cumulative", "source", traits=(PURE,), attrs=("kind", "axis"), doc="running sum or product")
scan.define("sort", "source", traits=(PURE,), attrs=("axis", "positions"),
            doc="ascending, stable, NaN last; with `positions` the permutation instead")
scan.define("solve", "matrix rhs", traits=(PURE,), attrs=("kind",),
            doc="x of matrix @ x = rhs; kind general, lower or upper")
scan.define("factor", "matrix", traits=(PURE,), attrs=("kind",),
            doc="kind cholesky (lower), inverse, or det")
scan.define("slogdet", "matrix", results="*", traits=(PURE,),
            doc="the sign of the determinant and the logarithm of its absolute value")
scan.define("eigh", "matrix", results="*", traits=(PURE,), attrs=("lower",),
            doc="ascending eigenvalues, and eigenvectors as columns, of a symmetric matrix given by a triangle")
scan.define("svd", "matrix", results="*", traits=(PURE,), attrs=("full",),
            doc="u, descending singular values, vt; with `full` u and vt are square")
scan.define("qr", "matrix", results="*", traits=(PURE,), attrs=("complete",),
            doc="q with orthonormal columns and r, upper triangular; with `complete` q is square")

scan.define("join", "value stack number", results="0", traits=(READS, WRITES), written="stack",
            doc="adds block `number` of a sum to those before it, in pairs, pairs of pairs and so on, as a binary "
                "counter counts: row i of the stack holds the sum of 2**i blocks")
scan.define("joined", "last stack number", traits=(READS,),
            doc="the sum of `number` joined blocks and a last one, the later blocks first")
scan.define("join_row", "row stack number", results="0", traits=(READS, WRITES), written="stack",
            doc="`join` of each element of a row, for which a row of the stack has one")
scan.define("joined_row", "row stack number", results="0", traits=(READS, WRITES), written="row",
            doc="each element of a row becomes `joined` of it")
scan.define("output_dims", "output dims*", results="0", traits=(WRITES,), written="output",
            doc="reports the dimensions in which an output was written")
scan.define("buffer_reshape", "source dims*", traits=(PURE,),
            doc="the first elements of a contiguous buffer, in another shape")
scan.define("buffer_constant", traits=(PURE,), attrs=("value",), doc="a buffer of constant data")
