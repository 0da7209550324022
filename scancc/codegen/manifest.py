"""The JSON manifest beside an exported library: how to call it without the compiler."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ..artifact import ABI_VERSION
from .entry import Entry, Names
from .target import Target


def manifest_text(
    entries: Sequence[Entry],
    single: Sequence[bool],
    target: Target,
    versions: str,
    library: tuple[str, bytes] | None,
) -> str:
    """`library`: name and contents of the shared library, which the runtime checks; None where none is."""
    manifest: dict[str, Any] = {
        "abi_version": ABI_VERSION,
        "target": {"triple": target.triple, "cpu": target.cpu, "features": target.features,
                   "requires": list(entries[0].requires)},
        "versions": versions,
    }
    if library is not None:
        name, data = library
        manifest |= {"file": name, "nbytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["functions"] = [_function(e, one) for e, one in zip(entries, single, strict=True)]
    return json.dumps(manifest, indent=1) + "\n"


def _function(entry: Entry, single_output: bool) -> dict[str, Any]:
    names = Names(entry.name)
    return {
        "name": entry.name,
        "run": names.run,
        "query": names.query,
        "missing": names.missing,
        "flat": {
            "entry": entry.name,
            "query": names.flat_query,
            "error": names.error,
            "supported": names.supported,
            "arguments": [
                {"name": a.name, "type": a.c_type, "role": a.role} for a in entry.arguments
            ],
        },
        "single_output": single_output,
        "fast_math": {"allowed": entry.fast_math, "used": list(entry.fast_math_used)},
        "inputs": [p.to_json() for p in entry.inputs],
        "outputs": [p.to_json() for p in entry.outputs],
        "memory": entry.memory,
        "checks": [c.to_json() for c in entry.checks],
    }
