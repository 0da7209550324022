"""Check, before each scan, that the rows which it keeps make an array that can be.

    %r = "scan.scan"(%n, ..., %n, %m)       %ok = scan.can_exist(%n, %m)
                                     ->     scan.check(%ok, %n, %m)
                                            %r = "scan.scan"(%n, ..., %n, %m)

Why: a scan of very many steps of which only the last value is asked is fine, one that keeps all rows may need more
elements than an array can have, and their number must not wrap. Only `dead-outputs` knows what is kept. What the
reverse of a scan computes again, as fewer rows are kept, is a remark.
Conservative: rows whose sizes are all known are checked by their type, and sizes that an argument has, or a part of
an array taken before the scan, need no check. Cost: one walk.
Runs after `dead-outputs`, and before `licm` and `checks-first`, which move the checks to the front.
"""

from __future__ import annotations

from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, functions
from scancc.ir.extents import Extents, require
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of


def check_rows(module: Op) -> None:
    for func in functions(module):
        extents = Extents()
        extents.trust_arguments(func.body)
        _visit(func.body, extents)


def _visit(block: Block, extents: Extents) -> None:
    for op in list(block.ops):
        extents.trust_check(op)
        extents.trust_part(op)
        if op.name == "scan.scan":
            _check(op, extents)
            if "again" in op.attrs:
                remark("check-rows", op, True, op.attrs["again"])
        for region in op.regions:
            for inner in region.blocks:
                _visit(inner, Extents(extents))


def _check(scan: Op, extents: Extents) -> None:
    assert scan.parent is not None
    b = Builder(scan.parent, scan, scan.location)
    what = f"scan {scan.attrs['name']!r}" if "name" in scan.attrs else "scan"
    for stack in ScanView(scan).stacks:
        sizes = [stack.rows, *dims_of(b, stack.result)[1:]]
        if not extents.hold(sizes):
            require(b, what, sizes, advice="; keep fewer rows, the last with [-1]")
            extents.trust(sizes)
