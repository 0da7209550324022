"""The ops: elementwise functions, shapes, indexing, reductions, linear algebra, choices; their NumPy reference."""
