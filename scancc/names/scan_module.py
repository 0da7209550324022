"""All that has to do with scans, under the name that older programs know."""

from scancc.frontend.loops.checkpoints import scan_checkpoints
from scancc.frontend.loops.scan import scan
from scancc.frontend.loops.step_result import until
from scancc.frontend.loops.updates import OrderedUpdates
from scancc.frontend.loops.views import filter, foldl, foldr, map, reduce

__all__ = ["OrderedUpdates", "filter", "foldl", "foldr", "map", "reduce", "scan", "scan_checkpoints", "until"]
