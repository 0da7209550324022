"""All that has to do with scans, under the name that older programs know."""

from scancc.frontend.checkpoints import scan_checkpoints
from scancc.frontend.step_result import until
from scancc.frontend.tracing import scan
from scancc.frontend.updates import OrderedUpdates
from scancc.frontend.views import filter, foldl, foldr, map, reduce

__all__ = ["OrderedUpdates", "filter", "foldl", "foldr", "map", "reduce", "scan", "scan_checkpoints", "until"]
