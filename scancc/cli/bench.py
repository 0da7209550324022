"""`scancc bench`: what calls of a function take."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from scancc.cli.arguments import arguments_of
from scancc.cli.function_names import functions_in
from scancc.cli.options import NUMBERS
from scancc.flat_bench import Call, entry_of_file, entry_of_function, statistics
from scancc.user_files import load_function

_ARTEFACTS = (".so", ".a", ".o", ".json")


@click.command(context_settings=NUMBERS)
@click.argument("function", shell_complete=functions_in(*_ARTEFACTS), metavar="FILE.py:NAME|ARTEFACT[:NAME]")
@click.argument("arguments", nargs=-1, metavar="[ARG|KEY=ARG]...")
@click.option("--dims", default="", metavar="NAME=N,...", help="lengths, and whole numbers, of inputs that are made")
@click.option("-n", "--blocks", default=9, show_default=True, type=click.IntRange(min=1),
              help="how many blocks of calls")
@click.option("--reference/--no-reference", default=True, help="beside the NumPy interpreter")
@click.option("--json", "as_json", is_flag=True, help="the statistics as JSON, in seconds")
def bench(function: str, arguments: Sequence[str], dims: str, blocks: int, reference: bool, as_json: bool) -> None:
    """Time calls of a function.

    It is called through its entry in C; an artefact is as well. Inputs are given, as for `run`, or made:
    `--dims x_n0=1e6,k=10` names lengths as the header does, and numbers; `n` is the length of all that is not named,
    and whole numbers in arrays are below `integers` (10). Arrays are made and converted before the clock runs.

    \b
    Examples:
      scancc bench examples/power.py:power '[1.5, 2.5]' 64
      scancc bench examples/power.py:power --dims n=1e6,k=10 --json
      scancc bench build/power.so --dims A_n0=1000,k=64
    """
    args, kwargs = arguments_of(arguments)
    start, times = time.perf_counter(), {}
    path, _, name = function.rpartition(":")
    if Path(function).suffix in _ARTEFACTS or Path(path).suffix in _ARTEFACTS:
        entry = entry_of_file(*((function, "") if Path(function).suffix in _ARTEFACTS else (path, name)))
        f, reference = None, False
    else:
        f = load_function(function)
        entry = entry_of_function(f)
        times["compile"] = time.perf_counter() - start
    call = entry.ready(args, kwargs, _lengths(dims))
    found = {"native": statistics(*call.seconds(blocks))}
    if reference and f is not None:
        found["NumPy reference"] = statistics(*_of_python(f, call, blocks))
    if as_json:
        click.echo(json.dumps({"function": entry.row["name"], **times, "shapes": [list(v.shape) for v in call.values],
                               "seconds": found}, indent=1))
        return
    for what, seconds in times.items():
        click.echo(f"{what:15} {1e3 * seconds:10.3f} ms")
    for what, row in found.items():
        click.echo(f"{what:15} min {1e6 * row['min']:12.3f} us   median {1e6 * row['median']:12.3f} us   "
                   f"stdev {1e6 * row['stdev']:10.3f} us   {row['blocks']} blocks of {row['calls_per_block']} calls")


def _lengths(text: str) -> dict[str, int]:
    found = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        try:
            number = float(value)
            found[name.strip()] = int(number)
        except (ValueError, OverflowError):
            number = 0.5
        if not equals or number != int(number) or number < 0:
            raise click.ClickException(f"--dims has {part!r}; write NAME=N with whole numbers, as n=1e6,k=10")
    return found


def _of_python(f: Any, call: Call, blocks: int) -> tuple[list[float], int]:
    """The same call of the NumPy interpreter."""
    interpreted, given = f.in_mode("reference"), call.values[:len(f.program.inputs)]
    found = []
    for _ in range(min(blocks, 3)):
        start = time.perf_counter()
        interpreted(*given)
        found.append(time.perf_counter() - start)
    return found, 1
