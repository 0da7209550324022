"""The SSA core: types, values, ops, regions, and the tools that print, read, check and rewrite them."""
