"""`scancc opt`: passes on IR text."""

from __future__ import annotations

import sys

import click

from scancc import colours, pipeline
from scancc.cli.ir_files import read_ir
from scancc.cli.options import target_option
from scancc.codegen.target import target_of
from scancc.ir.core import Op, functions
from scancc.ir.irdl import irdl_text
from scancc.ir.ops import OPS
from scancc.pipeline import near
from scancc.stages import named_for, number_checks
from scancc.views import PassDump, View


def _irdl(context: click.Context, _: click.Parameter, dialect: str) -> None:
    if dialect:
        known = sorted({name.partition(".")[0] for name in OPS})
        if dialect not in known:
            raise click.BadParameter(f"there is no dialect '{dialect}'{near(dialect, known)}")
        click.echo(irdl_text(dialect), nl=False)
        context.exit()


@click.command()
@click.argument("file", type=click.Path(allow_dash=True), metavar="FILE.mlir|-")
@click.option("--passes", default="", metavar="PIPELINE", help="canonicalize,cse,fuse,...  or cpu")
@click.option("--after-each-pass", is_flag=True)
@click.option("--only-changed", is_flag=True)
@click.option("--diff", is_flag=True, help="what each pass changed, in the form for people")
@click.option("--form", type=click.Choice(["generic", "reading"]), default="generic", show_default=True)
@click.option("--function", default="", metavar="NAME", help="show this function alone")
@click.option("--op", default="", metavar="NAME", help="show these ops alone, with what is in them: scan.scan")
@click.option("--remarks", is_flag=True, help="what the passes did, or why not, on stderr")
@click.option("--irdl", default="", metavar="DIALECT", is_eager=True, expose_value=False, callback=_irdl,
              help="print the ops of a dialect, such as scan, as IRDL, and exit")
@click.option("--emit", type=click.Choice(["mlir-upstream"]), default=None,
              help="the loop IR that the passes give in upstream dialects, for other tools that read MLIR")
@click.option("--timing", is_flag=True, help="milliseconds a pass, on stderr")
@target_option
def opt(file: str, passes: str, after_each_pass: bool, only_changed: bool, diff: bool, form: str, function: str,
        op: str, remarks: bool, emit: str | None, timing: bool, target: str) -> None:
    """Run passes on IR text and print the result.

    A pass list by name (cpu, cpu-scan, cpu-loop, gpu, ...) is that of the target.

    \b
    Examples:
      scancc dump examples/power.py:power --form generic | scancc opt - --passes cpu-loop
      scancc opt power.mlir --passes cpu-scan --diff --op scan.scan --remarks
    """
    passes = named_for(passes, target_of(None if target == "native" else target))
    form = "reading" if diff else form
    module, view = read_ir(file), View(form, locations=form == "generic", query=True, function=function, op=op)
    _check_names(module, function, op)
    each = after_each_pass or only_changed or diff
    if emit is not None and (each or op or function):
        raise click.UsageError("--emit gives all of the module after all passes; leave out what shows parts of it")
    dump = PassDump(sys.stdout, view, module, only_changed or diff) if each else None
    report = pipeline.run(module, passes, on_pass=dump)
    if emit is not None:
        click.echo(_upstream(module), nl=False)
    elif not each:
        colours.show(view.text(module))
    said = [str(remark) for remark in report.remarks if op in ("", remark.op)] if remarks else []
    for text in [*said, *[str(report)] * timing]:
        click.echo(text, err=True)


def _check_names(module: Op, function: str, op: str) -> None:
    """An error where there is nothing of the name that was asked for; a query may still come."""
    there = [f.attrs["sym_name"] for f in functions(module)]
    if function and function.removesuffix("__query") not in there and function not in there:
        raise click.ClickException(f"there is no function '{function}'{near(function, there)}; there are "
                                   f"{', '.join(there) or 'none'}")
    if op and op not in OPS:
        raise click.ClickException(f"there is no op '{op}'{near(op, list(OPS))}")


def _upstream(module: Op) -> str:
    from scancc.codegen.upstream import module_text  # rarely needed

    return module_text(module, number_checks(module))
