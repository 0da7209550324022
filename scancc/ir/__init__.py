"""The SSA core: types, values, ops, regions, and the tools that print, read, check and rewrite them."""

from . import dialects

__all__ = ["dialects"]  # loaded for the ops that they declare
