"""`scancc dump`: a function as text at a stage of the compiler."""

from __future__ import annotations

from typing import Any

import click

from scancc import colours
from scancc.cli.function_names import functions_in
from scancc.cli.options import target_named, target_option
from scancc.insight.dumps import IR_STAGES, STAGES
from scancc.user_files import load_function


@click.command()
@click.argument("function", shell_complete=functions_in(), metavar="FILE.py:NAME")
@click.option("--stage", "--emit", "stage", type=click.Choice(STAGES), default="scan", show_default=True)
@click.option("--form", type=click.Choice(["reading", "generic"]), default="reading", show_default=True,
              help="of IR: for people, or as tools read it")
@click.option("--after-each-pass", is_flag=True, help="the IR as lowered, and what each pass up to the stage changes")
@click.option("--only-changed", is_flag=True, help="the same without passes that change nothing")
@click.option("--full", is_flag=True, help="with these, all of the IR after each pass")
@click.option("--locations", is_flag=True, help="with the user's lines")
@click.option("--query", is_flag=True, help="with functions that compute sizes")
@click.option("--remarks", is_flag=True, help="what the passes did, or why not, on stderr")
@target_option
def dump(function: str, target: str, remarks: bool, **options: Any) -> None:
    """Print what the compiler makes of a function at a stage. docs/ir.md says how to read it.

    \b
    Examples:
      scancc dump examples/power.py:power --stage loop
      scancc dump examples/power.py:power --form generic | scancc opt - --passes cpu-loop
      scancc dump examples/power.py:power --emit mlir-upstream | mlir-opt-16 --convert-scf-to-cf
    """
    f = load_function(function)
    text = f.dump(target=target_named(target), **options)
    if options["stage"] in IR_STAGES:
        colours.show(text)
    else:
        click.echo(text, nl=False)
    if remarks:
        for remark in f.remarks:
            click.echo(str(remark), err=True)
