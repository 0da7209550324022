"""scan: what upstream MLIR lacks. The recurrence itself, and tensor ops with value semantics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..builder import constant_of
from ..constraints import all_of, indexed, one_element, sized
from ..core import Op
from ..ops import CHECKS, LOOP, PLACED, PURE, READS, TERMINATOR, VIEW, WRITES, Dialect, Parts, group
from ..parts import ScanView, Stack
from ..reading.phrases import CALL, TIGHT, Phrase
from ..reading.text import near, quoted, type_text
from ..rules.arrays import (
    along_axis,
    check_argreduce,
    check_blocks,
    check_broadcast,
    check_concat,
    check_places,
    check_reduce,
    check_sort,
    check_transpose,
    check_vector,
    like,
)
from ..rules.buffers import check_constant_buffer, check_output, check_rows, check_stack
from ..rules.matrices import (
    check_batch_dot,
    check_dot,
    check_factor,
    check_factor_gradient,
    check_matmul,
    check_solve,
    matrix,
    results,
)
from ..rules.memref import check_copy, check_transposition, contiguous, neighbours
from ..rules.recurrence import check_message, check_scan
from .scf import carried

if TYPE_CHECKING:
    from ..reading.reader import Reader

scan = Dialect("scan")


def _read_scan(op: Op, r: Reader) -> Parts:
    """`scan %t < %n over %x_t in %x carry(%h = %h0) ys(f64[%n, 3])`: what it stacks has its kept rows in its type."""
    view = ScanView(op)
    r.mention("until", "depths", "strides", *_SLICE)
    for value, arg in zip((*view.xs, *view.init), (*view.x_args, *view.carry_args), strict=True):
        r.remember_sizes(arg, r.sizes(value)[1 if arg.index <= len(view.xs) else 0:])
    for carry in view.carries:
        r.remember_sizes(carry.final, r.sizes(carry.init))
    length, rows = r.use(view.length), [r.use(x, TIGHT) for x in view.xs]
    starts = carried(view.carries, "state", r)
    windows = [start if depth == 1 else f"{start} depth {depth}"
               for start, depth in zip(starts, view.depths, strict=True)]
    over = r.packed([f"{r.define(arg)} in {x}" for arg, x in zip(view.x_args, rows, strict=True)])
    return [r.clauses(f"scan {r.define(view.counter)} < {length}", f"over {over}" if over else "",
                      r.listed("carry", windows), r.listed("ys", [_kept_rows(s, view, r) for s in view.stacks]),
                      "until" if view.until else "", *_places(view, r)) + " ", op.body]


_SLICE = ("states", "chains", "distances", "algebra")  # what `slice` writes


def _places(view: ScanView, r: Reader) -> list[str]:
    """`before (%s) cycle 0 (%p, %q: affine of order 2, chain 3)`: states by place, what is known of each cycle."""
    attrs, args = view.op.attrs, dict[str, list[str]]()
    known = {f"cycle {n}": _cycle(*facts) for n, facts in enumerate(
        zip(*(attrs.get(key, ()) for key in _SLICE[1:]), strict=False))}
    for arg, label in zip(view.carry_args, attrs.get("states", ()), strict=False):
        args.setdefault(label, []).append(r.use(arg))
    said = [f"{label} ({', '.join(args[label])}{known.get(label, '')})"
            for label in ("before", *known, "after") if label in args]
    itself = attrs.get("slice")
    r.mention("slice")
    return said if itself is None else [*said, f"itself {itself}"]


def _cycle(chain: int, distance: int, algebra: str) -> str:
    """What is known of a cycle; nothing is said of a class or a time that is not known."""
    length = f"chain {chain}" if chain >= 0 else ""
    steps = f"every {distance} steps" if distance > 1 else ""
    said = ", ".join(filter(None, ("" if algebra == "none" else algebra, f"{length} {steps}".strip())))
    return f": {said}" if said else ""


def _kept_rows(stack: Stack, view: ScanView, r: Reader) -> str:
    """The type of a y; its rows are all (the length of the scan), the last so many, or so many from one on."""
    rest = iter(stack.dims)
    rows = r.use(stack.rows) if stack.rows is view.length else f"last {r.use(stack.rows)}"
    if stack.first is not None:
        rows = f"{r.use(stack.rows)} from {r.use(stack.first)} by {stack.stride}"
    known = stack.result.type.shape[0]  # type: ignore[attr-defined]
    if known is not None and constant_of(stack.rows) is None:
        rows = f"{known} as {rows}"
    sizes = [rows, *(r.use(next(rest)) if n is None else str(n) for n in stack.row_shape)]
    state = next((carry.arg for carry in view.carries if carry.next is stack.value), stack.value.name)
    if state is not None:
        r.suggest(stack.result, state, "rows")
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
    "scan", "length:index xs*:tensor init*:value rows*:index dims*:index", results="*", traits=(PURE, LOOP),
    attrs=("depths:counts", "until:bool", "operandSegmentSizes"),
    marks=("lanes:int", "one_lane:int", "tile:count", "name:text", "fast_math:fast_math", "strides:ints",
           "prefix:int", "gradient:bool", "sparing:bool", "states:texts", "chains:ints", "distances:ints",
           "algebra:texts"),
    regions=1,
    ends=("scan.yield",), verify=check_scan, reading=_read_scan,
    doc="the recurrence. Step t gets the counter t, row t of each x, and the carries; it yields the "
        "next carries, a row of each y, and with `until` a condition that makes this step the last. "
        "Values from outside may be used (invariants). A carry of depth d > 1 is a window of the "
        "last d rows, oldest first; the step yields its new row. `rows`: how many last rows of each "
        "y are kept; where `strides` has another number than 0 for it, so many rows from a first one on, "
        "each so many steps after the one before, or before it (the firsts of these ys stand behind `rows`; all "
        "are rows of steps that run). `dims`: run-time sizes of the rows of the ys, in order. Results: final "
        "carries, ys, and with `until` the number of steps executed. `tile`: a step is so many, of a scan in it. "
        "`lanes`: each element of the states has its own past only; `one_lane`: so it is, but rows pass by, which "
        "may have one element. `prefix`: steps may be combined before the state that they begin with is known. "
        "`gradient`: it is the reverse of another. `sparing`: it runs again rather than that its rows are kept. "
        "What `slice` found: `states`: where each state stands, and of each cycle `chains`, its cycles of the "
        "target, `distances`, the steps after which a value comes back, `algebra`, the class of its steps; where an "
        "op of the step stands, its own mark `slice` says.")
scan.define("yield", "values*", results="0", traits=(TERMINATOR,), parents=("scan.scan",), reading=_read_yield,
            doc="ends a step")


_HOLE = re.compile(r"\{(\d+)\}")


def _read_check(op: Op, r: Reader) -> str:
    """The values in the message stand where they are said. It is cut after the fact, which comes first; what to
    change follows in it."""
    condition, *info = (r.use(v) for v in op.operands)
    message = r.attribute(op, "message")
    fact = re.split(r"\.?\n|; ", message, maxsplit=1)[0]
    step = f" {r.attribute(op, 'step')}" if "step" in op.attrs else ""
    said = {int(n) for n in _HOLE.findall(fact + step)}
    text, when = (_HOLE.sub(lambda m: f"{{{info[int(m[1])]}}}" if int(m[1]) < len(info) else m[0], words)
                  for words in (near(fact), step))
    rest = r.listed(" with ", [text for n, text in enumerate(info) if n not in said])
    return f"check {condition} else {r.attribute(op, 'error')} {quoted(text + '…' * (fact != message))}{rest}{when}"


scan.define("check", "condition:truth info*:integer", results="0", traits=(CHECKS,),
            attrs=("error:error", "message:text"), marks=("code:count", "step:text", "asked:int"),
            verify=check_message, reading=_read_check,
            doc="ends the program with an error unless the condition holds; {0}.. in the message "
                "stand for the info operands; asked: the function's query makes it, too")

scan.define("can_exist", "dims*:index", traits=(PURE,), gives="truth",
            reading=CALL,
            doc="whether an array may have these sizes: none is negative, and the product of those that "
                "are not 0 is at most 2**47")

scan.define("broadcast", "source:value dims*:index", traits=(PURE,), gives="tensor", attrs=("axes:ints",),
            verify=all_of(sized(1), one_element(0), check_broadcast),
            reading="broadcast {source} to {shape} axes {@axes}",
            doc="source axis i becomes result axis axes[i]; other axes, and axes of size 1, repeat")
scan.define("transpose", "source:tensor", traits=(PURE,), gives="tensor", attrs=("permutation:ints",),
            verify=all_of(one_element(0), check_transpose),
            reading="transpose({source}, {@permutation})", doc="result axis i is source axis permutation[i]")
scan.define("reshape", "source:tensor dims*:index", traits=(PURE, VIEW), gives="tensor",
            verify=all_of(sized(1), one_element(0)),
            reading="reshape {source} to {shape}",
            doc="the same elements in row-major order; sizes that do not fit stand behind a check that fails")
scan.define("iota", "start:number step:number dims*:index", traits=(PURE,), gives="tensor",
            verify=all_of(sized(2), one_element(0, 1), check_vector),
            reading="iota {start} by {step} {shape}", doc="start + i * step along a vector")
scan.define("reduce", "source:tensor", traits=(PURE,), gives="value",
            attrs=("kind:sum|prod|max|min|maxu|minu|all|any", "axes:ints"), verify=check_reduce,
            reading="{@kind}({source}, axes {@axes})",
            doc="sum, prod, max, min, all, any over axes; a scalar when no axis is left")
scan.define("argreduce", "source:tensor", traits=(PURE,), gives="value",
            attrs=("kind:max|min|maxu|minu", "axis:count"), verify=check_argreduce,
            reading="arg{@kind}({source}, axis {@axis})", doc="position of the first max or min along an axis")
scan.define("dot", "lhs:tensor rhs:tensor", traits=(PURE,), gives="value",
            verify=all_of(one_element(0, 1), check_dot), reading="{lhs} @ {rhs}",
            doc="product of vectors and matrices")
scan.define("batch_dot", "lhs:tensor rhs:tensor", traits=(PURE,), gives="tensor",
            verify=all_of(one_element(0, 1), check_batch_dot), reading=CALL,
            doc="matrix products along a common first axis")
scan.define("concat", "inputs*:tensor", traits=(PURE,), gives="tensor", attrs=("axis:count",),
            verify=lambda op: check_concat(op) or one_element(*range(len(op.operands)))(op),
            reading="concat({inputs}, axis {@axis})", doc="one after another along an axis")
scan.define("gather", "source:tensor indices*:value", traits=(PURE, PLACED), gives="value", attrs=("axes:ints",),
            verify=all_of(one_element(0), check_places(0, lambda op: op.result.type)),
            reading="gather({source}, at {indices}, axes {@axes})",
            doc="elements at integer index tensors of one shape, which address `axes` (adjacent)")
scan.define("scatter", "source:value dest:tensor indices*:value", traits=(PURE, PLACED), gives="tensor",
            attrs=("axes:ints", "kind:set|add"),
            verify=all_of(one_element(0, 1), check_places(1, lambda op: op.operands[0].type), like(1)),
            reading="scatter {@kind} {source} to {dest} at [{indices}] axes {@axes}",
            doc="dest with source set or added at integer indices, in order of the indices")
scan.define("cumulative", "source:tensor", traits=(PURE,), gives="tensor", attrs=("kind:sum|prod", "axis:count"),
            verify=all_of(along_axis, one_element(0), like(0)),
            reading="cumulative_{@kind}({source}, axis {@axis})", doc="running sum or product")


def _read_sort(op: Op, r: Reader) -> Phrase:
    r.mention("positions")
    first, size = (r.use(value) for value in group(op, "part")) if group(op, "part") else ("", "")
    places = f", places {first}..+{size}" if first else ""
    return r.fill(op, ("arg" if op.attrs["positions"] else "") + "sort({source}, axis {@axis}" + places + ")")


scan.define("sort", "source:tensor part*:index", traits=(PURE,), gives="tensor",
            attrs=("axis:count", "positions:bool"), marks=("unsigned:bool",), verify=all_of(along_axis, check_sort),
            reading=_read_sort, doc="ascending, stable, NaN last; with `positions` the permutation instead; of a "
            "`part`, the place of its first element and how many there are, only that")
scan.define("solve", "matrix:tensor rhs:tensor", traits=(PURE,), gives="tensor",
            attrs=("kind:general|lower|upper",), verify=all_of(matrix, one_element(0, 1), check_solve),
            reading="solve({matrix}, {rhs}, {@kind})", doc="x of matrix @ x = rhs; kind general, lower or upper")
scan.define("factor", "matrix:tensor", traits=(PURE,), gives="value", attrs=("kind:cholesky|inverse|det",),
            verify=all_of(matrix, one_element(0), check_factor),
            reading="{@kind}({matrix})", doc="kind cholesky (lower), inverse, or det")
scan.define("cholesky_gradient", "factor:reals gradient:reals", traits=(PURE,), gives="tensor",
            verify=all_of(matrix, one_element(0, 1), check_factor_gradient), reading=CALL,
            doc="of a cost by the lower triangle of a matrix, from that by its lower Cholesky factor; zeros above")
scan.define("slogdet", "matrix:reals", results="*", traits=(PURE,), verify=all_of(matrix, results("", "")),
            reading=CALL, doc="the sign of the determinant and the logarithm of its absolute value")
scan.define("eigh", "matrix:reals", results="*", traits=(PURE,), attrs=("lower:bool",),
            verify=all_of(matrix, results("n", "nn")),
            reading="eigh({matrix}, lower {@lower})",
            doc="ascending eigenvalues, and eigenvectors as columns, of a symmetric matrix given by a triangle")
scan.define("svd", "matrix:reals", results="*", traits=(PURE,), attrs=("full:bool",),
            verify=lambda op: matrix(op) or results(
                *(("mm", "k", "nn") if op.attrs["full"] else ("mk", "k", "kn")))(op),
            reading="svd({matrix}, full {@full})",
            doc="u, descending singular values, vt; with `full` u and vt are square")
scan.define("qr", "matrix:reals", results="*", traits=(PURE,), attrs=("complete:bool",),
            verify=lambda op: matrix(op) or results(
                *(("mm", "mn") if op.attrs["complete"] else ("mk", "kn")))(op),
            reading="qr({matrix}, complete {@complete})",
            doc="q with orthonormal columns and r, upper triangular; with `complete` q is square")

scan.define("join", "value:lane stack:buffer first:index end:index", traits=(READS, WRITES), gives="lane",
            attrs=("size:count",), written="stack", verify=all_of(one_element(0, 1), contiguous(1), check_stack),
            reading="join({value}, {stack}, terms {first}..{end}, {@size} a block)",
            doc="the sum of the block of terms from `first` on joins those of the blocks before it, in pairs, pairs "
                "of pairs and so on, as a binary counter counts: row i of the stack holds the sum of 2**i blocks; in "
                "the last block, that of the term before `end`, the result is the sum of all terms, else no number")
scan.define("join_row", "row:buffer stack:buffer first:index end:index", results="0", traits=(READS, WRITES),
            attrs=("size:count",), written="row", verify=all_of(one_element(0, 1), check_stack, check_rows),
            reading="join_row({row}, {stack}, terms {first}..{end}, {@size} a block)",
            doc="`join` of each element of a row, for which a row of the stack has one; the row becomes the sums of "
                "all terms, or -0.0 where more blocks follow")
scan.define("add_block", "block:tensor dest:tensor place:index", traits=(PURE,), gives="tensor",
            attrs=("size:count",), verify=all_of(one_element(0, 1), like(1), check_blocks),
            reading="{dest} joined by {block} at term {place}, {@size} a block",
            doc="the sums of 1, 2, 4, ... blocks of terms in the rows of `dest`; where a block ends before the term "
                "at `place`, its sums have joined them, as `join` says, else they are as they were")
scan.define("sum_blocks", "block:tensor blocks:tensor end:index", traits=(PURE,), gives="tensor",
            attrs=("size:count",), verify=all_of(one_element(0, 1), like(0), check_blocks),
            reading="sum of {block} and {blocks}, {end} terms, {@size} a block",
            doc="the sums of all terms before `end`: those of the last block, and of the blocks before it")


def _read_matmul(op: Op, r: Reader) -> Phrase:
    r.mention("transposed", "fused", "by_columns")
    turned = "transpose({lhs})" if op.attrs["transposed"] else "{lhs}"
    right = "transpose({rhs})" if "by_columns" in op.attrs else "{rhs}"
    name = "fused_matmul" if op.attrs["fused"] else "matmul"
    return r.fill(op, f"{name}({turned}, {right}) into {{out}}" + (" room {room}" if group(op, "room") else ""))


scan.define("matmul", "lhs:buffer rhs:buffer out:buffer room?:buffer", results="0", traits=(READS, WRITES),
            attrs=("transposed:bool", "fused:bool"), marks=("by_columns:bool", "parts:count"), written="out",
            verify=all_of(one_element(0, 1), one_element(0, 2), check_matmul), reading=_read_matmul,
            doc="out becomes lhs @ rhs, `transposed` with transpose(lhs), `by_columns` with transpose(rhs): sums "
                "from 0.0 in blocks of 64 terms, which are joined as `join` does; with `fused` products are not "
                "rounded. What is packed lies in the room, of which as many `parts` of the product may have one each")


def _read_running(op: Op, r: Reader) -> Phrase:
    r.mention("open")
    until = "so far" if "open" in op.attrs else "of"
    return r.fill(op, f"running({{value}}, terms {{first}}.. {until} {{end}}, {{@size}} at a time)")


scan.define("running", "value:number first:index end:index", traits=(PURE,), gives="number", attrs=("size:count",),
            marks=("open:bool",), verify=one_element(0), reading=_read_running,
            doc="the value. A sum or product that starts from it goes on with the terms from `first` on; a loop "
                "around, which carries it, has `size` at a time, to `end`: after the last round it has all terms, "
                "before that it is no number. `open`: any round may be the last; `end` is where this one ends, "
                "and after each it has all terms so far")
scan.define("output_dims", "output:buffer dims*:index", results="0", traits=(WRITES,), written="output",
            verify=all_of(indexed(0), check_output),
            reading="output {output} is [{dims}]", doc="reports the dimensions in which an output was written")
scan.define("buffer_reshape", "source:buffer dims*:index", traits=(PURE, VIEW), gives="buffer",
            verify=all_of(sized(1), one_element(0), contiguous(), neighbours(0)),
            reading="&reshape {source} to {shape}",
            doc="the first elements of a buffer, in another shape; they lie one after the other")
scan.define("buffer_move", "source:buffer dest:buffer", results="0", traits=(READS, WRITES), written="dest",
            attrs=("usual:count",), verify=all_of(check_copy, one_element(0, 1)), reading="move {source} to {dest}",
            doc="copies all elements, also between parts of one buffer that overlap: dest becomes what source was. "
                "There are `usual` elements, where the program's indices are not cut at the ends of an array")
scan.define("buffer_transpose", "source:buffer dest:buffer", results="0", traits=(READS, WRITES), written="dest",
            verify=all_of(check_transposition, one_element(0, 1)), reading="transpose {source} to {dest}",
            doc="copies a matrix with its axes exchanged, dest[i, j] from source[j, i]; the buffers do not overlap")
scan.define("buffer_constant", traits=(PURE,), attrs=("value:dense",), gives="buffer",
            verify=all_of(contiguous(), check_constant_buffer),
            reading="constant {@value}", doc="a buffer of constant data")
