"""Parts of `fuse-consumers`."""
