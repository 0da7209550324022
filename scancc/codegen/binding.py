"""Where llvmlite loads, at the first compilation: the one place that imports it."""

from __future__ import annotations

import functools
from typing import Any

from .llvm_access import exclusive


@functools.cache
@exclusive
def binding() -> Any:
    """llvmlite's binding with all targets ready."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


@functools.cache
@exclusive
def versions() -> str:
    """The compiler's versions, for cache keys and manifests."""
    import llvmlite

    return f"llvmlite {llvmlite.__version__}, LLVM {'.'.join(map(str, binding().llvm_version_info))}"
