"""Runs IR modules in Python, at every stage: the oracle that passes and generated code are held to.

Tensor form: arguments are the program's inputs (rank 0 as scalars), the answer is what `func.return`
gives. Loop form: the caller also passes arrays for the outputs and, after memory planning, bytes for
the workspace; the answer is the arrays that the function writes, cut to what `scan.output_dims`
reports. New buffers hold poison, so a read of memory that nobody wrote shows in the numbers.

`scan.check` raises the exception that it names. Anything else that goes wrong is a fault of the
compiler and raises `InternalError` with the op and the user's line: an index outside a buffer, a
shape other than the type's, a buffer that is not laid out as its type says, a truth value read
before it was written.

A block becomes a list of Python closures over one environment, made once and run many times;
`linalg.generic` runs on whole arrays where its region allows. How to add an op: an elementwise one
needs nothing (its NumPy meaning is in the op table); others get a rule in the module of their kind.
"""

from . import buffers, control, generic, launch, tensors
from .arrays import poison
from .program import Function, Program, compile_function, compile_program, run_function, run_program

__all__ = ["Function", "Program", "compile_function", "compile_program", "poison", "run_function", "run_program"]

del buffers, control, generic, launch, tensors  # imported for the rules that they register
