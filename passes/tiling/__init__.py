"""Parts of the pass `tile`: which stages a step has, what it costs, and the scan over blocks."""
