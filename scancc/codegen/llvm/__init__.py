"""Loop IR as LLVM IR text."""

from . import arithmetic, complex_functions, integers, loops  # noqa: F401  (register their emitters)
from .emitter import EMITTERS, emit_module

__all__ = ["EMITTERS", "emit_module"]
