"""Quotients and remainders towards minus infinity by numbers that the program says, powers of two among them."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("divisor", [1, 2, 3, 8, 64, 127, -1, -2, -8])
def test_by_a_number(dtype, divisor):
    info = np.iinfo(dtype)
    if divisor < info.min:
        pytest.skip("no number of this type")
    values = np.array([info.min, info.min + 1, *range(-20 if info.min else 0, 21), info.max - 1, info.max], dtype)
    x, y = T.vector("x", dtype=dtype), T.constant(np.dtype(dtype).type(divisor))
    got = sc.function([x], [x // y, x % y])(values)
    with np.errstate(all="ignore"):
        want = [values // np.dtype(dtype).type(divisor), values % np.dtype(dtype).type(divisor)]
    assert all(np.array_equal(g, w) and g.dtype == w.dtype for g, w in zip(got, want, strict=True))


@pytest.mark.parametrize("start", [27, -27, -2**63, 2**63 - 1])
def test_of_states(start):
    """The parity of a state chooses its next value, as in Collatz's problem, negative and wrapped ones too."""
    x = T.lscalar("x")
    rows, _ = sc.scan(lambda h: T.switch(T.eq(h % 2, 0), h // 2, 3 * h + 1), outputs_info=x, n_steps=50)
    f = sc.function([x], rows)
    state, want = np.int64(start), []
    with np.errstate(all="ignore"):
        for _ in range(50):
            state = state // np.int64(2) if state % 2 == 0 else np.int64(3) * state + np.int64(1)
            want.append(state)
    assert np.array_equal(f(np.int64(start)), want)


@pytest.mark.parametrize("modulus", [1, 7, 1024, 2**62, -7])
def test_states_of_remainders(modulus):
    """A state that a remainder makes: its sum with another one may wrap."""
    v = T.lvector("v")
    last, _ = sc.scan(lambda x, h: (h + h + x) % modulus, sequences=v, outputs_info=T.constant(np.int64(5)))
    values = np.array([3, -9, 2**62, -2**63, 2**63 - 1, 17, -1, 0] * 5)
    state, want = np.int64(5), []
    with np.errstate(all="ignore"):
        for value in values:
            state = (state + state + value) % np.int64(modulus)
            want.append(state)
    assert np.array_equal(sc.function([v], last)(values), want)
