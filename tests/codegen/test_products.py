"""Products of matrices: sizes around tiles, groups of columns and chunks of terms; one number for each of them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import llvm
from scancc.codegen.target import levels
from scancc.ir.interpreter import run_program

RNG = np.random.default_rng(5)
# rows, terms, columns
SIZES = [(0, 3, 3), (1, 70, 100), (2, 1, 1), (3, 0, 5), (5, 64, 7), (6, 65, 8), (7, 129, 9), (13, 63, 33),
         (19, 200, 67), (14, 1023, 17), (14, 1024, 31), (13, 1025, 65), (13, 2200, 71), (20, 3000, 130),
         (2, 130, 40), (3, 512, 70), (4, 1024, 70), (1, 90, 130), (33, 70, 1), (40, 512, 2), (64, 1024, 3),
         (70, 131, 4), (65, 67, 67), (70, 1023, 17), (67, 1025, 65), (80, 2200, 71),
         (1, 512, 21), (2, 1024, 17), (4, 512, 9), (50, 1536, 3), (9, 8200, 3), (40, 70, 11),
         (2, 1100, 530), (1, 75, 4201)]  # more than a megabyte


def numbers(*shape: int, dtype: str = "float64") -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def matrix(dtype: str) -> Any:
    return T.matrix(dtype=dtype)


def close(found: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Within the documented error of the exact product."""
    exact, size = x.astype("longdouble") @ y.astype("longdouble"), np.abs(x).astype(float) @ np.abs(y).astype(float)
    n = max(1, x.shape[-1])
    bound = (64 + np.log2(n)) * np.finfo(x.dtype).eps * size
    assert found.shape == exact.shape and np.all(np.abs(found - exact) <= bound)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_size_in_every_layout(dtype: str, level: str) -> None:
    x, y, v = matrix(dtype), matrix(dtype), T.vector(dtype=dtype)
    with sc.change_flags(cpu=level):
        f = sc.function([x, y], [T.dot(x, y), T.dot(x[:, ::-1], y[::-1])])
        transposed, row = sc.function([x, y], T.dot(x.T, y)), sc.function([v, y], T.dot(v, y))
        by_columns = sc.function([x, y], [T.dot(x, y.T), T.dot(x.T[::-1].T[:, ::-1], y.T)])
    for m, k, n in SIZES:
        a, b = numbers(m, k, dtype=dtype), numbers(k, n, dtype=dtype)
        found, backwards = f(a, b)
        close(found, a, b)
        close(backwards, a, b)
        np.testing.assert_array_equal(transposed(np.ascontiguousarray(a.T), b), found)
        for turned in by_columns(a, np.ascontiguousarray(b.T)):
            np.testing.assert_array_equal(turned, found)
        for i in range(m):
            np.testing.assert_array_equal(row(a[i], b), found[i])


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_factor_by_columns_into_places_apart(dtype: str, level: str) -> None:
    """Loops would add neighbours in memory in another order; the factor is turned where it lies."""
    x, y, stack = matrix(dtype), matrix(dtype), T.tensor3(dtype=dtype)
    with sc.change_flags(cpu=level):
        plain, turned = sc.function([x, y], T.dot(x, y)), T.dot(x, y.T)
        apart = sc.function([x, y], T.set_subtensor(T.zeros((x.shape[0], 2 * y.shape[0]), dtype)[:, ::2], turned))
        rows = sc.function([stack, y], T.dot(stack, y.T))
        assert "turned while they are read" in str(apart.remarks())
    for m, k, n in ((0, 3, 5), (1, 70, 40), (3, 130, 70), (7, 65, 20), (20, 90, 33)):
        a, b = numbers(m, k, dtype=dtype), numbers(n, k, dtype=dtype)
        wanted = plain(a, np.ascontiguousarray(b.T))
        np.testing.assert_array_equal(apart(a, b)[:, ::2], wanted)
        np.testing.assert_array_equal(rows(np.stack([a, a]), b)[1], wanted)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_factor_by_columns_in_a_scan(dtype: str) -> None:
    """It is transposed once, before the scan; where the step changes it, in each step."""
    h, w = matrix(dtype), matrix(dtype)
    fixed = sc.scan(lambda h, w: T.tanh(T.dot(h, w.T)), outputs_info=h, non_sequences=w, n_steps=5)[0]
    changing = sc.scan(lambda h, w: (T.tanh(T.dot(h, w.T)), w / 2 + 0.1), outputs_info=[h, w], n_steps=5)[0][0]
    by_rows = sc.scan(lambda h, w: T.tanh(T.dot(h, w)), outputs_info=h, non_sequences=w, n_steps=5)[0]
    native, reference = (sc.function([h, w], [fixed, changing], mode=mode) for mode in (None, "reference"))
    for rows, columns in ((0, 5), (1, 9), (3, 33), (20, 17)):
        a, b = numbers(rows, columns, dtype=dtype), numbers(columns, columns, dtype=dtype) / 8
        found = native(a, b)
        for one, other in zip(found, reference(a, b), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-6)
        np.testing.assert_array_equal(sc.function([h, w], by_rows)(a, np.ascontiguousarray(b.T)), found[0])


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_complex_products(dtype: str, level: str) -> None:
    """Four products of parts, in every layout; in a scan the parts of what it does not change are taken before it."""
    x, y, stack = matrix(dtype), matrix(dtype), T.tensor3(dtype=dtype)
    with sc.change_flags(cpu=level):
        f = sc.function([x, y], [T.dot(x, y), T.dot(x[:, ::-1], y[::-1])])
        turned, stacked = sc.function([x, y], T.dot(x, y.T)), sc.function([stack, y], T.matmul(stack, y))
    for m, k, n in SIZES[:11]:
        a, b = (numbers(*shape) + 1j * numbers(*shape) for shape in ((m, k), (k, n)))
        a, b = a.astype(dtype), b.astype(dtype)
        bound = 4 * (64 + np.log2(max(1, k))) * np.finfo(a.real.dtype).eps * (np.abs(a) @ np.abs(b))
        wanted = a.astype("clongdouble") @ b.astype("clongdouble")
        for found in (*f(a, b), turned(a, np.ascontiguousarray(b.T)), stacked(a[None], b)[0]):
            assert found.dtype == dtype and np.all(np.abs(found - wanted) <= bound)


