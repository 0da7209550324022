"""Figures of the gallery's pages, as SVG that is readable on light and on dark."""

from __future__ import annotations

import io
import re

import matplotlib

matplotlib.use("svg")
INK = "#8a8f98"
matplotlib.rcParams.update({
    "svg.hashsalt": "scancc", "savefig.dpi": 200, "figure.figsize": (8, 3.2), "figure.constrained_layout.use": True,
    "font.size": 9, "savefig.transparent": True, "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "lines.linewidth": 1.2,
    "axes.prop_cycle": matplotlib.cycler(color=["#5468d4", "#e07b39", "#3a9d6e", "#c2476e", "#8a6fc2"]),
})


def svg(figure: matplotlib.figure.Figure) -> str:
    """The figure as an element of a page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    drawing = re.sub(r"^.*?(?=<svg)", "", text.getvalue(), flags=re.S)
    return f'<div class="plot">{drawing}</div>'
