"""What passes know of the places that loops read and write: sums of counters, sizes and what a step finds."""
