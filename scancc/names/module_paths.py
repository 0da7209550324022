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
_PUBLIC = ""  # the package itself

_STANDS_FOR = {
    "compile.debugmode": "scancc.modes", "compile.nanguardmode": "scancc.modes",
    "compile.io": _PUBLIC, "compile.mode": "scancc.modes",
    "compile.sharedvalue": _PUBLIC, "gof": f"{_GOF}:gof", "gof.fg": "scancc.errors",
    "gof.graph": _GOF, "graph.traversal": _GOF, "gradient": "scancc.frontend.gradients",
    "graph": _GRAPH, "graph.basic": _GRAPH, "graph.replace": _PUBLIC,
    "ifelse": "scancc.frontend.ops.control", "printing": "scancc.frontend.program.printing",
    "sandbox": f"{_GOF}:sandbox", "sandbox.rng_mrg": _RANDOM, "scan": _PUBLIC, "scan.basic": _PUBLIC,
    "scan.checkpoints": _PUBLIC, "scan.utils": _SCAN, "scan.views": _PUBLIC, "scan_module": _SCAN,
    "scan_module.scan_utils": _SCAN, "scan_module.scan_views": _PUBLIC, "raise_op": "scancc.tensor.opt",
    "tensor.random.basic": _RANDOM, "tensor.sharedvar": _PUBLIC, "tensor.var": _TENSOR, "tensor.variable": _TENSOR,
    "tensor.basic": _TENSOR, "tensor.math": _TENSOR, "tensor.random": _RANDOM, "tensor.random.utils": _RANDOM,
    "tensor.shared_randomstreams": _RANDOM, "tensor.subtensor": _TENSOR, "tensor.type": _TENSOR,
    "typed_list": f"{_GOF}:typed_list", "updates": _PUBLIC,
}


class _Path(ModuleType):
    """A module whose names are another's."""

    __path__: list[str] = []  # a package, as far as `import` asks

    def __init__(self, path: str, public: ModuleType, target: str) -> None:
        super().__init__(path, f"See {target or public.__name__}.")
        self._public, self._target = public, target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        module, _, attribute = self._target.partition(":")
        found = import_module(module) if module else self._public
        return getattr(getattr(found, attribute) if attribute else found, name)


def install(public: ModuleType) -> None:
    """Put the paths below the package `public`."""
    for path, target in _STANDS_FOR.items():
        name = f"{public.__name__}.{path}"
        sys.modules.setdefault(name, _Path(name, public, target))
