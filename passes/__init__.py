"""The passes: one file a pass, file = function = pipeline name = test file."""
