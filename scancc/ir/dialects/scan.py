"""scan: what upstream MLIR lacks. The recurrence itself, and tensor ops with value semantics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..core import Op
from ..ops import CHECKS, PLACED, PURE, READS, TERMINATOR, VIEW, WRITES, Dialect, Parts
from ..parts import ScanView, Stack
from ..reading.phrases import CALL, TIGHT, Phrase
from ..reading.text import near, quoted, type_text
from ..types import TensorType, Type, i1, index
from .scf import carried, suggest_carried

if TYPE_CHECKING:
    from ..reading.reader import Reader

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


def _read_scan(op: Op, r: Reader) -> Parts:
    """`scan %t < %n over %x_t in %x carry(%h = %h0) ys(f64[%n, 3])`: what it stacks has its kept rows in its type."""
    view = ScanView(op)
    r.mention("until", "depths")
    suggest_carried(view.carries, r)
    for value, arg in zip((*view.xs, *view.init), (*view.x_args, *view.carry_args), strict=True):
        r.remember_sizes(arg, r.sizes(value)[1 if arg.index <= len(view.xs) else 0:])
    for carry in view.carries:
        r.remember_sizes(carry.final, r.sizes(carry.init))
    length, rows = r.use(view.length), [r.use(x, TIGHT) for x in view.xs]
    starts = carried(view.carry_args, view.init, r)
    windows = [start if depth == 1 else f"{start} depth {depth}"
               for start, depth in zip(starts, view.depths, strict=True)]
    over = ", ".join(f"{r.define(arg)} in {x}" for arg, x in zip(view.x_args, rows, strict=True))
    return [r.clauses(f"scan {r.define(view.counter)} < {length}", f"over {over}" if over else "",
                      r.listed("carry", windows), r.listed("ys", [_kept_rows(s, view, r) for s in view.stacks]),
                      "until" if view.until else "") + " ", op.body]


def _kept_rows(stack: Stack, view: ScanView, r: Reader) -> str:
    """The type of a y; its rows are all (the length of the scan), or the last so many."""
    rest = iter(stack.dims)
    rows = r.use(stack.rows) if stack.rows is view.length else f"last {r.use(stack.rows)}"
    sizes = [rows, *(r.use(next(rest)) if n is None else str(n) for n in stack.row_shape)]
    r.remember_sizes(stack.result, [None, *sizes[1:]])
    return type_text(stack.result.type, sizes)


def _read_yield(op: Op, r: Reader) -> str:
    """`yield` the next carries, `rows` of the ys, `until` the condition to stop."""
    loop = op.parent_op()
    assert loop is not None
    view = ScanView(loop)
    said = [("yield", view.next), ("rows", view.row_values), ("until", [view.stop] if view.stop is not None else [])]
    return r.clauses(*(f"{word} {r.uses(values)}" for word, values in said if values))


scan.define(
    "scan", "length xs* init* rows* dims*", results="*", traits=(PURE,),
    attrs=("depths", "until", "operandSegmentSizes"), regions=1, verify=_check_scan,
    reading=_read_scan,
    doc="the recurrence. Step t gets the counter t, row t of each x, and the carries; it yields the "
        "next carries, a row of each y, and with `until` a condition that makes this step the last. "
        "Values from outside may be used (invariants). A carry of depth d > 1 is a window of the "
        "last d rows, oldest first; the step yields its new row. `rows`: how many last rows of each "
        "y are kept; `dims`: run-time sizes of the rows of the ys, in order. Results: final carries, "
        "ys, and with `until` the number of steps executed.")
scan.define("yield", "values*", results="0", traits=(TERMINATOR,), reading=_read_yield, doc="ends a step")


_HOLE = re.compile(r"\{(\d+)\}")


def _read_check(op: Op, r: Reader) -> str:
    """The values in the message stand where they are said. It is cut after the fact, which comes first; what to
    change follows in it."""
    condition, *info = (r.use(v) for v in op.operands)
    message = r.attribute(op, "message")
    fact = re.split(r"\.?\n|; ", message, maxsplit=1)[0]
    said = {int(n) for n in _HOLE.findall(fact)}
    text = _HOLE.sub(lambda m: f"{{{info[int(m[1])]}}}" if int(m[1]) < len(info) else m[0], near(fact))
    rest = r.listed(" with ", [text for n, text in enumerate(info) if n not in said])
    step = f" {r.attribute(op, 'step')}" if "step" in op.attrs else ""
    return f"check {condition} else {r.attribute(op, 'error')} {quoted(text + '…' * (fact != message))}{rest}{step}"


scan.define("check", "condition info*", results="0", traits=(CHECKS,), attrs=("error", "message"),
            reading=_read_check,
            doc="ends the program with an error unless the condition holds; {0}.. in the message "
                "stand for the info operands")

scan.define("can_exist", "dims*", traits=(PURE,),
            reading=CALL,
            doc="whether an array may have these sizes: none is negative, and the product of those that "
                "are not 0 is at most 2**47")

scan.define("broadcast", "source dims*", traits=(PURE,), attrs=("axes",),
            reading="broadcast {source} {shape} axes {@axes}",
            doc="source axis i becomes result axis axes[i]; other axes, and axes of size 1, repeat")
scan.define("transpose", "source", traits=(PURE,), attrs=("permutation",),
            reading="transpose({source}, {@permutation})", doc="result axis i is source axis permutation[i]")
scan.define("reshape", "source dims*", traits=(PURE,),
            reading="reshape {source} {shape}", doc="the same elements in row-major order")
scan.define("iota", "start step dims*", traits=(PURE,),
            reading="iota {start} by {step} {shape}", doc="start + i * step along a vector")
scan.define("reduce", "source", traits=(PURE,), attrs=("kind", "axes"),
            reading="{@kind}({source}, axes {@axes})",
            doc="sum, prod, max, min, all, any over axes; a scalar when no axis is left")
scan.define("argreduce", "source", traits=(PURE,), attrs=("kind", "axis"),
            reading="arg{@kind}({source}, axis {@axis})", doc="position of the first max or min along an axis")
scan.define("dot", "lhs rhs", traits=(PURE,),
            reading="{lhs} @ {rhs}", doc="product of vectors and matrices")
scan.define("batch_dot", "lhs rhs", traits=(PURE,),
            reading=CALL, doc="matrix products along a common first axis")
scan.define("concat", "inputs*", traits=(PURE,), attrs=("axis",),
            reading="concat({inputs}, axis {@axis})", doc="one after another along an axis")
scan.define("gather", "source indices*", traits=(PURE, PLACED), attrs=("axes",),
            reading="gather({source}, at {indices}, axes {@axes})",
            doc="elements at integer index tensors of one shape, which address `axes` (adjacent)")
scan.define("scatter", "source dest indices*", traits=(PURE, PLACED), attrs=("axes", "kind"),
            reading="scatter {@kind} {source} to {dest} at [{indices}] axes {@axes}",
            doc="dest with source set or added at integer indices, in order of the indices")
scan.define("cumulative", "source", traits=(PURE,), attrs=("kind", "axis"),
            reading="cumulative_{@kind}({source}, axis {@axis})", doc="running sum or product")


def _read_sort(op: Op, r: Reader) -> Phrase:
    r.mention("positions")
    return r.fill(op, ("arg" if op.attrs["positions"] else "") + "sort({source}, axis {@axis})")


scan.define("sort", "source", traits=(PURE,), attrs=("axis", "positions"),
            reading=_read_sort, doc="ascending, stable, NaN last; with `positions` the permutation instead")
scan.define("solve", "matrix rhs", traits=(PURE,), attrs=("kind",),
            reading="solve({matrix}, {rhs}, {@kind})", doc="x of matrix @ x = rhs; kind general, lower or upper")
scan.define("factor", "matrix", traits=(PURE,), attrs=("kind",),
            reading="{@kind}({matrix})", doc="kind cholesky (lower), inverse, or det")
scan.define("slogdet", "matrix", results="*", traits=(PURE,),
            reading=CALL, doc="the sign of the determinant and the logarithm of its absolute value")
scan.define("eigh", "matrix", results="*", traits=(PURE,), attrs=("lower",),
            reading="eigh({matrix}, lower {@lower})",
            doc="ascending eigenvalues, and eigenvectors as columns, of a symmetric matrix given by a triangle")
scan.define("svd", "matrix", results="*", traits=(PURE,), attrs=("full",),
            reading="svd({matrix}, full {@full})",
            doc="u, descending singular values, vt; with `full` u and vt are square")
scan.define("qr", "matrix", results="*", traits=(PURE,), attrs=("complete",),
            reading="qr({matrix}, complete {@complete})",
            doc="q with orthonormal columns and r, upper triangular; with `complete` q is square")

scan.define("join", "value stack number", results="0", traits=(READS, WRITES), written="stack",
            reading=CALL,
            doc="adds block `number` of a sum to those before it, in pairs, pairs of pairs and so on, as a binary "
                "counter counts: row i of the stack holds the sum of 2**i blocks")
scan.define("joined", "last stack number", traits=(READS,),
            reading=CALL, doc="the sum of `number` joined blocks and a last one, the later blocks first")
scan.define("join_row", "row stack number", results="0", traits=(READS, WRITES), written="stack",
            reading=CALL, doc="`join` of each element of a row, for which a row of the stack has one")
scan.define("joined_row", "row stack number", results="0", traits=(READS, WRITES), written="row",
            reading=CALL, doc="each element of a row becomes `joined` of it")
scan.define("output_dims", "output dims*", results="0", traits=(WRITES,), written="output",
            reading="output {output} is [{dims}]", doc="reports the dimensions in which an output was written")
scan.define("buffer_reshape", "source dims*", traits=(PURE, VIEW),
            reading="&reshape {source} {shape}", doc="the first elements of a contiguous buffer, in another shape")
scan.define("buffer_constant", traits=(PURE,), attrs=("value",),
            reading="constant {@value}", doc="a buffer of constant data")
