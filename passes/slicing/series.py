"""Which scans in a loop over series lanes take several at a time: of numbers, or of small arrays.

    scan %i over %x_i in %x {                   no state: the series are independent
      %y = scan over %v in %x_i { numbers }     as many steps for each
      rows %y }

Time is not to be cut there, nor steps combined: eight series wait no longer than one (`row_lanes`, `series_lanes`).
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import ScanView

FEWEST = 8  # series that are worth lanes
NBYTES = (4, 8)  # of what rows hold
MOST_ROWS = 7  # of arrays: longer sums have a tree
MOST_NUMBERS = 64
_PLAIN = ("arith.constant", "tensor.dim", "tensor.extract", "tensor.extract_slice")


def is_of_series(op: Op) -> bool:
    """Whether lanes will take a scan for several series at a time."""
    around = op.parent_op()
    if around is None or around.name != "scan.scan":
        return False
    loop = ScanView(around)
    known = constant_of(loop.length)
    if loop.init or loop.until or known is not None and known < FEWEST:
        return False
    scans = [inner for inner in around.body.ops if inner.name == "scan.scan"]
    if _has_arrays(ScanView(op), around):
        return True
    return bool(scans) and all(_has_numbers(ScanView(inner), around) for inner in scans)


def _is_plain(op: Op) -> bool:
    return op.name in _PLAIN or has_trait(op, ELEMENTWISE) and not any(_is_array(v) for v in op.operands)


def _has_numbers(scan: ScanView, around: Op) -> bool:
    """Whether all of a scan is numbers, which do as much in each series."""
    values = [*scan.carry_args, *scan.x_args, *scan.row_values]
    if scan.until or not scan.init or any(_is_array(v) or t.is_complex(v.type) for v in values):
        return False
    rows = [*(x.type for x in scan.xs), *(y.type for y in scan.ys)]
    own = not defined_in(scan.length, around.body) and any(defined_in(x, around.body) for x in scan.xs)
    return own and all(t.nbytes(t.element(row)) in NBYTES for row in rows) and all(
        op.name == "arith.constant" or has_trait(op, ELEMENTWISE) for op in scan.op.body.ops[:-1])


def _has_arrays(scan: ScanView, around: Op) -> bool:
    """Whether a scan is of small arrays, and does as much in each series."""
    if scan.until or not any(map(_is_array, scan.carry_args)) or defined_in(scan.length, around.body):
        return False
    return all(inner.name != "scan.scan" and all(_is_small(v.type) for v in inner.results)
               for inner in scan.op.body.ops) and any(defined_in(x, around.body) for x in (*scan.xs, *scan.init))


def _is_small(type: t.Type) -> bool:
    if t.is_complex(type):
        return False
    shape = type.shape if isinstance(type, t.TensorType) else ()
    return t.n_elements(type) <= MOST_NUMBERS and all(n is not None and n <= MOST_ROWS for n in shape)


def _is_array(value: Value) -> bool:
    return isinstance(value.type, t.TensorType)
