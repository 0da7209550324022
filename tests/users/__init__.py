"""Ten programs as a user writes them, typed; `mypy --strict` takes them, and each agrees with plain NumPy.

A file has `program()`: a compiled function, arguments, and what it gives for them.
"""
