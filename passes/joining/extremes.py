"""`argmax` and `argmin` as loop nests, which other nests may join: the place and the extreme are two results.

    %m = linalg.generic ins(%x) { max(m, x) }        %p, %m = linalg.generic ins(%x) outs(0, -inf) {
    %p = scan.argreduce(%x) {max, axis 0}       ->     more = x > m, or x is the first NaN
                                                       linalg.yield select(more, j, p), max(m, x) }

Only where the extreme is wanted, too, or a nest makes what is searched.

    %m = linalg.generic ins(%x) { m or x }             %p = linalg.generic ins(%x) outs(NOWHERE) {
    %p = scan.argreduce(%x) {max, axis 0}       ->       linalg.yield min(p, select(x, j, NOWHERE)) }

Of truths in a vector the place says whether there is one; a minimum of integers has lanes and joins what makes them.
A step that looks for a number among 256, `argmax(a == c)`, and moves it to the front takes 50 ns, not 77.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constraints import shape_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, dynamic_dims

from ..fuse import combination

Dims = tuple[int | None, ...]
NOWHERE = 2 ** 62  # a place where no element is


def places_as_nests(block: Block) -> None:
    """Write each search of the block that may gain by it as a nest."""
    for op in list(block.ops):
        if op.name == "scan.argreduce":
            source = operand(op, "source")
            extreme = _extreme_of(op)
            if not isinstance(op.result.type, t.TensorType) and t.element(source.type) == t.i1:
                _write_place(op, extreme)
            elif extreme is not None or source.op is not None and source.op.name == "linalg.generic":
                _write(op, extreme)


def beats(b: Builder, kind: str, value: Value, best: Value) -> Value:
    """Whether a value is a better extreme: strictly, or as the first NaN."""
    largest = kind.startswith("max")
    if t.is_float(value.type):
        more = b.cmpf("ugt" if largest else "ult", value, best)  # or one of them is NaN
        return b.condition("andi", more, b.cmpf("ord", best, best))
    unsigned = kind.endswith("u") or value.type == t.i1
    return b.cmpi(("u" if unsigned else "s") + ("gt" if largest else "lt"), value, best)


def _dims(op: Op) -> Dims:
    """The loops along the axes of what is searched: the one that goes along is the last."""
    axis, rank = op.attrs["axis"].value, len(shape_of(operand(op, "source").type))
    return tuple(rank - 1 if d == axis else d - (d > axis) for d in range(rank))


def _extreme_of(op: Op) -> Op | None:
    """A nest of the same block that makes the extreme itself."""
    source, name = operand(op, "source"), _combine(op)
    for user in source.uses:
        if user.name != "linalg.generic" or user.parent is not op.parent or len(user.results) != 1:
            continue
        nest = Nest(user)
        combine, (read, *others) = nest.elements[0].op, nest.reads
        if others or read.dims != _dims(op) or nest.reduced != [len(read.dims) - 1]:
            continue
        if combine is not None and combine.name == name and combine.operands == [nest.running[0], read.arg]:
            return user
    return None


def _combine(op: Op) -> str:
    return combination(str(op.attrs["kind"]), t.element(operand(op, "source").type))[1]


def _write(op: Op, extreme: Op | None) -> None:
    b = _before(op, extreme)
    start, _ = combination(str(op.attrs["kind"]), t.element(operand(op, "source").type))
    place, best = _search(b, op, [b.const(0, t.i64), b.const(start, t.element(operand(op, "source").type))],
                          _body(op, extreme is not None))
    place.name = op.result.name
    whole = isinstance(op.result.type, t.TensorType)
    op.result.replace_by(place if whole else b.op("tensor.extract", [place], [t.i64]))
    if extreme is not None:
        remark("multi-output-fusion", op, True, "the extreme and its place are found in one pass")
        best.name = extreme.result.name
        extreme.result.replace_by(best)
        extreme.erase()
    op.erase()


def _before(op: Op, extreme: Op | None) -> Builder:
    block = op.parent
    assert block is not None
    return Builder(block, op if extreme is None else min(op, extreme, key=block.ops.index), op.location)


def _search(b: Builder, op: Op, starts: list[Value], body: Block) -> list[Value]:
    """The results of a nest that goes over what is searched, from what they start with."""
    source, outputs = operand(op, "source"), [_filled(b, op, start) for start in starts]
    dims = [_dims(op), *[tuple(range(len(_dims(op)) - 1))] * len(outputs)]
    attrs = {"indexing_maps": [t.AffineMap(len(_dims(op)), each) for each in dims],
             "iterator_types": [*[t.PARALLEL] * (len(_dims(op)) - 1), t.REDUCTION]}
    return b.grouped("linalg.generic", {"inputs": [source], "outputs": outputs}, [v.type for v in outputs], attrs,
                     [Region([body])]).results


def _write_place(op: Op, extreme: Op | None) -> None:
    """Search the first place of a truth, where one is; `extreme`: what says whether there is one."""
    b, largest = _before(op, extreme), str(op.attrs["kind"]).startswith("max")
    (found,) = _search(b, op, [b.const(NOWHERE, t.i64)], _place_body(op, largest))
    place = b.op("tensor.extract", [found], [t.i64])
    is_there = b.cmpi("ne", place, b.const(NOWHERE, t.i64))
    first = b.select(is_there, place, b.const(0, t.i64))
    if extreme is not None:
        truth = is_there if largest else b.opposite(is_there)
        extreme.replace_by([b.op("tensor.splat", [truth], [extreme.result.type])])
    op.replace_by([first])


def _place_body(op: Op, largest: bool) -> Block:
    body = Block([t.i1, t.i64])
    (truth, place), b = body.args, Builder(body, location=op.location)
    at = b.index_cast(b.op("linalg.index", [], [t.index], {"dim": t.IntAttr(0, t.i64)}), t.i64)
    nowhere = b.const(NOWHERE, t.i64)
    here = b.select(truth, at, nowhere) if largest else b.select(truth, nowhere, at)
    b.make("linalg.yield", [b.minsi(place, here)])
    return body


def _body(op: Op, exactly: bool) -> Block:
    """A step of the search; `exactly`: which of 0.0 and -0.0 is the extreme, is as `max` has it."""
    kind, element = str(op.attrs["kind"]), t.element(operand(op, "source").type)
    body = Block([element, t.i64, element])
    (value, place, best), b = body.args, Builder(body, location=op.location)
    counter = b.op("linalg.index", [], [t.index], {"dim": t.IntAttr(len(_dims(op)) - 1, t.i64)})
    take = beats(b, kind, value, best)
    onward = b.op(_combine(op), [best, value], [element]) if exactly else b.select(take, value, best)
    b.make("linalg.yield", [b.select(take, b.index_cast(counter, t.i64), place), onward])
    return body


def _filled(b: Builder, op: Op, value: Value) -> Value:
    """What a result starts from."""
    found = op.result.type
    shape = found.shape if isinstance(found, t.TensorType) else ()
    type = t.TensorType(shape, value.type)
    return b.op("tensor.splat", [value, *(dynamic_dims(type, dims_of(b, op.result)) if shape else [])], [type])
