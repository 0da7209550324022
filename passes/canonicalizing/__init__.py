"""The rules of `canonicalize`, by kind of op. Each is declared with the ops it applies to."""
