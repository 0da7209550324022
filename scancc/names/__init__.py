"""The names that programs for the older systems use, and what they stand for here."""
