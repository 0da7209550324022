"""`scancc opt`: passes on IR text."""

from __future__ import annotations

import sys

import click

from scancc import colours, pipeline
from scancc.cli.ir_files import read_ir
from scancc.cli.options import target_option
from scancc.codegen.target import target_of
from scancc.stages import named_for
from scancc.views import PassDump, View


@click.command()
@click.argument("file", metavar="FILE.mlir|-")
@click.option("--passes", default="", metavar="PIPELINE", help="canonicalize,cse,fuse,...  or cpu")
@click.option("--after-each-pass", is_flag=True)
@click.option("--only-changed", is_flag=True)
@click.option("--form", type=click.Choice(["generic", "reading"]), default="generic", show_default=True)
@click.option("--timing", is_flag=True, help="milliseconds a pass, on stderr")
@target_option
def opt(file: str, passes: str, after_each_pass: bool, only_changed: bool, form: str, timing: bool,
        target: str) -> None:
    """Run passes on IR text and print the result.

    A pass list by name (cpu, cpu-scan, cpu-loop, gpu, ...) is that of the target.

    \b
    Example:
      scancc dump examples/power.py:power --form generic | scancc opt - --passes cpu-loop
    """
    passes = named_for(passes, target_of(None if target == "native" else target))
    module, view = read_ir(file), View(form, locations=form == "generic", query=True)
    each = after_each_pass or only_changed
    report = pipeline.run(module, passes, on_pass=PassDump(sys.stdout, view, module, only_changed) if each else None)
    if not each:
        colours.show(view.text(module))
    if timing:
        click.echo(str(report), err=True)
