"""The parts of the pass `plan-memory`: what the start of a function knows, bounds of sizes, places, the query."""
