"""linalg.generic: a perfect loop nest over operands, the form into which `fuse` brings all
elementwise chains, broadcasts, reductions and products.

Loop dimension k runs over what the maps say; a parallel dimension indexes the result, a reduction
dimension does not. The region gets one element of each input and the running element of each
output; it may use values from outside, and `linalg.index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core import Op, Value
from ..ops import LITERAL, LOOP, PURE, TERMINATOR, Dialect, Parts
from ..parts import Access, Nest
from ..reading.phrases import TIGHT, Phrase
from ..rules.linalg import check_generic, check_index
from ..types import MemRefType
from .scf import read_yield

if TYPE_CHECKING:
    from ..reading.reader import Reader

linalg = Dialect("linalg")


def _read_generic(op: Op, r: Reader) -> Parts:
    """`each [i, j] over [k] carry(%acc = 0.0) { ... }`: inputs stand in the body with their indices."""
    nest = Nest(op)
    r.mention("indexing_maps", "iterator_types")
    counters = r.count(op, len(nest.kinds))
    for read in nest.reads:
        r.bind(read.arg, _place(read, counters, r))
    for write, result in zip(nest.writes, op.results, strict=False):
        r.remember_sizes(result, r.sizes(write.value))
    names = _with_extents(nest, counters, r)
    return [r.clauses(
        _in_brackets("each", [n for d, n in enumerate(names) if d not in nest.reduced]),
        _in_brackets("over", [n for d, n in enumerate(names) if d in nest.reduced]),
        r.listed("with", [r.use(arg) for arg in nest.input_args if not arg.uses]),
        *_read_outputs(nest, counters, r)) + " ", op.body]


def _in_brackets(word: str, counters: Sequence[str]) -> str:
    return f"{word} [{', '.join(counters)}]" if counters else ""


def _place(access: Access, counters: Sequence[str], r: Reader) -> str:
    array = r.use(access.value, TIGHT)
    return array + _at(access.dims, counters) if hasattr(access.value.type, "shape") else array


def _at(dims: Sequence[int | None], counters: Sequence[str]) -> str:
    return "[" + ", ".join("0" if d is None else counters[d] for d in dims) + "]"


def _with_extents(nest: Nest, counters: Sequence[str], r: Reader) -> list[str]:
    """The counters; how far one goes that no input tells."""
    told = {d for read in nest.reads for d in read.dims}
    extents = {d: size for write in nest.writes for d, size in zip(write.dims, r.sizes(write.value), strict=True)}
    return [c if d in told else f"{c} < {extents.get(d, '?')}" for d, c in enumerate(counters)]


def _read_outputs(nest: Nest, counters: Sequence[str], r: Reader) -> list[str]:
    """`carry`: elements that the body reads and replaces; `into`: buffers; `at`: where a new element lies, if that
    is not at the counters of `each`. A tensor that is only written is not mentioned."""
    carry, into, at = [], [], []
    parallel = tuple(d for d in nest.identity if d not in nest.reduced)
    for write in nest.writes:
        place = _place(write, counters, r)
        if isinstance(write.value.type, MemRefType):
            into.append(f"{r.define(write.arg)} = {place}" if write.arg.uses else place)
            continue
        if write.arg.uses:
            start = _start(write.value, r) or place
            carry.append(f"{r.define(write.arg)} = {start}")
        if write.dims != parallel:
            at.append(_at(write.dims, counters))
    return [r.listed("carry", carry), r.listed("into", into), r.listed("at", at)]


def _start(value: Value, r: Reader) -> str | None:
    """The one number that a tensor of no line of its own is everywhere."""
    made = value.op
    splat = made is not None and made.name == "tensor.splat" and r.is_read_in_place(value)
    return r.use(made.operands[0]) if made is not None and splat else None


linalg.define("generic", "inputs* outputs*", results="*", traits=(PURE, LOOP), ends=("linalg.yield",),
              attrs=("indexing_maps:maps", "iterator_types:iterators", "operandSegmentSizes"), regions=1,
              marks=("by_columns:bool",),  # a product: of sums that are as if the right factor were transposed
              verify=check_generic, reading=_read_generic, doc="a loop nest over operands")
linalg.define("yield", "values*", results="0", traits=(TERMINATOR,), parents=("linalg.generic",), reading=read_yield,
              doc="the new elements of the outputs")


def _read_index(op: Op, r: Reader) -> Phrase:
    r.mention("dim")
    nest = op.parent_op()
    while nest is not None and nest.name != "linalg.generic":
        nest = nest.parent_op()
    assert nest is not None, "linalg.index stands in a nest"
    return Phrase(r.counters[nest][op.attrs["dim"].value])


linalg.define("index", traits=(PURE, LITERAL), attrs=("dim:count",), gives="index", parents=("linalg.generic",),
              verify=check_index, reading=_read_index,
              doc="the loop counter of a dimension")
