"""The `scancc` command: build, dump, opt, run, bench, demo."""

from __future__ import annotations

import ast
import os
import re
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import click

import scancc
from scancc import colours
from scancc.dumps import IR_STAGES
from scancc.errors import ScanccError
from scancc.user_files import load_function


class _Command(click.Group):
    """Errors that a user can mend are one paragraph and exit code 1; a closed pipe is no error."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - stays open until the process ends
            return None
        except _MENDABLE as error:
            if ctx.params["traceback"]:
                raise
            raise click.ClickException(_one_paragraph(error)) from None


_MENDABLE = (ScanccError, ValueError, TypeError, IndexError, OSError, ImportError, MemoryError)


def _one_paragraph(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(scancc.__version__, prog_name="scancc")
@click.option("--traceback", is_flag=True, help="show where in scancc an error comes from")
def main(traceback: bool) -> None:
    """Compile recurrences written with symbolic tensors to native code.

    Functions are named FILE.py:NAME, where NAME is what sc.function(...) returned in FILE.py.
    """


# ---- what the commands take ----


def _target(text: str) -> Any:
    from scancc.codegen import target
    return target.parse(text)


# An argument such as -4 is no option.
_numbers = {"ignore_unknown_options": True}
_target_option = click.option("--target", default="native", metavar="CPU|TRIPLE|sm_XX", show_default=True,
                              help="native, x86-64-v3, aarch64-linux-gnu, sm_90, ...")


# ---- build ----


@main.command()
@click.argument("functions", nargs=-1, required=True, metavar="FILE.py:NAME...")
@click.option("--emit", default=None, metavar="KINDS", help="o,a,so,h,json,ll,s (all by default); ptx for a GPU")
@click.option("-o", "--output", default=".", metavar="DIR|FILE", show_default=True,
              help="folder, made if it is not there; or a file, as x/libpower.so")
@click.option("--prefix", default="", help="put before every symbol")
@click.option("--path-map", multiple=True, metavar="OLD=NEW", help="name source files that begin with OLD so")
@_target_option
def build(functions: Sequence[str], emit: str | None, output: str, prefix: str, path_map: Sequence[str],
          target: str) -> None:
    """Compile functions ahead of time.

    Writes object, archive, shared library, C header, JSON manifest, LLVM IR and assembly. A missing C
    compiler costs the shared library only, which is then an error where --emit names it.

    \b
    Example:
      scancc build examples/power.py:power --emit o,a,h -o build/
    """
    from scancc.codegen.export import CPU_KINDS, GPU_KINDS, export
    from scancc.codegen.paths import path_map_of

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind = Path(output).suffix.lstrip(".")
        if kind in (*CPU_KINDS, *GPU_KINDS):
            emit = emit or kind
        else:
            Path(output).mkdir(parents=True, exist_ok=True)
        done = export([load_function(f) for f in functions], output, emit, prefix,
                      None if target == "native" else _target(target), path_map_of(path_map))
    for warning in caught:
        click.echo(f"note: {warning.message}", err=True)
    for path in done.files:
        click.echo(path)
    if emit is not None and done.missing:
        raise click.ClickException(f"not made: {', '.join(done.missing)}")


# ---- dump ----


@main.command()
@click.argument("function", metavar="FILE.py:NAME")
@click.option("--stage", type=click.Choice(["graph", "scan", "loop", "llvm", "asm"]), default="scan",
              show_default=True)
@click.option("--form", type=click.Choice(["reading", "generic"]), default="reading", show_default=True,
              help="of IR: for people, or as tools read it")
@click.option("--after-each-pass", is_flag=True, help="the IR as lowered, and what each pass up to the stage changes")
@click.option("--only-changed", is_flag=True, help="the same without passes that change nothing")
@click.option("--full", is_flag=True, help="with these, all of the IR after each pass")
@click.option("--locations", is_flag=True, help="with the user's lines")
@click.option("--query", is_flag=True, help="with functions that compute sizes")
@click.option("--remarks", is_flag=True, help="what the passes did, or why not, on stderr")
@_target_option
def dump(function: str, target: str, remarks: bool, **options: Any) -> None:
    """Print what the compiler makes of a function at a stage. docs/ir.md says how to read it.

    \b
    Examples:
      scancc dump examples/power.py:power --stage loop
      scancc dump examples/power.py:power --form generic | scancc opt - --passes cpu-loop
    """
    f = load_function(function)
    text = f.dump(target=None if target == "native" else _target(target), **options)
    if options["stage"] in IR_STAGES:
        _show(text)
    else:
        click.echo(text, nl=False)
    if remarks:
        for remark in f.remarks:
            click.echo(str(remark), err=True)


def _show(text: str) -> None:
    """Print IR, on a terminal in colours."""
    click.echo(colours.coloured(text) if colours.wanted() else text, nl=False)


# ---- explain ----


@main.command("explain")
@click.argument("function", metavar="FILE.py:NAME")
@_target_option
def explain_command(function: str, target: str) -> None:
    """Print a card of each scan: what it computes, what limits it, what the compiler did and did not do, and why.

    docs/explain.md says how to read it.

    \b
    Example:
      scancc explain examples/power.py:power
    """
    found = load_function(function).explain(None if target == "native" else _target(target))
    click.echo(str(found).rstrip())


# ---- plan ----


@main.command(context_settings=_numbers)
@click.argument("function", metavar="FILE.py:NAME")
@click.argument("arguments", nargs=-1, metavar="[ARG|KEY=ARG|SIZE=N]...")
@click.option("--json", "as_json", is_flag=True, help="the formulas as JSON")
def plan(function: str, arguments: Sequence[str], as_json: bool) -> None:
    """Print what memory a function takes: every buffer, its life and its place, as formulas of sizes.

    With arguments as for `run`, or sizes by name, in numbers too. docs/memory.md says how to read it.

    \b
    Examples:
      scancc plan examples/power.py:power
      scancc plan examples/power.py:power A_n0=1000000 k=64
    """
    import json

    args, kwargs = _arguments(arguments)
    found = load_function(function).memory_plan(*args, **kwargs)
    click.echo(json.dumps(found.to_json(), indent=1) if as_json else str(found).rstrip())


# ---- opt ----


@main.command()
@click.argument("file", metavar="FILE.mlir|-")
@click.option("--passes", default="", metavar="PIPELINE", help="canonicalize,cse,fuse,...  or cpu")
@click.option("--after-each-pass", is_flag=True)
@click.option("--only-changed", is_flag=True)
@click.option("--form", type=click.Choice(["generic", "reading"]), default="generic", show_default=True)
@click.option("--timing", is_flag=True, help="milliseconds a pass, on stderr")
@_target_option
def opt(file: str, passes: str, after_each_pass: bool, only_changed: bool, form: str, timing: bool,
        target: str) -> None:
    """Run passes on IR text and print the result.

    A pass list by name (cpu, cpu-scan, cpu-loop, gpu, ...) is that of the target.

    \b
    Example:
      scancc dump examples/power.py:power --form generic | scancc opt - --passes cpu-loop
    """
    from scancc import pipeline
    from scancc.codegen.target import target_of
    from scancc.dumps import PassDump, View
    from scancc.stages import named_for

    passes = named_for(passes, target_of(None if target == "native" else target))
    module, view = _read_ir(file), View(form, locations=form == "generic", query=True)
    each = after_each_pass or only_changed
    report = pipeline.run(module, passes, on_pass=PassDump(sys.stdout, view, module, only_changed) if each else None)
    if not each:
        _show(view.text(module))
    if timing:
        click.echo(str(report), err=True)


_READING = re.compile(r"(?:[^|\n]*\| |//.*\n|\s)*func \w")  # after a margin, or titles


def _read_ir(file: str) -> Any:
    from scancc.ir.parser import read_module

    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    source = "<stdin>" if file == "-" else file
    if _READING.match(data.decode(errors="replace")):
        raise click.ClickException(f"{source} is IR for people, which is not read back; "
                                   "write it with `scancc dump --form generic`")
    return read_module(data, source)


# ---- run ----


@main.command(context_settings=_numbers)
@click.argument("function", metavar="FILE.py:NAME|FILE.mlir[:NAME]")
@click.argument("arguments", nargs=-1, metavar="[ARG|KEY=ARG]...")
@click.option("--mode", type=click.Choice(["native", "reference"]), default="native", show_default=True)
def run(function: str, arguments: Sequence[str], mode: str) -> None:
    """Call a function and print its outputs. Arguments are Python literals or .npy files.

    IR text of any stage runs in the IR interpreter.

    \b
    Examples:
      scancc run examples/power.py:power '[1, 2, 3]' 4
      scancc dump examples/power.py:power --form generic > power.mlir && scancc run power.mlir '[1.0, 2.0]' 3
    """
    args, kwargs = _arguments(arguments)
    path, _, name = function.rpartition(":")
    if function.endswith(".mlir") or path.endswith(".mlir"):
        result = _interpret(*((function, "") if function.endswith(".mlir") else (path, name)), args)
    else:
        f = load_function(function)
        result = (f.in_mode("reference") if mode == "reference" else f)(*args, **kwargs)
    for value in result if isinstance(result, list) else [result]:
        click.echo(str(value))


def _interpret(path: str, name: str, args: Sequence[Any]) -> list[Any]:
    """The outputs of a function of an IR file; of its first one where no name is given."""
    from scancc.ir.core import functions
    from scancc.ir.interpreter import run_program

    module = _read_ir(path)
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
    import numpy as np

    from scancc.ir.interpreter.arrays import element_dtype

    return np.asarray(value, element_dtype(parameter.type))


def _arguments(texts: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if equals and key.isidentifier():
            kwargs[key] = _value(value)
        else:
            args.append(_value(text))
    return args, kwargs


class _Numbers(ast.NodeTransformer):
    """Puts the floats in the place of the names nan and inf, which are no literals of Python's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.copy_location(ast.Constant(float(node.id)), node) if node.id in ("nan", "inf") else node


def _value(text: str) -> Any:
    import numpy as np

    if text.endswith(".npy"):
        return np.load(text, allow_pickle=False)
    try:
        return ast.literal_eval(_Numbers().visit(ast.parse(text.strip(), mode="eval")))
    except (ValueError, SyntaxError):
        raise click.ClickException(f"the argument '{text}' is no Python literal and no .npy file; write 2.5, "
                                   "'[1, 2, 3]' or data.npy") from None


# ---- bench ----


@main.command(context_settings=_numbers)
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
    args, kwargs = _arguments(arguments)
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


# ---- demo ----


@main.command()
@click.option("-o", "--output", default="build/demo", show_default=True, metavar="DIR")
def demo(output: str) -> None:
    """Show the whole road on the examples.

    Compiles them ahead of time, shows the IR before and after the passes, links one into a C benchmark,
    and prints its result beside NumPy's.

    \b
    Example:
      scancc demo -o build/demo
    """
    from scancc.demo import run_demo

    run_demo(Path(output))


if __name__ == "__main__":
    main()
