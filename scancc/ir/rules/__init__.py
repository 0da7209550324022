"""What ops ask of their types beside the kinds of their declarations, one module a dialect or family."""
