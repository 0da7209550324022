"""Powers whose exponent the program says: a few products, as exact as `pow`, with its special values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.math import define, fixed_power
from scancc.codegen.math.evaluate import Compiled
from scancc.codegen.target import local
from scancc.config import change_flags
from scancc.ir.meanings import power
from tests.codegen import test_c, test_math

EXPONENTS = [3.0, 4.0, 10.0, 31.0, -1.0, -2.0, -7.0, 0.5, 1.5, -0.5, -1.5]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e30, -1e30, 1e-30, -1e-30]
SIZES = {"f64": 1000, "f32": 120}  # of the binary exponents of results


def points(exponent: float, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(7)
    scale = np.exp2(rng.uniform(-1, 1, 240) * SIZES[dtype] / max(abs(exponent), 1))
    return np.concatenate([rng.uniform(-2, 2, 200), rng.standard_normal(240) * scale]).astype(test_math.NUMPY[dtype])


@pytest.mark.parametrize("level", test_math.EACH_LEVEL)
@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_error_and_special_values(exponent: float, dtype: str, level: str) -> None:
    mp = pytest.importorskip("mpmath").mp
    with change_flags(cpu=level):
        target = local()
    wide, narrow = (Compiled(define("powf", dtype, width, target.has_fma, exponent), dtype, width, 1, target)
                    for width in (8, 1))
    x = points(exponent, dtype)
    got = wide(x)
    assert test_math.same_bits(got, narrow(x))
    info = np.finfo(x.dtype)
    for value, result in zip(x, got, strict=True):
        if value < 0 and exponent % 1:
            assert np.isnan(result)
            continue
        with mp.workprec(200):
            true = mp.mpf(float(value)) ** mp.mpf(exponent)
        tiny = min(abs(true), abs(float(value))) < float(info.tiny) * 2.0**60
        bound = fixed_power.ULP_OF_TINY if tiny else fixed_power.ULP
        assert test_math.error_ulp(float(result), true, dtype) <= bound, (value, result)
    special = np.array(SPECIAL * 2, x.dtype)  # whole vectors
    with np.errstate(all="ignore"):
        expected = power(special, x.dtype.type(exponent))
    for result in (wide(special), narrow(special)):
        np.testing.assert_allclose(result, expected, rtol=4 * info.eps)
        assert np.array_equal(np.signbit(result)[expected == expected], np.signbit(expected)[expected == expected])


def test_overflow_keeps_its_sign() -> None:
    """The low part of a product that overflows is infinite before the product is, with any sign."""
    x = T.vector("x")
    f = sc.function([x], [x**4, x**3, x**-3])
    fourth, third, inverse = f([1e103, -1e103, 1e-110])
    assert fourth.tolist()[:2] == [np.inf, np.inf] and third[1] == -np.inf and inverse[2] == np.inf


def test_c_has_the_bits_of_the_object(tmp_path: Path) -> None:
    x, y = T.vector("x"), T.fvector("y")
    outputs = [v**exponent for v in (x, y) for exponent in EXPONENTS]
    c, native = test_c.both(sc.function([x, y], outputs, name="powers"), tmp_path)
    arguments = [np.array(SPECIAL), np.array(SPECIAL, np.float32)]
    status, found = c.run(arguments)
    assert status == 0
    test_c.same_bits(found, native.run(arguments)[1])


@pytest.mark.parametrize("exponent, calls", [(3.0, 0), (2.5, 0), (33.0, 1), (0.3, 1)])
def test_which_powers_are_products(exponent: float, calls: int) -> None:
    """A power proper takes a logarithm, which splits x by its bits."""
    x = T.vector("x")
    text = sc.function([x], x**exponent).dump("llvm")
    assert text.count("define internal double @scancc.powf.f64(") == calls
