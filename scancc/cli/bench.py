"""`scancc bench`: what calls of a function take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import click

from scancc.cli.arguments import arguments_of
from scancc.cli.options import NUMBERS
from scancc.user_files import load_function


@click.command(context_settings=NUMBERS)
@click.argument("function", metavar="FILE.py:NAME")
@click.argument("arguments", nargs=-1, metavar="[ARG|KEY=ARG]...")
@click.option("-n", "--blocks", default=9, show_default=True, type=click.IntRange(min=1),
              help="how many blocks of calls")
@click.option("--reference/--no-reference", default=True, help="beside the NumPy interpreter")
def bench(function: str, arguments: Sequence[str], blocks: int, reference: bool) -> None:
    """Time calls of a function.

    Prints the time to compile again, and minimum and median of a call.

    \b
    Example:
      scancc bench examples/power.py:power '[1.5, 2.5]' 64
    """
    f = load_function(function)
    args, kwargs = arguments_of(arguments)
    start = time.perf_counter()
    again = f.copy()
    click.echo(f"compile (warm)  {1e3 * (time.perf_counter() - start):10.3f} ms")
    ways: dict[str, Any] = {"native": again}
    if reference:
        ways["NumPy reference"] = f.in_mode("reference")
    times: dict[str, list[float]] = {name: [] for name in ways}
    repeats = {name: _repeats(way, args, kwargs) for name, way in ways.items()}
    for _ in range(blocks):
        for name, way in ways.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                way(*args, **kwargs)
            times[name].append((time.perf_counter() - start) / repeats[name])
    for name, values in times.items():
        click.echo(f"{name:15} min {1e6 * min(values):12.3f} us   median {1e6 * median(values):12.3f} us")


def _repeats(way: Any, args: Sequence[Any], kwargs: dict[str, Any], min_time_s: float = 0.02) -> int:
    way(*args, **kwargs)
    start = time.perf_counter()
    way(*args, **kwargs)
    return max(1, int(min_time_s / max(time.perf_counter() - start, 1e-8)))
