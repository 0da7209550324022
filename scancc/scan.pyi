# What `names/module_paths.py` puts at this path, for type checkers.
from scancc import *  # noqa: F403
