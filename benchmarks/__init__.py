"""Programs that measure scancc beside native C; run one with `python -m benchmarks.NAME`."""
