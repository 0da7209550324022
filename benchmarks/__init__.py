"""Programs that measure: the suite (`make bench`), and single ones, run by `python -m benchmarks.NAME`."""
