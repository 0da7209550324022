"""Programs: what `function` compiles, its arguments, copies of it, and its text for people."""
