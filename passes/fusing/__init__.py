"""Parts of `fuse-scans`."""
