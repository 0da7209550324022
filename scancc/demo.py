"""`scancc demo`: the road from Python to a C program, on the examples."""

from __future__ import annotations

import os
import subprocess
import time
import warnings
from pathlib import Path

import click
import numpy as np

from scancc import colours
from scancc.codegen.link import NoCompilerError, c_compiler
from scancc.codegen.target import host
from scancc.compile import Function
from scancc.user_files import load_function

N, K = 1_000_000, 64
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run_demo(folder: Path) -> None:
    """Compile, show, link, measure; without a C compiler the linking is left out, and said so."""
    if not EXAMPLES.is_dir():
        raise click.ClickException("the examples are in the source tree; run the demo from a clone of it")
    folder.mkdir(parents=True, exist_ok=True)
    names = ("power.py:power", "filters.py:ema", "filters.py:biquad", "filters.py:likelihood",
             "until.py:powers_of_two")
    functions = [load_function(f"{EXAMPLES}/{n}") for n in names]
    _show_ir(functions[0])
    _build(functions, folder)
    _measure(functions[0], folder)


def _show_ir(power: Function) -> None:
    click.secho("A**k before any pass: the whole trace is kept, and its last row taken", bold=True)
    colours.show(power.dump("scan", after_each_pass=True).split("// ----")[2] + "\n")
    click.secho("after the passes: no trace, and lanes outside the loop over steps", bold=True)
    colours.show(power.dump("scan") + "\n")
    click.secho("as loops: 32 elements at a time, the state in registers for all steps", bold=True)
    colours.show(power.dump("loop") + "\n")


def _build(functions: list[Function], folder: Path) -> None:
    from scancc.codegen.export import export

    click.secho(f"ahead of time, into {folder}", bold=True)
    for function in functions:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            done = export(function, f"{folder}{os.sep}")
        click.echo("  " + "  ".join(path.name for path in done.files))
        for warning in caught:
            click.echo(f"  note: {warning.message}")


def _measure(power: Function, folder: Path) -> None:
    A = 0.5 + np.arange(N) / N
    click.secho(f"\nA**{K} of {N:,} float64, last step only (fastest of 20)", bold=True)
    linked = _linked_benchmark(folder)
    if linked is not None:
        time_s, total = linked
        click.echo(f"  C program, linked archive    {1e3 * time_s:8.3f} ms   sum {total:.15g}")
    _line("scancc, from Python", lambda: power(A, K))
    _line("NumPy, one product a step", lambda: _numpy_steps(A))
    _line("NumPy, A**k by pow", lambda: A**K)


def _numpy_steps(A: np.ndarray) -> np.ndarray:
    result = np.ones_like(A)
    for _ in range(K):
        result = result * A
    return result


def _line(title: str, call) -> None:  # type: ignore[no-untyped-def]
    best = min(_seconds(call) for _ in range(20))
    click.echo(f"  {title:28} {1e3 * best:8.3f} ms   sum {call().sum():.15g}")


def _seconds(call) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _linked_benchmark(folder: Path) -> tuple[float, float] | None:
    """Seconds and sum that the linked C program prints; None, with a notice, where there is no C compiler."""
    try:
        compiler = c_compiler(host())
    except NoCompilerError:
        click.echo("  no C compiler (cc, gcc, clang or $CC) was found: the C benchmark is left out")
        return None
    program = folder / "benchmark"
    command = [*compiler, "-O2", f"-I{folder}", str(EXAMPLES / "benchmark.c"), str(folder / "power.a"), "-lm",
               "-o", str(program)]
    click.echo("  " + " ".join(command))
    subprocess.run(command, check=True)
    done = subprocess.run([str(program), str(N), str(K)], check=True, capture_output=True, text=True)
    time_s, total = map(float, done.stdout.split())
    return time_s, total
