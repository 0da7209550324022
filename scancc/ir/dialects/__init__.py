"""One module a dialect: its ops, declared. Upstream names mean what they mean in MLIR."""

from . import arith, builtin, complex, gpu, linalg, math, memref, scan, scf, tensor, vector

__all__ = ["arith", "builtin", "complex", "gpu", "linalg", "math", "memref", "scan", "scf", "tensor", "vector"]
