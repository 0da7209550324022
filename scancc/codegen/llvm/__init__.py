"""Loop IR as LLVM IR text."""

from . import (  # noqa: F401  (register their emitters)
    arithmetic,
    complex_functions,
    integers,
    joined_sums,
    loops,
    memory,
    products,
    vectors,
)
from .emitter import EMITTERS, Parts, Registers, emit_module, print_module

__all__ = ["EMITTERS", "Parts", "Registers", "emit_module", "print_module"]
