"""scancc compiles recurrences: one step of a loop, written with symbolic tensors, to native code.

    import scancc as sc, scancc.tensor as T

    A, k = T.vector("A"), T.iscalar("k")
    powers, updates = sc.scan(lambda prior, A: prior * A, outputs_info=T.ones_like(A),
                              non_sequences=A, n_steps=k)
    power = sc.function([A, k], powers[-1], updates=updates, name="power")
    power([1, 2, 3], 4)             # array([ 1., 16., 81.])
    print(power.dump("scan"))       # the compiler's view of it
    sc.export(power, "build/")      # power.o, power.a, power.so, power.h, ...

The tour, in the order in which a program travels: `frontend` in its storeys (`graph` of symbolic
variables, `ops`, `loops` with `scan`, `program`; `gradients` and `random` stand on them, and
`lowering`, from graph to scan IR), `ir` (the SSA core), `passes` (scan IR to loop IR), `codegen`
(loop IR to LLVM IR, objects, libraries), `runtime` (loads and calls them), and `compile`, which
drives the road. Light to import: LLVM is loaded at the first compilation.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from scancc import frontend as _frontend  # noqa: F401
from scancc.compile import Function, function
from scancc.config import change_flags, config
from scancc.frontend.graph.shared import SharedVariable, shared
from scancc.frontend.graph.variables import Variable
from scancc.frontend.loops.checkpoints import scan_checkpoints
from scancc.frontend.loops.final import final_state
from scancc.frontend.loops.scan import scan
from scancc.frontend.loops.updates import OrderedUpdates
from scancc.frontend.loops.views import filter, foldl, foldr, map, reduce
from scancc.frontend.ops import operators as _operators  # noqa: F401  (gives variables their operators)
from scancc.frontend.program.arguments import In
from scancc.frontend.program.batching import vectorize_graph
from scancc.frontend.program.clone import clone, clone_replace, graph_replace
from scancc.frontend.program.program import Out
from scancc.later import ROLES
from scancc.modes import Mode
from scancc.names import module_paths as _module_paths
from scancc.names import scan_module
from scancc.names.scan_module import until
from scancc.other_names import OF_PROGRAMS, PLACES, missing_from
from scancc.spelling import check_keywords_of

if TYPE_CHECKING:
    from scancc.codegen.export import export

__version__ = "0.1.0"

__all__ = [
    "Function", "In", "Mode", "OrderedUpdates", "Out", "SharedVariable", "Variable", "change_flags", "clone",
    "clone_replace", "config", "export", "filter", "final_state", "foldl", "foldr", "function", "graph_replace",
    "map", "reduce", "scan", "scan_checkpoints", "scan_module", "shared", "until", "vectorize_graph",
]


_LATER = {  # loaded when first asked for, so that importing scancc is light
    "export": "scancc.codegen.export:export", "runtime": "scancc.runtime", "tensor": "scancc.tensor",
    "gradient": "scancc.frontend.gradients", "printing": "scancc.frontend.program.printing",
    "pprint": "scancc.frontend.program.printing:pprint", "pp": "scancc.frontend.program.printing:pprint",
    "grad": "scancc.frontend.gradients:grad", "Rop": "scancc.frontend.gradients:Rop",
    "Lop": "scancc.frontend.gradients:Lop", "ifelse": "scancc.frontend.ops.control:ifelse",
    "gof": "scancc.names.gof:gof", "sandbox": "scancc.names.gof:sandbox", "_asarray": "scancc.names.gof:asarray",
    "typed_list": "scancc.names.gof:typed_list", "verify_grad": "scancc.frontend.gradients:verify_grad",
    "dot": "scancc.frontend.ops.products:dot", "RandomStream": "scancc.frontend.random:RandomStream",
}
ROLES.update({
    "draws": "scancc.frontend.random", "native code": "scancc.codegen.cpu", "numpy": "scancc.tensor.numpy_protocol",
    "numpy remedies": "scancc.tensor.numpy_remedies",
})
PLACES.update({
    "T": "scancc.tensor", "T.nnet": "scancc.tensor.nnet", "T.linalg": "scancc.tensor.linalg",
    "T.slinalg": "scancc.tensor.slinalg", "T.nlinalg": "scancc.tensor.nlinalg", "T.special": "scancc.tensor.special",
    "T.extra_ops": "scancc.tensor.extra_ops", "sc": __name__, "sc.gradient": "scancc.frontend.gradients",
})
_module_paths.install(sys.modules[__name__])


def __dir__() -> list[str]:
    """The public names, those that are loaded later among them."""
    public = {*__all__, *(name for name in _LATER if not name.startswith("_"))}
    return sorted(public | {name for name in globals() if name.startswith("__")})


check_keywords_of(globals(), __all__)
_missing = missing_from("module 'scancc'", "sc.", __dir__, OF_PROGRAMS)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        _missing(name)
    module, _, attribute = _LATER[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found
