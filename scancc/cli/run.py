"""`scancc run`: a call of a function, or of IR text in the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from scancc.cli.arguments import arguments_of
from scancc.cli.function_names import functions_in
from scancc.cli.ir_files import read_ir
from scancc.cli.options import NUMBERS
from scancc.ir.core import functions
from scancc.ir.interpreter import run_program
from scancc.ir.interpreter.arrays import element_dtype
from scancc.user_files import load_function


@click.command(context_settings=NUMBERS)
@click.argument("function", shell_complete=functions_in(".mlir"), metavar="FILE.py:NAME|FILE.mlir[:NAME]")
@click.argument("arguments", nargs=-1, metavar="[ARG|KEY=ARG]...")
@click.option("--mode", type=click.Choice(["native", "reference"]), default="native", show_default=True)
@click.option("--check-nan", is_flag=True, help="say where a value becomes NaN or infinite")
def run(function: str, arguments: Sequence[str], mode: str, check_nan: bool) -> None:
    """Call a function and print its outputs. Arguments are Python literals or .npy files.

    IR text of any stage runs in the IR interpreter.

    \b
    Examples:
      scancc run examples/power.py:power '[1, 2, 3]' 4
      scancc dump examples/power.py:power --form generic > power.mlir && scancc run power.mlir '[1.0, 2.0]' 3
    """
    args, kwargs = arguments_of(arguments)
    path, _, name = function.rpartition(":")
    if function.endswith(".mlir") or path.endswith(".mlir"):
        result = _interpret(*((function, "") if function.endswith(".mlir") else (path, name)), args)
    else:
        mode = "NanGuardMode" if check_nan else mode
        f = load_function(function)
        result = (f if mode == "native" else f.in_mode(mode))(*args, **kwargs)
    for value in result if isinstance(result, list) else [result]:
        click.echo(str(value))


def _interpret(path: str, name: str, args: Sequence[Any]) -> list[Any]:
    """The outputs of a function of an IR file; of its first one where no name is given."""
    module = read_ir(path)
    there = [f for f in functions(module) if not f.attrs["sym_name"].endswith("__query")]
    found = [f for f in there if name in ("", f.attrs["sym_name"])]
    if not found:
        names = ", ".join(f.attrs["sym_name"] for f in there) or "none"
        raise click.ClickException(f"{path} has no function '{name}'; its functions are {names}")
    attrs = found[0].attrs
    n_inputs = attrs["n_inputs"].value if "n_inputs" in attrs else len(found[0].body.args)
    n_inputs -= attrs["n_bounds"].value if "n_bounds" in attrs else 0
    parameters = list(found[0].body.args)[:n_inputs]
    if len(parameters) != len(args):
        listed = ", ".join(f"{p.name}: {p.type}" for p in parameters)
        raise click.ClickException(f"{found[0].attrs['sym_name']} takes ({listed}), and {len(args)} were given")
    values = [_typed(p, a) for p, a in zip(parameters, args, strict=True)]
    return run_program(module, found[0].attrs["sym_name"], values)


def _typed(parameter: Any, value: Any) -> Any:
    """A value with the element type that a parameter has; the interpreter checks the rest."""
    return np.asarray(value, element_dtype(parameter.type))
