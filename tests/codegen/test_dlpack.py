"""Calls with tensors of DLPack, of a C program with its own dlpack.h and of NumPy's arrays."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.runtime import elf
from tests.codegen.test_export import STRICT, make_until

CC = shutil.which("gcc") or shutil.which("clang")


class Tensor(ctypes.Structure):
    """DLTensor of dlpack.h."""

    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


def tensor(array: Any, strides: bool = True) -> Tensor:
    many = ctypes.c_int64 * max(array.ndim, 1)
    steps = many(*(s // array.itemsize for s in array.strides)) if strides else None
    return Tensor(array.ctypes.data, 1, 0, array.ndim, CODES[array.dtype.kind], 8 * array.itemsize, 1,
                  many(*array.shape), steps, 0)


class Called:
    """NAME_dlpack of a function, with arrays."""

    def __init__(self, function: Any, folder: Path) -> None:
        sc.export(function, folder / "library", emit="o,h,json", dlpack=True)
        self.library, self.name = elf.load((folder / "library.o").read_bytes()), function.name

    def __call__(self, inputs: list[Any], outputs: list[Any], room: int | None = None) -> int:
        take, give = self.pointers(inputs), self.pointers(outputs)
        need = ctypes.c_int64()
        status = self.function("dlpack_query")(take, give, ctypes.byref(need))
        if status:
            return status
        workspace = ctypes.create_string_buffer(max(need.value, 1))
        self.values = (ctypes.c_int64 * 4)()
        return self.function("dlpack")(take, give, workspace, ctypes.c_int64(need.value if room is None else room),
                                       self.values)

    def function(self, which: str) -> Any:
        return ctypes.CFUNCTYPE(ctypes.c_int32)(self.library.address(f"{self.name}_{which}"))

    def pointers(self, tensors: list[Any]) -> Any:
        many = ctypes.c_void_p * max(len(tensors), 1)
        return many(*(None if t is None else ctypes.addressof(t) for t in tensors))


def model() -> Any:
    """Arrays that share a length, numbers, truth values, complex ones, a result that is a number."""
    x, W, n, c = T.matrix("x"), T.matrix("W"), T.iscalar("n"), T.zvector("c")
    h, _ = sc.scan(lambda x_t, h, W: T.tanh(x_t @ W + h), sequences=x, outputs_info=T.zeros(3), non_sequences=W,
                   n_steps=n)
    return sc.function([x, W, n, c], {"h": h, "positive": h > 0, "total": h.sum(), "c": c * 2}, name="model")


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Called:
    return Called(model(), tmp_path_factory.mktemp("dlpack"))


X, W, N = np.linspace(-1, 1, 20).reshape(5, 4), np.linspace(-1, 1, 12).reshape(4, 3), np.int32(5)
C = np.arange(3) * (1 + 2j)


def results() -> list[Any]:
    return [np.zeros((5, 3)), np.zeros((5, 3), bool), np.zeros(()), np.zeros(3, complex)]


@pytest.mark.parametrize("turned", [False, True])
def test_the_numbers(called: Called, turned: bool) -> None:
    x = np.asfortranarray(X)[::-1] if turned else X
    found = results()
    if turned:
        found[0] = np.zeros((3, 5)).T
    n = np.asarray(N)
    shapes = [tensor(a, turned) for a in (x, W, n, C)], [tensor(a, turned) for a in found]
    assert called(*shapes) == 0
    wanted = model()(x, W, N, C)
    for array, value in zip(found, wanted.values(), strict=True):
        np.testing.assert_allclose(array, value, rtol=1e-14)


def test_sizes_offsets_and_what_is_not_wanted(called: Called) -> None:
    inputs = [tensor(a) for a in (X, W, np.asarray(N), C)]
    inputs[0].data -= 24
    inputs[0].byte_offset = 24
    h, out = tensor(np.zeros((9, 3))), np.zeros((5, 3))
    need = ctypes.c_int64(-1)
    assert called.function("dlpack_query")(called.pointers(inputs), called.pointers([h, None, None, None]),
                                           ctypes.byref(need)) == 0
    assert list(h.shape[:2]) == [5, 3] and need.value >= 15
    assert called(inputs, [tensor(out), None, None, None]) == 0
    np.testing.assert_allclose(out, model()(X, W, N, C)["h"], rtol=1e-14)


def _with(which: int, **fields: Any) -> list[Tensor]:
    found = [tensor(a) for a in (X, W, np.asarray(N), C)]
    for name, value in fields.items():
        setattr(found[which], name, value)
    return found


@pytest.mark.parametrize(
    ("which", "fields"),
    [(0, {"bits": 32}), (0, {"code": 0}), (0, {"ndim": 1}), (0, {"device_type": 2}), (1, {"lanes": 2}),
     (2, {"bits": 64}), (3, {"code": 2})],
)
def test_another_tensor_is_refused(called: Called, which: int, fields: dict[str, int]) -> None:
    assert called(_with(which, **fields), [tensor(a) for a in results()]) == -6


def test_other_outputs_are_refused(called: Called) -> None:
    for wrong in ([tensor(np.zeros((5, 3), np.float32)), None, None, None],
                  [None, tensor(np.zeros((5, 3))), None, None], [None, None, tensor(np.zeros(1)), None]):
        assert called(_with(0), wrong) == -6
    take, give = called.pointers(_with(0)), called.pointers([tensor(np.zeros((4, 3))), None, None, None])
    assert called.function("dlpack")(take, give, None, ctypes.c_int64(0), None) == -6
    take = called.pointers([None, *_with(0)[1:]])
    assert called.function("dlpack")(take, give, None, ctypes.c_int64(0), None) == -1


def test_a_check_that_fails_gives_its_numbers(called: Called) -> None:
    inputs = _with(0)
    inputs[2] = tensor(np.asarray(np.int32(-4)))
    values = (ctypes.c_int64 * 4)()
    take, give = called.pointers(inputs), called.pointers([None] * 4)
    assert called.function("dlpack")(take, give, None, ctypes.c_int64(0), values) > 0
    assert values[0] == -4


def test_rows_of_a_loop_that_ends_early(tmp_path: Path) -> None:
    called = Called(make_until(), tmp_path)
    rows = np.zeros(1000)
    given = tensor(rows)
    assert called([tensor(np.asarray(45.0))], [given]) == 0
    assert given.shape[0] == 6 and rows[:7].tolist() == [2, 4, 8, 16, 32, 64, 0]


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
@pytest.mark.parametrize("language", ["c99", "c++11"])
def test_in_c(language: str, tmp_path: Path) -> None:
    """With managed tensors, whose first member is a tensor."""
    x = T.vector("x")
    sc.export(sc.function([x], {"y": x * 2, "s": x.sum()}, name="twice"), tmp_path / "twice", emit="a,h", dlpack=True)
    name = "main.c" if language == "c99" else "main.cc"
    (tmp_path / name).write_text("""
