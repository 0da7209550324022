"""A program as people are shown it: by `repr`, in a notebook, by `inspect.signature`.

    power(A: float64[?], k: int32[]) -> float64[?]; 1 scan; znver3
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from html import escape
from keyword import iskeyword
from typing import Any

from scancc.frontend.graph.variables import Variable, applies
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.program.arguments import In
from scancc.frontend.program.program import Program


def signature_of(inputs: Sequence[In]) -> inspect.Signature:
    """Parameters with names, types and defaults; an input without a name is taken by position alone."""
    named = [word if word is not None and word.isidentifier() and not iskeyword(word) else None
             for word in (i.keyword for i in inputs)]
    first = next((k for k, name in enumerate(named) if name is not None), len(named))
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    found = [inspect.Parameter(name or f"argument_{k}", kinds[k >= first], default=_default(i),
                               annotation=str(i.variable.type))
             for k, (name, i) in enumerate(zip(named, inputs, strict=True))]
    try:
        return inspect.Signature(found)
    except ValueError:  # two of one name, or one without a default behind one that has it
        return inspect.Signature([p.replace(name=f"argument_{k}", kind=kinds[0], default=inspect.Parameter.empty)
                                  for k, p in enumerate(found)])


def _default(given: In) -> Any:
    return inspect.Parameter.empty if given.value is None else given.value


def described_program(program: Program, where: str) -> str:
    """A line: what it takes and gives, its loops and state, where it runs."""
    takes = ", ".join(_with_type(i.keyword or "?", i.variable) for i in program.inputs)
    return "; ".join([f"{program.name or ''}({takes}) -> {_results(program)}", *_facts(program), where])


def _results(program: Program) -> str:
    keys, types = program.layout.keys, [str(v.type) for v in program.outputs]
    if program.layout.kind == "one":
        return types[0]
    listed = [f"{key}: {kind}" for key, kind in zip(keys, types, strict=True)] if keys else types
    return f"{{{', '.join(listed)}}}" if keys else f"[{', '.join(listed)}]"


def _facts(program: Program) -> list[str]:
    results = [*program.outputs, *(new for _, new in program.updates)]
    n_scans = sum(isinstance(node.op, Scan) for node in applies(results))
    counts = {"scan": n_scans, "shared variable": len(program.shared), "update": len(program.updates)}
    return [f"{n} {what}{'s' * (n > 1)}" for what, n in counts.items() if n]


def program_table(program: Program, where: str) -> str:
    """HTML: a row for each input and each output."""
    keys = program.layout.keys or [f"output {k}" for k in range(len(program.outputs))]
    rows = [("input", _with_type(i.keyword or "?", i.variable)) for i in program.inputs]
    rows += [("output", _with_type(str(key), v)) for key, v in zip(keys, program.outputs, strict=True)]
    cells = "".join(f"<tr><td>{side}</td><td><code>{escape(text)}</code></td></tr>" for side, text in rows)
    facts = escape("; ".join([*_facts(program), where]))
    return f"<table><caption><b>{escape(program.name or 'function')}</b> ({facts})</caption>{cells}</table>"


def _with_type(name: str, variable: Variable) -> str:
    return f"{name}: {variable.type}"
