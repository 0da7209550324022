"""The graph of symbolic variables: ops, scan, shared variables, programs, derivatives, the NumPy reference."""