def test_a_complex_product_in_a_scan() -> None:
    h, w = matrix("complex128"), matrix("complex128")
    rows = sc.scan(lambda h, w: T.dot(h, w) / 2 + h, outputs_info=h, non_sequences=w, n_steps=4)[0]
    a, b = numbers(3, 6) + 1j * numbers(3, 6), (numbers(6, 6) + 1j * numbers(6, 6)) / 8
    f = sc.function([h, w], rows)
    np.testing.assert_allclose(f(a, b), sc.function([h, w], rows, mode="reference")(a, b), rtol=1e-12)
    assert "four products" in str(f.remarks())


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_complex_vectors_in_a_scan(dtype: str, level: str) -> None:
    """States and rows of a sequence, on either side of a matrix whose parts are taken before the scan."""
    x, w = matrix(dtype), matrix(dtype)
    steps = [lambda r, h, w: r + T.dot(h, w), lambda r, h, w: r + T.dot(w, h),
             lambda r, h, w: h / 2 + T.dot(r, w), lambda r, h, w: h / 2 + T.dot(w, r)]
    rows = [sc.scan(step, sequences=x, outputs_info=T.zeros_like(x[0]), non_sequences=w)[0] for step in steps]
    with sc.change_flags(cpu=level):
        f = sc.function([x, w], rows)
    reference = sc.function([x, w], rows, mode="reference")
    assert str(f.remarks()).count("four products") == 4
    for n in (1, 3, 9, 70):
        a, b = ((numbers(*shape) + 1j * numbers(*shape)).astype(dtype) for shape in ((5, n), (n, n)))
        b /= n
        for found, wanted in zip(f(a, b), reference(a, b), strict=True):
            np.testing.assert_allclose(found, wanted, *(2 * [1e-4 if dtype == "complex64" else 1e-12]))


def test_a_complex_matrix_of_few_numbers_stays_in_registers() -> None:
    w = T.TensorType("complex128", (8, 8))()
    f = sc.function([w], sc.scan(lambda h, w: T.dot(h, w) / 4, outputs_info=w[0], non_sequences=w, n_steps=3)[0])
    a = numbers(8, 8) + 1j * numbers(8, 8)
    np.testing.assert_allclose(f(a), [a[0] @ a / 4, a[0] @ a @ a / 16, a[0] @ a @ a @ a / 64], rtol=1e-12)
    assert "four products" not in str(f.remarks())


def test_a_product_of_parts_leaves_what_lies_beside_them() -> None:
    x, y, out = matrix("float64"), matrix("float64"), matrix("float64")
    f = sc.function([x, y, out], T.set_subtensor(out[1:-1, 2:-2], T.dot(x[::2, 1:], y[:, 1:-1])))
    a, b, c = numbers(40, 31), numbers(30, 42), numbers(22, 44)
    found = f(a, b, c)
    close(found[1:-1, 2:-2], a[::2, 1:], b[:, 1:-1])
    edge = np.ones_like(c, bool)
    edge[1:-1, 2:-2] = False
    np.testing.assert_array_equal(found[edge], c[edge])


def test_batches_and_known_sizes_give_the_same_bits() -> None:
    x, y = T.tensor3(), T.tensor3()
    a, b = numbers(3, 9, 70), numbers(3, 70, 40)
    batches = sc.function([x, y], T.batched_dot(x, y))(a, b)
    u, w = matrix("float64"), matrix("float64")
    f = sc.function([u, w], T.dot(u, w))
    s, t = (T.TensorType("float64", part.shape[1:])() for part in (a, b))
    known = sc.function([s, t], T.dot(s, t))
    for i in range(3):
        np.testing.assert_array_equal(f(a[i], b[i]), batches[i])
        np.testing.assert_array_equal(known(a[i], b[i]), batches[i])


