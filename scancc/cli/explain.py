"""`scancc explain`: a card of each scan."""

from __future__ import annotations

import click

from scancc.cli.function_names import functions_in
from scancc.cli.options import target_named, target_option
from scancc.user_files import load_function


@click.command()
@click.argument("function", shell_complete=functions_in(), metavar="FILE.py:NAME")
@target_option
def explain(function: str, target: str) -> None:
    """Print a card of each scan: what it computes, what limits it, what the compiler did and did not do, and why.

    docs/explain.md says how to read it.

    \b
    Example:
      scancc explain examples/power.py:power
    """
    found = load_function(function).explain(target_named(target))
    click.echo(str(found).rstrip())
