"""Native code that the disk cache has: a program that is found by its graph needs neither passes nor LLVM."""

from __future__ import annotations

from scancc import fingerprints, pass_lists
from scancc.artifact import Artifact
from scancc.config import config
from scancc.frontend.program.keys import graph_key
from scancc.frontend.program.program import Program
from scancc.hashes import sha256
from scancc.process import deep_recursion, without_collection
from scancc.runtime import cache


@deep_recursion()
@without_collection()
def entry_of(program: Program) -> str | None:
    """The entry of a program's graph, which holds the key of its code; None where there is none to find or keep."""
    graph = graph_key(program) if config.cache else None
    return None if graph is None else key(program, graph)


def by_entry(entry: str) -> Artifact | None:
    """What was compiled of a program with the same graph."""
    found = _looked_up(entry)
    return None if found is None else _artifact(cache.load(found.decode()))


def by_key(key: str) -> Artifact | None:
    return _artifact(_looked_up(key))


def key(program: Program, *parts: object) -> str:
    """A hash of a program's `parts`, and of what decides beside them: switches, pass lists, compiler and machine."""
    passes = (pass_lists.CPU_SCAN, pass_lists.CPU_LOOP, program.leave_out, program.threads)
    parts += (program.name, program.fast_math, passes, config.cpu, fingerprints.compiler(), fingerprints.machine())
    return sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()


def _looked_up(key: str) -> bytes | None:
    """An entry of the disk cache; none where files are wanted of what the passes do."""
    return None if config.dump else cache.load(key)


def _artifact(data: bytes | None) -> Artifact | None:
    return None if data is None else Artifact.from_bytes(data)
