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
drives the road. Light to import: a name loads what it needs when it is first asked for, and LLVM at the first
compilation.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from scancc.config import change_flags, config
from scancc.later import ROLES
from scancc.names import module_paths as _module_paths
from scancc.other_names import OF_PROGRAMS, PLACES, missing_from
from scancc.process import without_collection
from scancc.spelling import check_keywords_of

if TYPE_CHECKING:  # for type checkers, what `_LATER` says
    from scancc import bridges, errors, runtime, tensor
    from scancc.codegen.exports.export import export
    from scancc.compile import Function, function
    from scancc.frontend import gradients as gradient
    from scancc.frontend.gradients import Lop, Rop, grad, value_and_grad, verify_grad
    from scancc.frontend.graph.shared import SharedVariable, shared
    from scancc.frontend.graph.variables import Variable
    from scancc.frontend.loops.checkpoints import scan_checkpoints
    from scancc.frontend.loops.final import final_state
    from scancc.frontend.loops.scan import scan
    from scancc.frontend.loops.step_result import until
    from scancc.frontend.loops.updates import OrderedUpdates
    from scancc.frontend.loops.views import filter, foldl, foldr, map, reduce
    from scancc.frontend.ops.control import ifelse
    from scancc.frontend.ops.products import dot
    from scancc.frontend.program import printing
    from scancc.frontend.program.arguments import In
    from scancc.frontend.program.batching import vectorize_graph, vmap
    from scancc.frontend.program.clone import clone, clone_replace, graph_replace
    from scancc.frontend.program.printing import pprint
    from scancc.frontend.program.program import Out
    from scancc.frontend.random import RandomStream
    from scancc.modes import Mode
    from scancc.names import scan_module

__version__ = "0.1.0"

__all__ = [
    "Function", "In", "Lop", "Mode", "OrderedUpdates", "Out", "RandomStream", "Rop", "SharedVariable", "Variable",
    "bridges", "change_flags", "clone", "clone_replace", "config", "dot", "errors", "export", "filter", "final_state",
    "foldl", "foldr", "function", "grad", "gradient", "graph_replace", "ifelse", "map", "pprint", "printing",
    "reduce", "runtime", "scan", "scan_checkpoints", "scan_module", "shared", "tensor", "until",
    "value_and_grad", "vectorize_graph", "verify_grad", "vmap",
]

_LOOPS, _PROGRAM, _GRADIENTS = "scancc.frontend.loops", "scancc.frontend.program", "scancc.frontend.gradients"
# Where each name is, or the module that it stands for.
_LATER = {
    "Function": "scancc.compile:Function", "function": "scancc.compile:function",
    "scan": f"{_LOOPS}.scan:scan", "until": f"{_LOOPS}.step_result:until", "map": f"{_LOOPS}.views:map",
    "reduce": f"{_LOOPS}.views:reduce", "foldl": f"{_LOOPS}.views:foldl", "foldr": f"{_LOOPS}.views:foldr",
    "filter": f"{_LOOPS}.views:filter", "final_state": f"{_LOOPS}.final:final_state",
    "scan_checkpoints": f"{_LOOPS}.checkpoints:scan_checkpoints",
    "OrderedUpdates": f"{_LOOPS}.updates:OrderedUpdates", "scan_module": "scancc.names.scan_module",
    "grad": f"{_GRADIENTS}:grad", "Rop": f"{_GRADIENTS}:Rop", "Lop": f"{_GRADIENTS}:Lop", "gradient": _GRADIENTS,
    "value_and_grad": f"{_GRADIENTS}:value_and_grad", "verify_grad": f"{_GRADIENTS}:verify_grad",
    "vmap": f"{_PROGRAM}.batching:vmap",
    "Variable": "scancc.frontend.graph.variables:Variable", "shared": "scancc.frontend.graph.shared:shared",
    "SharedVariable": "scancc.frontend.graph.shared:SharedVariable", "In": f"{_PROGRAM}.arguments:In",
    "Out": f"{_PROGRAM}.program:Out", "Mode": "scancc.modes:Mode", "clone": f"{_PROGRAM}.clone:clone",
    "clone_replace": f"{_PROGRAM}.clone:clone_replace", "graph_replace": f"{_PROGRAM}.clone:graph_replace",
    "vectorize_graph": f"{_PROGRAM}.batching:vectorize_graph", "printing": f"{_PROGRAM}.printing",
    "pprint": f"{_PROGRAM}.printing:pprint", "ifelse": "scancc.frontend.ops.control:ifelse",
    "dot": "scancc.frontend.ops.products:dot", "RandomStream": "scancc.frontend.random:RandomStream",
    "errors": "scancc.errors", "export": "scancc.codegen.exports.export:export", "runtime": "scancc.runtime",
    "tensor": "scancc.tensor", "bridges": "scancc.bridges",
}
# Names that only older programs use: found, and not shown.
_OLDER = {
    "pp": f"{_PROGRAM}.printing:pprint", "dprint": f"{_PROGRAM}.printing:debugprint",
    "compile": "scancc.compile", "modes": "scancc.modes",
    "gof": "scancc.names.gof:gof", "sandbox": "scancc.names.gof:sandbox",
    "_asarray": "scancc.names.gof:asarray", "typed_list": "scancc.names.gof:typed_list",
}
ROLES.update({
    "compiler": "scancc.compile", "draws": "scancc.frontend.random",
    "loader of other systems": "scancc.codegen.jit", "native code": "scancc.codegen.cpu",
    "numpy": "scancc.tensor.numpy_protocol", "numpy remedies": "scancc.tensor.numpy_remedies",
    "report": "scancc.insight.report",
})
PLACES.update({
    "T": "scancc.tensor", "T.nnet": "scancc.tensor.nnet", "T.linalg": "scancc.tensor.linalg",
    "T.slinalg": "scancc.tensor.slinalg", "T.nlinalg": "scancc.tensor.nlinalg", "T.special": "scancc.tensor.special",
    "T.extra_ops": "scancc.tensor.extra_ops", "sc": __name__, "sc.gradient": _GRADIENTS,
    "sc.printing": f"{_PROGRAM}.printing",
})
_module_paths.install(sys.modules[__name__])


def __dir__() -> list[str]:
    """The public names, those that are loaded later among them."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


_missing = missing_from("module 'scancc'", "sc.", __dir__, OF_PROGRAMS)


def __getattr__(name: str) -> Any:
    place = _LATER.get(name) or _OLDER.get(name)
    if place is None:
        if find_spec(f"{__name__}.{name}") is not None:  # `from scancc import cli` asks here first
            raise AttributeError(name)
        return _missing(name)
    module, _, attribute = place.partition(":")
    with without_collection():  # of what is loaded nothing is garbage, and looking takes a tenth of the time
        found = import_module(module)
    globals()[name] = getattr(found, attribute) if attribute else found
    check_keywords_of(globals(), [name])
    return globals()[name]
