"""LLVM's own MLIR tools, where they are installed: upstream text becomes a library, and a call of it."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from scancc.artifact import Param

VERSIONS = range(24, 15, -1)  # 15 and before have no memref.extract_strided_metadata
PASSES = """convert-scf-to-cf expand-strided-metadata lower-affine convert-math-to-funcs convert-complex-to-standard
    convert-math-to-llvm convert-math-to-libm convert-vector-to-llvm convert-complex-to-llvm convert-arith-to-llvm
    arith-expand convert-memref-to-llvm convert-func-to-llvm convert-cf-to-llvm reconcile-unrealized-casts""".split()


@cache
def tools() -> tuple[str, str, str] | None:
    """mlir-opt, mlir-translate and llc of one version."""
    for version in VERSIONS:
        found = [shutil.which(f"{name}-{version}") or shutil.which(f"/usr/lib/llvm-{version}/bin/{name}")
                 for name in ("mlir-opt", "mlir-translate", "llc")]
        if all(found):
            return tuple(found)  # type: ignore[return-value]
    return None


def missing() -> str:
    """Why programs do not run through the tools here; empty where they do."""
    if tools() is None:
        return ("no mlir-opt, mlir-translate and llc of LLVM 16 or later (mlir-16-tools, llvm-16): xDSL alone reads "
                "the text")
    return "" if shutil.which("cc") else "no C compiler links what llc made"


def library(text: str, folder: Path) -> ctypes.CDLL:
    """The text as code of this process."""
    mlir_opt, translate, llc = tools() or ("", "", "")
    (folder / "x.mlir").write_text(text)
    is_new = not re.search(r"-16\b", mlir_opt)
    passes = ["finalize-memref-to-llvm" if is_new and p == "convert-memref-to-llvm" else p for p in PASSES]
    for command in (
        [mlir_opt, "x.mlir", *(f"--{name}" for name in passes), "-o", "llvm.mlir"],
        [translate, "--mlir-to-llvmir", "llvm.mlir", "-o", "x.ll"],
        [llc, "-O2", "-filetype=obj", "-relocation-model=pic", "-mcpu=native", "x.ll", "-o", "x.o"],
        ["cc", "-shared", "-o", "x.so", "x.o", "-lm"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        assert done.returncode == 0, done.stderr[:2000]
    return ctypes.CDLL(str(folder / "x.so"))


class Called:
    """A function of such a library: the query, arrays of the sizes that it says, the run."""

    def __init__(self, code: ctypes.CDLL, name: str, inputs: Sequence[Param], outputs: Sequence[Param]) -> None:
        self.code, self.name, self.inputs, self.outputs = code, name, inputs, outputs
        self.info = np.zeros(4, np.int64)

    def __call__(self, *args: Any) -> tuple[int, list[np.ndarray]]:
        """The status, and the outputs where it is 0."""
        given = [np.array(a, p.dtype, order="C") for a, p in zip(args, self.inputs, strict=True)]
        sizes = np.zeros(1 + sum(p.rank for p in self.outputs), np.int64)
        empty = [np.zeros([n or 0 for n in p.shape], p.dtype) for p in self.outputs]
        status = self._run("__query", [*given, *empty, np.zeros(0, np.int8), sizes])
        if status:
            return status, []
        outputs = [np.zeros(shape, p.dtype) for shape, p in zip(self._shapes(sizes), self.outputs, strict=True)]
        room = np.zeros(sizes[-1] + 64, np.int8)
        workspace = room[-room.ctypes.data % 64:][:sizes[-1]]
        status = self._run("", [*given, *outputs, workspace, sizes])
        filled = [a.ravel()[:int(np.prod(shape))].reshape(shape)
                  for a, shape in zip(outputs, self._shapes(sizes), strict=True)]
        return status, filled if status == 0 else []

    def _shapes(self, sizes: np.ndarray) -> list[list[int]]:
        rest = iter(sizes.tolist())
        told = [[next(rest) for _ in p.shape] for p in self.outputs]
        return [[n if known is None else known for n, known in zip(shape, p.shape, strict=True)]
                for shape, p in zip(told, self.outputs, strict=True)]

    def _run(self, suffix: str, arrays: Sequence[np.ndarray]) -> int:
        descriptors = [_descriptor(a) for a in (*arrays, self.info)]
        return int(getattr(self.code, f"_mlir_ciface_{self.name}{suffix}")(*map(ctypes.byref, descriptors)))


def _descriptor(array: np.ndarray) -> ctypes.Array[ctypes.c_int64]:
    """A memref as upstream's C interface has it: two pointers, offset, sizes, strides."""
    steps = [stride // array.itemsize for stride in array.strides]
    fields = [array.ctypes.data, array.ctypes.data, 0, *array.shape, *steps]
    return (ctypes.c_int64 * len(fields))(*fields)
