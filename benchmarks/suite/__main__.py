"""`python -m benchmarks.suite`: list, run, page, compare."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click

from benchmarks.suite import compare as comparing
from benchmarks.suite import page as pages
from benchmarks.suite import run as running
from benchmarks.suite.measure import Pace
from benchmarks.suite.processes import ROOT
from benchmarks.suite.workload import FLOATS, load_all
from benchmarks.suite.workload import cells as cells_of

QUICK = Pace(3, 0.004)
only = click.option("--only", default="", help="A regular expression; cells are named like 'ema large float64'.")
quick = click.option("--quick", is_flag=True, help="Few and short rounds.")
page_of = click.option("--page", "page_name", type=click.Choice(list(pages.PAGES)), default="benchmarks",
                       help="The page whose workloads are meant.")
dtype = click.option("--dtype", type=click.Choice(FLOATS), multiple=True, help="Only this type of float.")


@click.group()
def main() -> None:
    """Measures scancc beside C, NumPy and the peers."""


@main.command("list")
def list_() -> None:
    """The workloads and their sizes."""
    for name, workload in load_all().items():
        sizes = ", ".join(f"{size} {keys}" for size, keys in workload.sizes.items() if size != "tiny")
        click.echo(f"{name:16} {workload.title} {sizes}")


@main.command()
@only
@page_of
@quick
@dtype
@click.option("--rounds", default=9)
@click.option("--round-s", default=0.005, help="Seconds of a form in a round.")
@click.option("--own-time", is_flag=True, help="Time of the processor alone, on a machine with other work.")
@click.option("--peers", is_flag=True, help="PyTensor, JAX, Numba and torch too, as far as they are installed.")
@click.option("--peers-python", default=None, help="The Python that has them; else .venv-peers, else this one.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/bench"))
def run(only: str, page_name: str, quick: bool, dtype: tuple[str, ...], rounds: int, round_s: float, own_time: bool,
        peers: bool, peers_python: str | None, out: Path) -> None:
    """Checks and measures; writes results.json and the page. Exits with 1 where a number is wrong."""
    cells = list(cells_of(only, dtype or FLOATS, page_name))
    if not cells:
        raise click.ClickException(f"no cell matches {only!r}: it is a regular expression for the names of workloads")
    own = ROOT / ".venv-peers" / "bin" / "python"
    python = peers_python or (str(own) if own.exists() else sys.executable)
    pace = Pace(QUICK.rounds, QUICK.round_s, own_time) if quick else Pace(rounds, round_s, own_time)
    sys.exit(running.run(cells, out, page_name, peers, python, pace) > 0)


@main.command()
@click.argument("results", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs"))
def page(results: Path, out: Path) -> None:
    """Writes the page of a file of results once more."""
    pages.write(json.loads(results.read_text()), out)


@main.command()
@click.argument("a")
@click.argument("b", default=".")
@only
@page_of
@quick
@dtype
@click.option("--rounds", default=15)
def compare(a: str, b: str, only: str, page_name: str, quick: bool, dtype: tuple[str, ...], rounds: int) -> None:
    """What B changed against A: two commits ('.' is the working tree), or two files of results.

    Exits with 1 where something is slower beyond noise, or wrong.
    """
    if a.endswith(".json") and b.endswith(".json"):
        sys.exit(comparing.compare_files(Path(a), Path(b), lambda name: bool(re.search(only, name))) > 0)
    cells = list(cells_of(only, dtype or FLOATS, page_name))
    sys.exit(comparing.compare_commits(a, b, cells, Pace(7, 0.002) if quick else Pace(rounds, 0.005)) > 0)


if __name__ == "__main__":
    main()
