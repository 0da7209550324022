"""The benchmark suite: each workload once, in scancc, C, NumPy and the peers side by side.

`workloads/` has the computations, one class each (`workload.py` says what a class holds). `systems.py` turns a
workload into callables of one system, in a process of its own (`worker.py`); `measure.py` asks the processes
in turn (`processes.py`), checks every number against NumPy first, and writes JSON. `calibrate.py` measures the
machine, `bounds.py` says what limits a cell, `page.py` writes the page with plots, `compare.py` says what changed
between two commits or two runs. `python -m benchmarks.suite --help` lists the commands; `make bench` runs one.
"""
