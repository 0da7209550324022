"""`scancc info`: what a report of a fault should say of this machine."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import click

import scancc
from scancc.cli.cache import described
from scancc.codegen.binding import binding
from scancc.codegen.exports.link import NoCompilerError, c_compiler
from scancc.codegen.target import host, levels
from scancc.config import SWITCHES, config
from scancc.runtime import fastcall
from scancc.runtime.cache import current
from scancc.runtime.device import devices

NEIGHBOURS = ("scipy", "torch", "jax", "numba", "pandas", "cuda-python")


@click.command()
def info() -> None:
    """Print versions, the processor, the cache, GPUs and switches, for a report of a fault.

    \b
    Example:
      scancc info
    """
    for name, text in _rows():
        click.echo(f"{name:12} {text}")


def _rows() -> list[tuple[str, str]]:
    target = host()
    llvm = ".".join(map(str, binding().llvm_version_info))
    features = f"vectors of {target.vector_bytes} bytes, fused multiply-add {'yes' if target.has_fma else 'no'}"
    return [
        ("scancc", f"{scancc.__version__}, {os.path.dirname(scancc.__file__)}"),
        ("Python", f"{platform.python_version()} ({sys.implementation.name}), {platform.platform()}"),
        ("packages", ", ".join(_versions(llvm))),
        ("processor", f"{target.triple}, {target.cpu}, {os.cpu_count()} cores; {features}"),
        ("levels", ", ".join(levels())),
        ("calls", "in C" if fastcall.is_supported() else "in Python"),
        ("C compiler", _c_compiler()),
        ("cache", described(current())),
        ("GPUs", ", ".join(f"{d.name} ({d.target}, {d.memory_nbytes / 2**30:.0f} GiB)" for d in devices()) or "none"),
        ("switches", ", ".join(_changed()) or "as they come"),
    ]


def _versions(llvm: str) -> list[str]:
    """Those of what scancc stands on, and of the packages that it exchanges arrays with, where they are installed."""
    found = [f"numpy {version('numpy')}", f"llvmlite {version('llvmlite')} (LLVM {llvm})"]
    for name in NEIGHBOURS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _c_compiler() -> str:
    try:
        return " ".join(c_compiler(host()))
    except NoCompilerError:
        return "none: shared libraries are not linked"


def _changed() -> list[str]:
    """The switches that are not as they come."""
    values = ((s, s.from_environment() if s.read_late else getattr(config, s.name)) for s in SWITCHES.values())
    return [f"{s.name} = {value!r}" for s, value in values if value != s.default]
