"""Parts of the pass `parallel-prefix`: elements that are combined, places in memory, a group of rounds."""
