"""The parts of the pass `bufferize`: places, loop nests, scans, other array ops."""
