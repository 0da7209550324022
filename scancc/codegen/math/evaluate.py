"""Run one elementary function on NumPy arrays: for its tests, its error campaign and a quick look."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..binding import binding
from ..target import Target
from .function import MathFunction, module_text

_LOOP = """
define void @apply(ptr %out, {parameters}, i64 %n) {{
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
{loads}
  %r = call {type} @{symbol}({arguments})
  %p_out = getelementptr {element}, ptr %out, i64 %i
  store {type} %r, ptr %p_out, align {align}
  %next = add i64 %i, {width}
  br label %head
done:
  ret void
}}
"""


def loop_text(function: MathFunction, dtype: str, width: int, n_arguments: int) -> str:
    """A module whose `apply(out, x..., n)` maps the function over n elements, a multiple of the width."""
    element = "double" if dtype == "f64" else "float"
    value_type = element if width == 1 else f"<{width} x {element}>"
    align = 8 if dtype == "f64" else 4
    names = [f"x{i}" for i in range(n_arguments)]
    loads = "\n".join(
        f"  %p_{x} = getelementptr {element}, ptr %{x}, i64 %i\n"
        f"  %v_{x} = load {value_type}, ptr %p_{x}, align {align}"
        for x in names
    )
    loop = _LOOP.format(
        parameters=", ".join(f"ptr %{x}" for x in names), loads=loads, type=value_type, element=element,
        symbol=function.symbol, arguments=", ".join(f"{value_type} %v_{x}" for x in names),
        align=align, width=width,
    )  # fmt: skip
    return module_text([function]) + loop


def target_machine(triple: str, cpu: str, features: str, codemodel: str = "default") -> Any:
    target = binding().Target.from_triple(triple)
    return target.create_target_machine(cpu=cpu, features=features, opt=2, reloc="pic", codemodel=codemodel)


def optimized(text: str, machine: Any) -> Any:
    llvm = binding()
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


class Compiled:
    """One function as code for a processor whose code this machine runs, callable on arrays."""

    def __init__(self, function: MathFunction, dtype: str, width: int, n_arguments: int, target: Target) -> None:
        self.dtype = np.dtype(dtype.replace("f64", "float64").replace("f32", "float32"))
        self.width = width
        machine = target_machine(target.triple, target.cpu, target.features, "jitdefault")
        module = optimized(loop_text(function, dtype, width, n_arguments), machine)
        self.engine = binding().create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (1 + n_arguments), ctypes.c_int64)
        self.apply = signature(self.engine.get_function_address("apply"))

    def __call__(self, *arguments: ArrayLike) -> np.ndarray:
        arrays = self.padded(arguments)
        out = np.empty_like(arrays[0])
        self.apply(out.ctypes.data, *(a.ctypes.data for a in arrays), out.size)
        return out[: np.size(arguments[0])]

    def padded(self, arguments: Sequence[ArrayLike]) -> list[np.ndarray]:
        """Contiguous copies whose length is a multiple of the width."""
        missing = -np.size(arguments[0]) % self.width
        flat = [np.ravel(np.asarray(a, self.dtype)) for a in arguments]
        return [np.concatenate([a, np.ones(missing, self.dtype)]) for a in flat]
