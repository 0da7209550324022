"""The older systems' module paths, for lines such as `from scancc.ifelse import ifelse`.

A path stands for what has those names here, which is loaded when a name is asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_TENSOR, _RANDOM, _SCAN = "scancc.tensor", "scancc.frontend.random", "scancc.frontend.scan_module"

_STANDS_FOR = {
    "compile.debugmode": "scancc.modes", "compile.io": "scancc", "compile.mode": "scancc.modes",
    "compile.sharedvalue": "scancc", "gof": "scancc.legacy:gof", "gof.fg": "scancc.errors",
    "gof.graph": "scancc.legacy", "graph.traversal": "scancc.legacy", "gradient": "scancc.frontend.gradients",
    "graph": "scancc.frontend.graph", "graph.basic": "scancc.frontend.graph", "graph.replace": "scancc",
    "ifelse": "scancc.frontend.control", "printing": "scancc.frontend.printing", "sandbox": "scancc.legacy:sandbox",
    "sandbox.rng_mrg": _RANDOM, "scan": "scancc", "scan.basic": "scancc", "scan.checkpoints": "scancc",
    "scan.utils": _SCAN, "scan.views": "scancc", "scan_module": _SCAN, "scan_module.scan_utils": _SCAN,
    "scan_module.scan_views": "scancc", "raise_op": "scancc.tensor.opt", "tensor.random.basic": _RANDOM,
    "tensor.sharedvar": "scancc", "tensor.var": _TENSOR, "tensor.variable": _TENSOR,
    "tensor.basic": _TENSOR, "tensor.math": _TENSOR, "tensor.random": _RANDOM, "tensor.random.utils": _RANDOM,
    "tensor.shared_randomstreams": _RANDOM, "tensor.subtensor": _TENSOR, "tensor.type": _TENSOR,
    "typed_list": "scancc.legacy:typed_list", "updates": "scancc",
}


class _Path(ModuleType):
    """A module whose names are another's."""

    __path__: list[str] = []  # a package, as far as `import` asks

    def __init__(self, path: str, target: str) -> None:
        super().__init__(path, f"See {target}.")
        self._target = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        module, _, attribute = self._target.partition(":")
        found = import_module(module)
        return getattr(getattr(found, attribute) if attribute else found, name)


for _path, _target in _STANDS_FOR.items():
    sys.modules.setdefault(f"scancc.{_path}", _Path(f"scancc.{_path}", _target))
