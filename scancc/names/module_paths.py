"""The older systems' module paths, for lines such as `from scancc.ifelse import ifelse`.

A path stands for what has those names here, which is loaded when a name is asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_TENSOR, _RANDOM, _SCAN = "scancc.tensor", "scancc.frontend.random", "scancc.names.scan_module"
_GRAPH, _GOF = "scancc.frontend.graph.variables", "scancc.names.gof"

_STANDS_FOR = {
    "compile.debugmode": "scancc.modes", "compile.io": "scancc", "compile.mode": "scancc.modes",
    "compile.sharedvalue": "scancc", "gof": f"{_GOF}:gof", "gof.fg": "scancc.errors",
    "gof.graph": _GOF, "graph.traversal": _GOF, "gradient": "scancc.frontend.gradients",
    "graph": _GRAPH, "graph.basic": _GRAPH, "graph.replace": "scancc",
    "ifelse": "scancc.frontend.ops.control", "printing": "scancc.frontend.program.printing",
    "sandbox": f"{_GOF}:sandbox", "sandbox.rng_mrg": _RANDOM, "scan": "scancc", "scan.basic": "scancc",
    "scan.checkpoints": "scancc", "scan.utils": _SCAN, "scan.views": "scancc", "scan_module": _SCAN,
    "scan_module.scan_utils": _SCAN, "scan_module.scan_views": "scancc", "raise_op": "scancc.tensor.opt",
    "tensor.random.basic": _RANDOM, "tensor.sharedvar": "scancc", "tensor.var": _TENSOR, "tensor.variable": _TENSOR,
    "tensor.basic": _TENSOR, "tensor.math": _TENSOR, "tensor.random": _RANDOM, "tensor.random.utils": _RANDOM,
    "tensor.shared_randomstreams": _RANDOM, "tensor.subtensor": _TENSOR, "tensor.type": _TENSOR,
    "typed_list": f"{_GOF}:typed_list", "updates": "scancc",
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
