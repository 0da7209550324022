"""Libraries, objects and sources for callers without Python.

`export.py` is `sc.export`: `codes.py` makes the codes of its functions, each with its entries (`entry.py`, `flat.py`,
`short.py`, `dlpack.py`, `state_calls.py`), `header.py` and `manifest.py` tell callers of them, `link.py` and
`archive.py` put objects together, `publishing.py` and `install.py` write the files, whole or not at all. `c/` prints
code as C, `glue/` programs that measure it.
"""
