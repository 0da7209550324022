"""Derivatives of graphs, which are graphs again."""

from scancc.frontend.gradients import (  # noqa: F401 - each registers the rules of its ops
    control_rules,
    elementwise_rules,
    indexing_rules,
    linalg_rules,
    reduction_rules,
    scan_links,
    scan_reverse,
    shaping_rules,
)
