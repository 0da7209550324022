"""`scancc build`: functions compiled ahead of time, into files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from scancc.cli.function_names import functions_in
from scancc.cli.ir_files import read_ir
from scancc.cli.options import target_named
from scancc.codegen.exports.export import CPU_KINDS, GPU_KINDS, export
from scancc.codegen.exports.paths import path_map_of
from scancc.ir_programs import broken_rules, ir_functions
from scancc.user_files import load_function


@click.command()
@click.argument("functions", shell_complete=functions_in(".mlir"), nargs=-1, required=True,
                metavar="FILE.py:NAME|FILE.mlir[:NAME]...")
@click.option("--emit", default=None, metavar="KINDS",
              help="o,a,so,h,json,ll,s (all by default), c, mlir-upstream, bench-main, bench-google, bench-pytest, "
                   "bench-pyperf; for a GPU ptx")
@click.option("-o", "--output", default=".", type=click.Path(), metavar="DIR|FILE", show_default=True,
              help="folder, made if it is not there; or a file, as x/libpower.so")
@click.option("--prefix", default="", help="put before every symbol")
@click.option("--path-map", multiple=True, metavar="OLD=NEW", help="name source files that begin with OLD so")
@click.option("--threads", is_flag=True, help="C programs may say who runs loops: NAME_set_parallel_for")
@click.option("--gradient", default="", metavar="KINDS", help="value_and_grad,vjp,jvp: beside each function")
@click.option("--wrt", default=None, metavar="NAMES", help="what the derivatives are by, as x,W; all by default")
@click.option("--passes", default="", metavar="PIPELINE",
              help="of FILE.mlir, instead of the target's that it has not been through")
@click.option("--streaming", is_flag=True, help="sequences come in chunks, by NAME_run on a state")
@click.option("--optional", default="", metavar="NAMES", help="outputs that cost nothing where a caller gives NULL")
@click.option("-g", "--debug", is_flag=True, help="with the user's lines and unwind tables, for gdb and perf")
@click.option("--dlpack", is_flag=True, help="with NAME_dlpack, for tensors of DLPack")
@click.option("--python", is_flag=True, help="the .so is a module that Python imports, without scancc")
@click.option("--install", default=None, metavar="[NAME-]VERSION",
              help="lib/, include/, soname, pkg-config and CMake under the folder -o")
@click.option("--target", "targets", multiple=True, default=["native"], metavar="CPU|TRIPLE|sm_XX", show_default=True,
              help="native, x86-64-v3, aarch64-linux-gnu, sm_90, ...; several: the first call chooses")
def build(functions: Sequence[str], passes: str, emit: str | None, output: str, prefix: str,
          path_map: Sequence[str],
          threads: bool, gradient: str, wrt: str | None, streaming: bool, optional: str,
          debug: bool, dlpack: bool, python: bool, install: str | None, targets: Sequence[str]) -> None:
    """Compile functions ahead of time.

    FILE.mlir is IR of any stage, as `scancc dump --form generic` and `scancc opt` print it.

    Writes object, archive, shared library, C header, JSON manifest, LLVM IR and assembly. A missing C
    compiler costs the shared library only, which is then an error where --emit names it.

    \b
    Examples:
      scancc build examples/power.py:power --emit o,a,h -o build/
      scancc build power.mlir --passes canonicalize,cpu-loop -o build/
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind = Path(output).suffix.lstrip(".")
        if install is None and kind in (*CPU_KINDS, *GPU_KINDS):
            emit = emit or kind
        else:
            Path(output).mkdir(parents=True, exist_ok=True)
        done = export([found for f in functions for found in _functions_of(f, passes)], output, emit, prefix,
                      [target_named(t) for t in targets], path_map_of(path_map), threads=threads,
                      gradient=list(filter(None, gradient.split(","))), wrt=wrt.split(",") if wrt else None,
                      streaming=streaming, optional=list(filter(None, optional.split(","))),
                      install=install, debug=debug, dlpack=dlpack, python=python)
    for warning in caught:
        click.echo(f"note: {warning.message}", err=True)
    for path in done.files:
        click.echo(path)
    if emit is not None and done.missing:
        raise click.ClickException(f"not made: {', '.join(done.missing)}")


def _functions_of(spec: str, passes: str) -> list[Any]:
    """The function of a Python file; of an IR file that one, or all of them."""
    path, _, name = (spec, "", "") if spec.endswith(".mlir") else spec.rpartition(":")
    if not path.endswith(".mlir"):
        if passes:
            raise click.ClickException(f"--passes are for IR files, and {spec} is none; SCANCC_LEAVE_OUT leaves "
                                       "passes out of what is compiled from Python")
        return [load_function(spec)]
    there = ir_functions(read_ir(path, broken_rules), passes)
    found = [f for f in there if name in ("", f.name)]
    if not found:
        raise click.ClickException(f"{path} has no function '{name}'; it has {', '.join(f.name for f in there)}")
    return found
