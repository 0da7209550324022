"""`scancc reduce`: a smaller module that fails as a given one does."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile

import click

from scancc.cli.ir_files import read_ir
from scancc.cli.options import target_option
from scancc.codegen.target import target_of
from scancc.insight.shrinking import Fails, fails_as, shrunk
from scancc.ir.core import Op
from scancc.ir.printer import print_op
from scancc.stages import named_for


@click.command()
@click.argument("file", type=click.Path(allow_dash=True), metavar="FILE.mlir|-")
@click.option("--passes", default="cpu", show_default=True, metavar="PIPELINE", help="the passes that fail")
@click.option("--command", default="", metavar="CMD", help="of interest is a file for which CMD FILE fails")
@click.option("-o", "--output", default="-", metavar="FILE", show_default=True)
@target_option
def reduce(file: str, passes: str, command: str, output: str, target: str) -> None:
    """Shrink IR text that makes a pass fail, and print what is left.

    Takes away ops, functions, results, and states and rows of scans, as long as the passes fail as before, or, for a
    crash or a wrong number, as long as a command of yours does.

    \b
    Examples:
      scancc reduce /tmp/scancc-reproducer-x.mlir --passes fuse
      scancc reduce wrong.mlir --command ./differs.sh -o small.mlir
    """
    module = read_ir(file)
    fails, said = _by(command), command
    if not command:
        said, fails = fails_as(module, named_for(passes, target_of(None if target == "native" else target)))
    elif not fails(module):
        raise click.ClickException(f"{command} does not fail for this file, so that there is nothing to shrink")
    first = sum(1 for _ in module.walk())
    click.echo(f"fails: {said}", err=True)
    left = shrunk(module, fails)
    click.echo(f"{first} ops, {sum(1 for _ in left.walk())} of them are left", err=True)
    with click.open_file(output, "w", encoding="utf-8") as stream:
        stream.write(print_op(left))


def _by(command: str) -> Fails:
    """Whether a command fails for a module in a file."""
    def fails(module: Op) -> bool:
        handle, path = tempfile.mkstemp(".mlir", "scancc-reduce-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(print_op(module))
            return subprocess.run([*shlex.split(command), path], capture_output=True, check=False).returncode != 0
        finally:
            os.unlink(path)

    return fails
