"""What a scan's step is made of: components of its dependence graph, and what they cost."""
