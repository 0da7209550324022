"""gpu: the place of a thread in the grid, and the launch of a kernel.

A kernel is a function with the attribute `gpu.kernel`: it returns nothing and runs once for each thread.
"""

from __future__ import annotations

from ..ops import LITERAL, PURE, READS, WRITES, Dialect
from ..rules.gpu import check_launch

gpu = Dialect("gpu")

for _name, _doc in [("thread_id", "number of this thread in its block"), ("block_id", "number of this block"),
                    ("block_dim", "threads in a block"), ("grid_dim", "blocks in the grid")]:
    gpu.define(_name, traits=(PURE, LITERAL), attrs=("dimension:axis",), gives="index",
               reading="{name}.{@dimension}", doc=_doc)

scan = Dialect("scan")
scan.define("launch", "blocks:index args*", results="0", traits=(READS, WRITES),
            attrs=("kernel:symbol", "threads:count"), verify=check_launch,
            reading="launch {@kernel} on {blocks} blocks of {@threads} threads ({args})",
            doc="runs a kernel on `blocks` blocks of `threads` threads along x; launches end in their order")
