"""LLVM IR text to object code, optimised text and assembly, through llvmlite.

The printer of `llvm/` writes code that is already vectorised, in rotated loops, unrolled where they are
short, with what does not change taken out; so three of LLVM's passes do what its -O2 pipeline would, in a
fraction of the time. LLVM's own vectorizers run at level 3 only: they cost time and undo the schedule.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

from ..errors import InternalError, UnsupportedError
from .binding import binding
from .halves import CONVERSIONS
from .llvm_access import exclusive
from .target import Target, host, machine_options


@exclusive
def compile_object(llvm_text: str, target: Target, opt_level: int = 2) -> bytes:
    """A relocatable object (ELF on Linux) of a module; position independent. LLVM writes none for a GPU."""
    if target.kind != "cpu":
        raise UnsupportedError(f"there is no object code for {target}; ask for its PTX text instead")
    module, machine = _optimised(llvm_text, target, opt_level)
    with _without_strength_reduction():
        return bytes(machine.emit_object(module))


def compile_for_any(llvm_text: str) -> bytes:
    """An object that every processor of this machine's kind runs, in the least time."""
    return compile_object(llvm_text, Target(host().triple, "generic"), 0)


@exclusive
def assembly(llvm_text: str, target: Target, opt_level: int = 2) -> str:
    """The optimised module as the target's assembly, or as PTX."""
    module, machine = _optimised(llvm_text, target, opt_level)
    with _without_strength_reduction():
        return str(machine.emit_assembly(module))


@contextlib.contextmanager
def _without_strength_reduction() -> Iterator[None]:
    """LLVM without its loop strength reduction, while we emit.

    Its time grows much faster than the number of loops (a Kalman filter's gradient: 3.0 of 3.3 s), and
    the printed addresses leave it nothing to gain: scans of numbers are the same without it. The
    switch is LLVM's own and global, so it is put back; LLVM ends the process on an option that it does
    not know, so only versions that were tried get it.
    """
    known = 20 <= binding().llvm_version_info[0] <= 22
    if known:
        binding().set_option("", "-disable-lsr=true")
    try:
        yield
    finally:
        if known:
            binding().set_option("", "-disable-lsr=false")


@exclusive
def optimised_text(llvm_text: str, target: Target, opt_level: int = 2) -> str:
    """The module as LLVM leaves it before instruction selection."""
    return str(_optimised(llvm_text, target, opt_level)[0])


def _optimised(llvm_text: str, target: Target, opt_level: int) -> tuple[Any, Any]:
    calls = target.calls_for_halves and re.search(r"\bhalf\b", llvm_text)
    module = _parsed(llvm_text + CONVERSIONS if calls else llvm_text)
    machine = _machine(target, opt_level)
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    if opt_level > 0:
        builder = binding().create_pass_builder(machine, _tuning(opt_level))
        if opt_level > 2:
            builder.getModulePassManager().run(module, builder)
        else:
            _run_passes(module, builder, target)
    return module, machine


def _parsed(llvm_text: str) -> Any:
    llvm = binding()
    try:
        module = llvm.parse_assembly(llvm_text)
        module.verify()
    except RuntimeError as error:
        reason = str(error).strip()
        raise InternalError(
            f"scancc printed LLVM IR that LLVM refuses: {reason}\nThis is a fault of scancc. "
            f"The module is kept in {_reproducer(llvm_text)}; please report it with that file."
        ) from None
    return module


def _reproducer(llvm_text: str) -> str:
    """The path of a file that keeps a refused module, one file a module."""
    digest = hashlib.sha256(llvm_text.encode()).hexdigest()[:12]
    path = os.path.join(tempfile.gettempdir(), f"scancc-reproducer-{digest}.ll")
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(llvm_text)
    except OSError as error:
        return f"no file ({error})"
    return path


@functools.cache
def _machine(target: Target, opt_level: int) -> Any:
    found = binding().Target.from_triple(target.triple)
    return found.create_target_machine(opt=opt_level, **machine_options(target))


def _tuning(opt_level: int) -> Any:
    options = binding().create_pipeline_tuning_options(speed_level=opt_level)
    options.loop_vectorization = opt_level > 2
    options.slp_vectorization = opt_level > 2
    return options


def _run_passes(module: Any, builder: Any, target: Target) -> None:
    """Inline what asks for it, then simplify each function.

    For a CPU by the passes that find something in our text. LLVM's own list takes about seven times as long
    on a large program, for code that is no faster (`benchmarks.compile_time`, `benchmarks.suite`).
    """
    inliner = binding().create_new_module_pass_manager()
    inliner.add_always_inliner_pass()
    inliner.add_global_dead_code_eliminate_pass()
    inliner.run(module, builder)
    simplify = builder.getFunctionPassManager() if target.kind == "ptx" else _short_list()
    for function in module.functions:
        if not function.is_declaration:
            simplify.run(function, builder)


def _short_list() -> Any:
    """Nothing that finds equal values: `cse` leaves few, and LLVM's NewGVN ends the process on large loop nests.

    Nothing that combines instructions: selecting them does it again, a block at a time, and the inner loops of all
    user models have as many instructions without InstCombine, which took a tenth of LLVM's time.
    """
    passes = binding().create_new_function_pass_manager()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    return passes
