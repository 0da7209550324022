"""Complex products whose parts may join sums: the numbers stay within a few roundings."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(81)
Allowed = pytest.mark.parametrize("fast_math", ["contract", "contract,reassociate", True])
Kinds = pytest.mark.parametrize("dtype", ["complex128", "complex64"])


def numbers(*shape: int, dtype: str = "complex128") -> np.ndarray:
    return (RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(dtype) / 2


def close(found: np.ndarray, want: np.ndarray, dtype: str = "complex128") -> None:
    epsilon = np.finfo(dtype).eps
    assert found.dtype == want.dtype
    np.testing.assert_allclose(found, want, rtol=200 * epsilon, atol=200 * epsilon)


@Allowed
@Kinds
def test_elements(fast_math: object, dtype: str) -> None:
    a, b, c = (T.vector(name, dtype=dtype) for name in "abc")
    f = sc.function([a, b, c], [a * b + c, c - a * b, a * b * c, T.real(a * b), (a * b + c * c) * 2 - a, -a * b,
                                (a * T.conj(a)).real, (a * b).sum()], fast_math=fast_math)
    assert f.remarks("complex-parts", done=True)
    x, y, z = (numbers(37, dtype=dtype) for _ in range(3))
    want = [x * y + z, z - x * y, x * y * z, (x * y).real, (x * y + z * z) * 2 - x, -x * y, (x * np.conj(x)).real,
            (x * y).sum()]
    for one, other in zip(f(x, y, z), want, strict=True):
        close(one, np.asarray(other), dtype)


@Allowed
def test_states(fast_math: object) -> None:
    """One state, of which each step squares the last one, lanes of such, and lanes that end."""
    c, cs = T.scalar("c", dtype="complex128"), T.vector("cs", dtype="complex128")
    one, _ = sc.scan(lambda z, c: z * z + c, outputs_info=[T.zeros_like(c)], non_sequences=c, n_steps=9)
    all, _ = sc.scan(lambda z, c: z * z + c, outputs_info=[T.zeros_like(cs)], non_sequences=cs, n_steps=9)
    ended, _ = sc.scan(lambda z, c: (z * z + c, sc.until((z * z + c).real > 0.1)), outputs_info=[T.zeros_like(c)],
                       non_sequences=c, n_steps=9)
    f = sc.function([c, cs], [one, all[-1], ended], fast_math=fast_math)
    values = 0.4 * numbers(19)
    z, zs, rows, ends = 0j, np.zeros_like(values), [], None
    for step in range(9):
        z, zs = z * z + values[0], zs * zs + values
        rows.append(z)
        ends = step + 1 if ends is None and z.real > 0.1 else ends
    for found, want in zip(f(values[0], values), (rows, zs, rows[:ends]), strict=True):
        close(found, np.asarray(want))


def test_default_and_strict_round_each_product() -> None:
    a, b, c = (T.vector(name, dtype="complex128") for name in "abc")
    x, y, z = (numbers(37) for _ in range(3))
    want = np.empty_like(x)  # NumPy's own product may join parts
    want.real = (x.real * y.real - x.imag * y.imag) + z.real
    want.imag = (x.real * y.imag + x.imag * y.real) + z.imag
    for fast_math in (False, "default"):
        f = sc.function([a, b, c], a * b + c, fast_math=fast_math)
        assert not f.remarks("complex-parts")
        np.testing.assert_array_equal(f(x, y, z), want)


def test_gradient() -> None:
    u, a, c = T.matrix("u"), T.matrix("a", dtype="complex128"), T.matrix("c", dtype="complex128")

    def step(u_t, x, a, c):
        x = a * x + u_t[:, None]
        return x, T.real((c * x).sum(axis=1))
    (_, y), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None], non_sequences=[a, c])
    cost = (y ** 2).sum()
    plain, fast = (sc.function([u, a, c], [cost, *sc.grad(cost, [u, a, c])], fast_math=fast_math)
                   for fast_math in ("default", True))
    args = RNG.normal(size=(20, 3)), numbers(3, 17) / 2, numbers(3, 17)
    for one, other in zip(fast(*args), plain(*args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)
