"""The graph: variables, constants, axes and extents, shared variables; where they stand in the user's program."""
