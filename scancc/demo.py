"""`scancc demo`: the road from Python to a C program, on the examples."""

from __future__ import annotations

import os
import re
import subprocess
import timeit
import warnings
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from scancc import colours
from scancc.codegen.exports.link import NoCompilerError, c_compiler
from scancc.codegen.target import host
from scancc.compile import Function
from scancc.user_files import load_function

N, K, RUNS = 1_000_000, 64, 20
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run_demo(folder: Path) -> None:
    """Compile, show, link, measure; without a C compiler the linking is left out, and said so."""
    if not EXAMPLES.is_dir():
        raise click.ClickException("the examples are in the source tree; run the demo from a clone of it")
    folder.mkdir(parents=True, exist_ok=True)
    power = load_function(f"{EXAMPLES}/power.py:power")
    _title("The program: examples/power.py")
    _show_program()
    _title("What the compiler did: scancc explain examples/power.py:power")
    for remark in power.remarks:
        if remark.done:
            click.echo(f"  {remark.pass_name:13}{remark.reason}")
    _title("The loop, a vector at a time: scancc dump examples/power.py:power --stage loop")
    _show_loop(power.dump("loop"))
    _title(f"Ahead of time: scancc build examples/power.py:power -o {folder}")
    _build(power, folder)
    _measure(power, folder)


def _title(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _show_program() -> None:
    """From the first variable to the function, without comments."""
    lines = (EXAMPLES / "power.py").read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("k ="))
    for line in lines[first:lines.index('if __name__ == "__main__":')]:
        if line and not line.startswith("#"):
            click.echo(f"  {line}")


def _show_loop(text: str) -> None:
    """The loop over single vectors; those side by side before it, and what is left over, look alike."""
    loops = re.findall(r"^  for .* vector \d+ \{\n(?:    .*\n)*  \}$", text, re.M)
    shown = min(loops, key=len, default=text)
    click.echo(colours.coloured(shown) if colours.wanted() else shown)


def _build(power: Function, folder: Path) -> None:
    from scancc.codegen.exports.export import export

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = export(power, f"{folder}{os.sep}")
    click.echo("  " + "  ".join(path.name for path in done.files))
    for warning in caught:
        click.echo(f"  note: {warning.message}")


def _measure(power: Function, folder: Path) -> None:
    A = 0.5 + np.arange(N) / N
    linked = _linked_benchmark(folder)
    _title(f"A**{K} of {N:,} numbers by {K} products each, fastest of {RUNS}")
    rows = [("NumPy, a product of arrays a step", *_fastest(lambda: _numpy_steps(A))),
            *([("C, two loops, -O3 -march=native", *linked[1])] if linked else []),
            ("scancc, called from Python", *_fastest(lambda: power(A, K))),
            *([("scancc, linked into C", *linked[0])] if linked else [])]
    slowest = max(seconds for _, seconds, _ in rows)
    for title, seconds, total in rows:
        bar = "█" * max(1, round(32 * seconds / slowest))
        click.echo(f"  {title:34} {1e3 * seconds:8.2f} ms  sum {total:.10g}  {bar}")


def _fastest(call: Callable[[], np.ndarray]) -> tuple[float, float]:
    """Seconds of the fastest of some calls, and the sum of what it gives."""
    return min(timeit.repeat(call, number=1, repeat=RUNS)), float(call().sum())


def _numpy_steps(A: np.ndarray) -> np.ndarray:
    result = np.ones_like(A)
    for _ in range(K):
        result = result * A
    return result


def _linked_benchmark(folder: Path) -> list[tuple[float, float]] | None:
    """Seconds and sums that the C program prints, of the archive and of its own loop; None, with a notice, where no C
    compiler is."""
    try:
        compiler = c_compiler(host())
    except NoCompilerError:
        click.echo("  no C compiler (cc, gcc, clang or $CC) was found: the C benchmark is left out")
        return None
    program = folder / "benchmark"
    subprocess.run([*compiler, "-O3", "-march=native", f"-I{folder}", str(EXAMPLES / "benchmark.c"),
                    str(folder / "power.a"), "-lm", "-o", str(program)], check=True)
    done = subprocess.run([str(program), str(N), str(K)], check=True, capture_output=True, text=True)
    return [(float(seconds), float(total)) for seconds, total in map(str.split, done.stdout.splitlines())]
