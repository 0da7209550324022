# What `names/module_paths.py` puts at this path, for type checkers.
from scancc.frontend.random import *  # noqa: F403
