"""`scancc demo`: the whole road on the examples."""

from __future__ import annotations

from pathlib import Path

import click

from scancc.demo import run_demo


@click.command()
@click.option("-o", "--output", default="build/demo", show_default=True, metavar="DIR")
def demo(output: str) -> None:
    """Show the whole road on the examples.

    Compiles them ahead of time, shows the IR before and after the passes, links one into a C benchmark,
    and prints its result beside NumPy's.

    \b
    Example:
      scancc demo -o build/demo
    """
    run_demo(Path(output))
