"""Loop IR as LLVM IR text."""

from . import arithmetic, complex_functions, integers, loops, products  # noqa: F401  (register their emitters)
from .emitter import EMITTERS, Registers, emit_module

__all__ = ["EMITTERS", "Registers", "emit_module"]
