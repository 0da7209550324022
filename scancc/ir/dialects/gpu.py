"""gpu: the place of a thread in the grid."""

from __future__ import annotations

from ..ops import PURE, Dialect

gpu = Dialect("gpu")

for _name, _doc in [("thread_id", "number of this thread in its block"), ("block_id", "number of this block"),
                    ("block_dim", "threads in a block"), ("grid_dim", "blocks in the grid")]:
    gpu.define(_name, traits=(PURE,), attrs=("dimension",), doc=_doc)