def test_zeros_infinities_and_nan() -> None:
    x, y = matrix("float64"), matrix("float64")
    f = sc.function([x, y], T.dot(x, y))
    a, b = np.zeros((7, 70)), np.full((70, 20), -1.0)
    assert not np.signbit(f(a, b)).any()
    a[3, 5], a[4, 6] = np.inf, np.nan
    np.testing.assert_array_equal(f(a, b)[[2, 3, 4], 0], [0.0, -np.inf, np.nan])


def test_the_loops_mean_what_the_code_does() -> None:
    x, y = matrix("float64"), matrix("float64")
    f = sc.function([x, y], T.dot(x, y))
    a, b = numbers(4, 1100), numbers(1100, 6)
    close(run_program(f.compiled.module, "function", [a, b])[0], a, b)


def test_a_module_has_one_function_for_all_products_of_a_kind() -> None:
    x, y, v = matrix("float32"), matrix("float32"), T.vector(dtype="float32")
    f = sc.function([x, y, v], [T.dot(T.dot(x, y), y), T.dot(T.dot(v, y), y)])
    text = llvm.emit_module(f.compiled.module, registers=llvm.Registers(32, 16))
    assert text.count("define internal i1 @scancc.matmul.") == 1 and text.count("call i1 @scancc.matmul.") == 2
    assert text.count("define internal void @scancc.vecmat.") == 1


def test_what_modules_share_stands_apart_for_python_and_within_for_others() -> None:
    x, y, v = matrix("float32"), matrix("float32"), T.vector(dtype="float32")
    f = sc.function([x, y, v], [T.dot(x, y), T.sin(T.dot(v, y))])
    parts = f.compiled.parts
    assert parts is not None and "define internal i1 @scancc.matmul" not in parts.main
    names = [re.findall(r"^define (?!internal)\S+ @([\w.]+)\(", text, re.MULTILINE) for text in parts.shared]
    found = [[name.replace(".fused", "") for name in of_one] for of_one in names]
    assert all(len(of_one) == 1 for of_one in found) and len({of_one for (of_one,) in found}) == len(found)
    assert {"scancc.vecmat.float", "scancc.join_row.float", "scancc.packed_product.float.beside",
            "scancc.trig.reduce"} <= {of_one for (of_one,) in found}
    assert "define internal i1 @scancc.matmul" in f.export_form().llvm_text


def shared_text(x: Any, y: Any) -> str:
    parts = sc.function([x, y] if y.owner is None else [x, y.owner.inputs[0]], T.dot(x, y)).compiled.parts
    assert parts is not None
    return "\n".join(parts.shared)


def test_a_module_has_what_its_products_may_need() -> None:
    x, y = matrix("float64"), matrix("float64")
    assert "pack_turned" not in shared_text(x, y)
    assert ".turned" in shared_text(x, y.T) and "few_rows" not in shared_text(x, y.T)
    few, some, many, w = (T.TensorType("float64", shape)() for shape in ((3, 70), (20, 70), (100, 70), (70, 60)))
    assert "packed_product" not in shared_text(few, w) and "narrow" not in shared_text(few, w)
    assert "packed_product" not in shared_text(some, w) and "few_rows" in shared_text(some, w)
    assert "few_rows" not in shared_text(many, w) and "packed_product" in shared_text(many, w)


@pytest.mark.parametrize("level", levels())
def test_known_sizes_in_every_layout(level: str) -> None:
    x, y = matrix("float64"), matrix("float64")
    with sc.change_flags(cpu=level):
        plain = sc.function([x, y], T.dot(x, y))
        for m, k, n in ((0, 3, 5), (1, 70, 40), (2, 70, 3), (4, 9, 1), (5, 9, 0), (12, 9, 40), (16, 130, 17),
                        (33, 70, 4), (40, 512, 2), (64, 70, 1), (3, 0, 9), (6, 20, 8), (40, 70, 70), (70, 40, 67),
                        (4, 64 * 7 + 5, 4), (3, 64 * 8, 3), (2, 64 * 13, 4), (2, 64 * 6 + 1, 2)):
            a, b = numbers(m, k), numbers(k, n)
            wanted = plain(a, b)
            close(wanted, a, b)
            for rows, columns in ((m, n), (m, None), (None, n)):
                s, t, u = (T.TensorType("float64", shape)() for shape in ((rows, k), (k, columns), (columns, k)))
                np.testing.assert_array_equal(sc.function([s, t], T.dot(s, t))(a, b), wanted)
                np.testing.assert_array_equal(sc.function([s, t], T.dot(s[:, ::-1], t[::-1, ::-1])[:, ::-1])(
                    np.ascontiguousarray(a[:, ::-1]), np.ascontiguousarray(b[::-1])), wanted)
                turned = np.ascontiguousarray(b.T)
                np.testing.assert_array_equal(sc.function([s, u], T.dot(s, u.T))(a, turned), wanted)


def test_an_aarch64_kernel_has_eight_rows() -> None:
    x, y = matrix("float32"), matrix("float32")
    text = sc.function([x, y], T.dot(x, y)).compiled.module
    assert "8x2x4" in llvm.emit_module(text, registers=llvm.Registers(16, 32))
