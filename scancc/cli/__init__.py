"""The `scancc` command. A file a command, which loads when it is called or asked for its help."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

import scancc
from scancc.config import config

# By name, what `scancc --help` says of each: the first sentence of its own help.
COMMANDS = {
    "build": "Compile functions ahead of time.",
    "run": "Call a function and print its outputs.",
    "bench": "Time calls of a function.",
    "dump": "Print what the compiler makes of a function at a stage.",
    "explain": "Print a card of each scan: what it computes, what limits it, what the compiler did and did not do, "
               "and why.",
    "plan": "Print what memory a function takes: every buffer, its life and its place, as formulas of sizes.",
    "report": "Write a report on a function to one HTML file: source, IR pass by pass, assembly, remarks, memory, "
              "roofline.",
    "opt": "Run passes on IR text and print the result.",
    "reduce": "Shrink IR text that makes a pass fail, and print what is left.",
    "info": "Print versions, the processor, the cache, GPUs and switches, for a report of a fault.",
    "cache": "Show or empty the cache of compiled code.",
    "completion": "Print the lines that let a shell complete commands, options and their values.",
    "demo": "Show the whole road on the examples.",
}


class _Commands(click.Group):
    """Errors that a user can mend are one paragraph and exit code 1; a closed pipe is no error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"scancc.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        _check_switches()
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - stays open until the process ends
            return None
        except Exception as error:
            if ctx.params["traceback"] or not isinstance(error, _mendable()):
                raise
            raise click.ClickException(_one_paragraph(error)) from None


def _check_switches() -> None:
    """Of a wrong value in the environment every switch tells."""
    try:
        str(config)
    except (ValueError, TypeError) as error:
        raise click.UsageError(str(error)) from None


def _mendable() -> tuple[type[Exception], ...]:
    from scancc.errors import ScanccError

    return ScanccError, ValueError, TypeError, IndexError, OSError, ImportError, MemoryError


def _one_paragraph(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return "\n".join([str(error) or type(error).__name__, *getattr(error, "__notes__", ())])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(scancc.__version__, prog_name="scancc")
@click.option("--traceback", is_flag=True, help="show where in scancc an error comes from")
def main(traceback: bool) -> None:
    """Compile recurrences written with symbolic tensors to native code.

    Functions are named FILE.py:NAME, where NAME is what sc.function(...) returned in FILE.py.
    """
