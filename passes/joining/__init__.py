"""Two loop nests as one: which fit, what may move, and the joint nest."""
