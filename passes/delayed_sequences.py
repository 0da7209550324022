"""Carry from step to step what a sequence was some steps ago, where it is a padded array read at several places.

    %p = scan.concat %zeros, %x                     %z = tensor.extract %zeros[0]
    %r = scan.scan(%n, %p[1:], %p, %h0) {           %r = scan.scan(%n, %x, %h0, %z) {
    ^bb0(%t, %x_t, %x_tm1, %h):              ->     ^bb0(%t, %x_t, %h, %x_tm1):
      %n = f(%h, %x_t, %x_tm1)                        %n = f(%h, %x_t, %x_tm1)
      scan.yield(%n) }                                scan.yield(%n, %x_t) }

Why: the padded array is a copy of a whole one, which memory has to read and write once more: a biquad filter of two
million float64 took 1.2 times as long as the loop of a C program, which keeps the last two numbers in registers.
Conservative: arrays of numbers, padded in front by up to MOST of them, which one scan alone reads, at places that are
known, and from where the padding ends, too. Scans with lanes keep theirs: their neighbours stand side by side.
Cost: linear. Runs after `tile`, `lanes` and `time-parallel`, for which what comes of sequences alone is off the
cycles.
Source: O'Brien, Predictive commoning (1990), for reads of neighbours; here the array itself goes, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, operand
from scancc.ir.parts import Carry, Read, ScanView
from scancc.ir.remarks import remark
from scancc.ir.slices import entries, number_of

MOST = 4  # numbers in front: more would take the registers of the step


def delayed_sequences(module: Op) -> None:
    """Visit every scan whose steps follow each other."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and "lanes" not in op.attrs:
            for padded in dict.fromkeys(_whole(xs) for xs in ScanView(op).xs):
                if padded.op is not None and padded.op.name == "scan.concat":
                    _visit(ScanView(op), padded.op)


def _whole(xs: Value) -> Value:
    """What a sequence is a slice of, or it."""
    return operand(xs.op, "source") if xs.op is not None and xs.op.name == "tensor.extract_slice" else xs


def _first(xs: Value) -> int | None:
    """From where on a sequence has the elements of the whole, one after the other; None where that is not known."""
    if xs.op is None or xs.op.name != "tensor.extract_slice":
        return 0
    return number_of(entries(xs.op, "offsets")[0]) if entries(xs.op, "strides") == [1] else None


def _visit(scan: ScanView, padded: Op) -> None:
    *front, array = group(padded, "inputs")
    own = [read for read in scan.reads if _whole(read.xs) is padded.result]
    reads = {at: read for read in own if (at := _first(read.xs)) is not None}
    before = sum(map(_length, front))
    if len(reads) < len(own) or max(reads) != before or not 0 < before <= MOST:
        return
    if not _is_alone(scan, padded, own):
        remark("delayed-sequences", scan.op, False, "the padded array is made, as not the scan alone reads it")
        return
    block = scan.op.parent
    assert block is not None
    states = _states(scan, Builder(block, scan.op, scan.op.location), front, reads)
    others = [read for read in scan.reads if read not in own]
    scan.rebuilt(xs=[*others, Read(array, reads[before].arg)], carries=[*scan.carries, *states])
    for op in (*(read.xs.op for read in own), padded):
        if op is not None and op.parent is not None and not op.result.uses:
            op.erase()
    remark("delayed-sequences", scan.op, True, f"what '{reads[before].arg.name or 'a sequence'}' was up to "
           f"{before - min(reads)} steps ago is carried from step to step: the padded array is not made")


def _length(part: Value) -> int:
    """Of an array in front; too much where that is not known, or it is an array of rows."""
    assert isinstance(part.type, t.TensorType)
    known = part.type.shape[0] if len(part.type.shape) == 1 else None
    return MOST + 1 if known is None else known


def _is_alone(scan: ScanView, padded: Op, own: Sequence[Read]) -> bool:
    """Whether nobody but the scan reads the array."""
    slices = {read.xs.op for read in own if read.xs is not padded.result}
    readers = [value.uses for value in (padded.result, *(read.xs for read in own))]
    return all(op is scan.op or op in slices for uses in readers for op in uses)


def _states(scan: ScanView, b: Builder, front: Sequence[Value], reads: Mapping[int, Read]) -> list[Carry]:
    """What the array was one, two, ... steps ago: each is in the next step what the newer one is now."""
    newer, made = reads[max(reads)].arg, list[Carry]()
    numbers = [(part, n) for part in front for n in range(_length(part))]
    for at in range(max(reads) - 1, min(reads) - 1, -1):
        part, n = numbers[at]
        state = scan.new_carry(b.op("tensor.extract", [part, b.index(n)], [newer.type]), newer)
        made.append(state._replace(arg=reads[at].arg) if at in reads else state)
        newer = made[-1].arg
    return made
