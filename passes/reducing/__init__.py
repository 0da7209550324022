"""Parts of `reductions`: what combines, and reductions that run side by side."""
