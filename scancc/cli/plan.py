"""`scancc plan`: the memory that a function takes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from scancc.cli.arguments import arguments_of
from scancc.cli.function_names import functions_in
from scancc.cli.options import NUMBERS
from scancc.user_files import load_function


@click.command(context_settings=NUMBERS)
@click.argument("function", shell_complete=functions_in(), metavar="FILE.py:NAME")
@click.argument("arguments", nargs=-1, metavar="[ARG|KEY=ARG|SIZE=N]...")
@click.option("--json", "as_json", is_flag=True, help="the formulas as JSON")
def plan(function: str, arguments: Sequence[str], as_json: bool) -> None:
    """Print what memory a function takes: every buffer, its life and its place, as formulas of sizes.

    With arguments as for `run`, or sizes by name, in numbers too. docs/memory.md says how to read it.

    \b
    Examples:
      scancc plan examples/power.py:power
      scancc plan examples/power.py:power A_n0=1000000 k=64
    """
    args, kwargs = arguments_of(arguments)
    found = load_function(function).memory_plan(*args, **kwargs)
    click.echo(json.dumps(found.to_json(), indent=1) if as_json else str(found).rstrip())
