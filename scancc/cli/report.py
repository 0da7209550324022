"""`scancc report`: all that a function tells of itself, as a page for a browser."""

from __future__ import annotations

from collections.abc import Sequence

import click

from scancc.cli.arguments import arguments_of
from scancc.cli.function_names import functions_in
from scancc.cli.options import NUMBERS
from scancc.user_files import load_function


@click.command(context_settings=NUMBERS)
@click.argument("function", shell_complete=functions_in(), metavar="FILE.py:NAME")
@click.argument("arguments", nargs=-1, metavar="[ARG|KEY=ARG]...")
@click.option("-o", "--output", default=None, metavar="FILE.html", help="NAME.html if it is not given")
def report(function: str, arguments: Sequence[str], output: str | None) -> None:
    """Write a report on a function to one HTML file: source, IR pass by pass, assembly, remarks, memory, roofline.

    With arguments as for `run`, sizes are numbers too, and the call is measured.

    \b
    Example:
      scancc report examples/power.py:power '[1.5, 2.5]' 64 -o power.html
    """
    args, kwargs = arguments_of(arguments)
    path = output or f"{function.rpartition(':')[2]}.html"
    load_function(function).report(path, *args, **kwargs)
    click.echo(path)
