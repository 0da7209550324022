"""The IR as people read it: one printer, and templates that each op declares in its dialect (docs/ir.md)."""