#include "twice.h"
#include <stdio.h>
typedef struct { void *data; struct { int32_t device_type, device_id; } device; int32_t ndim;
    struct { uint8_t code, bits; uint16_t lanes; } dtype; int64_t *shape, *strides; uint64_t byte_offset; } DLTensor;
typedef struct DLManagedTensor { DLTensor dl_tensor; void *manager_ctx; void (*deleter)(struct DLManagedTensor *); }
    DLManagedTensor;
int main(void)
{
    double data[3] = {1, 2, 3}, out[3], sum;
    int64_t shape[1] = {3}, shape_y[1] = {0}, need;
    DLManagedTensor x = {{data, {1, 0}, 1, {2, 64, 1}, shape, NULL, 0}, NULL, NULL};
    DLManagedTensor y = {{out, {1, 0}, 1, {2, 64, 1}, shape_y, NULL, 0}, NULL, NULL};
    DLTensor s = {&sum, {1, 0}, 0, {2, 64, 1}, NULL, NULL, 0};
    void *inputs[] = {&x}, *outputs[] = {&y, &s};
    if (twice_dlpack_query(inputs, outputs, &need) != 0 || shape_y[0] != 3 || need != 0)
        return 1;
    if (twice_dlpack(inputs, outputs, NULL, 0, NULL) != 0)
        return 2;
    printf("%g %g %g", out[0], out[2], sum);
    x.dl_tensor.dtype.bits = 32;
    char text[200];
    twice_error(twice_dlpack(inputs, outputs, NULL, 0, NULL), NULL, text, sizeof text);
    printf(" %s", text);
    return 0;
}
""")
    run = ["g++" if language != "c99" else str(CC), f"-std={language}", *STRICT, f"-I{tmp_path}",
           str(tmp_path / name), str(tmp_path / "twice.a"), "-lm", "-fsanitize=address,undefined", "-o",
           str(tmp_path / "main")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert found.startswith("2 6 6 a tensor of DLPack has another dtype")
