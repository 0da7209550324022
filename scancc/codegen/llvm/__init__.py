"""Loop IR as LLVM IR text."""

from . import arithmetic, complex_functions, integers, loops, products  # noqa: F401  (register their emitters)
from .emitter import EMITTERS, Parts, Registers, emit_module, print_module

__all__ = ["EMITTERS", "Parts", "Registers", "emit_module", "print_module"]
