"""Loops: `scan`, which traces a step, and the op it makes; what a step may take, return and close over."""
