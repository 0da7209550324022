"""Parts of `worksharing`."""
