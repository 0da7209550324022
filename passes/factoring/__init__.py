"""Sums of arrays as terms, of which each has some of the axes."""
