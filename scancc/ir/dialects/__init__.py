"""One module a dialect: its ops, declared. Upstream names mean what they mean in MLIR."""
