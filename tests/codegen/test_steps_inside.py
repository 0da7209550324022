"""States that have their own past only, of which sums are kept: a few of them go through many steps in registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

RNG = np.random.default_rng(48)
LANES = (0, 1, 7, 8, 9, 16, 25, 40, 64, 300)
STEPS = (0, 1, 7, 8, 9, 130, 300)
Build = Callable[[], sc.Function]
Modes = pytest.mark.parametrize("fast_math", [False, "default", True], ids=["strict", "default", "fast"])
Floats = pytest.mark.parametrize("dtype", ["float64", "float32"])


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    with sc.change_flags(cpu=request.param):
        yield


def check(build: Build, call: Callable[[int, int], tuple[np.ndarray, ...]], done: bool = True) -> sc.Function:
    """Not a bit is another one than without the pass, for any number of lanes and steps."""
    with sc.change_flags(leave_out="steps-inside"):
        plain = build()
    made = build()
    assert bool(made.remarks("steps-inside", done=True)) == done, made.remarks("steps-inside")
    for n in LANES:
        for m in STEPS if n in (7, 9, 40) else STEPS[-2:]:
            args = call(n, m)
            found, want = made(*args), plain(*args)
            for one, other in zip(*(v if isinstance(v, list) else [v] for v in (found, want)), strict=True):
                np.testing.assert_array_equal(one, other, err_msg=f"{n} lanes, {m} steps")
    return made


def normal(*shape: int, dtype: str = "float64") -> np.ndarray:
    return (0.9 * np.tanh(RNG.normal(size=shape))).astype(dtype)


def layer(dtype: str = "float64", fast_math: object = "default", **options: object) -> sc.Function:
    """Channels of complex states, of which the real part of a sum is read."""
    u = T.matrix("u", dtype=dtype)
    a, c = (T.matrix(name, dtype="complex128" if dtype == "float64" else "complex64") for name in "ac")

    def step(u_t, x, a, c):
        x = a * x + u_t[:, None]
        return x, 2 * T.real((c * x).sum(axis=1))
    (x, y), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None], non_sequences=[a, c], **options)
    return sc.function([u, a, c], y, fast_math=fast_math)


def of_layer(n: int, m: int, dtype: str = "float64") -> tuple[np.ndarray, ...]:
    kind = np.complex128 if dtype == "float64" else np.complex64
    a, c = ((normal(3, n) + 1j * normal(3, n)).astype(kind) / 2 for _ in "ac")
    return normal(m, 3, dtype=dtype), a, c


@Modes
@Floats
def test_complex_layer(level: None, fast_math: object, dtype: str) -> None:
    check(lambda: layer(dtype, fast_math), lambda n, m: of_layer(n, m, dtype))


def test_complex_layer_backwards_beside_numpy() -> None:
    f = check(lambda: layer(go_backwards=True), of_layer)
    u, a, c = of_layer(40, 300)
    x, rows = np.zeros_like(a), []
    for row in u[::-1]:
        x = a * x + row[:, None]
        rows.append(2 * (c * x).sum(axis=1).real)
    np.testing.assert_allclose(f(u, a, c), rows, rtol=1e-12, atol=1e-12)


@Modes
@Floats
def test_bank_of_averages(level: None, fast_math: object, dtype: str) -> None:
    """One number a step for all lanes, several sums of them, of which one is another kind, and the last states."""
    def build() -> sc.Function:
        u, a, c = T.vector("u", dtype=dtype), T.vector("a", dtype=dtype), T.vector("c", dtype=dtype)

        def step(u_t, x, s, a, c):
            x, s = a * x + (1 - a) * u_t, a * s + x
            return x, s, (c * x).sum(), T.max(x), (s * s).sum() + u_t
        start = T.zeros_like(a)
        (_, _, *rows), _ = sc.scan(step, sequences=u, outputs_info=[start, start, None, None, None],
                                   non_sequences=[a, c])
        return sc.function([u, a, c], rows, fast_math=fast_math)
    check(build, lambda n, m: tuple(normal(k, dtype=dtype) for k in (m, max(n, 1), max(n, 1))))


def test_last_states_of_rows(level: None) -> None:
    """No sum at all, but a number for each row of states."""
    def build() -> sc.Function:
        u, a = T.matrix("u"), T.matrix("a")
        x, _ = sc.scan(lambda u_t, x, a: T.minimum(a * x + u_t[:, None], 2.0), sequences=u,
                       outputs_info=[T.zeros_like(a)], non_sequences=a)
        return sc.function([u, a], x[-1])
    check(build, lambda n, m: (normal(m + 1, 5), normal(5, n)))


def test_rows_of_rows(level: None) -> None:
    """States of three axes, summed along the last one."""
    def build() -> sc.Function:
        u, a = T.tensor3("u"), T.tensor3("a")

        def step(u_t, x, a):
            x = a * x + u_t[:, :, None]
            return x, (x * x).sum(axis=2)
        (_, y), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None], non_sequences=a)
        return sc.function([u, a], y)
    check(build, lambda n, m: (normal(m, 2, 3), normal(2, 3, n)))


@pytest.mark.parametrize("n", [8, 12, 16, 24, 31, 64, 256, 512])
def test_known_sizes(n: int) -> None:
    def build() -> sc.Function:
        u, a = T.matrix("u", shape=(None, 4)), T.matrix("a", shape=(4, n))

        def step(u_t, x, a):
            x = a * x + u_t[:, None]
            return x, x.sum(axis=1), T.exp(x).sum(axis=1)
        (_, y, z), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None, None], non_sequences=a)
        return sc.function([u, a], [y, z])
    with sc.change_flags(leave_out="steps-inside"):
        plain = build()
    made = build()
    for m in STEPS:
        args = normal(m, 4), normal(4, n)
        for one, other in zip(made(*args), plain(*args), strict=True):
            np.testing.assert_array_equal(one, other)


def test_gradient() -> None:
    def build() -> sc.Function:
        u, a, c = T.matrix("u"), T.matrix("a"), T.matrix("c")

        def step(u_t, x, a, c):
            x = a * x + u_t[:, None]
            return x, (c * x).sum(axis=1)
        (_, y), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None], non_sequences=[a, c])
        cost = (y ** 2).sum()
        return sc.function([u, a, c], [cost, *sc.grad(cost, [u, a, c])])
    with sc.change_flags(leave_out="steps-inside"):
        plain = build()
    made = build()
    for n, m in ((9, 30), (64, 9), (1, 3)):
        args = normal(m, 3), normal(3, n), normal(3, n)
        for one, other in zip(made(*args), plain(*args), strict=True):
            np.testing.assert_array_equal(one, other)


def test_threads_give_the_same_bits() -> None:
    args = of_layer(64, 300)
    want = layer()(*args)
    for count in (2, 3):
        with sc.change_flags(num_threads=count):
            np.testing.assert_array_equal(layer()(*args), want)


def waiting(u, a):
    """Lanes that need the sum of all."""
    def step(u_t, x, a):
        x = a * x + u_t
        return x / (1 + (x * x).sum())
    x, _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a)], non_sequences=a)
    return x[-1]


def neighbours(u, a):
    """Lanes that read those beside them."""
    def step(u_t, x, a):
        x = a * T.concatenate([x[1:], x[:1]]) + u_t
        return x, x.sum()
    (_, y), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None], non_sequences=a)
    return y


def first_of_all(u, a):
    """A number of a step that is read of one lane."""
    def step(u_t, x, a):
        x = a * x + u_t
        return x, x.sum() + x[0]
    (_, y), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None], non_sequences=a)
    return y


@pytest.mark.parametrize("model", [waiting, neighbours, first_of_all], ids=lambda model: model.__name__)
def test_lanes_that_need_others_stay(model: Callable) -> None:
    def build() -> sc.Function:
        u, a = T.vector("u"), T.vector("a")
        return sc.function([u, a], model(u, a))
    check(build, lambda n, m: (normal(m + 1), normal(n + 1)), done=False)
