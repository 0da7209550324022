"""The JSON manifest beside an exported library: how to call it without the compiler; and that in each object.

    const char *NAME_manifest(void)

gives the text in the object, which says of NAME what the manifest says, and of the target. It begins as
`seals.MANIFEST_START` does and ends with a byte 0, so that whoever has a file of any format finds it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scancc.artifact import ABI_VERSION
from scancc.seals import LIBRARY, MANIFEST_START, OBJECT, UNSEALED, seals

from ..target import Target
from .entry import Argument, Entry, Names
from .state_calls import has_run


def manifest_text(
    library: str,
    entries: Sequence[Entry],
    single: Sequence[bool],
    target: Target,
    versions: str,
    files: Mapping[str, bytes],
) -> str:
    """The manifest of a set with the shared library of this name, if it is there; `files`: the others of the set, of
    which the runtime checks what it meets."""
    manifest = _head(entries[0], target, versions)
    hashes = {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}
    if library in files:
        manifest |= {"file": library, "nbytes": len(files[library]), "sha256": hashes[library]}
    manifest["files"] = hashes
    found = {file: seals(data, LIBRARY if file == library else OBJECT) for file, data in files.items()}
    manifest["seals"] = {file: own for file, own in found.items() if own}
    manifest["functions"] = [_function(e, one) for e, one in zip(entries, single, strict=True)]
    return json.dumps(manifest, indent=1) + "\n"


def _head(entry: Entry, target: Target, versions: str) -> dict[str, Any]:
    return {"abi_version": ABI_VERSION, "target": {"triple": target.triple, "cpu": target.cpu,
                                                   "features": target.features, "requires": list(entry.requires)},
            "versions": versions}


def embedded_data(entry: Entry, single_output: bool, target: Target, versions: str) -> bytes:
    """What NAME_manifest gives, with the byte 0 at its end."""
    table = {**_head(entry, target, versions), "functions": [_function(entry, single_output)]}
    return MANIFEST_START + UNSEALED + json.dumps(table)[1:].encode() + b"\0"


def embedded_text(entry: Entry, single_output: bool, target: Target, versions: str) -> str:
    """LLVM IR of NAME_manifest."""
    data = embedded_data(entry, single_output, target, versions)
    text = data.decode("ascii").replace("\\", "\\5C").replace('"', "\\22").replace("\0", "\\00")
    name = Names(entry.name).manifest
    return (f'@{entry.name}__manifest = private unnamed_addr constant [{len(data)} x i8] c"{text}", align 1\n'
            f"define ptr @{name}() nounwind {{\n  ret ptr @{entry.name}__manifest\n}}\n")


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
            "manifest": names.manifest,
            "init": names.init if entry.calling.states else None,
            **_state_calls(entry),
            "set_parallel_for": names.set_parallel_for if entry.threads else None,
            **_variant_calls(entry),
            **({"set_print": names.set_print} if entry.prints else {}),
            **({"dlpack": names.dlpack, "dlpack_query": names.dlpack_query} if entry.dlpack else {}),
            "arguments": [_argument(a) for a in entry.arguments],
            "query_arguments": [_argument(a) for a in entry.query_arguments],
        },
        "short": {"entry": names.call, "query": names.call_query, "struct": names.struct,
                  "members": [_argument(a) for a in entry.fields]},
        "single_output": single_output,
        "gives": entry.calling.kind,
        "fast_math": {"allowed": entry.fast_math, "used": list(entry.fast_math_used)},
        "inputs": [{**p.to_json(), **entry.calling.input_fields(n)} for n, p in enumerate(entry.inputs)],
        "outputs": [{**p.to_json(), "early_axes": list(entry.early_axes(n)),
                     **({"optional": True} if n in entry.optional else {}), **entry.calling.output_fields(n)}
                    for n, p in enumerate(entry.outputs)],
        **({"variants": [asdict(v) for v in entry.variants]} if entry.variants else {}),
        **({"prints": [asdict(shown) for shown in entry.prints]} if entry.prints else {}),
        "memory": entry.memory,
        "checks": [c.to_json() for c in entry.checks],
    }


def _state_calls(entry: Entry) -> dict[str, Any]:
    names = Names(entry.name)
    return {"run_on_state": names.run_state, "run_query": names.run_query,
            "snapshot": names.snapshot} if has_run(entry) else {}


def _variant_calls(entry: Entry) -> dict[str, Any]:
    names = Names(entry.name)
    return {"variant": names.variant, "set_variant": names.set_variant} if entry.variants else {}


def _argument(argument: Argument) -> dict[str, Any]:
    """`index` counts inputs or outputs, by `role` (`entry.Argument`); -1 where it stands for none, or for no axis."""
    return {"name": argument.name, "type": argument.c_type, "role": argument.role, "index": argument.index,
            "axis": argument.axis, **({"count": argument.count} if argument.count else {})}
